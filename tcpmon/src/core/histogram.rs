//! Time spent in a state, in fixed buckets.

/// Upper bounds in seconds: from a loopback handshake to a leak of days.
pub const BOUNDS_SECONDS: [f64; 18] = [
    0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1.0, 5.0, 10.0, 30.0, 60.0, 120.0, 300.0, 600.0, 1800.0,
    3600.0, 21600.0, 86400.0,
];

const BOUNDS_NS: [u64; BOUNDS_SECONDS.len()] = {
    let mut bounds = [0; BOUNDS_SECONDS.len()];
    let mut at = 0;
    while at < bounds.len() {
        bounds[at] = (BOUNDS_SECONDS[at] * 1e9) as u64;
        at += 1;
    }
    bounds
};

/// A histogram of durations.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Histogram {
    /// Observations per bucket; the last has no upper bound. Not cumulative.
    pub buckets: [u64; BOUNDS_SECONDS.len() + 1],
    /// Sum of all observations in nanoseconds.
    pub sum_ns: u64,
}

impl Histogram {
    /// Counts one duration.
    #[inline]
    pub fn observe(&mut self, nanoseconds: u64) {
        let bucket = BOUNDS_NS.partition_point(|bound| *bound < nanoseconds);
        self.buckets[bucket] += 1;
        self.sum_ns = self.sum_ns.saturating_add(nanoseconds);
    }

    /// Observations in all.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.buckets.iter().sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bound_belongs_to_its_bucket() {
        let mut histogram = Histogram::default();
        for nanoseconds in [0, 1_000_000, 1_000_001, u64::MAX] {
            histogram.observe(nanoseconds);
        }
        assert_eq!(histogram.buckets[0], 2);
        assert_eq!(histogram.buckets[1], 1);
        assert_eq!(histogram.buckets[BOUNDS_SECONDS.len()], 1);
        assert_eq!(histogram.count(), 4);
        assert_eq!(histogram.sum_ns, u64::MAX);
    }
}
