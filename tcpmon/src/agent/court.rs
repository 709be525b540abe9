//! Judging while the loop turns: when, at what price, and what is told of it.

use crate::clock;
use crate::core::query::Verdicts;
use crate::core::table::Table;
use crate::core::verdict::{Change, Judge, Kind, Policy, Severity, Step, row};

const SECOND_NS: u64 = 1_000_000_000;
/// Judging takes at most this share of a processor.
const COST_SHARE: u64 = 100;
/// Lines about verdicts in one minute; a machine with a thousand leaks needs no thousand lines.
const LINES_A_MINUTE: u32 = 30;

/// The judge, and when it sits next.
pub(super) struct Court {
    judge: Judge,
    own_netns: Option<u32>,
    next_ns: u64,
    cost_ns: u64,
    minute_ns: u64,
    lines: u32,
    unsaid: u64,
}

impl Court {
    pub(super) fn new(judge: Judge, own_netns: Option<u32>) -> Self {
        Self {
            judge,
            own_netns,
            next_ns: 0,
            cost_ns: 0,
            minute_ns: 0,
            lines: 0,
            unsaid: 0,
        }
    }

    /// Another policy from the next evaluation on.
    pub(super) fn set_policy(&mut self, policy: Policy) {
        self.judge.set_policy(policy);
    }

    /// Judges everything if it is time to, and logs what has changed.
    pub(super) fn sit(&mut self, table: &mut Table, now_ns: u64) {
        if now_ns < self.next_ns {
            return;
        }
        let before_ns = clock::thread_cpu_ns();
        let changes = self.judge.evaluate(table, now_ns);
        self.cost_ns = clock::thread_cpu_ns().saturating_sub(before_ns);
        let rest_ns = (self.cost_ns * COST_SHARE).max(SECOND_NS - SECOND_NS / 10);
        self.next_ns = now_ns.saturating_add(rest_ns);
        self.tell(table, &changes, now_ns);
    }

    /// What stands and what is over.
    pub(super) fn report(&self, table: &Table, now_ns: u64) -> Verdicts {
        self.judge.report(table, self.own_netns, now_ns)
    }

    /// How many verdicts stand, by kind and severity.
    pub(super) fn counts(&self) -> [[u64; Severity::ALL.len()]; Kind::ALL.len()] {
        self.judge.counts()
    }

    /// Processor time the last sitting took, in nanoseconds.
    pub(super) const fn cost_ns(&self) -> u64 {
        self.cost_ns
    }

    fn tell(&mut self, table: &Table, changes: &[Change], now_ns: u64) {
        if now_ns >= self.minute_ns.saturating_add(60 * SECOND_NS) {
            if self.unsaid > 0 {
                log::warn!("{} more changes of verdicts were not logged", self.unsaid);
            }
            (self.minute_ns, self.lines, self.unsaid) = (now_ns, 0, 0);
        }
        for change in changes {
            if self.lines == LINES_A_MINUTE {
                self.unsaid += 1;
                continue;
            }
            self.lines += 1;
            self.tell_one(table, change, now_ns);
        }
    }

    fn tell_one(&self, table: &Table, change: &Change, now_ns: u64) {
        let subject = &change.subject;
        let kind = subject.kind.name();
        let step = change.step.name();
        let severity = change.severity.map_or("none", Severity::name);
        if change.step == Step::Ended {
            let place = subject.place.to_string();
            let pid = subject.process.map_or(0, |process| process.pid);
            log::info!(
                verdict = kind, step = step, severity = severity, pid = pid;
                "verdict over: {kind} at {place}, at its worst {severity}"
            );
            return;
        }
        let verdicts = self.judge.verdicts();
        let Some(verdict) = verdicts.iter().find(|verdict| verdict.subject == subject) else {
            return;
        };
        let told = row(table, verdict, self.own_netns, now_ns);
        let level = match change.severity {
            Some(Severity::Critical) => log::Level::Error,
            Some(Severity::Warning) => log::Level::Warn,
            _ => log::Level::Info,
        };
        log::log!(
            level,
            verdict = kind, step = step, severity = severity, pid = told.pid.unwrap_or(0),
            netns = told.netns.unwrap_or(0);
            "{}", told.what
        );
    }
}
