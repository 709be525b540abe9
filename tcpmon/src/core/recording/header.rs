//! How a recording begins and how it ends: JSON, so that anybody can read it.

use serde::{Deserialize, Serialize};

/// What was recorded, where and when.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Header {
    /// Version of the agent that told it.
    pub version: String,
    /// Host name.
    pub host: String,
    /// Kernel release.
    pub kernel: String,
    /// The rung of the feature ladder.
    pub rung: String,
    /// Inode of the network namespace the agent ran in.
    pub netns: Option<u32>,
    /// What limited the agent's view, one sentence each.
    pub limits: Vec<String>,
    /// Only what matched this was recorded; empty is everything.
    pub filter: String,
    /// When the recording began, ns since 1970.
    pub began_unix_ns: u64,
    /// The same in `CLOCK_BOOTTIME` ns, the clock of everything in it.
    pub began_ns: u64,
    /// When the agent had started.
    pub agent_started_ns: u64,
}

/// Why a recording ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Ending {
    /// Somebody ended it.
    Stopped,
    /// It had lasted as long as it was to.
    Duration,
    /// It had become as large as it might.
    Size,
    /// The agent ended, or did not answer any more.
    AgentGone,
}

/// How a recording ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct End {
    /// Why.
    pub reason: Ending,
}

/// Decodes a header or an end; `None` when it is none.
pub(super) fn parse<'a, T: Deserialize<'a>>(payload: &'a [u8]) -> Option<T> {
    serde_json::from_slice(payload).ok()
}

impl Header {
    /// Decodes the payload of a header frame; `None` when it is none.
    #[must_use]
    pub fn parse(payload: &[u8]) -> Option<Self> {
        let header: Self = parse(payload)?;
        (header.began_ns <= super::MAX_TIME_NS).then_some(header)
    }

    /// The payload of a header frame.
    #[must_use]
    pub fn payload(&self) -> Vec<u8> {
        // A structure of texts and numbers can always be written.
        serde_json::to_vec(self).unwrap_or_default()
    }
}

impl End {
    /// Decodes the payload of an end frame; `None` when it is none.
    #[must_use]
    pub fn parse(payload: &[u8]) -> Option<Self> {
        parse(payload)
    }

    /// The payload of an end frame.
    #[must_use]
    pub fn payload(&self) -> Vec<u8> {
        serde_json::to_vec(self).unwrap_or_default()
    }
}
