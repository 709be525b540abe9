//! A peer that does not answer, and a router that answers for it.

use std::io::Write as _;
use std::time::Duration;

use socket2::{SockRef, TcpKeepalive};

use crate::harness::Watch;
use crate::peer::{open_listener, with_peer};
use crate::segment::{ACK, FIN, PSH, SYN};

const OPEN: &str = "client CLOSE => SYN_SENT -> ESTABLISHED";
/// ICMP: the host, and its port, cannot be reached.
const HOST: u8 = 1;
const PORT: u8 = 3;

#[track_caller]
fn expect_end(watch: &mut Watch, life: &str) {
    watch.expect(&[life]);
    watch.assert_exact();
    assert!(watch.table.is_empty());
}

#[test]
fn a_syn_nobody_answers_times_out() {
    with_peer(|namespace, mut watch, peer| {
        namespace.set("ipv4/tcp_syn_retries", "1");
        let (socket, link) = peer.called();
        watch.expect(&["client CLOSE => SYN_SENT"]);
        watch.assert_agrees();
        link.see(SYN);
        expect_end(&mut watch, "client CLOSE => SYN_SENT -> CLOSE (timed_out)");
        drop(socket);
    });
}

#[test]
fn data_nobody_acknowledges_times_out() {
    with_peer(|namespace, mut watch, peer| {
        namespace.set("ipv4/tcp_retries2", "1");
        let (mut stream, link) = peer.connected();
        stream.write_all(b"x").expect("is queued");
        let first = link.see(PSH);
        watch.assert_exact();
        assert_eq!(link.see(PSH).number, first.number, "sent again");
        expect_end(&mut watch, &format!("{OPEN} -> CLOSE (timed_out)"));
    });
}

#[test]
fn a_time_out_after_an_icmp_message_is_for_its_reason() {
    with_peer(|_, mut watch, peer| {
        let (mut stream, link) = peer.connected();
        SockRef::from(&stream)
            .set_tcp_user_timeout(Some(Duration::from_millis(500)))
            .expect("TCP_USER_TIMEOUT");
        stream.write_all(b"x").expect("is queued");
        link.send_unreachable(HOST, link.see(PSH).number);
        expect_end(&mut watch, &format!("{OPEN} -> CLOSE (unreachable)"));
    });
}

#[test]
fn icmp_ends_a_handshake_but_no_connection() {
    with_peer(|_, mut watch, peer| {
        let (_refused, link) = peer.called();
        link.send_unreachable(PORT, link.seen.wrapping_sub(1));
        let (_unreachable, link) = peer.called();
        link.send_unreachable(HOST, link.seen.wrapping_sub(1));
        let (mut open, link) = peer.connected();
        open.write_all(b"x").expect("is queued");
        let lost = link.see(PSH).number;
        link.send_unreachable(PORT, lost);
        link.send_unreachable(HOST, lost);
        watch.expect(&[
            "client CLOSE => SYN_SENT -> CLOSE (refused)",
            "client CLOSE => SYN_SENT -> CLOSE (unreachable)",
            OPEN,
        ]);
        watch.assert_exact();
        assert_eq!(watch.rows().len(), 1);
    });
}

#[test]
fn an_idle_connection_whose_peer_is_gone_times_out_by_keepalive() {
    with_peer(|_, mut watch, peer| {
        let (stream, link) = peer.connected();
        let second = Duration::from_secs(1);
        let keepalive = TcpKeepalive::new()
            .with_time(second)
            .with_interval(second)
            .with_retries(1);
        SockRef::from(&stream)
            .set_tcp_keepalive(&keepalive)
            .expect("SO_KEEPALIVE");
        let probe = link.see(ACK);
        assert_eq!(probe.end(), link.seen.wrapping_sub(1), "a probe");
        expect_end(&mut watch, &format!("{OPEN} -> CLOSE (timed_out)"));
    });
}

#[test]
fn an_orphans_fin_nobody_acknowledges_times_out() {
    with_peer(|namespace, mut watch, peer| {
        namespace.set("ipv4/tcp_orphan_retries", "1");
        let (stream, mut link) = peer.connected();
        link.closed(stream);
        watch.assert_exact();
        link.see(FIN);
        let life = format!("{OPEN} => FIN_WAIT1 -> CLOSE (timed_out)");
        expect_end(&mut watch, &life);
    });
}

#[test]
fn a_last_fin_nobody_acknowledges_times_out() {
    with_peer(|namespace, mut watch, peer| {
        namespace.set("ipv4/tcp_orphan_retries", "1");
        let listener = open_listener();
        let (stream, mut link) = peer.accepted(&listener);
        link.send(FIN | ACK);
        link.closed(stream);
        watch.assert_exact();
        drop(listener);
        watch.expect(&[
            "server CLOSE => LISTEN => CLOSE (listener_closed)",
            "server LISTEN -> SYN_RECV -> ESTABLISHED -> CLOSE_WAIT => LAST_ACK -> CLOSE (timed_out)",
        ]);
        watch.assert_exact();
    });
}

#[test]
fn crossing_fins_nobody_acknowledges_time_out() {
    with_peer(|namespace, mut watch, peer| {
        namespace.set("ipv4/tcp_orphan_retries", "1");
        let (stream, mut link) = peer.connected();
        link.closed(stream);
        link.send_crossing_fin();
        watch.assert_exact();
        let life = format!("{OPEN} => FIN_WAIT1 -> CLOSING -> CLOSE (timed_out)");
        expect_end(&mut watch, &life);
    });
}
