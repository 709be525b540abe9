//! The hosts of a fleet.

use super::super::super::place::Place;
use super::super::super::rows::{Listed, Spec, by_number};
use super::{name, number, percent};
use crate::core::fleet::{Host, Presence, Skew, Trouble};
use crate::core::verdict::Severity;
use crate::view::column::UNKNOWN;
use crate::view::format::{Charset, age, count};

impl Listed for Host {
    const COLUMNS: &'static [Spec<Self>] = &[
        Spec {
            title: "HOST",
            usual: 12,
            least: 10,
            rank: 0,
            is_number: false,
            cell: |host, charset| name(Some(host.name()), charset),
            order: |a, b| a.name().cmp(b.name()),
        },
        Spec {
            title: "STATUS",
            usual: 8,
            least: 8,
            rank: 0,
            is_number: false,
            cell: |host, _| presence(host).to_owned(),
            order: |a, b| b.trouble.cmp(&a.trouble),
        },
        Spec {
            title: "CRIT",
            usual: 4,
            least: 4,
            rank: 0,
            is_number: true,
            cell: |host, _| number(host.count(Severity::Critical)),
            order: |a, b| {
                a.count(Severity::Critical)
                    .cmp(&b.count(Severity::Critical))
            },
        },
        Spec {
            title: "WARN",
            usual: 4,
            least: 4,
            rank: 0,
            is_number: true,
            cell: |host, _| number(host.count(Severity::Warning)),
            order: |a, b| a.count(Severity::Warning).cmp(&b.count(Severity::Warning)),
        },
        Spec {
            title: "WORST VERDICT",
            usual: 15,
            least: 13,
            rank: 0,
            is_number: false,
            cell: |host, charset| name(worst(host), charset),
            order: |a, b| worst(a).cmp(&worst(b)),
        },
        Spec {
            title: "PROCESS",
            usual: 12,
            least: 8,
            rank: 1,
            is_number: false,
            cell: |host, charset| name(host.culprit.as_deref(), charset),
            order: |a, b| a.culprit.cmp(&b.culprit),
        },
        Spec {
            title: "CLOSE_WAIT",
            usual: 10,
            least: 10,
            rank: 1,
            is_number: true,
            cell: |host, _| number(host.close_wait),
            order: |a, b| a.close_wait.cmp(&b.close_wait),
        },
        Spec {
            title: "PORTS LEFT",
            usual: 10,
            least: 10,
            rank: 2,
            is_number: true,
            cell: |host, _| percent(host.port_headroom_ratio),
            order: |a, b| by_number(|host: &Self| host.port_headroom_ratio)(a, b),
        },
        Spec {
            title: "SOCKETS",
            usual: 9,
            least: 9,
            rank: 3,
            is_number: true,
            cell: |host, _| number(host.sockets),
            order: |a, b| a.sockets.cmp(&b.sockets),
        },
        Spec {
            title: "TIME_WAIT",
            usual: 9,
            least: 9,
            rank: 4,
            is_number: true,
            cell: |host, _| number(host.time_wait),
            order: |a, b| a.time_wait.cmp(&b.time_wait),
        },
        Spec {
            title: "DATA AGE",
            usual: 8,
            least: 8,
            rank: 3,
            is_number: true,
            cell: |host, charset| match host.age_seconds {
                Some(seconds) => age(seconds.max(0.0), false, charset),
                None => UNKNOWN.to_owned(),
            },
            order: |a, b| by_number(|host: &Self| host.age_seconds)(a, b),
        },
        Spec {
            title: "LOST",
            usual: 7,
            least: 7,
            rank: 4,
            is_number: true,
            cell: |host, _| about(host.events_lost),
            order: |a, b| by_number(|host: &Self| host.events_lost)(a, b),
        },
        Spec {
            title: "CLOCK",
            usual: 8,
            least: 8,
            rank: 4,
            is_number: true,
            cell: |host, charset| skew(host.clock_skew, charset),
            order: |a, b| by_number(distance)(a, b),
        },
        Spec {
            title: "DRIFT",
            usual: 6,
            least: 6,
            rank: 4,
            is_number: true,
            cell: |host, _| about(host.drift),
            order: |a, b| by_number(|host: &Self| host.drift)(a, b),
        },
        Spec {
            title: "AGENT",
            usual: 7,
            least: 7,
            rank: 4,
            is_number: false,
            cell: |host, charset| name(host.version.as_deref(), charset),
            order: |a, b| a.version.cmp(&b.version),
        },
        Spec {
            title: "JOB",
            usual: 8,
            least: 6,
            rank: 6,
            is_number: false,
            cell: |host, charset| name(host.labels.get("job").map(String::as_str), charset),
            order: |a, b| a.labels.get("job").cmp(&b.labels.get("job")),
        },
    ];

    fn identity(&self) -> String {
        format!("{:?}", self.labels)
    }

    fn stands_out(&self) -> bool {
        self.trouble >= Trouble::Blurred
    }

    fn open(&self) -> Option<Place> {
        None
    }
}

fn worst(host: &Host) -> Option<&str> {
    host.worst().map(|standing| standing.verdict.as_str())
}

/// Whether the server hears of a host, in a word.
pub(in super::super) fn presence(host: &Host) -> &'static str {
    match host.presence {
        Presence::Up if host.is_stale() => "stale",
        Presence::Up => "up",
        Presence::NoData => "no data",
        Presence::Down => "DOWN",
        Presence::Vanished => "vanished",
    }
}

/// `+1m32s` ahead, `-5.0s` behind; `<12ms` where it may be right, or so far off.
pub(in super::super) fn skew(skew: Option<Skew>, charset: Charset) -> String {
    let Some(skew) = skew else {
        return UNKNOWN.to_owned();
    };
    match skew.certain() {
        Some(ahead) => {
            let sign = if ahead > 0.0 { "+" } else { "-" };
            format!("{sign}{}", age(ahead.abs(), false, charset))
        }
        None => {
            let most = skew.at_most_seconds.max(-skew.at_least_seconds);
            format!("<{}", age(most.max(0.001), false, charset))
        }
    }
}

fn distance(host: &Host) -> Option<f64> {
    Some(host.clock_skew?.certain().unwrap_or(0.0).abs())
}

/// A count that the server extrapolates between scrapes: whole, and never nothing where there was
/// something.
fn about(number: Option<f64>) -> String {
    match number {
        None => UNKNOWN.to_owned(),
        Some(number) if number > 0.0 && number < 1.0 => "<1".to_owned(),
        // The cast saturates.
        Some(number) => count(number.round().max(0.0) as u64),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clocks_say_how_well_they_are_known() {
        for (least, most, expected) in [
            (91.9, 92.0, "+1m31s"),
            (-5.2, -5.0, "-5.0s"),
            (-0.012, 0.003, "<12ms"),
            (-0.002, 0.5, "<500ms"),
            (0.0, 0.0, "<1ms"),
        ] {
            let known = Skew {
                at_least_seconds: least,
                at_most_seconds: most,
            };
            assert_eq!(skew(Some(known), Charset::Unicode), expected);
        }
        assert_eq!(skew(None, Charset::Unicode), "-");
    }

    #[test]
    fn a_little_is_not_nothing() {
        for (number, expected) in [
            (None, "-"),
            (Some(0.0), "0"),
            (Some(0.2), "<1"),
            (Some(1234.4), "1,234"),
        ] {
            assert_eq!(about(number), expected);
        }
        assert_eq!(percent(Some(0.004)), "<1%");
        assert_eq!(percent(Some(0.0)), "0%");
    }
}
