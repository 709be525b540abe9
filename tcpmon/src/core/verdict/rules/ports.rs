//! Local ports towards one destination.
//!
//! `__inet_hash_connect` (`net/ipv4/inet_hashtables.c`) takes a port of `ip_local_port_range` that no
//! socket has towards the same address and port, that is not reserved and that nobody bound.

use super::{Opinion, Sight};
use crate::core::facts::NamespaceLimits;
use crate::core::table::{Endpoint, NetnsId, Process, Table, Traffic};
use crate::core::verdict::Severity;
use crate::core::verdict::evidence::{self, Evidence};
use crate::core::verdict::memory::Memory;
use crate::core::verdict::thresholds::{Ports, SECOND_NS};
use crate::core::verdict::trend::Trend;

/// How long a TIME_WAIT entry blocks its port where it may not be taken over.
const TIME_WAIT_SECONDS: f64 = 60.0;

/// The sockets towards a destination.
#[derive(Clone, Copy, Debug, Default)]
pub(in crate::core::verdict) struct Use {
    /// All that hold a port.
    pub(in crate::core::verdict) sockets: u32,
    /// Of them in TIME_WAIT.
    pub(in crate::core::verdict) time_wait: u32,
    /// Ports there are, with nobody's sockets on them.
    pub(in crate::core::verdict) usable: Option<u32>,
    pub(in crate::core::verdict) busiest: Option<(Process, u32)>,
}

/// Judges the ports towards a destination.
pub(in crate::core::verdict) fn judge(
    sight: Sight<'_>,
    endpoint: &Endpoint,
    traffic: &Traffic,
    used: Use,
    memory: &mut Memory,
) -> Option<Opinion> {
    let Endpoint::Destination {
        netns,
        source,
        address,
        ..
    } = endpoint
    else {
        return None;
    };
    let Sight { table, now_ns, .. } = sight;
    let limits = &sight.thresholds.ports;
    let settings = table.limits(*netns);
    let usable = used.usable;
    let is_loopback = source.is_loopback() || address.is_loopback();
    let blocked_for = settings.map_or(TIME_WAIT_SECONDS, |of| blocked_for(of, is_loopback));
    let live = used.sockets.saturating_sub(used.time_wait);
    // The table counts from nothing; a destination may be judged because of its first failure.
    memory.failures.begin_at_zero();
    memory.failures.read(Some(traffic.no_port), now_ns);
    memory.opened.read(now_ns, traffic.opened as f64);
    memory.live.read(now_ns, f64::from(live));
    let opened_per_second = memory.opened.fast().and_then(|growth| growth.rate());
    let share = traffic.closed_here_share();
    // Where nothing was closed yet nothing is in TIME_WAIT either.
    let waiting_per_second = opened_per_second.unwrap_or(0.0) * share.unwrap_or(0.0);
    let reusable = if blocked_for < TIME_WAIT_SECONDS {
        used.time_wait
            .saturating_sub((waiting_per_second * blocked_for) as u32)
    } else {
        0
    };
    let held = used.sockets.saturating_sub(reusable);
    let blocked_for_ms = (blocked_for * 1e3) as u64;
    if memory.blocked_for_ms.replace(blocked_for_ms) != Some(blocked_for_ms) {
        // Somebody changed the settings: what was held by the ones before does not grow into this.
        memory.trend = Trend::default();
    }
    memory.trend.read(now_ns, f64::from(held));
    let per_second = steady(&memory.trend);
    let seconds_left = usable.zip(per_second).and_then(|(usable, rate)| {
        // TIME_WAIT entries end as fast as new ones come, after a minute; what stays does not.
        let levels_off_at = f64::from(live) + waiting_per_second * blocked_for;
        let will_run_out = steady(&memory.live).is_some() || levels_off_at >= f64::from(usable);
        let is_far = f64::from(held) < limits.foretell_from * f64::from(usable);
        (will_run_out && !is_far).then(|| f64::from(usable.saturating_sub(held)) / rate)
    });
    let ports = evidence::Ports {
        held,
        time_wait: used.time_wait,
        reusable,
        usable,
        per_second,
        seconds_left,
        failed: memory.failures.recent(now_ns, limits.recent_ns),
        failed_in_all: traffic.no_port,
        opened_per_second,
        closed_here_share: share,
        median_life_seconds: traffic.lives.median_ns().map(|ns| ns as f64 / 1e9),
        busiest: used
            .busiest
            .or_else(|| traffic.no_port_of.map(|process| (process, 0))),
    };
    Some(Opinion {
        severity: severity(&ports, limits),
        evidence: Evidence::Ports(ports),
    })
}

/// Growth per second over two minutes, if it is steady.
fn steady(trend: &Trend) -> Option<f64> {
    trend.fast().filter(|growth| growth.is_steady(5.0))?.rate()
}

fn severity(ports: &evidence::Ports, limits: &Ports) -> Option<Severity> {
    if ports.failed > 0 {
        return Some(Severity::Critical);
    }
    let usable = f64::from(ports.usable?);
    let headroom = 1.0 - f64::from(ports.held) / usable.max(1.0);
    let within = limits.warning_within_ns as f64 / SECOND_NS as f64;
    if headroom <= limits.critical_headroom {
        Some(Severity::Critical)
    } else if headroom <= limits.warning_headroom
        || ports.seconds_left.is_some_and(|left| left <= within)
    {
        Some(Severity::Warning)
    } else {
        None
    }
}

/// Ports of a namespace for connections that do not choose one: of an odd number the last is never
/// used, and none that somebody listens on. Costs a step per listener of the machine.
pub(in crate::core::verdict) fn usable(table: &Table, netns: NetnsId) -> Option<u32> {
    let settings = table.limits(netns)?;
    let range = settings.local_ports?;
    let taken = table.listening_ports(netns, range.low, range.high);
    Some(settings.ephemeral_ports()?.saturating_sub(taken))
}

/// Seconds until a new connection may have the port of a TIME_WAIT entry: where it may take the entry
/// over at all, after a second.
fn blocked_for(settings: &NamespaceLimits, is_loopback: bool) -> f64 {
    if settings.reuses_time_wait(is_loopback) {
        f64::from(settings.tw_reuse_delay_ms.unwrap_or(1000)) / 1000.0
    } else {
        TIME_WAIT_SECONDS
    }
}
