//! Verdicts: who leaks, how long it has, and what to do.
//!
//! A count is not a verdict. [`Judge::evaluate`] looks at every group of sockets and judges age,
//! growth and distance to the limit; what it remembers between two evaluations is in its cases.
//! Pure: the table and the time come in, changes go out.

mod case;
mod course;
mod docket;
pub mod evidence;
pub mod fields;
mod hearings;
mod kind;
mod memory;
mod report;
mod rules;
mod subject;
mod survey;
pub mod thresholds;
mod trend;
mod words;

#[cfg(test)]
mod tests;

use rustc_hash::FxHashMap;

pub use case::{Change, Ended, Verdict};
pub use course::Step;
use docket::Docket;
pub use evidence::Evidence;
pub use kind::{Kind, Severity};
pub use report::row;
use rules::queue::Counts;
pub use subject::{Place, Subject};
use survey::Survey;
pub use thresholds::{Policy, Thresholds};

use crate::core::facts::NetnsIdentity;
use crate::core::table::{Process, Table};

/// A verdict that stands, in short.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Standing {
    /// Kind of trouble.
    pub kind: Kind,
    /// How bad it is.
    pub severity: Severity,
    /// Whose trouble, or who has most of the sockets.
    pub process: Option<Process>,
    /// Where.
    pub place: Place,
}

/// Who judges.
#[derive(Debug, Default)]
pub struct Judge {
    policy: Policy,
    docket: Docket,
    counts: FxHashMap<NetnsIdentity, Counts>,
    judged_ns: Option<u64>,
    /// Something in the last evaluation can only be told by a dump.
    wants_dump: bool,
}

impl Judge {
    /// A judge with this policy.
    #[must_use]
    pub fn new(policy: Policy) -> Self {
        Self {
            policy,
            ..Self::default()
        }
    }

    /// What is judged, and how.
    #[must_use]
    pub const fn policy(&self) -> &Policy {
        &self.policy
    }

    /// Another policy from the next evaluation on.
    pub fn set_policy(&mut self, policy: Policy) {
        self.policy = policy;
    }

    /// Judges everything; returns what has changed. Costs a step per group of sockets, and one per
    /// socket that became ripe since the last time. Where nothing is to be judged, what stands ends as
    /// if all were well.
    pub fn evaluate(&mut self, table: &mut Table, now_ns: u64) -> Vec<Change> {
        self.docket.turn += 1;
        self.judged_ns = Some(now_ns);
        self.wants_dump = false;
        if self.policy.enabled {
            self.judge(table, now_ns);
        }
        self.docket.conclude(&self.policy, now_ns)
    }

    fn judge(&mut self, table: &mut Table, now_ns: u64) {
        survey::ripen(table, &self.policy, now_ns);
        let survey = Survey::of(table);
        self.read_counts(table, now_ns);
        self.judge_leaks(table, now_ns);
        self.judge_listeners(table, &survey, now_ns);
        self.judge_destinations(table, &survey, now_ns);
        self.judge_stuck(table, &survey, now_ns);
        self.judge_half_dead(table, now_ns);
        self.judge_namespaces(table, &survey, now_ns);
        self.judge_machine(table, now_ns);
    }

    /// The verdicts that stand, the worst and most urgent first.
    #[must_use]
    pub fn verdicts(&self) -> Vec<Verdict<'_>> {
        self.docket.verdicts()
    }

    /// Whether there is a verdict on this very subject.
    #[must_use]
    pub fn stands(&self, subject: &Subject) -> bool {
        let case = self.docket.case(subject);
        case.is_some_and(|case| case.level().is_some())
    }

    /// How many verdicts stand, by kind and severity; in the order of both.
    #[must_use]
    pub fn counts(&self) -> [[u64; Severity::ALL.len()]; Kind::ALL.len()] {
        let mut counts = [[0; Severity::ALL.len()]; Kind::ALL.len()];
        for (subject, case) in self.docket.cases() {
            if let Some(severity) = case.level() {
                counts[subject.kind as usize][severity as usize] += 1;
            }
        }
        counts
    }

    /// The verdicts that stand, in no particular order and without their evidence.
    #[must_use]
    pub fn standing(&self) -> Vec<Standing> {
        let cases = self.docket.cases();
        let standing = cases.filter_map(|(subject, case)| {
            Some(Standing {
                kind: subject.kind,
                severity: case.level()?,
                process: subject.process.or(case.busiest()),
                place: subject.place,
            })
        });
        standing.collect()
    }

    /// Whether the last evaluation met something that only a dump of all sockets can tell: whether
    /// anybody calls `accept()`.
    #[must_use]
    pub const fn wants_dump(&self) -> bool {
        self.wants_dump
    }

    /// Verdicts that are over, the last first.
    pub fn past(&self) -> impl Iterator<Item = &Ended> {
        self.docket.past()
    }

    /// Cases that are looked at, verdict or not.
    #[must_use]
    pub fn cases(&self) -> usize {
        self.docket.len()
    }
}
