//! How connections fail, and how each failure is told from the others.

use std::io::Write as _;
use std::net::TcpStream;
use std::time::Duration;

use socket2::SockRef;
use tcpmon_common::State;

use crate::harness::Watch;
use crate::net::{
    ANY_PORT, abort, address, answer_unreachable, await_unread, begin_connect, disconnect,
    half_close, listener, narrow_listener, pair, port, raw, read_end, read_reset, sniffer, socket,
};
use crate::netlink;
use crate::place::{eventually, in_namespace};

const LISTENER: &str = "server CLOSE => LISTEN";
const CLIENT: &str = "client CLOSE => SYN_SENT -> ESTABLISHED";

#[test]
fn a_reset_while_established_names_only_the_one_who_sent_it() {
    in_namespace(|namespace| {
        let mut watch = Watch::open(namespace);
        let listener = listener();
        let (client, mut server) = pair(&listener);
        abort(client);
        read_reset(&mut server);
        watch.expect(&[
            LISTENER,
            "client CLOSE => SYN_SENT -> ESTABLISHED => CLOSE (aborted_by_owner)",
            "server LISTEN -> SYN_RECV -> ESTABLISHED -> CLOSE (reset)",
        ]);
        let reset = watch.seen.iter().find(|seen| seen.record.error != 0);
        let error = reset.map(|seen| i32::from(seen.record.error));
        assert_eq!(error, Some(libc::ECONNRESET));
    });
}

#[test]
fn a_reset_in_close_wait_and_an_abort_in_fin_wait2_leave_no_minisock() {
    in_namespace(|namespace| {
        let mut watch = Watch::open(namespace);
        let listener = listener();
        let (client, mut server) = pair(&listener);
        half_close(&client);
        read_end(&mut server);
        watch.until("FIN_WAIT2", |watch| {
            (watch.table.in_state(State::FinWait2) == 1).then_some(())
        });
        abort(client);
        watch.expect(&[
            LISTENER,
            "client CLOSE => SYN_SENT -> ESTABLISHED => FIN_WAIT1 -> FIN_WAIT2 -> CLOSE (aborted_by_owner)",
            "server LISTEN -> SYN_RECV -> ESTABLISHED -> CLOSE_WAIT -> CLOSE (reset)",
        ]);
        let reset = watch.seen.iter().find(|seen| seen.record.error != 0);
        let error = reset.map(|seen| i32::from(seen.record.error));
        assert_eq!(error, Some(libc::EPIPE), "a reset after the FIN");
        assert_eq!(watch.rows().len(), 1, "only the listener is left");
    });
}

#[test]
fn disconnecting_a_half_closed_socket_leaves_no_minisock() {
    in_namespace(|namespace| {
        let mut watch = Watch::open(namespace);
        let listener = listener();
        let (client, mut server) = pair(&listener);
        half_close(&client);
        read_end(&mut server);
        watch.until("FIN_WAIT2", |watch| {
            (watch.table.in_state(State::FinWait2) == 1).then_some(())
        });
        disconnect(&client);
        watch.expect(&[
            LISTENER,
            "client CLOSE => SYN_SENT -> ESTABLISHED => FIN_WAIT1 -> FIN_WAIT2 -> CLOSE (disconnected)",
            "server LISTEN -> SYN_RECV -> ESTABLISHED -> CLOSE_WAIT -> CLOSE (reset)",
        ]);
    });
}

#[test]
fn a_reset_in_fin_wait2_is_the_peers() {
    in_namespace(|namespace| {
        let mut watch = Watch::open(namespace);
        let listener = listener();
        let (mut client, mut server) = pair(&listener);
        half_close(&client);
        read_end(&mut server);
        watch.until("FIN_WAIT2", |watch| {
            (watch.table.in_state(State::FinWait2) == 1).then_some(())
        });
        abort(server);
        read_reset(&mut client);
        watch.expect(&[
            LISTENER,
            "client CLOSE => SYN_SENT -> ESTABLISHED => FIN_WAIT1 -> FIN_WAIT2 -> CLOSE (reset)",
            "server LISTEN -> SYN_RECV -> ESTABLISHED -> CLOSE_WAIT => CLOSE (aborted_by_owner)",
        ]);
    });
}

#[test]
fn a_closed_port_refuses() {
    in_namespace(|namespace| {
        let mut watch = Watch::open(namespace);
        let closed = address(&listener());
        let error = TcpStream::connect(closed).expect_err("nobody listens");
        assert_eq!(error.raw_os_error(), Some(libc::ECONNREFUSED));
        watch.expect(&[
            "server CLOSE => LISTEN => CLOSE (listener_closed)",
            "client CLOSE => SYN_SENT -> CLOSE (refused)",
        ]);
    });
}

#[test]
fn a_handshake_given_up_is_the_owners_abort() {
    in_namespace(|namespace| {
        let mut watch = Watch::open(namespace);
        let full = narrow_listener();
        let _queued = TcpStream::connect(address(&full)).expect("the queue takes one");
        let waiting = socket();
        begin_connect(&waiting, address(&full));
        watch.until("SYN_SENT", |watch| {
            (watch.table.in_state(State::SynSent) == 1).then_some(())
        });
        drop(waiting);
        watch.expect(&[
            LISTENER,
            CLIENT,
            "server LISTEN -> SYN_RECV -> ESTABLISHED",
            "client CLOSE => SYN_SENT => CLOSE (aborted_by_owner)",
        ]);
    });
}

#[test]
fn silence_times_out_a_handshake_and_a_connection() {
    in_namespace(|namespace| {
        let mut watch = Watch::open(namespace);
        let listener = listener();
        let (mut client, server) = pair(&listener);
        let (opening, soon) = (socket(), Duration::from_millis(1));
        let sockets = [SockRef::from(&client), SockRef::from(&opening)];
        for socket in sockets {
            socket
                .set_tcp_user_timeout(Some(soon))
                .expect("TCP_USER_TIMEOUT");
        }
        let full = narrow_listener();
        let _queued = TcpStream::connect(address(&full)).expect("the queue takes one");
        begin_connect(&opening, address(&full));
        netlink::set_loopback(false);
        client.write_all(b"into the void").expect("is queued");
        watch.expect(&[
            LISTENER,
            "client CLOSE => SYN_SENT -> ESTABLISHED -> CLOSE (timed_out)",
            "server LISTEN -> SYN_RECV -> ESTABLISHED",
            LISTENER,
            CLIENT,
            "server LISTEN -> SYN_RECV -> ESTABLISHED",
            "client CLOSE => SYN_SENT -> CLOSE (timed_out)",
        ]);
        drop(server);
    });
}

#[test]
fn a_host_that_cannot_be_reached_is_told_from_one_that_is_silent() {
    in_namespace(|namespace| {
        let mut watch = Watch::open(namespace);
        let full = narrow_listener();
        let _queued = TcpStream::connect(address(&full)).expect("the queue takes one");
        let (sniffer, waiting) = (sniffer(), socket());
        begin_connect(&waiting, address(&full));
        answer_unreachable(&sniffer, &waiting);
        watch.expect(&[
            LISTENER,
            CLIENT,
            "server LISTEN -> SYN_RECV -> ESTABLISHED",
            "client CLOSE => SYN_SENT -> CLOSE (unreachable)",
        ]);
    });
}

#[test]
fn no_free_port_is_told_per_destination() {
    in_namespace(|namespace| {
        let mut watch = Watch::open(namespace);
        let [busy, other] = [listener(), listener()];
        namespace.set("ipv4/ip_local_port_range", "20000 20003");
        let held: Vec<TcpStream> = (0..4)
            .map(|_| TcpStream::connect(address(&busy)).expect("a port is left"))
            .collect();
        for _ in 0..2 {
            let error = TcpStream::connect(address(&busy)).expect_err("none is left");
            assert_eq!(error.raw_os_error(), Some(libc::EADDRNOTAVAIL));
        }
        let free = TcpStream::connect(address(&other)).expect("ports are per destination");
        watch.until("the last connection", |watch| {
            (watch.table.in_state(State::Established) == 10).then_some(())
        });
        let failed: Vec<_> = watch
            .seen
            .iter()
            .filter(|seen| seen.change.ending.is_some())
            .map(|seen| {
                let name = seen.change.ending.map(|ending| ending.name());
                (name, seen.row.remote_port, seen.row.pid)
            })
            .collect();
        let this = Some(std::process::id());
        assert_eq!(failed, [(Some("no_port"), address(&busy).port(), this); 2]);
        drop((held, free));
    });
}

#[test]
fn a_tuple_in_use_is_not_taken_for_a_lack_of_ports() {
    in_namespace(|namespace| {
        let mut watch = Watch::open(namespace);
        let listener = listener();
        let [first, second] = [socket(), socket()];
        for socket in [&first, &second] {
            socket.set_reuse_address(true).expect("SO_REUSEADDR");
        }
        first.bind(&raw(ANY_PORT)).expect("binds");
        let same = first.local_addr().expect("is bound");
        second.bind(&same).expect("both may bind");
        first.connect(&raw(address(&listener))).expect("connects");
        let error = second.connect(&raw(address(&listener)));
        let errno = error.expect_err("the tuple is taken").raw_os_error();
        assert_eq!(errno, Some(libc::EADDRNOTAVAIL));
        watch.expect(&[
            LISTENER,
            CLIENT,
            "server LISTEN -> SYN_RECV -> ESTABLISHED",
            "client CLOSE => SYN_SENT -> CLOSE (address_in_use)",
        ]);
    });
}

#[test]
fn a_listener_that_closes_drops_what_nobody_accepted() {
    in_namespace(|namespace| {
        let mut watch = Watch::open(namespace);
        let listener = listener();
        let [mut open, mut half_closed] =
            [(); 2].map(|()| TcpStream::connect(address(&listener)).expect("connects"));
        half_close(&half_closed);
        watch.until("FIN_WAIT2", |watch| {
            (watch.table.in_state(State::FinWait2) == 1).then_some(())
        });
        drop(listener);
        read_reset(&mut open);
        read_reset(&mut half_closed);
        watch.expect(&[
            "server CLOSE => LISTEN => CLOSE (listener_closed)",
            "client CLOSE => SYN_SENT -> ESTABLISHED -> CLOSE (reset)",
            "server LISTEN -> SYN_RECV -> ESTABLISHED -> CLOSE (dropped_by_listener)",
            "client CLOSE => SYN_SENT -> ESTABLISHED => FIN_WAIT1 -> FIN_WAIT2 -> CLOSE (reset)",
            "server LISTEN -> SYN_RECV -> ESTABLISHED -> CLOSE_WAIT -> CLOSE (dropped_by_listener)",
        ]);
        assert!(watch.table.is_empty());
    });
}

#[test]
fn a_reset_before_accept_ends_the_connection_in_the_queue() {
    in_namespace(|namespace| {
        let mut watch = Watch::open(namespace);
        let listener = listener();
        abort(TcpStream::connect(address(&listener)).expect("connects"));
        watch.expect(&[
            LISTENER,
            "client CLOSE => SYN_SENT -> ESTABLISHED => CLOSE (aborted_by_owner)",
            "server LISTEN -> SYN_RECV -> ESTABLISHED -> CLOSE (reset)",
        ]);
        let before = watch.seen.len();
        let (mut dead, _) = listener
            .accept()
            .expect("the kernel hands it out all the same");
        read_reset(&mut dead);
        drop(dead);
        watch.drain();
        assert_eq!(watch.seen.len(), before);
    });
}

#[test]
fn a_full_accept_queue_is_silent_on_the_stream() {
    in_namespace(|namespace| {
        let mut watch = Watch::open(namespace);
        let full = narrow_listener();
        let (queued, waiting) = (TcpStream::connect(address(&full)), socket());
        begin_connect(&waiting, address(&full));
        eventually("an overflow", || {
            (namespace.counters().listen_overflows? > 0).then_some(())
        });
        let expected = [
            LISTENER,
            CLIENT,
            "server LISTEN -> SYN_RECV -> ESTABLISHED",
            "client CLOSE => SYN_SENT",
        ];
        watch.expect(&expected);
        assert_eq!(watch.row(0, "SYN_SENT").remote_port, address(&full).port());
        drop((waiting, queued));
    });
}

#[test]
fn a_connection_destroyed_by_an_operator_is_killed() {
    in_namespace(|namespace| {
        let mut watch = Watch::open(namespace);
        let listener = listener();
        let (client, mut server) = pair(&listener);
        let local = client.local_addr().expect("is bound");
        if !netlink::destroy(local, address(&listener)) {
            eprintln!("skipped, because this kernel cannot destroy sockets");
            return;
        }
        read_reset(&mut server);
        watch.expect(&[
            LISTENER,
            "client CLOSE => SYN_SENT -> ESTABLISHED -> CLOSE (killed)",
            "server LISTEN -> SYN_RECV -> ESTABLISHED -> CLOSE (reset)",
        ]);
        assert_ne!(port(&server), port(&client));
    });
}

#[test]
fn the_owner_who_aborts_is_named_whatever_was_read() {
    in_namespace(|namespace| {
        let mut watch = Watch::open(namespace);
        let listener = listener();
        let (mut client, server) = pair(&listener);
        client.write_all(b"x").expect("sends");
        await_unread(&server);
        abort(server);
        read_reset(&mut client);
        watch.expect(&[
            LISTENER,
            "client CLOSE => SYN_SENT -> ESTABLISHED -> CLOSE (reset)",
            "server LISTEN -> SYN_RECV -> ESTABLISHED => CLOSE (aborted_by_owner)",
        ]);
    });
}
