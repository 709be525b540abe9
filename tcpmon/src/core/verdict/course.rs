//! How a verdict rises and falls: at once when things get worse, after a rest when they get better.

use super::Severity;

/// What a reading changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// There is a verdict where there was none.
    Began,
    /// It got worse.
    Worsened,
    /// It got better, and is not over.
    Eased,
    /// It is over.
    Ended,
}

impl Step {
    /// The name in logs and JSON.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Began => "began",
            Self::Worsened => "worsened",
            Self::Eased => "eased",
            Self::Ended => "ended",
        }
    }
}

/// The severity of a case in time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Course {
    level: Option<Severity>,
    /// Since when readings have been above the level, and the mildest of them.
    above: Option<(u64, Severity)>,
    /// Since when readings have been below the level, and the worst of them.
    below: Option<(u64, Option<Severity>)>,
}

impl Course {
    /// The severity now; `None` when all is well.
    #[must_use]
    pub(super) const fn level(&self) -> Option<Severity> {
        self.level
    }

    /// Takes over a reading. Rises to what all readings of the last `rise_ns` say at least, falls to
    /// the worst of the last `fall_ns`.
    pub(super) fn read(
        &mut self,
        wanted: Option<Severity>,
        now_ns: u64,
        rise_ns: u64,
        fall_ns: u64,
    ) -> Option<Step> {
        if wanted > self.level {
            self.below = None;
            self.rise(wanted?, now_ns, rise_ns)
        } else {
            self.above = None;
            self.fall(wanted, now_ns, fall_ns)
        }
    }

    fn rise(&mut self, wanted: Severity, now_ns: u64, rise_ns: u64) -> Option<Step> {
        let (since_ns, mildest) = self.above.unwrap_or((now_ns, wanted));
        let mildest = mildest.min(wanted);
        self.above = Some((since_ns, mildest));
        if now_ns.saturating_sub(since_ns) < rise_ns {
            return None;
        }
        self.above = None;
        let before = self.level.replace(mildest);
        Some(match before {
            None => Step::Began,
            Some(_) => Step::Worsened,
        })
    }

    fn fall(&mut self, wanted: Option<Severity>, now_ns: u64, fall_ns: u64) -> Option<Step> {
        if wanted == self.level {
            self.below = None;
            return None;
        }
        let (since_ns, worst) = self.below.unwrap_or((now_ns, wanted));
        let worst = worst.max(wanted);
        self.below = Some((since_ns, worst));
        if now_ns.saturating_sub(since_ns) < fall_ns {
            return None;
        }
        self.below = None;
        self.level = worst;
        Some(match worst {
            Some(_) => Step::Eased,
            None => Step::Ended,
        })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const RISE: u64 = 2;
    const FALL: u64 = 30;

    fn severity() -> impl Strategy<Value = Option<Severity>> {
        prop_oneof![
            Just(None),
            Just(Some(Severity::Suspicious)),
            Just(Some(Severity::Warning)),
            Just(Some(Severity::Critical)),
        ]
    }

    proptest! {
        /// Never above what a recent reading said, never below what all of them said; a fall takes
        /// its rest, and steps tell every change.
        #[test]
        fn the_level_follows_the_readings(readings in prop::collection::vec((severity(), 1u64..8), 1..200)) {
            let mut course = Course::default();
            let mut now = 0;
            let mut history: Vec<(u64, Option<Severity>)> = Vec::new();
            for (wanted, pause) in readings {
                now += pause;
                history.push((now, wanted));
                let before = course.level();
                let step = course.read(wanted, now, RISE, FALL);
                let level = course.level();
                prop_assert_eq!(step.is_some(), before != level);
                match step {
                    Some(Step::Began) => prop_assert!(before.is_none() && level.is_some()),
                    Some(Step::Worsened) => prop_assert!(before.is_some() && level > before),
                    Some(Step::Eased) => prop_assert!(level.is_some() && level < before),
                    Some(Step::Ended) => prop_assert!(before.is_some() && level.is_none()),
                    None => {}
                }
                if level < before {
                    let recent = history.iter().filter(|(at, _)| *at + FALL >= now);
                    for (_, reading) in recent {
                        prop_assert!(*reading <= level.max(*reading).min(before));
                        prop_assert!(*reading < before);
                    }
                }
                if level > before {
                    prop_assert!(wanted >= level);
                }
            }
        }

        /// The same reading for long enough is the level.
        #[test]
        fn a_lasting_reading_wins(start in severity(), lasting in severity()) {
            let mut course = Course::default();
            for now in 0..100 {
                course.read(start, now, RISE, FALL);
            }
            for now in 100..200 {
                course.read(lasting, now, RISE, FALL);
            }
            prop_assert_eq!(course.level(), lasting);
        }
    }

    #[test]
    fn a_flicker_changes_nothing() {
        let mut course = Course::default();
        let mut steps = Vec::new();
        for now in 0..300u64 {
            let wanted = (now % 5 != 0).then_some(Severity::Warning);
            steps.extend(course.read(wanted, now, RISE, FALL));
        }
        assert_eq!(steps, [Step::Began]);
    }
}
