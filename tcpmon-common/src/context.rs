//! On which transitions the current task is the one that acts on the socket.

use crate::State;

/// `SHUTDOWN_MASK` of `include/net/sock.h`: both directions were shut by the owner.
pub const SHUTDOWN_BOTH: u8 = 3;

/// Whether the current task caused this transition, so that its pid is the socket's user.
///
/// Everything else happens in softirq, in a timer or in another process's packet processing: on
/// loopback the current task of `ESTABLISHED -> CLOSE_WAIT` is the *peer*. Linux sets `sk_shutdown`
/// before `close()` moves the state (`__tcp_close` in `net/ipv4/tcp.c`), and a packet that resets a
/// socket sets `sk_err` first (`tcp_reset` in `net/ipv4/tcp_input.c`).
#[must_use]
pub const fn current_task_acts(old: State, new: State, error: u16, shutdown: u8) -> bool {
    match (old, new) {
        // listen(), connect()
        (State::Close, State::Listen | State::SynSent) => true,
        // close() or shutdown(SHUT_WR)
        (State::Established | State::SynRecv, State::FinWait1)
        | (State::CloseWait, State::LastAck) => true,
        // close() or shutdown() of a listener; `ss -K` sets the error afterwards
        (State::Listen, State::Close) => true,
        // abortive close: SO_LINGER 0, unread data, close() in SYN_SENT
        (State::SynSent | State::SynRecv | State::Established | State::CloseWait, State::Close) => {
            error == 0 && shutdown == SHUTDOWN_BOTH
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn packets_and_timers_never_name_a_process() {
        for (old, new) in [
            (State::Listen, State::SynRecv),
            (State::SynRecv, State::Established),
            (State::Established, State::CloseWait),
            (State::FinWait1, State::FinWait2),
            (State::FinWait2, State::Close),
            (State::LastAck, State::Close),
            (State::Closing, State::Close),
        ] {
            for shutdown in 0..=3 {
                assert!(!current_task_acts(old, new, 0, shutdown), "{old} -> {new}");
            }
        }
    }

    #[test]
    fn a_reset_by_the_peer_is_not_the_owners_act() {
        assert!(!current_task_acts(State::Established, State::Close, 104, 3));
        assert!(current_task_acts(State::Established, State::Close, 0, 3));
    }
}
