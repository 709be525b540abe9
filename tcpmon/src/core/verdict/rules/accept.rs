//! An accept queue nobody empties: its head tells how long `accept()` was not called.

use super::queue::AcceptQueue;
use super::{Opinion, Sight};
use crate::core::table::SlotId;
use crate::core::verdict::Severity;
use crate::core::verdict::evidence::{Accept, Evidence};
use crate::core::verdict::memory::Memory;
use crate::core::verdict::thresholds::SECOND_NS;

/// What waits at one service.
#[derive(Clone, Debug, Default)]
pub(in crate::core::verdict) struct Waiting {
    pub(in crate::core::verdict) count: u32,
    pub(in crate::core::verdict) hung_up: u32,
    /// The oldest that a dump has shown waiting.
    pub(in crate::core::verdict) oldest: Vec<SlotId>,
    /// Listeners they may be waiting at.
    pub(in crate::core::verdict) listeners: u32,
}

/// Whether the head of a queue may have waited for long, and only a dump that has not been made can
/// tell. At most two dumps are wanted of a queue as long as it is not seen empty.
pub(in crate::core::verdict) fn is_in_doubt(sight: Sight<'_>, memory: &Memory) -> bool {
    let Some(since_ns) = memory.full.since() else {
        return false;
    };
    let limits = &sight.thresholds.accept;
    [limits.age_ns, limits.stuck_ns].into_iter().any(|age_ns| {
        let moment_ns = since_ns.saturating_add(age_ns);
        moment_ns <= sight.now_ns && !sight.table.was_dumped_since(moment_ns)
    })
}

/// Judges the connections waiting at a service.
pub(in crate::core::verdict) fn judge(
    sight: Sight<'_>,
    queue: &AcceptQueue,
    waiting: &Waiting,
    memory: &mut Memory,
) -> Option<Opinion> {
    let Sight { table, now_ns, .. } = sight;
    let limits = &sight.thresholds.accept;
    memory.failures.read(queue.drops, now_ns);
    // What the queue holds is the kernel's word; who waits in it is known from dumps.
    let depth = queue.depth?;
    let waits_for_ns = memory.full.read(depth > 0, now_ns);
    // Of several listeners (`SO_REUSEPORT`) it is the one whose queue is never empty.
    let is_shared = waiting.listeners > 1;
    if depth == 0 || (is_shared && waits_for_ns < limits.age_ns) {
        return None;
    }
    let confirmed = |age_ns| {
        let oldest = waiting.oldest.iter().map(|id| table.socket(*id));
        oldest
            .filter(|socket| table.was_unaccepted_at(socket, age_ns))
            .min_by_key(|socket| socket.entered_ns)
    };
    let first = confirmed(limits.age_ns)?;
    let accept = Accept {
        waiting: if is_shared {
            depth
        } else {
            waiting.count.max(depth)
        },
        hung_up: waiting.hung_up,
        oldest_seconds: first.age_ns(now_ns) as f64 / SECOND_NS as f64,
        oldest_is_lower_bound: first.age_is_lower_bound,
        depth,
        limit: queue.limit,
        dropped: memory.failures.recent(now_ns, 60 * SECOND_NS),
        oldest: waiting.oldest.iter().map(|id| table.sight(*id)).collect(),
    };
    let is_stuck = confirmed(limits.stuck_ns).is_some();
    let is_full = queue.limit.is_some_and(|limit| depth > limit);
    let severity = match (is_stuck, is_full || accept.dropped > 0) {
        (true, true) => Severity::Critical,
        (true, false) => Severity::Warning,
        (false, _) => Severity::Suspicious,
    };
    Some(Opinion {
        severity: Some(severity),
        evidence: Evidence::Accept(accept),
    })
}
