//! CLOSE_WAIT: the peer has hung up and the process has not.

use super::{Opinion, Sight};
use crate::core::query::OwnerSource;
use crate::core::table::{Bucket, Endpoint, Group, Socket, Table};
use crate::core::verdict::Severity;
use crate::core::verdict::evidence::{Evidence, Leak, SHOWN};
use crate::core::verdict::memory::Memory;
use crate::core::verdict::thresholds::{CloseWait, SECOND_NS};
use tcpmon_common::State;

/// Those that somebody has accepted.
pub(in crate::core::verdict) const BUCKET: Bucket = Bucket::of_state(State::CloseWait);

/// Where some of the oldest still send, so many are looked at.
const LOOKED_AT: usize = 64;

/// Until the oldest has lingered twice as long as lingering takes, nobody can tell whether those
/// that linger go on after all: a program that takes a minute to notice has shown nothing yet.
const SETTLED: u64 = 2;

/// Judges the CLOSE_WAIT sockets of a process at an endpoint.
pub(in crate::core::verdict) fn judge(
    sight: Sight<'_>,
    group: &Group<'_>,
    memory: &mut Memory,
) -> Option<Opinion> {
    let Sight {
        table,
        thresholds,
        now_ns,
    } = sight;
    let limits = &thresholds.close_wait;
    let oldest = group.oldest(BUCKET)?;
    let sending = sending(table, group);
    let lingering = group.ripe(BUCKET).saturating_sub(sending);
    memory.trend.read(now_ns, f64::from(lingering));
    let (ripened, left) = group.ripe_flow(BUCKET);
    memory.turnover.read(ripened, left, now_ns);
    let opened = group.came(Bucket::of_state(State::Established));
    let opened_since = opened.saturating_sub(*memory.opened_before.get_or_insert(opened));
    let growth = memory.trend.steady(f64::from(limits.leak));
    let per_second = growth.and_then(|growth| growth.rate());
    let fact = group
        .process()
        .and_then(|process| table.process_fact(process));
    let max_open_files = fact.and_then(|fact| fact.max_open_files);
    let open_files = fact.and_then(|fact| {
        let since = now_ns.saturating_sub(fact.read_ns) as f64 / SECOND_NS as f64;
        let gained = per_second.unwrap_or(0.0) * since;
        Some(fact.open_files? + gained as u64)
    });
    let shown: Vec<_> = group.sockets(BUCKET).take(SHOWN).collect();
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
        still_sending: sending as usize,
        is_held: shown.iter().all(|id| is_held(table.socket(*id))),
        oldest: shown.iter().map(|id| table.sight(*id)).collect(),
    };
    let is_pool = is_destination(table, group) && opened_since < u64::from(limits.suspicious);
    let least = if is_pool { limits.pool } else { limits.leak };
    let before_ns = now_ns.saturating_sub(limits.leak_age_ns);
    let signs = Signs {
        is_settled: oldest.age_ns(now_ns) >= SETTLED * limits.age_ns,
        is_old: is_old(table, group, least + sending, before_ns),
        is_pool,
    };
    Some(Opinion {
        severity: severity(&leak, limits, signs),
        evidence: Evidence::Leak(leak),
    })
}

/// What beside the numbers of the evidence tells a leak from what is slow.
#[derive(Clone, Copy, Debug)]
struct Signs {
    is_settled: bool,
    /// Enough for a leak are as old as only forgotten ones are.
    is_old: bool,
    /// It may be a pool of connections that nobody uses now. A program that opens others and leaves
    /// those in CLOSE_WAIT as they are has no pool: it would have tried them first.
    is_pool: bool,
}

fn severity(leak: &Leak, limits: &CloseWait, signs: Signs) -> Option<Severity> {
    let (suspicious, least) = if signs.is_pool {
        (limits.pool, limits.pool)
    } else {
        (limits.suspicious, limits.leak)
    };
    let turns_over = leak.turnover >= limits.turnover;
    let is_growing = leak.per_second.is_some() && signs.is_settled && !turns_over;
    if leak.lingering >= least && (is_growing || signs.is_old) {
        return Some(if is_near_the_limit(leak, limits) {
            Severity::Critical
        } else {
            Severity::Warning
        });
    }
    let is_suspicious = leak.lingering >= suspicious && signs.is_settled && !turns_over;
    is_suspicious.then_some(Severity::Suspicious)
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

/// Those among the oldest that linger with data on its way: the program may be waiting for the peer
/// to take it. Whoever is served slowly must not hide those that are forgotten.
fn sending(table: &Table, group: &Group<'_>) -> u32 {
    let ripe = group.ripe(BUCKET) as usize;
    let count = |most: usize| {
        let oldest = group.sockets(BUCKET).take(most.min(ripe));
        let sending = oldest.filter(|id| is_sending(table.socket(*id)));
        u32::try_from(sending.count()).unwrap_or(u32::MAX)
    };
    match count(SHOWN) {
        0 => 0,
        _ if ripe <= LOOKED_AT => count(ripe),
        // The others are taken to be like these.
        _ => (u64::from(count(LOOKED_AT)) * ripe as u64 / LOOKED_AT as u64) as u32,
    }
}

/// Whether `count` have been in CLOSE_WAIT since before `before_ns`. Not looked at in the depth of a
/// heap of slow readers.
fn is_old(table: &Table, group: &Group<'_>, count: u32, before_ns: u64) -> bool {
    let place = count.saturating_sub(1) as usize;
    if place > 4 * LOOKED_AT {
        return false;
    }
    let socket = group.sockets(BUCKET).nth(place);
    socket.is_some_and(|id| table.socket(id).entered_ns <= before_ns)
}

/// Whether this side opened: also known of sockets older than the agent, which do not say.
fn is_destination(table: &Table, group: &Group<'_>) -> bool {
    let endpoint = table.endpoint(group.endpoint_id());
    endpoint.is_some_and(|(endpoint, _)| matches!(endpoint, Endpoint::Destination { .. }))
}

fn is_sending(socket: &Socket) -> bool {
    socket
        .details
        .is_some_and(|details| details.send_queue > Some(0))
}

fn is_held(socket: &Socket) -> bool {
    let source = socket.owner.map(|owner| owner.source);
    source == Some(OwnerSource::FdTable)
}
