//! The TCP states as Linux numbers them (`include/net/tcp_states.h`).

use core::fmt;

/// A TCP state: the eleven of RFC 9293 section 3.3.2 and Linux's request socket, `NEW_SYN_RECV`.
///
/// The discriminants are the kernel's own numbers, 1 to 12.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum State {
    /// Data flows both ways.
    Established = 1,
    /// We sent a SYN and wait for the answer.
    SynSent = 2,
    /// A SYN was answered; the handshake is not complete (RFC: SYN-RECEIVED).
    SynRecv = 3,
    /// We sent a FIN; it is not acknowledged yet.
    FinWait1 = 4,
    /// Our FIN is acknowledged; the peer has not sent its own.
    FinWait2 = 5,
    /// Both FINs are done; late segments are waited for (60 s on Linux).
    TimeWait = 6,
    /// No connection (RFC: CLOSED).
    Close = 7,
    /// The peer sent its FIN; our application has not closed.
    CloseWait = 8,
    /// We sent our FIN after the peer's and wait for its acknowledgement.
    LastAck = 9,
    /// Waiting for connections.
    Listen = 10,
    /// Both sides sent a FIN at the same time; ours is not acknowledged yet.
    Closing = 11,
    /// Linux's request socket: a half-open connection without a full socket. Shown as `SYN_RECV`.
    NewSynRecv = 12,
}

impl State {
    /// Every state in the order of the kernel's numbers.
    pub const ALL: [Self; 12] = [
        Self::Established,
        Self::SynSent,
        Self::SynRecv,
        Self::FinWait1,
        Self::FinWait2,
        Self::TimeWait,
        Self::Close,
        Self::CloseWait,
        Self::LastAck,
        Self::Listen,
        Self::Closing,
        Self::NewSynRecv,
    ];

    /// The eleven states of RFC 9293, in the order a textbook walks them.
    pub const RFC: [Self; 11] = [
        Self::Listen,
        Self::SynSent,
        Self::SynRecv,
        Self::Established,
        Self::FinWait1,
        Self::FinWait2,
        Self::Closing,
        Self::TimeWait,
        Self::CloseWait,
        Self::LastAck,
        Self::Close,
    ];

    /// The state the kernel means by `number`; `None` outside 1 to 12.
    #[must_use]
    pub const fn from_kernel(number: i64) -> Option<Self> {
        Some(match number {
            1 => Self::Established,
            2 => Self::SynSent,
            3 => Self::SynRecv,
            4 => Self::FinWait1,
            5 => Self::FinWait2,
            6 => Self::TimeWait,
            7 => Self::Close,
            8 => Self::CloseWait,
            9 => Self::LastAck,
            10 => Self::Listen,
            11 => Self::Closing,
            12 => Self::NewSynRecv,
            _ => return None,
        })
    }

    /// The kernel's number, 1 to 12.
    #[must_use]
    pub const fn number(self) -> u8 {
        self as u8
    }

    /// The state as users count it: request sockets are half-open connections, `SYN_RECV`.
    #[must_use]
    pub const fn folded(self) -> Self {
        match self {
            Self::NewSynRecv => Self::SynRecv,
            other => other,
        }
    }

    /// The Linux name without its `TCP_` prefix, as in JSON and metrics: `CLOSE_WAIT`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Established => "ESTABLISHED",
            Self::SynSent => "SYN_SENT",
            Self::SynRecv => "SYN_RECV",
            Self::FinWait1 => "FIN_WAIT1",
            Self::FinWait2 => "FIN_WAIT2",
            Self::TimeWait => "TIME_WAIT",
            Self::Close => "CLOSE",
            Self::CloseWait => "CLOSE_WAIT",
            Self::LastAck => "LAST_ACK",
            Self::Listen => "LISTEN",
            Self::Closing => "CLOSING",
            Self::NewSynRecv => "NEW_SYN_RECV",
        }
    }

    /// The word of the `ss` filter language: `close-wait`, `fin-wait-1`.
    #[must_use]
    pub const fn ss_name(self) -> &'static str {
        match self {
            Self::Established => "established",
            Self::SynSent => "syn-sent",
            Self::SynRecv | Self::NewSynRecv => "syn-recv",
            Self::FinWait1 => "fin-wait-1",
            Self::FinWait2 => "fin-wait-2",
            Self::TimeWait => "time-wait",
            Self::Close => "closed",
            Self::CloseWait => "close-wait",
            Self::LastAck => "last-ack",
            Self::Listen => "listening",
            Self::Closing => "closing",
        }
    }
}

impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_and_states_are_one_to_one() {
        for (index, state) in State::ALL.into_iter().enumerate() {
            assert_eq!(usize::from(state.number()), index + 1);
            assert_eq!(State::from_kernel(i64::from(state.number())), Some(state));
        }
        for number in [i64::MIN, -1, 0, 13, 255, i64::MAX] {
            assert_eq!(State::from_kernel(number), None);
        }
    }

    #[test]
    fn rfc_has_every_state_but_the_request_socket_once() {
        for state in State::ALL {
            let times = State::RFC.into_iter().filter(|s| *s == state).count();
            assert_eq!(times, usize::from(state != State::NewSynRecv), "{state}");
        }
    }
}
