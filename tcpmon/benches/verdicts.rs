//! What judging costs its owner, by the largest table of a busy machine. Prints `name: value` lines.

#![expect(clippy::print_stdout, reason = "its results are its output")]

use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

use nix::time::{ClockId, clock_gettime};
use tcpmon::core::facts::{NamespaceFact, NamespaceLimits, NetnsIdentity, PortRange};
use tcpmon::core::table::Table;
use tcpmon::core::verdict::{Judge, Severity};
use tcpmon_common::record::flag;
use tcpmon_common::{Record, State};

const GROUPS: u64 = 2_000;
const SOCKETS: u64 = 200_000;
const LISTENERS: u64 = 1_000;
const NETNS: NetnsIdentity = NetnsIdentity {
    cookie: 1,
    inode: 4_026_531_840,
};
const SECOND: u64 = 1_000_000_000;
const RUNS: usize = 5;

fn main() {
    let mut table = Table::new();
    open(&mut table);
    let healthy = best(|| {
        let mut judge = Judge::default();
        longest(&mut judge, &mut table, 60..70)
    });
    println!(
        "verdicts on {SOCKETS} sockets in {GROUPS} groups, all is well: {}",
        shown(healthy)
    );

    let at_once = best(|| {
        let mut table = Table::new();
        open(&mut table);
        hang_up(&mut table, |_| 10 * SECOND);
        let mut judge = Judge::default();
        each(&mut judge, &mut table, 38..40);
        longest(&mut judge, &mut table, 40..50)
    });
    println!("verdicts, all begin to linger at once: {}", shown(at_once));

    let mut medians = Vec::new();
    let leaking = best(|| {
        let mut table = Table::new();
        open(&mut table);
        hang_up(&mut table, |round| (10 + round) * SECOND);
        let mut judge = Judge::default();
        let mut took = each(&mut judge, &mut table, 40..360);
        let warnings = judge.counts().map(|of| of[Severity::Warning as usize]);
        assert_eq!(warnings.into_iter().sum::<u64>(), GROUPS);
        took.sort_by(f64::total_cmp);
        medians.push(took[took.len() / 2]);
        took[took.len() - 1]
    });
    let median = medians.into_iter().fold(f64::INFINITY, f64::min);
    println!(
        "verdicts, all groups leak: {}, the longest of 320 {}",
        shown(median),
        shown(leaking)
    );
}

fn shown(seconds: f64) -> String {
    format!("{:.1} ms", seconds * 1e3)
}

/// The best of some runs: what the code costs when nothing disturbs it.
fn best(mut run: impl FnMut() -> f64) -> f64 {
    (0..RUNS).map(|_| run()).fold(f64::INFINITY, f64::min)
}

/// The longest of the evaluations at these seconds.
fn longest(judge: &mut Judge, table: &mut Table, seconds: Range<u64>) -> f64 {
    let took = each(judge, table, seconds);
    took.into_iter().fold(0.0, f64::max)
}

/// What each evaluation took of the processor: the wall clock would count what else runs.
fn each(judge: &mut Judge, table: &mut Table, seconds: Range<u64>) -> Vec<f64> {
    let used = || Duration::from(clock_gettime(ClockId::CLOCK_THREAD_CPUTIME_ID).expect("a clock"));
    let took = seconds.map(|second| {
        let before = used();
        judge.evaluate(table, second * SECOND);
        (used() - before).as_secs_f64()
    });
    took.collect()
}

/// Every group's first socket, every group's second, and so on: neighbours in a group are far from
/// each other in memory.
fn open(table: &mut Table) {
    table.describe_namespace(NamespaceFact {
        identity: NETNS,
        name: None,
        events: Default::default(),
        limits: Some(Arc::new(limits())),
    });
    for number in 0..LISTENERS {
        let mut record = socket(SOCKETS + number);
        (record.local_port, record.remote_port) = (33_000 + number as u16, 0);
        says(table, &record, 0, State::Close, State::Listen);
    }
    for number in 0..SOCKETS {
        let record = socket(number);
        says(table, &record, 0, State::Close, State::SynSent);
        says(table, &record, 0, State::SynSent, State::Established);
    }
}

fn limits() -> NamespaceLimits {
    NamespaceLimits {
        local_ports: Some(PortRange {
            low: 32_768,
            high: 60_999,
        }),
        reserved_ports: Some(Vec::new()),
        ..NamespaceLimits::default()
    }
}

/// The peers close, a socket of each group at a time.
fn hang_up(table: &mut Table, at_ns: impl Fn(u64) -> u64) {
    for number in 0..SOCKETS {
        let record = socket(number);
        let time_ns = at_ns(number / GROUPS);
        says(
            table,
            &record,
            time_ns,
            State::Established,
            State::CloseWait,
        );
    }
}

fn says(table: &mut Table, record: &Record, time_ns: u64, old: State, new: State) {
    let is_connect = new == State::SynSent;
    table.apply(&Record {
        time_ns,
        old_state: old.number(),
        new_state: new.number(),
        flags: flag::HAS_SOCKET | if is_connect { flag::TASK } else { 0 },
        ..*record
    });
}

/// A process and a destination for each group.
fn socket(number: u64) -> Record {
    let group = number % GROUPS;
    let [.., high, low] = group.to_be_bytes();
    let mut record = Record {
        sock: number + 1,
        cookie: number + 1,
        netns_cookie: NETNS.cookie,
        netns_inode: NETNS.inode,
        family: 2,
        local_port: 32_768 + (number / GROUPS) as u16,
        remote_port: 443,
        pid: 1000 + group as u32,
        ..Record::EMPTY
    };
    record.local_address[..4].copy_from_slice(&[10, 0, 0, 1]);
    record.remote_address[..4].copy_from_slice(&[192, 0, high, low]);
    record
}
