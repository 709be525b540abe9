//! Limits of the kernel: TIME_WAIT entries per namespace, orphans per machine.

use super::{Opinion, Sight};
use crate::core::facts::{KernelEvent, KernelEvents, NamespaceLimits};
use crate::core::table::Process;
use crate::core::verdict::Severity;
use crate::core::verdict::evidence::{Evidence, Orphans, TimeWaits};
use crate::core::verdict::memory::Memory;
use crate::core::verdict::thresholds::SECOND_NS;

/// What happened so long ago still counts.
const RECENT_NS: u64 = 60 * SECOND_NS;

/// The minisocks of a namespace.
#[derive(Clone, Copy, Debug)]
pub(in crate::core::verdict) struct Minisocks<'a> {
    pub(in crate::core::verdict) count: u64,
    pub(in crate::core::verdict) events: Option<KernelEvents>,
    pub(in crate::core::verdict) settings: Option<&'a NamespaceLimits>,
    pub(in crate::core::verdict) busiest: Option<(Process, u32)>,
}

/// Judges the TIME_WAIT entries of a namespace.
pub(in crate::core::verdict) fn judge_time_waits(
    sight: Sight<'_>,
    here: Minisocks<'_>,
    memory: &mut Memory,
) -> Opinion {
    let Sight {
        thresholds, now_ns, ..
    } = sight;
    let Minisocks {
        count,
        events,
        settings,
        busiest,
    } = here;
    let refused = events.and_then(|events| events[KernelEvent::TimeWaitOverflow as usize]);
    memory.failures.read(refused, now_ns);
    let limit = settings.and_then(|settings| settings.max_minisocks);
    let refused = memory.failures.recent(now_ns, RECENT_NS);
    let is_near = limit.is_some_and(|limit| {
        count > 0 && count as f64 >= thresholds.time_wait.fill * f64::from(limit)
    });
    Opinion {
        severity: (refused > 0 || is_near).then_some(Severity::Warning),
        evidence: Evidence::TimeWaits(TimeWaits {
            minisocks: count,
            limit,
            refused,
            busiest,
        }),
    }
}

/// Judges the orphans of the machine. `aborted`: what the kernel reset for want of memory, in all
/// namespaces.
pub(in crate::core::verdict) fn judge_orphans(
    sight: Sight<'_>,
    aborted: u64,
    memory: &mut Memory,
) -> Option<Opinion> {
    let Sight {
        table,
        thresholds,
        now_ns,
    } = sight;
    let machine = table.machine();
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
