//! How fast a number grows: a slope that a few odd readings cannot bend.

use std::collections::VecDeque;

/// One reading.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Sample {
    time_ns: u64,
    value: f64,
}

/// Readings at one pace.
#[derive(Clone, Debug)]
struct Window {
    pace_ns: u64,
    most: usize,
    samples: VecDeque<Sample>,
    growth: Option<Growth>,
}

/// How a number has changed over a window.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Growth {
    /// Per second, 0 when it has not grown: the median of the slopes of pairs half the window apart
    /// (Theil). That of all pairs (Sen) would withstand a little more and cost twenty-five times as
    /// much.
    pub(super) per_second: f64,
    /// Last reading less the first.
    pub(super) gained: f64,
    /// Readings above the one before.
    pub(super) rises: usize,
    /// Sum of all falls from one reading to the next, as a share of the sum of all rises.
    pub(super) fallen: f64,
}

impl Growth {
    /// Per second, if it grows at all.
    #[must_use]
    pub(super) fn rate(&self) -> Option<f64> {
        (self.per_second > 0.0).then_some(self.per_second)
    }

    /// It rises, it does so again and again, and hardly ever falls.
    #[must_use]
    pub(super) fn is_steady(&self, least_gain: f64) -> bool {
        self.gained >= least_gain && self.rises >= 3 && self.fallen <= 0.25
    }
}

/// Two minutes at a pace of five seconds, for what is fast; two hours at two and a half minutes, for
/// what is slow.
#[derive(Clone, Debug, Default)]
pub(super) struct Trend {
    /// Made at the first reading: most cases never look at a trend.
    windows: Option<Box<Windows>>,
}

#[derive(Clone, Debug)]
struct Windows {
    fast: Window,
    slow: Window,
}

const SECOND_NS: u64 = 1_000_000_000;
/// Readings of the longer window.
const MOST: usize = 49;

impl Default for Windows {
    fn default() -> Self {
        let window = |pace_ns, most| Window {
            pace_ns,
            most,
            samples: VecDeque::new(),
            growth: None,
        };
        Self {
            fast: window(5 * SECOND_NS, 25),
            slow: window(150 * SECOND_NS, MOST),
        }
    }
}

impl Trend {
    /// Takes over a reading; one sooner than the pace is dropped.
    pub(super) fn read(&mut self, time_ns: u64, value: f64) {
        let windows = self.windows.get_or_insert_default();
        windows.fast.read(time_ns, value);
        windows.slow.read(time_ns, value);
    }

    /// Growth over the last two minutes; `None` before there are three readings.
    #[must_use]
    pub(super) fn fast(&self) -> Option<Growth> {
        self.windows.as_ref()?.fast.growth
    }

    /// Growth over the last two hours; `None` before there are three readings.
    #[must_use]
    pub(super) fn slow(&self) -> Option<Growth> {
        self.windows.as_ref()?.slow.growth
    }

    /// The growth over the shorter window in which it is steady.
    #[must_use]
    pub(super) fn steady(&self, least_gain: f64) -> Option<Growth> {
        let is_steady = |growth: &Growth| growth.is_steady(least_gain);
        self.fast()
            .filter(is_steady)
            .or(self.slow().filter(is_steady))
    }
}

impl Window {
    fn read(&mut self, time_ns: u64, value: f64) {
        let last_ns = self.samples.back().map(|sample| sample.time_ns);
        if last_ns.is_some_and(|last_ns| time_ns < last_ns.saturating_add(self.pace_ns)) {
            return;
        }
        if self.samples.len() == self.most {
            self.samples.pop_front();
        }
        self.samples.push_back(Sample { time_ns, value });
        self.growth = self.grown();
    }

    fn grown(&self) -> Option<Growth> {
        let (first, last) = (self.samples.front()?, self.samples.back()?);
        if self.samples.len() < 3 {
            return None;
        }
        let steps = self.samples.iter().zip(self.samples.iter().skip(1));
        let (mut rises, mut risen, mut fallen) = (0, 0.0, 0.0);
        for step in steps.map(|(one, next)| next.value - one.value) {
            if step > 0.0 {
                rises += 1;
                risen += step;
            } else {
                fallen -= step;
            }
        }
        let gained = last.value - first.value;
        Some(Growth {
            // Who wants to know the slope asks whether it rises at all.
            per_second: if gained > 0.0 { self.slope() } else { 0.0 },
            gained,
            rises,
            fallen: fallen / f64::max(risen, f64::MIN_POSITIVE),
        })
    }

    /// The median of the slopes of pairs that lie half the window apart.
    fn slope(&self) -> f64 {
        let half = self.samples.len() / 2;
        let mut slopes = [0.0; MOST];
        let mut count = 0;
        for (one, other) in self.samples.iter().zip(self.samples.iter().skip(half)) {
            slopes[count] = (other.value - one.value) / seconds(other.time_ns - one.time_ns);
            count += 1;
        }
        let (_, median, _) = slopes[..count].select_nth_unstable_by(count / 2, f64::total_cmp);
        *median
    }
}

fn seconds(nanoseconds: u64) -> f64 {
    nanoseconds as f64 / 1e9
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn follow(values: impl IntoIterator<Item = f64>, pace_seconds: u64) -> Trend {
        let mut trend = Trend::default();
        for (index, value) in values.into_iter().enumerate() {
            trend.read(index as u64 * pace_seconds * SECOND_NS, value);
        }
        trend
    }

    proptest! {
        /// One wild reading in five does not bend the slope.
        #[test]
        fn a_slope_withstands_wild_readings(slope in 0.1f64..100.0, wild in 0.0f64..1e6, every in 5usize..9) {
            let values = (0..25).map(|index| {
                if index % every == 2 { wild } else { slope * 5.0 * index as f64 }
            });
            let found = follow(values, 5).fast().unwrap().per_second;
            prop_assert!((found / slope - 1.0).abs() < 0.35, "{found} for {slope}");
        }
    }

    #[test]
    fn a_straight_line_has_its_slope_and_steady_rises() {
        let growth = follow((0..10).map(|index| f64::from(index) * 10.0), 5)
            .fast()
            .unwrap();
        assert!((growth.per_second - 2.0).abs() < 1e-9);
        assert_eq!(growth.rises, 9);
        assert!(growth.fallen < 1e-9);
        assert!(growth.is_steady(5.0) && !growth.is_steady(100.0));
    }

    #[test]
    fn one_in_ten_minutes_shows_in_the_slow_window_alone() {
        let trend = follow((0..7200 / 5).map(|index| f64::from(index * 5 / 600)), 5);
        assert!(!trend.fast().unwrap().is_steady(3.0));
        let slow = trend.slow().unwrap();
        assert!(slow.is_steady(5.0), "{slow:?}");
        assert!((slow.per_second * 600.0 - 1.0).abs() < 0.1, "{slow:?}");
    }

    #[test]
    fn a_saw_is_not_steady() {
        for period in [2, 5, 10] {
            let saw = (0..25).map(|index| f64::from(index % period) * 10.0);
            assert!(follow(saw, 5).steady(5.0).is_none(), "{period}");
        }
    }

    #[test]
    fn two_readings_tell_nothing() {
        assert_eq!(follow([1.0, 2.0], 5).fast(), None);
    }
}
