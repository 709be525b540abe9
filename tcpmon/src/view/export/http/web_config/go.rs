//! Durations as Go writes them.

use std::time::Duration;

/// Reads a duration such as `1m30s`, `0.5s` or `100ms`, as Go's `time.ParseDuration` does; a whole
/// number is nanoseconds. `None` for anything else, a negative one, or one of more than 290 years.
pub(super) fn duration(text: &str) -> Option<Duration> {
    if let Ok(nanoseconds) = text.parse::<u64>() {
        return Some(Duration::from_nanos(nanoseconds));
    }
    let mut rest = text.strip_prefix('+').unwrap_or(text);
    let mut total = 0.0;
    if rest.is_empty() {
        return None;
    }
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit() && c != '.')?;
        let number: f64 = rest[..digits].parse().ok()?;
        let after = &rest[digits..];
        let (unit, seconds) = UNITS.iter().find(|(unit, _)| after.starts_with(unit))?;
        total += number * seconds;
        rest = &after[unit.len()..];
    }
    // As much as Go's 63 bits of nanoseconds hold.
    (total < 9.2e9).then(|| Duration::from_secs_f64(total))
}

/// Those that begin like another stand before it.
const UNITS: [(&str, f64); 8] = [
    ("ns", 1e-9),
    ("us", 1e-6),
    ("µs", 1e-6),
    ("μs", 1e-6),
    ("ms", 1e-3),
    ("s", 1.0),
    ("m", 60.0),
    ("h", 3600.0),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_read_as_go_reads_them() {
        for (text, milliseconds) in [
            ("0", 0),
            ("0s", 0),
            ("1s", 1000),
            ("+1.5s", 1500),
            (".5s", 500),
            ("1m30s", 90_000),
            ("1h1ms", 3_600_001),
            ("100ms", 100),
            ("2000us", 2),
            ("2000µs", 2),
            ("5000000", 5),
        ] {
            let expected = Some(Duration::from_millis(milliseconds));
            assert_eq!(duration(text), expected, "{text}");
        }
        for text in [
            "", "s", "1", "-1s", "1 s", "1d", "1s2", "..s", "1e9s", "9999999h", "+",
        ] {
            let is_plain_number = text == "1";
            assert_eq!(duration(text).is_some(), is_plain_number, "{text}");
        }
    }
}
