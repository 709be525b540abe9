//! Sockets that do not move on, and peers that do not answer.

use tcpmon_common::State;

use super::text::{age, connections, count, time};
use super::{Context, Words, numbers, step};
use crate::core::query::{Actor, Confidence};
use crate::core::verdict::evidence::{HalfDead, Orphans, Stuck};

pub(super) fn stuck(stuck: &Stuck, context: &Context<'_>) -> Words {
    let story = story(stuck);
    let what = format!(
        "{}{} {}, the oldest for {}",
        connections(u64::from(stuck.count)),
        context.at(),
        story.what,
        age(stuck.oldest_seconds, stuck.oldest_is_lower_bound),
    );
    let state = stuck.state.name().to_lowercase().replace('_', "-");
    let state = match stuck.state {
        State::FinWait1 => "fin-wait-1".into(),
        State::FinWait2 => "fin-wait-2".into(),
        _ => state,
    };
    Words {
        what,
        numbers: numbers([
            ("stuck_sockets", Some(f64::from(stuck.count))),
            ("oldest_age_seconds", Some(stuck.oldest_seconds)),
            (
                "retransmitting_of_the_oldest",
                Some(stuck.retransmitting as f64),
            ),
            (
                "window_closed_of_the_oldest",
                Some(stuck.window_closed as f64),
            ),
        ]),
        fix_by: story.fix_by,
        fix: story.fix.into(),
        next: vec![
            step(
                context.inside(&format!("ss -tnpoi state {state} {}", context.ss_filter())),
                "timer, retransmissions and what is in flight of each",
            ),
            step(
                context.inside(&format!("ss -tK state {state} {}", context.ss_filter())),
                "ends them at once",
            ),
        ],
        confidence: story.confidence,
        unknown: vec![
            "what lies between here and the peer: a firewall that drops looks like a \
                       peer that is gone"
                .into(),
        ],
    }
}

struct Story {
    what: &'static str,
    fix_by: Actor,
    fix: &'static str,
    confidence: Confidence,
}

fn story(stuck: &Stuck) -> Story {
    let is_silent = stuck.retransmitting > 0;
    let is_full = stuck.window_closed > 0;
    match stuck.state {
        State::SynSent => Story {
            what: "get no answer to their SYN",
            fix_by: Actor::Operator,
            fix: "the peer is down, or a firewall drops the SYNs without a reset: check the route and \
                  the filters, and give connect() a time-out",
            confidence: Confidence::High,
        },
        State::FinWait2 => Story {
            what: "closed their sending side, and the peer has not closed its own",
            fix_by: Actor::Peer,
            fix: "the peer has seen our FIN and keeps its side open: it may leak CLOSE_WAIT there; \
                  close() instead of shutdown() here lets the kernel end them after tcp_fin_timeout",
            confidence: Confidence::Medium,
        },
        _ if is_full => Story {
            what: "cannot send their last data: the peer's window is closed",
            fix_by: Actor::Peer,
            fix: "the peer does not read; what was sent before close() waits for it, until \
                  tcp_retries2 or tcp_orphan_retries end it",
            confidence: Confidence::High,
        },
        _ if is_silent => Story {
            what: "send their FIN again and again without an answer",
            fix_by: Actor::Operator,
            fix: "the peer vanished, or a firewall forgot the connection and drops its segments: \
                  look at the path; the kernel gives up after tcp_orphan_retries",
            confidence: Confidence::High,
        },
        _ => Story {
            what: "wait for the peer's answer to their FIN",
            fix_by: Actor::Operator,
            fix: "the peer vanished, a firewall drops, or data is still on its way: look at the \
                  timers of the sockets",
            confidence: Confidence::Low,
        },
    }
}

pub(super) fn half_dead(dead: &HalfDead, context: &Context<'_>) -> Words {
    let mut what = format!(
        "{}{} get no answer from the peer any more: {} tries, for at least {}",
        connections(u64::from(dead.count)),
        context.at(),
        dead.unanswered,
        time(dead.silent_seconds),
    );
    if dead.unacknowledged_bytes > 0 {
        let bytes = count(dead.unacknowledged_bytes);
        what.push_str(&format!("; {bytes} bytes are not acknowledged"));
    }
    Words {
        what,
        numbers: numbers([
            ("silent_connections", Some(f64::from(dead.count))),
            ("unanswered_tries", Some(f64::from(dead.unanswered))),
            ("silent_seconds", Some(dead.silent_seconds)),
            (
                "unacknowledged_bytes",
                Some(dead.unacknowledged_bytes as f64),
            ),
            (
                "window_closed_connections",
                Some(f64::from(dead.window_closed)),
            ),
            ("keepalive_connections", Some(f64::from(dead.keepalive))),
        ]),
        fix_by: Actor::Operator,
        fix: "the peer is gone or unreachable and these connections do not know it yet: they end \
              after tcp_retries2 (about 15 minutes), sooner with TCP_USER_TIMEOUT"
            .into(),
        next: vec![
            step(
                context.inside(&format!(
                    "ss -tnpoi state established {}",
                    context.ss_filter()
                )),
                "backoff, lastack and unacked of each",
            ),
            step(
                context.inside("sysctl net.ipv4.tcp_retries2"),
                "how many tries end a connection",
            ),
        ],
        confidence: Confidence::High,
        unknown: vec!["whether the peer or something on the way is silent".into()],
    }
}

pub(super) fn orphans(orphans: &Orphans) -> Words {
    let mut what = format!(
        "{} connections have no process any more, the limit tcp_max_orphans is {}",
        count(orphans.orphans),
        count(u64::from(orphans.limit)),
    );
    if orphans.aborted > 0 {
        let aborted = count(orphans.aborted);
        what.push_str(&format!("; {aborted} were reset in the last minute"));
    }
    Words {
        what,
        numbers: numbers([
            ("orphans", Some(orphans.orphans as f64)),
            ("orphans_limit", Some(f64::from(orphans.limit))),
            ("aborted_in_a_minute", Some(orphans.aborted as f64)),
        ]),
        fix_by: Actor::Operator,
        fix: "processes close faster than peers acknowledge; beyond the limit the kernel resets \
              connections and loses what was still to be sent: find the peers that do not answer"
            .into(),
        next: vec![
            step(
                "ss -tno state fin-wait-1; ss -tno state last-ack; ss -tno state closing",
                "the orphans that still have something to send",
            ),
            step(
                "sysctl net.ipv4.tcp_max_orphans",
                "the limit of the machine",
            ),
        ],
        confidence: Confidence::High,
        unknown: Vec::new(),
    }
}
