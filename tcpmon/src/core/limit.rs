//! So many lines a minute, and the number of those left out.

const MINUTE_NS: u64 = 60_000_000_000;

/// Counts lines by the minute. Pure: time is an argument.
#[derive(Debug)]
pub struct LineLimit {
    a_minute: u32,
    began_ns: u64,
    said: u32,
    left_out: u64,
}

impl LineLimit {
    /// At most `a_minute` lines in a minute.
    #[must_use]
    pub const fn new(a_minute: u32) -> Self {
        Self {
            a_minute,
            began_ns: 0,
            said: 0,
            left_out: 0,
        }
    }

    /// Begins another minute when the last is over; returns how many lines that one left out, if any.
    #[must_use]
    pub fn turn(&mut self, now_ns: u64) -> Option<u64> {
        if now_ns < self.began_ns.saturating_add(MINUTE_NS) {
            return None;
        }
        let left_out = self.left_out;
        (self.began_ns, self.said, self.left_out) = (now_ns, 0, 0);
        (left_out > 0).then_some(left_out)
    }

    /// Whether one more line may be written; counted either way.
    #[must_use]
    pub fn admits(&mut self) -> bool {
        let has_room = self.said < self.a_minute;
        if has_room {
            self.said += 1;
        } else {
            self.left_out += 1;
        }
        has_room
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_rest_of_a_minute_is_counted_and_told_when_it_is_over() {
        let mut limit = LineLimit::new(3);
        let start = 5 * MINUTE_NS;
        assert_eq!(limit.turn(start), None);
        let said = (0..10).filter(|_| limit.admits()).count();
        assert_eq!(said, 3);
        assert_eq!(limit.turn(start + MINUTE_NS - 1), None);
        assert!(!limit.admits());
        assert_eq!(limit.turn(start + MINUTE_NS), Some(8));
        assert!(limit.admits());
        assert_eq!(limit.turn(start + 3 * MINUTE_NS), None, "nothing left out");
    }

    proptest! {
        /// Every line is written or told of, and no minute has more than its share.
        #[test]
        fn nothing_goes_unmentioned(steps in prop::collection::vec((0..MINUTE_NS / 4, 0..20u32), 1..100)) {
            const SHARE: u32 = 7;
            let mut limit = LineLimit::new(SHARE);
            let mut now_ns = 0;
            let mut times = Vec::new();
            let (mut asked, mut told) = (0, 0);
            for (pause_ns, lines) in steps {
                now_ns += pause_ns;
                told += limit.turn(now_ns).unwrap_or(0);
                for _ in 0..lines {
                    asked += 1;
                    if limit.admits() {
                        times.push(now_ns);
                    }
                }
            }
            told += limit.turn(now_ns + MINUTE_NS).unwrap_or(0);
            prop_assert_eq!(asked, times.len() as u64 + told);
            // A window of a minute meets two minutes of the limit at most.
            for start in &times {
                let within = times.iter().filter(|time| (*start..start + MINUTE_NS).contains(time));
                prop_assert!(within.count() <= 2 * SHARE as usize);
            }
        }
    }
}
