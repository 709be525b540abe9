//! What a scrape costs: its owner, and the thread that makes text of it. Prints `name: value` lines.

#![expect(clippy::print_stdout, reason = "its results are its output")]

use std::time::Duration;

use nix::time::{ClockId, clock_gettime};
use tcpmon::core::census::Census;
use tcpmon::core::facts::{Presence, ProcessFact};
use tcpmon::core::series::Budget;
use tcpmon::core::snapshot::Snapshot;
use tcpmon::core::table::Table;
use tcpmon::view::export::metrics::Renderer;
use tcpmon_common::record::flag;
use tcpmon_common::{Record, State};

const PROCESSES: u64 = 2_000;
const SIZES: [u64; 3] = [10_000, 100_000, 500_000];
const SECOND: u64 = 1_000_000_000;
const RUNS: usize = 11;

fn main() {
    for sockets in SIZES {
        let mut table = Table::new();
        fill(&mut table, sockets);
        let mut census = Census::default();
        let copied = best(|| census = table.census(SECOND, SECOND));
        let mut renderer = Renderer::default();
        let mut text = Vec::new();
        let rendered = best(|| {
            let rendered = renderer.render(&Snapshot::default(), &census, Budget::default());
            text = rendered.expect("it can be rendered");
        });
        let series = text.split(|byte| *byte == b'\n').filter(|line| {
            let first = line.first();
            first.is_some_and(|first| *first != b'#')
        });
        println!(
            "scrape of {sockets} sockets of {PROCESSES} processes: {} for the owner, {} for {} series \
             in {} KiB",
            shown(copied),
            shown(rendered),
            series.count(),
            text.len() / 1024
        );
    }
}

fn shown(seconds: f64) -> String {
    format!("{:.2} ms", seconds * 1e3)
}

/// Processor time of the best of some runs: what the code costs when nothing disturbs it.
fn best(mut run: impl FnMut()) -> f64 {
    let used = || Duration::from(clock_gettime(ClockId::CLOCK_THREAD_CPUTIME_ID).expect("a clock"));
    let runs = (0..RUNS).map(|_| {
        let before = used();
        run();
        (used() - before).as_secs_f64()
    });
    runs.fold(f64::INFINITY, f64::min)
}

/// Connections to one destination per process, every process's first, then every process's second:
/// neighbours in a group are far from each other in memory.
fn fill(table: &mut Table, sockets: u64) {
    for number in 0..sockets {
        let record = socket(number);
        for (old, new) in [
            (State::Close, State::SynSent),
            (State::SynSent, State::Established),
        ] {
            let is_connect = new == State::SynSent;
            table.apply(&Record {
                time_ns: number,
                old_state: old.number(),
                new_state: new.number(),
                flags: flag::HAS_SOCKET | if is_connect { flag::TASK } else { 0 },
                ..record
            });
        }
    }
    let facts: Vec<ProcessFact> = (0..PROCESSES).map(fact).collect();
    table.describe_processes(&facts);
}

fn fact(process: u64) -> ProcessFact {
    let unit = format!("/system.slice/worker-{process}.service");
    ProcessFact {
        comm: Some(name(process)),
        cgroup: Some(unit),
        open_files: Some(100),
        max_open_files: Some(1024),
        ..ProcessFact::unread(1000 + process as u32, SECOND, Presence::Seen)
    }
}

fn name(process: u64) -> [u8; 16] {
    let mut comm = [0; 16];
    let name = format!("worker-{process}");
    comm[..name.len()].copy_from_slice(name.as_bytes());
    comm
}

fn socket(number: u64) -> Record {
    let process = number % PROCESSES;
    let [.., high, low] = process.to_be_bytes();
    let mut record = Record {
        sock: number + 1,
        cookie: number + 1,
        netns_cookie: 1,
        netns_inode: 4_026_531_840,
        family: 2,
        local_port: 32_768 + (number / PROCESSES) as u16,
        remote_port: 1024 + process as u16,
        pid: 1000 + process as u32,
        comm: name(process),
        ..Record::EMPTY
    };
    record.local_address[..4].copy_from_slice(&[10, 0, 0, 1]);
    record.remote_address[..4].copy_from_slice(&[192, 0, high, low]);
    record
}
