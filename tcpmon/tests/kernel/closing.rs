//! How connections end in order, and how they do not.

use std::io::Write as _;

use tcpmon_common::State;
use tcpmon_common::record::flag;

use crate::harness::Watch;
use crate::net::{
    ANY_PORT, await_unread, half_close, listener, pair, port, raw, read_end, read_reset, socket,
};
use crate::place::in_namespace;

const LISTENER: &str = "server CLOSE => LISTEN";

#[test]
fn the_client_closes_first() {
    in_namespace(|namespace| {
        let mut watch = Watch::open(namespace);
        let listener = listener();
        let (client, server) = pair(&listener);
        drop(client);
        watch.expect(&[
            LISTENER,
            "client CLOSE => SYN_SENT -> ESTABLISHED => FIN_WAIT1 -> FIN_WAIT2 -> CLOSE (orphan_fin_wait2)",
            "server LISTEN -> SYN_RECV -> ESTABLISHED -> CLOSE_WAIT",
        ]);
        drop(server);
        drop(listener);
        watch.expect(&[
            "server CLOSE => LISTEN => CLOSE (listener_closed)",
            "client CLOSE => SYN_SENT -> ESTABLISHED => FIN_WAIT1 -> FIN_WAIT2 -> CLOSE (orphan_fin_wait2)",
            "server LISTEN -> SYN_RECV -> ESTABLISHED -> CLOSE_WAIT => LAST_ACK -> CLOSE (orderly)",
        ]);
    });
}

#[test]
fn the_server_closes_first() {
    in_namespace(|namespace| {
        let mut watch = Watch::open(namespace);
        let listener = listener();
        let (client, server) = pair(&listener);
        drop(server);
        watch.expect(&[
            LISTENER,
            "client CLOSE => SYN_SENT -> ESTABLISHED -> CLOSE_WAIT",
            "server LISTEN -> SYN_RECV -> ESTABLISHED => FIN_WAIT1 -> FIN_WAIT2 -> CLOSE (orphan_fin_wait2)",
        ]);
        drop(client);
        watch.expect(&[
            LISTENER,
            "client CLOSE => SYN_SENT -> ESTABLISHED -> CLOSE_WAIT => LAST_ACK -> CLOSE (orderly)",
            "server LISTEN -> SYN_RECV -> ESTABLISHED => FIN_WAIT1 -> FIN_WAIT2 -> CLOSE (orphan_fin_wait2)",
        ]);
    });
}

#[test]
fn a_half_closed_socket_stays_with_its_process_until_the_peer_closes() {
    in_namespace(|namespace| {
        let mut watch = Watch::open(namespace);
        let listener = listener();
        let (client, mut server) = pair(&listener);
        half_close(&client);
        read_end(&mut server);
        watch.expect(&[
            LISTENER,
            "client CLOSE => SYN_SENT -> ESTABLISHED => FIN_WAIT1 -> FIN_WAIT2",
            "server LISTEN -> SYN_RECV -> ESTABLISHED -> CLOSE_WAIT",
        ]);
        let held = watch.row(port(&client), "FIN_WAIT2");
        assert_eq!(
            (held.kind.as_str(), held.pid),
            ("full", Some(std::process::id()))
        );

        drop(server);
        watch.expect(&[
            LISTENER,
            "client CLOSE => SYN_SENT -> ESTABLISHED => FIN_WAIT1 -> FIN_WAIT2 -> CLOSE (time_wait)",
            "server LISTEN -> SYN_RECV -> ESTABLISHED -> CLOSE_WAIT => LAST_ACK -> CLOSE (orderly)",
        ]);
        let ports = watch.of_port(port(&client));
        let last = ports.last().expect("it closed").record;
        assert!(last.has(flag::FIN_SEEN | flag::HAS_SOCKET) && !last.has(flag::ORPHAN));
        assert_eq!(watch.row(port(&client), "TIME_WAIT").kind, "minisock");
    });
}

#[test]
fn closing_a_half_closed_socket_leaves_a_minisock_in_fin_wait2() {
    in_namespace(|namespace| {
        let mut watch = Watch::open(namespace);
        let listener = listener();
        let (client, mut server) = pair(&listener);
        let local = port(&client);
        half_close(&client);
        read_end(&mut server);
        watch.until("FIN_WAIT2", |watch| {
            (watch.table.in_state(State::FinWait2) == 1).then_some(())
        });
        let entered = watch
            .of_port(local)
            .last()
            .expect("a record")
            .record
            .time_ns;
        drop(client);
        watch.expect(&[
            LISTENER,
            "client CLOSE => SYN_SENT -> ESTABLISHED => \
             FIN_WAIT1 -> FIN_WAIT2 -> FIN_WAIT2 -> CLOSE (orphan_fin_wait2)",
            "server LISTEN -> SYN_RECV -> ESTABLISHED -> CLOSE_WAIT",
        ]);
        let row = watch.row(local, "FIN_WAIT2");
        assert_eq!((row.kind.as_str(), row.inode), ("minisock", None));
        let oldest = watch.table.oldest(State::FinWait2).expect("one");
        assert_eq!(oldest.entered_ns, entered, "its age goes on");
        assert_eq!(watch.table.totals().self_loops, 1);
    });
}

#[test]
fn both_sides_half_close_and_hold() {
    in_namespace(|namespace| {
        let mut watch = Watch::open(namespace);
        let listener = listener();
        let (mut client, mut server) = pair(&listener);
        half_close(&client);
        read_end(&mut server);
        half_close(&server);
        read_end(&mut client);
        watch.expect(&[
            LISTENER,
            "client CLOSE => SYN_SENT -> ESTABLISHED => FIN_WAIT1 -> FIN_WAIT2 -> CLOSE (time_wait)",
            "server LISTEN -> SYN_RECV -> ESTABLISHED -> CLOSE_WAIT => LAST_ACK -> CLOSE (orderly)",
        ]);
        let before = watch.seen.len();
        drop((client, server));
        watch.drain();
        assert_eq!(
            watch.seen.len(),
            before,
            "close() of a closed socket is silent"
        );
    });
}

#[test]
fn a_simultaneous_close_of_a_held_socket_is_time_wait() {
    in_namespace(|namespace| {
        let mut watch = Watch::open(namespace);
        let itself = socket();
        itself.bind(&raw(ANY_PORT)).expect("binds");
        let address = itself.local_addr().expect("is bound");
        itself.connect(&address).expect("connects to itself");
        itself
            .shutdown(std::net::Shutdown::Write)
            .expect("shuts down");
        watch.expect(&[
            "client CLOSE => SYN_SENT -> SYN_RECV -> ESTABLISHED => FIN_WAIT1 -> CLOSING -> CLOSE (time_wait)",
        ]);
        let last = watch.seen.last().expect("it closed").record;
        assert!(last.has(flag::FIN_SEEN | flag::HAS_SOCKET) && !last.has(flag::ORPHAN));
    });
}

#[test]
fn closing_with_unread_data_after_the_peers_fin_is_an_abort() {
    in_namespace(|namespace| {
        let mut watch = Watch::open(namespace);
        let listener = listener();
        let (mut client, server) = pair(&listener);
        client.write_all(b"x").expect("sends");
        await_unread(&server);
        half_close(&client);
        watch.until("CLOSE_WAIT and FIN_WAIT2", |watch| {
            let waiting = [State::CloseWait, State::FinWait2];
            (waiting.map(|state| watch.table.in_state(state)) == [1, 1]).then_some(())
        });
        drop(server);
        read_reset(&mut client);
        watch.expect(&[
            LISTENER,
            "client CLOSE => SYN_SENT -> ESTABLISHED => FIN_WAIT1 -> FIN_WAIT2 -> CLOSE (reset)",
            "server LISTEN -> SYN_RECV -> ESTABLISHED -> CLOSE_WAIT => CLOSE (aborted_by_owner)",
        ]);
        assert_eq!(watch.table.in_state(State::FinWait2), 0);
    });
}

#[test]
fn closing_with_unread_data_while_established_is_an_abort() {
    in_namespace(|namespace| {
        let mut watch = Watch::open(namespace);
        let listener = listener();
        let (mut client, server) = pair(&listener);
        client.write_all(b"x").expect("sends");
        await_unread(&server);
        drop(server);
        read_reset(&mut client);
        watch.expect(&[
            LISTENER,
            "client CLOSE => SYN_SENT -> ESTABLISHED -> CLOSE (reset)",
            "server LISTEN -> SYN_RECV -> ESTABLISHED => CLOSE (aborted_by_owner)",
        ]);
    });
}
