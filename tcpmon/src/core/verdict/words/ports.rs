//! Local ports and TIME_WAIT.

use super::text::{count, endpoint, percent, rate, time};
use super::{Context, Words, numbers, step};
use crate::core::query::{Actor, Confidence};
use crate::core::verdict::Place;
use crate::core::verdict::evidence::{Ports, TimeWaits};

pub(super) fn ports(ports: &Ports, context: &Context<'_>) -> Words {
    let (from, to) = match context.place {
        Place::Destination {
            source,
            address,
            port,
            ..
        } => (source.to_string(), endpoint(*address, *port)),
        _ => Default::default(),
    };
    let held = count(u64::from(ports.held));
    let time_wait = count(u64::from(ports.time_wait));
    let mut what = match ports.usable {
        Some(usable) => format!(
            "local ports from {from} to {to} run out: {held} of {} are taken, {time_wait} in \
             TIME_WAIT",
            count(u64::from(usable))
        ),
        None => format!("local ports from {from} to {to} run out: {held} are taken"),
    };
    if ports.failed > 0 {
        let failed = count(ports.failed);
        what.push_str(&format!(
            "; {failed} connect() calls failed with EADDRNOTAVAIL in the last minute"
        ));
    } else if let Some(left) = ports.seconds_left {
        what.push_str(&format!("; none left in {}", time(left)));
    }
    let mut unknown = Vec::new();
    if ports.usable.is_none() {
        unknown.push("the port range of the namespace could not be read".to_owned());
    } else {
        unknown.push("ports that programs bound themselves are taken, too, and not counted".into());
    }
    Words {
        what,
        numbers: numbers([
            ("ports_held", Some(f64::from(ports.held))),
            ("ports_usable", ports.usable.map(f64::from)),
            ("time_wait_sockets", Some(f64::from(ports.time_wait))),
            ("time_wait_reusable", Some(f64::from(ports.reusable))),
            ("growth_per_second", ports.per_second),
            ("seconds_until_no_port_is_left", ports.seconds_left),
            ("failed_connects_in_a_minute", Some(ports.failed as f64)),
            ("failed_connects", Some(ports.failed_in_all as f64)),
            ("connections_per_second", ports.opened_per_second),
            ("closed_here_first_ratio", ports.closed_here_share),
            ("median_life_seconds", ports.median_life_seconds),
        ]),
        fix_by: Actor::Process,
        fix: fix(ports, context),
        next: vec![
            step(
                context.inside(&format!(
                    "ss -tan {} | awk '{{print $1}}' | sort | uniq -c",
                    context.ss_filter()
                )),
                "the states of the connections to this destination",
            ),
            step(
                context.inside("sysctl net.ipv4.ip_local_port_range net.ipv4.tcp_tw_reuse"),
                "the range; with tcp_tw_reuse=1 a new connection may take a port over after a second",
            ),
            step(
                context.inside("sysctl -w net.ipv4.ip_local_port_range='1024 65535'"),
                "more ports at once; make sure that no service listens in the range",
            ),
        ],
        confidence: if ports.failed > 0 {
            Confidence::High
        } else {
            Confidence::Medium
        },
        unknown,
    }
}

/// `payments closes first in 99 % of 470/s, median life 14ms: use keep-alive or a pool`.
fn fix(ports: &Ports, context: &Context<'_>) -> String {
    let mut fix = context.who();
    if let Some((_, sockets)) = ports.busiest {
        let sockets = count(u64::from(sockets));
        fix.push_str(&format!(" has {sockets} of these sockets"));
    }
    if let Some(share) = ports.closed_here_share {
        let share = percent(share);
        fix.push_str(&format!(
            "; this side closes first in {share} of its connections"
        ));
    }
    if let Some(opened) = ports.opened_per_second {
        fix.push_str(&format!(", {} opened", rate(opened)));
    }
    if let Some(life) = ports.median_life_seconds {
        fix.push_str(&format!(", median life about {}", time(life)));
    }
    fix.push_str(match ports.time_wait * 2 > ports.held {
        true => ": keep connections alive or use a pool, or let the other side close first",
        false => {
            ": the connections are alive; spread them over more source or destination addresses"
        }
    });
    fix
}

pub(super) fn time_waits(waits: &TimeWaits, context: &Context<'_>) -> Words {
    let minisocks = count(waits.minisocks);
    let mut what = match waits.limit {
        Some(limit) => format!(
            "a network namespace holds {minisocks} TIME_WAIT entries, the limit tcp_max_tw_buckets \
             is {}",
            count(u64::from(limit))
        ),
        None => format!("a network namespace holds {minisocks} TIME_WAIT entries"),
    };
    if waits.refused > 0 {
        let refused = count(waits.refused);
        what.push_str(&format!(
            "; {refused} connections ended without TIME_WAIT in the last minute"
        ));
    }
    let mut fix = String::from(
        "connections that end without TIME_WAIT may meet late segments of their predecessors: \
         raise the limit (an entry takes about 250 bytes), or let connections live longer",
    );
    if let Some((process, sockets)) = waits.busiest {
        let (name, pid) = (process.name(), process.pid);
        let sockets = count(u64::from(sockets));
        fix.push_str(&format!("; {name}[{pid}] made the most, {sockets}"));
    }
    Words {
        what,
        numbers: numbers([
            ("time_wait_sockets", Some(waits.minisocks as f64)),
            ("time_wait_limit", waits.limit.map(f64::from)),
            ("refused_in_a_minute", Some(waits.refused as f64)),
        ]),
        fix_by: Actor::Operator,
        fix,
        next: vec![
            step(
                context.inside("sysctl net.ipv4.tcp_max_tw_buckets"),
                "the limit of this namespace",
            ),
            step(
                context.inside("nstat -az TcpExtTCPTimeWaitOverflow"),
                "how often it was hit",
            ),
        ],
        confidence: Confidence::High,
        unknown: match waits.limit {
            Some(_) => Vec::new(),
            None => vec!["tcp_max_tw_buckets could not be read".into()],
        },
    }
}
