//! IPv4, IPv6, one inside the other, and what is not plain TCP.

use std::io::{Read as _, Write as _};
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener, TcpStream};

use socket2::{Domain, Protocol, Socket, Type};
use tcpmon::core::query::SocketRow;
use tcpmon_common::State;
use tcpmon_common::counter::Foreign;

use crate::harness::Watch;
use crate::net::{ANY_PORT, ANY_PORT_V6, address, pair, port, raw, read_end};
use crate::place::{Namespace, in_inner_namespace, in_namespace};

const ORDERLY: [&str; 3] = [
    "server CLOSE => LISTEN => CLOSE (listener_closed)",
    "client CLOSE => SYN_SENT -> ESTABLISHED => FIN_WAIT1 -> FIN_WAIT2 -> CLOSE (orphan_fin_wait2)",
    "server LISTEN -> SYN_RECV -> ESTABLISHED -> CLOSE_WAIT => LAST_ACK -> CLOSE (orderly)",
];

/// Family, local and remote address of a row.
fn ends(row: &SocketRow) -> [&str; 3] {
    [&row.family, &row.local_address, &row.remote_address]
}

/// Connects, compares both ends with what is expected, and closes in order.
fn check(namespace: Namespace, on: SocketAddr, to: SocketAddr, expected: [[&str; 3]; 3]) {
    let mut watch = Watch::open(namespace);
    let listener = TcpListener::bind(on).expect("listens");
    let listening = address(&listener).port();
    let client = TcpStream::connect((to.ip(), listening)).expect("connects");
    let (mut server, _) = listener.accept().expect("accepts");
    watch.until("both ends", |watch| {
        (watch.table.in_state(State::Established) == 2).then_some(())
    });
    let rows = [
        watch.row(listening, "LISTEN"),
        watch.row(port(&client), "ESTABLISHED"),
        watch.row(listening, "ESTABLISHED"),
    ];
    for (row, expected) in rows.iter().zip(expected) {
        assert_eq!(ends(row), expected);
        assert_eq!(row.netns, Some(namespace.0.inode));
    }
    assert_eq!(rows[1].remote_port, listening);
    assert_eq!(rows[2].remote_port, port(&client));
    assert_eq!(rows[1].cookie, watch.cookie(&client));
    assert_eq!(rows[2].cookie, watch.cookie(&server));
    drop(client);
    read_end(&mut server);
    watch.until("the orphan", |watch| {
        (watch.table.in_state(State::FinWait2) == 1).then_some(())
    });
    drop((server, listener));
    watch.expect(&ORDERLY);
}

#[test]
fn ipv6_has_its_own_addresses() {
    in_namespace(|namespace| {
        let expected = [
            ["ipv6", "::1", "::"],
            ["ipv6", "::1", "::1"],
            ["ipv6", "::1", "::1"],
        ];
        check(namespace, ANY_PORT_V6, ANY_PORT_V6, expected);
    });
}

#[test]
fn a_v4_client_of_a_dual_stack_listener_is_mapped_on_the_server_side_only() {
    in_namespace(|namespace| {
        let mapped = "::ffff:127.0.0.1";
        let expected = [
            ["ipv6", "::", "::"],
            ["ipv4", "127.0.0.1", "127.0.0.1"],
            ["ipv6", mapped, mapped],
        ];
        let any = (Ipv6Addr::UNSPECIFIED, 0).into();
        check(namespace, any, ANY_PORT, expected);
    });
}

#[test]
fn a_v6_client_of_a_v4_listener_is_mapped_on_its_own_side_only() {
    in_namespace(|namespace| {
        let mapped = "::ffff:127.0.0.1";
        let expected = [
            ["ipv4", "127.0.0.1", "0.0.0.0"],
            ["ipv6", mapped, mapped],
            ["ipv4", "127.0.0.1", "127.0.0.1"],
        ];
        let to = (Ipv4Addr::LOCALHOST.to_ipv6_mapped(), 0).into();
        check(namespace, ANY_PORT, to, expected);
    });
}

#[test]
fn the_same_ports_in_two_namespaces_are_two_connections() {
    in_namespace(|outer| {
        let mut outer_watch = Watch::open(outer);
        let listener = crate::net::listener();
        let (_client, _server) = pair(&listener);
        let same = address(&listener);
        in_inner_namespace(|inner| {
            assert_ne!(inner.0, outer.0);
            let mut watch = Watch::open(inner);
            let listener = TcpListener::bind(same).expect("the port is free here");
            drop(pair(&listener));
            drop(listener);
            watch.until("the end of the listener", |watch| {
                watch
                    .lines()
                    .first()?
                    .ends_with("(listener_closed)")
                    .then_some(())
            });
            assert_eq!(watch.lives().len(), 3);
        });
        outer_watch.until("both ends", |watch| {
            (watch.table.in_state(State::Established) == 2).then_some(())
        });
        assert_eq!(
            outer_watch.row(same.port(), "LISTEN").netns,
            Some(outer.0.inode)
        );
        assert_eq!(outer_watch.lives().len(), 3);
    });
}

fn mptcp() -> Option<Socket> {
    Socket::new(Domain::IPV4, Type::STREAM, Some(Protocol::MPTCP)).ok()
}

#[test]
fn mptcp_is_counted_apart_and_its_subflows_once() {
    in_namespace(|namespace| {
        let on = namespace.get("mptcp/enabled").is_some_and(|on| on == "1");
        let (Some(listener), Some(client), true) = (mptcp(), mptcp(), on) else {
            eprintln!("skipped, because MPTCP is off on this machine");
            return;
        };
        let mut watch = Watch::open(namespace);
        let foreign = |watch: &Watch| {
            let counters = watch.stream.counters().expect("the counter map");
            counters.foreign[Foreign::Mptcp as usize]
        };
        let before = foreign(&watch);
        listener.bind(&raw(ANY_PORT)).expect("binds");
        listener.listen(1).expect("listens");
        let to = listener.local_addr().expect("is bound");
        client.connect(&to).expect("connects");
        let (server, _) = listener.accept().expect("accepts");
        let (mut client, mut server) = (TcpStream::from(client), TcpStream::from(server));
        client.write_all(b"x").expect("sends");
        server.read_exact(&mut [0]).expect("arrives");
        watch.until("both subflows", |watch| {
            (watch.table.in_state(State::Established) == 2).then_some(())
        });
        assert_eq!(watch.table.in_state(State::Listen), 1);
        assert_eq!(watch.table.len(), 3, "{:#?}", watch.lines());
        assert!(
            foreign(&watch) >= before + 3,
            "listen, connect and accept of MPTCP itself"
        );

        drop((client, server, listener));
        watch.until("the end of all", |watch| {
            let full = watch.rows().into_iter().filter(|row| row.kind == "full");
            (full.count() == 0).then_some(())
        });
        let totals = watch.table.totals();
        assert_eq!((totals.odd_records, totals.unknown_edges), (0, 0));
        assert_eq!(watch.lives().len(), 3, "{:#?}", watch.lines());
    });
}

#[test]
fn an_mptcp_client_that_falls_back_is_one_plain_connection() {
    in_namespace(|namespace| {
        let Some(client) = mptcp() else {
            eprintln!("skipped, because MPTCP is off on this machine");
            return;
        };
        let mut watch = Watch::open(namespace);
        let listener = crate::net::listener();
        client.connect(&raw(address(&listener))).expect("connects");
        let (_server, _) = listener.accept().expect("accepts");
        watch.expect(&[
            "server CLOSE => LISTEN",
            "client CLOSE => SYN_SENT -> ESTABLISHED",
            "server LISTEN -> SYN_RECV -> ESTABLISHED",
        ]);
    });
}
