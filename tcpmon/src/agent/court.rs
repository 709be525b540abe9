//! Judging while the loop turns: when, at what price, and what is told of it.

use rustc_hash::FxHashMap;

use super::lines::{About, Line};
use crate::clock;
use crate::core::limit::LineLimit;
use crate::core::query::{VerdictRow, Verdicts};
use crate::core::table::Table;
use crate::core::verdict::{Change, Judge, Kind, Policy, Severity, Standing, Step, Subject, row};

const SECOND_NS: u64 = 1_000_000_000;
/// Judging takes at most this share of a processor.
const COST_SHARE: u64 = 100;
/// Lines about verdicts in one minute; a machine with a thousand leaks needs no thousand lines.
const LINES_A_MINUTE: u32 = 30;
/// Changes of one sitting that are looked at closely: more than can be logged or saved.
const MOST_ROWS: usize = 256;

/// The judge, and when it sits next.
pub(super) struct Court {
    judge: Judge,
    own_netns: Option<u32>,
    next_ns: u64,
    cost_ns: u64,
    limit: LineLimit,
    /// What was told of each verdict that stands.
    told: FxHashMap<Subject, About>,
}

impl Court {
    pub(super) fn new(judge: Judge, own_netns: Option<u32>) -> Self {
        Self {
            judge,
            own_netns,
            next_ns: 0,
            cost_ns: 0,
            limit: LineLimit::new(LINES_A_MINUTE),
            told: FxHashMap::default(),
        }
    }

    /// Another policy from the next evaluation on.
    pub(super) fn set_policy(&mut self, policy: Policy) {
        self.judge.set_policy(policy);
    }

    /// What is judged, and how.
    pub(super) const fn policy(&self) -> &Policy {
        self.judge.policy()
    }

    /// Judges everything if it is time to; returns what has changed, to be told.
    pub(super) fn sit(&mut self, table: &mut Table, now_ns: u64) -> Vec<Change> {
        if let Some(left_out) = self.limit.turn(now_ns) {
            log::warn!(left_out; "{left_out} more changes of verdicts were not logged");
        }
        if now_ns < self.next_ns {
            return Vec::new();
        }
        let before_ns = clock::thread_cpu_ns();
        // What was nobody's goes on in silence under a process that becomes known.
        let Self { judge, told, .. } = self;
        told.retain(|subject, _| judge.stands(subject));
        let changes = judge.evaluate(table, now_ns);
        self.cost_ns = clock::thread_cpu_ns().saturating_sub(before_ns);
        let rest_ns = (self.cost_ns * COST_SHARE).max(SECOND_NS - SECOND_NS / 10);
        self.next_ns = now_ns.saturating_add(rest_ns);
        changes
    }

    /// Whether something can only be told by an audit.
    pub(super) const fn wants_audit(&self) -> bool {
        self.judge.wants_dump()
    }

    /// What stands and what is over.
    pub(super) fn report(&self, table: &Table, now_ns: u64) -> Verdicts {
        self.judge.report(table, self.own_netns, now_ns)
    }

    /// How many verdicts stand, by kind and severity.
    pub(super) fn counts(&self) -> [[u64; Severity::ALL.len()]; Kind::ALL.len()] {
        self.judge.counts()
    }

    /// The verdicts that stand, in short.
    pub(super) fn standing(&self) -> Vec<Standing> {
        self.judge.standing()
    }

    /// Processor time the last sitting took, in nanoseconds.
    pub(super) const fn cost_ns(&self) -> u64 {
        self.cost_ns
    }

    /// The verdicts that changed and still stand, as rows; the worst if there are very many.
    pub(super) fn rows(
        &self,
        table: &Table,
        changes: &[Change],
        now_ns: u64,
    ) -> FxHashMap<Subject, VerdictRow> {
        if changes.iter().all(|change| change.step == Step::Ended) {
            return FxHashMap::default();
        }
        let verdicts = self.judge.verdicts();
        let standing: FxHashMap<_, _> = verdicts.iter().map(|one| (one.subject, one)).collect();
        let changed = changes.iter().take(MOST_ROWS).filter_map(|change| {
            let verdict = standing.get(&change.subject)?;
            let row = row(table, verdict, self.own_netns, now_ns);
            Some((change.subject, row))
        });
        changed.collect()
    }

    /// Logs a change, within the limit. `row`: the verdict, if it stands; `incident`: the file its
    /// evidence goes to.
    pub(super) fn tell(
        &mut self,
        change: &Change,
        row: Option<&VerdictRow>,
        incident: Option<&str>,
    ) {
        let about = match row {
            Some(row) => About::of_row(row),
            None => self
                .told
                .remove(&change.subject)
                .unwrap_or_else(|| About::of_subject(change)),
        };
        if self.limit.admits() {
            let line = Line {
                change,
                about: &about,
                what: row.map(|row| row.what.as_str()),
                incident,
            };
            line.log();
        }
        if row.is_some() {
            self.told.insert(change.subject, about);
        }
    }
}

#[cfg(test)]
mod tests {
    use tcpmon_common::record::flag;
    use tcpmon_common::{Holder, Record, State};

    use super::*;

    /// As many as are a leak even where they may be a pool.
    const SOCKETS: u64 = 50;

    /// Connections that are left in CLOSE_WAIT by nobody known.
    fn leak() -> Table {
        let mut table = Table::new();
        let states = [
            State::Close,
            State::SynSent,
            State::Established,
            State::CloseWait,
        ];
        for number in 1..=SOCKETS {
            for pair in states.windows(2) {
                table.apply(&Record {
                    time_ns: SECOND_NS,
                    sock: number,
                    cookie: number,
                    netns_cookie: 1,
                    netns_inode: 4_026_531_840,
                    inode: number,
                    family: 2,
                    local_port: 40_000 + number as u16,
                    remote_port: 5432,
                    flags: flag::HAS_SOCKET,
                    old_state: pair[0].number(),
                    new_state: pair[1].number(),
                    ..Record::EMPTY
                });
            }
        }
        table
    }

    fn find_holders(table: &mut Table, now_ns: u64) {
        let holder = |number| Holder {
            sock: number,
            cookie: number,
            inode: number,
            born_ns: 0,
            pid: 10,
            fd: 3,
            comm: [b'a'; 16],
        };
        let holders: Vec<Holder> = (1..=SOCKETS).map(holder).collect();
        table.set_holders(now_ns, &holders);
    }

    #[test]
    fn what_was_told_of_nobody_is_forgotten_once_somebody_is_known() {
        let mut table = leak();
        let mut court = Court::new(Judge::new(Policy::default()), None);
        let mut pids = Vec::new();
        for second in 1..=90 {
            let now_ns = second * SECOND_NS;
            if second == 70 {
                assert_eq!(court.told.len(), 1, "it is told of");
                find_holders(&mut table, now_ns);
            }
            let changes = court.sit(&mut table, now_ns);
            let rows = court.rows(&table, &changes, now_ns);
            for change in &changes {
                pids.push(change.subject.process.map(|process| process.pid));
                court.tell(change, rows.get(&change.subject), None);
            }
        }
        assert_eq!(pids, [None], "it began, and went on in silence");
        let verdicts = court.judge.verdicts();
        let standing = verdicts.iter().map(|one| one.subject.process);
        let standing: Vec<_> = standing.map(|process| process.map(|one| one.pid)).collect();
        assert_eq!(standing, [Some(10)]);
        assert!(court.told.is_empty(), "{:?}", court.told);
    }
}
