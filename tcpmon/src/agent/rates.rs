//! Rates over the last few seconds, from totals sampled once a second. Pure: time comes in.

use std::collections::VecDeque;

use tcpmon_common::State;
use tcpmon_common::counter::STATES;

use crate::core::course::{self, StateSample};
use crate::core::explain;
use crate::core::query::{EdgeRate, StateSummary};
use crate::core::table::Table;

/// Seconds a rate looks back: long enough to be calm, short enough to follow.
const WINDOW: usize = 5;

/// How often each edge was taken, by old and new state number.
pub(crate) type Edges = [[u64; STATES]; STATES];

#[derive(Clone, Debug)]
struct Sample {
    time_ns: u64,
    events: u64,
    entered: [u64; STATES],
    edges: Box<Edges>,
}

/// The last samples.
#[derive(Debug, Default)]
pub(crate) struct Rates(VecDeque<Sample>);

impl Rates {
    /// Takes a sample of totals: all transitions, entries by state number, and edges.
    pub(crate) fn sample(
        &mut self,
        time_ns: u64,
        events: u64,
        entered: [u64; STATES],
        edges: Edges,
    ) {
        if self.0.len() > WINDOW {
            self.0.pop_front();
        }
        self.0.push_back(Sample {
            time_ns,
            events,
            entered,
            edges: Box::new(edges),
        });
    }

    /// Transitions per second.
    #[must_use]
    pub(crate) fn events(&self) -> f64 {
        self.rate(|sample| sample.events)
    }

    /// Entries per second into the state with this number.
    #[must_use]
    pub(crate) fn entered(&self, state: usize) -> f64 {
        self.rate(|sample| sample.entered[state])
    }

    /// Times per second the edge between the states with these numbers was taken.
    #[must_use]
    pub(crate) fn edge(&self, from: usize, to: usize) -> f64 {
        self.rate(|sample| sample.edges[from][to])
    }

    /// Every state of `table` at `now_ns`, and how often it is entered.
    #[must_use]
    pub(crate) fn states(&self, table: &Table, now_ns: u64) -> Vec<StateSummary> {
        let mut states = table.states(now_ns);
        for (summary, state) in states.iter_mut().zip(State::RFC) {
            summary.entered_per_second = self.entered(usize::from(state.number()));
        }
        states
    }

    /// The edges that are taken, and how often.
    #[must_use]
    pub(crate) fn edges(&self) -> Vec<EdgeRate> {
        let edges = self.taken().map(|(from, to, per_second)| EdgeRate {
            from: from.name().into(),
            to: to.name().into(),
            per_second,
        });
        edges.collect()
    }

    /// States and edges at `now_ns`, to be remembered.
    #[must_use]
    pub(crate) fn remember(&self, table: &Table, now_ns: u64) -> course::Sample {
        let states = State::RFC.map(|state| {
            let oldest = table.oldest(state);
            StateSample {
                sockets: table.in_state(state),
                per_second: self.entered(usize::from(state.number())) as f32,
                oldest: oldest.map(|socket| (socket.age_ns(now_ns) as f64 / 1e9) as f32),
                oldest_is_lower_bound: oldest.is_some_and(|socket| socket.age_is_lower_bound),
            }
        });
        let edges = self
            .taken()
            .map(|(from, to, per_second)| (from.number(), to.number(), per_second as f32));
        course::Sample {
            time_ns: now_ns,
            events_per_second: self.events() as f32,
            states,
            edges: edges.collect(),
        }
    }

    /// The edges between two states that are taken, and how often.
    fn taken(&self) -> impl Iterator<Item = (State, State, f64)> {
        let pages = explain::edges().filter(|page| page.from != page.to);
        let rates = pages.map(|page| {
            let per_second = self.edge(page.from as usize, page.to as usize);
            (page.from, page.to, per_second)
        });
        rates.filter(|(_, _, per_second)| *per_second > 0.0)
    }

    fn rate(&self, total: impl Fn(&Sample) -> u64) -> f64 {
        let (Some(first), Some(last)) = (self.0.front(), self.0.back()) else {
            return 0.0;
        };
        let elapsed_ns = last.time_ns.saturating_sub(first.time_ns);
        if elapsed_ns == 0 {
            return 0.0;
        }
        total(last).saturating_sub(total(first)) as f64 * 1e9 / elapsed_ns as f64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rate_is_the_difference_over_the_window() {
        let mut rates = Rates::default();
        assert_eq!(rates.events(), 0.0);
        for second in 0..=10 {
            let mut entered = [0; STATES];
            entered[8] = second * 3;
            let mut edges = [[0; STATES]; STATES];
            edges[1][8] = second * 2;
            rates.sample(second * 1_000_000_000, second * 100, entered, edges);
        }
        assert_eq!(rates.events(), 100.0);
        assert_eq!(rates.entered(8), 3.0);
        assert_eq!(rates.entered(1), 0.0);
        assert_eq!((rates.edge(1, 8), rates.edge(8, 1)), (2.0, 0.0));
    }

    #[test]
    fn one_sample_has_no_rate() {
        let mut rates = Rates::default();
        rates.sample(5, 100, [1; STATES], [[1; STATES]; STATES]);
        assert_eq!(rates.events(), 0.0);
    }
}
