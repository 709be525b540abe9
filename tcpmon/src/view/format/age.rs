//! Ages in at most two units: what matters is the magnitude.

use super::Charset;

/// `12ms`, `3.4s`, `2m05s`, `3h12m`, `4d02h`; with `≥` when it is a lower bound. `-` for what is no
/// age.
///
/// Rounds down: nothing is shown older than it is.
#[must_use]
pub fn age(seconds: f64, is_lower_bound: bool, charset: Charset) -> String {
    if !seconds.is_finite() || seconds < 0.0 {
        return "-".to_owned();
    }
    let bound = if is_lower_bound {
        charset.pick("≥", ">=")
    } else {
        ""
    };
    // The cast saturates, and no socket is 500 million years old.
    let millis = (seconds * 1000.0) as u64;
    let (secs, minutes, hours) = (millis / 1000, millis / 60_000, millis / 3_600_000);
    match millis {
        0..1000 => format!("{bound}{millis}ms"),
        1000..60_000 => format!("{bound}{secs}.{}s", millis % 1000 / 100),
        60_000..3_600_000 => format!("{bound}{minutes}m{:02}s", secs % 60),
        3_600_000..86_400_000 => format!("{bound}{hours}h{:02}m", minutes % 60),
        _ => format!("{bound}{}d{:02}h", hours / 24, hours % 24),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ages() {
        for (seconds, expected) in [
            (0.0, "0ms"),
            (0.000_4, "0ms"),
            (0.012, "12ms"),
            (0.9999, "999ms"),
            (1.0, "1.0s"),
            (3.45, "3.4s"),
            (59.99, "59.9s"),
            (60.0, "1m00s"),
            (125.0, "2m05s"),
            (3599.9, "59m59s"),
            (3600.0, "1h00m"),
            (11_520.0, "3h12m"),
            (86_399.0, "23h59m"),
            (352_800.0, "4d02h"),
            (40_000_000.0, "462d23h"),
            (-1.0, "-"),
            (f64::NAN, "-"),
            (f64::INFINITY, "-"),
        ] {
            assert_eq!(age(seconds, false, Charset::Unicode), expected, "{seconds}");
        }
    }

    #[test]
    fn lower_bounds() {
        assert_eq!(age(125.0, true, Charset::Unicode), "≥2m05s");
        assert_eq!(age(125.0, true, Charset::Ascii), ">=2m05s");
        assert_eq!(age(f64::NAN, true, Charset::Unicode), "-");
    }
}
