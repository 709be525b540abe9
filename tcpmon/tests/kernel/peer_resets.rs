//! Resets in every state, by the peer and by the owner.

use std::net::TcpStream;

use tcpmon_common::State;

use crate::harness::Watch;
use crate::net::{abort, await_unread, disconnect, set_option};
use crate::peer::{Link, Peer, open_listener, with_peer};
use crate::segment::{ACK, FIN, PSH, RST, SYN};

const OPEN: &str = "client CLOSE => SYN_SENT -> ESTABLISHED";

/// Brings a connection into a state; the stream is there as long as the process holds the socket.
type Reach = for<'p> fn(&'p Peer) -> (Option<TcpStream>, Link<'p>);

fn syn_sent(peer: &Peer) -> (Option<TcpStream>, Link<'_>) {
    let (socket, link) = peer.called();
    (Some(socket.into()), link)
}

fn syn_recv(peer: &Peer) -> (Option<TcpStream>, Link<'_>) {
    let (socket, mut link) = peer.called();
    link.send(SYN);
    link.take(SYN);
    (Some(socket.into()), link)
}

fn established(peer: &Peer) -> (Option<TcpStream>, Link<'_>) {
    let (stream, link) = peer.connected();
    (Some(stream), link)
}

fn close_wait(peer: &Peer) -> (Option<TcpStream>, Link<'_>) {
    let (stream, mut link) = peer.connected();
    link.send(FIN | ACK);
    link.take(ACK);
    (Some(stream), link)
}

fn fin_wait1(peer: &Peer) -> (Option<TcpStream>, Link<'_>) {
    let (stream, mut link) = peer.connected();
    link.closed(stream);
    (None, link)
}

fn fin_wait1_held(peer: &Peer) -> (Option<TcpStream>, Link<'_>) {
    let (stream, mut link) = peer.connected();
    link.half_closed(&stream);
    (Some(stream), link)
}

fn fin_wait2_held(peer: &Peer) -> (Option<TcpStream>, Link<'_>) {
    let (stream, mut link) = fin_wait1_held(peer);
    link.send(ACK);
    (stream, link)
}

fn closing(peer: &Peer) -> (Option<TcpStream>, Link<'_>) {
    let (stream, mut link) = fin_wait1(peer);
    link.send_crossing_fin();
    (stream, link)
}

fn closing_held(peer: &Peer) -> (Option<TcpStream>, Link<'_>) {
    let (stream, mut link) = fin_wait1_held(peer);
    link.send_crossing_fin();
    (stream, link)
}

fn closing_unread(peer: &Peer) -> (Option<TcpStream>, Link<'_>) {
    let (stream, mut link) = fin_wait1_held(peer);
    link.seen = link.seen.wrapping_sub(1);
    link.send_data(ACK | PSH, b"x");
    link.seen = link.seen.wrapping_add(1);
    link.send_crossing_fin();
    await_unread(stream.as_ref().expect("it is held"));
    (stream, link)
}

fn last_ack(peer: &Peer) -> (Option<TcpStream>, Link<'_>) {
    let (stream, mut link) = close_wait(peer);
    link.closed(stream.expect("it is held"));
    (None, link)
}

fn last_ack_held(peer: &Peer) -> (Option<TcpStream>, Link<'_>) {
    let (stream, mut link) = close_wait(peer);
    link.half_closed(stream.as_ref().expect("it is held"));
    (stream, link)
}

/// Reaches a state, does something there, and expects this life and no more of it.
#[track_caller]
fn expect(reach: Reach, act: fn(Option<TcpStream>, &mut Link<'_>), life: &str) {
    with_peer(|_, mut watch, peer| {
        let (stream, mut link) = reach(&peer);
        watch.drain();
        watch.assert_agrees();
        act(stream, &mut link);
        watch.expect(&[life]);
        watch.assert_exact();
        assert!(watch.table.is_empty());
    });
}

/// The peer resets; the process lets go afterwards, in silence.
fn reset(stream: Option<TcpStream>, link: &mut Link<'_>) {
    link.send(RST | ACK);
    drop(stream);
}

/// The owner closes so that the kernel resets.
fn linger0(stream: Option<TcpStream>, _link: &mut Link<'_>) {
    abort(stream.expect("it is held"));
}

fn close(stream: Option<TcpStream>, link: &mut Link<'_>) {
    drop(stream);
    link.see(RST);
}

/// The owner lets go of the connection, and keeps the socket.
fn unconnect(stream: Option<TcpStream>, _link: &mut Link<'_>) {
    disconnect(stream.expect("it is held"));
}

#[test]
fn a_reset_in_syn_sent_refuses() {
    let life = "client CLOSE => SYN_SENT -> CLOSE (refused)";
    expect(syn_sent, reset, life);
}

#[test]
fn a_reset_between_crossing_syns_is_the_peers() {
    let life = "client CLOSE => SYN_SENT -> SYN_RECV -> CLOSE (reset)";
    expect(syn_recv, reset, life);
}

#[test]
fn a_reset_of_a_fast_open_child_in_syn_recv_is_the_peers() {
    with_peer(|namespace, mut watch, peer| {
        namespace.set("ipv4/tcp_fastopen", "1543");
        let listener = open_listener();
        let mut link = peer.fast_open(&listener);
        link.send(RST | ACK);
        let child = "server LISTEN -> SYN_RECV -> CLOSE (reset)";
        watch.expect(&["server CLOSE => LISTEN", child]);
        watch.assert_exact();
    });
}

#[test]
fn a_reset_in_established_is_the_peers() {
    expect(established, reset, &format!("{OPEN} -> CLOSE (reset)"));
}

#[test]
fn a_reset_in_close_wait_is_the_peers() {
    let life = format!("{OPEN} -> CLOSE_WAIT -> CLOSE (reset)");
    expect(close_wait, reset, &life);
}

#[test]
fn a_reset_in_fin_wait1_leaves_no_minisock() {
    let life = format!("{OPEN} => FIN_WAIT1 -> CLOSE (reset)");
    expect(fin_wait1, reset, &life);
    expect(fin_wait1_held, reset, &life);
}

#[test]
fn a_reset_in_a_held_fin_wait2_leaves_no_minisock() {
    let life = format!("{OPEN} => FIN_WAIT1 -> FIN_WAIT2 -> CLOSE (reset)");
    expect(fin_wait2_held, reset, &life);
}

#[test]
fn a_reset_in_closing_leaves_no_minisock() {
    let life = format!("{OPEN} => FIN_WAIT1 -> CLOSING -> CLOSE (reset)");
    expect(closing, reset, &life);
    expect(closing_held, reset, &life);
}

#[test]
fn a_reset_in_last_ack_is_not_orderly() {
    let life = format!("{OPEN} -> CLOSE_WAIT => LAST_ACK -> CLOSE (reset)");
    expect(last_ack, reset, &life);
    expect(last_ack_held, reset, &life);
}

#[test]
fn an_abort_in_syn_recv_is_the_owners() {
    let life = "client CLOSE => SYN_SENT -> SYN_RECV => CLOSE (aborted_by_owner)";
    expect(syn_recv, linger0, life);
}

#[test]
fn an_abort_in_fin_wait1_is_the_owners() {
    let life = format!("{OPEN} => FIN_WAIT1 -> CLOSE (aborted_by_owner)");
    expect(fin_wait1_held, linger0, &life);
}

#[test]
fn an_abort_in_closing_leaves_no_minisock() {
    let life = format!("{OPEN} => FIN_WAIT1 -> CLOSING -> CLOSE (aborted_by_owner)");
    expect(closing_held, linger0, &life);
    expect(closing_unread, close, &life);
    // The kernel has set both directions shut by itself: it cannot be told from close().
    expect(closing_held, unconnect, &life);
}

#[test]
fn an_abort_in_last_ack_is_not_orderly() {
    let life = format!("{OPEN} -> CLOSE_WAIT => LAST_ACK -> CLOSE (aborted_by_owner)");
    expect(last_ack_held, linger0, &life);
    expect(last_ack_held, unconnect, &life);
}

#[test]
fn data_for_a_socket_shut_both_ways_resets_it() {
    with_peer(|_, mut watch, peer| {
        let (stream, mut link) = peer.connected();
        stream
            .shutdown(std::net::Shutdown::Both)
            .expect("shuts down");
        link.take(FIN);
        link.send(ACK);
        watch.expect(&[&format!("{OPEN} => FIN_WAIT1 -> FIN_WAIT2")]);
        watch.assert_exact();
        link.send_data(ACK | PSH, b"late");
        link.see(RST);
        watch.expect(&[&format!(
            "{OPEN} => FIN_WAIT1 -> FIN_WAIT2 -> CLOSE (reset)"
        )]);
        watch.assert_exact();
    });
}

#[test]
fn a_reset_out_of_place_changes_nothing() {
    with_peer(|_, mut watch, peer| {
        let (_stream, mut link) = peer.connected();
        // Inside the window, but not next (RFC 5961 section 3.2).
        link.send_ahead(100, RST | ACK, b"");
        link.take(ACK);
        link.send_ahead(100, SYN, b"");
        watch.expect(&[OPEN]);
        watch.assert_exact();
        assert_eq!(watch.table.in_state(State::Established), 1);
    });
}

/// The peer acknowledges the FIN of an orphan, and the kernel answers with a reset.
fn expect_no_orphan(watch: &mut Watch, link: &Link<'_>) {
    link.see(RST);
    let life = "FIN_WAIT1 -> FIN_WAIT2 -> CLOSE (orphan_fin_wait2)";
    watch.expect(&[&format!("{OPEN} => {life}")]);
    assert_eq!(watch.table.in_state(State::FinWait2), 1, "no record tells");
    watch.assert_agrees_after_audit();
    assert!(watch.table.is_empty());
}

#[test]
fn data_with_the_ack_of_an_orphans_fin_leaves_no_minisock() {
    with_peer(|_, mut watch, peer| {
        let (_, mut link) = fin_wait1(&peer);
        link.send_data(ACK | PSH, b"late");
        expect_no_orphan(&mut watch, &link);
    });
}

#[test]
fn an_orphan_that_may_not_linger_leaves_no_minisock() {
    with_peer(|_, mut watch, peer| {
        let (stream, mut link) = peer.connected();
        set_option(&stream, libc::IPPROTO_TCP, libc::TCP_LINGER2, -1);
        link.closed(stream);
        link.send(ACK);
        expect_no_orphan(&mut watch, &link);
    });
}
