//! How a recording is played: what a screen shows of it, and what it can ask for.

use std::fmt;

/// How fast, against the time it took: the factors that a user steps through.
const FACTORS: [f64; 9] = [0.25, 0.5, 1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0];
/// As it happened.
const NATURAL: u8 = 2;

/// How fast a recording is played.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Speed(u8);

impl Speed {
    /// As it happened.
    pub const NATURAL: Self = Self(NATURAL);
    /// As fast as it can be read.
    #[expect(clippy::cast_possible_truncation, reason = "there are nine factors")]
    pub const FASTEST: Self = Self(FACTORS.len() as u8);

    /// Recorded seconds in a second; `None` is as many as can be.
    #[must_use]
    pub fn factor(self) -> Option<f64> {
        FACTORS.get(usize::from(self.0)).copied()
    }

    /// The next faster one, if there is one.
    #[must_use]
    pub fn faster(self) -> Self {
        Self(self.0 + 1).min(Self::FASTEST)
    }

    /// The next slower one, if there is one.
    #[must_use]
    pub const fn slower(self) -> Self {
        Self(self.0.saturating_sub(1))
    }

    /// The speed that a user writes as `4`, `4x`, `0.25` or `max`.
    ///
    /// # Errors
    ///
    /// One sentence with the speeds there are.
    pub fn parse(text: &str) -> Result<Self, String> {
        let all = (0..=Self::FASTEST.0).map(Self);
        let number = text.strip_suffix('x').unwrap_or(text);
        let mut fitting = all.filter(|speed| match speed.factor() {
            Some(factor) => number.parse() == Ok(factor),
            None => text == "max",
        });
        fitting.next().ok_or_else(|| {
            let names: Vec<String> = FACTORS.iter().map(ToString::to_string).collect();
            format!("one of {} or max", names.join(", "))
        })
    }
}

impl fmt::Display for Speed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.factor() {
            Some(factor) => write!(f, "{factor}x"),
            None => f.write_str("max"),
        }
    }
}

/// What whoever watches a recording asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Control {
    /// Stop, or go on; at the end, begin anew.
    Toggle,
    /// Play faster.
    Faster,
    /// Play slower.
    Slower,
    /// So many seconds on.
    Forward(u64),
    /// So many seconds back.
    Back(u64),
    /// To the beginning.
    Beginning,
    /// To the end.
    End,
}

/// Where a recording is being played.
#[derive(Clone, Debug, PartialEq)]
pub struct Playback {
    /// Nanoseconds since its beginning.
    pub position_ns: u64,
    /// Nanoseconds from its beginning to its end.
    pub length_ns: u64,
    /// The clock of the recorded machine: RFC 3339 in UTC, to the second.
    pub clock: String,
    /// How fast.
    pub speed: Speed,
    /// It goes on.
    pub is_playing: bool,
    /// It is on its way to where the user wants to be.
    pub is_seeking: bool,
    /// How often the position was set back: what was seen before is of another time.
    pub turns: u64,
}

impl Playback {
    /// Whether nothing comes any more.
    #[must_use]
    pub const fn is_at_end(&self) -> bool {
        self.position_ns >= self.length_ns
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn speeds_step_and_stop_at_the_ends() {
        let mut speed = Speed::NATURAL;
        for _ in 0..20 {
            speed = speed.faster();
        }
        assert_eq!((speed, speed.factor()), (Speed::FASTEST, None));
        for _ in 0..20 {
            speed = speed.slower();
        }
        assert_eq!(speed.factor(), Some(0.25));
        assert_eq!(speed.to_string(), "0.25x");
        assert_eq!(Speed::NATURAL.factor(), Some(1.0));
    }

    #[test]
    fn a_speed_is_read_as_it_is_written() {
        for number in 0..=Speed::FASTEST.0 {
            let speed = Speed(number);
            assert_eq!(Speed::parse(&speed.to_string()), Ok(speed));
        }
        assert_eq!(Speed::parse("64"), Ok(Speed::FASTEST.slower()));
        for text in ["", "x", "3", "-1", "nan", "128x"] {
            let error = Speed::parse(text).unwrap_err();
            assert!(error.contains("0.25, 0.5, 1, 2"), "{text}: {error}");
        }
    }
}
