//! Connections that are not closed, and connections that are not accepted.

use super::text::{age, connections, count, rate, time};
use super::{Context, Words, numbers, step};
use crate::core::query::{Actor, Confidence, NextStep};
use crate::core::verdict::Place;
use crate::core::verdict::evidence::{Accept, Leak};

pub(super) fn leak(leak: &Leak, context: &Context<'_>) -> Words {
    let is_client = matches!(context.place, Place::Destination { .. });
    let mut what = format!(
        "{} has not closed {}{} whose peer hung up, the oldest {} ago",
        context.who(),
        connections(u64::from(leak.lingering)),
        context.at(),
        age(leak.oldest_seconds, leak.oldest_is_lower_bound),
    );
    if let Some(per_second) = leak.per_second {
        what.push_str(&format!("; {} more", rate(per_second)));
    }
    if let (Some(open), Some(max)) = (leak.open_files, leak.max_open_files) {
        what.push_str(&format!("; {} of {} files open", count(open), count(max)));
    }
    if let Some(left) = leak.seconds_left {
        what.push_str(&format!(", none left in {}", time(left)));
    }
    let fix = if is_client {
        "its connection pool must notice that the peer closed (read returns 0) and close, or be \
         given a shorter idle time than the peer's"
    } else {
        "the handler of these connections returns, or waits, without close(): every path must close, \
         errors and time-outs too"
    };
    let confidence = match (leak.is_held, leak.per_second.is_some()) {
        (true, true) => Confidence::High,
        (true, false) => Confidence::Medium,
        (false, _) => Confidence::Low,
    };
    Words {
        what,
        numbers: numbers([
            ("lingering_sockets", Some(f64::from(leak.lingering))),
            ("close_wait_sockets", Some(f64::from(leak.close_wait))),
            ("oldest_age_seconds", Some(leak.oldest_seconds)),
            ("growth_per_second", leak.per_second),
            ("turnover_ratio", Some(leak.turnover)),
            ("open_files", leak.open_files.map(|open| open as f64)),
            ("max_open_files", leak.max_open_files.map(|max| max as f64)),
            ("seconds_until_no_file_is_left", leak.seconds_left),
        ]),
        fix_by: Actor::Process,
        fix: fix.into(),
        next: leak_steps(context),
        confidence,
        unknown: leak_unknowns(leak),
    }
}

fn leak_steps(context: &Context<'_>) -> Vec<NextStep> {
    let filter = context.ss_filter();
    let list = context.inside(&format!("ss -tnpe state close-wait {filter}"));
    let mut next = Vec::new();
    if let Some(process) = context.process {
        let pid = process.pid;
        if let Some(fd) = context.fd {
            next.push(step(
                format!("ls -l /proc/{pid}/fd/{fd}"),
                "the oldest of them in the process's file table",
            ));
        }
        next.push(step(
            format!("grep 'open files' /proc/{pid}/limits; ls /proc/{pid}/fd | wc -l"),
            "how near the limit of open files is",
        ));
    }
    next.push(step(list, "all of them"));
    next.push(step(
        context.inside(&format!("ss -tK state close-wait {filter}")),
        "ends the connections in the kernel; their file descriptors stay open until the process \
         closes them or is restarted",
    ));
    next
}

fn leak_unknowns(leak: &Leak) -> Vec<String> {
    let mut unknown = Vec::new();
    if !leak.is_held {
        unknown.push("nobody was seen with all of these sockets in a file table yet".into());
    }
    if leak.open_files.is_none() || leak.max_open_files.is_none() {
        unknown.push("how many files the process has open, or may have, could not be read".into());
    }
    if leak.per_second.is_none() {
        unknown.push("no steady growth was seen: when the limit is reached cannot be told".into());
    }
    unknown
}

pub(super) fn accept(accept: &Accept, context: &Context<'_>) -> Words {
    let mut what = format!(
        "{} has stopped accepting{}: {} in the queue, the first for {}",
        context.who(),
        context.at(),
        waiting(accept.waiting),
        age(accept.oldest_seconds, accept.oldest_is_lower_bound),
    );
    if accept.hung_up > 0 {
        let hung_up = count(u64::from(accept.hung_up));
        what.push_str(&format!("; {hung_up} of the peers have hung up"));
    }
    if let Some(limit) = accept.limit {
        let limit = count(u64::from(limit));
        what.push_str(&format!("; the queue holds {limit}"));
    }
    if accept.dropped > 0 {
        let dropped = count(accept.dropped);
        what.push_str(&format!(", {dropped} were dropped in the last minute"));
    }
    Words {
        what,
        numbers: numbers([
            ("waiting_connections", Some(f64::from(accept.waiting))),
            ("hung_up_connections", Some(f64::from(accept.hung_up))),
            ("oldest_age_seconds", Some(accept.oldest_seconds)),
            ("accept_queue", Some(f64::from(accept.depth))),
            ("accept_queue_limit", accept.limit.map(f64::from)),
            ("dropped_in_a_minute", Some(accept.dropped as f64)),
        ]),
        fix_by: Actor::Process,
        fix: "the thread that calls accept() is blocked, busy or gone: look where it stands".into(),
        next: accept_steps(context),
        confidence: if context.process.is_some() {
            Confidence::High
        } else {
            Confidence::Medium
        },
        unknown: match context.process {
            Some(_) => Vec::new(),
            None => vec![
                "several processes listen there, or none was seen: whose turn it is to \
                          accept is not known"
                    .into(),
            ],
        },
    }
}

fn waiting(number: u32) -> String {
    match number {
        1 => "1 connection waits".into(),
        number => format!("{} connections wait", count(u64::from(number))),
    }
}

fn accept_steps(context: &Context<'_>) -> Vec<NextStep> {
    let filter = context.ss_filter();
    let mut next = Vec::new();
    if let Some(process) = context.process {
        let pid = process.pid;
        next.push(step(
            format!("for t in /proc/{pid}/task/*; do cat $t/comm $t/wchan; echo; done"),
            "what each of its threads waits for",
        ));
        next.push(step(
            format!("gdb -p {pid} -batch -ex 'thread apply all bt'"),
            "where each of its threads stands; stops the process for a moment",
        ));
    }
    next.push(step(
        context.inside(&format!("ss -ltn {filter}")),
        "Recv-Q is the length of the accept queue, Send-Q its limit",
    ));
    next
}
