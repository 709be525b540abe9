//! A limit of requests: a bucket of tokens. Pure: time comes in.

use super::web_config::RateLimit;

/// What is in the bucket.
#[derive(Debug, Default)]
pub(super) struct Bucket {
    limit: Option<RateLimit>,
    tokens: f64,
    filled_ns: u64,
}

impl Bucket {
    /// Takes a token at `now_ns`, if there is one. Another limit than before begins with a full bucket.
    pub(super) fn take(&mut self, limit: Option<RateLimit>, now_ns: u64) -> bool {
        if self.limit != limit {
            self.limit = limit;
            self.tokens = limit.map_or(0.0, |limit| f64::from(limit.burst));
            self.filled_ns = now_ns;
        }
        let Some(RateLimit { interval, burst }) = limit else {
            return true;
        };
        let elapsed_ns = now_ns.saturating_sub(self.filled_ns);
        self.filled_ns = now_ns;
        let more = elapsed_ns as f64 / interval.as_nanos().max(1) as f64;
        self.tokens = (self.tokens + more).min(f64::from(burst));
        let is_there = self.tokens >= 1.0;
        if is_there {
            self.tokens -= 1.0;
        }
        is_there
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    const SECOND: u64 = 1_000_000_000;

    #[test]
    fn a_burst_is_answered_and_then_one_for_every_interval() {
        let limit = Some(RateLimit {
            interval: Duration::from_secs(2),
            burst: 3,
        });
        let mut bucket = Bucket::default();
        let mut take = |seconds: u64| bucket.take(limit, seconds * SECOND);
        assert_eq!(
            [take(10), take(10), take(10), take(10)],
            [true, true, true, false]
        );
        assert_eq!([take(11), take(12), take(12)], [false, true, false]);
        assert_eq!(
            [take(99), take(99), take(99), take(99)],
            [true, true, true, false]
        );
    }

    #[test]
    fn without_a_limit_all_are_answered_and_another_one_counts_at_once() {
        let mut bucket = Bucket::default();
        assert!(bucket.take(None, 0) && bucket.take(None, 0));
        let limit = |burst| {
            Some(RateLimit {
                interval: Duration::from_secs(1),
                burst,
            })
        };
        assert!(bucket.take(limit(1), 0) && !bucket.take(limit(1), 0));
        assert!(bucket.take(limit(2), 0) && bucket.take(limit(2), 0));
        assert!(!bucket.take(limit(2), 0));
    }
}
