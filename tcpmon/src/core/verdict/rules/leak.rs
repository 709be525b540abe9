//! CLOSE_WAIT: the peer has hung up and the process has not.

use super::Opinion;
use crate::core::query::{OwnerSource, Role};
use crate::core::table::{Bucket, Group, Socket, Table};
use crate::core::verdict::Severity;
use crate::core::verdict::evidence::{Evidence, Leak, SHOWN};
use crate::core::verdict::memory::Memory;
use crate::core::verdict::thresholds::{CloseWait, SECOND_NS};
use tcpmon_common::State;

/// Those that somebody has accepted.
pub(in crate::core::verdict) const BUCKET: Bucket = Bucket::of_state(State::CloseWait);

/// Judges the CLOSE_WAIT sockets of a process at an endpoint.
pub(in crate::core::verdict) fn judge(
    table: &Table,
    group: &Group<'_>,
    limits: &CloseWait,
    memory: &mut Memory,
    now_ns: u64,
) -> Option<Opinion> {
    let oldest = group.oldest(BUCKET)?;
    let lingering = group.ripe(BUCKET);
    memory.trend.read(now_ns, f64::from(lingering));
    let (ripened, left) = group.ripe_flow(BUCKET);
    memory.turnover.read(ripened, left, now_ns);
    let shown: Vec<_> = group.sockets(BUCKET).take(SHOWN).collect();
    let looked_at = || shown.iter().map(|id| table.socket(*id));
    let growth = memory.trend.steady(f64::from(limits.leak));
    let per_second = growth
        .map(|growth| growth.per_second)
        .filter(|rate| *rate > 0.0);
    let fact = group
        .process()
        .and_then(|process| table.process_fact(process));
    let max_open_files = fact.and_then(|fact| fact.max_open_files);
    let open_files = fact.and_then(|fact| {
        let since = now_ns.saturating_sub(fact.read_ns) as f64 / SECOND_NS as f64;
        let gained = per_second.unwrap_or(0.0) * since;
        Some(fact.open_files? + gained as u64)
    });
    let leak = Leak {
        lingering,
        close_wait: group.count(BUCKET),
        oldest_seconds: oldest.age_ns(now_ns) as f64 / SECOND_NS as f64,
        oldest_is_lower_bound: oldest.age_is_lower_bound,
        per_second,
        turnover: memory.turnover.share(ripened, left),
        open_files,
        max_open_files,
        seconds_left: seconds_left(per_second, open_files, max_open_files),
        still_sending: looked_at().filter(|socket| is_sending(socket)).count(),
        is_held: looked_at().all(is_held),
        oldest: shown.iter().map(|id| table.sight(*id)).collect(),
    };
    let is_client = oldest.role == Some(Role::Client);
    Some(Opinion {
        severity: severity(&leak, limits, is_client, oldest.age_ns(now_ns)),
        evidence: Evidence::Leak(leak),
    })
}

fn severity(leak: &Leak, limits: &CloseWait, is_client: bool, age_ns: u64) -> Option<Severity> {
    let is_draining = leak.still_sending * 2 > leak.oldest.len();
    if is_draining || leak.turnover >= limits.turnover {
        return None;
    }
    let is_growing = leak.per_second.is_some();
    // A pool of connections that nobody uses now: it does not grow.
    let least = if is_client && !is_growing {
        limits.pool
    } else {
        limits.leak
    };
    let is_leak = leak.lingering >= least && (is_growing || age_ns >= limits.leak_age_ns);
    if is_leak {
        return Some(if is_near_the_limit(leak, limits) {
            Severity::Critical
        } else {
            Severity::Warning
        });
    }
    let suspicious = if is_client {
        limits.pool
    } else {
        limits.suspicious
    };
    (leak.lingering >= suspicious).then_some(Severity::Suspicious)
}

fn is_near_the_limit(leak: &Leak, limits: &CloseWait) -> bool {
    let within = limits.critical_within_ns as f64 / SECOND_NS as f64;
    let share = leak.open_files.zip(leak.max_open_files).map(|(open, max)| {
        // Files that are no leaked connections are somebody else's trouble.
        let is_to_blame = f64::from(leak.close_wait) >= 0.5 * open as f64;
        if is_to_blame {
            open as f64 / max.max(1) as f64
        } else {
            0.0
        }
    });
    leak.seconds_left.is_some_and(|left| left <= within)
        || share.is_some_and(|share| share >= limits.critical_share)
}

/// Seconds until the limit of open files is reached.
fn seconds_left(
    per_second: Option<f64>,
    open_files: Option<u64>,
    max_open_files: Option<u64>,
) -> Option<f64> {
    let free = max_open_files?.saturating_sub(open_files?) as f64;
    Some(free / per_second?)
}

/// There is data on its way: the program may be waiting for the peer to take it.
fn is_sending(socket: &Socket) -> bool {
    socket
        .details
        .is_some_and(|details| details.send_queue > Some(0))
}

fn is_held(socket: &Socket) -> bool {
    let source = socket.owner.map(|owner| owner.source);
    source == Some(OwnerSource::FdTable)
}
