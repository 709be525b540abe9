//! How connections and listeners begin.

use std::net::{IpAddr, Ipv4Addr, TcpListener, TcpStream};
use std::os::fd::AsFd as _;

use socket2::SockRef;
use tcpmon::core::facts::{Kind, StateSet};
use tcpmon::core::fsm::EdgeKind;
use tcpmon_common::State;
use tcpmon_common::record::flag;

use crate::harness::Watch;
use crate::net::{
    ANY_PORT, address, cookie, disconnect, half_close, listener, pair, port, raw, read_end,
    set_option, socket,
};
use crate::place::{in_namespace, now_ns};

#[test]
fn a_listener_opens_and_closes() {
    in_namespace(|namespace| {
        let mut watch = Watch::open(namespace);
        drop(listener());
        watch.expect(&["server CLOSE => LISTEN => CLOSE (listener_closed)"]);
        assert!(watch.table.is_empty());
    });
}

#[test]
fn a_listener_that_cannot_have_its_port_is_announced_and_taken_back() {
    in_namespace(|namespace| {
        let mut watch = Watch::open(namespace);
        let [first, second] = [socket(), socket()];
        first.set_reuse_address(true).expect("SO_REUSEADDR");
        second.set_reuse_address(true).expect("SO_REUSEADDR");
        first.bind(&raw(ANY_PORT)).expect("binds");
        let same = first.local_addr().expect("is bound");
        second.bind(&same).expect("both may bind");
        first.listen(1).expect("listens");
        let refused = second.listen(1).expect_err("one listens already");
        assert_eq!(refused.raw_os_error(), Some(libc::EADDRINUSE));
        watch.expect(&[
            "server CLOSE => LISTEN",
            "server CLOSE => LISTEN => CLOSE (listener_closed)",
        ]);
        assert_eq!(watch.table.in_state(State::Listen), 1);
    });
}

#[test]
fn a_handshake_makes_both_ends_known() {
    in_namespace(|namespace| {
        let mut watch = Watch::open(namespace);
        let listener = listener();
        let (client, server) = pair(&listener);
        watch.expect(&[
            "server CLOSE => LISTEN",
            "client CLOSE => SYN_SENT -> ESTABLISHED",
            "server LISTEN -> SYN_RECV -> ESTABLISHED",
        ]);

        let listening = address(&listener).port();
        let row = watch.row(port(&client), "ESTABLISHED");
        assert_eq!(row.cookie, watch.cookie(&client));
        assert_eq!(row.netns, Some(namespace.0.inode));
        assert_eq!((row.family.as_str(), row.kind.as_str()), ("ipv4", "full"));
        assert_eq!(
            (row.local_address.as_str(), row.remote_address.as_str()),
            ("127.0.0.1", "127.0.0.1")
        );
        assert_eq!((row.remote_port, row.accepted), (listening, Some(true)));

        let row = watch.row(listening, "ESTABLISHED");
        assert_eq!(row.cookie, watch.cookie(&server));
        assert_eq!(row.remote_port, port(&client));
        // Nobody has been seen with it: it may still wait in the accept queue.
        assert_eq!((row.inode, row.accepted), (None, Some(false)));
        assert_eq!(
            watch.row(listening, "LISTEN").cookie,
            watch.cookie(&listener)
        );
    });
}

#[test]
fn a_connecting_socket_has_no_port_until_the_handshake() {
    in_namespace(|namespace| {
        let mut watch = Watch::open(namespace);
        let listener = listener();
        let (client, _server) = pair(&listener);
        watch.until("the handshake", |watch| {
            (!watch.of_port(port(&client)).is_empty()).then_some(())
        });
        let opening = watch
            .seen
            .iter()
            .find(|seen| seen.change.edge.kind == EdgeKind::ActiveOpen)
            .expect("connect() was seen");
        assert_eq!(opening.record.local_port, 0);
        assert_eq!(opening.record.remote_port, address(&listener).port());
        assert!(opening.record.has(flag::HAS_SOCKET | flag::TASK));
    });
}

#[test]
fn the_time_of_each_record_lies_within_the_call_that_caused_it() {
    in_namespace(|namespace| {
        let mut watch = Watch::open(namespace);
        let mut marks = vec![now_ns()];
        let listener = listener();
        marks.push(now_ns());
        let (client, mut server) = pair(&listener);
        marks.push(now_ns());
        half_close(&client);
        read_end(&mut server);
        marks.push(now_ns());
        drop(server);
        marks.push(now_ns());
        watch.until("the server's last FIN", |watch| {
            (watch.table.in_state(State::LastAck) + watch.table.in_state(State::CloseWait) == 0)
                .then_some(())
        });

        let calls = [
            (State::Close, State::Listen),
            (State::SynSent, State::Established),
            (State::Established, State::CloseWait),
            (State::CloseWait, State::LastAck),
        ];
        for (between, edge) in marks.windows(2).zip(calls) {
            let seen = watch
                .seen
                .iter()
                .find(|seen| (seen.change.edge.from, seen.change.edge.to) == edge)
                .unwrap_or_else(|| panic!("{edge:?} was not seen"));
            let time_ns = seen.record.time_ns;
            assert!(
                (between[0]..=between[1]).contains(&time_ns),
                "{edge:?} at {time_ns}, the call was {between:?}"
            );
            assert_eq!(seen.change.time_ns, time_ns);
            assert!(seen.row.age_seconds.abs() < f64::EPSILON);
        }

        let listening = watch.row(address(&listener).port(), "LISTEN");
        let oldest = (now_ns() - marks[0]) as f64 / 1e9;
        let youngest = (marks[4] - marks[1]) as f64 / 1e9;
        assert!((youngest..=oldest).contains(&listening.age_seconds));
        assert!(!listening.age_is_lower_bound);
    });
}

#[test]
fn a_socket_connected_to_itself_opens_and_closes_from_both_sides_at_once() {
    in_namespace(|namespace| {
        let mut watch = Watch::open(namespace);
        let itself = socket();
        itself.bind(&raw(ANY_PORT)).expect("binds");
        let address = itself.local_addr().expect("is bound");
        itself.connect(&address).expect("connects to itself");
        watch.expect(&["client CLOSE => SYN_SENT -> SYN_RECV -> ESTABLISHED"]);
        let port = address.as_socket().expect("IPv4").port();
        let row = watch.row(port, "ESTABLISHED");
        assert_eq!((row.local_port, row.remote_port), (port, port));
        drop(itself);
        watch.expect(&[
            "client CLOSE => SYN_SENT -> SYN_RECV -> ESTABLISHED => FIN_WAIT1 -> CLOSING -> CLOSE (time_wait)",
        ]);
        assert_eq!(watch.row(port, "TIME_WAIT").kind, "minisock");
    });
}

#[test]
fn a_fast_open_child_exists_before_its_client_is_established() {
    in_namespace(|namespace| {
        // Client and server, without the cookie exchange, for every listener.
        namespace.set("ipv4/tcp_fastopen", "1543");
        let mut watch = Watch::open(namespace);
        let listener = listener();
        let client = socket();
        let sent = client
            .send_to_with_flags(b"early", &raw(address(&listener)), libc::MSG_FASTOPEN)
            .expect("the SYN carries data");
        assert_eq!(sent, 5);
        watch.expect(&[
            "server CLOSE => LISTEN",
            "client CLOSE => SYN_SENT -> ESTABLISHED",
            "server LISTEN -> SYN_RECV -> ESTABLISHED",
        ]);
        let order: Vec<State> = watch.seen[2..].iter().map(|s| s.change.edge.to).collect();
        assert_eq!(
            order,
            [State::SynRecv, State::Established, State::Established],
            "the child is made by the SYN already"
        );
        assert!(!watch.seen[3].record.has(flag::TASK));
    });
}

#[test]
fn a_syn_cookie_leaves_no_trace_but_its_child() {
    in_namespace(|namespace| {
        namespace.set("ipv4/tcp_syncookies", "2");
        let mut watch = Watch::open(namespace);
        let listener = listener();
        let (_client, _server) = pair(&listener);
        watch.expect(&[
            "server CLOSE => LISTEN",
            "client CLOSE => SYN_SENT -> ESTABLISHED",
            "server LISTEN -> SYN_RECV -> ESTABLISHED",
        ]);
        assert_eq!(namespace.counters().syncookies_received, Some(1));
    });
}

#[test]
fn a_half_open_connection_is_silent_and_only_a_dump_shows_it() {
    in_namespace(|namespace| {
        let mut watch = Watch::open(namespace);
        let listener = listener();
        set_option(&listener, libc::IPPROTO_TCP, libc::TCP_DEFER_ACCEPT, 30);
        let client = TcpStream::connect(address(&listener)).expect("connects");
        watch.expect(&[
            "server CLOSE => LISTEN",
            "client CLOSE => SYN_SENT -> ESTABLISHED",
        ]);
        let half_open = StateSet::of(&[State::SynRecv]);
        let rows = namespace.dump(half_open);
        assert_eq!((rows.len(), rows[0].kind), (1, Kind::Request));

        watch.audit(StateSet::LIVE);
        assert_eq!(watch.table.in_state(State::SynRecv), 1);
        let request = watch.row(address(&listener).port(), "SYN_RECV");
        assert_eq!(request.kind, "request");
        assert_eq!(request.remote_port, port(&client));
        assert_eq!(watch.table.totals().drift, [0; 4]);

        // The first byte completes the handshake for the listener.
        assert_eq!(SockRef::from(&client).send(b"x").expect("sends"), 1);
        watch.expect(&[
            "server CLOSE => LISTEN",
            "client CLOSE => SYN_SENT -> ESTABLISHED",
            "server LISTEN -> SYN_RECV -> ESTABLISHED",
        ]);
        watch.audit(StateSet::LIVE);
        assert_eq!(watch.table.in_state(State::SynRecv), 0, "counted once");
        assert_eq!(watch.table.in_state(State::Established), 2);
        assert_eq!(watch.table.totals().drift, [0; 4]);
    });
}

#[test]
fn a_listener_shut_down_listens_again_as_the_same_socket() {
    in_namespace(|namespace| {
        let mut watch = Watch::open(namespace);
        let listener = listener();
        let socket = SockRef::from(&listener);
        socket
            .shutdown(std::net::Shutdown::Read)
            .expect("shuts down");
        watch.expect(&["server CLOSE => LISTEN => CLOSE (listener_closed)"]);
        assert!(watch.table.is_empty());
        socket.listen(1).expect("listens again");
        drop(listener);
        watch.expect(&["server CLOSE => LISTEN => CLOSE (listener_closed)"; 2]);
        let [first, second] = &watch.lives()[..] else {
            panic!("two lives");
        };
        assert_eq!(first.cookie, second.cookie);
    });
}

#[test]
fn a_disconnected_socket_lives_twice_under_one_cookie() {
    in_namespace(|namespace| {
        let mut watch = Watch::open(namespace);
        let [one, other] = [listener(), listener()];
        let (client, mut first) = pair(&one);
        let known = cookie(&client);
        disconnect(&client);
        first.set_nonblocking(false).expect("blocking");
        crate::net::read_reset(&mut first);
        SockRef::from(&client)
            .connect(&raw(address(&other)))
            .expect("connects again");
        let (_second, _) = other.accept().expect("accepts");
        assert_eq!(cookie(client.as_fd()), known);
        watch.expect(&[
            "server CLOSE => LISTEN",
            "server CLOSE => LISTEN",
            "client CLOSE => SYN_SENT -> ESTABLISHED -> CLOSE (disconnected)",
            "server LISTEN -> SYN_RECV -> ESTABLISHED -> CLOSE (reset)",
            "client CLOSE => SYN_SENT -> ESTABLISHED",
            "server LISTEN -> SYN_RECV -> ESTABLISHED",
        ]);
        let lives = watch.lives();
        assert_eq!((lives[2].cookie, lives[4].cookie), (known, known));
        let row = watch.row(port(&client), "ESTABLISHED");
        assert_eq!(row.remote_port, address(&other).port());
    });
}

#[test]
fn a_wildcard_listener_has_no_address_and_its_children_have() {
    in_namespace(|namespace| {
        let mut watch = Watch::open(namespace);
        let listener = TcpListener::bind((Ipv4Addr::UNSPECIFIED, 0)).expect("listens");
        let listening = address(&listener).port();
        let client = TcpStream::connect((Ipv4Addr::new(127, 0, 0, 7), listening));
        let client = client.expect("all of 127/8 is ours");
        watch.until("the child", |watch| {
            (watch.table.in_state(State::Established) == 2).then_some(())
        });
        assert_eq!(watch.row(listening, "LISTEN").local_address, "0.0.0.0");
        let child = watch.row(listening, "ESTABLISHED");
        assert_eq!(child.local_address, "127.0.0.7");
        let remote = client.local_addr().expect("is bound").ip();
        assert_eq!(remote, IpAddr::V4(Ipv4Addr::LOCALHOST));
        assert_eq!(child.remote_address, remote.to_string());
    });
}
