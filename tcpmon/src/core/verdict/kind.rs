//! The kinds of trouble, and how bad one is.

use serde::{Deserialize, Serialize};
use tcpmon_common::State;

/// A kind of trouble. `tcpmon explain` has a page on each.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[repr(u8)]
pub enum Kind {
    /// A process keeps connections whose peer has long hung up: it forgot `close()`.
    CloseWaitLeak,
    /// Connections wait in an accept queue that nobody empties.
    AcceptStuck,
    /// The local ports towards one destination run out.
    PortExhaustion,
    /// The kernel refuses TIME_WAIT entries, or soon will: `tcp_max_tw_buckets`.
    TimeWaitOverflow,
    /// An accept queue fills faster than it is emptied.
    AcceptQueueOverflow,
    /// Handshakes begin and are not finished, until the backlog is full.
    SynFlood,
    /// SYNs without an answer.
    SynSentStuck,
    /// The peer does not acknowledge our FIN.
    FinWait1Stuck,
    /// The peer acknowledged our FIN and never sends its own.
    FinWait2Stuck,
    /// Both closed at once, and the peer does not acknowledge our FIN.
    ClosingStuck,
    /// The peer closed first, and does not acknowledge our FIN.
    LastAckStuck,
    /// Connections without a process near `tcp_max_orphans`.
    OrphansNearLimit,
    /// Established, and the peer acknowledges nothing any more.
    HalfDead,
}

impl Kind {
    /// Every kind.
    pub const ALL: [Self; 13] = [
        Self::CloseWaitLeak,
        Self::AcceptStuck,
        Self::PortExhaustion,
        Self::TimeWaitOverflow,
        Self::AcceptQueueOverflow,
        Self::SynFlood,
        Self::SynSentStuck,
        Self::FinWait1Stuck,
        Self::FinWait2Stuck,
        Self::ClosingStuck,
        Self::LastAckStuck,
        Self::OrphansNearLimit,
        Self::HalfDead,
    ];

    /// The name in JSON, metrics, configuration and `tcpmon explain`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::CloseWaitLeak => "close_wait_leak",
            Self::AcceptStuck => "accept_stuck",
            Self::PortExhaustion => "port_exhaustion",
            Self::TimeWaitOverflow => "time_wait_overflow",
            Self::AcceptQueueOverflow => "accept_queue_overflow",
            Self::SynFlood => "syn_flood",
            Self::SynSentStuck => "syn_sent_stuck",
            Self::FinWait1Stuck => "fin_wait1_stuck",
            Self::FinWait2Stuck => "fin_wait2_stuck",
            Self::ClosingStuck => "closing_stuck",
            Self::LastAckStuck => "last_ack_stuck",
            Self::OrphansNearLimit => "orphans_near_limit",
            Self::HalfDead => "half_dead",
        }
    }

    /// The kind of that name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.name() == name)
    }

    /// The state its sockets are in, where that is one: where in the diagram it belongs.
    #[must_use]
    pub const fn state(self) -> Option<State> {
        match self {
            Self::CloseWaitLeak => Some(State::CloseWait),
            Self::AcceptStuck | Self::AcceptQueueOverflow => Some(State::Listen),
            Self::TimeWaitOverflow => Some(State::TimeWait),
            Self::SynFlood => Some(State::SynRecv),
            Self::SynSentStuck => Some(State::SynSent),
            Self::FinWait1Stuck => Some(State::FinWait1),
            Self::FinWait2Stuck => Some(State::FinWait2),
            Self::ClosingStuck => Some(State::Closing),
            Self::LastAckStuck => Some(State::LastAck),
            Self::HalfDead => Some(State::Established),
            Self::PortExhaustion | Self::OrphansNearLimit => None,
        }
    }

    /// The kind that judges sockets stuck in `state`.
    #[must_use]
    pub const fn stuck_in(state: State) -> Option<Self> {
        match state {
            State::SynSent => Some(Self::SynSentStuck),
            State::FinWait1 => Some(Self::FinWait1Stuck),
            State::FinWait2 => Some(Self::FinWait2Stuck),
            State::Closing => Some(Self::ClosingStuck),
            State::LastAck => Some(Self::LastAckStuck),
            _ => None,
        }
    }
}

/// How bad it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    /// Worth a look; may still turn out to be harmless.
    Suspicious,
    /// Something is wrong and somebody should mend it.
    Warning,
    /// Connections fail, or will within the hour.
    Critical,
}

impl Severity {
    /// Every severity, the mildest first.
    pub const ALL: [Self; 3] = [Self::Suspicious, Self::Warning, Self::Critical];

    /// The name in JSON and metrics.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Suspicious => "suspicious",
            Self::Warning => "warning",
            Self::Critical => "critical",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_is_stuck_in_a_state_belongs_there() {
        for state in State::RFC {
            if let Some(kind) = Kind::stuck_in(state) {
                assert_eq!(kind.state(), Some(state), "{}", kind.name());
            }
        }
    }

    #[test]
    fn names_are_what_serde_writes_and_are_found_again() {
        for kind in Kind::ALL {
            let json = serde_json::to_string(&kind).unwrap();
            assert_eq!(json, format!("{:?}", kind.name()));
            assert_eq!(Kind::from_name(kind.name()), Some(kind));
        }
        for severity in Severity::ALL {
            let json = serde_json::to_string(&severity).unwrap();
            assert_eq!(json, format!("{:?}", severity.name()));
        }
        assert!(Severity::ALL.is_sorted());
    }
}
