//! Closing, with the peer's FIN and ACK in every order.

use std::io::Write as _;
use std::net::Shutdown;

use tcpmon_common::State;

use crate::harness::Watch;
use crate::peer::{Link, open_listener, with_peer};
use crate::segment::{ACK, FIN, PSH};

const OPEN: &str = "client CLOSE => SYN_SENT -> ESTABLISHED";
const CHILD: &str = "server LISTEN -> SYN_RECV -> ESTABLISHED";

/// Its only life so far is `start`, then `rest`; the table is what the kernel has.
#[track_caller]
fn expect(watch: &mut Watch, rest: &str) {
    watch.expect(&[&format!("{OPEN}{rest}")]);
    watch.assert_exact();
}

/// As [`expect`], and a row of this state and kind is what is left.
#[track_caller]
fn expect_left(watch: &mut Watch, link: &Link<'_>, rest: &str, state: &str, kind: &str) {
    expect(watch, rest);
    let row = watch.row(link.kernel_port, state);
    assert_eq!((row.kind.as_str(), row.remote_port), (kind, link.peer_port));
}

#[test]
fn an_ack_then_a_fin_are_a_minisock_that_moves_in_silence() {
    with_peer(|_, mut watch, peer| {
        let (stream, mut link) = peer.connected();
        link.closed(stream);
        expect(&mut watch, " => FIN_WAIT1");
        assert_eq!(
            watch.row(link.kernel_port, "FIN_WAIT1").pid,
            Some(std::process::id()),
            "who closed it"
        );
        link.send(ACK);
        let life = " => FIN_WAIT1 -> FIN_WAIT2 -> CLOSE (orphan_fin_wait2)";
        expect_left(&mut watch, &link, life, "FIN_WAIT2", "minisock");

        link.send(FIN | ACK);
        link.see(ACK);
        assert_eq!(watch.table.in_state(State::FinWait2), 1, "not announced");
        watch.assert_agrees_after_audit();
        expect_left(&mut watch, &link, life, "TIME_WAIT", "minisock");
        assert_eq!(watch.silent(State::FinWait2, State::TimeWait), 1);
    });
}

#[test]
fn an_ack_and_a_fin_in_one_segment_are_time_wait() {
    with_peer(|_, mut watch, peer| {
        let (stream, mut link) = peer.connected();
        link.closed(stream);
        link.send(FIN | ACK);
        let life = " => FIN_WAIT1 -> FIN_WAIT2 -> CLOSE (time_wait)";
        expect_left(&mut watch, &link, life, "TIME_WAIT", "minisock");
        assert_eq!(watch.silent(State::FinWait2, State::TimeWait), 1);
        assert_eq!(
            watch.row(link.kernel_port, "TIME_WAIT").pid,
            Some(std::process::id())
        );
    });
}

#[test]
fn a_server_that_closes_first_waits_too() {
    with_peer(|_, mut watch, peer| {
        let listener = open_listener();
        let (stream, mut link) = peer.accepted(&listener);
        link.closed(stream);
        link.send(FIN | ACK);
        watch.expect(&[
            "server CLOSE => LISTEN",
            &format!("{CHILD} => FIN_WAIT1 -> FIN_WAIT2 -> CLOSE (time_wait)"),
        ]);
        watch.assert_exact();
    });
}

#[test]
fn the_peer_closes_first_and_last_ack_lasts_until_its_ack() {
    with_peer(|_, mut watch, peer| {
        let (stream, mut link) = peer.connected();
        link.send(FIN | ACK);
        let state = ("CLOSE_WAIT", "full");
        expect_left(&mut watch, &link, " -> CLOSE_WAIT", state.0, state.1);
        link.closed(stream);
        let life = " -> CLOSE_WAIT => LAST_ACK";
        expect_left(&mut watch, &link, life, "LAST_ACK", "full");
        link.send(ACK);
        expect(&mut watch, " -> CLOSE_WAIT => LAST_ACK -> CLOSE (orderly)");
        assert!(watch.table.is_empty());
    });
}

#[test]
fn crossing_fins_of_an_orphan_are_closing_then_time_wait() {
    with_peer(|_, mut watch, peer| {
        let (stream, mut link) = peer.connected();
        link.closed(stream);
        link.send_crossing_fin();
        let life = " => FIN_WAIT1 -> CLOSING";
        expect_left(&mut watch, &link, life, "CLOSING", "full");
        link.send(ACK);
        let life = " => FIN_WAIT1 -> CLOSING -> CLOSE (time_wait)";
        expect_left(&mut watch, &link, life, "TIME_WAIT", "minisock");
        assert_eq!(watch.silent(State::Closing, State::TimeWait), 1);
    });
}

#[test]
fn crossing_fins_of_a_held_socket_are_closing_then_time_wait() {
    with_peer(|_, mut watch, peer| {
        let (stream, mut link) = peer.connected();
        link.half_closed(&stream);
        link.send_crossing_fin();
        let life = " => FIN_WAIT1 -> CLOSING";
        expect_left(&mut watch, &link, life, "CLOSING", "full");
        link.send(ACK);
        let life = " => FIN_WAIT1 -> CLOSING -> CLOSE (time_wait)";
        expect_left(&mut watch, &link, life, "TIME_WAIT", "minisock");
        drop(stream);
        expect_left(&mut watch, &link, life, "TIME_WAIT", "minisock");
    });
}

#[test]
fn a_socket_closed_in_closing_still_ends_in_time_wait() {
    with_peer(|_, mut watch, peer| {
        let (stream, mut link) = peer.connected();
        link.half_closed(&stream);
        link.send_crossing_fin();
        drop(stream);
        expect(&mut watch, " => FIN_WAIT1 -> CLOSING -> CLOSING");
        link.send(ACK);
        let life = " => FIN_WAIT1 -> CLOSING -> CLOSING -> CLOSE (time_wait)";
        expect_left(&mut watch, &link, life, "TIME_WAIT", "minisock");
    });
}

#[test]
fn a_half_closed_socket_waits_in_fin_wait2_with_its_process() {
    with_peer(|_, mut watch, peer| {
        let (stream, mut link) = peer.connected();
        link.half_closed(&stream);
        link.send(ACK);
        let life = " => FIN_WAIT1 -> FIN_WAIT2";
        expect_left(&mut watch, &link, life, "FIN_WAIT2", "full");
        // It still receives.
        link.send_data(ACK | PSH, b"more");
        link.take(ACK);
        expect_left(&mut watch, &link, life, "FIN_WAIT2", "full");
        link.send(FIN | ACK);
        let life = " => FIN_WAIT1 -> FIN_WAIT2 -> CLOSE (time_wait)";
        expect_left(&mut watch, &link, life, "TIME_WAIT", "minisock");
        drop(stream);
        expect_left(&mut watch, &link, life, "TIME_WAIT", "minisock");
    });
}

#[test]
fn a_half_closed_socket_that_is_closed_becomes_a_minisock_at_once() {
    with_peer(|_, mut watch, peer| {
        let (stream, mut link) = peer.connected();
        link.half_closed(&stream);
        link.send(ACK);
        drop(stream);
        let life = " => FIN_WAIT1 -> FIN_WAIT2 -> FIN_WAIT2 -> CLOSE (orphan_fin_wait2)";
        expect_left(&mut watch, &link, life, "FIN_WAIT2", "minisock");
        link.send(FIN | ACK);
        link.see(ACK);
        watch.assert_agrees_after_audit();
        expect_left(&mut watch, &link, life, "TIME_WAIT", "minisock");
    });
}

#[test]
fn a_half_closed_socket_that_is_closed_in_fin_wait1_goes_on_as_an_orphan() {
    with_peer(|_, mut watch, peer| {
        let (stream, mut link) = peer.connected();
        link.half_closed(&stream);
        drop(stream);
        expect(&mut watch, " => FIN_WAIT1 -> FIN_WAIT1");
        link.send(ACK);
        let life = " => FIN_WAIT1 -> FIN_WAIT1 -> FIN_WAIT2 -> CLOSE (orphan_fin_wait2)";
        expect_left(&mut watch, &link, life, "FIN_WAIT2", "minisock");
    });
}

#[test]
fn a_socket_shut_both_ways_is_held_like_a_half_closed_one() {
    with_peer(|_, mut watch, peer| {
        let (stream, mut link) = peer.connected();
        // Not to read any more is nobody's business but its own.
        stream.shutdown(Shutdown::Read).expect("shuts down");
        expect(&mut watch, "");
        stream.shutdown(Shutdown::Both).expect("shuts down");
        link.take(FIN);
        link.send(ACK);
        let life = " => FIN_WAIT1 -> FIN_WAIT2";
        expect_left(&mut watch, &link, life, "FIN_WAIT2", "full");
        link.send(FIN | ACK);
        let life = " => FIN_WAIT1 -> FIN_WAIT2 -> CLOSE (time_wait)";
        expect_left(&mut watch, &link, life, "TIME_WAIT", "minisock");
        drop(stream);
    });
}

#[test]
fn a_fin_ahead_of_its_data_counts_when_the_data_has_come() {
    with_peer(|_, mut watch, peer| {
        let (stream, mut link) = peer.connected();
        link.send_ahead(4, FIN | ACK, b"");
        link.take(ACK);
        expect(&mut watch, "");
        link.send_data(ACK | PSH, b"late");
        expect_left(&mut watch, &link, " -> CLOSE_WAIT", "CLOSE_WAIT", "full");
        drop(stream);
    });
}

#[test]
fn a_peer_without_a_window_holds_up_the_fin() {
    with_peer(|_, mut watch, peer| {
        let (mut stream, mut link) = peer.connected();
        link.window = 0;
        link.send(ACK);
        stream.write_all(b"data").expect("is queued");
        expect(&mut watch, "");
        drop(stream);
        // FIN_WAIT1, although the FIN has not been sent.
        expect_left(&mut watch, &link, " => FIN_WAIT1", "FIN_WAIT1", "full");
        link.window = 65000;
        link.send(ACK);
        link.take(FIN);
        link.send(FIN | ACK);
        let life = " => FIN_WAIT1 -> FIN_WAIT2 -> CLOSE (time_wait)";
        expect_left(&mut watch, &link, life, "TIME_WAIT", "minisock");
    });
}
