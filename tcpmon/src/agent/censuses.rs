//! What scrapes are told: copied a part at a time, so that nothing else waits for all of it. Names are
//! made of it elsewhere.

use std::collections::VecDeque;

use tokio::sync::oneshot::Sender;

use super::Agent;
use crate::clock;
use crate::core::census::Census;
use crate::core::snapshot::Snapshot;
use crate::core::table::Counting;

/// Groups counted in one turn: about a millisecond where each of their sockets is far away in memory.
const CENSUS_BUDGET: usize = 1024;
/// And in the first, which has other things to copy. Most machines have fewer, and are done with it.
const FIRST_BUDGET: usize = 256;

type Answer = Sender<(Box<Snapshot>, Box<Census>)>;

/// Those who wait for a census, and that of the first of them.
#[derive(Default)]
pub(super) struct Censuses {
    waiting: VecDeque<Answer>,
    under_way: Option<(Box<Snapshot>, Counting)>,
}

impl Censuses {
    pub(super) fn add(&mut self, answer: Answer) {
        self.waiting.push_back(answer);
    }

    /// Whether [`Agent::count_on`] has something to do.
    pub(super) fn are_wanted(&self) -> bool {
        !self.waiting.is_empty()
    }

    /// Whether the first who waits has left.
    fn is_in_vain(&self) -> bool {
        self.waiting.front().is_none_or(Sender::is_closed)
    }

    /// Tells the first who waits.
    fn answer(&mut self, snapshot: Box<Snapshot>, census: Census) {
        if let Some(answer) = self.waiting.pop_front() {
            drop(answer.send((snapshot, Box::new(census))));
        }
    }
}

impl Agent {
    /// Does the next part of a census, and keeps in mind how long it took.
    pub(super) fn count_on(&mut self) {
        let ((), turn, now_ns) = self.measured(Self::count_part);
        self.scrapes.took(turn, now_ns);
    }

    fn count_part(&mut self) {
        if self.censuses.is_in_vain() {
            self.censuses.waiting.pop_front();
            self.censuses.under_way = None;
            return;
        }
        let ((snapshot, mut counting), budget) = match self.censuses.under_way.take() {
            Some(under_way) => (under_way, CENSUS_BUDGET),
            None => (self.begin_census(), FIRST_BUDGET),
        };
        if self.table.count_on(&mut counting, budget) {
            self.censuses.under_way = Some((snapshot, counting));
        } else {
            self.censuses.answer(snapshot, counting.census);
        }
    }

    fn begin_census(&mut self) -> (Box<Snapshot>, Counting) {
        let snapshot = Box::new(self.snapshot());
        let (now_ns, now_unix_ns) = (clock::boottime_ns(), clock::unix_ns());
        let mut counting = self.table.begin_census(now_ns, now_unix_ns);
        counting.census.verdicts = self.court.standing();
        (snapshot, counting)
    }
}
