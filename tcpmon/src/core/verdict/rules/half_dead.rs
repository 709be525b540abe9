//! Established connections whose peer answers nothing any more.

use super::{Opinion, Sight};
use crate::core::facts::Timer;
use crate::core::table::{Process, SlotId};
use crate::core::verdict::Severity;
use crate::core::verdict::evidence::{self, Evidence, SHOWN};
use crate::core::verdict::thresholds::SECOND_NS;

/// The connections without an answer at one endpoint.
#[derive(Clone, Debug, Default)]
pub(in crate::core::verdict) struct Silent {
    pub(in crate::core::verdict) sockets: Vec<SlotId>,
    pub(in crate::core::verdict) busiest: Option<(Process, u32)>,
}

/// Judges them.
pub(in crate::core::verdict) fn judge(sight: Sight<'_>, silent: &Silent) -> Option<Opinion> {
    let Sight { table, now_ns, .. } = sight;
    let mut worst: Vec<(u8, u64, SlotId)> = Vec::new();
    let (mut bytes, mut window_closed, mut keepalive) = (0, 0, 0);
    for id in &silent.sockets {
        let Some(details) = table.socket(*id).details else {
            continue;
        };
        let since_ns = table.unanswered_since(*id).unwrap_or(now_ns);
        worst.push((details.unanswered, now_ns.saturating_sub(since_ns), *id));
        bytes += u64::from(details.send_queue.unwrap_or(0));
        window_closed += u32::from(details.timer == Timer::ZeroWindowProbe);
        keepalive += u32::from(details.timer == Timer::Keepalive);
    }
    worst.sort_unstable_by(|one, other| other.cmp(one));
    let (unanswered, ..) = *worst.first()?;
    let silent_ns = worst.iter().map(|(_, silent_ns, _)| *silent_ns).max()?;
    let count = u32::try_from(worst.len()).unwrap_or(u32::MAX);
    let severity = if count >= sight.thresholds.half_dead.count {
        Severity::Warning
    } else {
        Severity::Suspicious
    };
    Some(Opinion {
        severity: Some(severity),
        evidence: Evidence::HalfDead(evidence::HalfDead {
            count,
            unanswered,
            silent_seconds: silent_ns as f64 / SECOND_NS as f64,
            unacknowledged_bytes: bytes,
            window_closed,
            keepalive,
            busiest: silent.busiest,
            oldest: worst
                .iter()
                .take(SHOWN)
                .map(|(.., id)| table.sight(*id))
                .collect(),
        }),
    })
}
