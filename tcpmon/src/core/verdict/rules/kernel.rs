//! Limits of the kernel: TIME_WAIT entries per namespace, orphans per machine.

use super::Opinion;
use crate::core::facts::{KernelEvent, KernelEvents, MachineFact, NamespaceLimits};
use crate::core::table::Process;
use crate::core::verdict::Severity;
use crate::core::verdict::evidence::{Evidence, Orphans, TimeWaits};
use crate::core::verdict::memory::Memory;
use crate::core::verdict::thresholds::{SECOND_NS, Thresholds};

/// What happened so long ago still counts.
const RECENT_NS: u64 = 60 * SECOND_NS;

/// Judges the TIME_WAIT entries of a namespace.
pub(in crate::core::verdict) fn judge_time_waits(
    minisocks: u64,
    events: Option<KernelEvents>,
    settings: Option<&NamespaceLimits>,
    busiest: Option<(Process, u32)>,
    thresholds: &Thresholds,
    memory: &mut Memory,
    now_ns: u64,
) -> Opinion {
    let refused = events.and_then(|events| events[KernelEvent::TimeWaitOverflow as usize]);
    memory.failures.read(refused, now_ns);
    let limit = settings.and_then(|settings| settings.max_minisocks);
    let refused = memory.failures.recent(now_ns, RECENT_NS);
    let is_near = limit.is_some_and(|limit| {
        minisocks > 0 && minisocks as f64 >= thresholds.time_wait.fill * f64::from(limit)
    });
    Opinion {
        severity: (refused > 0 || is_near).then_some(Severity::Warning),
        evidence: Evidence::TimeWaits(TimeWaits {
            minisocks,
            limit,
            refused,
            busiest,
        }),
    }
}

/// Judges the orphans of the machine. `aborted`: what the kernel reset for want of memory, in all
/// namespaces.
pub(in crate::core::verdict) fn judge_orphans(
    machine: &MachineFact,
    aborted: u64,
    thresholds: &Thresholds,
    memory: &mut Memory,
    now_ns: u64,
) -> Option<Opinion> {
    memory.failures.read(Some(aborted), now_ns);
    let (orphans, limit) = (machine.orphans?, machine.max_orphans?);
    let fill = orphans as f64 / f64::from(limit.max(1));
    let aborted = memory.failures.recent(now_ns, RECENT_NS);
    let limits = &thresholds.orphans;
    let is_short = aborted > 0 && fill >= limits.warning_fill / 4.0;
    let severity = if fill >= limits.critical_fill || is_short {
        Some(Severity::Critical)
    } else if fill >= limits.warning_fill {
        Some(Severity::Warning)
    } else {
        None
    };
    Some(Opinion {
        severity,
        evidence: Evidence::Orphans(Orphans {
            orphans,
            limit,
            aborted,
        }),
    })
}
