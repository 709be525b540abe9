//! Why a connection ended, told from the last record of its socket.

use serde::{Deserialize, Serialize};
use tcpmon_common::Record;
use tcpmon_common::State;
use tcpmon_common::context::SHUTDOWN_BOTH;
use tcpmon_common::record::flag;

/// Errno values of `sk_err` (`include/uapi/asm-generic/errno.h`).
mod errno {
    pub(super) const EPIPE: u16 = 32;
    pub(super) const ENETUNREACH: u16 = 101;
    pub(super) const ECONNABORTED: u16 = 103;
    pub(super) const ECONNRESET: u16 = 104;
    pub(super) const ETIMEDOUT: u16 = 110;
    pub(super) const ECONNREFUSED: u16 = 111;
    pub(super) const EHOSTUNREACH: u16 = 113;
}

/// Why a socket went to `CLOSE`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[repr(u8)]
pub enum Ending {
    /// Both sides closed; the last ACK came.
    Orderly,
    /// The connection lives on as a TIME_WAIT minisock.
    TimeWait,
    /// The connection lives on as a FIN_WAIT2 minisock: no process, and no FIN from the peer yet.
    OrphanFinWait2,
    /// `tcp_max_tw_buckets` is reached: no TIME_WAIT entry was made.
    TimeWaitRefused,
    /// The listener was closed.
    ListenerClosed,
    /// The listener was closed before anybody accepted the connection.
    DroppedByListener,
    /// The peer answered our SYN with a reset.
    Refused,
    /// The peer reset the connection.
    Reset,
    /// Nothing came back: handshake, retransmission, keepalive or user time-out.
    TimedOut,
    /// No route to the peer.
    Unreachable,
    /// The owner closed with unread data, with `SO_LINGER` 0, or in the middle of the handshake.
    AbortedByOwner,
    /// The owner disconnected the socket (`connect` to `AF_UNSPEC`) or shut it while half-open.
    Disconnected,
    /// An operator destroyed the socket (`ss -K`).
    Killed,
    /// `EADDRNOTAVAIL`: no ephemeral port towards this destination was free.
    NoPort,
    /// `EADDRNOTAVAIL`: the port the socket is bound to is in use towards this destination.
    AddressInUse,
    /// Another error.
    OtherError,
    /// The kernel did not say.
    Unknown,
}

impl Ending {
    /// Every ending, in the order of its number.
    pub const ALL: [Self; 17] = [
        Self::Orderly,
        Self::TimeWait,
        Self::OrphanFinWait2,
        Self::TimeWaitRefused,
        Self::ListenerClosed,
        Self::DroppedByListener,
        Self::Refused,
        Self::Reset,
        Self::TimedOut,
        Self::Unreachable,
        Self::AbortedByOwner,
        Self::Disconnected,
        Self::Killed,
        Self::NoPort,
        Self::AddressInUse,
        Self::OtherError,
        Self::Unknown,
    ];

    /// The label in metrics and JSON.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Orderly => "orderly",
            Self::TimeWait => "time_wait",
            Self::OrphanFinWait2 => "orphan_fin_wait2",
            Self::TimeWaitRefused => "time_wait_refused",
            Self::ListenerClosed => "listener_closed",
            Self::DroppedByListener => "dropped_by_listener",
            Self::Refused => "refused",
            Self::Reset => "reset",
            Self::TimedOut => "timed_out",
            Self::Unreachable => "unreachable",
            Self::AbortedByOwner => "aborted_by_owner",
            Self::Disconnected => "disconnected",
            Self::Killed => "killed",
            Self::NoPort => "no_port",
            Self::AddressInUse => "address_in_use",
            Self::OtherError => "other_error",
            Self::Unknown => "unknown",
        }
    }

    /// The phrase users read.
    #[must_use]
    pub const fn phrase(self) -> &'static str {
        match self {
            Self::Orderly => "closed in order",
            Self::TimeWait => "closed, TIME_WAIT begins",
            Self::OrphanFinWait2 => "closed, the peer's FIN is still awaited",
            Self::TimeWaitRefused => "closed without TIME_WAIT: tcp_max_tw_buckets is reached",
            Self::ListenerClosed => "listener closed",
            Self::DroppedByListener => "listener closed before it was accepted",
            Self::Refused => "connection refused",
            Self::Reset => "reset by peer",
            Self::TimedOut => "timed out",
            Self::Unreachable => "peer unreachable",
            Self::AbortedByOwner => "aborted by its owner",
            Self::Disconnected => "disconnected by its owner",
            Self::Killed => "destroyed by an operator",
            Self::NoPort => "no ephemeral port free towards this destination",
            Self::AddressInUse => "local port already in use towards this destination",
            Self::OtherError => "ended by an error",
            Self::Unknown => "ended, reason unknown",
        }
    }

    /// Whether the kernel keeps a minisock of the connection.
    #[must_use]
    pub const fn leaves_minisock(self) -> bool {
        matches!(self, Self::TimeWait | Self::OrphanFinWait2)
    }

    /// The ending that `record`, a transition from `old` to `CLOSE`, tells of.
    #[must_use]
    pub fn of(old: State, record: &Record) -> Self {
        if record.has(flag::CLASSIC) {
            return Self::of_classic(old, record);
        }
        match record.error {
            0 => Self::without_error(old, record),
            // A reset says ECONNREFUSED here. This one is left of an earlier connection of the same
            // socket: `tcp_disconnect` in `net/ipv4/tcp.c` sets it, and only a connect() that sends
            // its SYN clears it (`tcp_connect_init`).
            errno::ECONNRESET if old == State::SynSent => Self::without_error(old, record),
            errno::ECONNRESET | errno::EPIPE => Self::Reset,
            errno::ECONNREFUSED => Self::Refused,
            errno::ETIMEDOUT => Self::TimedOut,
            errno::ECONNABORTED => Self::Killed,
            errno::ENETUNREACH | errno::EHOSTUNREACH => Self::Unreachable,
            _ => Self::OtherError,
        }
    }

    fn without_error(old: State, record: &Record) -> Self {
        match old {
            State::Listen => Self::ListenerClosed,
            State::LastAck if !record.has(flag::UNACKED) => Self::Orderly,
            State::FinWait2 | State::Closing if leaves_minisock(record) => Self::minisock(record),
            State::SynSent if record.shutdown == 0 && !record.has(flag::UNACKED) => {
                Self::without_syn(record)
            }
            _ if record.shutdown == SHUTDOWN_BOTH => Self::AbortedByOwner,
            State::Established | State::CloseWait if !record.has(flag::HAS_SOCKET) => {
                Self::DroppedByListener
            }
            _ => Self::Disconnected,
        }
    }

    /// `inet_hash_connect` in `net/ipv4/inet_hashtables.c` found no way to be unique: among the free
    /// ports, or with the one the socket is bound to.
    const fn without_syn(record: &Record) -> Self {
        if record.local_port == 0 {
            Self::NoPort
        } else {
            Self::AddressInUse
        }
    }

    /// `tcp_time_wait` in `net/ipv4/tcp_minisocks.c` makes a TIME_WAIT entry when the peer's FIN
    /// was seen, and a FIN_WAIT2 one when it was not.
    fn minisock(record: &Record) -> Self {
        if record.has(flag::TIME_WAIT_FULL) {
            Self::TimeWaitRefused
        } else if record.has(flag::FIN_SEEN) {
            Self::TimeWait
        } else {
            Self::OrphanFinWait2
        }
    }

    /// The classic tracepoint tells neither error nor flags.
    fn of_classic(old: State, record: &Record) -> Self {
        match old {
            State::Listen => Self::ListenerClosed,
            State::FinWait2 | State::Closing => Self::TimeWait,
            State::SynSent if record.local_port == 0 => Self::NoPort,
            _ => Self::Unknown,
        }
    }
}

/// Without the peer's FIN only an orphan becomes a minisock, and with it only a connection whose own
/// FIN was acknowledged; another was reset by its process (`__tcp_close` and `tcp_disconnect` in
/// `net/ipv4/tcp.c`).
const fn leaves_minisock(record: &Record) -> bool {
    !record.has(flag::UNACKED) && (record.has(flag::FIN_SEEN) || record.has(flag::ORPHAN))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn closing(old: State, error: u16, shutdown: u8, flags: u8) -> Ending {
        let record = Record {
            old_state: old.number(),
            new_state: State::Close.number(),
            error,
            shutdown,
            flags,
            local_port: 40000,
            ..Record::EMPTY
        };
        Ending::of(old, &record)
    }

    #[test]
    fn every_way_to_end_is_told_apart() {
        let held = flag::HAS_SOCKET;
        let left = flag::HAS_SOCKET | flag::FIN_SEEN | flag::UNACKED;
        for (old, error, shutdown, flags, want) in [
            (State::LastAck, 0, 3, flag::ORPHAN, Ending::Orderly),
            (State::FinWait2, 0, 3, flag::FIN_SEEN, Ending::TimeWait),
            (State::FinWait2, 0, 3, flag::ORPHAN, Ending::OrphanFinWait2),
            (State::FinWait2, 0, 3, held, Ending::AbortedByOwner),
            (State::FinWait2, 0, 2, held, Ending::Disconnected),
            (State::Closing, 0, 3, flag::FIN_SEEN, Ending::TimeWait),
            (State::Closing, 0, 3, left, Ending::AbortedByOwner),
            (State::LastAck, 0, 3, left, Ending::AbortedByOwner),
            (State::SynSent, 0, 0, held, Ending::AddressInUse),
            (State::SynSent, 104, 0, held, Ending::AddressInUse),
            (State::SynSent, 0, 0, left, Ending::Disconnected),
            (
                State::FinWait2,
                0,
                3,
                flag::FIN_SEEN | flag::TIME_WAIT_FULL,
                Ending::TimeWaitRefused,
            ),
            (State::Listen, 0, 3, held, Ending::ListenerClosed),
            (State::Established, 0, 0, 0, Ending::DroppedByListener),
            (State::CloseWait, 0, 0, 0, Ending::DroppedByListener),
            (State::SynSent, 111, 0, held, Ending::Refused),
            (State::Established, 104, 0, held, Ending::Reset),
            (State::CloseWait, 32, 0, held, Ending::Reset),
            (State::Established, 110, 0, held, Ending::TimedOut),
            (State::SynSent, 113, 0, held, Ending::Unreachable),
            (State::Established, 0, 3, held, Ending::AbortedByOwner),
            (State::SynSent, 0, 3, held, Ending::AbortedByOwner),
            (State::Established, 0, 0, held, Ending::Disconnected),
            (State::Established, 103, 0, held, Ending::Killed),
            (State::Established, 5, 0, held, Ending::OtherError),
            (State::LastAck, 0, 3, flag::CLASSIC, Ending::Unknown),
        ] {
            assert_eq!(closing(old, error, shutdown, flags), want, "{old} {error}");
        }
    }

    #[test]
    fn no_free_port_is_a_connect_that_ends_before_it_has_one() {
        let record = Record {
            local_port: 0,
            remote_port: 5432,
            flags: flag::HAS_SOCKET,
            ..Record::EMPTY
        };
        assert_eq!(Ending::of(State::SynSent, &record), Ending::NoPort);
    }

    #[test]
    fn numbers_index_the_list() {
        for (index, ending) in Ending::ALL.into_iter().enumerate() {
            assert_eq!(ending as usize, index);
        }
    }
}
