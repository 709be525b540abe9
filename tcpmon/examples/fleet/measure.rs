//! What a fleet costs: bytes on the wire, series, samples, memory, disk, and time of a look at it.

use std::fs;
use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::path::Path;
use std::sync::atomic::Ordering;
use std::thread;
use std::time::Duration;

use anyhow::{Context as _, ensure};
use serde_json::{Value, json};
use tcpmon::clock;
use tcpmon::core::fleet::{Fleet, Question};
use tcpmon::promql::{Options, Server};
use tokio::runtime::Runtime;

use crate::prometheus::Prometheus;
use crate::stage::Stage;

/// Looks at the fleet, of which the middle one counts.
const LOOKS: usize = 5;
/// How long the first scrape of every host may take, in seconds.
const PATIENCE: u64 = 300;

/// Scrapes every host so often, and tells what that took.
pub(crate) fn measure(
    stage: &Stage,
    prometheus: &Prometheus,
    interval_seconds: u64,
    scrapes: u64,
) -> anyhow::Result<Value> {
    let idle_bytes = own(prometheus, "process_resident_memory_bytes")?;
    let idle_series = own(prometheus, "prometheus_tsdb_head_series")?;
    prometheus.retarget(&stage.targets)?;
    let runtime = Runtime::new()?;
    let server = Server::new(&Options {
        url: prometheus.url(),
        config: None,
        timeout: Duration::from_secs(60),
    })?;
    let fleet = || runtime.block_on(server.ask(&Question::default()));
    all_up(fleet, stage.targets.len())?;
    let before = own(prometheus, "prometheus_tsdb_head_samples_appended_total")?;
    let began_ns = clock::boottime_ns();
    thread::sleep(Duration::from_secs(interval_seconds * scrapes));
    let seconds = (clock::boottime_ns() - began_ns) as f64 / 1e9;
    let after = own(prometheus, "prometheus_tsdb_head_samples_appended_total")?;
    let served = &stage.exporter.served;
    let count = |of: &std::sync::atomic::AtomicU64| of.load(Ordering::Relaxed) as f64;
    let scrapes = count(&served.scrapes);
    let hosts = stage.targets.len();
    let look_ms = look(&runtime, &server)?;
    let block = block(prometheus)?;
    Ok(json!({
        "hosts": hosts,
        "interval_seconds": interval_seconds,
        "series": own(prometheus, "prometheus_tsdb_head_series")? - idle_series,
        "scraped_samples": scraped(prometheus)?,
        "plain_bytes": count(&served.plain_bytes) / scrapes,
        "sent_bytes": count(&served.sent_bytes) / scrapes,
        "samples_per_second": (after - before) / seconds,
        "idle_memory_bytes": idle_bytes,
        "memory_bytes": own(prometheus, "process_resident_memory_bytes")?,
        "block": block,
        "look_ms": look_ms,
        "queries": fleet()?.queries,
    }))
}

fn all_up<E>(fleet: impl Fn() -> Result<Fleet, E>, hosts: usize) -> anyhow::Result<()> {
    for _ in 0..PATIENCE {
        // Before the first scrape there is no data, which is an error.
        if fleet().is_ok_and(|fleet| fleet.hosts.len() == hosts) {
            return Ok(());
        }
        thread::sleep(Duration::from_secs(1));
    }
    anyhow::bail!("{hosts} hosts were not scraped within {PATIENCE} s")
}

/// Milliseconds of a look at the whole fleet.
fn look(runtime: &Runtime, server: &Server) -> anyhow::Result<f64> {
    let mut times = Vec::new();
    for _ in 0..LOOKS {
        let began_ns = clock::boottime_ns();
        runtime.block_on(server.ask(&Question::default()))?;
        times.push((clock::boottime_ns() - began_ns) as f64 / 1e6);
    }
    times.sort_by(f64::total_cmp);
    Ok(times[LOOKS / 2])
}

/// What Prometheus says of itself, summed over the series of a metric.
fn own(prometheus: &Prometheus, metric: &str) -> anyhow::Result<f64> {
    let text = http(prometheus, "GET", "/metrics")?;
    let values = text.lines().filter_map(|line| {
        let (series, value) = line.rsplit_once(' ')?;
        let name = series.split('{').next()?;
        (name == metric).then(|| value.parse::<f64>().ok())?
    });
    let values: Vec<f64> = values.collect();
    ensure!(!values.is_empty(), "Prometheus has no {metric}");
    Ok(values.iter().sum())
}

/// Samples of one scrape of one host, on average.
fn scraped(prometheus: &Prometheus) -> anyhow::Result<f64> {
    let query = "avg(scrape_samples_scraped{job=\"tcpmon\"} > 0)";
    let query = percent_encoding::utf8_percent_encode(query, percent_encoding::NON_ALPHANUMERIC);
    let answer = http(prometheus, "GET", &format!("/api/v1/query?query={query}"))?;
    let (_, body) = answer.split_once("\r\n\r\n").context("no body")?;
    let body: Value = serde_json::from_str(body)?;
    let value = &body["data"]["result"][0]["value"][1];
    Ok(value.as_str().context("no value")?.parse()?)
}

/// What is in memory, written as it would be to disk: samples, bytes of them, bytes of the index.
fn block(prometheus: &Prometheus) -> anyhow::Result<Value> {
    let answer = http(prometheus, "POST", "/api/v1/admin/tsdb/snapshot")?;
    let (_, body) = answer.split_once("\r\n\r\n").context("no body")?;
    let body: Value = serde_json::from_str(body)?;
    let name = body["data"]["name"].as_str().context("no snapshot")?;
    let snapshot = prometheus.data().join("snapshots").join(name);
    let (mut samples, mut series, mut chunks, mut index) = (0, 0, 0, 0);
    for block in fs::read_dir(&snapshot)? {
        let block = block?.path();
        let meta: Value = serde_json::from_slice(&fs::read(block.join("meta.json"))?)?;
        samples += meta["stats"]["numSamples"].as_u64().unwrap_or(0);
        series += meta["stats"]["numSeries"].as_u64().unwrap_or(0);
        chunks += size(&block.join("chunks"))?;
        index += fs::metadata(block.join("index"))?.len();
    }
    ensure!(samples > 0, "nothing in the snapshot");
    Ok(json!({"samples": samples, "series": series, "chunk_bytes": chunks, "index_bytes": index}))
}

fn size(directory: &Path) -> anyhow::Result<u64> {
    let files = fs::read_dir(directory)?;
    files.map(|file| Ok(file?.metadata()?.len())).sum()
}

/// By HTTP/1.0, so that the answer ends where the connection does.
fn http(prometheus: &Prometheus, method: &str, path: &str) -> anyhow::Result<String> {
    let mut stream = TcpStream::connect(prometheus.address)?;
    let request =
        format!("{method} {path} HTTP/1.0\r\nhost: localhost\r\ncontent-length: 0\r\n\r\n");
    stream.write_all(request.as_bytes())?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    Ok(answer)
}
