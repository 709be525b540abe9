//! What deserves a second look on a screen. Not a verdict: those weigh growth and limits as well.

use tcpmon_common::State;

/// How long a connection may pass through a transient state before it stands out. Twice an RTT is
/// normal; a minute is what the kernel grants a closed connection (`TCP_TIMEWAIT_LEN`).
const PASSING_SECONDS: f64 = 60.0;

/// Does a socket that has been in `state` for `age_seconds` stand out?
///
/// `LISTEN`, `ESTABLISHED` and `CLOSE` have no natural end, and `TIME_WAIT` has its own timer.
pub(crate) fn stands_out(state: &str, age_seconds: f64) -> bool {
    const PASSING: [State; 7] = [
        State::SynSent,
        State::SynRecv,
        State::FinWait1,
        State::FinWait2,
        State::Closing,
        State::CloseWait,
        State::LastAck,
    ];
    age_seconds >= PASSING_SECONDS && PASSING.iter().any(|passing| passing.name() == state)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_old_sockets_in_passing_states_stand_out() {
        for (state, age, expected) in [
            ("CLOSE_WAIT", 59.9, false),
            ("CLOSE_WAIT", 60.0, true),
            ("SYN_SENT", 127.0, true),
            ("FIN_WAIT2", 3600.0, true),
            ("TIME_WAIT", 60.2, false),
            ("ESTABLISHED", 1e6, false),
            ("LISTEN", 1e6, false),
            ("CLOSE", 1e6, false),
            ("unheard of", 1e6, false),
            ("CLOSE_WAIT", f64::NAN, false),
        ] {
            assert_eq!(stands_out(state, age), expected, "{state} {age}");
        }
    }
}
