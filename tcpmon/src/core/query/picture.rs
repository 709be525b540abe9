//! All that one look at the machine needs, of one moment and in one answer.

use serde::{Deserialize, Serialize};
use tcpmon_common::State;

use super::{
    Destinations, Listeners, Namespaces, Processes, SocketAnswer, SocketQuestion, Sockets,
    SocketsQuestion, Summary, Verdicts,
};

/// What a picture is to show besides the summary and the verdicts. Every limit is what fits on a
/// screen, or what has to be sorted there.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Wants {
    /// Sockets.
    pub sockets: Option<SocketsQuestion>,
    /// One socket, and all that is known of it.
    pub socket: Option<SocketQuestion>,
    /// So many processes.
    pub processes: usize,
    /// So many listeners.
    pub listeners: Option<usize>,
    /// So many destinations.
    pub destinations: Option<usize>,
    /// The namespaces, and what the machine has one of.
    pub namespaces: bool,
    /// The states of the last quarter of an hour.
    pub history: bool,
}

/// The machine at one moment, as far as it was asked for.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Picture {
    /// [`super::SCHEMA`].
    pub schema: u32,
    /// Every state, and how well they are known.
    pub summary: Summary,
    /// What is wrong.
    pub verdicts: Verdicts,
    /// The processes with the most trouble.
    pub processes: Processes,
    /// The sockets asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sockets: Option<Sockets>,
    /// The one socket asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub socket: Option<SocketAnswer>,
    /// The listeners asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub listeners: Option<Listeners>,
    /// The destinations asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub destinations: Option<Destinations>,
    /// The namespaces.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub namespaces: Option<Namespaces>,
    /// The states of the last quarter of an hour, oldest first, about one a second.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub history: Option<Vec<PastMoment>>,
}

/// The states at one moment of the past. Short, because there are some hundreds of them.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct PastMoment {
    /// Seconds ago.
    pub age_seconds: f64,
    /// Transitions per second.
    pub events_per_second: f32,
    /// Every state in the order of [`State::RFC`]: sockets, entries per second, age of the oldest in
    /// seconds, and whether that is a lower bound.
    pub states: [(u64, f32, Option<f32>, bool); State::RFC.len()],
    /// Edges that were taken, by the kernel's numbers of their states, and how often per second.
    pub edges: Vec<(u8, u8, f32)>,
}
