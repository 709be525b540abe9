//! One case: what is remembered of a subject, and the verdict on it.

use super::course::{Course, Step};
use super::memory::Memory;
use super::rules::Opinion;
use super::{Evidence, Severity, Subject};
use crate::core::table::Process;

/// What is known of a subject that is or was in trouble.
#[derive(Clone, Debug)]
pub(super) struct Case {
    pub(super) memory: Memory,
    /// The last evaluation that spoke of it.
    pub(super) heard_in: u64,
    course: Course,
    evidence: Option<Evidence>,
    began_ns: u64,
    changed_ns: u64,
    worst: Option<Severity>,
}

impl Case {
    pub(super) fn new(now_ns: u64) -> Self {
        Self {
            memory: Memory::default(),
            heard_in: 0,
            course: Course::default(),
            evidence: None,
            began_ns: now_ns,
            changed_ns: now_ns,
            worst: None,
        }
    }

    pub(super) const fn level(&self) -> Option<Severity> {
        self.course.level()
    }

    pub(super) const fn worst(&self) -> Option<Severity> {
        self.worst
    }

    /// Takes an opinion over. The evidence of a verdict is the last that supported its severity:
    /// while it fades, the numbers stay those it was based on.
    pub(super) fn take(
        &mut self,
        opinion: Option<Opinion>,
        now_ns: u64,
        rise_ns: u64,
        fall_ns: u64,
    ) -> Option<Step> {
        let wanted = opinion.as_ref().and_then(|opinion| opinion.severity);
        let step = self.course.read(wanted, now_ns, rise_ns, fall_ns);
        if wanted.is_some() && wanted >= self.level() {
            self.evidence = opinion.map(|opinion| opinion.evidence);
        }
        let step = step?;
        self.changed_ns = now_ns;
        match step {
            Step::Began => {
                self.began_ns = now_ns;
                self.worst = self.level();
            }
            Step::Worsened => self.worst = self.worst.max(self.level()),
            Step::Eased | Step::Ended => {}
        }
        Some(step)
    }

    /// Who has most of the sockets it is about, where it is not one process's.
    pub(super) fn busiest(&self) -> Option<Process> {
        self.evidence.as_ref().and_then(Evidence::busiest)
    }

    /// The verdict, if there is one.
    pub(super) fn verdict<'a>(&'a self, subject: &'a Subject) -> Option<Verdict<'a>> {
        Some(Verdict {
            subject,
            severity: self.level()?,
            began_ns: self.began_ns,
            changed_ns: self.changed_ns,
            evidence: self.evidence.as_ref()?,
        })
    }

    /// What is told of it once it is over.
    pub(super) fn ended(&self, subject: Subject, now_ns: u64) -> Option<Ended> {
        Some(Ended {
            subject,
            worst: self.worst?,
            began_ns: self.began_ns,
            ended_ns: now_ns,
        })
    }
}

/// A verdict that stands.
#[derive(Clone, Copy, Debug)]
pub struct Verdict<'a> {
    /// What it is about.
    pub subject: &'a Subject,
    /// How bad it is.
    pub severity: Severity,
    /// Since when it stands, `CLOCK_BOOTTIME` ns.
    pub began_ns: u64,
    /// When its severity last changed.
    pub changed_ns: u64,
    /// What it rests on.
    pub evidence: &'a Evidence,
}

impl Verdict<'_> {
    /// Order of urgency: the worst first, then what breaks soonest, then what stands longest.
    pub(super) fn rank(&self) -> impl Ord + use<> {
        let seconds_left = match self.evidence {
            Evidence::Leak(leak) => leak.seconds_left,
            Evidence::Ports(ports) => ports.seconds_left,
            _ => None,
        };
        let milliseconds = seconds_left.map_or(u64::MAX, |left| (left * 1000.0) as u64);
        (
            std::cmp::Reverse(self.severity),
            milliseconds,
            self.began_ns,
            self.subject.order(),
        )
    }
}

/// A change of a verdict.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Change {
    /// What it is about.
    pub subject: Subject,
    /// What happened.
    pub step: Step,
    /// How bad it is now; the worst it was, once it is over.
    pub severity: Option<Severity>,
}

/// A verdict that is over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ended {
    /// What it was about.
    pub subject: Subject,
    /// How bad it was at its worst.
    pub worst: Severity,
    /// When it began, `CLOCK_BOOTTIME` ns.
    pub began_ns: u64,
    /// When it was over.
    pub ended_ns: u64,
}
