//! A simulated fleet and a Prometheus that scrapes it: to look at with `tcpmon top --prometheus`, and
//! to measure what it costs. `cargo xtask load fleet`, `cargo xtask scale`.

#![expect(clippy::print_stdout, reason = "where the server is, is its result")]

#[path = "../../tests/fleet/exporter.rs"]
mod exporter;
#[path = "../../tests/fleet/hosts.rs"]
mod hosts;
mod measure;
#[path = "../../tests/fleet/prometheus.rs"]
mod prometheus;
#[path = "../../tests/judge/world/mod.rs"]
#[expect(
    dead_code,
    unused_imports,
    reason = "the scenarios of the judge use more of it"
)]
mod simulated;
#[path = "../../tests/fleet/stage.rs"]
mod stage;
#[path = "../../tests/common/tools.rs"]
mod tools;

use std::io::{Read as _, Write as _};
use std::thread;

use anyhow::Context as _;
use clap::Parser;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::oneshot;

use prometheus::Prometheus;
use stage::Stage;

/// Simulate a fleet, scraped by a Prometheus of its own, until standard input ends
#[derive(Parser)]
struct Args {
    /// Hosts
    #[arg(long, default_value_t = 200)]
    hosts: u64,
    /// Seconds between two scrapes
    #[arg(long, default_value_t = 5)]
    interval: u64,
    /// Measure for so many scrapes of each host, and print what was found as JSON
    #[arg(long, value_name = "SCRAPES")]
    measure: Option<u64>,
}

fn main() -> anyhow::Result<()> {
    let args = Args::parse();
    eprintln!("simulating {} hosts", args.hosts);
    let stage = Stage::set(args.hosts, tcpmon::clock::unix_ns)?;
    let targets = match args.measure {
        // First it is measured with nothing to do.
        Some(_) => &[][..],
        None => &stage.targets,
    };
    let prometheus = Prometheus::start(targets, args.interval, prometheus::has_rules())?;
    let prometheus = prometheus.context("there is no prometheus: cargo xtask setup --tests")?;
    if let Some(scrapes) = args.measure {
        let found = measure::measure(&stage, &prometheus, args.interval, scrapes)?;
        println!("{found}");
        return Ok(());
    }
    let url = prometheus.url();
    println!("{url}\nin another terminal: tcpmon top --prometheus {url}\nCtrl-D ends it");
    std::io::stdout().flush()?;
    until_ended()
}

/// Returns when standard input ends, or a signal ends the program: what was started is ended, and its
/// files are removed, by whoever returns.
#[tokio::main(flavor = "current_thread")]
async fn until_ended() -> anyhow::Result<()> {
    let (ended, end) = oneshot::channel();
    thread::spawn(move || ended.send(std::io::stdin().read_to_end(&mut Vec::new())));
    let mut terminated = signal(SignalKind::terminate())?;
    tokio::select! {
        input = end => drop(input??),
        signal = tokio::signal::ctrl_c() => signal?,
        _ = terminated.recv() => {}
    }
    Ok(())
}
