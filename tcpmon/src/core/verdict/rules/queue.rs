//! Queues of a listener: connections that wait to be accepted, and handshakes that are not finished.

use super::{Opinion, Sight};
use crate::core::facts::{KernelEvent, KernelEvents, NamespaceLimits};
use crate::core::table::{Listening, Sighting};
use crate::core::verdict::Severity;
use crate::core::verdict::evidence::{self, Evidence};
use crate::core::verdict::memory::{Counter, Memory};
use crate::core::verdict::thresholds::{Queue, SECOND_NS};

/// The accept queues one process has at one port: it may listen there on several addresses.
#[derive(Clone, Copy, Debug)]
pub(in crate::core::verdict) struct AcceptQueue {
    /// The listener with the fullest queue.
    pub(in crate::core::verdict) listener: Sighting,
    /// Length of that queue.
    pub(in crate::core::verdict) depth: Option<u32>,
    /// The longest it may be.
    pub(in crate::core::verdict) limit: Option<u32>,
    /// What all of them dropped.
    pub(in crate::core::verdict) drops: Option<u64>,
}

impl AcceptQueue {
    pub(in crate::core::verdict) fn of(listening: &Listening) -> Self {
        Self {
            listener: listening.seen,
            depth: listening.depth,
            limit: listening.limit,
            drops: listening.drops.map(u64::from),
        }
    }

    /// Takes another queue of the same process in.
    pub(in crate::core::verdict) fn join(&mut self, other: &Self) {
        let drops = match (self.drops, other.drops) {
            (Some(one), Some(other)) => Some(one + other),
            (one, other) => one.or(other),
        };
        if other.share() > self.share() {
            *self = *other;
        }
        self.drops = drops;
    }

    /// How full it is, 1 when the next connection is dropped: it holds one more than its limit.
    fn share(&self) -> f64 {
        match (self.depth, self.limit) {
            (Some(depth), Some(limit)) => f64::from(depth) / (f64::from(limit) + 1.0),
            _ => 0.0,
        }
    }

    /// Whether it is nearly full.
    pub(in crate::core::verdict) fn is_full(&self, limits: &Queue) -> bool {
        self.depth > Some(0) && self.share() >= limits.fill
    }
}

/// Judges an accept queue. `is_stuck`: nobody empties it, which is told already.
pub(in crate::core::verdict) fn judge_accepts(
    sight: Sight<'_>,
    queue: &AcceptQueue,
    is_stuck: bool,
    counts: &Counts,
    memory: &mut Memory,
) -> Option<Opinion> {
    let now_ns = sight.now_ns;
    let limits = &sight.thresholds.accept_queue;
    let is_full = queue.is_full(limits);
    let full_ns = memory.full.read(is_full, now_ns);
    memory.failures.read(queue.drops, now_ns);
    if is_stuck {
        // One cause, one verdict; also for what was dropped meanwhile.
        memory.failures.forget();
        return None;
    }
    // A listener also counts the SYNs it drops when its backlog of handshakes is full.
    let overflows = counts.overflows.recent(now_ns, limits.recent_ns);
    let dropped = match queue.drops {
        Some(_) => memory
            .failures
            .recent(now_ns, limits.recent_ns)
            .min(overflows),
        // The kernel does not say whose drops they are: they are those of a full queue.
        None if is_full => overflows,
        None => 0,
    };
    let depth = queue.depth?;
    let lasts = is_full && full_ns >= limits.for_ns && is_told_from_stuck(sight, full_ns);
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
            listener: queue.listener,
            depth,
            limit: queue.limit,
            full_seconds: full_ns as f64 / SECOND_NS as f64,
            dropped,
            cookies: None,
        }),
    })
}

/// Whether it is known that somebody empties a queue that has been full for so long. A queue nobody
/// empties is full from its first seconds on, and only a dump made when its head is old enough tells
/// the two apart. Where dumps are rare that is not waited for.
fn is_told_from_stuck(sight: Sight<'_>, full_ns: u64) -> bool {
    let stuck = &sight.thresholds.accept;
    let full_since_ns = sight.now_ns.saturating_sub(full_ns);
    full_ns >= stuck.stuck_ns
        || (sight.table).was_dumped_since(full_since_ns.saturating_add(stuck.age_ns))
}

/// What a namespace's counters say of its handshakes.
#[derive(Clone, Debug, Default)]
pub(in crate::core::verdict) struct Counts {
    overflows: Counter,
    cookies_sent: Counter,
    cookies_received: Counter,
    listen_drops: Counter,
    request_drops: Counter,
    /// The number of the evaluation that last read them.
    pub(in crate::core::verdict) read_in: u64,
}

impl Counts {
    /// Takes over a reading.
    pub(in crate::core::verdict) fn read(&mut self, events: &KernelEvents, now_ns: u64) {
        let read = |counter: &mut Counter, event: KernelEvent| {
            counter.read(events[event as usize], now_ns);
        };
        read(&mut self.overflows, KernelEvent::ListenOverflows);
        read(&mut self.cookies_sent, KernelEvent::SyncookiesSent);
        read(&mut self.cookies_received, KernelEvent::SyncookiesReceived);
        read(&mut self.listen_drops, KernelEvent::ListenDrops);
        read(&mut self.request_drops, KernelEvent::RequestQueueDrops);
    }
}

/// The handshakes towards the port of a listener.
#[derive(Clone, Copy, Debug)]
pub(in crate::core::verdict) struct Handshakes<'a> {
    /// Those that are not finished.
    pub(in crate::core::verdict) half_open: u32,
    /// So many listeners share them (`SO_REUSEPORT`).
    pub(in crate::core::verdict) listeners: u32,
    pub(in crate::core::verdict) counts: &'a Counts,
    pub(in crate::core::verdict) settings: Option<&'a NamespaceLimits>,
}

impl Handshakes<'_> {
    /// From so many on SYNs get a cookie or are dropped (`tcp_conn_request` of
    /// `net/ipv4/tcp_input.c`): at the limit of the accept queue; without cookies also at three
    /// quarters of `tcp_max_syn_backlog`, since the rest is for peers known from before. Every
    /// listener has a limit of its own.
    fn limit(&self, queue: &AcceptQueue) -> Option<u32> {
        let limit = queue.limit?;
        let reserved = self.settings.and_then(|settings| {
            let backlog = settings.max_syn_backlog?;
            (settings.syncookies == Some(0)).then_some(backlog - (backlog >> 2))
        });
        let limit = reserved.map_or(limit, |reserved| limit.min(reserved));
        Some(limit.saturating_mul(self.listeners))
    }
}

/// Judges the handshakes towards a listener that are not finished.
pub(in crate::core::verdict) fn judge_handshakes(
    sight: Sight<'_>,
    queue: &AcceptQueue,
    handshakes: Handshakes<'_>,
    memory: &mut Memory,
) -> Option<Opinion> {
    let now_ns = sight.now_ns;
    let limits = &sight.thresholds.half_open;
    let limit = handshakes.limit(queue)?;
    let Handshakes {
        half_open, counts, ..
    } = handshakes;
    let is_full = half_open > 0 && f64::from(half_open) >= limits.fill * f64::from(limit);
    let full_ns = memory.full.read(is_full, now_ns);
    memory.failures.read(queue.drops, now_ns);
    let recent = |counter: &Counter| counter.recent(now_ns, limits.recent_ns);
    let (sent, received) = (
        recent(&counts.cookies_sent),
        recent(&counts.cookies_received),
    );
    let overflows = recent(&counts.overflows);
    // What this listener dropped, and not because its accept queue was full.
    let dropped = recent(&memory.failures)
        .min(recent(&counts.listen_drops))
        .saturating_sub(overflows)
        .max(recent(&counts.request_drops));
    // Where most cookies come back the clients are real: many at once, and no flood.
    let are_real = sent >= limits.drops && received * 2 > sent;
    let lasts = is_full && full_ns >= limits.for_ns;
    let severity = match () {
        () if is_full && dropped >= limits.drops => Some(Severity::Critical),
        () if is_full && are_real => Some(Severity::Suspicious),
        () if is_full && sent >= limits.drops => Some(Severity::Warning),
        () if lasts => Some(Severity::Warning),
        () => None,
    };
    Some(Opinion {
        severity,
        evidence: Evidence::Queue(evidence::Queue {
            listener: queue.listener,
            depth: half_open,
            limit: Some(limit),
            full_seconds: full_ns as f64 / SECOND_NS as f64,
            dropped,
            cookies: (sent > 0).then_some((sent, received)),
        }),
    })
}
