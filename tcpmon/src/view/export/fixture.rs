//! A snapshot for tests: every family has a series, and some that are not expected.

use std::collections::BTreeMap;

use tcpmon_common::counter::Foreign;
use tcpmon_common::{Counters, State};

use crate::core::ending::Ending;
use crate::core::snapshot::{
    Audits, Incidents, ProcessUsage, ProgramUsage, Snapshot, StateNow, Turn,
};
use crate::core::table::{Drift, Totals};
use crate::core::verdict::{Kind, Severity};

pub(crate) fn snapshot() -> Snapshot {
    let mut states = [StateNow::default(); State::RFC.len()];
    states[0] = StateNow {
        sockets: 12,
        oldest_unix_ns: Some(1_700_000_000_250_000_000),
    };
    states[8].sockets = 318;
    Snapshot {
        rung: "tp_btf",
        states,
        totals: totals(),
        counters: counters(),
        delivered: 99_990,
        lost: BTreeMap::from([("ring_full", 10), ("recursion", 0), ("undecodable", 0)]),
        ring_bytes: 1 << 20,
        namespaces: 3,
        processes: 41,
        table_bytes: 123_456,
        audits: Audits {
            count: 4,
            last_unix_ns: 1_700_000_100_500_000_000,
            last_clean_unix_ns: 1_700_000_040_500_000_000,
            last_duration_ns: 12_500_000,
            namespaces_failed: 1,
        },
        sweep_cpu_ns: BTreeMap::from([("audit", 48_000_000), ("holders", 0)]),
        longest_turn: Turn {
            wall_ns: 3_500_000,
            cpu_ns: 1_250_000,
        },
        program: Some(ProgramUsage {
            run_time_ns: 25_000_000,
            run_count: 100_000,
            recursion_misses: 0,
        }),
        process: Some(ProcessUsage {
            cpu_seconds: 1.25,
            resident_bytes: 20_000_000,
            virtual_bytes: 300_000_000,
            open_fds: 25,
            max_fds: Some(1024),
            start_time_seconds: 1_700_000_000.5,
            threads: 5,
        }),
        watch_dropped: 7,
        verdicts: verdicts(),
        judging_ns: 1_500_000,
        incidents: Incidents {
            written: 3,
            errors: 1,
        },
    }
}

fn verdicts() -> [[u64; Severity::ALL.len()]; Kind::ALL.len()] {
    let mut verdicts = [[0; Severity::ALL.len()]; Kind::ALL.len()];
    verdicts[Kind::CloseWaitLeak as usize][Severity::Critical as usize] = 2;
    verdicts
}

fn totals() -> Totals {
    let mut totals = Totals {
        unknown_edges: 1,
        ..Totals::default()
    };
    totals.silent[State::FinWait2 as usize][State::TimeWait as usize] = 50;
    totals.silent[State::LastAck as usize][State::TimeWait as usize] = 1;
    for nanoseconds in [500_000, 2_000_000, 90_000_000_000_000] {
        totals.durations[State::CloseWait as usize].observe(nanoseconds);
    }
    totals.durations[State::SynRecv as usize].observe(1_000_000_000);
    totals.durations[State::NewSynRecv as usize].observe(2_000_000_000);
    totals.endings[Ending::TimeWait as usize] = 60;
    totals.drift[Drift::Vanished as usize] = 2;
    totals
}

fn counters() -> Counters {
    let mut counters = Counters {
        produced: 100_000,
        lost: 10,
        ..Counters::default()
    };
    counters.transitions[State::Established as usize][State::CloseWait as usize] = 400;
    // A self-loop, and numbers that are no state of TCP.
    counters.transitions[State::Close as usize][State::Close as usize] = 3;
    counters.transitions[0][14] = 2;
    counters.foreign[Foreign::Mptcp as usize] = 9;
    counters
}
