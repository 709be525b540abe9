//! Verdicts: who leaks, how long it has, and what to do.
//!
//! A count is not a verdict. [`Judge::evaluate`] looks at every group of sockets and judges age,
//! growth and distance to the limit; what it remembers between two evaluations is in its cases.
//! Pure: the table and the time come in, changes go out.

mod case;
mod course;
pub mod evidence;
pub mod fields;
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

use std::collections::VecDeque;

use rustc_hash::FxHashMap;

use case::Case;
pub use case::{Change, Ended, Verdict};
pub use course::Step;
pub use evidence::Evidence;
pub use kind::{Kind, Severity};
pub use report::row;
use rules::queue::Syns;
use rules::{Opinion, accept, half_dead, kernel, leak, ports, queue, stuck};
pub use subject::{Place, Subject};
use survey::Survey;
pub use thresholds::{Policy, Thresholds};

use crate::core::facts::{KernelEvent, NetnsIdentity};
use crate::core::table::{Endpoint, Group, Process, Table};

/// Verdicts that are over and still told of.
const REMEMBERED: usize = 64;

/// Who judges.
#[derive(Debug, Default)]
pub struct Judge {
    policy: Policy,
    cases: FxHashMap<Subject, Case>,
    syns: FxHashMap<NetnsIdentity, Syns>,
    past: VecDeque<Ended>,
    /// Number of the evaluation under way; a case it does not speak of is well.
    turn: u64,
    judged_ns: Option<u64>,
    changes: Vec<Change>,
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

    /// Another policy from the next evaluation on.
    pub fn set_policy(&mut self, policy: Policy) {
        self.policy = policy;
    }

    /// Judges everything; returns what has changed. Costs a step per group of sockets, and one per
    /// socket that became ripe since the last time. Where nothing is to be judged, what stands ends as
    /// if all were well.
    pub fn evaluate(&mut self, table: &mut Table, now_ns: u64) -> Vec<Change> {
        self.turn += 1;
        self.judged_ns = Some(now_ns);
        if self.policy.enabled {
            self.judge(table, now_ns);
        }
        self.acquit_the_rest(now_ns);
        std::mem::take(&mut self.changes)
    }

    /// The verdicts that stand, the worst and most urgent first.
    #[must_use]
    pub fn verdicts(&self) -> Vec<Verdict<'_>> {
        let cases = self.cases.iter();
        let mut verdicts: Vec<Verdict<'_>> = cases
            .filter_map(|(subject, case)| case.verdict(subject))
            .collect();
        verdicts.sort_by(|one, other| one.rank().cmp(&other.rank()));
        verdicts
    }

    /// How many verdicts stand, by kind and severity; in the order of both.
    #[must_use]
    pub fn counts(&self) -> [[u64; Severity::ALL.len()]; Kind::ALL.len()] {
        let mut counts = [[0; Severity::ALL.len()]; Kind::ALL.len()];
        for (subject, case) in &self.cases {
            if let Some(severity) = case.level() {
                counts[subject.kind as usize][severity as usize] += 1;
            }
        }
        counts
    }

    /// Verdicts that are over, the last first.
    pub fn past(&self) -> impl Iterator<Item = &Ended> {
        self.past.iter().rev()
    }

    /// Cases that are looked at, verdict or not.
    #[must_use]
    pub fn cases(&self) -> usize {
        self.cases.len()
    }

    fn judge(&mut self, table: &mut Table, now_ns: u64) {
        survey::ripen(table, &self.policy, now_ns);
        let survey = Survey::of(table);
        self.judge_leaks(table, now_ns);
        self.judge_listeners(table, &survey, now_ns);
        self.judge_destinations(table, &survey, now_ns);
        self.judge_stuck(table, &survey, now_ns);
        self.judge_half_dead(table, now_ns);
        self.judge_namespaces(table, &survey, now_ns);
        self.judge_machine(table, now_ns);
    }

    fn judge_leaks(&mut self, table: &Table, now_ns: u64) {
        for group in table.groups() {
            if group.ripe(leak::BUCKET) == 0 {
                continue;
            }
            let Some(place) = place_of(table, &group) else {
                continue;
            };
            let subject = Subject {
                kind: Kind::CloseWaitLeak,
                process: group.process().copied(),
                place,
            };
            let limits = self.thresholds(table, &group).close_wait;
            self.hear(table, subject, now_ns, |case| {
                leak::judge(table, &group, &limits, &mut case.memory, now_ns)
            });
        }
    }

    fn judge_listeners(&mut self, table: &Table, survey: &Survey, now_ns: u64) {
        for (netns, _, events) in table.occupied() {
            if let Some(events) = events {
                self.syns.entry(netns).or_default().read(&events, now_ns);
            }
        }
        for listening in table.listening() {
            let Some((place, process)) = survey::service(table, &listening) else {
                continue;
            };
            let unit = table.unit_of(table.socket(listening.id));
            let name = process.map(|process| process.name());
            let thresholds = *self.policy.thresholds(name.as_deref(), unit);
            let subject = |kind| Subject {
                kind,
                process,
                place,
            };
            let waiting = survey.waiting(listening.endpoint);
            let is_stuck = self.hear(table, subject(Kind::AcceptStuck), now_ns, |case| {
                let limits = &thresholds.accept;
                accept::judge(table, &listening, waiting, limits, &mut case.memory, now_ns)
            });
            // A queue that nobody empties is full because of that: one cause, one verdict.
            if !is_stuck {
                self.hear(table, subject(Kind::AcceptQueueOverflow), now_ns, |case| {
                    let limits = &thresholds.accept_queue;
                    queue::judge_accepts(&listening, limits, &mut case.memory, now_ns)
                });
            }
            // With a full accept queue handshakes cannot be finished.
            if !queue::is_full(&listening, &thresholds.accept_queue) {
                let half_open = survey.half_open(listening.endpoint);
                let netns = place.netns().unwrap_or_default();
                let syns = self.syns.remove(&netns).unwrap_or_default();
                self.hear(table, subject(Kind::SynFlood), now_ns, |case| {
                    let limits = &thresholds.half_open;
                    let memory = &mut case.memory;
                    queue::judge_handshakes(&listening, half_open, &syns, limits, memory, now_ns)
                });
                self.syns.insert(netns, syns);
            }
        }
    }

    fn judge_destinations(&mut self, table: &Table, survey: &Survey, now_ns: u64) {
        for (id, endpoint, traffic) in table.endpoints() {
            let used = survey.ports(id);
            let Some(place) = survey::place(table, endpoint) else {
                continue;
            };
            let is_small = used.sockets < survey::FEW && traffic.no_port == 0;
            if is_small || !matches!(endpoint, Endpoint::Destination { .. }) {
                continue;
            }
            let name = used.busiest.map(|(process, _)| process.name());
            let limits = self.policy.thresholds(name.as_deref(), None).ports;
            let subject = Subject {
                kind: Kind::PortExhaustion,
                process: None,
                place,
            };
            self.hear(table, subject, now_ns, |case| {
                let (memory, opened) = (&mut case.memory, &mut case.opened);
                let of = (endpoint, traffic);
                ports::judge(table, of, used, &limits, memory, opened, now_ns)
            });
        }
    }

    fn judge_stuck(&mut self, table: &Table, survey: &Survey, now_ns: u64) {
        for (endpoint, state, heap) in survey.stuck() {
            let Some((endpoint, _)) = table.endpoint(endpoint) else {
                continue;
            };
            let name = heap.busiest.map(|(process, _)| process.name());
            let thresholds = self.policy.thresholds(name.as_deref(), None);
            let (Some(limits), Some(kind), Some(place)) = (
                thresholds.stuck_in(state),
                Kind::stuck_in(state),
                survey::place(table, endpoint),
            ) else {
                continue;
            };
            let subject = Subject {
                kind,
                process: None,
                place,
            };
            self.hear(table, subject, now_ns, |_| {
                stuck::judge(table, state, heap, &limits, now_ns)
            });
        }
    }

    fn judge_half_dead(&mut self, table: &Table, now_ns: u64) {
        let limits = self.policy.general.half_dead;
        for (place, silent) in survey::half_dead(table, limits.unanswered) {
            let subject = Subject {
                kind: Kind::HalfDead,
                process: None,
                place,
            };
            self.hear(table, subject, now_ns, |_| {
                half_dead::judge(table, &silent, &limits, now_ns)
            });
        }
    }

    fn judge_namespaces(&mut self, table: &Table, survey: &Survey, now_ns: u64) {
        let thresholds = self.policy.general;
        for (netns, minisocks, events) in table.occupied() {
            let subject = Subject {
                kind: Kind::TimeWaitOverflow,
                process: None,
                place: Place::Namespace(netns),
            };
            self.hear(table, subject, now_ns, |case| {
                let limits = table.limits_of(netns);
                let busiest = survey.busiest_in_time_wait(netns);
                let memory = &mut case.memory;
                Some(kernel::judge_time_waits(
                    minisocks,
                    events,
                    limits,
                    busiest,
                    &thresholds,
                    memory,
                    now_ns,
                ))
            });
        }
    }

    fn judge_machine(&mut self, table: &Table, now_ns: u64) {
        let subject = Subject {
            kind: Kind::OrphansNearLimit,
            process: None,
            place: Place::Machine,
        };
        let aborted = table.totals().kernel_events[KernelEvent::AbortsOnMemory as usize];
        let thresholds = self.policy.general;
        self.hear(table, subject, now_ns, |case| {
            let memory = &mut case.memory;
            kernel::judge_orphans(table.machine(), aborted, &thresholds, memory, now_ns)
        });
    }

    /// Lets a rule judge a case and takes its opinion over; says whether there is trouble.
    fn hear(
        &mut self,
        table: &Table,
        subject: Subject,
        now_ns: u64,
        rule: impl FnOnce(&mut Case) -> Option<Opinion>,
    ) -> bool {
        let Self {
            policy,
            cases,
            turn,
            changes,
            past,
            ..
        } = self;
        let case = cases.entry(subject).or_insert_with(|| Case::new(now_ns));
        let mut opinion = rule(case);
        if let Some(opinion) = &mut opinion
            && opinion.severity.is_some()
        {
            let (process, unit) = survey::blamed(table, &subject, &opinion.evidence);
            let port = subject.place.port();
            if policy.ignores(subject.kind, process.as_deref(), unit.as_deref(), port) {
                opinion.severity = None;
            }
        }
        let is_trouble = opinion
            .as_ref()
            .is_some_and(|opinion| opinion.severity.is_some());
        case.heard_in = *turn;
        let (rise_ns, fall_ns) = (policy.general.rise_ns, policy.general.fall_ns);
        if let Some(step) = case.take(opinion, now_ns, rise_ns, fall_ns) {
            note(changes, past, subject, case, step, now_ns);
        }
        is_trouble
    }

    /// Cases nobody spoke of are well; those without a verdict are closed.
    fn acquit_the_rest(&mut self, now_ns: u64) {
        let Self {
            policy,
            cases,
            turn,
            changes,
            past,
            syns,
            ..
        } = self;
        let (rise_ns, fall_ns) = (policy.general.rise_ns, policy.general.fall_ns);
        let mut namespaces = rustc_hash::FxHashSet::default();
        cases.retain(|subject, case| {
            if case.heard_in != *turn {
                if let Some(step) = case.take(None, now_ns, rise_ns, fall_ns) {
                    note(changes, past, *subject, case, step, now_ns);
                }
            } else if let Some(netns) = subject.place.netns() {
                namespaces.insert(netns);
            }
            case.heard_in == *turn || case.level().is_some()
        });
        syns.retain(|netns, _| namespaces.contains(netns));
        changes.sort_by_key(|change| std::cmp::Reverse(change.severity));
    }

    fn thresholds(&self, table: &Table, group: &Group<'_>) -> Thresholds {
        if self.policy.special.is_empty() {
            return self.policy.general;
        }
        let name = group.process().map(Process::name);
        let unit = table.any_of(group).and_then(|socket| table.unit_of(socket));
        *self.policy.thresholds(name.as_deref(), unit)
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

fn place_of(table: &Table, group: &Group<'_>) -> Option<Place> {
    let (endpoint, _) = table.endpoint(group.endpoint_id())?;
    survey::place(table, endpoint)
}
