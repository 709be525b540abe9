//! How long the loop was away from its `select!`: so long an event, a question or a signal had to
//! wait. Pure: time comes in.

use crate::core::snapshot::Turn;

/// A figure is forgotten after two of these at the latest.
const WINDOW_NS: u64 = 60_000_000_000;

/// The longest turns of late.
#[derive(Debug, Default)]
pub(super) struct Turns {
    began_ns: u64,
    now: Turn,
    before: Turn,
}

impl Turns {
    /// A turn that ended at `now_ns`.
    pub(super) fn took(&mut self, turn: Turn, now_ns: u64) {
        let age_ns = now_ns.saturating_sub(self.began_ns);
        if age_ns >= WINDOW_NS {
            self.before = if age_ns < 2 * WINDOW_NS {
                self.now
            } else {
                Turn::default()
            };
            self.now = Turn::default();
            self.began_ns = now_ns;
        }
        self.now = self.now.longest(turn);
    }

    /// The longest turn of the last one to two minutes.
    pub(super) fn longest(&self) -> Turn {
        self.now.longest(self.before)
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
        assert_eq!(turns.longest(), turn(50));
        turns.took(turn(30), 2 * WINDOW_NS);
        assert_eq!(turns.longest(), turn(30));
        turns.took(turn(1), 9 * WINDOW_NS);
        assert_eq!(turns.longest(), turn(1));
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
        assert_eq!(turns.longest(), longest);
    }
}
