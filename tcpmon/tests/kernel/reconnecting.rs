//! Sockets that connect more than once, and what is left of their last connection.

use std::net::TcpStream;

use socket2::Socket;

use crate::harness::Watch;
use crate::net::{address, disconnect, listener, raw, socket};
use crate::peer::with_peer;
use crate::place::in_namespace;
use crate::segment::{ACK, FIN, SYN};

const LISTENER: &str = "server CLOSE => LISTEN";

/// `client` fails to connect because four connections have all four ports.
fn expect_no_port(watch: &mut Watch, client: &Socket, stale: i32) {
    let busy = listener();
    watch
        .namespace
        .set("ipv4/ip_local_port_range", "20000 20003");
    let held = [(); 4].map(|()| TcpStream::connect(address(&busy)).expect("a port is left"));
    let error = client
        .connect(&raw(address(&busy)))
        .expect_err("none is left");
    assert_eq!(error.raw_os_error(), Some(libc::EADDRNOTAVAIL));
    let last = watch.until("the failure", |watch| {
        let last = watch.lines().pop()?;
        last.contains("SYN_SENT -> CLOSE").then_some(last)
    });
    assert_eq!(last, "client CLOSE => SYN_SENT -> CLOSE (no_port)");
    let seen = watch.seen.last().expect("it was seen");
    assert_eq!(i32::from(seen.record.error), stale);
    assert_eq!((seen.record.local_port, seen.row.local_port), (0, 0));
    assert_eq!(seen.row.remote_port, address(&busy).port());
    assert_eq!(seen.row.pid, Some(std::process::id()));
    drop(held);
}

#[test]
fn a_disconnected_socket_that_finds_no_port_is_told_so_despite_its_old_error() {
    in_namespace(|namespace| {
        let mut watch = Watch::open(namespace);
        let (listener, client) = (listener(), socket());
        client.connect(&raw(address(&listener))).expect("connects");
        disconnect(&client);
        watch.expect(&[
            LISTENER,
            "client CLOSE => SYN_SENT -> ESTABLISHED -> CLOSE (disconnected)",
            "server LISTEN -> SYN_RECV -> ESTABLISHED -> CLOSE (reset)",
        ]);
        expect_no_port(&mut watch, &client, libc::ECONNRESET);
    });
}

#[test]
fn a_refused_socket_that_finds_no_port_is_told_so_despite_its_old_port() {
    in_namespace(|namespace| {
        let mut watch = Watch::open(namespace);
        let (closed, client) = (address(&listener()), socket());
        client.connect(&raw(closed)).expect_err("nobody listens");
        watch.expect(&[
            "server CLOSE => LISTEN => CLOSE (listener_closed)",
            "client CLOSE => SYN_SENT -> CLOSE (refused)",
        ]);
        expect_no_port(&mut watch, &client, 0);
    });
}

#[test]
fn a_connect_given_up_by_disconnecting_is_not_taken_for_a_lack_of_ports() {
    with_peer(|_, mut watch, peer| {
        let client = socket();
        let life = "client CLOSE => SYN_SENT -> CLOSE (disconnected)";
        for lives in [&[life][..], &[life; 2]] {
            let link = peer.called_by(&client);
            disconnect(&client);
            watch.expect(lives);
            let last = watch.seen.last().expect("it was seen");
            assert_eq!(last.record.local_port, link.kernel_port);
            watch.assert_exact();
        }
    });
}

#[test]
fn an_old_error_nobody_asked_for_is_not_how_the_next_connection_ends() {
    with_peer(|_, mut watch, peer| {
        let (stream, _) = peer.connected();
        disconnect(&stream);
        let client: Socket = stream.into();
        let mut link = peer.called_by(&client);
        link.send(SYN | ACK);
        link.take(ACK);
        link.closed(client.into());
        link.send(FIN | ACK);
        watch.expect(&[
            "client CLOSE => SYN_SENT -> ESTABLISHED -> CLOSE (disconnected)",
            "client CLOSE => SYN_SENT -> ESTABLISHED => FIN_WAIT1 -> FIN_WAIT2 -> CLOSE (time_wait)",
        ]);
        watch.assert_exact();
    });
}
