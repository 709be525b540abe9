//! Loading, proving, and leaving nothing behind.

use std::fs;
use std::thread;

use aya::programs::loaded_programs;
use tcpmon::core::ending::Ending;
use tcpmon::source::bpf::canary::{self, Proof};
use tcpmon::source::bpf::holders::Holders;
use tcpmon::source::bpf::{Attach, Options, Rung, Stream};
use tcpmon_common::record::flag;
use tcpmon_common::{Record, State};

use crate::harness::{MODERATE, Watch};
use crate::net::{address, half_close, listener, pair, port, read_end};
use crate::place::{eventually, in_namespace, in_silent_namespace, mount_tracefs, without_flood};
use crate::puppet::Puppet;

fn is_loaded(id: u32) -> bool {
    loaded_programs()
        .flatten()
        .any(|program| program.id() == id)
}

#[test]
fn the_best_rung_of_this_kernel_is_tp_btf() {
    let stream = Stream::open(&MODERATE).expect("the program attaches");
    // The function behind the cookie helper of tracing programs, where there is one.
    let symbols = fs::read_to_string("/proc/kallsyms").expect("proc");
    if symbols.contains("bpf_get_socket_ptr_cookie") {
        assert_eq!(stream.rung(), Rung::TpBtf);
        assert!(stream.rung().limits().is_empty());
    } else {
        assert_eq!(stream.rung(), Rung::TpBtfNoCookie);
        assert!(!stream.rung().limits().is_empty());
    }
    assert_eq!(stream.ring_bytes(), MODERATE.ring_bytes);
    let stats = stream.program_stats().expect("fdinfo");
    assert!(stats.id > 0, "{stats:?}");
    assert_ne!(stats.verified_instructions, Some(0));
}

#[test]
fn a_dropped_stream_leaves_no_program() {
    let stream = Stream::open(&MODERATE).expect("the program attaches");
    let id = stream.program_stats().expect("fdinfo").id;
    assert!(is_loaded(id));
    drop(stream);
    // The kernel frees a program after a grace period.
    eventually("the end of the program", || (!is_loaded(id)).then_some(()));
}

/// Run by a puppet, where no other thread opens anything: counts what is left behind.
pub(crate) fn open_and_drop() -> String {
    let round = || {
        let stream = Stream::open(&MODERATE).expect("the program attaches");
        let readiness = stream.readiness().expect("a descriptor");
        // Where it does not load, nothing of it may be left behind either.
        let mut holders = Holders::load();
        for _ in 0..2 {
            if let Ok(holders) = &mut holders {
                holders.scan(|_| ()).expect("a whole scan");
            }
        }
        drop((stream, holders, readiness));
    };
    round();
    let before = kept();
    for _ in 0..3 {
        round();
    }
    format!("{before:?} {:?}", kept())
}

/// Descriptors of any kind, descriptors of bpf, and mappings of bpf.
fn kept() -> (usize, usize, usize) {
    let descriptors = fs::read_dir("/proc/self/fd").expect("proc").flatten();
    let targets: Vec<_> = descriptors
        .filter_map(|entry| fs::read_link(entry.path()).ok())
        .collect();
    let bpf = |text: &str| text.contains("bpf");
    let of_bpf = targets.iter().filter(|t| bpf(&t.to_string_lossy())).count();
    let maps = fs::read_to_string("/proc/self/maps").expect("proc");
    let mapped = maps.lines().filter(|line| line.contains("anon_inode:bpf"));
    (targets.len(), of_bpf, mapped.count())
}

#[test]
fn opening_and_dropping_keeps_no_descriptor_and_no_mapping() {
    let mut puppet = Puppet::start("opens-and-drops");
    let counts = puppet.ask("open-and-drop");
    let (before, after) = counts.split_once(") ").expect("two counts");
    assert_eq!(format!("{before})"), after);
    assert!(after.ends_with(", 0, 0)"), "{after}");
}

#[test]
fn the_classic_tracepoint_tells_the_same_edges() {
    in_namespace(|_| {
        mount_tracefs();
        let options = Options {
            attach: Attach::Tracepoint,
            ..MODERATE
        };
        let mut stream = Stream::open(&options).expect("the classic tracepoint attaches");
        assert_eq!(stream.rung(), Rung::Tracepoint);
        let listener = listener();
        let listening = address(&listener).port();
        let (client, mut server) = pair(&listener);
        let connecting = port(&client);
        half_close(&client);
        read_end(&mut server);
        drop((server, client, listener));

        let mut records: Vec<Record> = Vec::new();
        // It tells no namespace: the pair of ports has to do.
        let ours = |record: &Record| {
            let ports = [record.local_port, record.remote_port];
            ports.contains(&listening)
                && [0, listening, connecting].contains(&ports[0])
                && [0, listening, connecting].contains(&ports[1])
        };
        eventually("twelve transitions", || {
            stream.drain(usize::MAX, |record| {
                if ours(record) {
                    records.push(*record);
                }
            });
            (records.len() >= 12).then_some(())
        });

        use State::{Close, CloseWait, Established, FinWait1, FinWait2, LastAck, Listen};
        // Not told apart by their ports: a child may be announced with those of its listener.
        let edges = |from: State, to: State| -> Vec<(u8, u8)> {
            let mut born = records.iter().filter(|record| {
                (record.old_state, record.new_state) == (from.number(), to.number())
            });
            let sock = born.next().expect("it was born").sock;
            let of_sock = records.iter().filter(|record| record.sock == sock);
            of_sock.map(|r| (r.old_state, r.new_state)).collect()
        };
        let path = |states: &[State]| -> Vec<(u8, u8)> {
            let pairs = states.windows(2);
            pairs
                .map(|pair| (pair[0].number(), pair[1].number()))
                .collect()
        };
        let life = path(&[Close, Listen, Close]);
        assert_eq!(edges(Close, Listen), life);
        let client = [
            Close,
            State::SynSent,
            Established,
            FinWait1,
            FinWait2,
            Close,
        ];
        assert_eq!(edges(Close, State::SynSent), path(&client));
        let server = [
            Listen,
            State::SynRecv,
            Established,
            CloseWait,
            LastAck,
            Close,
        ];
        assert_eq!(edges(Listen, State::SynRecv), path(&server));

        for record in &records {
            assert!(record.has(flag::CLASSIC), "{record:?}");
            assert_eq!(
                (record.cookie, record.netns_cookie, record.inode),
                (0, 0, 0)
            );
            assert_eq!((record.error, record.shutdown), (0, 0));
        }
        let acted: Vec<_> = records.iter().filter(|r| r.has(flag::TASK)).collect();
        assert!(acted.iter().all(|record| record.pid == std::process::id()));
        let calls = acted
            .iter()
            .map(|r| (r.old_state, r.new_state))
            .collect::<Vec<_>>();
        for call in [
            (Close, Listen),
            (Close, State::SynSent),
            (Established, FinWait1),
        ] {
            assert!(
                calls.contains(&(call.0.number(), call.1.number())),
                "{call:?}"
            );
        }
        let last = records.iter().find(|r| r.old_state == FinWait2.number());
        let ending = Ending::of(FinWait2, last.expect("it closed"));
        assert_eq!(ending, Ending::TimeWait);
    });
}

#[test]
fn the_canary_sings_in_the_namespace_of_the_machine() {
    let _quiet = without_flood();
    thread::scope(|scope| {
        scope.spawn(|| {
            mount_tracefs();
            for attach in [Attach::Auto, Attach::Tracepoint] {
                let options = Options { attach, ..MODERATE };
                let mut stream = Stream::open(&options).expect("the program attaches");
                // Other tests of this process have namespaces of their own.
                let here = netns_inode();
                let mut own = 0;
                let proof = canary::prove(&mut stream, |record| {
                    let is_ours = record.pid == std::process::id();
                    own += u32::from(is_ours && record.netns_inode == here);
                });
                assert!(proof.expect("proves").connection);
                assert!(stream.delivered() >= 8, "{}", stream.delivered());
                assert_eq!(own, 0, "the canary is no traffic of the machine's");
            }
        });
    });
}

fn netns_inode() -> u32 {
    let meta = std::fs::metadata("/proc/thread-self/ns/net").expect("/proc");
    u32::try_from(std::os::unix::fs::MetadataExt::ino(&meta)).expect("32 bits")
}

#[test]
fn the_canary_sings_in_any_namespace_with_a_loopback() {
    in_namespace(|namespace| {
        let mut watch = Watch::open(namespace);
        let proof = canary::prove(&mut watch.stream, |_| ()).expect("proves");
        let whole = Proof {
            connection: true,
            ipv6: true,
        };
        assert_eq!(proof, whole);
    });
}

/// Run by a puppet: its own idea of its process id, and what the canary proved.
pub(crate) fn prove() -> String {
    let mut stream = Stream::open(&MODERATE).expect("the program attaches");
    let proof = canary::prove(&mut stream, |_| ());
    format!("{} {proof:?}", std::process::id())
}

#[test]
fn the_canary_sings_in_a_pid_namespace() {
    in_namespace(|_| {
        let mut contained = Puppet::start_contained("contained");
        let whole = Proof {
            connection: true,
            ipv6: true,
        };
        let expected = format!("1 {:?}", anyhow::Ok(whole));
        assert_eq!(contained.ask("prove"), expected);
    });
}

#[test]
fn where_loopback_is_down_the_canary_proves_a_listener() {
    let _quiet = without_flood();
    in_silent_namespace(|_| {
        let mut stream = Stream::open(&MODERATE).expect("the program attaches");
        let proof = canary::prove(&mut stream, |_| ()).expect("proves");
        assert!(!proof.connection);
    });
}

#[test]
fn two_streams_see_the_same_without_disturbing_each_other() {
    in_namespace(|namespace| {
        let [mut one, mut other] = [Watch::open(namespace), Watch::open(namespace)];
        let listener = listener();
        drop(pair(&listener));
        drop(listener);
        let ended = |watch: &Watch| {
            let held = watch.rows().into_iter().filter(|row| row.kind == "full");
            (watch.lives().len() == 3 && held.count() == 0).then_some(())
        };
        one.until("the end of all sockets", ended);
        other.until("the end of all sockets", ended);
        assert_eq!(one.lines(), other.lines());
    });
}
