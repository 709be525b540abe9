//! What an operator destroys (`ss -K`), in every kind.

use std::net::{Ipv4Addr, SocketAddr};

use tcpmon::core::facts::StateSet;
use tcpmon_common::State;

use crate::harness::Watch;
use crate::net::address;
use crate::netlink;
use crate::peer::{Link, open_listener, with_peer};
use crate::segment::{ACK, FIN, RST};

const OPEN: &str = "client CLOSE => SYN_SENT -> ESTABLISHED";
const LISTENER: &str = "server CLOSE => LISTEN";

/// Destroys what the stream does not speak of, which is then gone without a record.
#[track_caller]
fn destroy_in_silence(watch: &mut Watch, link: &Link<'_>, from: State) {
    watch.assert_agrees_after_audit();
    let (records, rows) = (watch.seen.len(), watch.rows().len());
    if !link.destroy() {
        eprintln!("skipped, because this kernel cannot destroy sockets");
        return;
    }
    watch.assert_agrees_after_audit();
    assert_eq!((watch.seen.len(), watch.rows().len()), (records, rows - 1));
    assert_eq!(watch.silent(from, State::Close), 1);
}

#[test]
fn a_destroyed_request_ends_in_silence() {
    with_peer(|_, mut watch, peer| {
        let listener = open_listener();
        let link = peer.calling(&listener);
        destroy_in_silence(&mut watch, &link, State::NewSynRecv);
        watch.expect(&[LISTENER]);
    });
}

#[test]
fn a_destroyed_minisock_ends_in_silence() {
    with_peer(|_, mut watch, peer| {
        for (flags, state) in [(ACK, State::FinWait2), (FIN | ACK, State::TimeWait)] {
            let (stream, mut link) = peer.connected();
            link.closed(stream);
            link.send(flags);
            destroy_in_silence(&mut watch, &link, state);
        }
    });
}

#[test]
fn a_destroyed_connection_is_killed_whether_it_is_held_or_not() {
    with_peer(|namespace, mut watch, peer| {
        let (_stream, link) = peer.connected();
        if !link.destroy() {
            eprintln!("skipped, because this kernel cannot destroy sockets");
            return;
        }
        link.see(RST);
        let held = format!("{OPEN} -> CLOSE (killed)");
        watch.expect(&[&held]);
        watch.assert_exact();

        let (stream, mut link) = peer.connected();
        link.closed(stream);
        assert!(link.destroy());
        let rows = namespace.dump(StateSet::LIVE);
        if rows.iter().any(|row| row.state == State::FinWait1) {
            // `tcp_abort` of `net/ipv4/tcp.c` did nothing to a dead socket once.
            eprintln!("skipped, because this kernel does not destroy orphans");
            return;
        }
        link.see(RST);
        watch.expect(&[&held, &format!("{OPEN} => FIN_WAIT1 -> CLOSE (killed)")]);
        watch.assert_exact();
    });
}

#[test]
fn a_destroyed_listener_is_announced_twice_and_gone_once() {
    with_peer(|_, mut watch, _peer| {
        let listener = open_listener();
        watch.expect(&[LISTENER]);
        watch.assert_exact();
        let nobody = SocketAddr::from((Ipv4Addr::UNSPECIFIED, 0));
        if !netlink::destroy(address(&listener), nobody) {
            eprintln!("skipped, because this kernel cannot destroy sockets");
            return;
        }
        let last = watch.until("its end", |watch| {
            let last = watch.seen.last()?;
            (last.change.edge.from == State::Close).then_some(last.record)
        });
        assert_eq!(i32::from(last.error), libc::ECONNABORTED);
        assert_eq!(watch.seen.len(), 3, "listen, closed, and no change");
        assert_eq!(watch.table.totals().self_loops, 1);
        watch.assert_exact();
        assert!(watch.table.is_empty());
    });
}
