//! What a scrape costs where there are many processes, and what the collector of node_exporter costs
//! that counts the same sockets.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use nix::sched::{CloneFlags, setns};

use super::agent::{self, Agent, Metrics};
use super::held::Held;
use super::report::{Report, median};
use super::timed;
use crate::tools;

/// Sockets held, one after the other.
const SIZES: [u64; 3] = [10_000, 100_000, 500_000];
const PROCESSES: u64 = 2_000;
/// Scrapes of each.
const TIMES: usize = 21;
/// Scrapes of node_exporter, which takes longer.
const OTHERS_TIMES: usize = 5;
/// Looks for the processes to be known, a second each: 200 of them are looked at in one go.
const LOOKS: usize = 120;
/// The namespace is that of the sockets, whose ports the kernel chooses: this one is free.
const NODE_EXPORTER: &str = "127.0.0.1:9100";

struct Size {
    sockets: u64,
    scrape: f64,
    bytes: usize,
    series: usize,
    dropped: f64,
    turn: f64,
    turn_cpu: f64,
    node: Option<Node>,
}

struct Node {
    scrape: f64,
    series: usize,
}

/// Measures all sizes.
pub(super) fn measure(report: &mut Report) -> Result<()> {
    tools::install()?;
    let node_exporter = tools::find("prometheus-node-exporter");
    let mut sizes = Vec::new();
    for sockets in SIZES {
        eprintln!("holding {sockets} sockets in {PROCESSES} processes");
        let held = Held::open(sockets, PROCESSES)?;
        let agent = Agent::start()?;
        agent.seeded()?;
        until_known(&agent, &held)?;
        sizes.push(one(&agent, &held, node_exporter.as_deref())?);
        agent.stop()?;
    }
    side_by_side(report, &sizes);
    Ok(())
}

/// Waits until the agent knows whose the sockets are.
fn until_known(agent: &Agent, held: &Held) -> Result<()> {
    let mut known = 0.0;
    for _ in 0..LOOKS {
        let metrics = agent.metrics()?;
        let of_nobody = metrics.sum_of("tcpmon_process_sockets", "process=\"\"");
        known = metrics.sum("tcpmon_process_sockets") - of_nobody;
        if known >= held.sockets as f64 {
            return Ok(());
        }
        thread::sleep(Duration::from_secs(1));
    }
    bail!(
        "the agent knows the processes of {known} sockets of {}",
        held.sockets
    )
}

fn one(agent: &Agent, held: &Held, node_exporter: Option<&Path>) -> Result<Size> {
    let mut scrapes = Vec::new();
    let mut last = String::new();
    for _ in 0..TIMES {
        let (seconds, page) = timed(|| agent.page());
        last = page?;
        scrapes.push(seconds);
    }
    let metrics = Metrics::parse(&last);
    Ok(Size {
        sockets: held.sockets,
        scrape: median(&scrapes),
        bytes: last.len(),
        series: metrics.len(),
        dropped: metrics.sum("tcpmon_series_dropped"),
        turn: metrics.sum("tcpmon_scrape_longest_turn_seconds"),
        turn_cpu: metrics.sum("tcpmon_scrape_longest_turn_cpu_seconds"),
        node: node_exporter
            .map(|program| node(program, held))
            .transpose()?,
    })
}

/// A running node_exporter. Killed when dropped.
struct NodeExporter(Child);

impl Drop for NodeExporter {
    fn drop(&mut self) {
        drop(self.0.kill());
        drop(self.0.wait());
    }
}

/// The collector of TCP states alone, in the namespace of the sockets: it sees no other.
fn node(program: &Path, held: &Held) -> Result<Node> {
    let namespace = PathBuf::from(held.namespace());
    let _running = NodeExporter(
        Command::new("nsenter")
            .arg(format!("--net={}", namespace.display()))
            .arg("--")
            .arg(program)
            .args(["--collector.disable-defaults", "--collector.tcpstat"])
            .arg(format!("--web.listen-address={NODE_EXPORTER}"))
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .context("cannot run `nsenter`")?,
    );
    let ask = move || -> Result<(f64, String)> {
        setns(File::open(&namespace)?, CloneFlags::CLONE_NEWNET)?;
        let mut scrapes = Vec::new();
        let mut last = String::new();
        // It needs a moment to listen.
        for _ in 0..100 {
            if agent::page(NODE_EXPORTER).is_ok() {
                break;
            }
            thread::sleep(Duration::from_millis(50));
        }
        for _ in 0..OTHERS_TIMES {
            let (seconds, page) = timed(|| agent::page(NODE_EXPORTER));
            last = page?;
            scrapes.push(seconds);
        }
        Ok((median(&scrapes), last))
    };
    // Entering a namespace is for one thread, and for good.
    let asked = thread::spawn(ask).join();
    let (scrape, page) = asked.map_err(|_| anyhow::anyhow!("the scraper panicked"))??;
    let metrics = Metrics::parse(&page);
    let counted = metrics.sum_of("node_tcp_connection_states", "established");
    if counted < held.sockets as f64 {
        bail!("node_exporter counts {counted} sockets of {}", held.sockets);
    }
    Ok(Node {
        scrape,
        series: metrics.len(),
    })
}

fn side_by_side(report: &mut Report, sizes: &[Size]) {
    let mut row = |what: &str, how: &str, value: &dyn Fn(&Size) -> String| {
        let values: Vec<String> = sizes.iter().map(value).collect();
        report.add(what, &values.join(" · "), how);
    };
    let ms = |seconds: f64| format!("{:.1}", seconds * 1e3);
    row("sockets", "in 2,000 processes, side by side", &|size| {
        size.sockets.to_string()
    });
    row(
        "scrape of tcpmon, ms",
        "median of 21, with the connection, without compression",
        &|size| ms(size.scrape),
    );
    row("its series", "the limit is 10,000", &|size| {
        size.series.to_string()
    });
    row(
        "series in `other`",
        "would be there if there were room",
        &|size| format!("{:.0}", size.dropped),
    );
    row("its bytes, KiB", "", &|size| {
        format!("{:.0}", size.bytes as f64 / 1024.0)
    });
    row(
        "longest the owner copied in one go, ms",
        "by the clock, of all scrapes of that size",
        &|size| ms(size.turn),
    );
    row("the same, ms of CPU", "", &|size| ms(size.turn_cpu));
    row(
        "scrape of node_exporter, ms",
        "median of 5; the collector tcpstat alone, which counts states and no process",
        &|size| size.node.as_ref().map_or("-".into(), |it| ms(it.scrape)),
    );
    row("its series", "", &|size| {
        size.node
            .as_ref()
            .map_or("-".into(), |it| it.series.to_string())
    });
}
