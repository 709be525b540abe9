//! What only a dump can tell is asked for.

use tcpmon_common::State;
use tcpmon_common::record::flag;

use super::facts::{Detail, Fact, Machine};
use crate::core::verdict::{Judge, Policy};

const LISTENER: u64 = 1;

fn listening() -> Machine {
    let mut machine = Machine::new();
    let listens = Fact::Records {
        sockets: vec![LISTENER],
        old: State::Close.number(),
        new: State::Listen.number(),
        flags: flag::HAS_SOCKET | flag::TASK,
        pid: 1,
    };
    machine.tell(&(0, listens));
    machine.tell(&(0, Fact::Counters(Vec::new())));
    machine
}

/// A second passes in which the queue was so long; whether a dump is wanted then.
fn passes(machine: &mut Machine, judge: &mut Judge, depth: u32) -> bool {
    machine.tell(&(1, Fact::Queue { depth, drops: 0 }));
    judge.evaluate(&mut machine.table, machine.now_ns);
    judge.wants_dump()
}

fn dump(machine: &mut Machine) {
    let rows = vec![(LISTENER, State::Listen.number(), Detail::default())];
    machine.tell(&(0, Fact::Audit(rows)));
}

#[test]
fn a_queue_never_seen_empty_wants_two_dumps_and_no_more() {
    let mut machine = listening();
    let mut judge = Judge::new(Policy::default());
    let mut dumps = Vec::new();
    for second in 0..200 {
        if passes(&mut machine, &mut judge, 3) {
            dumps.push(second);
            dump(&mut machine);
        }
    }
    assert_eq!(dumps, [10, 30]);
}

#[test]
fn a_dump_is_wanted_until_it_is_made() {
    let mut machine = listening();
    let mut judge = Judge::new(Policy::default());
    let wanted: Vec<bool> = (0..40)
        .map(|_| passes(&mut machine, &mut judge, 3))
        .collect();
    assert_eq!(wanted.iter().position(|wanted| *wanted), Some(10));
    assert!(wanted[10..].iter().all(|wanted| *wanted));
    dump(&mut machine);
    assert!(!passes(&mut machine, &mut judge, 3));
}

#[test]
fn a_queue_that_is_emptied_wants_none() {
    let mut machine = listening();
    let mut judge = Judge::new(Policy::default());
    for second in 0..60 {
        let depth = if second % 9 == 0 { 0 } else { 3 };
        assert!(!passes(&mut machine, &mut judge, depth), "second {second}");
    }
}
