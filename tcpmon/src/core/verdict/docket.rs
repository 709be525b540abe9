//! The cases under consideration, and what became of those that are over.

use std::collections::VecDeque;

use rustc_hash::FxHashMap;

use super::case::{Case, Change, Ended, Verdict};
use super::rules::{Opinion, Sight};
use super::{Policy, Step, Subject, survey};

/// Verdicts that are over and still told of.
const REMEMBERED: usize = 64;

/// All cases.
#[derive(Debug, Default)]
pub(super) struct Docket {
    cases: FxHashMap<Subject, Case>,
    past: VecDeque<Ended>,
    /// Number of the evaluation under way; a case it does not speak of is well.
    pub(super) turn: u64,
    changes: Vec<Change>,
}

impl Docket {
    pub(super) fn len(&self) -> usize {
        self.cases.len()
    }

    pub(super) fn cases(&self) -> impl Iterator<Item = (&Subject, &Case)> {
        self.cases.iter()
    }

    pub(super) fn case(&self, subject: &Subject) -> Option<&Case> {
        self.cases.get(subject)
    }

    pub(super) fn past(&self) -> impl Iterator<Item = &Ended> {
        self.past.iter().rev()
    }

    /// The verdicts that stand, the worst and most urgent first.
    pub(super) fn verdicts(&self) -> Vec<Verdict<'_>> {
        let cases = self.cases.iter();
        let mut verdicts: Vec<Verdict<'_>> = cases
            .filter_map(|(subject, case)| case.verdict(subject))
            .collect();
        verdicts.sort_by_cached_key(Verdict::rank);
        verdicts
    }

    /// Lets a rule judge a case and takes its opinion over; says whether there is trouble.
    pub(super) fn hear(
        &mut self,
        policy: &Policy,
        sight: Sight<'_>,
        subject: Subject,
        rule: impl FnOnce(&mut Case) -> Option<Opinion>,
    ) -> bool {
        let now_ns = sight.now_ns;
        let is_taken_over = self.take_over_from_nobody(subject);
        let turn = self.turn;
        let case = self
            .cases
            .entry(subject)
            .or_insert_with(|| Case::new(now_ns));
        let mut opinion = rule(case);
        if let Some(opinion) = &mut opinion
            && opinion.severity.is_some()
            && !policy.ignore.is_empty()
        {
            let (process, unit) = survey::blamed(sight.table, &subject, &opinion.evidence);
            let port = subject.place.port();
            if policy.ignores(subject.kind, process.as_deref(), unit.as_deref(), port) {
                opinion.severity = None;
            }
        }
        let is_trouble = opinion
            .as_ref()
            .is_some_and(|opinion| opinion.severity.is_some());
        let wanted = opinion.as_ref().and_then(|opinion| opinion.severity);
        if is_taken_over && (wanted.is_none() || wanted < case.level()) {
            // It was not all this one's: several share what was nobody's.
            self.give_back_to_nobody(subject);
            return false;
        }
        case.heard_in = turn;
        let (rise_ns, fall_ns) = (policy.general.rise_ns, policy.general.fall_ns);
        if let Some(step) = case.take(opinion, now_ns, rise_ns, fall_ns) {
            note(
                &mut self.changes,
                &mut self.past,
                subject,
                case,
                step,
                now_ns,
            );
        }
        is_trouble
    }

    /// Where nobody was known and now somebody is, the case goes on: it is the same trouble. Those
    /// without a process are heard first, so that one with sockets left stays as it is.
    fn take_over_from_nobody(&mut self, subject: Subject) -> bool {
        if subject.process.is_none() || self.cases.contains_key(&subject) {
            return false;
        }
        let nobody = subject.of_nobody();
        let is_left = |case: &Case| case.heard_in != self.turn;
        if self.cases.get(&nobody).is_none_or(|case| !is_left(case)) {
            return false;
        }
        let case = self.cases.remove(&nobody);
        case.is_some_and(|case| self.cases.insert(subject, case).is_none())
    }

    fn give_back_to_nobody(&mut self, subject: Subject) {
        if let Some(case) = self.cases.remove(&subject) {
            self.cases.insert(subject.of_nobody(), case);
        }
    }

    /// Cases nobody spoke of are well; those without a verdict are closed. Returns what changed.
    pub(super) fn conclude(&mut self, policy: &Policy, now_ns: u64) -> Vec<Change> {
        let Self {
            cases,
            turn,
            changes,
            past,
        } = self;
        let (rise_ns, fall_ns) = (policy.general.rise_ns, policy.general.fall_ns);
        cases.retain(|subject, case| {
            if case.heard_in != *turn
                && let Some(step) = case.take(None, now_ns, rise_ns, fall_ns)
            {
                note(changes, past, *subject, case, step, now_ns);
            }
            case.heard_in == *turn || case.level().is_some()
        });
        changes.sort_by_cached_key(|change| {
            (std::cmp::Reverse(change.severity), change.subject.order())
        });
        std::mem::take(changes)
    }
}

fn note(
    changes: &mut Vec<Change>,
    past: &mut VecDeque<Ended>,
    subject: Subject,
    case: &Case,
    step: Step,
    now_ns: u64,
) {
    changes.push(Change {
        subject,
        step,
        severity: case.level().or(case.worst()),
    });
    if step == Step::Ended
        && let Some(ended) = case.ended(subject, now_ns)
    {
        if past.len() == REMEMBERED {
            past.pop_front();
        }
        past.push_back(ended);
    }
}
