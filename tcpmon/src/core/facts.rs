//! What the sources bring besides ring records: rows of a sock_diag dump, limits of namespaces and of
//! the machine, who the processes are.

pub(crate) mod encoding;
mod limits;
mod process;

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use tcpmon_common::State;

pub use limits::{MachineFact, NamespaceLimits, PortRange};
pub use process::{CommandLine, Presence, ProcessFact};

use crate::core::netns::NetnsName;
use crate::core::tuple::Tuple;

/// A set of states, one bit per kernel number, as `idiag_states` of `linux/inet_diag.h`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StateSet(pub u32);

impl StateSet {
    /// Every state a connection or a listener can be in, request sockets included; not `CLOSE`,
    /// which names sockets without a connection.
    pub const LIVE: Self = Self::of(&[
        State::Established,
        State::SynSent,
        State::SynRecv,
        State::FinWait1,
        State::FinWait2,
        State::TimeWait,
        State::CloseWait,
        State::LastAck,
        State::Listen,
        State::Closing,
        State::NewSynRecv,
    ]);
    /// The states a minisock can be in: TIME_WAIT, and FIN_WAIT2 after the process let go.
    pub const MINISOCKS: Self = Self::of(&[State::TimeWait, State::FinWait2]);

    /// The set of `states`. The kernel takes `SYN_RECV` to mean request sockets too
    /// (`inet_diag_dump_icsk` in `net/ipv4/inet_diag.c`).
    #[must_use]
    pub const fn of(states: &[State]) -> Self {
        let mut bits = 0;
        let mut rest = states;
        while let [state, tail @ ..] = rest {
            bits |= 1 << state.number();
            rest = tail;
        }
        Self(bits)
    }

    /// Whether `state` is in the set; a request socket counts as `SYN_RECV`.
    #[must_use]
    pub const fn contains(self, state: State) -> bool {
        self.0 & (1 << state.folded() as u32) != 0
    }
}

/// Which network namespace. A cookie is unique while the machine runs; the inode is what users see
/// (`/proc/PID/ns/net`) and is reused as soon as the namespace is gone.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct NetnsIdentity {
    /// `SO_NETNS_COOKIE`; 0 on kernels without it (before 5.14).
    pub cookie: u64,
    /// Inode of the nsfs file; 0 when unknown.
    pub inode: u32,
}

/// What kind of kernel object a row is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[repr(u8)]
pub enum Kind {
    /// A full socket (`struct tcp_sock`).
    Full,
    /// What is left of a closed connection: `struct inet_timewait_sock`, in state TIME_WAIT or,
    /// while the peer has not sent its FIN, FIN_WAIT2. No process, no inode.
    Minisock,
    /// A half-open connection: `struct request_sock`. No process, no inode.
    Request,
}

/// The timer of a full socket (`idiag_timer`; `inet_sk_diag_fill` of `net/ipv4/inet_diag.c`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[repr(u8)]
pub enum Timer {
    /// None, or one that says nothing of the peer.
    #[default]
    None,
    /// Data or a FIN is sent again when it fires.
    Retransmit,
    /// A keepalive probe is sent, or a state is left.
    Keepalive,
    /// The peer's window is closed; it is asked whether it still is.
    ZeroWindowProbe,
}

impl Timer {
    /// The timer of that number.
    #[must_use]
    pub const fn from_kernel(number: u8) -> Self {
        match number {
            1 => Self::Retransmit,
            2 => Self::Keepalive,
            4 => Self::ZeroWindowProbe,
            _ => Self::None,
        }
    }

    /// The name in JSON; the words of `ss -o`.
    #[must_use]
    pub const fn name(self) -> Option<&'static str> {
        match self {
            Self::None => None,
            Self::Retransmit => Some("retransmit"),
            Self::Keepalive => Some("keepalive"),
            Self::ZeroWindowProbe => Some("zero_window_probe"),
        }
    }
}

impl DumpRow {
    /// The same row as if it had been read so many milliseconds later.
    pub const fn age_by(&mut self, milliseconds: u32) {
        self.expires_ms = self.expires_ms.saturating_sub(milliseconds);
        if let Some(last_ack_ms) = &mut self.last_ack_ms {
            *last_ack_ms = last_ack_ms.saturating_add(milliseconds);
        }
    }
}

/// One socket of a sock_diag dump (`struct inet_diag_msg`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DumpRow {
    /// Cookie; 0 only where the dump has none (`/proc/net/tcp`).
    pub cookie: u64,
    /// State; for a minisock its substate.
    #[serde(with = "encoding::state")]
    pub state: State,
    /// Full socket, minisock or request.
    pub kind: Kind,
    /// Addresses and ports.
    pub tuple: Tuple,
    /// Inode of the socket; 0 for minisocks, requests and sockets nobody has accepted.
    pub inode: u32,
    /// User id of the creator.
    pub uid: u32,
    /// Bytes not read yet; for a listener the length of its accept queue.
    pub recv_queue: u32,
    /// Bytes not acknowledged yet; for a listener the limit of its accept queue, where that is told.
    pub send_queue: Option<u32>,
    /// Milliseconds until the socket's timer fires; for a minisock its remaining life.
    pub expires_ms: u32,
    /// Which timer runs.
    pub timer: Timer,
    /// Retransmissions or probes the peer has not answered.
    pub unanswered: u8,
    /// Control group id; 0 for minisocks, requests, and on kernels that do not tell.
    pub cgroup: u64,
    /// For a listener, SYNs and handshakes it dropped, where that was asked for.
    pub drops: Option<u32>,
    /// Milliseconds since the last ACK came in (`tcpi_last_ack_recv`): the socket has been in its
    /// state for at least that long. Only where it was asked for and where that conclusion holds:
    /// a full socket in a state that begins with a segment from the peer (ESTABLISHED, FIN_WAIT2,
    /// CLOSE_WAIT, CLOSING). A process can enter the others long after the last ACK.
    pub last_ack_ms: Option<u32>,
}

/// Events the kernel counts per network namespace (`TcpExt:` of `/proc/net/netstat`), in the order
/// of their index in [`KernelEvents`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(usize)]
pub enum KernelEvent {
    /// `ListenOverflows`: handshakes dropped because an accept queue was full.
    ListenOverflows,
    /// `ListenDrops`: everything dropped at listeners, overflows included.
    ListenDrops,
    /// `SyncookiesSent`.
    SyncookiesSent,
    /// `SyncookiesRecv`: connections made from a cookie.
    SyncookiesReceived,
    /// `SyncookiesFailed`.
    SyncookiesFailed,
    /// `TCPReqQFullDoCookies`: the queue of half-open connections was full, a cookie was sent.
    RequestQueueCookies,
    /// `TCPReqQFullDrop`: that queue was full, the SYN was dropped.
    RequestQueueDrops,
    /// `TCPTimeWaitOverflow`: closed without TIME_WAIT at `tcp_max_tw_buckets`.
    TimeWaitOverflow,
    /// `TWRecycled`: TIME_WAIT entries a new connection took over.
    TimeWaitRecycled,
    /// `TWKilled`: minisocks ended before their time.
    TimeWaitKilled,
    /// `TCPAbortOnMemory`: orphans reset, there were too many or too little memory.
    AbortsOnMemory,
}

impl KernelEvent {
    /// Every event, in the order of its index.
    pub const ALL: [Self; 11] = [
        Self::ListenOverflows,
        Self::ListenDrops,
        Self::SyncookiesSent,
        Self::SyncookiesReceived,
        Self::SyncookiesFailed,
        Self::RequestQueueCookies,
        Self::RequestQueueDrops,
        Self::TimeWaitOverflow,
        Self::TimeWaitRecycled,
        Self::TimeWaitKilled,
        Self::AbortsOnMemory,
    ];

    /// The name in metrics and JSON, without prefix and unit.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::ListenOverflows => "listen_overflows",
            Self::ListenDrops => "listen_drops",
            Self::SyncookiesSent => "syncookies_sent",
            Self::SyncookiesReceived => "syncookies_received",
            Self::SyncookiesFailed => "syncookies_failed",
            Self::RequestQueueCookies => "request_queue_full_cookies",
            Self::RequestQueueDrops => "request_queue_full_drops",
            Self::TimeWaitOverflow => "time_wait_overflows",
            Self::TimeWaitRecycled => "time_wait_recycled",
            Self::TimeWaitKilled => "time_wait_killed",
            Self::AbortsOnMemory => "aborts_on_memory",
        }
    }
}

/// A reading of all [`KernelEvent`]s; `None` where the kernel does not count one.
pub type KernelEvents = [Option<u64>; KernelEvent::ALL.len()];

/// What was read of one network namespace besides its sockets.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NamespaceFact {
    /// Which.
    pub identity: NetnsIdentity,
    /// Its name.
    pub name: Option<NetnsName>,
    /// The kernel's counters since the namespace was made.
    pub events: KernelEvents,
    /// Its settings, which are read every ten seconds; `None` before they were.
    #[serde(with = "encoding::shared")]
    pub limits: Option<Arc<NamespaceLimits>>,
}

/// Minisocks of a namespace as the table counts them: what a sweep compares the kernel's own count
/// with before it dumps anything.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MinisockCount {
    /// The namespace.
    pub netns: NetnsIdentity,
    /// TIME_WAIT and FIN_WAIT2 minisocks.
    pub minisocks: u64,
    /// Those in FIN_WAIT2. They go to TIME_WAIT in silence, and the count stays the same.
    pub orphans: u64,
}

/// Kernel time of a dump.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DumpTime {
    /// When the dump of this namespace began, `CLOCK_BOOTTIME` ns, or somewhat earlier: what was
    /// announced before this moment was done when the dump began.
    pub started_ns: u64,
    /// When these rows had been read.
    pub read_ns: u64,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn live_is_every_state_but_close() {
        for state in State::ALL {
            assert_eq!(
                StateSet::LIVE.contains(state),
                state != State::Close,
                "{state}"
            );
        }
        assert_eq!(StateSet::LIVE.0, 0b1_1111_0111_1110);
        assert_eq!(StateSet::MINISOCKS.0, 0b0_0000_0110_0000);
    }
}
