//! Counts to the last digit, rates to three.

/// `12,345`.
#[must_use]
pub fn count(number: u64) -> String {
    let digits = number.to_string();
    let mut grouped = String::with_capacity(digits.len() + digits.len() / 3);
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    grouped
}

/// `0/s`, `0.3/s`, `12.5/s`, `312/s`, `31.2k/s`, `4.5M/s`. `-` for what is no rate.
#[must_use]
pub fn rate(per_second: f64) -> String {
    if !per_second.is_finite() || per_second < 0.0 {
        return "-".to_owned();
    }
    // A rate that rounds to nothing is not nothing.
    if per_second > 0.0 && per_second < 0.05 {
        return "<0.1/s".to_owned();
    }
    // Each bound is where the form before it would round up to one digit too many.
    let (value, unit) = match per_second {
        small if small < 999.5 => (small, ""),
        thousands if thousands < 999_500.0 => (thousands / 1e3, "k"),
        millions if millions < 999.5e6 => (millions / 1e6, "M"),
        more => (more / 1e9, "G"),
    };
    match value {
        0.0 => "0/s".to_owned(),
        small if small < 99.95 => format!("{small:.1}{unit}/s"),
        large => format!("{large:.0}{unit}/s"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts() {
        for (number, expected) in [
            (0, "0"),
            (999, "999"),
            (1000, "1,000"),
            (12_345, "12,345"),
            (1_234_567, "1,234,567"),
            (u64::MAX, "18,446,744,073,709,551,615"),
        ] {
            assert_eq!(count(number), expected);
        }
    }

    #[test]
    fn rates() {
        for (per_second, expected) in [
            (0.0, "0/s"),
            (0.01, "<0.1/s"),
            (0.3, "0.3/s"),
            (12.5, "12.5/s"),
            (99.94, "99.9/s"),
            (99.96, "100/s"),
            (312.4, "312/s"),
            (999.6, "1.0k/s"),
            (31_234.0, "31.2k/s"),
            (999_600.0, "1.0M/s"),
            (4.5e6, "4.5M/s"),
            (2e9, "2.0G/s"),
            (-1.0, "-"),
            (f64::NAN, "-"),
        ] {
            assert_eq!(rate(per_second), expected, "{per_second}");
        }
    }
}
