//! A snapshot for tests: every family has a series, and some that are not expected.

use std::collections::BTreeMap;
use std::sync::Arc;

use tcpmon_common::counter::Foreign;
use tcpmon_common::record::flag;
use tcpmon_common::{Counters, Record, State};

use crate::core::census::{
    Census, GroupCount, ListenerCount, NamespaceCount, ProcessCount, StateCount, Workload,
};
use crate::core::cgroup::{ContainerId, Identity};
use crate::core::ending::Ending;
use crate::core::facts::{MachineFact, NamespaceLimits, NetnsIdentity, PortRange};
use crate::core::snapshot::{
    Audits, Incidents, ProcessUsage, ProgramUsage, Snapshot, StateNow, Turn,
};
use crate::core::table::{Drift, Process, Sighting, Table, Totals};
use crate::core::verdict::{Kind, Place, Severity, Standing};

pub(crate) fn snapshot() -> Snapshot {
    let mut states = [StateNow::default(); State::RFC.len()];
    states[0] = StateNow {
        sockets: 12,
        oldest_unix_ns: Some(1_700_000_000_250_000_000),
    };
    states[8].sockets = 318;
    Snapshot {
        rung: "tp_btf",
        now_unix_ns: 1_700_000_101_000_000_000,
        states,
        totals: totals(),
        counters: counters(),
        delivered: 99_990,
        lost: BTreeMap::from([("ring_full", 10), ("recursion", 0), ("undecodable", 0)]),
        ring_bytes: 1 << 20,
        ring_used_bytes: 4096,
        machine: MachineFact {
            orphans: Some(3),
            max_orphans: Some(65536),
            ..MachineFact::default()
        },
        endings_forgotten: 0,
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
        longest_scrape: Turn {
            wall_ns: 750_000,
            cpu_ns: 500_000,
        },
        program: Some(ProgramUsage {
            run_time_ns: 25_000_000,
            run_count: 100_000,
            stood_in: 20,
            missed: 0,
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

/// Groups of two processes, one of them in trouble, and a socket of nobody.
pub(crate) fn census() -> Census {
    let host = NetnsIdentity {
        cookie: 1,
        inode: 4_026_531_840,
    };
    let pod = NetnsIdentity {
        cookie: 2,
        inode: 4_026_532_001,
    };
    let [payments, proxy] = [(5731, "payments"), (80, "ng\"in\\x\n\u{1b}")].map(process);
    let kinds = [
        ("payments.service", None, None),
        (
            "cri-containerd-0a1b.scope",
            Some("0a1b"),
            Some("11111111-2222-3333-4444-555555555555"),
        ),
    ];
    let [of_payments, of_proxy] = kinds.map(identity);
    let workload = |process: Process, identity: &Arc<Identity>| Workload {
        comm: process.comm,
        identity: Some(identity.clone()),
    };
    let service = Place::Service {
        netns: host,
        port: 8443,
    };
    let database = Place::Destination {
        netns: pod,
        source: [10, 0, 3, 17].into(),
        address: [10, 0, 3, 5].into(),
        port: 5432,
    };
    let mut census = Census {
        now_ns: 900_000_000_000,
        now_unix_ns: 1_700_000_000_000_000_000,
        processes: vec![
            ProcessCount {
                process: payments,
                open_files: 66,
                max_open_files: 1024,
            },
            ProcessCount {
                process: proxy,
                open_files: 39,
                max_open_files: 20_000,
            },
        ],
        namespaces: vec![namespace(host, Some("host")), namespace(pod, None)],
        verdicts: vec![Standing {
            kind: Kind::CloseWaitLeak,
            severity: Severity::Critical,
            process: Some(payments),
            place: service,
        }],
        ..Census::default()
    };
    for (process, identity, place, states) in [
        (
            Some(payments),
            &of_payments,
            service,
            &[
                (State::Listen, 1),
                (State::SynRecv, 3),
                (State::CloseWait, 48),
            ][..],
        ),
        (
            Some(proxy),
            &of_proxy,
            database,
            &[(State::Established, 20), (State::TimeWait, 230)][..],
        ),
        (None, &of_proxy, database, &[(State::TimeWait, 12)][..]),
    ] {
        let states = states.iter().map(|(state, sockets)| StateCount {
            state: *state,
            sockets: *sockets,
            oldest_ns: 900_000_000_000 - u64::from(*sockets) * 1_000_000_000,
        });
        let first = census.states.len();
        census.states.extend(states);
        census.groups.push(GroupCount {
            process,
            workload: process.map(|process| workload(process, identity)),
            place,
            states: (first, census.states.len() - first),
        });
    }
    // What tells these from one another only a table can make.
    let mut table = Table::new();
    let seen = listener(&mut table);
    census.listeners = vec![ListenerCount {
        seen,
        netns: host,
        address: [0, 0, 0, 0].into(),
        port: 8443,
        workload: Some(workload(payments, &of_payments)),
        depth: Some(2),
        limit: Some(128),
        drops: Some(7),
    }];
    census
}

fn process((pid, name): (u32, &str)) -> Process {
    let mut comm = [0; 16];
    comm[..name.len()].copy_from_slice(name.as_bytes());
    Process { pid, comm }
}

fn identity((unit, container, pod): (&str, Option<&str>, Option<&str>)) -> Arc<Identity> {
    Arc::new(Identity {
        unit: Some(unit.into()),
        container: container.map(|id| ContainerId {
            runtime: Some("containerd"),
            id: id.into(),
        }),
        pod: pod.map(Into::into),
    })
}

fn namespace(identity: NetnsIdentity, name: Option<&str>) -> NamespaceCount {
    NamespaceCount {
        identity,
        name: name.map(Into::into),
        limits: Some(Arc::new(NamespaceLimits {
            local_ports: Some(PortRange {
                low: 32768,
                high: 60999,
            }),
            reserved_ports: Some(Vec::new()),
            max_minisocks: Some(131_072),
            ..NamespaceLimits::default()
        })),
    }
}

fn listener(table: &mut Table) -> Sighting {
    table.apply(&Record {
        time_ns: 1,
        sock: 1,
        cookie: 1,
        netns_cookie: 1,
        family: 2,
        local_port: 8443,
        flags: flag::HAS_SOCKET,
        old_state: State::Close.number(),
        new_state: State::Listen.number(),
        ..Record::EMPTY
    });
    table.listening().next().expect("a listener").seen
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
