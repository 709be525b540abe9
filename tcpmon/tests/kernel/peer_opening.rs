//! Handshakes with a peer that answers as no kernel would.

use std::io::Read as _;
use std::net::{SocketAddr, TcpListener};

use tcpmon::core::facts::StateSet;
use tcpmon_common::State;

use crate::harness::Watch;
use crate::net::{narrow_listener_at, raw, set_option, socket};
use crate::peer::{KERNEL, Link, Peer, open_listener, with_peer};
use crate::place::{Namespace, eventually};
use crate::segment::{ACK, FIN, RST, SYN};

const LISTENER: &str = "server CLOSE => LISTEN";
const CHILD: &str = "server LISTEN -> SYN_RECV -> ESTABLISHED";

fn requests(namespace: Namespace) -> usize {
    namespace.dump(StateSet::of(&[State::SynRecv])).len()
}

/// A listener that makes children from a SYN with data, without the exchange of cookies.
fn fast_open_listener(namespace: Namespace) -> TcpListener {
    namespace.set("ipv4/tcp_fastopen", "1543");
    open_listener()
}

#[test]
fn a_syn_alone_is_a_request_until_its_ack_makes_the_child() {
    with_peer(|namespace, mut watch, peer| {
        let listener = open_listener();
        let mut link = peer.calling(&listener);
        watch.expect(&[LISTENER]);
        assert_eq!(requests(namespace), 1);
        assert_eq!(watch.table.in_state(State::SynRecv), 0);
        watch.assert_agrees_after_audit();
        let row = watch.row(link.kernel_port, "SYN_RECV");
        assert_eq!((row.kind.as_str(), row.pid), ("request", None));
        assert_eq!(
            (row.remote_address.as_str(), row.remote_port),
            ("10.99.0.2", link.peer_port)
        );

        link.send(ACK);
        watch.expect(&[LISTENER, CHILD]);
        watch.assert_exact();
        let row = watch.row(link.kernel_port, "ESTABLISHED");
        assert_eq!((row.accepted, row.inode), (Some(false), None));
        assert_eq!(row.pid, Some(std::process::id()), "its listener's");
    });
}

#[test]
fn a_request_the_peer_resets_ends_in_silence() {
    with_peer(|namespace, mut watch, peer| {
        let listener = open_listener();
        let mut link = peer.calling(&listener);
        watch.assert_agrees_after_audit();
        link.send(RST | ACK);
        assert_eq!(requests(namespace), 0);
        watch.assert_agrees_after_audit();
        watch.expect(&[LISTENER]);
        assert_eq!(watch.silent(State::Listen, State::NewSynRecv), 1);
        assert_eq!(watch.silent(State::NewSynRecv, State::Close), 1);
    });
}

#[test]
fn a_request_nobody_completes_expires_in_silence() {
    with_peer(|namespace, mut watch, peer| {
        namespace.set("ipv4/tcp_synack_retries", "0");
        let listener = open_listener();
        let _link = peer.calling(&listener);
        watch.assert_agrees_after_audit();
        assert_eq!(watch.table.in_state(State::SynRecv), 1);
        eventually("the end of the request", || {
            (requests(namespace) == 0).then_some(())
        });
        watch.assert_agrees_after_audit();
        watch.expect(&[LISTENER]);
        assert_eq!(watch.silent(State::NewSynRecv, State::Close), 1);
    });
}

#[test]
fn a_syn_answered_by_a_cookie_is_nowhere_until_its_ack() {
    with_peer(|namespace, mut watch, peer| {
        namespace.set("ipv4/tcp_syncookies", "2");
        let listener = open_listener();
        let mut link = peer.calling(&listener);
        assert_eq!(requests(namespace), 0);
        watch.assert_exact();
        link.send(ACK);
        watch.expect(&[LISTENER, CHILD]);
        watch.assert_exact();
    });
}

#[test]
fn crossing_syns_open_from_both_sides() {
    with_peer(|_, mut watch, peer| {
        let (socket, mut link) = peer.called();
        watch.expect(&["client CLOSE => SYN_SENT"]);
        watch.assert_agrees();
        link.send(SYN);
        link.see(SYN);
        watch.expect(&["client CLOSE => SYN_SENT -> SYN_RECV"]);
        watch.assert_exact();
        let row = watch.row(link.kernel_port, "SYN_RECV");
        assert_eq!(
            (row.kind.as_str(), row.pid),
            ("full", Some(std::process::id()))
        );
        link.send(ACK);
        watch.expect(&["client CLOSE => SYN_SENT -> SYN_RECV -> ESTABLISHED"]);
        watch.assert_exact();
        drop(socket);
    });
}

#[test]
fn a_socket_closed_between_crossing_syns_and_their_ack_sends_its_fin() {
    with_peer(|_, mut watch, peer| {
        let (socket, mut link) = peer.called();
        link.send(SYN);
        link.see(SYN);
        drop(socket);
        watch.expect(&["client CLOSE => SYN_SENT -> SYN_RECV => FIN_WAIT1"]);
        watch.assert_exact();
        link.send(ACK);
        link.take(FIN);
        link.send(FIN | ACK);
        watch.expect(&[
            "client CLOSE => SYN_SENT -> SYN_RECV => FIN_WAIT1 -> FIN_WAIT2 -> CLOSE (time_wait)",
        ]);
        watch.assert_exact();
    });
}

/// Room for so many connections, and one more.
const BACKLOG: i32 = 2;

/// Fills the accept queue between a SYN and its ACK: what becomes of the request?
fn overflow(
    watch: &mut Watch,
    peer: &Peer,
    after: impl FnOnce(&mut Watch, &TcpListener, Link<'_>),
) {
    let listener = narrow_listener_at(KERNEL, BACKLOG);
    for _ in 0..BACKLOG {
        peer.calling(&listener).send(ACK);
    }
    let [mut last, mut late] = [(); 2].map(|()| peer.calling(&listener));
    last.send(ACK);
    watch.expect(&[LISTENER, CHILD, CHILD, CHILD]);
    late.send(ACK);
    watch.expect(&[LISTENER, CHILD, CHILD, CHILD]);
    let overflows = watch.namespace.counters().listen_overflows;
    assert_eq!(overflows, Some(1));
    after(watch, &listener, late);
}

#[test]
fn an_ack_for_a_full_accept_queue_leaves_the_request() {
    with_peer(|namespace, mut watch, peer| {
        overflow(&mut watch, &peer, |watch, listener, mut late| {
            assert_eq!(requests(namespace), 1);
            watch.assert_agrees_after_audit();
            assert_eq!(watch.table.in_state(State::SynRecv), 1);
            let _accepted = listener.accept().expect("accepts");
            late.send(ACK);
            watch.expect(&[LISTENER, CHILD, CHILD, CHILD, CHILD]);
            watch.assert_exact();
        });
    });
}

#[test]
fn an_ack_for_a_full_accept_queue_may_end_the_request() {
    with_peer(|namespace, mut watch, peer| {
        namespace.set("ipv4/tcp_abort_on_overflow", "1");
        overflow(&mut watch, &peer, |watch, _, late| {
            late.see(RST);
            assert_eq!(requests(namespace), 0);
            watch.assert_exact();
        });
    });
}

#[test]
fn a_fast_open_child_is_accepted_and_used_in_syn_recv() {
    with_peer(|namespace, mut watch, peer| {
        let listener = fast_open_listener(namespace);
        let mut link = peer.fast_open(&listener);
        let (mut child, _) = listener.accept().expect("before the handshake is done");
        let mut data = [0; 5];
        child.read_exact(&mut data).expect("the data of the SYN");
        watch.expect(&[LISTENER, "server LISTEN -> SYN_RECV"]);
        if watch.row(link.kernel_port, "SYN_RECV").cookie.is_none() {
            // `inet_csk_clone_lock` sets the state before the peer's port, and the cookie after it.
            eprintln!("skipped, because this kernel tells nothing yet of who the child is");
            return;
        }
        watch.assert_exact();
        let row = watch.row(link.kernel_port, "SYN_RECV");
        assert_eq!(row.kind, "full");
        assert!(row.inode.is_some(), "the audit found its holder's");

        link.send(ACK);
        watch.expect(&[LISTENER, CHILD]);
        watch.assert_exact();
    });
}

#[test]
fn a_fast_open_child_closed_in_syn_recv_sends_its_fin() {
    with_peer(|namespace, mut watch, peer| {
        let listener = fast_open_listener(namespace);
        let mut link = peer.fast_open(&listener);
        let (mut child, _) = listener.accept().expect("before the handshake is done");
        child.read_exact(&mut [0; 5]).expect("the data of the SYN");
        drop(child);
        watch.expect(&[LISTENER, "server LISTEN -> SYN_RECV => FIN_WAIT1"]);
        watch.assert_exact();
        link.send(ACK);
        link.take(FIN);
        link.send(FIN | ACK);
        watch.expect(&[
            LISTENER,
            "server LISTEN -> SYN_RECV => FIN_WAIT1 -> FIN_WAIT2 -> CLOSE (time_wait)",
        ]);
        watch.assert_exact();
    });
}

#[test]
fn a_fin_with_the_last_ack_of_the_handshake_passes_through_established() {
    with_peer(|namespace, mut watch, peer| {
        let listener = fast_open_listener(namespace);
        let mut link = peer.fast_open(&listener);
        link.send(FIN | ACK);
        let child = "server LISTEN -> SYN_RECV -> ESTABLISHED -> CLOSE_WAIT";
        watch.expect(&[LISTENER, child]);
        watch.assert_exact();
        let row = watch.row(link.kernel_port, "CLOSE_WAIT");
        assert_eq!(row.accepted, Some(false));

        // The same of a request, which the stream has not spoken of before.
        let mut link = peer.calling(&listener);
        link.send(FIN | ACK);
        watch.expect(&[LISTENER, child, child]);
        watch.assert_exact();
    });
}

#[test]
fn a_fast_open_child_nobody_answers_times_out() {
    with_peer(|namespace, mut watch, peer| {
        namespace.set("ipv4/tcp_synack_retries", "0");
        let listener = fast_open_listener(namespace);
        let _link = peer.fast_open(&listener);
        let (child, _) = listener.accept().expect("before the handshake is done");
        watch.expect(&[LISTENER, "server LISTEN -> SYN_RECV -> CLOSE (timed_out)"]);
        watch.assert_exact();
        drop(child);
    });
}

#[test]
fn a_repaired_connection_opens_and_closes_without_a_segment() {
    with_peer(|_, mut watch, peer| {
        let restored = socket();
        set_option(&restored, libc::IPPROTO_TCP, libc::TCP_REPAIR, 1);
        let local = SocketAddr::from((KERNEL, 5000));
        restored.bind(&raw(local)).expect("binds");
        restored.connect(&raw(peer.address())).expect("at once");
        watch.expect(&["client CLOSE => SYN_SENT -> ESTABLISHED"]);
        watch.assert_exact();
        drop(restored);
        let life = "client CLOSE => SYN_SENT -> ESTABLISHED => CLOSE (aborted_by_owner)";
        watch.expect(&[life]);
        watch.assert_exact();
    });
}
