//! What holds of verdicts whatever the facts are.

use proptest::prelude::*;
use tcpmon_common::State;
use tcpmon_common::record::flag;

use super::super::evidence::{Evidence, HalfDead, Leak, Ports, Queue, Stuck};
use super::super::thresholds::SECOND_NS;
use super::super::{Change, Judge, Policy, Severity, Subject, Thresholds, Verdict};
use super::facts::{Fact, Machine, SOCKETS, fact, record};
use crate::core::table::Table;

/// Thresholds that a few sockets cross.
fn thresholds() -> Thresholds {
    let mut thresholds = Thresholds::default();
    thresholds.close_wait.suspicious = 2;
    thresholds.close_wait.leak = 3;
    thresholds.close_wait.pool = 5;
    thresholds.half_dead.count = 2;
    for stuck in [
        &mut thresholds.stuck.syn_sent,
        &mut thresholds.stuck.fin_wait1,
        &mut thresholds.stuck.fin_wait2,
        &mut thresholds.stuck.closing,
        &mut thresholds.stuck.last_ack,
    ] {
        (stuck.count, stuck.age_ns) = (2, 10 * SECOND_NS);
    }
    thresholds
}

fn judge() -> Judge {
    Judge::new(Policy {
        general: thresholds(),
        ..Policy::default()
    })
}

/// Tells the facts and judges after each.
fn follow(facts: &[(u64, Fact)], mut look: impl FnMut(&Machine, &Judge, &[Change])) {
    let (mut machine, mut judge) = (Machine::new(), judge());
    for fact in facts {
        machine.tell(fact);
        let changes = judge.evaluate(&mut machine.table, machine.now_ns);
        look(&machine, &judge, &changes);
    }
}

fn supports(verdict: &Verdict<'_>, limits: &Thresholds) -> bool {
    match verdict.evidence {
        Evidence::Leak(leak) => leak_supports(leak, verdict.severity, limits),
        Evidence::Accept(accept) => {
            let age = limits.accept.age_ns as f64 / 1e9;
            accept.waiting > 0 && accept.depth > 0 && accept.oldest_seconds >= age
        }
        Evidence::Queue(queue) => queue_supports(queue, limits),
        Evidence::Ports(ports) => ports_support(ports, limits),
        Evidence::Stuck(stuck) => stuck_supports(stuck, limits),
        Evidence::TimeWaits(waits) => {
            let most = f64::from(waits.limit.unwrap_or(u32::MAX));
            waits.refused > 0 || waits.minisocks as f64 >= limits.time_wait.fill * most
        }
        Evidence::Orphans(orphans) => {
            let fill = orphans.orphans as f64 / f64::from(orphans.limit);
            fill >= limits.orphans.warning_fill || orphans.aborted > 0
        }
        Evidence::HalfDead(half_dead) => half_dead_supports(half_dead, verdict.severity, limits),
    }
}

fn leak_supports(leak: &Leak, severity: Severity, limits: &Thresholds) -> bool {
    let limits = &limits.close_wait;
    let least = match severity {
        Severity::Suspicious => limits.suspicious,
        Severity::Warning | Severity::Critical => limits.leak,
    };
    let is_old = leak.oldest_seconds >= limits.age_ns as f64 / 1e9;
    let share = leak.open_files.zip(leak.max_open_files);
    let is_near = leak.seconds_left.is_some_and(|left| left <= 3600.0)
        || share.is_some_and(|(open, max)| open as f64 >= limits.critical_share * max as f64);
    leak.lingering >= least
        && leak.lingering <= leak.close_wait
        && is_old
        && (severity < Severity::Critical || is_near)
}

fn queue_supports(queue: &Queue, limits: &Thresholds) -> bool {
    let limit = f64::from(queue.limit.unwrap_or(u32::MAX));
    queue.dropped > 0 || f64::from(queue.depth) >= limits.accept_queue.fill * limit
}

fn ports_support(ports: &Ports, limits: &Thresholds) -> bool {
    let usable = f64::from(ports.usable.unwrap_or(u32::MAX));
    let is_near = f64::from(ports.held) >= (1.0 - limits.ports.warning_headroom) * usable;
    ports.failed > 0 || is_near || ports.seconds_left.is_some()
}

fn stuck_supports(stuck: &Stuck, limits: &Thresholds) -> bool {
    let natural = limits.stuck_in(stuck.state).expect("a passing state");
    stuck.count >= natural.count && stuck.oldest_seconds >= natural.age_ns as f64 / 1e9
}

fn half_dead_supports(half_dead: &HalfDead, severity: Severity, limits: &Thresholds) -> bool {
    let least = match severity {
        Severity::Suspicious => 1,
        Severity::Warning | Severity::Critical => limits.half_dead.count,
    };
    half_dead.unanswered >= limits.half_dead.unanswered && half_dead.count >= least
}

/// Whether the sockets shown are in the state that is claimed, and the process named has them.
fn shows(table: &Table, subject: &Subject, evidence: &Evidence) -> bool {
    let state = match evidence {
        Evidence::Leak(_) => Some(State::CloseWait),
        Evidence::Stuck(stuck) => Some(stuck.state),
        Evidence::HalfDead(_) => Some(State::Established),
        Evidence::Queue(_) => Some(State::Listen),
        _ => None,
    };
    let names = matches!(evidence, Evidence::Leak(_) | Evidence::Queue(_));
    evidence.sockets().iter().all(|seen| {
        let socket = table.find(*seen).map(|id| table.socket(id));
        socket.is_some_and(|socket| {
            let owner = table.process_of(socket).copied();
            state.is_none_or(|state| socket.state == state) && (!names || owner == subject.process)
        })
    })
}

proptest! {
    /// No verdict without its evidence: the numbers are beyond the thresholds, and when they were
    /// taken the sockets shown were what is said of them.
    #[test]
    fn evidence_supports_the_verdict(facts in prop::collection::vec(fact(), 0..120)) {
        let limits = thresholds();
        let mut before: Vec<(Subject, Evidence)> = Vec::new();
        let mut faults = Vec::new();
        follow(&facts, |machine, judge, _| {
            for verdict in judge.verdicts() {
                if !supports(&verdict, &limits) {
                    faults.push(format!("{verdict:?}"));
                }
                let is_new = !before.iter().any(|(subject, evidence)| {
                    subject == verdict.subject && evidence == verdict.evidence
                });
                if is_new && !shows(&machine.table, verdict.subject, verdict.evidence) {
                    faults.push(format!("shown: {verdict:?}"));
                }
            }
            let verdicts = judge.verdicts().into_iter();
            before = verdicts.map(|of| (*of.subject, of.evidence.clone())).collect();
        });
        prop_assert!(faults.is_empty(), "{faults:#?}");
    }

    /// The same facts give the same verdicts in the same order, and the worst stand first.
    #[test]
    fn judging_is_deterministic(facts in prop::collection::vec(fact(), 0..60)) {
        let told = || {
            let mut told = Vec::new();
            follow(&facts, |_, judge, changes| {
                let verdicts = judge.verdicts();
                assert!(verdicts.is_sorted_by_key(|verdict| std::cmp::Reverse(verdict.severity)));
                told.push(format!("{changes:?} {verdicts:?}"));
            });
            told
        };
        prop_assert_eq!(told(), told());
    }

    /// Connections that are opened, used and closed within seconds are no trouble, whoever closes
    /// first and however many there are.
    #[test]
    fn a_healthy_table_has_no_verdict(
        lives in prop::collection::vec((1..SOCKETS / 2, any::<bool>(), 0u64..9, 0u64..9), 1..150)
    ) {
        let (mut machine, mut judge) = (Machine::new(), judge());
        for (socket, closes_first, used, closing) in lives {
            for (old, new, flags, seconds) in life(closes_first, used, closing) {
                machine.now_ns += seconds * SECOND_NS + 1;
                let states = (old.number(), new.number());
                let mut record = record(socket, states, flags, 1);
                record.time_ns = machine.now_ns;
                machine.table.apply(&record);
                let changes = judge.evaluate(&mut machine.table, machine.now_ns);
                prop_assert!(changes.is_empty(), "{changes:?}");
            }
            machine.table.expire(machine.now_ns, 100);
        }
    }
}

/// The transitions of an accepted connection, their flags, and the seconds before each.
fn life(closes_first: bool, used: u64, closing: u64) -> Vec<(State, State, u8, u64)> {
    use State::{Close, CloseWait, Established, FinWait1, FinWait2, LastAck, Listen, SynRecv};
    let (held, closed) = (flag::HAS_SOCKET, flag::HAS_SOCKET | flag::ORPHAN);
    let acts = flag::HAS_SOCKET | flag::TASK;
    let mut life = vec![(Listen, SynRecv, 0, 1), (SynRecv, Established, 0, 0)];
    life.extend(if closes_first {
        [
            (Established, FinWait1, acts, used),
            (FinWait1, FinWait2, closed, closing),
            // Without a TIME_WAIT entry: these ports are few.
            (FinWait2, Close, closed | flag::TIME_WAIT_FULL, 0),
        ]
    } else {
        [
            (Established, CloseWait, held | flag::FIN_SEEN, used),
            (CloseWait, LastAck, acts | flag::FIN_SEEN, closing),
            (LastAck, Close, closed | flag::FIN_SEEN, 0),
        ]
    });
    life
}

/// Facts lead to verdicts: what is proved above is not proved of nothing.
#[test]
fn random_facts_are_judged() {
    use proptest::strategy::ValueTree as _;
    let mut runner = proptest::test_runner::TestRunner::deterministic();
    let strategy = prop::collection::vec(fact(), 100..120);
    let mut kinds = std::collections::BTreeSet::new();
    for _ in 0..40 {
        let facts = strategy.new_tree(&mut runner).expect("facts").current();
        follow(&facts, |_, _, changes| {
            kinds.extend(changes.iter().map(|change| change.subject.kind.name()));
        });
    }
    for kind in [
        "close_wait_leak",
        "accept_stuck",
        "accept_queue_overflow",
        "half_dead",
    ] {
        assert!(kinds.contains(kind), "{kinds:?}");
    }
    assert!(kinds.len() >= 8, "{kinds:?}");
}
