//! Many connections: nothing is lost unseen, and nobody is woken without need.

use std::collections::BTreeMap;
use std::fs;
use std::net::TcpStream;
use std::os::fd::OwnedFd;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use nix::sys::epoll::{Epoll, EpollCreateFlags, EpollEvent, EpollFlags, EpollTimeout};
use tcpmon::core::query::SocketsQuestion;
use tcpmon::core::table::{Drift, Table};
use tcpmon::source::bpf::{Options, Stream};
use tcpmon_common::counter::STATES;
use tcpmon_common::record::RECORD_SIZE;
use tcpmon_common::{Counters, State};

use crate::harness::MODERATE;
use crate::net::{abort, listener, pair, read_reset};
use crate::place::{alone_in_namespace, eventually, in_namespace, now_ns};

/// What one connection of [`flood`] does, and nothing else.
const EDGES: [(State, State); 6] = [
    (State::Close, State::SynSent),
    (State::SynSent, State::Established),
    (State::Listen, State::SynRecv),
    (State::SynRecv, State::Established),
    (State::Established, State::Close),
    (State::Established, State::Close),
];
/// Bytes a record takes on the ring, its header included.
const SLOT: u64 = RECORD_SIZE as u64 + 8;

/// Makes `count` connections one after another, each reset by its client. They leave no TIME_WAIT.
pub(crate) fn flood(count: usize, mut between: impl FnMut(usize)) {
    let listener = listener();
    for number in 0..count {
        let (client, mut server): (TcpStream, TcpStream) = pair(&listener);
        abort(client);
        read_reset(&mut server);
        between(number);
    }
}

fn matrix_sum(counters: &Counters) -> u64 {
    counters.transitions.iter().flatten().sum()
}

/// Takes what is left until the books balance. Other traffic of the machine goes on: what was
/// counted after the last record was taken is not yet on the other side.
fn settle(stream: &mut Stream, mut take: impl FnMut(&tcpmon_common::Record)) -> Counters {
    eventually("produced = delivered + lost", || {
        stream.drain(usize::MAX, &mut take);
        let counters = stream.counters().expect("the counter map");
        let balanced = counters.produced == stream.delivered() + counters.lost;
        (balanced && matrix_sum(&counters) == counters.produced).then_some(counters)
    })
}

#[test]
fn a_ring_too_small_loses_records_and_counts_each() {
    const CONNECTIONS: usize = 20_000;
    alone_in_namespace(|_| {
        let options = Options {
            ring_bytes: 4096,
            ..MODERATE
        };
        let mut stream = Stream::open(&options).expect("the program attaches");
        flood(CONNECTIONS, |number| {
            if number % 50 == 0 {
                stream.drain(usize::MAX, |_| ());
            }
        });
        let counters = settle(&mut stream, |_| ());
        assert!(counters.lost > 0 && stream.delivered() > 0, "{counters:?}");
        let missed = stream.skips().expect("the counters").missed;
        // Counted although most of their records are lost: the counters do not need the ring.
        let mut expected = [[0; STATES]; STATES];
        for (from, to) in EDGES {
            expected[from as usize][to as usize] += CONNECTIONS as u64;
        }
        for (from, to) in EDGES {
            let counted = counters.transitions[from as usize][to as usize];
            let made = expected[from as usize][to as usize];
            assert!(
                counted + missed >= made,
                "{from} -> {to}: {counted} of {made}"
            );
        }
        assert_eq!((counters.odd_states, stream.undecodable()), (0, 0));
    });
}

#[test]
fn a_ring_of_the_default_size_loses_nothing_and_the_table_stays_true() {
    const CONNECTIONS: usize = 20_000;
    alone_in_namespace(|namespace| {
        let mut stream = Stream::open(&Options::default()).expect("the program attaches");
        let mut table = Table::new();
        let mut seen = BTreeMap::new();
        let mut take = |record: &tcpmon_common::Record| {
            if namespace.has(record) {
                table.apply(record).expect("states TCP has");
                *seen
                    .entry((record.old_state, record.new_state))
                    .or_insert(0) += 1;
            }
        };
        flood(CONNECTIONS, |number| {
            if number % 200 == 0 {
                stream.drain(usize::MAX, &mut take);
            }
        });
        let counters = settle(&mut stream, &mut take);
        assert_eq!(counters.lost, 0);
        let skips = stream.skips().expect("the counters");
        assert_eq!(skips.missed, 0, "the kernel skipped the program");

        let mut expected = BTreeMap::from([
            ((State::Close as u8, State::Listen as u8), 1),
            ((State::Listen as u8, State::Close as u8), 1),
        ]);
        for (from, to) in EDGES {
            *expected.entry((from as u8, to as u8)).or_insert(0) += CONNECTIONS;
        }
        assert_eq!(seen, expected);
        assert!(
            table.is_empty(),
            "{:#?}",
            table.sockets(&SocketsQuestion::default(), now_ns())
        );
        let totals = table.totals();
        assert_eq!(totals.drift, [0; Drift::ALL.len()]);
        assert_eq!(
            (totals.odd_records, totals.unknown_edges, totals.self_loops),
            (0, 0, 0)
        );
        assert_eq!(table.processes(), 0);
    });
}

#[test]
fn a_bounded_drain_hands_on_no_more_than_asked() {
    in_namespace(|_| {
        let mut stream = Stream::open(&MODERATE).expect("the program attaches");
        flood(10, |_| ());
        let mut records = 0;
        let drained = stream.drain(5, |_| records += 1);
        assert_eq!((drained.records, records, drained.empty), (5, 5, false));
        assert!(stream.drain(usize::MAX, |_| ()).empty);
        assert_eq!(stream.drain(0, |_| ()).records, 0);
    });
}

/// The ring as an event loop waits for it: told of wake-ups only, not of what lies there.
fn edge_triggered(stream: &Stream) -> (Epoll, OwnedFd) {
    let epoll = Epoll::new(EpollCreateFlags::EPOLL_CLOEXEC).expect("an epoll");
    let readiness = stream.readiness().expect("a descriptor");
    let event = EpollEvent::new(EpollFlags::EPOLLIN | EpollFlags::EPOLLET, 0);
    epoll
        .add(&readiness, event)
        .expect("the ring can be waited for");
    (epoll, readiness)
}

fn is_woken(epoll: &Epoll, timeout: EpollTimeout) -> bool {
    let mut events = [EpollEvent::empty()];
    epoll.wait(&mut events, timeout).expect("waits") > 0
}

#[test]
fn a_single_record_is_there_at_once_and_wakes_nobody() {
    in_namespace(|_| {
        let mut stream = Stream::open(&MODERATE).expect("the program attaches");
        let (epoll, _readiness) = edge_triggered(&stream);
        // Other traffic of the machine may fill the ring to the mark meanwhile: then again.
        eventually("a quiet moment", || {
            stream.drain(usize::MAX, |_| ());
            is_woken(&epoll, EpollTimeout::ZERO);
            drop(listener());
            let woken = is_woken(&epoll, EpollTimeout::ZERO);
            let drained = stream.drain(usize::MAX, |_| ()).records;
            assert!(drained >= 2, "polling finds both records of the listener");
            let is_quiet = (drained as u64) * SLOT < MODERATE.wake_bytes;
            (is_quiet && !woken).then_some(())
        });
    });
}

#[test]
fn enough_pending_bytes_wake_the_reader() {
    in_namespace(|_| {
        let options = Options {
            wake_bytes: 20 * SLOT,
            ..MODERATE
        };
        let mut stream = Stream::open(&options).expect("the program attaches");
        for _ in 0..3 {
            let (epoll, _readiness) = edge_triggered(&stream);
            // In this order: a wake-up after the drain is one the flood may not get again.
            is_woken(&epoll, EpollTimeout::ZERO);
            stream.drain(usize::MAX, |_| ());
            flood(4, |_| ());
            let second = EpollTimeout::from(1000u16);
            assert!(
                is_woken(&epoll, second),
                "26 records, 20 are worth a wake-up"
            );
            assert!(stream.drain(usize::MAX, |_| ()).records >= 26);
        }
    });
}

#[test]
fn a_reader_asleep_is_woken() {
    in_namespace(|_| {
        let options = Options {
            wake_bytes: 20 * SLOT,
            ..MODERATE
        };
        let mut stream = Stream::open(&options).expect("the program attaches");
        let (epoll, _readiness) = edge_triggered(&stream);
        is_woken(&epoll, EpollTimeout::ZERO);
        stream.drain(usize::MAX, |_| ());
        let woken = AtomicBool::new(false);
        thread::scope(|scope| {
            let (tell, told) = std::sync::mpsc::channel();
            let woken = &woken;
            scope.spawn(move || {
                tell.send(nix::unistd::gettid()).expect("the test waits");
                let outcome = is_woken(&epoll, EpollTimeout::from(10_000u16));
                woken.store(outcome, Ordering::Release);
            });
            let sleeper = told.recv().expect("a thread");
            let state = format!("/proc/self/task/{sleeper}/stat");
            eventually("the reader sleeps", || {
                fs::read_to_string(&state)
                    .ok()?
                    .contains(") S ")
                    .then_some(())
            });
            flood(10, |_| ());
        });
        assert!(woken.load(Ordering::Acquire));
    });
}
