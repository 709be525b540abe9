//! TIME_WAIT and FIN_WAIT2 after the process let go: what the table derives, beside what the kernel
//! lists.

use std::net::{TcpListener, TcpStream};

use tcpmon::core::ending::Ending;
use tcpmon::core::facts::{DumpRow, Kind, StateSet};
use tcpmon::core::table::Drift;
use tcpmon::core::tuple::Tuple;
use tcpmon::source::bpf::Rung;
use tcpmon_common::State;
use tcpmon_common::record::flag;

use crate::harness::Watch;
use crate::net::{half_close, listener, pair, port, read_end, set_option};
use crate::place::{Namespace, eventually, in_namespace};

/// Ports and state of every minisock, sorted.
type Minisocks = Vec<(u16, u16, String)>;

fn listed(namespace: Namespace) -> Minisocks {
    let rows = namespace.dump(StateSet::MINISOCKS);
    let minisocks = rows.iter().filter(|row| row.kind == Kind::Minisock);
    let mut out: Minisocks = minisocks
        .map(|row: &DumpRow| {
            let Tuple {
                local_port,
                remote_port,
                ..
            } = row.tuple;
            (local_port, remote_port, row.state.name().to_owned())
        })
        .collect();
    out.sort_unstable();
    out
}

fn derived(watch: &Watch) -> Minisocks {
    let rows = watch.rows();
    let minisocks = rows.iter().filter(|row| row.kind == "minisock");
    let mut out: Minisocks = minisocks
        .map(|row| (row.local_port, row.remote_port, row.state.clone()))
        .collect();
    out.sort_unstable();
    out
}

/// The peer closes while we hold the half-closed socket: TIME_WAIT.
fn wait_out(listener: &TcpListener) -> TcpStream {
    let (client, mut server) = pair(listener);
    half_close(&client);
    read_end(&mut server);
    drop(server);
    client
}

/// We close and the peer does not: FIN_WAIT2 without a process.
fn orphan(listener: &TcpListener) -> TcpStream {
    let (client, mut server) = pair(listener);
    drop(client);
    read_end(&mut server);
    server
}

#[test]
fn what_is_derived_is_what_the_kernel_lists() {
    in_namespace(|namespace| {
        let mut watch = Watch::open(namespace);
        let listener = listener();
        let waiting: Vec<TcpStream> = (0..5).map(|_| wait_out(&listener)).collect();
        let orphans: Vec<TcpStream> = (0..3).map(|_| orphan(&listener)).collect();
        watch.until("eight minisocks", |watch| {
            (derived(watch).len() == 8).then_some(())
        });
        assert_eq!(derived(&watch), listed(namespace));
        assert_eq!(watch.table.in_state(State::TimeWait), 5);
        assert_eq!(watch.table.in_state(State::FinWait2), 3);

        for listed in namespace.dump(StateSet::MINISOCKS) {
            let mut rows = watch.rows().into_iter();
            let row = rows.find(|row| row.local_port == listed.tuple.local_port);
            let row = row.expect("a minisock");
            if watch.stream.rung() == Rung::TpBtf {
                assert_eq!(row.cookie, Some(listed.cookie), "that of the socket");
            }
            let left = row.remaining_seconds.expect("a timer");
            let kernel = f64::from(listed.expires_ms) / 1e3;
            assert!(
                (left - kernel).abs() < 2.0,
                "{left} s left, {kernel} s for the kernel"
            );
        }

        // The kernel's own count, in the next record of the namespace.
        drop(listener);
        let last = watch.until("the end of the listener", |watch| {
            let last = watch.seen.last()?;
            (last.change.ending == Some(Ending::ListenerClosed)).then_some(last.record)
        });
        assert_eq!(last.minisocks, 8);
        watch.audit(StateSet::LIVE);
        assert_eq!(watch.table.totals().drift, [0; Drift::ALL.len()]);
        drop((waiting, orphans));
    });
}

#[test]
fn the_peers_late_fin_moves_a_minisock_in_silence() {
    in_namespace(|namespace| {
        let mut watch = Watch::open(namespace);
        let listener = listener();
        let server = orphan(&listener);
        watch.until("the orphan", |watch| {
            (watch.table.in_state(State::FinWait2) == 1).then_some(())
        });
        drop(server);
        eventually("TIME_WAIT", || {
            let minisocks = listed(namespace);
            (minisocks.first()?.2 == "TIME_WAIT").then_some(())
        });
        watch.drain();
        assert_eq!(
            watch.table.in_state(State::FinWait2),
            1,
            "no event told of it"
        );
        watch.audit(StateSet::MINISOCKS);
        assert_eq!(derived(&watch), listed(namespace));
        let totals = watch.table.totals();
        let silent = totals.silent[State::FinWait2 as usize][State::TimeWait as usize];
        assert_eq!((silent, totals.drift), (1, [0; Drift::ALL.len()]));
    });
}

#[test]
fn an_orphan_whose_peer_never_closes_expires_in_silence() {
    in_namespace(|namespace| {
        namespace.set("ipv4/tcp_fin_timeout", "1");
        let mut watch = Watch::open(namespace);
        watch.table.set_fin_timeout(1_000_000_000);
        let listener = listener();
        let server = orphan(&listener);
        watch.until("the orphan", |watch| {
            (watch.table.in_state(State::FinWait2) == 1).then_some(())
        });
        eventually("the end of the orphan", || {
            listed(namespace).is_empty().then_some(())
        });
        watch.drain();
        assert_eq!(
            watch.table.in_state(State::FinWait2),
            1,
            "no event told of it"
        );
        watch.audit(StateSet::MINISOCKS);
        assert_eq!(watch.table.in_state(State::FinWait2), 0);
        let totals = watch.table.totals();
        let silent = totals.silent[State::FinWait2 as usize][State::Close as usize];
        assert_eq!((silent, totals.drift), (1, [0; Drift::ALL.len()]));
        drop(server);
    });
}

#[test]
fn a_close_with_both_fins_done_agrees_with_the_kernel_either_way() {
    in_namespace(|namespace| {
        let mut watch = Watch::open(namespace);
        let listener = listener();
        // Whether the peer's FIN comes with its ACK or after it is up to the kernel's timers.
        for _ in 0..20 {
            drop(pair(&listener));
        }
        watch.until("twenty minisocks", |watch| {
            (derived(watch).len() == 20).then_some(())
        });
        watch.until("the kernel's twenty", |_| {
            let settled = listed(namespace)
                .iter()
                .all(|(_, _, state)| state == "TIME_WAIT");
            settled.then_some(())
        });
        watch.audit(StateSet::MINISOCKS);
        assert_eq!(derived(&watch), listed(namespace));
        assert_eq!(watch.table.totals().drift, [0; Drift::ALL.len()]);
    });
}

#[test]
fn a_namespace_without_room_makes_no_time_wait() {
    in_namespace(|namespace| {
        namespace.set("ipv4/tcp_max_tw_buckets", "0");
        let mut watch = Watch::open(namespace);
        let listener = listener();
        let client = wait_out(&listener);
        watch.expect(&[
            "server CLOSE => LISTEN",
            "client CLOSE => SYN_SENT -> ESTABLISHED => FIN_WAIT1 -> FIN_WAIT2 -> CLOSE (time_wait_refused)",
            "server LISTEN -> SYN_RECV -> ESTABLISHED -> CLOSE_WAIT => LAST_ACK -> CLOSE (orderly)",
        ]);
        let last = watch.of_port(port(&client));
        let last = last.last().expect("it closed").record;
        assert!(last.has(flag::TIME_WAIT_FULL | flag::FIN_SEEN));
        assert_eq!((derived(&watch), listed(namespace)), (vec![], vec![]));
        assert_eq!(namespace.counters().time_wait_overflow, Some(1));
    });
}

#[test]
fn an_audit_removes_the_orphan_the_kernel_did_not_make() {
    in_namespace(|namespace| {
        let mut watch = Watch::open(namespace);
        let listener = listener();
        let (client, mut server) = pair(&listener);
        // With a negative TCP_LINGER2 the kernel resets instead; no record tells that.
        set_option(&client, libc::IPPROTO_TCP, libc::TCP_LINGER2, -1);
        half_close(&client);
        read_end(&mut server);
        watch.until("FIN_WAIT2", |watch| {
            (watch.table.in_state(State::FinWait2) == 1).then_some(())
        });
        drop(client);
        watch.expect(&[
            "server CLOSE => LISTEN",
            "client CLOSE => SYN_SENT -> ESTABLISHED => \
             FIN_WAIT1 -> FIN_WAIT2 -> FIN_WAIT2 -> CLOSE (orphan_fin_wait2)",
            "server LISTEN -> SYN_RECV -> ESTABLISHED -> CLOSE_WAIT -> CLOSE (reset)",
        ]);
        assert_eq!((derived(&watch).len(), listed(namespace).len()), (1, 0));
        watch.audit(StateSet::MINISOCKS);
        assert_eq!(derived(&watch), vec![]);
    });
}
