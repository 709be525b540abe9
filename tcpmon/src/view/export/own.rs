//! The scrape itself: how many series, and what was left out.

use anyhow::Result;

use super::family::{Family, gauge, gauges, seconds};
use crate::core::series::{Budget, LabelSet, Sets};

/// Series of [`families`].
pub(super) const SERIES: u64 = 3 + LabelSet::ALL.len() as u64;

/// `others`: series of everything else; `took_ns`: how long the scrape before took.
pub(super) fn families(
    sets: &Sets,
    budget: Budget,
    others: u64,
    took_ns: u64,
) -> Result<[Family; 4]> {
    let dropped = LabelSet::ALL.into_iter().zip(sets.dropped());
    Ok([
        gauge(
            "tcpmon_series",
            "Series in this scrape.",
            (others + SERIES) as f64,
        )?,
        gauge(
            "tcpmon_series_limit",
            "Most series in a scrape: the setting metrics.series-limit.",
            f64::from(budget.limit),
        )?,
        gauges(
            "tcpmon_series_dropped",
            "Series that are folded into the member `other` of the set because of that limit.",
            ["set"],
            dropped.map(|(set, dropped)| ([set.name()], dropped as f64)),
        )?,
        gauge(
            "tcpmon_scrape_duration_seconds",
            "How long the agent took for the scrape before this one, from the question to the text; 0 \
             before the first.",
            seconds(took_ns),
        )?,
    ])
}
