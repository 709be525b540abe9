//! The agent itself: its build, its kernel program, its process.

use anyhow::Result;

use super::family::{Family, counter, gauge, gauges, seconds};
use crate::core::snapshot::{ProcessUsage, ProgramUsage, Snapshot};

/// Set by whoever builds a release.
const REVISION: &str = match option_env!("TCPMON_REVISION") {
    Some(revision) => revision,
    None => "unknown",
};

pub(super) fn families(snapshot: &Snapshot) -> Result<Vec<Family>> {
    let mut families = vec![build()?];
    if let Some(program) = &snapshot.program {
        families.extend(program_families(program)?);
    }
    if let Some(process) = &snapshot.process {
        families.extend(process_families(process)?);
    }
    Ok(families)
}

fn build() -> Result<Family> {
    gauges(
        "tcpmon_build_info",
        "Version and source revision of the agent, and the oldest Rust that builds it.",
        ["version", "revision", "rustversion"],
        [(
            [
                env!("CARGO_PKG_VERSION"),
                REVISION,
                env!("CARGO_PKG_RUST_VERSION"),
            ],
            1.0,
        )],
    )
}

fn program_families(program: &ProgramUsage) -> Result<[Family; 3]> {
    Ok([
        counter(
            "tcpmon_program_run_seconds_total",
            "Time spent in the kernel program; stays 0 unless the sysctl kernel.bpf_stats_enabled \
             is 1.",
            seconds(program.run_time_ns),
        )?,
        counter(
            "tcpmon_program_runs_total",
            "Runs of the kernel program; stays 0 unless the sysctl kernel.bpf_stats_enabled is 1.",
            program.run_count as f64,
        )?,
        counter(
            "tcpmon_events_stood_in_total",
            "Transitions that came in an interrupt of the kernel program and were recorded by its \
             stand-in: part of tcpmon_events_total, nothing is missing.",
            program.stood_in as f64,
        )?,
    ])
}

/// The metrics every exporter has, under their customary names.
fn process_families(process: &ProcessUsage) -> Result<Vec<Family>> {
    let mut families = vec![
        counter(
            "process_cpu_seconds_total",
            "Processor time of the agent, user and system.",
            process.cpu_seconds,
        )?,
        gauge(
            "process_resident_memory_bytes",
            "Resident memory of the agent.",
            process.resident_bytes as f64,
        )?,
        gauge(
            "process_virtual_memory_bytes",
            "Virtual memory of the agent.",
            process.virtual_bytes as f64,
        )?,
        gauge(
            "process_open_fds",
            "Open file descriptors of the agent.",
            process.open_fds as f64,
        )?,
        gauge(
            "process_start_time_seconds",
            "When the agent started, since 1970.",
            process.start_time_seconds,
        )?,
        gauge(
            "process_threads",
            "Threads of the agent.",
            process.threads as f64,
        )?,
    ];
    if let Some(max_fds) = process.max_fds {
        families.push(gauge(
            "process_max_fds",
            "Most file descriptors the agent may open; no series when there is no limit.",
            max_fds as f64,
        )?);
    }
    Ok(families)
}
