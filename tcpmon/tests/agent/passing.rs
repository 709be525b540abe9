//! Namespaces that come and go leave nothing behind, and the agent does not keep them.

use std::collections::BTreeSet;
use std::fs;
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread;

use tcpmon::source::netns::{NAMED, discover};
use tcpmon::source::procfs::ProcRoot;

use crate::net::{listener, pair, read_end};
use crate::place::alone_in_namespace;
use crate::running::Agent;
use crate::world::{Home, check, within};

const NAMESPACES: u32 = 1000;
const WORKERS: u32 = 2;

/// Memory of the agent's own that the second thousand may take. The first thousand has already made
/// the table as large as it gets: some three sockets of a quarter of a kilobyte per namespace, of which
/// at most those of two audits are there at a time. If one socket, or the entry and the name of each
/// namespace, stayed behind, it would grow by half a megabyte with each thousand; what it grows by
/// otherwise is the allocator's scatter.
const GROWTH_KIB: u64 = 512;

/// Namespaces of other programs of the machine that may come meanwhile, and what the kernel's own
/// count is out by: per processor, some free objects of a slab count as used.
const OTHERS: u64 = 150;

/// Makes namespaces, with one connection each, which ends in TIME_WAIT.
fn come_and_go(count: u32) {
    let left = AtomicU32::new(count);
    let take = || {
        left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| {
            left.checked_sub(1)
        })
    };
    thread::scope(|scope| {
        for _ in 0..WORKERS {
            scope.spawn(|| {
                while take().is_ok() {
                    Home::fresh().visit(|| {
                        let (client, mut server) = pair(&listener());
                        drop(client);
                        read_end(&mut server);
                    });
                }
            });
        }
    });
}

/// What the agent has, apart from sockets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Belongings {
    descriptors: usize,
    threads: usize,
}

impl Belongings {
    fn of(pid: u32) -> Self {
        let entries = |what: &str| {
            let directory = fs::read_dir(format!("/proc/{pid}/{what}")).expect("it lives");
            directory.count()
        };
        Self {
            descriptors: entries("fd"),
            threads: entries("task"),
        }
    }
}

/// Memory that is the agent's alone; the ring is not.
fn memory_kib(pid: u32) -> u64 {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).expect("it lives");
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("RssAnon:"));
    let number = line.and_then(|line| line.split_whitespace().next()?.parse().ok());
    number.expect("a number of kilobytes")
}

/// Network namespaces the kernel has, those nothing leads to included.
fn in_the_kernel() -> Option<u64> {
    let text = fs::read_to_string("/proc/slabinfo").ok()?;
    let line = text
        .lines()
        .find_map(|line| line.strip_prefix("net_namespace "))?;
    line.split_whitespace().next()?.parse().ok()
}

/// Inodes of the namespaces there are.
fn there() -> BTreeSet<u32> {
    let found = discover(&ProcRoot::default(), &NAMED).expect("proc is mounted");
    found
        .namespaces
        .iter()
        .map(|namespace| namespace.inode)
        .collect()
}

/// Waits until the agent has nothing of namespaces that are gone.
fn settle(agent: &Agent, before: Belongings) {
    within(90, "the agent knows no namespace that is gone", || {
        // What the agent knows first, or a new one of another program would seem to be gone.
        let known = agent.namespaces();
        let there = there();
        let gone = known
            .iter()
            .filter_map(|row| row.netns)
            .filter(|netns| !there.contains(netns));
        let gone = gone.count();
        check(gone == 0, || format!("{gone} of {} are gone", known.len()))?;
        let now = Belongings::of(agent.pid());
        check(now == before, || format!("{now:?} and before {before:?}"))
    });
}

#[test]
fn a_thousand_namespaces_leave_no_trace() {
    alone_in_namespace(|_| {
        let agent = Agent::start(&[]);
        let _listener = listener();
        let sockets = |agent: &Agent| {
            let rows = agent.namespaces();
            let own = Some(agent.home().inode());
            let rows: Vec<_> = rows.iter().filter(|row| row.netns == own).collect();
            rows.iter().map(|row| row.sockets).sum::<u64>()
        };
        within(10, "the agent has seen the listener", || {
            check(sockets(&agent) > 0, || format!("{:#?}", agent.namespaces()))
        });
        let before = Belongings::of(agent.pid());
        let kernel_before = in_the_kernel();
        come_and_go(NAMESPACES);
        settle(&agent, before);
        let filled_kib = memory_kib(agent.pid());
        come_and_go(NAMESPACES);
        settle(&agent, before);
        let memory_kib = memory_kib(agent.pid());
        println!(
            "{NAMESPACES} namespaces twice: {before:?}, memory {filled_kib} KiB and {memory_kib} KiB, \
             in the kernel {kernel_before:?} and {:?}",
            in_the_kernel()
        );
        assert!(
            memory_kib <= filled_kib + GROWTH_KIB,
            "{filled_kib} and {memory_kib} KiB"
        );
        let Some(kernel_before) = kernel_before else {
            println!("skipped, because /proc/slabinfo does not tell of network namespaces");
            return;
        };
        // The agent still runs, and watches.
        within(60, "the kernel has let go of them", || {
            let now = in_the_kernel().expect("it told before");
            check(now <= kernel_before + OTHERS, || {
                format!("{now} and before {kernel_before}")
            })
        });
    });
}
