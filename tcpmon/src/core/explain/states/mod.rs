//! The eleven states.

mod closing;
mod opening;

use tcpmon_common::State;

use super::StatePage;

pub(super) const fn page(state: State) -> &'static StatePage {
    match state {
        State::Listen => &opening::LISTEN,
        State::SynSent => &opening::SYN_SENT,
        State::SynRecv | State::NewSynRecv => &opening::SYN_RECV,
        State::Established => &opening::ESTABLISHED,
        State::Close => &opening::CLOSE,
        State::FinWait1 => &closing::FIN_WAIT1,
        State::FinWait2 => &closing::FIN_WAIT2,
        State::Closing => &closing::CLOSING,
        State::TimeWait => &closing::TIME_WAIT,
        State::CloseWait => &closing::CLOSE_WAIT,
        State::LastAck => &closing::LAST_ACK,
    }
}
