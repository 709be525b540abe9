//! Queues of a listener: connections that wait to be accepted, and handshakes that are not finished.

use super::Opinion;
use crate::core::facts::{KernelEvent, KernelEvents};
use crate::core::table::Listening;
use crate::core::verdict::Severity;
use crate::core::verdict::evidence::{self, Evidence};
use crate::core::verdict::memory::{Counter, Memory};
use crate::core::verdict::thresholds::{Queue, SECOND_NS};

/// Whether the accept queue is nearly full.
pub(in crate::core::verdict) fn is_full(listening: &Listening, limits: &Queue) -> bool {
    match (listening.depth, listening.limit) {
        (Some(depth), Some(limit)) => {
            depth > 0 && f64::from(depth) >= limits.fill * f64::from(limit)
        }
        _ => false,
    }
}

/// Judges an accept queue.
pub(in crate::core::verdict) fn judge_accepts(
    listening: &Listening,
    limits: &Queue,
    memory: &mut Memory,
    now_ns: u64,
) -> Option<Opinion> {
    let is_full = is_full(listening, limits);
    let full_ns = memory.full.read(is_full, now_ns);
    memory.failures.read(listening.drops.map(u64::from), now_ns);
    let dropped = memory.failures.recent(now_ns, limits.recent_ns);
    let depth = listening.depth?;
    let lasts = is_full && full_ns >= limits.for_ns;
    let severity = match (lasts, dropped) {
        (true, dropped) if dropped >= limits.drops => Some(Severity::Critical),
        (true, _) => Some(Severity::Warning),
        (false, dropped) if dropped >= limits.drops => Some(Severity::Warning),
        (false, 0) => None,
        (false, _) => Some(Severity::Suspicious),
    };
    Some(Opinion {
        severity,
        evidence: Evidence::Queue(evidence::Queue {
            listener: listening.seen,
            depth,
            limit: listening.limit,
            full_seconds: full_ns as f64 / SECOND_NS as f64,
            dropped,
            cookies: None,
        }),
    })
}

/// What a namespace's counters say of its SYNs.
#[derive(Clone, Debug, Default)]
pub(in crate::core::verdict) struct Syns {
    cookies_sent: Counter,
    cookies_received: Counter,
    dropped: Counter,
}

impl Syns {
    /// Takes over a reading.
    pub(in crate::core::verdict) fn read(&mut self, events: &KernelEvents, now_ns: u64) {
        let count = |event: KernelEvent| events[event as usize];
        self.cookies_sent
            .read(count(KernelEvent::SyncookiesSent), now_ns);
        self.cookies_received
            .read(count(KernelEvent::SyncookiesReceived), now_ns);
        self.dropped
            .read(count(KernelEvent::RequestQueueDrops), now_ns);
    }
}

/// Judges the handshakes towards a listener that are not finished. `half_open`: how many of them
/// there are.
pub(in crate::core::verdict) fn judge_handshakes(
    listening: &Listening,
    half_open: u32,
    syns: &Syns,
    limits: &Queue,
    memory: &mut Memory,
    now_ns: u64,
) -> Option<Opinion> {
    let limit = listening.limit?;
    let is_full = half_open > 0 && f64::from(half_open) >= limits.fill * f64::from(limit);
    let full_ns = memory.full.read(is_full, now_ns);
    let recent = |counter: &Counter| counter.recent(now_ns, limits.recent_ns);
    let (sent, received) = (recent(&syns.cookies_sent), recent(&syns.cookies_received));
    let dropped = recent(&syns.dropped);
    // Where most cookies come back the clients are real: many at once, and no flood.
    let are_real = received * 2 > sent;
    let lasts = is_full && full_ns >= limits.for_ns;
    let is_cookied = is_full && sent >= limits.drops;
    let severity = match () {
        () if is_full && dropped >= limits.drops => Some(Severity::Critical),
        () if is_cookied && !are_real => Some(Severity::Warning),
        () if lasts => Some(Severity::Warning),
        () if is_cookied => Some(Severity::Suspicious),
        () => None,
    };
    Some(Opinion {
        severity,
        evidence: Evidence::Queue(evidence::Queue {
            listener: listening.seen,
            depth: half_open,
            limit: Some(limit),
            full_seconds: full_ns as f64 / SECOND_NS as f64,
            dropped,
            cookies: (sent > 0).then_some((sent, received)),
        }),
    })
}
