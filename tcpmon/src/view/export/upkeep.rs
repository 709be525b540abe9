//! Audits, and what the table takes.

use anyhow::Result;

use super::family::{Family, counter, float_counters, gauge, gauges, seconds};
use crate::core::snapshot::Snapshot;
use crate::core::verdict::{Kind, Severity};

pub(super) fn families(snapshot: &Snapshot) -> Result<Vec<Family>> {
    let audits = &snapshot.audits;
    Ok(vec![
        gauge(
            "tcpmon_time_seconds",
            "The clock of the agent's machine when this was collected, since 1970.",
            seconds(snapshot.now_unix_ns),
        )?,
        counter(
            "tcpmon_audits_total",
            "Comparisons of the whole table with the kernel that ended.",
            audits.count as f64,
        )?,
        gauge(
            "tcpmon_audit_duration_seconds",
            "How long the last audit took; 0 before the first.",
            seconds(audits.last_duration_ns),
        )?,
        gauge(
            "tcpmon_last_audit_timestamp_seconds",
            "When the last audit ended, since 1970; 0 before the first.",
            seconds(audits.last_unix_ns),
        )?,
        gauge(
            "tcpmon_last_clean_audit_timestamp_seconds",
            "When the last audit that found nothing to correct ended, since 1970; 0 before the \
             first.",
            seconds(audits.last_clean_unix_ns),
        )?,
        float_counters(
            "tcpmon_sweep_cpu_seconds_total",
            "Processor time of what the agent looks up beside the stream, by what it looks for: all \
             sockets (audit), minisocks, the processes that hold sockets (holders), names of control \
             groups, queues and counters, facts of processes.",
            ["kind"],
            snapshot
                .sweep_cpu_ns
                .iter()
                .map(|(kind, cpu_ns)| ([*kind], seconds(*cpu_ns))),
        )?,
        gauge(
            "tcpmon_agent_longest_turn_seconds",
            "The longest the agent was busy with one thing in the last one to two minutes, by the \
             clock: so long an event or a question had to wait.",
            seconds(snapshot.longest_turn.wall_ns),
        )?,
        gauge(
            "tcpmon_agent_longest_turn_cpu_seconds",
            "The same by processor time: what is less than by the clock, others took.",
            seconds(snapshot.longest_turn.cpu_ns),
        )?,
        gauge(
            "tcpmon_scrape_longest_turn_seconds",
            "The longest it was busy with copying for a scrape in one go in that time, by the clock; \
             this scrape not included.",
            seconds(snapshot.longest_scrape.wall_ns),
        )?,
        gauge(
            "tcpmon_scrape_longest_turn_cpu_seconds",
            "The same by processor time.",
            seconds(snapshot.longest_scrape.cpu_ns),
        )?,
        gauge(
            "tcpmon_namespaces",
            "Network namespaces with sockets.",
            snapshot.namespaces as f64,
        )?,
        gauge(
            "tcpmon_namespaces_unreadable",
            "Network namespaces the last audit could not look into: their sockets are missing.",
            audits.namespaces_failed as f64,
        )?,
        gauge(
            "tcpmon_processes_with_sockets",
            "Processes that hold sockets.",
            snapshot.processes as f64,
        )?,
        gauges(
            "tcpmon_verdicts",
            "Verdicts that stand: what is wrong now, by kind and severity.",
            ["verdict", "severity"],
            verdicts(snapshot),
        )?,
        gauge(
            "tcpmon_judging_seconds",
            "Processor time the last evaluation of all verdicts took.",
            seconds(snapshot.judging_ns),
        )?,
        counter(
            "tcpmon_incidents_written_total",
            "Files with the evidence of a verdict that became critical.",
            snapshot.incidents.written as f64,
        )?,
        counter(
            "tcpmon_incident_write_errors_total",
            "Verdicts that became critical and whose evidence was not saved: no room, no permission, \
             or too many at once.",
            snapshot.incidents.errors as f64,
        )?,
        gauge(
            "tcpmon_table_bytes",
            "Memory the table of sockets takes.",
            snapshot.table_bytes as f64,
        )?,
    ])
}

fn verdicts(snapshot: &Snapshot) -> impl Iterator<Item = ([&'static str; 2], f64)> {
    Kind::ALL.into_iter().flat_map(move |kind| {
        Severity::ALL.into_iter().map(move |severity| {
            let number = snapshot.verdicts[kind as usize][severity as usize];
            ([kind.name(), severity.name()], number as f64)
        })
    })
}
