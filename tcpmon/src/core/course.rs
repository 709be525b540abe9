//! How many sockets were in which state: once a second, for a quarter of an hour, in bounded memory.
//! What somebody sees who opens a screen when it has happened already.

use std::collections::VecDeque;

use tcpmon_common::State;

use crate::core::query::PastMoment;

/// How far back one can look, in nanoseconds.
pub const SPAN_NS: u64 = 15 * 60 * 1_000_000_000;
/// Moments at most: one a second, and some more where seconds were short.
const MOST: usize = 1000;
/// Edges kept of a moment: more than one machine takes at once.
const EDGES: usize = 40;

/// The machine at one moment. The states are in the order of [`State::RFC`].
#[derive(Clone, Debug, PartialEq)]
pub struct Sample {
    /// `CLOCK_BOOTTIME`, in nanoseconds.
    pub time_ns: u64,
    /// Transitions per second.
    pub events_per_second: f32,
    /// Every state.
    pub states: [StateSample; State::RFC.len()],
    /// Edges that were taken, by the numbers of their states, and how often per second.
    pub edges: Vec<(u8, u8, f32)>,
}

/// One state at one moment.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct StateSample {
    /// Sockets in it.
    pub sockets: u64,
    /// Entries per second.
    pub per_second: f32,
    /// Age of the oldest, in seconds.
    pub oldest: Option<f32>,
    /// The oldest is older than the agent.
    pub oldest_is_lower_bound: bool,
}

/// The moments, oldest first.
#[derive(Debug, Default)]
pub struct Course(VecDeque<Sample>);

impl Course {
    /// Remembers a moment, and forgets what is too old.
    pub fn add(&mut self, mut sample: Sample) {
        let oldest_ns = sample.time_ns.saturating_sub(SPAN_NS);
        while self.0.len() >= MOST || self.0.front().is_some_and(|it| it.time_ns < oldest_ns) {
            self.0.pop_front();
        }
        sample.edges.truncate(EDGES);
        self.0.push_back(sample);
    }

    /// All of them, with their ages at `now_ns`.
    #[must_use]
    pub fn moments(&self, now_ns: u64) -> Vec<PastMoment> {
        let moments = self.0.iter().map(|sample| PastMoment {
            age_seconds: (now_ns.saturating_sub(sample.time_ns) / 1_000_000) as f64 / 1e3,
            events_per_second: sample.events_per_second,
            states: sample.states.map(|state| {
                let StateSample {
                    sockets,
                    per_second,
                    oldest,
                    oldest_is_lower_bound,
                } = state;
                (sockets, per_second, oldest, oldest_is_lower_bound)
            }),
            edges: sample.edges.clone(),
        });
        moments.collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND_NS: u64 = 1_000_000_000;

    fn sample(second: u64) -> Sample {
        Sample {
            time_ns: second * SECOND_NS,
            events_per_second: 0.0,
            states: [StateSample {
                sockets: second,
                ..StateSample::default()
            }; State::RFC.len()],
            edges: vec![(1, 8, 0.5); 99],
        }
    }

    #[test]
    fn a_quarter_of_an_hour_is_kept() {
        let mut course = Course::default();
        for second in 0..=2000 {
            course.add(sample(second));
        }
        let moments = course.moments(2001 * SECOND_NS);
        assert_eq!(moments.len(), 901);
        let ages: Vec<f64> = moments.iter().map(|it| it.age_seconds).collect();
        assert_eq!((ages[0], ages[900]), (901.0, 1.0));
        assert_eq!(moments[900].states[0].0, 2000);
        assert_eq!(moments[0].edges.len(), EDGES);
    }

    #[test]
    fn memory_is_bounded_whatever_the_clock_does() {
        let mut course = Course::default();
        for _ in 0..5000 {
            course.add(sample(7));
        }
        assert_eq!(course.moments(0).len(), MOST);
    }
}
