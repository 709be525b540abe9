//! How often the ring is looked at while nobody wakes the reader. Pure.

use std::time::Duration;

/// How long a transition may wait in the ring. A wake-up per event would cost ten times the event;
/// this costs 40 wake-ups a second.
const BUSY: Duration = Duration::from_millis(25);
/// The same after a silence: a machine on which nothing happens is looked at seldom.
const QUIET: Duration = Duration::from_millis(100);
/// Looks in a row that found nothing, after which it is quiet: a second.
const SILENCE: u32 = 40;

/// The looks so far.
#[derive(Debug, Default)]
pub(super) struct Poll {
    /// Records taken from the ring in all, as of the last look.
    delivered: u64,
    empty: u32,
}

impl Poll {
    /// It was looked; so many records have been taken in all, by whatever woke the reader.
    pub(super) const fn looked(&mut self, delivered: u64) {
        self.empty = if self.delivered == delivered {
            self.empty.saturating_add(1)
        } else {
            0
        };
        self.delivered = delivered;
    }

    /// Time until the next look.
    pub(super) const fn period(&self) -> Duration {
        if self.empty < SILENCE { BUSY } else { QUIET }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_quiet_ring_is_looked_at_seldom_until_something_comes() {
        let mut poll = Poll::default();
        poll.looked(7);
        for _ in 0..SILENCE {
            assert_eq!(poll.period(), BUSY);
            poll.looked(7);
        }
        assert_eq!(poll.period(), QUIET);
        poll.looked(8);
        assert_eq!(poll.period(), BUSY);
    }
}
