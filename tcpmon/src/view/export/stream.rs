//! The stream of events, and how far the table agrees with the kernel.

use anyhow::Result;
use tcpmon_common::counter::Foreign;

use super::family::{Family, counter, counters, gauge, gauges};
use crate::core::snapshot::Snapshot;
use crate::core::table::Drift;

pub(super) fn families(snapshot: &Snapshot) -> Result<Vec<Family>> {
    let Snapshot {
        counters: kernel,
        totals,
        ..
    } = snapshot;
    Ok(vec![
        gauges(
            "tcpmon_rung_info",
            "How the agent gets its events: the rung of the feature ladder.",
            ["rung"],
            [([snapshot.rung], 1.0)],
        )?,
        counter(
            "tcpmon_events_total",
            "TCP transitions the kernel program asked a record for: those delivered and those lost.",
            kernel.produced as f64,
        )?,
        counter(
            "tcpmon_events_delivered_total",
            "Records read from the ring.",
            snapshot.delivered as f64,
        )?,
        counters(
            "tcpmon_events_lost_total",
            "Transitions that did not reach the table, by the reason; an audit makes up for them.",
            ["reason"],
            snapshot
                .lost
                .iter()
                .map(|(reason, count)| ([*reason], *count)),
        )?,
        counters(
            "tcpmon_foreign_events_total",
            "Transitions of other protocols on the same tracepoint, which are not TCP connections.",
            ["protocol"],
            Foreign::ALL.map(|kind| ([kind.name()], kernel.foreign[kind as usize])),
        )?,
        counter(
            "tcpmon_unknown_edges_total",
            "Transitions that are neither in RFC 9293 nor known of Linux.",
            totals.unknown_edges as f64,
        )?,
        counters(
            "tcpmon_drift_total",
            "Corrections of the table, by how it differed from the kernel.",
            ["kind"],
            Drift::ALL.map(|kind| ([kind.name()], totals.drift[kind as usize])),
        )?,
        counter(
            "tcpmon_watch_rows_dropped_total",
            "Events that those who watch did not get because they were too slow.",
            snapshot.watch_dropped as f64,
        )?,
        gauge(
            "tcpmon_ring_used_bytes",
            "The most that waited in the ring in the last one to two minutes when the agent came to \
             it; at the size of the ring, records were lost or soon will be.",
            snapshot.ring_used_bytes as f64,
        )?,
        gauge(
            "tcpmon_ring_bytes",
            "Size of the ring between kernel and agent; 0 without one.",
            snapshot.ring_bytes as f64,
        )?,
    ])
}
