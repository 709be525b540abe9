//! Minisocks, and what a peer's segment does to them: always in silence.

use std::net::SocketAddr;

use tcpmon_common::State;
use tcpmon_common::State::{Close, FinWait2, TimeWait};

use crate::harness::Watch;
use crate::net::{raw, socket};
use crate::peer::{KERNEL, Link, PEER, Peer, open_listener, with_peer};
use crate::place::eventually;
use crate::segment::{ACK, FIN, PSH, RST, SYN};

const OPEN: &str = "client CLOSE => SYN_SENT -> ESTABLISHED";
const ORPHAN: &str =
    "client CLOSE => SYN_SENT -> ESTABLISHED => FIN_WAIT1 -> FIN_WAIT2 -> CLOSE (orphan_fin_wait2)";
const WAITED: &str =
    "client CLOSE => SYN_SENT -> ESTABLISHED => FIN_WAIT1 -> FIN_WAIT2 -> CLOSE (time_wait)";

fn orphan<'p>(peer: &'p Peer, watch: &mut Watch) -> Link<'p> {
    let (stream, mut link) = peer.connected();
    link.closed(stream);
    link.send(ACK);
    watch.expect(&[ORPHAN]);
    watch.assert_exact();
    link
}

fn waiting<'p>(peer: &'p Peer, watch: &mut Watch) -> Link<'p> {
    let (stream, mut link) = peer.connected();
    link.closed(stream);
    link.send(FIN | ACK);
    watch.expect(&[WAITED]);
    watch.assert_exact();
    link
}

/// The kernel's minisock is gone, and nobody said so.
#[track_caller]
fn expect_silent_end(watch: &mut Watch, state: State) {
    let records = watch.seen.len();
    watch.drain();
    assert_eq!(
        (watch.seen.len(), watch.table.in_state(state)),
        (records, 1)
    );
    watch.assert_agrees_after_audit();
    assert!(watch.table.is_empty());
    assert_eq!(watch.silent(state, Close), 1);
}

#[test]
fn data_for_an_orphan_ends_it() {
    with_peer(|_, mut watch, peer| {
        let mut link = orphan(&peer, &mut watch);
        link.send_data(ACK | PSH, b"late");
        link.see(RST);
        expect_silent_end(&mut watch, FinWait2);
    });
}

#[test]
fn a_reset_ends_an_orphan() {
    with_peer(|_, mut watch, peer| {
        let mut link = orphan(&peer, &mut watch);
        link.send(RST | ACK);
        expect_silent_end(&mut watch, FinWait2);
    });
}

#[test]
fn a_reset_ends_time_wait() {
    with_peer(|_, mut watch, peer| {
        let mut link = waiting(&peer, &mut watch);
        link.send(RST | ACK);
        expect_silent_end(&mut watch, TimeWait);
    });
}

#[test]
fn a_reset_need_not_end_time_wait() {
    with_peer(|namespace, mut watch, peer| {
        namespace.set("ipv4/tcp_rfc1337", "1");
        let mut link = waiting(&peer, &mut watch);
        link.send(RST | ACK);
        watch.assert_exact();
        assert_eq!(watch.table.in_state(TimeWait), 1);
    });
}

#[test]
fn a_namespace_without_room_makes_neither_kind_of_minisock() {
    with_peer(|namespace, mut watch, peer| {
        namespace.set("ipv4/tcp_max_tw_buckets", "0");
        for flags in [ACK, FIN | ACK] {
            let (stream, mut link) = peer.connected();
            link.closed(stream);
            link.send(flags);
        }
        let life = "FIN_WAIT1 -> FIN_WAIT2 -> CLOSE (time_wait_refused)";
        watch.expect(&[&format!("{OPEN} => {life}")[..]; 2]);
        watch.assert_exact();
        assert!(watch.table.is_empty());
        assert_eq!(namespace.counters().time_wait_overflow, Some(2));
    });
}

#[test]
fn a_long_time_out_keeps_the_orphan_full_first_and_a_minisock_then() {
    with_peer(|namespace, mut watch, peer| {
        // One second more than a minisock may last (`TCP_TIMEWAIT_LEN`).
        namespace.set("ipv4/tcp_fin_timeout", "61");
        watch.table.set_fin_timeout(61_000_000_000);
        let (stream, mut link) = peer.connected();
        link.closed(stream);
        link.send(ACK);
        watch.expect(&[&format!("{OPEN} => FIN_WAIT1 -> FIN_WAIT2")]);
        watch.assert_exact();
        let row = watch.row(link.kernel_port, "FIN_WAIT2");
        assert_eq!((row.kind.as_str(), row.fd), ("full", None));

        watch.expect(&[ORPHAN]);
        let row = watch.row(link.kernel_port, "FIN_WAIT2");
        assert_eq!(row.kind, "minisock");
        let left = row.remaining_seconds.expect("a minisock");
        assert!((0.0..=1.0).contains(&left), "{left} s");
        watch.assert_exact();
        eventually("the end of the minisock", || {
            watch.audit(tcpmon::core::facts::StateSet::MINISOCKS);
            watch.table.is_empty().then_some(())
        });
        watch.assert_exact();
    });
}

#[test]
fn a_syn_reopens_the_time_wait_of_an_accepted_connection() {
    with_peer(|_, mut watch, peer| {
        let listener = open_listener();
        let (stream, mut link) = peer.accepted(&listener);
        link.closed(stream);
        link.send(FIN | ACK);
        let first = "server LISTEN -> SYN_RECV -> ESTABLISHED => FIN_WAIT1 -> FIN_WAIT2 -> CLOSE (time_wait)";
        watch.expect(&["server CLOSE => LISTEN", first]);
        watch.assert_exact();

        link.next = link.next.wrapping_add(100_000);
        link.send(SYN);
        link.take(SYN);
        watch.assert_agrees_after_audit();
        assert_eq!(watch.silent(TimeWait, Close), 1);
        assert_eq!(watch.row(link.kernel_port, "SYN_RECV").kind, "request");
        link.send(ACK);
        let second = "server LISTEN -> SYN_RECV -> ESTABLISHED";
        watch.expect(&["server CLOSE => LISTEN", first, second]);
        watch.assert_exact();
    });
}

#[test]
fn connect_takes_over_the_tuple_of_its_time_wait() {
    with_peer(|namespace, mut watch, peer| {
        namespace.set("ipv4/tcp_tw_reuse", "1");
        let bound = || {
            let socket = socket();
            socket.set_reuse_address(true).expect("SO_REUSEADDR");
            let local = SocketAddr::from((KERNEL, 5000));
            socket.bind(&raw(local)).expect("binds");
            socket.set_nonblocking(true).expect("O_NONBLOCK");
            socket
        };
        let client = bound();
        let mut link = peer.called_by(&client);
        link.clock = Some((100, 0));
        link.send(SYN | ACK);
        link.take(ACK);
        link.closed(client.into());
        link.send(FIN | ACK);
        watch.expect(&[WAITED]);
        watch.assert_exact();

        // Not before the kernel's clock of the TIME_WAIT entry has gone on.
        let same = raw(SocketAddr::from((PEER, link.peer_port)));
        let client = eventually("another connection", || {
            let client = bound();
            let error = client.connect(&same).expect_err("does not wait");
            (error.raw_os_error() == Some(libc::EINPROGRESS)).then_some(client)
        });
        let mut link = peer.answer(link.peer_port);
        assert_eq!(namespace.counters().time_wait_recycled, Some(1));
        link.clock = Some((200, 0));
        link.send(SYN | ACK);
        watch.until("the second connection", |watch| {
            (watch.lines().last()? == OPEN).then_some(())
        });
        let lines = watch.lines();
        let refused = "client CLOSE => SYN_SENT -> CLOSE (address_in_use)";
        let between = &lines[1..lines.len() - 1];
        assert!(between.iter().all(|line| line == refused), "{between:#?}");
        watch.assert_agrees_after_audit();
        assert_eq!(watch.silent(TimeWait, Close), 1);
        assert_eq!(watch.rows().len(), 1);
        drop(client);
    });
}
