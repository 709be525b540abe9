//! When to ask the feed. One question at a time, so that a slow agent is never asked faster than it
//! answers.

use std::time::Duration;

/// The intervals a user steps through. Faster than the eye reads serves nobody.
const STEPS: [Duration; 7] = [
    Duration::from_millis(500),
    Duration::from_secs(1),
    Duration::from_secs(2),
    Duration::from_secs(5),
    Duration::from_secs(10),
    Duration::from_secs(30),
    Duration::from_secs(60),
];

/// The next moment to ask, and which answers still count.
#[derive(Debug)]
pub(super) struct Schedule {
    interval: Duration,
    due: Duration,
    /// A user's wish does not wait for the interval.
    is_wanted: bool,
    is_asking: bool,
    /// Names the current question.
    ticket: u64,
}

impl Schedule {
    pub(super) fn new(interval: Duration) -> Self {
        Self {
            interval: interval.max(STEPS[0]),
            due: Duration::ZERO,
            is_wanted: false,
            is_asking: false,
            ticket: 0,
        }
    }

    pub(super) const fn interval(&self) -> Duration {
        self.interval
    }

    /// Asks as soon as possible.
    pub(super) const fn want(&mut self) {
        self.is_wanted = true;
    }

    /// Makes the answer that may be under way one to an earlier question.
    pub(super) const fn forget(&mut self) {
        self.ticket += 1;
    }

    /// The ticket of a question to ask now, if it is time. While `is_frozen` only wishes count.
    pub(super) fn poll(&mut self, now: Duration, is_frozen: bool) -> Option<u64> {
        let is_time = self.is_wanted || (!is_frozen && self.due <= now);
        if self.is_asking || !is_time {
            return None;
        }
        self.is_asking = true;
        self.is_wanted = false;
        self.due = now + self.interval;
        Some(self.ticket)
    }

    /// An answer came. Is it one to the current question?
    pub(super) const fn answered(&mut self, ticket: u64) -> bool {
        self.is_asking = false;
        self.ticket == ticket
    }

    /// The next longer interval.
    pub(super) fn slower(&mut self) {
        let longer = STEPS.into_iter().find(|step| *step > self.interval);
        self.change(longer);
    }

    /// The next shorter interval.
    pub(super) fn faster(&mut self) {
        let shorter = STEPS.into_iter().rev().find(|step| *step < self.interval);
        self.change(shorter);
    }

    fn change(&mut self, interval: Option<Duration>) {
        if let Some(interval) = interval {
            let asked = self.due.saturating_sub(self.interval);
            self.interval = interval;
            self.due = asked + interval;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn one_question_at_a_time() {
        let mut schedule = Schedule::new(SECOND);
        assert_eq!(schedule.poll(Duration::ZERO, false), Some(0));
        assert_eq!(schedule.poll(SECOND * 9, false), None);
        assert!(schedule.answered(0));
        assert_eq!(schedule.poll(SECOND * 9, false), Some(0));
        assert!(schedule.answered(0));
        assert_eq!(schedule.poll(SECOND * 9, false), None);
        assert_eq!(schedule.poll(SECOND * 10, false), Some(0));
    }

    #[test]
    fn a_wish_is_granted_at_once_but_in_turn() {
        let mut schedule = Schedule::new(SECOND);
        schedule.poll(Duration::ZERO, false);
        schedule.forget();
        schedule.want();
        assert_eq!(schedule.poll(Duration::ZERO, true), None);
        assert!(!schedule.answered(0));
        assert_eq!(schedule.poll(Duration::ZERO, true), Some(1));
    }

    #[test]
    fn frozen_asks_nothing_unasked() {
        let mut schedule = Schedule::new(SECOND);
        assert_eq!(schedule.poll(SECOND * 100, true), None);
    }

    #[test]
    fn intervals_step_and_stop_at_the_ends() {
        let mut schedule = Schedule::new(SECOND * 3);
        schedule.slower();
        assert_eq!(schedule.interval(), SECOND * 5);
        for _ in 0..9 {
            schedule.slower();
        }
        assert_eq!(schedule.interval(), SECOND * 60);
        for _ in 0..9 {
            schedule.faster();
        }
        assert_eq!(schedule.interval(), SECOND / 2);
        assert_eq!(Schedule::new(Duration::ZERO).interval(), SECOND / 2);
    }

    #[test]
    fn a_shorter_interval_counts_from_the_last_question() {
        let mut schedule = Schedule::new(SECOND * 60);
        schedule.poll(Duration::ZERO, false);
        schedule.answered(0);
        schedule.faster();
        assert_eq!(schedule.poll(SECOND * 29, false), None);
        assert_eq!(schedule.poll(SECOND * 30, false), Some(0));
    }
}
