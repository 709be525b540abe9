//! Queues of a listener.

use super::text::{count, time};
use super::{Context, Words, numbers, step};
use crate::core::query::{Actor, Confidence};
use crate::core::verdict::Kind;
use crate::core::verdict::evidence::Queue;

pub(super) fn queue(kind: Kind, queue: &Queue, context: &Context<'_>) -> Words {
    if kind == Kind::SynFlood {
        half_open(queue, context)
    } else {
        accepts(queue, context)
    }
}

fn figures(queue: &Queue) -> std::collections::BTreeMap<String, f64> {
    numbers([
        ("queue", Some(f64::from(queue.depth))),
        ("queue_limit", queue.limit.map(f64::from)),
        ("full_seconds", Some(queue.full_seconds)),
        ("dropped_lately", Some(queue.dropped as f64)),
        (
            "syncookies_sent_lately",
            queue.cookies.map(|(sent, _)| sent as f64),
        ),
        (
            "syncookies_received_lately",
            queue.cookies.map(|(_, received)| received as f64),
        ),
    ])
}

fn fill(queue: &Queue) -> String {
    let depth = count(u64::from(queue.depth));
    match queue.limit {
        Some(limit) => format!("{depth} of {}", count(u64::from(limit))),
        None => depth,
    }
}

fn accepts(queue: &Queue, context: &Context<'_>) -> Words {
    let mut what = format!(
        "{} accepts too slowly{}: {} places of its accept queue are taken",
        context.who(),
        context.at(),
        fill(queue),
    );
    if queue.full_seconds >= 1.0 {
        what.push_str(&format!(", nearly full for {}", time(queue.full_seconds)));
    }
    if queue.dropped > 0 {
        let dropped = count(queue.dropped);
        what.push_str(&format!(
            "; it dropped {dropped} connection attempts lately"
        ));
    }
    Words {
        what,
        numbers: figures(queue),
        fix_by: Actor::Process,
        fix: "accept faster (more workers, accept until it would block) or listen with a longer \
              backlog; the kernel cuts that at net.core.somaxconn"
            .into(),
        next: vec![
            step(
                context.inside(&format!("ss -ltnp {}", context.ss_filter())),
                "Recv-Q is the length of the accept queue, Send-Q its limit",
            ),
            step(
                context.inside("nstat -az TcpExtListenOverflows TcpExtListenDrops"),
                "what the namespace's listeners dropped",
            ),
            step(
                context.inside("sysctl net.core.somaxconn"),
                "upper bound of every backlog; takes effect at the next listen()",
            ),
        ],
        confidence: Confidence::High,
        unknown: Vec::new(),
    }
}

fn half_open(queue: &Queue, context: &Context<'_>) -> Words {
    let mut what = format!(
        "handshakes{} are begun and not finished: {} places of the backlog are taken",
        context.at(),
        fill(queue),
    );
    if queue.full_seconds >= 1.0 {
        what.push_str(&format!(", nearly full for {}", time(queue.full_seconds)));
    }
    if let Some((sent, received)) = queue.cookies {
        let (sent, received) = (count(sent), count(received));
        what.push_str(&format!(
            "; {sent} SYN cookies were sent lately, {received} came back"
        ));
    }
    if queue.dropped > 0 {
        let dropped = count(queue.dropped);
        what.push_str(&format!("; {dropped} SYNs were dropped for want of room"));
    }
    let confidence = match queue.cookies {
        Some((sent, received)) if received * 10 < sent => Confidence::High,
        _ => Confidence::Medium,
    };
    Words {
        what,
        numbers: figures(queue),
        fix_by: Actor::Operator,
        fix:
            "a SYN flood, or clients whose answers do not arrive: keep SYN cookies on, filter the \
              sources upstream; a longer backlog only helps against real bursts"
                .into(),
        next: vec![
            step(
                context.inside(&format!("ss -tn state syn-recv {}", context.ss_filter())),
                "who does not finish: many forged addresses, or a few networks",
            ),
            step(
                context.inside("nstat -az 'TcpExtSyncookies*' 'TcpExtTCPReqQFull*'"),
                "cookies sent, received, failed; SYNs dropped",
            ),
            step(
                context.inside("sysctl net.ipv4.tcp_syncookies net.ipv4.tcp_max_syn_backlog"),
                "1 sends cookies when the backlog is full",
            ),
        ],
        confidence,
        unknown: vec!["whether the senders are real: their addresses may be forged".into()],
    }
}
