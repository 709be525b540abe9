//! Verdicts as users read them.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::SocketRow;
use crate::core::verdict::{Kind, Severity};

/// Answer to the question what is wrong.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Verdicts {
    /// [`super::SCHEMA`].
    pub schema: u32,
    /// Seconds since everything was judged last; `null` before the first time.
    pub judged_age_seconds: Option<f64>,
    /// What stands, the worst and most urgent first.
    pub verdicts: Vec<VerdictRow>,
    /// What is over, the last first.
    pub past: Vec<PastVerdict>,
}

/// Who has to mend it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Actor {
    /// The process named.
    Process,
    /// The other side of the connections.
    Peer,
    /// Whoever runs this machine.
    Operator,
}

/// How sure a verdict is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Confidence {
    /// Everything it rests on was counted or read.
    High,
    /// The cause is the likely one of several.
    Medium,
    /// Something that matters is not known.
    Low,
}

/// What to run next.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NextStep {
    /// A command for a shell.
    pub command: String,
    /// What it shows or changes.
    pub why: String,
}

/// One verdict.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct VerdictRow {
    /// Kind: what `tcpmon explain` has a page on.
    pub verdict: Kind,
    /// How bad it is.
    pub severity: Severity,
    /// What is wrong, in one sentence. Names in it are as the kernel has them: sanitise before they
    /// reach a terminal.
    pub what: String,
    /// Seconds since the verdict began.
    pub since_seconds: f64,
    /// Process id of whose sockets these are, or who has the most of them.
    pub pid: Option<u32>,
    /// Name of that process.
    pub process: Option<String>,
    /// Its program.
    pub executable: Option<String>,
    /// Its user.
    pub user: Option<String>,
    /// Its systemd unit.
    pub unit: Option<String>,
    /// Its container id.
    pub container: Option<String>,
    /// Inode of the network namespace; `null` for the whole machine.
    pub netns: Option<u32>,
    /// Name of the network namespace.
    pub netns_name: Option<String>,
    /// Local port of the service; `null` when it is not about one.
    pub service_port: Option<u16>,
    /// Local address of the connections to a destination.
    pub source_address: Option<String>,
    /// Address of the destination; `null` when it is not about one.
    pub destination_address: Option<String>,
    /// Port of the destination.
    pub destination_port: Option<u16>,
    /// The numbers it rests on, units in their names; what is not known is left out.
    pub evidence: BTreeMap<String, f64>,
    /// The oldest of the sockets it is about that are still there.
    pub sockets: Vec<SocketRow>,
    /// Who has to mend it.
    pub fix_by: Actor,
    /// How, in one sentence.
    pub fix: String,
    /// What to run next.
    pub next: Vec<NextStep>,
    /// How sure it is.
    pub confidence: Confidence,
    /// What is not known, one sentence each.
    pub unknown: Vec<String>,
}

/// A verdict that is over.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct PastVerdict {
    /// Kind.
    pub verdict: Kind,
    /// How bad it was at its worst.
    pub worst: Severity,
    /// How long it stood, in seconds.
    pub lasted_seconds: f64,
    /// Seconds since it ended.
    pub ended_age_seconds: f64,
    /// Process id.
    pub pid: Option<u32>,
    /// Process name.
    pub process: Option<String>,
    /// Inode of the network namespace.
    pub netns: Option<u32>,
    /// Where: `port 8080`, `10.0.0.5:5432`, `this namespace`, `this machine`.
    pub place: String,
}
