//! Decoding and applying records, and the memory of a socket. Prints `name: value` lines.

#![expect(clippy::print_stdout, reason = "its results are its output")]

use std::hint::black_box;
use std::net::IpAddr;
use std::time::Instant;

use tcpmon::core::facts::NetnsIdentity;
use tcpmon::core::incident::{Circumstances, Incident, Trail};
use tcpmon::core::query::{Health, SocketsQuestion, VerdictRow};
use tcpmon::core::table::Table;
use tcpmon::core::verdict::{Kind, Place, Subject};
use tcpmon_common::record::{RECORD_SIZE, flag};
use tcpmon_common::{Record, State};

const CONNECTIONS: u64 = 200_000;
const SOCKETS: u64 = 500_000;
const RUNS: usize = 7;

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
        kind: Kind::PortExhaustion,
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
