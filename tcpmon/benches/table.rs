//! Decoding and applying records, and the memory of a socket. Prints `name: value` lines.

#![expect(clippy::print_stdout, reason = "its results are its output")]

use std::hint::black_box;
use std::net::IpAddr;
use std::time::Instant;

use tcpmon::core::facts::{DumpRow, DumpTime, Kind, NetnsIdentity, StateSet, Timer};
use tcpmon::core::incident::{Circumstances, Incident, Trail};
use tcpmon::core::query::{Health, SocketsQuestion, VerdictRow};
use tcpmon::core::table::{ByInode, Table, sort_rows};
use tcpmon::core::tuple::{Family, Tuple};
use tcpmon::core::verdict::{self, Place, Subject};
use tcpmon_common::record::{RECORD_SIZE, flag};
use tcpmon_common::{Holder, Record, State};

const CONNECTIONS: u64 = 200_000;
const SOCKETS: u64 = 500_000;
const RUNS: usize = 7;
/// Rows in a chunk of a dump, and slots in a part of a walk.
const CHUNK: usize = 4096;
/// Rows that the sweeper sorts before it passes them on.
const BATCH: usize = 65_536;
/// Peers that all sockets are connected to; the sockets of one are a group.
const GROUPS: [u64; 3] = [1, 2, 2000];
const NETNS: NetnsIdentity = NetnsIdentity {
    cookie: 1,
    inode: 4_026_531_840,
};

fn main() {
    let stream = connections(CONNECTIONS);
    let events = (stream.len() / RECORD_SIZE) as f64;
    let (mut seconds, mut noted) = (f64::INFINITY, f64::INFINITY);
    // In turns, so that what disturbs the machine disturbs both.
    for _ in 0..RUNS {
        seconds = seconds.min(once(|| apply(&stream, None)));
        noted = noted.min(once(|| apply(&stream, Some(Trail::default()))));
    }
    println!(
        "decode and apply: {:.0} ns per transition, {:.1} million/s",
        seconds * 1e9 / events,
        events / seconds / 1e6
    );

    println!(
        "keeping it for incidents: {:.1} ns more per transition, {:.2} times",
        (noted - seconds) * 1e9 / events,
        noted / seconds
    );

    let table = established(SOCKETS);
    println!(
        "memory: {:.0} bytes per tracked socket",
        table.bytes() as f64 / SOCKETS as f64
    );
    let question = SocketsQuestion {
        limit: Some(50),
        ..SocketsQuestion::default()
    };
    let seconds = best(|| {
        assert_eq!(table.sockets(&question, 1).sockets.len(), 50);
    });
    println!("50 oldest of {SOCKETS}: {:.1} µs", seconds * 1e6);
    incident(&table, &stream);
    drop(table);
    for groups in GROUPS {
        audits(SOCKETS, groups);
    }
}

/// The longest the owner is busy with one part of an audit of many sockets, and the whole of it: when
/// it finds a table empty, and when it finds nothing to mend; the same of a scan of all holders.
fn audits(count: u64, groups: u64) {
    let mut table = Table::new();
    // The kernel's hash table has them in no order, and not in that of the table.
    for (name, stride) in [("seed", 1), ("audit", 7919)] {
        let mut parts = Vec::new();
        let time = DumpTime {
            started_ns: 3_600_000_000_000,
            read_ns: 3_600_000_000_000,
        };
        table.begin_audit(StateSet::LIVE);
        for first in (0..count).step_by(BATCH) {
            let batch = first..count.min(first + BATCH as u64);
            let rows = batch.map(|index| row(index * stride % count, groups));
            let mut rows: Vec<DumpRow> = rows.collect();
            sort_rows(&mut rows);
            for rows in rows.chunks_mut(CHUNK) {
                parts.push(cpu(|| table.audit_rows(NETNS, time, rows)));
            }
        }
        table.audit_namespace_done(NETNS, time.started_ns);
        table.close_audit(time.read_ns + 1, true);
        walk(&mut table, &mut parts);
        assert_eq!(table.len() as u64, count);
        assert_eq!(table.group_count() as u64, groups);
        tell(&format!("{name} of {count} in {groups} groups"), &parts);
    }
    for (name, started_ns) in [
        ("holders", 3_700_000_000_000),
        ("holders again", 3_800_000_000_000),
    ] {
        let mut parts = Vec::new();
        for first in (0..count).step_by(CHUNK) {
            let chunk = first..count.min(first + CHUNK as u64);
            let holders: Vec<Holder> = chunk.map(|index| holder(index * 7919 % count)).collect();
            parts.push(cpu(|| table.hear_holders(started_ns, &holders)));
        }
        table.close_holders(started_ns, ByInode::default());
        walk(&mut table, &mut parts);
        assert_eq!(table.group_count() as u64, groups);
        assert_eq!(table.processes(), 1);
        tell(&format!("{name} of {count} in {groups} groups"), &parts);
    }
}

fn walk(table: &mut Table, parts: &mut Vec<f64>) {
    while table.is_walking() {
        parts.push(cpu(|| {
            table.walk_on(CHUNK);
        }));
    }
}

fn tell(what: &str, parts: &[f64]) {
    println!(
        "{what}: {:.0} ms in {} parts, the longest {:.2} ms",
        parts.iter().sum::<f64>() * 1e3,
        parts.len(),
        parts.iter().copied().fold(0.0, f64::max) * 1e3
    );
}

/// All belong to one process.
fn holder(number: u64) -> Holder {
    Holder {
        sock: 0,
        cookie: number + 1,
        inode: number + 1,
        born_ns: 0,
        pid: 10,
        fd: 3,
        comm: [b'a'; 16],
    }
}

fn row(number: u64, groups: u64) -> DumpRow {
    DumpRow {
        cookie: number + 1,
        state: State::Established,
        kind: Kind::Full,
        tuple: Tuple {
            family: Family::Ipv4,
            local_port: number as u16,
            remote_port: 1 + (number % groups) as u16,
            local: [127; 16],
            remote: [127; 16],
        },
        inode: number as u32 + 1,
        uid: 0,
        recv_queue: 0,
        send_queue: Some(0),
        expires_ms: 0,
        timer: Timer::None,
        unanswered: 0,
        cgroup: 1,
        drops: None,
        last_ack_ms: Some((number.wrapping_mul(0x9e37_79b9) % 1_000_000) as u32),
    }
}

/// Processor time in seconds: what others run meanwhile does not count.
fn cpu(work: impl FnOnce()) -> f64 {
    let before_ns = tcpmon::clock::thread_cpu_ns();
    work();
    (tcpmon::clock::thread_cpu_ns() - before_ns) as f64 / 1e9
}

/// What the owner does when a destination with `SOCKETS` sockets becomes critical.
fn incident(table: &Table, stream: &[u8]) {
    let mut trail = Trail::default();
    let mut other = Table::new();
    for bytes in stream.chunks_exact(RECORD_SIZE).take(5000) {
        if let Some(record) = Record::from_bytes(bytes)
            && let Some(change) = other.apply(&record)
        {
            trail.note(&other, &record, &change);
        }
    }
    let address = IpAddr::from([127, 0, 0, 1]);
    let subject = Subject {
        kind: verdict::Kind::PortExhaustion,
        process: None,
        place: Place::Destination {
            netns: NetnsIdentity {
                cookie: 1,
                inode: 4_026_531_840,
            },
            source: address,
            address,
            port: 80,
        },
    };
    let verdict: VerdictRow = serde_json::from_value(serde_json::json!({
        "verdict": "port_exhaustion", "severity": "critical", "what": "", "since_seconds": 0.0,
        "evidence": {}, "sockets": [], "fix_by": "process", "fix": "", "next": [],
        "confidence": "high", "unknown": [],
    }))
    .expect("a verdict");
    let at = Circumstances {
        time: "1970-01-01T00:00:00.000000000Z".into(),
        version: String::new(),
        host: String::new(),
        kernel: String::new(),
        health: Health::default(),
    };
    let seconds = best(|| {
        let (row, at) = (verdict.clone(), at.clone());
        let incident = Incident::collect(table, &trail, &subject, row, at, 1);
        assert_eq!(
            (incident.sockets.len(), incident.sockets_in_all),
            (1000, SOCKETS)
        );
    });
    println!(
        "an incident of {SOCKETS} sockets, collected: {:.2} ms",
        seconds * 1e3
    );
}

/// Decodes and applies `stream`; keeps its transitions, if there is a trail for them.
fn apply(stream: &[u8], mut trail: Option<Trail>) {
    let mut table = Table::new();
    for bytes in stream.chunks_exact(RECORD_SIZE) {
        if let Some(record) = Record::from_bytes(bytes)
            && let Some(change) = table.apply(&record)
            && let Some(trail) = &mut trail
        {
            trail.note(&table, &record, &change);
        }
    }
    assert_eq!(table.in_state(State::TimeWait), CONNECTIONS);
    black_box(trail);
}

/// The best of some runs: what the code costs when nothing disturbs it.
fn best(mut work: impl FnMut()) -> f64 {
    (0..RUNS)
        .map(|_| once(&mut work))
        .fold(f64::INFINITY, f64::min)
}

fn once(work: impl FnOnce()) -> f64 {
    #[expect(clippy::disallowed_methods, reason = "a benchmark reads the clock")]
    let start = Instant::now();
    work();
    start.elapsed().as_secs_f64()
}

/// Both ends of connections opened and closed one after the other, as the ring holds them.
fn connections(count: u64) -> Vec<u8> {
    use State::{Close, CloseWait, Established, FinWait1, FinWait2, LastAck, SynRecv, SynSent};
    let mut out = Vec::new();
    let mut time_ns = 0;
    for connection in 0..count {
        // The kernel reuses addresses at once; a few hundred serve any number of connections.
        let client = end(1 + connection % 128, connection * 2 + 2, 40_000, 80);
        let server = end(1000 + connection % 128, connection * 2 + 3, 80, 40_000);
        for (socket, old, new, flags) in [
            (&client, Close, SynSent, flag::TASK | flag::HAS_SOCKET),
            (&client, SynSent, Established, flag::HAS_SOCKET),
            (&server, State::Listen, SynRecv, 0),
            (&server, SynRecv, Established, 0),
            (
                &client,
                Established,
                FinWait1,
                flag::TASK | flag::HAS_SOCKET,
            ),
            (&server, Established, CloseWait, flag::HAS_SOCKET),
            (&client, FinWait1, FinWait2, flag::ORPHAN),
            (&server, CloseWait, LastAck, flag::TASK | flag::HAS_SOCKET),
            (&client, FinWait2, Close, flag::ORPHAN | flag::FIN_SEEN),
            (&server, LastAck, Close, flag::ORPHAN),
        ] {
            time_ns += 1_000;
            let record = Record {
                time_ns,
                old_state: old.number(),
                new_state: new.number(),
                flags,
                shutdown: 3,
                pid: if flags & flag::TASK == 0 { 0 } else { 42 },
                ..*socket
            };
            out.extend_from_slice(&record.to_bytes());
        }
    }
    out
}

fn end(sock: u64, cookie: u64, local_port: u16, remote_port: u16) -> Record {
    Record {
        sock,
        cookie,
        netns_cookie: 1,
        netns_inode: 4_026_531_840,
        family: 2,
        local_port,
        remote_port,
        local_address: [127, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0],
        remote_address: [127, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0],
        ..Record::EMPTY
    }
}

fn established(count: u64) -> Table {
    let mut table = Table::new();
    for index in 0..count {
        let socket = end(index + 1, index + 1, (index % 60_000) as u16 + 1, 80);
        for (old, new) in [
            (State::Close, State::SynSent),
            (State::SynSent, State::Established),
        ] {
            table.apply(&Record {
                time_ns: index,
                old_state: old.number(),
                new_state: new.number(),
                ..socket
            });
        }
    }
    table
}
