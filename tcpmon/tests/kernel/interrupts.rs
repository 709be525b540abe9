//! Packets that come in an interrupt of the program, as a network card's do: loopback alone hands them
//! over in the sender's own time.

use std::collections::BTreeMap;
use std::{fs, thread};

use nix::mount::{MsFlags, mount};
use tcpmon::source::bpf::{Options, Stream};
use tcpmon_common::State;

use crate::flood::flood;
use crate::place::{alone_in_namespace, eventually, keep_mounts_private};

/// Connections of each of two threads before the counters are looked at.
const ROUND: usize = 500;
const ROUNDS: u32 = 40;
/// As many interrupted runs as are to be seen.
const ENOUGH: u64 = 20;

/// Has packets on loopback received by any processor (receive packet steering): it is told by an
/// interrupt. `false` where there is but one, or the kernel has no such steering.
fn steer_to_all_processors() -> bool {
    const NONE: Option<&str> = None;
    let processors = thread::available_parallelism().map_or(1, usize::from);
    if processors == 1 {
        return false;
    }
    // The sysfs of this namespace.
    keep_mounts_private();
    mount(NONE, "/sys", Some("sysfs"), MsFlags::empty(), NONE).expect("the kernel has sysfs");
    let all = (1u64 << processors.min(32)) - 1;
    fs::write("/sys/class/net/lo/queues/rx-0/rps_cpus", format!("{all:x}")).is_ok()
}

#[test]
fn what_comes_in_an_interrupt_of_the_program_is_recorded_once() {
    alone_in_namespace(|namespace| {
        // Attached before sysfs is another: the kernel's types are read from it.
        let mut stream = Stream::open(&Options::default()).expect("the program attaches");
        if !steer_to_all_processors() {
            println!("skipped, because packets cannot be steered to another processor here");
            return;
        }
        let mut seen = BTreeMap::new();
        let mut connections = 0;
        for _ in 0..ROUNDS {
            thread::scope(|scope| {
                scope.spawn(|| flood(ROUND, |_| ()));
                scope.spawn(|| flood(ROUND, |_| ()));
            });
            connections += 2 * ROUND;
            stream.drain(usize::MAX, |record| {
                if namespace.has(record) {
                    *seen
                        .entry((record.old_state, record.new_state))
                        .or_insert(0) += 1;
                }
            });
            if stream.skips().expect("the counters").stood_in >= ENOUGH {
                break;
            }
        }
        // Two figures that the kernel keeps apart, while other traffic goes on.
        let (skips, skipped) = eventually("a moment without traffic", || {
            let skipped = stream.program_stats().ok()?.recursion_misses;
            let skips = stream.skips().ok()?;
            let again = stream.program_stats().ok()?.recursion_misses;
            (skipped == again).then_some((skips, skipped))
        });
        assert_eq!(skips.missed, 0, "{skips:?}");
        if skipped == 0 {
            println!("skipped, because this kernel runs a program in an interrupt of itself");
            return;
        }
        assert_eq!(
            skips.stood_in, skipped,
            "skipped, and recorded by the stand-in"
        );
        for (from, to, each) in [
            (State::Close, State::SynSent, 1),
            (State::SynSent, State::Established, 1),
            (State::Listen, State::SynRecv, 1),
            (State::SynRecv, State::Established, 1),
            (State::Established, State::Close, 2),
        ] {
            let count = seen.get(&(from as u8, to as u8)).copied().unwrap_or(0);
            assert!(
                count <= each * connections,
                "{from} -> {to}: {count} of {connections}"
            );
        }
    });
}
