//! `cargo xtask bench`: what tcpmon costs, as ratios measured side by side in one run.

mod agent;
mod held;
mod report;
mod scale;
mod scrape;
mod screen;
mod storm;
mod view;

use std::path::PathBuf;

use anyhow::{Context as _, Result, bail};

use self::agent::Agent;
use self::report::{Report, median};
use crate::setup;
use crate::sh::{cargo, sh, target_dir};

/// Runs of each load for the kernel program: where the hypervisor puts the processors makes a factor.
const RUNS: usize = 5;

/// Measure the kernel program, the agent and the table, and write docs/benchmarks.md
#[derive(clap::Args)]
pub(crate) struct Args {
    #[command(subcommand)]
    part: Option<Part>,
    /// Pairs of runs with and without the agent
    #[arg(long, default_value_t = 5)]
    pairs: usize,
    /// Connections of each of the two workers in one run
    #[arg(long, default_value_t = 100_000)]
    connections: u64,
    /// Print the table only
    #[arg(long)]
    no_write: bool,
}

#[derive(Clone, Copy, clap::Subcommand)]
enum Part {
    /// Only the kernel program, the agent and the table under load: five minutes
    Events,
    /// Only half a million sockets that rest: ten minutes and 6 GiB of memory
    Scale,
    /// Only scrapes of 2,000 processes with up to half a million sockets, and node_exporter beside
    /// them: five minutes and 10 GiB of memory
    Scrape,
    /// Only what `tcpmon top` costs beside half a million sockets: some minutes and 6 GiB of memory
    View,
}

/// Runs `cargo xtask bench`.
pub(crate) fn run(args: &Args) -> Result<()> {
    setup::kernel_side()?;
    cargo(&["build", "--release", "--locked", "--package", "tcpmon"]).run()?;
    if matches!(args.part, None | Some(Part::Events)) {
        let mut report = Report::new(report::Section::Events);
        table(&mut report)?;
        kernel_program(&mut report, args.connections)?;
        connection_rate(&mut report, args)?;
        interrupts(&mut report, args.connections)?;
        report.show(args.no_write)?;
    }
    if matches!(args.part, None | Some(Part::Scale)) {
        let mut report = Report::new(report::Section::Sockets);
        scale::measure(&mut report)?;
        report.show(args.no_write)?;
    }
    if matches!(args.part, None | Some(Part::Scrape)) {
        let mut report = Report::new(report::Section::Scrape);
        scrape::measure(&mut report)?;
        report.show(args.no_write)?;
    }
    if matches!(args.part, None | Some(Part::View)) {
        let mut report = Report::new(report::Section::View);
        view::measure(&mut report)?;
        report.show(args.no_write)?;
    }
    Ok(())
}

/// Does something and says how many seconds that took.
fn timed<T>(work: impl FnOnce() -> T) -> (f64, T) {
    #[expect(clippy::disallowed_methods, reason = "a benchmark reads the clock")]
    let start = std::time::Instant::now();
    let outcome = work();
    (start.elapsed().as_secs_f64(), outcome)
}

/// Decoding and applying records, the memory of a socket, and judging: no kernel needed.
fn table(report: &mut Report) -> Result<()> {
    let words = [
        "bench",
        "--locked",
        "--quiet",
        "--package",
        "tcpmon",
        "--bench",
        "table",
        "--bench",
        "verdicts",
        "--bench",
        "scrape",
    ];
    let output = cargo(&words)
        .stdout()
        .context("`cargo bench` of table, verdicts and scrape failed")?;
    for line in output.lines() {
        let Some((name, value)) = line.split_once(": ") else {
            continue;
        };
        report.add(name, value, "");
    }
    Ok(())
}

/// Nanoseconds per run of the program, by the kernel's own statistics, with the agent consuming.
fn kernel_program(report: &mut Report, connections: u64) -> Result<()> {
    let statistics = Statistics::enable()?;
    for (name, load) in [
        ("kernel program, connections", churn(connections)),
        ("kernel program, listen() alone", vec!["tight".into()]),
    ] {
        let agent = Agent::start()?;
        let runs = (0..RUNS)
            .map(|_| nanoseconds_per_run(&agent, &load))
            .collect::<Result<Vec<f64>>>()?;
        agent.stop()?;
        let spread = format!(
            "median of {RUNS} runs, {:.0} to {:.0}; about 50 ns of it are the statistics themselves",
            runs.iter().copied().fold(f64::INFINITY, f64::min),
            runs.iter().copied().fold(0.0, f64::max)
        );
        let value = format!("{:.0} ns per transition", median(&runs));
        report.add(name, &value, &spread);
    }
    drop(statistics);
    Ok(())
}

fn nanoseconds_per_run(agent: &Agent, load: &[String]) -> Result<f64> {
    let before = agent.metrics()?;
    in_namespace(load)?;
    let after = agent.settled(&before)?;
    let runs = after.grew(&before, "tcpmon_program_runs_total");
    let seconds = after.grew(&before, "tcpmon_program_run_seconds_total");
    if runs == 0.0 {
        bail!("the kernel counted no run of the program: is kernel.bpf_stats_enabled 1?");
    }
    Ok(seconds * 1e9 / runs)
}

/// Connections per second with and without tcpmon, in turn, and what the agent used meanwhile.
fn connection_rate(report: &mut Report, args: &Args) -> Result<()> {
    let load = churn(args.connections);
    in_namespace(&load)?; // warm up
    let (mut without, mut with, mut ratios) = (Vec::new(), Vec::new(), Vec::new());
    let (mut cpu, mut lost, mut transitions) = (0.0, 0.0, 0.0);
    for pair in 0..args.pairs {
        // The order alternates: a machine that gets slower must not favour one side.
        let mut bare = None;
        if pair % 2 == 0 {
            bare = Some(in_namespace(&load)?);
        }
        let agent = Agent::start()?;
        let before = agent.metrics()?;
        let watched = in_namespace(&load)?;
        let after = agent.settled(&before)?;
        agent.stop()?;
        let bare = match bare {
            Some(bare) => bare,
            None => in_namespace(&load)?,
        };
        cpu += after.grew(&before, "process_cpu_seconds_total");
        lost += after.grew(&before, "tcpmon_events_lost_total");
        transitions += after.grew(&before, "tcpmon_events_total");
        without.push(bare);
        with.push(watched);
        ratios.push(watched / bare);
    }
    let runs = format!("{} pairs in turn", args.pairs);
    report.add(
        "connections/s without tcpmon",
        &format!("{:.0}", median(&without)),
        &runs,
    );
    report.add(
        "connections/s with tcpmon",
        &format!("{:.0}", median(&with)),
        &runs,
    );
    let spread = format!(
        "median of the pairs; {:.3} to {:.3}",
        ratios.iter().copied().fold(f64::INFINITY, f64::min),
        ratios.iter().copied().fold(0.0, f64::max)
    );
    report.add("ratio", &format!("{:.3}", median(&ratios)), &spread);
    report.add(
        "agent CPU",
        &format!("{:.1} ms per 100,000 transitions", cpu * 1e8 / transitions),
        "everything the agent does, audits of the TIME_WAIT it causes included",
    );
    report.add(
        "events lost",
        &format!("{lost:.0}"),
        &format!("of {transitions:.0} at the highest rate both processors make"),
    );
    Ok(())
}

/// What comes in an interrupt of the program, where packets are handed to another processor as a network
/// card hands them over.
fn interrupts(report: &mut Report, connections: u64) -> Result<()> {
    const LOST: &str = "tcpmon_events_lost_total";
    const SKIPPED: &str = "reason=\"recursion\"";
    let agent = Agent::start()?;
    let before = agent.metrics()?;
    in_prepared_namespace(STEERED, &churn(connections))?;
    let after = agent.settled(&before)?;
    agent.stop()?;
    let stood_in = after.grew(&before, "tcpmon_events_stood_in_total");
    let missed = after.sum_of(LOST, SKIPPED) - before.sum_of(LOST, SKIPPED);
    let transitions = after.grew(&before, "tcpmon_events_total");
    report.add(
        "recorded by the stand-in",
        &format!("{stood_in:.0} of {transitions:.0} transitions"),
        &format!(
            "packets of loopback received by either processor (RPS): the kernel skipped the program in \
             interrupts of itself; neither recorded {missed:.0}"
        ),
    );
    Ok(())
}

fn churn(connections: u64) -> Vec<String> {
    let connections = connections.to_string();
    ["churn", "--workers", "2", "--connections", &connections]
        .map(Into::into)
        .into()
}

/// Runs a load in a network namespace of its own; units per second.
fn in_namespace(load: &[String]) -> Result<f64> {
    in_prepared_namespace("true", load)
}

/// Has any processor receive the packets of loopback. Each namespace has its own sysfs.
const STEERED: &str = "mount -t sysfs sysfs /sys && \
    printf '%x' $(((1 << $(nproc)) - 1)) > /sys/class/net/lo/queues/rx-0/rps_cpus";

/// The same after a shell command there; units per second.
fn in_prepared_namespace(preparation: &str, load: &[String]) -> Result<f64> {
    let itself = std::env::current_exe().context("cannot find this program")?;
    let script = format!("{preparation} && ip link set lo up && exec \"$@\"");
    let output = sh("unshare")
        .args(["--net", "--mount", "--", "sh", "-c", &script, "sh"])
        .args([itself.into_os_string(), "load".into()])
        .args(load)
        .stdout()
        .context("the load failed: a namespace of its own needs root, and `ip`")?;
    let last = output.lines().last().unwrap_or_default();
    let mut words = last.split(' ').skip(1);
    let (units, seconds): (f64, f64) = match (words.next(), words.next()) {
        (Some(units), Some(seconds)) => (units.parse()?, seconds.parse()?),
        _ => bail!("the load said {last:?}"),
    };
    Ok(units / seconds)
}

/// The kernel's run-time statistics of BPF programs, on while this lives.
struct Statistics {
    before: String,
}

const STATISTICS: &str = "/proc/sys/kernel/bpf_stats_enabled";

impl Statistics {
    fn enable() -> Result<Self> {
        let before =
            std::fs::read_to_string(STATISTICS).context("the kernel has no BPF statistics")?;
        std::fs::write(STATISTICS, "1")
            .with_context(|| format!("cannot write {STATISTICS}: run as root"))?;
        Ok(Self { before })
    }
}

impl Drop for Statistics {
    fn drop(&mut self) {
        if let Err(error) = std::fs::write(STATISTICS, &self.before) {
            eprintln!("cannot restore {STATISTICS}: {error}");
        }
    }
}

/// The binary that is measured.
fn tcpmon() -> PathBuf {
    target_dir().join("release/tcpmon")
}
