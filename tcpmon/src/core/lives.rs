//! How long connections live, as a coarse histogram that forgets: enough for a median.

/// Buckets per doubling.
const PER_OCTAVE: u32 = 2;
/// The first bucket ends here.
const FIRST_NS: u64 = 65_536;
const BUCKETS: usize = 64;
/// Above so many observations all are halved: what happened lately counts more.
const MOST: u32 = 4096;

/// Durations, in buckets that grow by the square root of two.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lives {
    buckets: [u16; BUCKETS],
    observed: u32,
}

impl Default for Lives {
    fn default() -> Self {
        Self {
            buckets: [0; BUCKETS],
            observed: 0,
        }
    }
}

impl Lives {
    /// Counts one duration.
    #[inline]
    pub fn observe(&mut self, nanoseconds: u64) {
        if self.observed >= MOST {
            self.halve();
        }
        self.buckets[bucket(nanoseconds)] += 1;
        self.observed += 1;
    }

    fn halve(&mut self) {
        for count in &mut self.buckets {
            *count /= 2;
        }
        self.observed = self.buckets.iter().map(|count| u32::from(*count)).sum();
    }

    /// The median in nanoseconds, right to a fifth; `None` before the first observation.
    #[must_use]
    pub fn median_ns(&self) -> Option<u64> {
        let half = self.observed.div_ceil(2);
        let mut seen = 0;
        let at = self.buckets.iter().position(|count| {
            seen += u32::from(*count);
            seen >= half && half > 0
        })?;
        Some(middle_ns(at))
    }
}

fn bucket(nanoseconds: u64) -> usize {
    if nanoseconds < FIRST_NS {
        return 0;
    }
    let octave = nanoseconds.ilog2() - FIRST_NS.ilog2();
    let base = 1u64 << nanoseconds.ilog2();
    // Half an octave is a factor of 1.414.
    let upper_half = nanoseconds - base >= base / 5 * 2 + base / 64;
    let index = 1 + octave * PER_OCTAVE + u32::from(upper_half);
    (index as usize).min(BUCKETS - 1)
}

fn middle_ns(bucket: usize) -> u64 {
    if bucket == 0 {
        return FIRST_NS / 2;
    }
    let halves = (bucket - 1) as f64 + 0.5;
    (FIRST_NS as f64 * 2f64.powf(halves / f64::from(PER_OCTAVE))) as u64
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        /// The median of equal lives is that life, to a fifth.
        #[test]
        fn a_median_is_right_to_a_fifth(life_ns in 100_000u64..100_000_000_000_000) {
            let mut lives = Lives::default();
            for _ in 0..10_000 {
                lives.observe(life_ns);
            }
            let ratio = lives.median_ns().unwrap() as f64 / life_ns as f64;
            prop_assert!((0.8..1.25).contains(&ratio), "{ratio}");
        }
    }

    #[test]
    fn any_duration_has_a_bucket() {
        for nanoseconds in [0, 1, FIRST_NS, u64::MAX / 2, u64::MAX] {
            assert!(bucket(nanoseconds) < BUCKETS);
        }
    }

    #[test]
    fn nothing_observed_has_no_median_and_the_new_outweighs_the_old() {
        let mut lives = Lives::default();
        assert_eq!(lives.median_ns(), None);
        for _ in 0..10_000 {
            lives.observe(1_000_000_000);
        }
        for _ in 0..10_000 {
            lives.observe(1_000_000);
        }
        let median_ns = lives.median_ns().unwrap();
        assert!((800_000..1_250_000).contains(&median_ns), "{median_ns}");
    }
}
