//! `cargo xtask scale`: measures what a fleet costs Prometheus, and writes `docs/scale.md` with what
//! follows for larger ones.

use std::fmt::Write as _;
use std::fs;

use anyhow::{Context as _, Result};
use serde_json::Value;

use crate::load::fleet;
use crate::sh::repository;
use crate::tools;

/// Hosts that are calculated for.
const FLEETS: [f64; 3] = [1_000.0, 10_000.0, 50_000.0];
/// Seconds between two scrapes that are calculated for.
const INTERVALS: [f64; 3] = [15.0, 30.0, 60.0];
const DAY: f64 = 86_400.0;
const GIB: f64 = 1_073_741_824.0;

/// Measure a simulated fleet for about five minutes and write docs/scale.md
#[derive(clap::Args)]
pub(crate) struct Args {
    /// Hosts that are simulated
    #[arg(long, default_value_t = 200)]
    hosts: u64,
    /// Seconds between two scrapes
    #[arg(long, default_value_t = 2)]
    interval: u64,
    /// Scrapes of each host: 120 fill what Prometheus compresses at a time
    #[arg(long, default_value_t = 125)]
    scrapes: u64,
}

/// Runs `cargo xtask scale`.
pub(crate) fn run(args: &Args) -> Result<()> {
    // It comes with the server.
    tools::install_one("promtool")?;
    let found = fleet::measure(args.hosts, args.interval, args.scrapes);
    let found = found.context("the fleet could not be measured")?;
    let found: Value = serde_json::from_slice(&found).context("it printed no JSON")?;
    let path = repository().join("docs/scale.md");
    fs::write(&path, document(&found)?).with_context(|| format!("cannot write {path:?}"))?;
    println!("{} is written", path.display());
    Ok(())
}

/// What was measured.
struct Measured<'a>(&'a Value);

impl Measured<'_> {
    fn number(&self, pointer: &str) -> Result<f64> {
        let value = self.0.pointer(pointer).and_then(Value::as_f64);
        value.with_context(|| format!("{pointer} was not measured"))
    }
}

fn document(found: &Value) -> Result<String> {
    let measured = Measured(found);
    let mut text = String::from(INTRODUCTION);
    measured_table(&mut text, &measured)?;
    text.push_str(CALCULATED);
    calculated_table(&mut text, &measured)?;
    text.push_str(ADVICE);
    Ok(text)
}

/// What Prometheus has of one host, from what was measured of all.
struct PerHost {
    samples: f64,
    series: f64,
    plain_bytes: f64,
    sent_bytes: f64,
    sample_bytes: f64,
    index_bytes: f64,
    memory_bytes: f64,
}

impl PerHost {
    fn of(measured: &Measured<'_>) -> Result<Self> {
        let number = |pointer| measured.number(pointer);
        let hosts = number("/hosts")?;
        let memory = number("/memory_bytes")? - number("/idle_memory_bytes")?;
        Ok(Self {
            samples: number("/scraped_samples")?,
            series: number("/series")? / hosts,
            plain_bytes: number("/plain_bytes")?,
            sent_bytes: number("/sent_bytes")?,
            sample_bytes: number("/block/chunk_bytes")? / number("/block/samples")?,
            index_bytes: number("/block/index_bytes")? / hosts,
            memory_bytes: memory / hosts,
        })
    }
}

fn measured_table(text: &mut String, measured: &Measured<'_>) -> Result<()> {
    let host = PerHost::of(measured)?;
    let number = |pointer| measured.number(pointer);
    let hosts = number("/hosts")?;
    let rows = [
        ("hosts", format!("{hosts:.0}")),
        (
            "samples of one scrape of one host",
            format!("{:.0}", host.samples),
        ),
        (
            "series in Prometheus per host, with `up` and its like and the recording rules",
            format!("{:.0}", host.series),
        ),
        (
            "bytes of one scrape as text",
            format!("{:.0}", host.plain_bytes),
        ),
        (
            "the same with gzip, as Prometheus asks for it",
            format!("{:.0}", host.sent_bytes),
        ),
        (
            "seconds between two scrapes, while this was measured",
            format!("{:.0}", number("/interval_seconds")?),
        ),
        (
            "samples per second",
            format!("{:.0}", number("/samples_per_second")?),
        ),
        (
            "resident memory of Prometheus, idle and then",
            format!(
                "{:.0} MiB, {:.0} MiB",
                number("/idle_memory_bytes")? / 1_048_576.0,
                number("/memory_bytes")? / 1_048_576.0
            ),
        ),
        (
            "memory per series",
            format!("{:.0} bytes", host.memory_bytes / host.series),
        ),
        (
            "disk per sample, without the index",
            format!("{:.2} bytes", host.sample_bytes),
        ),
        (
            "samples of each series in that",
            format!(
                "{:.0}",
                number("/block/samples")? / number("/block/series")?
            ),
        ),
        (
            "index per series and block",
            format!("{:.0} bytes", host.index_bytes / host.series),
        ),
        (
            "`tcpmon top --prometheus`, one look at all hosts",
            format!(
                "{:.0} ms, {:.0} queries",
                number("/look_ms")?,
                number("/queries")?
            ),
        ),
    ];
    text.push_str("| | measured |\n|---|---:|\n");
    for (name, value) in rows {
        writeln!(text, "| {name} | {value} |")?;
    }
    Ok(())
}

fn calculated_table(text: &mut String, measured: &Measured<'_>) -> Result<()> {
    let host = PerHost::of(measured)?;
    text.push_str(
        "| hosts | every | series | samples/s | scraped, gzip | memory | disk per day |\n\
         |---:|---:|---:|---:|---:|---:|---:|\n",
    );
    for hosts in FLEETS {
        for interval in INTERVALS {
            let rate = hosts * host.samples / interval;
            let wire = hosts * host.sent_bytes / interval;
            let memory = hosts * host.memory_bytes;
            // Two-hour blocks; later ones are joined, so that this is the most.
            let index = hosts * host.index_bytes * 12.0;
            let disk = rate * DAY * host.sample_bytes + index;
            writeln!(
                text,
                "| {hosts:.0} | {interval:.0} s | {:.1}M | {rate:.0} | {:.2} MiB/s | {:.1} GiB | {:.1} GiB |",
                hosts * host.series / 1e6,
                wire / 1_048_576.0,
                memory / GIB,
                disk / GIB
            )?;
        }
    }
    Ok(())
}

const INTRODUCTION: &str = "\
# What a fleet costs

Written by `cargo xtask scale`. It starts simulated hosts, each with a table of its own, fed as the kernel
would feed it; the agent's own code renders what is scraped, and a real Prometheus scrapes it and evaluates
`deploy/prometheus/tcpmon.rules.yml`. `cargo xtask load fleet` starts the same to look at.

A simulated host has three programs, a few destinations and some dozens to hundreds of sockets. The number of
sockets changes nothing here: series are those of programs, listeners, destinations and namespaces, and never
more than `--metrics.series-limit`, by default 10,000 a host. A host with a hundred services has more series
than these; `tcpmon_series` says how many, and `sum(tcpmon_series)` how many a fleet has.

## Measured

";

const CALCULATED: &str = "
The disk per sample is that of a snapshot of Prometheus' head. A block has 120 samples in a chunk; where fewer were
scraped, each costs more than it will. Values on simulated hosts change at every scrape; where less happens, samples
are smaller. Memory is what the process had, with what Go's collector had not given back yet.

## Calculated from that

Series and samples grow with the number of hosts, and nothing else does; the memory is what Prometheus took per
series. Its write-ahead log comes to it, of about two to three hours.

";

const ADVICE: &str = "
## What makes it cheap

- **Scrape every 30 or 60 s.** Verdicts are made on the host, within seconds, and stand until the trouble is
  over: a scrape that comes later loses nothing but the resolution of curves. Above two minutes Prometheus takes
  series for gone between scrapes.
- **Fewer label sets** where nobody asks for them: `--metrics.labels process` leaves out listeners,
  destinations and namespaces. What is left of each set beyond its share of the budget is summed as `other`.
- **Recording rules** (`deploy/prometheus/tcpmon.rules.yml`). A question about all hosts then reads one series
  per host instead of one per state, per process or per destination. `tcpmon top --prometheus` uses those of
  them that the server has, and works without.
- **A Prometheus above others** needs the recorded series alone. Federation takes them with
  `match[]={__name__=~\"instance[a-z_]*:tcpmon_.*\"}`; with remote write, it is enough to keep `up`,
  `scrape_duration_seconds`, `instance.*:tcpmon_.*` and
  `tcpmon_(build_info|time_seconds|sockets|verdicts|process_verdicts|events_lost_total|drift_total)`: the list of
  hosts in `tcpmon top --prometheus` is made of these. What is inside a host is asked of the server that has it.
- **Prometheus in agent mode** on sites with little memory: it scrapes and forwards, keeps no blocks and
  evaluates no rules; those run where the samples arrive.
- **Several servers**, split by `hashmod` on the address, where one has not the memory: each with the rules, and one
  above them.

The number of queries of `tcpmon top --prometheus` does not depend on the number of hosts: one for each thing in
the list above, and five more for one host that is opened. `-d 30s` asks less often.
";

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn found() -> Value {
        json!({
            "hosts": 200, "interval_seconds": 2, "series": 80_000.0, "scraped_samples": 390.0,
            "plain_bytes": 40_000.0, "sent_bytes": 4_000.0, "samples_per_second": 39_000.0,
            "idle_memory_bytes": 50e6, "memory_bytes": 450e6, "look_ms": 41.5, "queries": 12,
            "block": {"samples": 1_000_000, "series": 80_000, "chunk_bytes": 1_500_000,
                      "index_bytes": 8_000_000}
        })
    }

    #[test]
    fn figures_follow_from_what_was_measured() {
        let text = document(&found()).unwrap();
        assert!(
            text.contains("| memory per series | 5000 bytes |"),
            "{text}"
        );
        assert!(
            text.contains("| disk per sample, without the index | 1.50 bytes |"),
            "{text}"
        );
        assert!(text.contains("| 10000 | 15 s | 4.0M | 260000 |"), "{text}");
        assert!(text.lines().all(|line| line.len() <= 140), "{text}");
    }

    #[test]
    fn what_is_missing_is_no_document() {
        assert!(document(&json!({"hosts": 1})).is_err());
    }
}
