//! The rounds of the agent, at the pace of the real one.

use std::fmt;

use tcpmon::core::facts::StateSet;
use tcpmon::core::table::Process;
use tcpmon::core::verdict::{Evidence, Severity, Step, Subject, Verdict};

use super::{BEGINNING, SECOND, World};

/// A change of a verdict, as the agent would tell it.
#[derive(Clone, Debug)]
pub(crate) struct Told {
    /// Seconds since the scenario began.
    pub(crate) second: f64,
    pub(crate) subject: Subject,
    pub(crate) step: Step,
    pub(crate) severity: Option<Severity>,
    /// Whose sockets, by the evidence where the subject does not say.
    pub(crate) who: Option<Process>,
}

impl fmt::Display for Told {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            second,
            subject,
            step,
            severity,
            who,
        } = self;
        let severity = severity.map_or("", Severity::name);
        let who = who.map_or_else(|| "nobody".to_owned(), |who| who.name());
        let (kind, step, place) = (subject.kind.name(), step.name(), subject.place);
        write!(
            f,
            "{second:.0} s: {kind} {step}, {severity}, of {who} at {place:?}"
        )
    }
}

/// Seconds between audits of all states, and between readings of processes and settings.
const AUDIT: u64 = 5;
const FACTS: u64 = 30;

impl World {
    /// What the agent does once a second.
    pub(super) fn agent_round(&mut self) {
        if !self.watching {
            return;
        }
        let second = (self.now_ns - BEGINNING) / SECOND;
        if second.is_multiple_of(FACTS) {
            self.read_facts();
        }
        if second.is_multiple_of(AUDIT) {
            self.audit(StateSet::LIVE);
            if self.sees_holders && self.table.wants_holders() {
                self.scan_holders();
            }
        } else if self.minisocks_differ() {
            self.audit(StateSet::MINISOCKS);
        }
        self.measure();
        self.table.expire(self.now_ns, 10_000);
        self.judge_now();
    }

    fn judge_now(&mut self) {
        let changes = self.judge.evaluate(&mut self.table, self.now_ns);
        for change in changes {
            let verdict = self.verdict(&change.subject);
            self.told.push(Told {
                second: self.seconds(),
                subject: change.subject,
                step: change.step,
                severity: change.severity,
                who: change
                    .subject
                    .process
                    .or(verdict.and_then(|of| busiest(of.evidence))),
            });
        }
    }

    /// The verdict on a subject, if one stands.
    pub(crate) fn verdict(&self, subject: &Subject) -> Option<Verdict<'_>> {
        let mut verdicts = self.judge.verdicts().into_iter();
        verdicts.find(|verdict| verdict.subject == subject)
    }

    /// The agent is not there yet.
    pub(crate) fn without_agent(&mut self) {
        self.watching = false;
    }

    /// The agent starts: attaches, dumps everything and looks who holds what.
    pub(crate) fn start_agent(&mut self) {
        self.watching = true;
        self.read_facts();
        self.audit(StateSet::LIVE);
        if self.sees_holders {
            self.scan_holders();
        }
    }
}

/// The process with the most of the sockets.
fn busiest(evidence: &Evidence) -> Option<Process> {
    let busiest = match evidence {
        Evidence::Ports(ports) => ports.busiest,
        Evidence::Stuck(stuck) => stuck.busiest,
        Evidence::TimeWaits(waits) => waits.busiest,
        Evidence::HalfDead(half_dead) => half_dead.busiest,
        Evidence::Leak(_) | Evidence::Accept(_) | Evidence::Queue(_) | Evidence::Orphans(_) => None,
    };
    busiest.map(|(process, _)| process)
}
