//! A network that delays, loses, doubles and reorders: every edge is still seen once and in order, and
//! the table is still the kernel's.

use std::io::{Read as _, Write as _};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::thread;

use tcpmon::core::facts::StateSet;

use crate::harness::Watch;
use crate::net::{ANY_PORT, address};
use crate::netlink::{Netem, disturb_loopback};
use crate::place::{eventually, in_namespace};

/// Connections at the same time.
const CONNECTIONS: usize = 40;
/// More than one segment of loopback's size, so that data is lost, too.
const BYTES: usize = 200_000;

const WILD: Netem = Netem {
    delay_ms: 15,
    loss_percent: 10,
    duplicate_percent: 5,
    jitter_ms: 10,
};

/// Segments sent again in the namespace of this thread (`RetransSegs` of `/proc/net/snmp`).
fn retransmitted() -> u64 {
    let text = std::fs::read_to_string("/proc/thread-self/net/snmp").expect("readable");
    let mut lines = text.lines().filter(|line| line.starts_with("Tcp:"));
    let (names, values) = (lines.next().expect("names"), lines.next().expect("values"));
    let mut pairs = names.split(' ').zip(values.split(' '));
    let (_, value) = pairs
        .find(|(name, _)| *name == "RetransSegs")
        .expect("it is counted");
    value.parse().expect("a number")
}

/// Serves `CONNECTIONS`: reads what comes, answers, and closes first every other time.
fn serve(listener: &TcpListener) {
    thread::scope(|scope| {
        for index in 0..CONNECTIONS {
            let (mut server, _) = listener.accept().expect("accepts");
            scope.spawn(move || {
                let mut request = vec![0; BYTES];
                server.read_exact(&mut request).expect("all of it");
                server.write_all(&request).expect("an answer");
                if index % 2 == 0 {
                    server.shutdown(Shutdown::Write).expect("a FIN");
                }
                let end = server.read(&mut [0]).expect("no reset");
                assert_eq!(end, 0);
            });
        }
    });
}

fn ask(listener: &TcpListener) {
    let to = address(listener);
    thread::scope(|scope| {
        for _ in 0..CONNECTIONS {
            scope.spawn(move || {
                let mut client = TcpStream::connect(to).expect("connects");
                client.write_all(&vec![7; BYTES]).expect("a request");
                let mut answer = vec![0; BYTES];
                client.read_exact(&mut answer).expect("all of it");
            });
        }
    });
}

#[test]
fn a_wild_network_changes_no_edge_and_no_count() {
    in_namespace(|namespace| {
        if !disturb_loopback(WILD) {
            println!("skipped, because this kernel has no netem");
            return;
        }
        let mut watch = Watch::open(namespace);
        let listener = TcpListener::bind(ANY_PORT).expect("listens");
        thread::scope(|scope| {
            scope.spawn(|| serve(&listener));
            scope.spawn(|| ask(&listener));
        });
        assert!(retransmitted() > 0, "nothing was lost: {WILD:?}");
        drop(listener);
        let full = |watch: &Watch| {
            let rows = watch.rows();
            rows.iter().filter(|row| row.kind == "full").count()
        };
        watch.until("every full socket ends", |watch| {
            (full(watch) == 0).then_some(())
        });
        let skipped = watch.skipped_by_kernel();
        for line in watch.lines() {
            assert!(!line.contains("??"), "a step is missing: {line}{skipped}");
            assert!(
                line.starts_with("client CLOSE") || line.starts_with("server "),
                "{line}{skipped}"
            );
        }
        let lives = watch.lines();
        let of = |what: &str| lives.iter().filter(|line| line.contains(what)).count();
        assert_eq!(
            of("SYN_SENT -> ESTABLISHED") + of("SYN_SENT => ESTABLISHED"),
            CONNECTIONS
        );
        assert_eq!(
            of("SYN_RECV -> ESTABLISHED") + of("SYN_RECV => ESTABLISHED"),
            CONNECTIONS
        );
        agree_with_the_kernel(&mut watch);
    });
}

/// The minisocks left are the kernel's, after their silent edges were looked up.
fn agree_with_the_kernel(watch: &mut Watch) {
    eventually("the table equals the dump", || {
        watch.audit(StateSet::LIVE);
        let mut listed: Vec<(u16, u16, String)> = watch
            .namespace
            .dump(StateSet::LIVE)
            .iter()
            .map(|row| {
                let state = row.state.name().to_owned();
                (row.tuple.local_port, row.tuple.remote_port, state)
            })
            .collect();
        let mut known: Vec<(u16, u16, String)> = watch
            .rows()
            .into_iter()
            .map(|row| (row.local_port, row.remote_port, row.state))
            .collect();
        listed.sort_unstable();
        known.sort_unstable();
        (listed == known).then_some(())
    });
}
