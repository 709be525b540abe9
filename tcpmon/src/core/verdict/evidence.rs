//! What a verdict rests on. Every number is one that was read or counted; what is not known is
//! `None`.

use tcpmon_common::State;

use crate::core::table::{Process, Sighting};

/// The numbers of a verdict, by what kind of trouble they are about.
#[derive(Clone, Debug, PartialEq)]
pub enum Evidence {
    /// Connections that are not closed.
    Leak(Leak),
    /// Connections that are not accepted.
    Accept(Accept),
    /// An accept queue, or one of half-open connections.
    Queue(Queue),
    /// Local ports.
    Ports(Ports),
    /// Sockets stuck in a state.
    Stuck(Stuck),
    /// TIME_WAIT entries of a namespace.
    TimeWaits(TimeWaits),
    /// Connections without a process.
    Orphans(Orphans),
    /// Connections without an answer.
    HalfDead(HalfDead),
}

impl Evidence {
    /// The oldest sockets it is about.
    #[must_use]
    pub fn sockets(&self) -> &[Sighting] {
        match self {
            Self::Leak(leak) => &leak.oldest,
            Self::Accept(accept) => &accept.oldest,
            Self::Stuck(stuck) => &stuck.oldest,
            Self::HalfDead(half_dead) => &half_dead.oldest,
            Self::Queue(queue) => std::slice::from_ref(&queue.listener),
            Self::Ports(_) | Self::TimeWaits(_) | Self::Orphans(_) => &[],
        }
    }
}

impl Evidence {
    /// The process with most of the sockets, where the trouble is not one process's.
    #[must_use]
    pub const fn busiest(&self) -> Option<Process> {
        let busiest = match self {
            Self::Ports(ports) => ports.busiest,
            Self::Stuck(stuck) => stuck.busiest,
            Self::TimeWaits(waits) => waits.busiest,
            Self::HalfDead(dead) => dead.busiest,
            Self::Leak(_) | Self::Accept(_) | Self::Queue(_) | Self::Orphans(_) => None,
        };
        match busiest {
            Some((process, _)) => Some(process),
            None => None,
        }
    }
}

/// So many of the oldest sockets are shown.
pub const SHOWN: usize = 5;

/// Connections that are not closed.
#[derive(Clone, Debug, PartialEq)]
pub struct Leak {
    /// Connections in CLOSE_WAIT that linger with nothing to send.
    pub lingering: u32,
    /// All in CLOSE_WAIT.
    pub close_wait: u32,
    /// Age of the oldest in seconds, and whether it is only a lower bound.
    pub oldest_seconds: f64,
    /// See `oldest_seconds`.
    pub oldest_is_lower_bound: bool,
    /// Growth per second, where it is steady.
    pub per_second: Option<f64>,
    /// Share of lingering connections that were closed after all.
    pub turnover: f64,
    /// Open files of the process.
    pub open_files: Option<u64>,
    /// Their limit.
    pub max_open_files: Option<u64>,
    /// Seconds until the limit is reached at this growth.
    pub seconds_left: Option<f64>,
    /// And those that linger with data to send, by what the oldest do: the program may be waiting for
    /// the peer to read.
    pub still_sending: usize,
    /// All of the oldest that were looked at are known to be in the process's file table.
    pub is_held: bool,
    /// The oldest.
    pub oldest: Vec<Sighting>,
}

/// Connections that are not accepted.
#[derive(Clone, Debug, PartialEq)]
pub struct Accept {
    /// Connections waiting.
    pub waiting: u32,
    /// Of them, those whose peer has hung up meanwhile.
    pub hung_up: u32,
    /// How long the first in the queue has waited, in seconds.
    pub oldest_seconds: f64,
    /// See `oldest_seconds`.
    pub oldest_is_lower_bound: bool,
    /// Length of the queue when it was last looked at.
    pub depth: u32,
    /// Its limit.
    pub limit: Option<u32>,
    /// Connections dropped of late.
    pub dropped: u64,
    /// The oldest.
    pub oldest: Vec<Sighting>,
}

/// A queue of a listener.
#[derive(Clone, Debug, PartialEq)]
pub struct Queue {
    /// The listener.
    pub listener: Sighting,
    /// Connections in the queue.
    pub depth: u32,
    /// Its limit.
    pub limit: Option<u32>,
    /// For how many seconds it has been nearly full.
    pub full_seconds: f64,
    /// Dropped of late.
    pub dropped: u64,
    /// SYN cookies sent of late, and connections made from one.
    pub cookies: Option<(u64, u64)>,
}

/// Local ports towards one destination.
#[derive(Clone, Debug, PartialEq)]
pub struct Ports {
    /// Ports in use that no new connection can take.
    pub held: u32,
    /// Of them in TIME_WAIT.
    pub time_wait: u32,
    /// Ports in TIME_WAIT that a new connection may take over (`tcp_tw_reuse`).
    pub reusable: u32,
    /// Ports there are for connections to this destination; `None` while the range is not known.
    pub usable: Option<u32>,
    /// Growth per second, where it is steady.
    pub per_second: Option<f64>,
    /// Seconds until no port is left.
    pub seconds_left: Option<f64>,
    /// `connect()` calls that failed of late for want of a port.
    pub failed: u64,
    /// And since the destination is known.
    pub failed_in_all: u64,
    /// Connections per second.
    pub opened_per_second: Option<f64>,
    /// Share of the connections this side closed first.
    pub closed_here_share: Option<f64>,
    /// How long half of the connections lasted at most, in seconds.
    pub median_life_seconds: Option<f64>,
    /// The process with the most of these sockets, and how many it has; where there are none, the one
    /// whose `connect()` failed last.
    pub busiest: Option<(Process, u32)>,
}

/// Sockets stuck in a state.
#[derive(Clone, Debug, PartialEq)]
pub struct Stuck {
    /// The state.
    pub state: State,
    /// Sockets longer in it than is natural.
    pub count: u32,
    /// Age of the oldest in seconds.
    pub oldest_seconds: f64,
    /// See `oldest_seconds`.
    pub oldest_is_lower_bound: bool,
    /// Of the oldest that were looked at, those the kernel retransmits to without an answer.
    pub retransmitting: usize,
    /// And those whose peer has closed its window.
    pub window_closed: usize,
    /// The process with the most of these sockets.
    pub busiest: Option<(Process, u32)>,
    /// The oldest.
    pub oldest: Vec<Sighting>,
}

/// TIME_WAIT entries of a namespace.
#[derive(Clone, Debug, PartialEq)]
pub struct TimeWaits {
    /// Minisocks now.
    pub minisocks: u64,
    /// `tcp_max_tw_buckets`.
    pub limit: Option<u32>,
    /// Connections that ended without TIME_WAIT of late.
    pub refused: u64,
    /// The process with the most of these sockets.
    pub busiest: Option<(Process, u32)>,
}

/// Connections without a process.
#[derive(Clone, Debug, PartialEq)]
pub struct Orphans {
    /// Now.
    pub orphans: u64,
    /// `tcp_max_orphans`.
    pub limit: u32,
    /// Connections reset of late because there were too many, or too little memory.
    pub aborted: u64,
}

/// Connections without an answer.
#[derive(Clone, Debug, PartialEq)]
pub struct HalfDead {
    /// Connections.
    pub count: u32,
    /// Retransmissions or probes without an answer, of the worst.
    pub unanswered: u8,
    /// How long the worst has had no answer at least, in seconds.
    pub silent_seconds: f64,
    /// Bytes on their way in all of them.
    pub unacknowledged_bytes: u64,
    /// Those whose peer has closed its window.
    pub window_closed: u32,
    /// Those probed by keepalive.
    pub keepalive: u32,
    /// The process with the most of these sockets.
    pub busiest: Option<(Process, u32)>,
    /// The worst.
    pub oldest: Vec<Sighting>,
}
