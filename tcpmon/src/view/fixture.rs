//! Answers for tests of views.

use std::collections::BTreeMap;

use tcpmon_common::State;

use crate::core::netns::NameSource;
use crate::core::query::{
    EndingRow, Endings, EventRow, Health, NamespaceRow, Namespaces, NetnsView, OwnerSource, Role,
    SCHEMA, SocketRow, Sockets, StateSummary, Summary,
};

/// A process name that tries everything: clear the screen, reorder, ring, break the line.
pub(crate) const HOSTILE: &str = "\x1b[2J\u{202e}\u{9b}1m\x07\r\n";

/// A socket of which nothing but the tuple is known.
pub(crate) fn unknown() -> SocketRow {
    SocketRow {
        cookie: None,
        netns: None,
        family: "ipv4".to_owned(),
        state: "CLOSE_WAIT".to_owned(),
        local_address: "10.0.3.17".to_owned(),
        local_port: 8080,
        remote_address: "192.0.2.44".to_owned(),
        remote_port: 50_312,
        age_seconds: 125.0,
        age_is_lower_bound: true,
        inode: None,
        pid: None,
        process: None,
        fd: None,
        owner_source: None,
        cgroup: None,
        unit: None,
        container: None,
        role: None,
        kind: "full".to_owned(),
        accepted: None,
        connection_age_seconds: None,
        remaining_seconds: None,
        uid: None,
        recv_queue: None,
        send_queue: None,
        accept_queue_longest: None,
        half_open: None,
        drops: None,
        netns_name: None,
        netns_name_source: None,
    }
}

/// A socket of which all is known.
pub(crate) fn known() -> SocketRow {
    SocketRow {
        cookie: Some(0x1f3a),
        netns: Some(4_026_531_840),
        inode: Some(48_213),
        pid: Some(1234),
        process: Some("payments".to_owned()),
        fd: Some(17),
        owner_source: Some(OwnerSource::FdTable),
        cgroup: Some("/system.slice/payments.service".to_owned()),
        unit: Some("payments.service".to_owned()),
        role: Some(Role::Server),
        accepted: Some(true),
        uid: Some(1000),
        recv_queue: Some(1),
        send_queue: Some(14_480),
        netns_name: Some("host".to_owned()),
        netns_name_source: Some(NameSource::Host),
        age_seconds: 11_520.5,
        age_is_lower_bound: false,
        ..unknown()
    }
}

/// The answer that holds `rows` and no more.
pub(crate) fn sockets(rows: Vec<SocketRow>) -> Sockets {
    Sockets {
        schema: SCHEMA,
        matched: Some(rows.len() as u64),
        sockets: rows,
    }
}

/// `count` different sockets, oldest first, of many kinds.
pub(crate) fn rows(count: usize) -> Vec<SocketRow> {
    const STATES: [&str; 6] = [
        "CLOSE_WAIT",
        "LISTEN",
        "ESTABLISHED",
        "CLOSE_WAIT",
        "FIN_WAIT2",
        "TIME_WAIT",
    ];
    let state = |i: usize| match STATES[i % STATES.len()] {
        "TIME_WAIT" if age(i) > 60.0 => "ESTABLISHED",
        state => state,
    };
    (0..count).map(|i| row(i, state(i))).collect()
}

fn age(i: usize) -> f64 {
    30_000.0 / 1.5_f64.powi(i32::try_from(i).unwrap())
}

fn row(i: usize, state: &str) -> SocketRow {
    let number = u32::try_from(i).unwrap();
    let listens = state == "LISTEN";
    let is_held = state != "TIME_WAIT";
    let is_v6 = i % 7 == 4;
    let (local, remote) = match (is_v6, listens) {
        (_, true) => ("0.0.0.0", "0.0.0.0"),
        (true, _) => ("2001:db8::17", "2001:db8:85a3::8a2e:370:7334"),
        (false, _) => ("10.0.3.17", "192.0.2.44"),
    };
    SocketRow {
        cookie: Some(0x1000 + u64::from(number)),
        family: if is_v6 { "ipv6" } else { "ipv4" }.to_owned(),
        state: state.to_owned(),
        local_address: local.to_owned(),
        local_port: if i.is_multiple_of(2) { 443 } else { 8080 },
        remote_address: remote.to_owned(),
        remote_port: if listens {
            0
        } else {
            50_000 + u16::try_from(i).unwrap()
        },
        age_seconds: age(i),
        age_is_lower_bound: i < 3,
        pid: is_held.then_some(1200 + number),
        process: is_held.then(|| ["payments", "nginx", "postgres"][i % 3].to_owned()),
        fd: is_held.then_some(10 + number),
        unit: is_held.then(|| ["payments", "nginx", "postgresql"][i % 3].to_owned() + ".service"),
        ..known()
    }
}

/// A busy, healthy machine.
pub(crate) fn summary() -> Summary {
    let facts = |state: State| match state {
        State::Listen => (12, 12, 0.0, Some(11_520.0), true),
        State::SynSent => (1, 8_123, 0.2, Some(0.012), false),
        State::SynRecv => (3, 91_230, 12.5, Some(0.004), false),
        State::Established => (1_234, 99_353, 12.7, Some(11_519.0), true),
        State::FinWait2 => (7, 41_870, 3.1, Some(42.0), false),
        State::TimeWait => (8_420, 41_863, 140.3, Some(59.9), false),
        State::CloseWait => (318, 9_011, 0.01, Some(10_300.0), false),
        State::Close => (2, 90_001, 31_234.0, None, false),
        _ => (0, 0, 0.0, None, false),
    };
    let states = State::RFC.into_iter().map(|state| {
        let (sockets, entered_total, entered_per_second, oldest, bound) = facts(state);
        StateSummary {
            state: state.name().to_owned(),
            sockets,
            entered_total,
            entered_per_second,
            oldest_age_seconds: oldest,
            oldest_is_lower_bound: bound,
        }
    });
    Summary {
        schema: SCHEMA,
        version: "0.1.0".to_owned(),
        host: "web-1.example.net".to_owned(),
        kernel: "6.12.9-amd64".to_owned(),
        uptime_seconds: 11_520.0,
        states: states.collect(),
        namespaces: 3,
        health: Health {
            rung: "tp_btf".to_owned(),
            events_produced: 421_000,
            events_delivered: 421_000,
            events_lost: BTreeMap::from([("ring_full".to_owned(), 0)]),
            events_per_second: 31_234.0,
            drift: BTreeMap::new(),
            last_audit_age_seconds: Some(4.2),
            limits: Vec::new(),
        },
    }
}

/// A connection that its peer has closed.
pub(crate) fn event() -> EventRow {
    EventRow {
        time: "2026-01-02T03:04:05.678901234Z".to_owned(),
        from: "ESTABLISHED".to_owned(),
        to: "CLOSE_WAIT".to_owned(),
        reason: "peer closed".to_owned(),
        duration_seconds: Some(3.5),
        socket: known(),
    }
}

pub(crate) fn endings() -> Endings {
    Endings {
        schema: SCHEMA,
        forgotten: 0,
        endings: vec![EndingRow {
            reason: "refused".to_owned(),
            count: 3,
            last_age_seconds: 1.5,
            role: Some(Role::Client),
            address: "192.0.2.44".to_owned(),
            port: 5432,
            pid: Some(1234),
            process: Some("payments".to_owned()),
            netns: Some(4_026_531_840),
        }],
    }
}

pub(crate) fn namespaces() -> Namespaces {
    Namespaces {
        schema: SCHEMA,
        namespaces: vec![NamespaceRow {
            netns: Some(4_026_531_840),
            name: Some("blue".to_owned()),
            name_source: Some(NameSource::IpNetns),
            known_from: NetnsView::Dumps,
            sockets: 12,
            minisocks: 4,
            kernel: [("listen_drops".to_owned(), 2)].into(),
        }],
    }
}
