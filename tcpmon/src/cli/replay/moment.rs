//! A moment of a recording, as it is typed.

use std::str::FromStr;
use std::time::{Duration, UNIX_EPOCH};

use crate::core::recording::Header;

/// A moment, before the recording is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Moment {
    /// So long after the beginning.
    After(Duration),
    /// So long before the end.
    BeforeEnd(Duration),
    /// At this time, since 1970.
    Clock(Duration),
}

impl FromStr for Moment {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let refusal =
            || "write 90s or 1m30s, -10s from the end, start, end, or 2026-01-02T03:04:05Z";
        match text {
            "start" => return Ok(Self::After(Duration::ZERO)),
            "end" => return Ok(Self::BeforeEnd(Duration::ZERO)),
            _ => {}
        }
        let span = |text: &str| {
            let seconds = text.parse::<f64>().ok();
            let seconds = seconds.and_then(|number| Duration::try_from_secs_f64(number).ok());
            seconds.or_else(|| humantime::parse_duration(text).ok())
        };
        if let Some(span) = text.strip_prefix('-').map(span) {
            return span
                .map(Self::BeforeEnd)
                .ok_or_else(|| refusal().to_owned());
        }
        if let Some(span) = span(text.strip_prefix('+').unwrap_or(text)) {
            return Ok(Self::After(span));
        }
        let time = humantime::parse_rfc3339_weak(text).ok();
        let time = time.and_then(|time| time.duration_since(UNIX_EPOCH).ok());
        time.map(Self::Clock).ok_or_else(|| refusal().to_owned())
    }
}

impl Moment {
    /// The moment in `CLOCK_BOOTTIME` ns of a recording that goes up to `last_ns`; `None` when it is
    /// not in it.
    pub(super) fn in_recording(self, header: &Header, last_ns: u64) -> Option<u64> {
        let nanoseconds = |span: Duration| u64::try_from(span.as_nanos()).ok();
        let began_ns = header.began_ns;
        let at_ns = match self {
            Self::After(span) => began_ns.checked_add(nanoseconds(span)?)?,
            Self::BeforeEnd(span) => last_ns.checked_sub(nanoseconds(span)?)?,
            Self::Clock(time) => {
                let since_ns = nanoseconds(time)?.checked_sub(header.began_unix_ns)?;
                began_ns.checked_add(since_ns)?
            }
        };
        (began_ns..=last_ns).contains(&at_ns).then_some(at_ns)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_moment_is_found_from_both_ends_and_by_the_clock() {
        let header = Header {
            began_ns: 5_000_000_000,
            began_unix_ns: 1_767_323_045_000_000_000,
            ..Header::default()
        };
        let last_ns = 65_000_000_000;
        for (text, seconds) in [
            ("start", Some(5)),
            ("end", Some(65)),
            ("30", Some(35)),
            ("+30s", Some(35)),
            ("1m", Some(65)),
            ("61s", None),
            ("-10s", Some(55)),
            ("-61s", None),
            ("2026-01-02T03:04:06Z", Some(6)),
            ("2026-01-02 03:04:05", Some(5)),
            ("2026-01-02T03:04:04Z", None),
            ("2027-01-02T03:04:04Z", None),
        ] {
            let moment: Moment = text.parse().expect(text);
            let at_ns = moment.in_recording(&header, last_ns);
            assert_eq!(at_ns.map(|at_ns| at_ns / 1_000_000_000), seconds, "{text}");
        }
        for text in ["", "-", "soon", "-soon", "nan", "2026-13-01T00:00:00Z"] {
            assert!(text.parse::<Moment>().is_err(), "{text}");
        }
    }
}
