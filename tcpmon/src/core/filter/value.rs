//! Reads the right-hand sides of comparisons: states, ports, numbers, durations.

use tcpmon_common::State;

use super::ast::States;
use super::error::{FilterError, quote};

/// A value as written, knowing its place for the errors it may cause.
#[derive(Clone, Debug)]
pub(super) struct Value {
    /// Byte offset in the filter.
    pub(super) at: usize,
    /// Quoted: offsets in the text are no offsets in the filter.
    pub(super) quoted: bool,
    pub(super) text: String,
}

impl Value {
    /// An error at byte `offset` of the text.
    pub(super) fn error(&self, offset: usize, message: impl Into<String>) -> FilterError {
        let offset = if self.quoted { 0 } else { offset };
        FilterError::new(self.at + offset, message)
    }

    /// A name to compare with.
    ///
    /// # Errors
    /// It is empty: every name would contain it.
    pub(super) fn name(self) -> Result<String, FilterError> {
        if self.text.is_empty() {
            return Err(self.error(0, "a name cannot be empty"));
        }
        Ok(self.text)
    }

    /// A state or a group of states.
    ///
    /// # Errors
    /// Neither `ss` nor Linux calls a state so.
    pub(super) fn states(&self) -> Result<States, FilterError> {
        states(&self.text).ok_or_else(|| {
            self.error(0, format!("unknown state {}", quote(&self.text)))
                .hint(format!("states: {}", state_names()))
        })
    }

    /// A port: `443` or `:443`.
    ///
    /// # Errors
    /// It is not a number from 0 to 65535.
    pub(super) fn port(&self) -> Result<u16, FilterError> {
        let digits = self.text.strip_prefix(':').unwrap_or(&self.text);
        self.port_at(self.text.len() - digits.len())
    }

    /// The port at the end of the text, from byte `offset` on.
    pub(super) fn port_at(&self, offset: usize) -> Result<u16, FilterError> {
        let digits = &self.text[offset..];
        if digits.contains('.') || digits.contains(':') {
            let message = format!("expected a port, found {}", quote(digits));
            return Err(self
                .error(offset, message)
                .hint("addresses are compared with src and dst"));
        }
        if digits.is_empty() {
            return Err(self.error(offset, "expected a port number after `:`"));
        }
        if !is_number(digits) {
            let message = format!("a port must be a number, not {}", quote(digits));
            return Err(self
                .error(offset, message)
                .hint("service names are not looked up: use the number"));
        }
        digits.parse().map_err(|_| {
            let message = format!("port {} is out of range", quote(digits));
            self.error(offset, message).hint("0 to 65535")
        })
    }

    /// A process id.
    ///
    /// # Errors
    /// It is not a number of 32 bits.
    pub(super) fn pid(&self) -> Result<u32, FilterError> {
        self.number(&self.text, "a process id")
    }

    /// The inode of a network namespace: `4026531840`, or `net:[4026531840]` as
    /// `readlink /proc/PID/ns/net` prints it; `None` when it is a name, as in quotes it always is.
    ///
    /// # Errors
    /// It is a number of more than 32 bits.
    pub(super) fn netns(&self) -> Result<Option<u32>, FilterError> {
        match inode_digits(&self.text) {
            Some(digits) if !self.quoted => {
                self.number(digits, "the inode of a namespace").map(Some)
            }
            _ => Ok(None),
        }
    }

    fn number(&self, digits: &str, what: &str) -> Result<u32, FilterError> {
        if !is_number(digits) {
            let message = format!("{what} must be a number, not {}", quote(digits));
            return Err(self.error(0, message));
        }
        digits.parse().map_err(|_| {
            let message = format!("{} is too large for {what}", quote(digits));
            self.error(0, message).hint("0 to 4294967295")
        })
    }

    /// A duration in nanoseconds: numbers with units, the larger unit first, `1h30m`; a number
    /// without a unit is seconds.
    ///
    /// # Errors
    /// It is none, or longer than 2^64 - 1 ns (584 years).
    pub(super) fn duration(&self) -> Result<u64, FilterError> {
        let too_long = || self.error(0, format!("{} is too long", quote(&self.text)));
        if is_number(&self.text) {
            let seconds: Option<u64> = self.text.parse().ok();
            return seconds
                .and_then(|s| s.checked_mul(NS_PER_SECOND))
                .ok_or_else(too_long);
        }
        let mut total = 0_u64;
        let mut largest = u64::MAX;
        let mut rest = self.text.as_str();
        loop {
            let offset = self.text.len() - rest.len();
            let Some((digits, unit_ns, after)) = amount(rest) else {
                return Err(self.not_a_duration(offset));
            };
            if unit_ns >= largest {
                return Err(self.not_a_duration(offset));
            }
            total = digits
                .parse::<u64>()
                .ok()
                .and_then(|n| n.checked_mul(unit_ns))
                .and_then(|ns| ns.checked_add(total))
                .ok_or_else(too_long)?;
            if after.is_empty() {
                return Ok(total);
            }
            (largest, rest) = (unit_ns, after);
        }
    }

    fn not_a_duration(&self, offset: usize) -> FilterError {
        let message = format!("{} is not a duration", quote(&self.text));
        self.error(offset, message)
            .hint("like 30s, 5m, 1h30m, 250ms, 2d; units: d h m s ms us ns")
    }
}

const NS_PER_SECOND: u64 = 1_000_000_000;

/// Units of a duration in nanoseconds, the largest first.
pub(super) const UNITS: [(&str, u64); 7] = [
    ("d", 86_400 * NS_PER_SECOND),
    ("h", 3_600 * NS_PER_SECOND),
    ("m", 60 * NS_PER_SECOND),
    ("s", NS_PER_SECOND),
    ("ms", 1_000_000),
    ("us", 1_000),
    ("ns", 1),
];

/// The digits, the unit in nanoseconds and the rest of `1h30m`.
fn amount(text: &str) -> Option<(&str, u64, &str)> {
    let (digits, rest) = split_while(text, |c| c.is_ascii_digit());
    let (unit, rest) = split_while(rest, |c| c.is_ascii_alphabetic());
    let (_, ns) = UNITS
        .iter()
        .find(|(name, _)| unit.eq_ignore_ascii_case(name))?;
    is_number(digits).then_some((digits, *ns, rest))
}

fn split_while(text: &str, accept: impl Fn(char) -> bool) -> (&str, &str) {
    text.split_at(text.len() - text.trim_start_matches(accept).len())
}

/// The digits of what reads as the inode of a namespace: `40` and `net:[40]`.
pub(super) fn inode_digits(text: &str) -> Option<&str> {
    let inner = text.strip_prefix("net:[");
    let inner = inner.and_then(|rest| rest.strip_suffix(']'));
    Some(inner.unwrap_or(text)).filter(|digits| is_number(digits))
}

/// Digits only: `u16::from_str` takes a `+` as well.
pub(super) fn is_number(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit())
}

/// The states called `name` by `ss`, Linux or RFC 9293, in any case, `_` as `-`.
pub(super) fn states(name: &str) -> Option<States> {
    let name = name.to_ascii_lowercase().replace('_', "-");
    let state = match name.as_str() {
        "estab" => State::Established,
        "syn-rcv" | "syn-received" | "new-syn-recv" => State::SynRecv,
        "unconnected" => State::Close,
        _ => {
            let is = |known: &str| known.replace('_', "-").eq_ignore_ascii_case(&name);
            let group = States::GROUPS.into_iter().find(|group| is(group.name()));
            let one = State::RFC
                .into_iter()
                .find(|state| is(state.ss_name()) || is(state.name()));
            return group.or_else(|| one.map(States::One));
        }
    };
    Some(States::One(state))
}

pub(super) fn state_words() -> impl Iterator<Item = &'static str> {
    let states = State::RFC.into_iter().map(State::ss_name);
    let groups = States::GROUPS.into_iter().map(States::name);
    states.chain(groups)
}

fn state_names() -> String {
    state_words().collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn value(text: &str) -> Value {
        Value {
            at: 10,
            quoted: false,
            text: text.into(),
        }
    }

    #[test]
    fn states_have_three_spellings() {
        for state in State::RFC {
            for name in [state.ss_name().to_owned(), state.name().to_owned()] {
                for name in [
                    name.to_lowercase(),
                    name.to_uppercase(),
                    name.replace('_', "-"),
                ] {
                    assert_eq!(states(&name), Some(States::One(state)), "{name}");
                }
            }
        }
        for group in States::GROUPS {
            assert_eq!(states(&group.name().to_uppercase()), Some(group));
        }
        for name in ["", "close-wait-", "fin-wait", "listen ", "NEW"] {
            assert_eq!(states(name), None, "{name}");
        }
    }

    #[test]
    fn ports() {
        for (text, port) in [
            ("443", 443),
            (":443", 443),
            ("0", 0),
            (":65535", 65535),
            ("007", 7),
        ] {
            assert_eq!(value(text).port(), Ok(port), "{text}");
        }
        for (text, position) in [
            ("https", 10),
            (":https", 11),
            ("65536", 10),
            (":99999999999999999999", 11),
            (":", 11),
            ("::443", 11),
            ("+5", 10),
            ("10.0.0.1:443", 10),
        ] {
            let error = value(text).port().expect_err(text);
            assert_eq!(error.position, position, "{text}: {error}");
        }
    }

    #[test]
    fn durations() {
        const S: u64 = NS_PER_SECOND;
        for (text, ns) in [
            ("0", 0),
            ("30", 30 * S),
            ("30s", 30 * S),
            ("5m", 300 * S),
            ("1h30m", 5400 * S),
            ("1H30M", 5400 * S),
            ("250ms", S / 4),
            ("2d", 172_800 * S),
            ("1d2h3m4s5ms6us7ns", 93_784_005_006_007),
            ("18446744073709551615ns", u64::MAX),
        ] {
            assert_eq!(value(text).duration(), Ok(ns), "{text}");
        }
        for (text, position) in [
            ("", 10),
            ("m", 10),
            ("5 m", 10),
            ("-5", 10),
            ("1.5s", 10),
            ("5x", 10),
            ("1h30", 12),
            ("1m1h", 12),
            ("1m1m", 12),
            ("18446744073709551616ns", 10),
            ("99999999999999999999", 10),
            ("18446744074", 10),
            ("213503d9999999h", 10),
        ] {
            let error = value(text).duration().expect_err(text);
            assert_eq!(error.position, position, "{text}: {error}");
        }
    }

    #[test]
    fn namespaces_have_two_spellings() {
        assert_eq!(value("4026531840").netns(), Ok(Some(4_026_531_840)));
        assert_eq!(value("net:[4026531840]").netns(), Ok(Some(4_026_531_840)));
        value("4294967296").netns().expect_err("more than 32 bits");
        for text in ["net:[]", "net:4", "-1", "init"] {
            assert_eq!(value(text).netns(), Ok(None), "{text}");
        }
    }
}
