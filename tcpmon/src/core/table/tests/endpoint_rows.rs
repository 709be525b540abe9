//! Listeners and destinations as users see them.

use std::net::IpAddr;
use std::sync::Arc;

use super::*;
use crate::core::facts::{KernelEvents, NamespaceFact, NamespaceLimits, PortRange};
use crate::core::query::{DestinationRow, ListenerRow};

fn listen(table: &mut Table, cookie: u64, port: u16, queue: u32, drops: u32) {
    let listener = Speaker::new(cookie, cookie, port, 0).by(cookie as u32, "server");
    listener.says(table, SECOND, State::Close, State::Listen);
    let measured = DumpRow {
        recv_queue: queue,
        send_queue: Some(9),
        drops: Some(drops),
        ..row(cookie, State::Listen, port, 0)
    };
    table.measure_queues(NETNS, &[measured]);
}

fn listeners(table: &Table, limit: usize) -> Vec<ListenerRow> {
    table.listener_rows(limit, 3 * SECOND).listeners
}

fn connect(table: &mut Table, cookie: u64, port: u16) {
    let socket = Speaker::new(cookie, cookie, 40000 + cookie as u16, port).by(7, "client");
    socket.says(table, SECOND, State::Close, State::SynSent);
    let socket = socket.silent();
    socket.says(table, SECOND, State::SynSent, State::Established);
}

fn destinations(table: &Table, limit: usize) -> Vec<DestinationRow> {
    table.destination_rows(limit).destinations
}

fn describe(table: &mut Table, tw_reuse: u32) {
    table.describe_namespace(NamespaceFact {
        identity: NETNS,
        name: None,
        events: KernelEvents::default(),
        limits: Some(Arc::new(NamespaceLimits {
            local_ports: Some(PortRange {
                low: 40001,
                high: 40101,
            }),
            reserved_ports: Some(Vec::new()),
            tw_reuse: Some(tw_reuse),
            ..NamespaceLimits::default()
        })),
    });
}

#[test]
fn the_fullest_queue_comes_first_and_then_what_was_dropped() {
    let mut table = Table::new();
    listen(&mut table, 1, 80, 0, 0);
    listen(&mut table, 2, 81, 0, 5);
    listen(&mut table, 3, 82, 10, 0);
    let ports = |limit| {
        listeners(&table, limit)
            .iter()
            .map(|row| row.port)
            .collect()
    };
    let (all, two): (Vec<u16>, Vec<u16>) = (ports(9), ports(2));
    assert_eq!((all, two), (vec![82, 81, 80], vec![82, 81]));
    assert_eq!(table.listener_rows(0, SECOND).total, 3);
    let full = &listeners(&table, 1)[0];
    assert_eq!((full.queue, full.queue_limit), (Some(10), Some(9)));
    assert_eq!((full.queue_longest, full.drops), (Some(10), Some(0)));
    assert_eq!(
        (full.pid, full.process.as_deref()),
        (Some(3), Some("server"))
    );
    assert_eq!(
        (full.address.as_str(), full.age_seconds),
        ("127.0.0.1", 2.0)
    );
}

#[test]
fn a_listener_counts_its_connections_and_those_half_open() {
    let mut table = Table::new();
    listen(&mut table, 1, 80, 0, 0);
    let open = Speaker::new(5, 5, 80, 40000).silent();
    open.says(&mut table, SECOND, State::Listen, State::SynRecv);
    let row = &listeners(&table, 1)[0];
    assert_eq!((row.connections, row.half_open), (1, 1));
    open.says(&mut table, SECOND, State::SynRecv, State::Established);
    let row = &listeners(&table, 1)[0];
    assert_eq!((row.connections, row.half_open), (1, 0));
}

#[test]
fn half_open_connections_are_counted_at_the_listener_they_go_to() {
    let at = |text: &str| {
        let address: IpAddr = text.parse().expect("an address");
        let mut local = [0; 16];
        let family = match address {
            IpAddr::V4(address) => {
                local[..4].copy_from_slice(&address.octets());
                Family::Ipv4
            }
            IpAddr::V6(address) => {
                local = address.octets();
                Family::Ipv6
            }
        };
        (family, local)
    };
    let mut cookie = 0;
    let mut dumped = |state, kind, address, remote_port| {
        cookie += 1;
        let mut row = row(cookie, state, 80, remote_port);
        row.kind = kind;
        if kind == Kind::Request {
            row.inode = 0;
        }
        (row.tuple.family, row.tuple.local) = at(address);
        row
    };
    let bound = ["10.0.0.1", "0.0.0.0", "::", "::1"];
    let requests = [
        "10.0.0.1", "10.0.0.2", "10.0.0.3", "::1", "fe80::1", "fe80::2", "fe80::3",
    ];
    let mut rows: Vec<DumpRow> = bound
        .map(|address| dumped(State::Listen, Kind::Full, address, 0))
        .into();
    // One of two that share a port.
    rows.push(dumped(State::Listen, Kind::Full, "::1", 0));
    for (address, remote_port) in requests.into_iter().zip(1000..) {
        rows.push(dumped(State::SynRecv, Kind::Request, address, remote_port));
    }
    let mut table = Table::new();
    audit(&mut table, 2 * SECOND, StateSet::LIVE, &rows);
    let mut counts: Vec<(String, u64)> = listeners(&table, 9)
        .into_iter()
        .map(|row| (row.address, row.half_open))
        .collect();
    counts.sort();
    let expected = [
        ("0.0.0.0", 2),
        ("10.0.0.1", 1),
        ("::", 3),
        ("::1", 1),
        ("::1", 1),
    ];
    assert_eq!(
        counts,
        expected.map(|(address, count)| (address.to_owned(), count))
    );
    // The same where sockets are listed.
    let rows = table
        .sockets(&SocketsQuestion::default(), 3 * SECOND)
        .sockets;
    let listed: Vec<u64> = rows.iter().filter_map(|row| row.half_open).collect();
    assert_eq!((listed.len(), listed.iter().sum()), (5, 8));
}

#[test]
fn a_destination_tells_its_ports_and_who_uses_them() {
    let mut table = Table::new();
    for cookie in 1..=3 {
        connect(&mut table, cookie, 80);
    }
    connect(&mut table, 4, 443);
    let rows = destinations(&table, 9);
    let counts: Vec<_> = rows.iter().map(|row| (row.port, row.sockets)).collect();
    assert_eq!(counts, [(80, 3), (443, 1)]);
    assert_eq!(rows[0].usable, None, "the settings are not known yet");
    assert_eq!((rows[0].pid, rows[0].opened_total), (Some(7), 3));
    describe(&mut table, 0);
    listen(&mut table, 9, 40050, 0, 0);
    let first = &destinations(&table, 1)[0];
    assert_eq!(first.usable, Some(99), "100 of 101, and somebody listens");
    assert_eq!(table.destination_rows(1).total, 2);
}

#[test]
fn time_wait_holds_its_port_unless_it_may_be_taken_over() {
    let mut table = Table::new();
    connect(&mut table, 1, 80);
    connect(&mut table, 2, 80);
    let closing = Speaker::new(1, 1, 40001, 80).by(7, "client");
    closing.says(&mut table, SECOND, State::Established, State::FinWait1);
    let closing = closing.silent();
    closing.says(&mut table, SECOND, State::FinWait1, State::FinWait2);
    let done = closing
        .flags(flag::HAS_SOCKET | flag::FIN_SEEN)
        .ending(0, 3);
    done.says(&mut table, SECOND, State::FinWait2, State::Close);
    for (tw_reuse, held) in [(0, 2), (2, 1)] {
        describe(&mut table, tw_reuse);
        let first = &destinations(&table, 1)[0];
        assert_eq!((first.sockets, first.time_wait, first.held), (2, 1, held));
    }
    let first = &destinations(&table, 1)[0];
    assert_eq!(first.closed_here_share, Some(1.0));
}

#[test]
fn refused_connections_are_told_where_they_went() {
    let mut table = Table::new();
    connect(&mut table, 1, 80);
    let refused = Speaker::new(2, 2, 40002, 80).by(7, "client");
    refused.says(&mut table, SECOND, State::Close, State::SynSent);
    let refused = refused.silent().ending(111, 0);
    refused.says(&mut table, SECOND, State::SynSent, State::Close);
    assert_eq!(destinations(&table, 1)[0].failed_total, 1);
}
