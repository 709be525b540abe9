//! The past: what all states, edges, verdicts and the largest processes were, once a second for a
//! quarter of an hour. Bounded in time, in number and in the length of every name.
//!
//! Times here begin [`SPAN`] before the screen did: so far back the agent remembers the states.

use std::collections::VecDeque;
use std::time::Duration;

use tcpmon_common::State;

use crate::core::query::{PastMoment, Picture, ProcessRow, StateSummary};
use crate::core::verdict::Severity;
use crate::view::format::{Charset, sanitise_bounded};

/// How far back one can look.
pub(super) const SPAN: Duration = Duration::from_secs(15 * 60);
/// Time between two moments at least; an answer is seldom to the millisecond.
const STEP: Duration = Duration::from_millis(900);
/// Moments at most.
const MOST: usize = 1000;
/// Verdicts kept of a moment, and columns of each.
const VERDICTS: usize = 8;
const SENTENCE: usize = 240;
/// Processes kept of a moment, and columns of a name.
pub(super) const PROCESSES: usize = 32;
const NAME: usize = 24;

/// The machine as it was, in few bytes.
#[derive(Clone, Debug)]
pub(super) struct Moment {
    /// Since [`SPAN`] before the screen began.
    pub(super) at: Duration,
    /// In the order of [`State::RFC`].
    pub(super) states: Vec<StateAt>,
    /// Edges that were taken, per second.
    pub(super) edges: Vec<(State, State, f32)>,
    pub(super) events_per_second: f32,
    /// `None`: the screen had not begun, and the agent does not keep them.
    pub(super) verdicts: Option<Vec<(Severity, String)>>,
    processes: Vec<ProcessAt>,
}

/// One state.
#[derive(Clone, Copy, Debug)]
pub(super) struct StateAt {
    pub(super) state: State,
    pub(super) sockets: u64,
    pub(super) per_second: f32,
    /// In seconds.
    pub(super) oldest: Option<f32>,
    pub(super) oldest_is_lower_bound: bool,
}

#[derive(Clone, Debug)]
struct ProcessAt {
    pid: u32,
    name: String,
    sockets: u64,
    close_wait: u64,
    oldest_close_wait: Option<f32>,
}

impl Moment {
    pub(super) fn new(at: Duration, snapshot: &Picture, charset: Charset) -> Self {
        let summary = &snapshot.summary;
        let edges = summary.edges.iter().filter_map(|edge| {
            let (from, to) = (named(&edge.from)?, named(&edge.to)?);
            Some((from, to, edge.per_second as f32))
        });
        let verdicts = snapshot.verdicts.verdicts.iter().take(VERDICTS);
        let processes = snapshot.processes.processes.iter().take(PROCESSES);
        Self {
            at,
            states: summary.states.iter().filter_map(StateAt::new).collect(),
            edges: edges.take(State::ALL.len() * State::ALL.len()).collect(),
            events_per_second: summary.health.events_per_second as f32,
            verdicts: Some(
                verdicts
                    .map(|row| {
                        let what = sanitise_bounded(&row.what, SENTENCE, charset);
                        (row.severity, what)
                    })
                    .collect(),
            ),
            processes: processes
                .map(|row| ProcessAt {
                    pid: row.pid,
                    name: sanitise_bounded(&row.process, NAME, charset),
                    sockets: row.sockets,
                    close_wait: in_close_wait(row),
                    oldest_close_wait: row.oldest_close_wait_age_seconds.map(|age| age as f32),
                })
                .collect(),
        }
    }

    /// A moment that the agent remembers.
    fn remembered(at: Duration, past: &PastMoment) -> Self {
        let states = State::RFC.into_iter().zip(past.states);
        let states = states.map(
            |(state, (sockets, per_second, oldest, oldest_is_lower_bound))| StateAt {
                state,
                sockets,
                per_second,
                oldest,
                oldest_is_lower_bound,
            },
        );
        let edges = past.edges.iter().filter_map(|(from, to, per_second)| {
            let (from, to) = (
                State::from_kernel((*from).into())?,
                State::from_kernel((*to).into())?,
            );
            Some((from, to, *per_second))
        });
        Self {
            at,
            states: states.collect(),
            edges: edges.take(State::ALL.len() * State::ALL.len()).collect(),
            events_per_second: past.events_per_second,
            verdicts: None,
            processes: Vec::new(),
        }
    }

    /// Sockets in all states.
    pub(super) fn sockets(&self) -> u64 {
        self.states.iter().map(|state| state.sockets).sum()
    }

    pub(super) fn of(&self, state: State) -> Option<&StateAt> {
        self.states.iter().find(|it| it.state == state)
    }

    /// Its processes, with what is kept of them: everything else is unknown.
    pub(super) fn process_rows(&self) -> Vec<ProcessRow> {
        let rows = self.processes.iter().map(|it| ProcessRow {
            pid: it.pid,
            process: it.name.clone(),
            presence: None,
            facts_age_seconds: None,
            age_seconds: None,
            executable: None,
            executable_deleted: false,
            uid: None,
            user: None,
            cgroup: None,
            unit: None,
            container: None,
            pod_uid: None,
            threads: None,
            fd_open: None,
            fd_limit: None,
            sockets: it.sockets,
            states: [(State::CloseWait.name().to_owned(), it.close_wait)].into(),
            oldest_close_wait_age_seconds: it.oldest_close_wait.map(f64::from),
            oldest_close_wait_is_lower_bound: false,
        });
        rows.collect()
    }
}

impl StateAt {
    fn new(summary: &StateSummary) -> Option<Self> {
        Some(Self {
            state: named(&summary.state)?,
            sockets: summary.sockets,
            per_second: summary.entered_per_second as f32,
            oldest: summary.oldest_age_seconds.map(|age| age as f32),
            oldest_is_lower_bound: summary.oldest_is_lower_bound,
        })
    }
}

/// How many sockets of a process its peers have closed.
pub(super) fn in_close_wait(row: &ProcessRow) -> u64 {
    let count = row.states.get(State::CloseWait.name());
    count.copied().unwrap_or(0)
}

/// The state that is called so.
pub(super) fn named(name: &str) -> Option<State> {
    State::RFC.into_iter().find(|state| state.name() == name)
}

/// All moments, oldest first.
#[derive(Debug, Default)]
pub(super) struct History(VecDeque<Moment>);

impl History {
    /// Remembers a moment, unless the last one is too near.
    pub(super) fn add(&mut self, moment: Moment) {
        let is_near = |last: &Moment| moment.at.saturating_sub(last.at) < STEP;
        if self.0.back().is_some_and(is_near) {
            return;
        }
        let oldest = moment.at.saturating_sub(SPAN);
        while self.0.len() >= MOST || self.0.front().is_some_and(|first| first.at < oldest) {
            self.0.pop_front();
        }
        self.0.push_back(moment);
    }

    /// Puts what the agent remembers at `now` before what was seen here.
    pub(super) fn begin(&mut self, now: Duration, past: &[PastMoment]) {
        let first = self.0.front().map_or(now, |first| first.at);
        let past = past.iter().filter_map(|moment| {
            let age = Duration::try_from_secs_f64(moment.age_seconds).ok()?;
            Some(Moment::remembered(now.checked_sub(age)?, moment))
        });
        let mut past: Vec<Moment> = past.filter(|moment| moment.at < first).collect();
        past.sort_by_key(|moment| moment.at);
        for moment in past.into_iter().rev().take(MOST - self.0.len().min(MOST)) {
            self.0.push_front(moment);
        }
    }

    /// The last moment not after `at`; the first where there is none.
    pub(super) fn at(&self, at: Duration) -> Option<&Moment> {
        let after = self.0.partition_point(|moment| moment.at <= at);
        self.0.get(after.saturating_sub(1))
    }

    /// The times of the first and the last moment.
    pub(super) fn span(&self) -> Option<(Duration, Duration)> {
        Some((self.0.front()?.at, self.0.back()?.at))
    }

    /// The most sockets that were in a state in each of `columns` equal parts of the time `span` up to
    /// `end`. Parts are those of the clock, so that a picture of them does not shimmer. Before the first
    /// moment there were none; where nothing was seen it was as before.
    pub(super) fn course(
        &self,
        state: State,
        end: Duration,
        columns: usize,
        span: Duration,
    ) -> Vec<u64> {
        let wide = (span.as_millis() / columns.max(1) as u128).max(1);
        let part = |at: Duration| at.as_millis() / wide;
        let until = self.0.partition_point(|moment| moment.at <= end);
        let mut counts: Vec<Option<u64>> = vec![None; columns];
        for moment in self.0.range(..until).rev() {
            let before = usize::try_from(part(end) - part(moment.at)).unwrap_or(usize::MAX);
            let Some(place) = columns.checked_sub(before.saturating_add(1)) else {
                break;
            };
            let sockets = moment.of(state).map_or(0, |it| it.sockets);
            let count = &mut counts[place];
            *count = Some(count.map_or(sockets, |most| most.max(sockets)));
        }
        let mut last = 0;
        let counts = counts.into_iter().map(|count| {
            last = count.unwrap_or(last);
            last
        });
        counts.collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::view::tui::tests::snapshot;

    fn seconds(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    fn history(until: u64) -> History {
        let mut history = History::default();
        for second in 0..=until {
            let mut snapshot = snapshot(0, 0);
            snapshot.summary.states[0].sockets = second;
            history.add(Moment::new(seconds(second), &snapshot, Charset::Unicode));
        }
        history
    }

    #[test]
    fn a_quarter_of_an_hour_is_kept() {
        let history = history(2000);
        assert_eq!(history.span(), Some((seconds(1100), seconds(2000))));
        assert!(history.0.len() <= MOST);
    }

    #[test]
    fn moments_that_are_too_near_are_one() {
        let mut history = history(3);
        let near = Moment::new(Duration::from_millis(3100), &snapshot(0, 0), Charset::Ascii);
        history.add(near);
        assert_eq!(history.0.len(), 4);
    }

    #[test]
    fn the_moment_before_is_found() {
        let history = history(9);
        let at = |millis| history.at(Duration::from_millis(millis)).map(|it| it.at);
        assert_eq!(at(4500), Some(seconds(4)));
        assert_eq!(at(99_000), Some(seconds(9)));
        assert_eq!(History::default().at(seconds(1)).map(|it| it.at), None);
    }

    #[test]
    fn a_course_ends_where_it_is_asked_to() {
        let history = history(9);
        let state = history.at(seconds(0)).unwrap().states[0].state;
        let course =
            |end, columns, span| history.course(state, seconds(end), columns, seconds(span));
        assert_eq!(course(5, 3, 3), [3, 4, 5]);
        assert_eq!(course(5, 3, 6), [1, 3, 5], "the most of two seconds each");
        assert_eq!(
            course(1, 4, 4),
            [0, 0, 0, 1],
            "before the first there were none"
        );
        assert_eq!(course(7, 0, 4), [0_u64; 0]);
    }

    #[test]
    fn what_was_not_seen_is_as_before() {
        let mut history = History::default();
        for second in [0, 4] {
            let mut snapshot = snapshot(0, 0);
            snapshot.summary.states[0].sockets = second + 7;
            history.add(Moment::new(seconds(second), &snapshot, Charset::Unicode));
        }
        let state = history.at(seconds(0)).unwrap().states[0].state;
        assert_eq!(
            history.course(state, seconds(4), 5, seconds(5)),
            [7, 7, 7, 7, 11]
        );
    }

    #[test]
    fn what_the_agent_remembers_comes_before_what_was_seen() {
        let past = |age_seconds: f64, sockets| PastMoment {
            age_seconds,
            events_per_second: 1.0,
            states: [(sockets, 2.0, Some(3.0), true); State::RFC.len()],
            edges: vec![(1, 8, 0.5), (200, 1, 1.0)],
        };
        let mut history = History::default();
        let now = SPAN + seconds(1);
        let remembered = [
            past(1e9, 1),
            past(3.0, 2),
            past(2.0, 3),
            past(0.0, 4),
            past(f64::NAN, 5),
        ];
        history.add(Moment::new(now, &snapshot(0, 0), Charset::Unicode));
        history.begin(now, &remembered);
        assert_eq!(history.span(), Some((now - seconds(3), now)));
        assert_eq!(history.0.len(), 3);
        let moment = history.at(now - seconds(2)).unwrap();
        assert_eq!((moment.states[0].sockets, moment.edges.len()), (3, 1));
        assert!(moment.verdicts.is_none() && moment.process_rows().is_empty());
    }

    #[test]
    fn memory_is_bounded_whatever_names_hold() {
        let mut long = snapshot(0, 0);
        long.processes.processes = vec![long.processes.processes[0].clone(); 500];
        long.processes.processes[0].process = "x".repeat(10_000);
        long.verdicts.verdicts = vec![long.verdicts.verdicts[0].clone(); 99];
        long.verdicts.verdicts[0].what = "y".repeat(10_000);
        let moment = Moment::new(seconds(0), &long, Charset::Unicode);
        assert_eq!(moment.process_rows().len(), PROCESSES);
        let verdicts = moment.verdicts.as_ref().unwrap();
        assert_eq!(verdicts.len(), VERDICTS);
        assert!(verdicts[0].1.chars().count() <= SENTENCE);
        assert!(moment.process_rows()[0].process.chars().count() <= NAME);
    }
}
