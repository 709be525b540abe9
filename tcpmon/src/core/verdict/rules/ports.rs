//! Local ports towards one destination.
//!
//! `__inet_hash_connect` (`net/ipv4/inet_hashtables.c`) takes a port of `ip_local_port_range` that no
//! socket has towards the same address and port, that is not reserved and that nobody bound.

use std::net::IpAddr;

use super::Opinion;
use crate::core::facts::NamespaceLimits;
use crate::core::table::{Endpoint, Process, Table, Traffic};
use crate::core::verdict::Severity;
use crate::core::verdict::evidence::{self, Evidence};
use crate::core::verdict::memory::Memory;
use crate::core::verdict::thresholds::{Ports, SECOND_NS};

/// How long a TIME_WAIT entry blocks its port where it may not be taken over.
const TIME_WAIT_SECONDS: f64 = 60.0;

/// The sockets towards a destination.
#[derive(Clone, Copy, Debug, Default)]
pub(in crate::core::verdict) struct Use {
    /// All that hold a port.
    pub(in crate::core::verdict) sockets: u32,
    /// Of them in TIME_WAIT.
    pub(in crate::core::verdict) time_wait: u32,
    pub(in crate::core::verdict) busiest: Option<(Process, u32)>,
}

/// Judges the ports towards a destination.
pub(in crate::core::verdict) fn judge(
    table: &Table,
    (endpoint, traffic): (&Endpoint, &Traffic),
    used: Use,
    limits: &Ports,
    memory: &mut Memory,
    opened: &mut super::super::trend::Trend,
    now_ns: u64,
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
    memory.failures.read(Some(traffic.no_port), now_ns);
    opened.read(now_ns, traffic.opened as f64);
    let settings = table.limits(*netns);
    let usable = settings.and_then(|settings| {
        let range = settings.local_ports?;
        let taken = table.listening_ports(*netns, range.low, range.high);
        Some(settings.ephemeral_ports()?.saturating_sub(taken))
    });
    let opened_per_second = opened
        .fast()
        .map(|growth| growth.per_second)
        .filter(|rate| *rate > 0.0);
    let reusable = settings.map_or(0, |settings| {
        reusable(
            settings,
            *source,
            *address,
            used.time_wait,
            opened_per_second,
        )
    });
    let held = used.sockets.saturating_sub(reusable);
    memory.trend.read(now_ns, f64::from(held));
    let growth = memory.trend.fast().filter(|growth| growth.is_steady(5.0));
    let per_second = growth
        .map(|growth| growth.per_second)
        .filter(|rate| *rate > 0.0);
    let share = traffic.closed_here_share();
    let blocked_per_second = opened_per_second.unwrap_or(0.0) * share.unwrap_or(1.0);
    let live = used.sockets.saturating_sub(used.time_wait);
    let levels_off_at = match reusable {
        0 => f64::from(live) + blocked_per_second * TIME_WAIT_SECONDS,
        _ => f64::from(held),
    };
    let seconds_left = usable.zip(per_second).and_then(|(usable, rate)| {
        // TIME_WAIT entries end as fast as new ones come, after a minute.
        let will_run_out = levels_off_at >= f64::from(usable);
        will_run_out.then(|| f64::from(usable.saturating_sub(held)) / rate)
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
        busiest: used.busiest,
    };
    Some(Opinion {
        severity: severity(&ports, limits),
        evidence: Evidence::Ports(ports),
    })
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

/// TIME_WAIT entries a new connection may take over: where that is allowed, those a second old.
fn reusable(
    settings: &NamespaceLimits,
    source: IpAddr,
    address: IpAddr,
    time_wait: u32,
    opened_per_second: Option<f64>,
) -> u32 {
    let is_loopback = source.is_loopback() || address.is_loopback();
    if !settings.reuses_time_wait(is_loopback) {
        return 0;
    }
    let delay = f64::from(settings.tw_reuse_delay_ms.unwrap_or(1000)) / 1000.0;
    let fresh = opened_per_second.unwrap_or(0.0) * delay;
    time_wait.saturating_sub(fresh as u32)
}
