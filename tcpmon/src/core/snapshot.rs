//! Everything a scrape needs, copied out of the owner in one go: its size does not depend on the
//! number of sockets.

use std::collections::BTreeMap;

use tcpmon_common::Counters;

use crate::core::facts::MachineFact;
use crate::core::table::Totals;
use crate::core::verdict::{Kind, Severity};

/// What the agent process itself uses, for the customary `process_*` metrics.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct ProcessUsage {
    /// Processor time, user and system, in seconds.
    pub cpu_seconds: f64,
    /// Resident memory in bytes.
    pub resident_bytes: u64,
    /// Virtual memory in bytes.
    pub virtual_bytes: u64,
    /// Open file descriptors.
    pub open_fds: u64,
    /// Limit of open file descriptors; `None` when unlimited.
    pub max_fds: Option<u64>,
    /// Start, in seconds since 1970.
    pub start_time_seconds: f64,
    /// Threads.
    pub threads: u64,
}

/// Run-time figures of the kernel program.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ProgramUsage {
    /// Nanoseconds spent; 0 unless `kernel.bpf_stats_enabled`.
    pub run_time_ns: u64,
    /// Runs; 0 unless `kernel.bpf_stats_enabled`.
    pub run_count: u64,
    /// Transitions recorded by the stand-in, because they came in an interrupt of the program.
    pub stood_in: u64,
    /// Transitions the kernel ran neither for.
    pub missed: u64,
}

/// How audits went.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Audits {
    /// Audits that ended.
    pub count: u64,
    /// Wall-clock end of the last one, ns since 1970; 0 before the first.
    pub last_unix_ns: u64,
    /// Wall-clock end of the last one that found nothing to repair; 0 before the first.
    pub last_clean_unix_ns: u64,
    /// Duration of the last one in nanoseconds.
    pub last_duration_ns: u64,
    /// Namespaces the last one could not look into.
    pub namespaces_failed: u64,
}

/// What became of the verdicts that were to be saved.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Incidents {
    /// Files written.
    pub written: u64,
    /// Incidents that were not saved.
    pub errors: u64,
}

/// How long the owner of the table was busy without looking up.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Turn {
    /// By the clock, in nanoseconds: also what others ran on its processor meanwhile.
    pub wall_ns: u64,
    /// On the processor, in nanoseconds.
    pub cpu_ns: u64,
}

impl Turn {
    /// The longer of two, by either measure.
    #[must_use]
    pub fn longest(self, other: Self) -> Self {
        Self {
            wall_ns: self.wall_ns.max(other.wall_ns),
            cpu_ns: self.cpu_ns.max(other.cpu_ns),
        }
    }
}

/// One state at the moment of the snapshot.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct StateNow {
    /// Sockets in it.
    pub sockets: u64,
    /// Wall-clock time the oldest entered it, ns since 1970.
    pub oldest_unix_ns: Option<u64>,
}

/// What `/metrics` says of the machine as a whole.
#[derive(Clone, Debug, Default)]
pub struct Snapshot {
    /// The rung of the feature ladder.
    pub rung: &'static str,
    /// The wall clock when it was taken, ns since 1970.
    pub now_unix_ns: u64,
    /// Each state, in the order of [`tcpmon_common::State::RFC`].
    pub states: [StateNow; tcpmon_common::State::RFC.len()],
    /// What the table counted.
    pub totals: Totals,
    /// What the kernel program counted.
    pub counters: Counters,
    /// Records read from the ring.
    pub delivered: u64,
    /// Records lost, by reason; every reason is there, most of them 0.
    pub lost: BTreeMap<&'static str, u64>,
    /// Size of the ring in bytes; 0 without one.
    pub ring_bytes: u64,
    /// Bytes that waited in it at most in the last one to two minutes.
    pub ring_used_bytes: u64,
    /// What the machine has one of.
    pub machine: MachineFact,
    /// Groups of failed connections that were silent so long that others took their place.
    pub endings_forgotten: u64,
    /// Namespaces with sockets.
    pub namespaces: u64,
    /// Processes that hold sockets.
    pub processes: u64,
    /// Bytes the table takes.
    pub table_bytes: u64,
    /// Audits.
    pub audits: Audits,
    /// Processor time of sweeps in nanoseconds, by their kind, sweeper and owner together.
    pub sweep_cpu_ns: BTreeMap<&'static str, u64>,
    /// The longest turn of the agent's loop in the last one to two minutes.
    pub longest_turn: Turn,
    /// The longest it copied for a scrape in that time, this one not included.
    pub longest_scrape: Turn,
    /// The kernel program.
    pub program: Option<ProgramUsage>,
    /// The agent process.
    pub process: Option<ProcessUsage>,
    /// Verdicts that stand, by kind and severity.
    pub verdicts: [[u64; Severity::ALL.len()]; Kind::ALL.len()],
    /// Processor time of the last evaluation of all verdicts, in nanoseconds.
    pub judging_ns: u64,
    /// Verdicts saved to files.
    pub incidents: Incidents,
    /// Rows watchers did not get because they were too slow.
    pub watch_dropped: u64,
}
