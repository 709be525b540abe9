//! Whatever is done to sockets, the agent says the same of them as `ss`, and when it was done.

use std::collections::BTreeMap;

use tcpmon::core::query::SocketRow;

use crate::churn::Churn;
use crate::dice::{Dice, setting};
use crate::model::{Expected, Span};
use crate::place::{alone_in_namespace, now_ns};
use crate::running::Agent;
use crate::ss;
use crate::world::within;

const NAMESPACES: usize = 3;
const STEPS: usize = 300;
/// An age may be wrong by this.
const TOLERANCE_NS: u64 = 50_000_000;

/// Says how to get a failure again.
struct Seed(u64);

impl Drop for Seed {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!(
                "again: TCPMON_DIFFERENTIAL_FROM={} TCPMON_DIFFERENTIAL_SEEDS=1",
                self.0
            );
        }
    }
}

#[test]
fn after_any_churn_the_agent_and_ss_agree_and_an_age_is_right_or_said_to_be_repaired() {
    let first = setting("TCPMON_DIFFERENTIAL_FROM", 1);
    let seeds = setting("TCPMON_DIFFERENTIAL_SEEDS", 5);
    alone_in_namespace(|_| {
        let agent = Agent::start(&[]);
        let mut tally = Tally::default();
        for seed in first..first + seeds {
            let _said = Seed(seed);
            run(&agent, seed, &mut tally);
        }
        println!("{seeds} seeds from {first}: {tally:?}");
    });
}

/// How much was compared.
#[derive(Debug, Default)]
struct Tally {
    rows: usize,
    ages: usize,
    by_state: BTreeMap<String, usize>,
    /// The longest it took until a namespace agreed.
    slowest_ns: u64,
    /// Ages an audit had to begin anew; such a row says that its age is a lower bound.
    repaired: u64,
    /// The furthest an age was outside of what the test measured.
    furthest_ns: u64,
}

fn run(agent: &Agent, seed: u64, tally: &mut Tally) {
    let mut dice = Dice::new(seed);
    let mut churns: Vec<Churn> = (0..NAMESPACES).map(|_| Churn::new()).collect();
    for _ in 0..STEPS {
        let place = dice.below(NAMESPACES);
        churns[place].step(&mut dice);
    }
    for churn in &churns {
        let began_ns = now_ns();
        let rows = churn.home.visit(|| ss::agree(agent, churn.netns));
        tally.slowest_ns = tally.slowest_ns.max(now_ns() - began_ns);
        tally.rows += rows.len();
        for row in &rows {
            *tally.by_state.entry(row.state.clone()).or_default() += 1;
        }
        is_as_made(agent, churn, tally);
    }
    repairs_are_counted(agent, tally);
}

/// The rows are those that must come of what was done, each as old as it must be.
#[track_caller]
fn is_as_made(agent: &Agent, churn: &Churn, tally: &mut Tally) {
    // An answer that was long on its way says little about ages.
    let (asked_ns, rows, answered_ns) = within(15, "an answer at once", || {
        let asked_ns = now_ns();
        let rows = agent.ls(&format!("netns = {}", churn.netns));
        let answered_ns = now_ns();
        if answered_ns - asked_ns > TOLERANCE_NS {
            return Err(format!("{} ns", answered_ns - asked_ns));
        }
        Ok((asked_ns, rows, answered_ns))
    });
    let mut expected = churn.expected();
    let mut lines: Vec<String> = rows.iter().map(ss::line).collect();
    let mut wanted: Vec<&str> = expected.iter().map(|one| one.line.as_str()).collect();
    lines.sort_unstable();
    wanted.sort_unstable();
    assert_eq!(lines, wanted, "the kernel did something else");
    expected.retain(|one| one.since.is_some());
    for Expected { line, since } in expected {
        let row = rows.iter().find(|row| ss::line(row) == line);
        let row = row.expect("as many as wanted");
        let off_ns = off(row, since.expect("retained"), (asked_ns, answered_ns));
        if row.age_is_lower_bound {
            tally.repaired += 1;
            continue;
        }
        assert!(
            off_ns <= TOLERANCE_NS,
            "off by {off_ns} ns, made in {since:?}, asked in {asked_ns}..{answered_ns}: {row:?}\n{:?}",
            agent.summary().health
        );
        tally.ages += 1;
        tally.furthest_ns = tally.furthest_ns.max(off_ns);
    }
}

/// How far the age is from all that it may be.
fn off(row: &SocketRow, since: Span, answered: Span) -> u64 {
    let age_ns = (row.age_seconds * 1e9) as u64;
    let (earliest, latest) = (answered.0 - age_ns, answered.1 - age_ns);
    let early = since.0.saturating_sub(latest);
    early.max(earliest.saturating_sub(since.1))
}

#[test]
fn an_age_is_off_by_what_neither_the_making_nor_the_asking_explains() {
    let row: SocketRow = serde_json::from_value(serde_json::json!({
        "family": "ipv4", "state": "LISTEN", "kind": "full",
        "local_address": "127.0.0.1", "local_port": 1,
        "remote_address": "0.0.0.0", "remote_port": 0,
        "age_seconds": 1.0, "age_is_lower_bound": false,
    }))
    .expect("a row");
    let asked = (5_000_000_000, 5_000_000_010);
    assert_eq!(off(&row, (4_000_000_005, 4_000_000_007), asked), 0);
    assert_eq!(off(&row, (4_000_000_020, 4_000_000_030), asked), 10);
    assert_eq!(off(&row, (3_999_999_000, 3_999_999_970), asked), 30);
}

/// No age is a lower bound without a repair that was counted. A transition the kernel program was
/// not run for is rare, and is found by the next audit.
#[track_caller]
fn repairs_are_counted(agent: &Agent, tally: &Tally) {
    let health = agent.summary().health;
    let drift: u64 = health.drift.values().sum();
    assert!(
        tally.repaired <= drift,
        "{} repaired: {health:?}",
        tally.repaired
    );
}
