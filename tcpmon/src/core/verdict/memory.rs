//! What is remembered of a case from one evaluation to the next.

use std::collections::VecDeque;

use super::thresholds::{REMEMBERED_NS, SECOND_NS};
use super::trend::Trend;

/// Events of a counter that only grows, of late.
#[derive(Clone, Debug, Default)]
pub(super) struct Counter {
    last: Option<u64>,
    gains: VecDeque<(u64, u64)>,
}

impl Counter {
    /// Takes over a reading. What was counted before the first is old.
    pub(super) fn read(&mut self, count: Option<u64>, now_ns: u64) {
        let Some(count) = count else {
            return;
        };
        let gained = self.last.map_or(0, |last| count.saturating_sub(last));
        self.last = Some(count);
        if gained > 0 {
            self.gains.push_back((now_ns, gained));
        }
        while let Some((time_ns, _)) = self.gains.front()
            && time_ns.saturating_add(REMEMBERED_NS) < now_ns
        {
            self.gains.pop_front();
        }
    }

    /// What the first reading tells has all happened since this began: it counts.
    pub(super) fn begin_at_zero(&mut self) {
        self.last.get_or_insert(0);
    }

    /// What happened so far has another cause and does not count.
    pub(super) fn forget(&mut self) {
        self.gains.clear();
    }

    /// Events in the last `window_ns`, at most two minutes.
    #[must_use]
    pub(super) fn recent(&self, now_ns: u64, window_ns: u64) -> u64 {
        let since_ns = now_ns.saturating_sub(window_ns);
        let recent = self.gains.iter().rev();
        recent
            .take_while(|(time_ns, _)| *time_ns >= since_ns)
            .map(|(_, gained)| gained)
            .sum()
    }
}

/// Sockets that became ripe, and how many of them went on.
#[derive(Clone, Debug, Default)]
pub(super) struct Turnover {
    samples: VecDeque<(u64, u64, u64)>,
}

/// Turnover is looked at over so long, at this pace.
const TURNOVER_NS: u64 = 600 * SECOND_NS;
const TURNOVER_PACE_NS: u64 = 10 * SECOND_NS;

impl Turnover {
    /// Takes over a reading of both counters.
    pub(super) fn read(&mut self, ripened: u64, left: u64, now_ns: u64) {
        let last_ns = self.samples.back().map(|sample| sample.0);
        if last_ns.is_none_or(|last_ns| now_ns >= last_ns.saturating_add(TURNOVER_PACE_NS)) {
            self.samples.push_back((now_ns, ripened, left));
        }
        while let Some((time_ns, ..)) = self.samples.front()
            && time_ns.saturating_add(TURNOVER_NS) < now_ns
        {
            self.samples.pop_front();
        }
    }

    /// Of the sockets that became ripe of late, the share that went on. 0 before there are any.
    #[must_use]
    pub(super) fn share(&self, ripened: u64, left: u64) -> f64 {
        let Some((_, ripened_before, left_before)) = self.samples.front() else {
            return 0.0;
        };
        let (came, went) = (
            ripened.saturating_sub(*ripened_before),
            left.saturating_sub(*left_before),
        );
        // What was ripe already may go on too.
        let all = came.max(went);
        if all == 0 {
            0.0
        } else {
            went as f64 / all as f64
        }
    }
}

/// Since when a condition holds.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Lasting(Option<u64>);

impl Lasting {
    /// Takes over whether it holds now; says for how long it has, 0 when it does not.
    pub(super) fn read(&mut self, holds: bool, now_ns: u64) -> u64 {
        if !holds {
            self.0 = None;
            return 0;
        }
        now_ns.saturating_sub(*self.0.get_or_insert(now_ns))
    }

    /// Since when it holds, by the last reading.
    pub(super) const fn since(&self) -> Option<u64> {
        self.0
    }
}

/// The memory of a case.
#[derive(Clone, Debug, Default)]
pub(super) struct Memory {
    /// The number that grows.
    pub(super) trend: Trend,
    /// Connections opened, towards a destination.
    pub(super) opened: Trend,
    /// Those that live, towards a destination.
    pub(super) live: Trend,
    /// How long TIME_WAIT blocked a port when `trend` was read last, in milliseconds.
    pub(super) blocked_for_ms: Option<u64>,
    /// Ripe sockets that went on.
    pub(super) turnover: Turnover,
    /// Drops, failures.
    pub(super) failures: Counter,
    /// The queue was full, or not empty, for so long.
    pub(super) full: Lasting,
    /// Connections the process had opened when those that linger began to.
    pub(super) opened_before: Option<u64>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_counted_before_the_first_reading_is_old() {
        let mut counter = Counter::default();
        counter.read(Some(100), 0);
        counter.read(Some(103), 10 * SECOND_NS);
        counter.read(None, 15 * SECOND_NS);
        counter.read(Some(104), 20 * SECOND_NS);
        assert_eq!(counter.recent(20 * SECOND_NS, 30 * SECOND_NS), 4);
        assert_eq!(counter.recent(20 * SECOND_NS, 5 * SECOND_NS), 1);
        counter.read(Some(104), 300 * SECOND_NS);
        assert_eq!(counter.recent(300 * SECOND_NS, 300 * SECOND_NS), 0);
    }

    #[test]
    fn turnover_is_the_share_that_went_on() {
        let mut turnover = Turnover::default();
        assert!(turnover.share(5, 0) < 1e-9);
        turnover.read(0, 0, 0);
        assert!((turnover.share(10, 5) - 0.5).abs() < 1e-9);
        assert!((turnover.share(0, 5) - 1.0).abs() < 1e-9);
    }

    #[test]
    fn a_condition_lasts_from_when_it_began() {
        let mut full = Lasting::default();
        assert_eq!(full.read(true, 5), 0);
        assert_eq!(full.read(true, 8), 3);
        assert_eq!(full.since(), Some(5));
        assert_eq!(full.read(false, 9), 0);
        assert_eq!(full.since(), None);
        assert_eq!(full.read(true, 12), 0);
    }
}
