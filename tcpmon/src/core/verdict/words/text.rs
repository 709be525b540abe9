//! Numbers, times and addresses in a sentence.

use std::net::IpAddr;

/// `3s`, `4m`, `1h20m`, `2d3h`: two units at most.
pub(super) fn time(seconds: f64) -> String {
    let whole = seconds.max(0.0).round() as u64;
    match whole {
        0 if seconds < 0.001 => "under 1ms".into(),
        0 => format!("{:.0}ms", seconds * 1000.0),
        1..=89 => format!("{whole}s"),
        90..=3599 => {
            let (minutes, seconds) = (whole / 60, whole % 60);
            if minutes < 10 && seconds > 0 {
                format!("{minutes}m{seconds}s")
            } else {
                format!("{minutes}m")
            }
        }
        3600..=86_399 => pair(whole, 3600, "h", 60, "m"),
        _ => pair(whole, 86_400, "d", 3600, "h"),
    }
}

fn pair(whole: u64, large: u64, large_name: &str, small: u64, small_name: &str) -> String {
    match (whole % large) / small {
        0 => format!("{}{large_name}", whole / large),
        rest => format!("{}{large_name}{rest}{small_name}", whole / large),
    }
}

/// A time that may be only a lower bound.
pub(super) fn age(seconds: f64, is_lower_bound: bool) -> String {
    let mark = if is_lower_bound { "≥" } else { "" };
    format!("{mark}{}", time(seconds))
}

/// `1,024`.
pub(super) fn count(number: u64) -> String {
    let digits = number.to_string();
    let mut grouped = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    grouped
}

/// `1 connection`, `50 connections`.
pub(super) fn connections(number: u64) -> String {
    match number {
        1 => "1 connection".into(),
        number => format!("{} connections", count(number)),
    }
}

/// `12 a minute`, `470/s`, `6 an hour`.
pub(super) fn rate(per_second: f64) -> String {
    let (per_minute, per_hour) = (per_second * 60.0, per_second * 3600.0);
    if per_second >= 10.0 {
        format!("{}/s", count(per_second.round() as u64))
    } else if per_second >= 1.0 {
        format!("{per_second:.1}/s")
    } else if per_minute >= 1.0 {
        format!("{per_minute:.0} a minute")
    } else {
        format!("{per_hour:.1} an hour")
    }
}

/// `99 %`; never rounded to all or nothing.
pub(super) fn percent(share: f64) -> String {
    let percent = share * 100.0;
    if percent > 99.0 && percent < 100.0 {
        "over 99 %".into()
    } else if percent < 1.0 && percent > 0.0 {
        "under 1 %".into()
    } else {
        format!("{percent:.0} %")
    }
}

/// `10.0.0.5:5432`, `[fe80::1]:80`.
pub(super) fn endpoint(address: IpAddr, port: u16) -> String {
    std::net::SocketAddr::new(address, port).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_have_two_units_at_most() {
        for (seconds, text) in [
            (0.0, "under 1ms"),
            (0.014, "14ms"),
            (0.7, "1s"),
            (30.4, "30s"),
            (95.0, "1m35s"),
            (120.0, "2m"),
            (725.0, "12m"),
            (3600.0, "1h"),
            (4800.0, "1h20m"),
            (90_000.0, "1d1h"),
        ] {
            assert_eq!(time(seconds), text);
        }
        assert_eq!(age(30.0, true), "≥30s");
    }

    #[test]
    fn rates_are_in_the_unit_people_would_use() {
        assert_eq!(rate(470.4), "470/s");
        assert_eq!(rate(2.5), "2.5/s");
        assert_eq!(rate(0.2), "12 a minute");
        assert_eq!(rate(1.0 / 600.0), "6.0 an hour");
    }

    #[test]
    fn counts_are_grouped_and_shares_never_all_unless_it_is_all() {
        assert_eq!(count(1_234_567), "1,234,567");
        assert_eq!(connections(1), "1 connection");
        assert_eq!(percent(0.996), "over 99 %");
        assert_eq!(percent(1.0), "100 %");
        assert_eq!(percent(0.001), "under 1 %");
    }
}
