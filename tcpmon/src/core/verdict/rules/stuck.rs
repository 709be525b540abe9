//! Sockets that stay in a passing state.

use tcpmon_common::State;

use super::{Opinion, Sight};
use crate::core::facts::Timer;
use crate::core::table::{Process, SlotId, Socket};
use crate::core::verdict::Severity;
use crate::core::verdict::evidence::{self, Evidence};
use crate::core::verdict::thresholds::SECOND_NS;

/// The states a socket can be stuck in.
pub(in crate::core::verdict) const STATES: [State; 5] = [
    State::SynSent,
    State::FinWait1,
    State::FinWait2,
    State::Closing,
    State::LastAck,
];

/// What is stuck at one endpoint in one state.
#[derive(Clone, Debug, Default)]
pub(in crate::core::verdict) struct Heap {
    pub(in crate::core::verdict) count: u32,
    pub(in crate::core::verdict) busiest: Option<(Process, u32)>,
    /// The oldest first.
    pub(in crate::core::verdict) oldest: Vec<SlotId>,
}

/// Judges what is stuck.
pub(in crate::core::verdict) fn judge(
    sight: Sight<'_>,
    state: State,
    heap: &Heap,
) -> Option<Opinion> {
    let Sight { table, now_ns, .. } = sight;
    let limits = sight.thresholds.stuck_in(state)?;
    let sockets = || heap.oldest.iter().map(|id| table.socket(*id));
    let oldest = sockets().next()?;
    let severity = (heap.count >= limits.count).then_some(Severity::Warning);
    Some(Opinion {
        severity,
        evidence: Evidence::Stuck(evidence::Stuck {
            state,
            count: heap.count,
            oldest_seconds: oldest.age_ns(now_ns) as f64 / SECOND_NS as f64,
            oldest_is_lower_bound: oldest.age_is_lower_bound,
            retransmitting: sockets().filter(|socket| retransmits(socket)).count(),
            window_closed: sockets().filter(|socket| probes(socket)).count(),
            busiest: heap.busiest,
            oldest: heap.oldest.iter().map(|id| table.sight(*id)).collect(),
        }),
    })
}

fn retransmits(socket: &Socket) -> bool {
    socket
        .details
        .is_some_and(|details| details.timer == Timer::Retransmit && details.unanswered > 0)
}

fn probes(socket: &Socket) -> bool {
    let timer = socket.details.map(|details| details.timer);
    timer == Some(Timer::ZeroWindowProbe)
}
