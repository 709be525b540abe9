//! The largest of late: how long the loop was away from its `select!`, which is how long an event, a
//! question or a signal had to wait, and how full the ring was. Pure: time comes in.

use crate::core::snapshot::Turn;

/// A figure is forgotten after two of these at the latest.
const WINDOW_NS: u64 = 60_000_000_000;

/// The largest of late, by whatever `larger` joins.
#[derive(Debug)]
pub(super) struct Recent<T> {
    began_ns: u64,
    now: T,
    before: T,
    larger: fn(T, T) -> T,
}

/// The longest turns of late.
pub(super) type Turns = Recent<Turn>;

impl Default for Turns {
    fn default() -> Self {
        Self::new(Turn::longest)
    }
}

impl<T: Copy + Default> Recent<T> {
    pub(super) fn new(larger: fn(T, T) -> T) -> Self {
        Self {
            began_ns: 0,
            now: T::default(),
            before: T::default(),
            larger,
        }
    }

    /// One that ended at `now_ns`.
    pub(super) fn took(&mut self, one: T, now_ns: u64) {
        let age_ns = now_ns.saturating_sub(self.began_ns);
        if age_ns >= WINDOW_NS {
            self.before = if age_ns < 2 * WINDOW_NS {
                self.now
            } else {
                T::default()
            };
            self.now = T::default();
            self.began_ns = now_ns;
        }
        self.now = (self.larger)(self.now, one);
    }

    /// The largest of the last one to two minutes.
    pub(super) fn largest(&self) -> T {
        (self.larger)(self.now, self.before)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn turn(ns: u64) -> Turn {
        Turn {
            wall_ns: ns,
            cpu_ns: ns / 2,
        }
    }

    #[test]
    fn the_longest_is_kept_for_one_to_two_minutes() {
        let mut turns = Turns::default();
        turns.took(turn(10), 0);
        turns.took(turn(50), WINDOW_NS - 1);
        turns.took(turn(20), WINDOW_NS);
        assert_eq!(turns.largest(), turn(50));
        turns.took(turn(30), 2 * WINDOW_NS);
        assert_eq!(turns.largest(), turn(30));
        turns.took(turn(1), 9 * WINDOW_NS);
        assert_eq!(turns.largest(), turn(1));
    }

    #[test]
    fn the_longest_by_the_clock_need_not_be_the_longest_on_the_processor() {
        let mut turns = Turns::default();
        for (wall_ns, cpu_ns) in [(9, 1), (5, 5)] {
            turns.took(Turn { wall_ns, cpu_ns }, 0);
        }
        let longest = Turn {
            wall_ns: 9,
            cpu_ns: 5,
        };
        assert_eq!(turns.largest(), longest);
    }
}
