//! What is natural, and from where on it is not. Every default has its reason beside it.

use tcpmon_common::State;

use super::Kind;
use super::fields::documented;

/// A second in nanoseconds.
pub const SECOND_NS: u64 = 1_000_000_000;
const MINUTE_NS: u64 = 60 * SECOND_NS;
/// What a counter gained is remembered for so long.
pub const REMEMBERED_NS: u64 = 2 * MINUTE_NS;
const HOUR_NS: u64 = 60 * MINUTE_NS;

documented! {
    /// When a CLOSE_WAIT is a leak.
    #[derive(Clone, Copy, Debug, PartialEq)]
    pub struct CloseWait {
        /// A socket in CLOSE_WAIT for longer lingers. A program that reads its sockets sees the peer's
        /// FIN within milliseconds; 30 s leave room for a handler that is busy.
        pub age_ns: u64,
        /// So many lingering are suspicious: one may be a slow upload the other way.
        pub suspicious: u32,
        /// So many lingering are a leak if they grow steadily, or if so many have lingered for the
        /// age below.
        pub leak: u32,
        /// So old, they are a leak without growth: nobody drains a connection for so long with nothing to
        /// send.
        pub leak_age_ns: u64,
        /// A client's pool of idle connections stays in CLOSE_WAIT until it is used again; that is
        /// bounded by the size of the pool. So many are a leak whatever they are.
        pub pool: u32,
        /// Critical when so much of the limit of open files is gone.
        pub critical_share: f64,
        /// Critical when the limit of open files will be reached sooner.
        pub critical_within_ns: u64,
        /// Of the sockets that lingered so many went on after all: a program that is slow. What of it
        /// is a leak shows by its age. While such a program starts only few have had the time to go on,
        /// hence a small share.
        pub turnover: f64,
    }
}

documented! {
    /// When an accept queue is stuck.
    #[derive(Clone, Copy, Debug, PartialEq)]
    pub struct Accept {
        /// The first in the queue waits for longer: suspicious. Accepting takes microseconds.
        pub age_ns: u64,
        /// And for longer than this: a warning.
        pub stuck_ns: u64,
    }
}

documented! {
    /// When a queue overflows.
    #[derive(Clone, Copy, Debug, PartialEq)]
    pub struct Queue {
        /// A queue is full when this share of its limit is taken.
        pub fill: f64,
        /// Full for so long is a warning. A burst fills it for a moment.
        pub for_ns: u64,
        /// What was dropped so long ago still counts; no more than two minutes are remembered.
        pub recent_ns: u64,
        /// So many drops of late are a warning; fewer are suspicious.
        pub drops: u64,
    }
}

documented! {
    /// When local ports run out.
    #[derive(Clone, Copy, Debug, PartialEq)]
    pub struct Ports {
        /// Warning when no more than this share is free.
        pub warning_headroom: f64,
        /// Critical when no more than this share is free.
        pub critical_headroom: f64,
        /// Warning when they will have run out sooner, and nothing will end their growth.
        pub warning_within_ns: u64,
        /// Nothing is foretold before so much is in use: a program that starts, or a burst, grows fast
        /// and far from the end.
        pub foretell_from: f64,
        /// A failed `connect()` so long ago still counts; no more than two minutes are remembered.
        pub recent_ns: u64,
    }
}

documented! {
    /// When sockets are stuck in a state.
    #[derive(Clone, Copy, Debug, PartialEq)]
    pub struct Stuck {
        /// Longer than this is not natural.
        pub age_ns: u64,
        /// So many at one endpoint are a warning.
        pub count: u32,
    }
}

documented! {
    /// When sockets are stuck, state by state.
    #[derive(Clone, Copy, Debug, PartialEq)]
    pub struct StuckStates {
        /// SYN_SENT. The third SYN goes out after 3 s, the fourth after 7.
        pub syn_sent: Stuck,
        /// FIN_WAIT1: a round trip, or as long as data is still on its way.
        pub fin_wait1: Stuck,
        /// FIN_WAIT2 with a process. One that closed for good leaves within `tcp_fin_timeout`; a
        /// half-closed connection may last as long as the peer's answer.
        pub fin_wait2: Stuck,
        /// CLOSING: a round trip.
        pub closing: Stuck,
        /// LAST_ACK: a round trip.
        pub last_ack: Stuck,
    }
}

documented! {
    /// When a peer no longer answers.
    #[derive(Clone, Copy, Debug, PartialEq)]
    pub struct HalfDead {
        /// So many retransmissions or probes without an answer. Six double the time-out to some 13 s at
        /// the least (`TCP_RTO_MIN` 200 ms).
        pub unanswered: u8,
        /// So many connections at one endpoint are a warning; fewer are suspicious.
        pub count: u32,
    }
}

documented! {
    /// When TIME_WAIT entries are too many.
    #[derive(Clone, Copy, Debug, PartialEq)]
    pub struct TimeWait {
        /// Share of `tcp_max_tw_buckets` in use from which there is a warning.
        pub fill: f64,
    }
}

documented! {
    /// When orphans are too many.
    #[derive(Clone, Copy, Debug, PartialEq)]
    pub struct Orphans {
        /// Warning from this share of `tcp_max_orphans` on. The kernel counts an orphan in trouble two or
        /// four times (`tcp_out_of_resources` in `net/ipv4/tcp_timer.c`), so half the limit may be all of
        /// it.
        pub warning_fill: f64,
        /// Critical from this share of `tcp_max_orphans` on.
        pub critical_fill: f64,
    }
}

documented! {
    /// All thresholds.
    #[derive(Clone, Copy, Debug, PartialEq)]
    pub struct Thresholds {
        /// CLOSE_WAIT: the peer has hung up, and the process does not close.
        pub close_wait: CloseWait,
        /// Accept queues nobody empties.
        pub accept: Accept,
        /// Accept queues that overflow.
        pub accept_queue: Queue,
        /// Queues of half-open connections.
        pub half_open: Queue,
        /// Local ports towards one destination.
        pub ports: Ports,
        /// TIME_WAIT entries of a namespace.
        pub time_wait: TimeWait,
        /// Connections without a process, on the whole machine.
        pub orphans: Orphans,
        /// Sockets stuck in a state.
        pub stuck: StuckStates,
        /// ESTABLISHED without an answer.
        pub half_dead: HalfDead,
        /// Things must be worse for so long before a verdict says so.
        pub rise_ns: u64,
        /// And better for so long before it is over.
        pub fall_ns: u64,
    }
}

impl Default for Thresholds {
    fn default() -> Self {
        let queue = Queue {
            fill: 0.8,
            for_ns: 10 * SECOND_NS,
            recent_ns: 30 * SECOND_NS,
            drops: 10,
        };
        let stuck = |seconds| Stuck {
            age_ns: seconds * SECOND_NS,
            count: 3,
        };
        Self {
            close_wait: CloseWait {
                age_ns: 30 * SECOND_NS,
                suspicious: 3,
                leak: 5,
                leak_age_ns: 2 * MINUTE_NS,
                pool: 50,
                critical_share: 0.8,
                critical_within_ns: HOUR_NS,
                turnover: 0.1,
            },
            accept: Accept {
                age_ns: 10 * SECOND_NS,
                stuck_ns: 30 * SECOND_NS,
            },
            accept_queue: queue,
            half_open: queue,
            ports: Ports {
                warning_headroom: 0.2,
                critical_headroom: 0.05,
                warning_within_ns: 10 * MINUTE_NS,
                foretell_from: 0.5,
                recent_ns: MINUTE_NS,
            },
            time_wait: TimeWait { fill: 0.9 },
            orphans: Orphans {
                warning_fill: 0.5,
                critical_fill: 0.9,
            },
            stuck: StuckStates {
                syn_sent: stuck(10),
                fin_wait1: stuck(60),
                fin_wait2: stuck(600),
                closing: stuck(60),
                last_ack: stuck(60),
            },
            half_dead: HalfDead {
                unanswered: 6,
                count: 3,
            },
            rise_ns: 2 * SECOND_NS,
            fall_ns: 30 * SECOND_NS,
        }
    }
}

impl Thresholds {
    /// What is natural for a state a socket can be stuck in.
    #[must_use]
    pub const fn stuck_in(&self, state: State) -> Option<Stuck> {
        match state {
            State::SynSent => Some(self.stuck.syn_sent),
            State::FinWait1 => Some(self.stuck.fin_wait1),
            State::FinWait2 => Some(self.stuck.fin_wait2),
            State::Closing => Some(self.stuck.closing),
            State::LastAck => Some(self.stuck.last_ack),
            _ => None,
        }
    }
}

/// Whom a rule of the configuration is about; what is `None` is anybody.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Scope {
    /// Name of the process.
    pub process: Option<String>,
    /// systemd unit.
    pub unit: Option<String>,
    /// Kind of verdict.
    pub kind: Option<Kind>,
    /// Port of the service or of the destination.
    pub port: Option<u16>,
}

impl Scope {
    fn has(&self, process: Option<&str>, unit: Option<&str>) -> bool {
        let is = |wanted: &Option<String>, found: Option<&str>| {
            wanted.as_deref().is_none_or(|wanted| Some(wanted) == found)
        };
        is(&self.process, process) && is(&self.unit, unit)
    }
}

/// The thresholds, for whom there are others, and what is not judged at all.
#[derive(Clone, Debug, PartialEq)]
pub struct Policy {
    /// Whether anything is judged.
    pub enabled: bool,
    /// For all that no rule is about.
    pub general: Thresholds,
    /// For some; the first that fits counts.
    pub special: Vec<(Scope, Thresholds)>,
    /// Never judged.
    pub ignore: Vec<Scope>,
}

impl Default for Policy {
    fn default() -> Self {
        Self {
            enabled: true,
            general: Thresholds::default(),
            special: Vec::new(),
            ignore: Vec::new(),
        }
    }
}

impl Policy {
    /// Whether the same goes for all, so that nobody's name matters.
    #[must_use]
    pub const fn is_uniform(&self) -> bool {
        self.special.is_empty() && self.ignore.is_empty()
    }

    /// The thresholds for a process.
    #[must_use]
    pub fn thresholds(&self, process: Option<&str>, unit: Option<&str>) -> &Thresholds {
        let special = self
            .special
            .iter()
            .find(|(scope, _)| scope.has(process, unit));
        special.map_or(&self.general, |(_, thresholds)| thresholds)
    }

    /// Whether a verdict of this kind on this process and port is not wanted.
    #[must_use]
    pub fn ignores(
        &self,
        kind: Kind,
        process: Option<&str>,
        unit: Option<&str>,
        port: Option<u16>,
    ) -> bool {
        self.ignore.iter().any(|scope| {
            scope.has(process, unit)
                && scope.kind.is_none_or(|wanted| wanted == kind)
                && scope.port.is_none_or(|wanted| Some(wanted) == port)
        })
    }
}
