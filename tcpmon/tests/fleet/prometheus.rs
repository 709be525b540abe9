//! A real Prometheus, a process of its own, that scrapes a fleet.

use std::fs::{self, File};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::Duration;

use anyhow::{Context as _, ensure};
use serde_json::json;
use tempfile::TempDir;

use crate::tools;

/// How often the log is looked at while it starts, and for how long.
const STEP: Duration = Duration::from_millis(50);
const STEPS: u32 = 600;

/// Where a host's metrics are.
#[derive(Clone, Debug)]
pub(crate) struct Target {
    /// What it is called.
    pub(crate) instance: String,
    pub(crate) address: SocketAddr,
    pub(crate) path: String,
}

/// Dropping it ends it.
pub(crate) struct Prometheus {
    process: Child,
    place: TempDir,
    pub(crate) address: SocketAddr,
}

impl Prometheus {
    /// Starts one that scrapes these targets as the job `tcpmon`; `None` where it is not installed.
    pub(crate) fn start(
        targets: &[Target],
        interval_seconds: u64,
        rules: bool,
    ) -> anyhow::Result<Option<Self>> {
        let Some(program) = tools::find("prometheus") else {
            return Ok(None);
        };
        let place = TempDir::new()?;
        write_targets(place.path(), targets)?;
        let rule_files = if rules {
            rule_file(place.path())?
        } else {
            String::new()
        };
        let config = format!(
            "global: {{scrape_interval: {interval_seconds}s, scrape_timeout: {interval_seconds}s, \
             evaluation_interval: {interval_seconds}s}}\n\
             {rule_files}\
             scrape_configs:\n- job_name: tcpmon\n  file_sd_configs: [{{files: [targets.json]}}]\n\
             - job_name: prometheus\n  file_sd_configs: [{{files: [own.json]}}]\n"
        );
        fs::write(place.path().join("prometheus.yml"), config)?;
        fs::write(place.path().join("own.json"), "[]")?;
        let log = place.path().join("log");
        let mut process = Command::new(program)
            .args(["--web.listen-address=127.0.0.1:0", "--web.enable-admin-api"])
            .arg("--config.file")
            .arg(place.path().join("prometheus.yml"))
            .arg("--storage.tsdb.path")
            .arg(place.path().join("data"))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(File::create(&log)?)
            .spawn()
            .context("cannot start prometheus")?;
        let address = listening(&mut process, &log)?;
        let prometheus = Self {
            process,
            place,
            address,
        };
        // What it costs is in its own metrics.
        let own = json!([{"targets": [address.to_string()]}]);
        fs::write(prometheus.place.path().join("own.json"), own.to_string())?;
        Ok(Some(prometheus))
    }

    /// The URL of its API.
    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Scrapes these from now on.
    pub(crate) fn retarget(&self, targets: &[Target]) -> anyhow::Result<()> {
        write_targets(self.place.path(), targets)
    }

    /// Where it keeps its data.
    pub(crate) fn data(&self) -> PathBuf {
        self.place.path().join("data")
    }
}

impl Drop for Prometheus {
    fn drop(&mut self) {
        drop(self.process.kill());
        drop(self.process.wait());
    }
}

/// The file is replaced at once, or Prometheus might read half of it.
fn write_targets(place: &Path, targets: &[Target]) -> anyhow::Result<()> {
    let groups = targets.iter().map(|target| {
        json!({
            "targets": [target.address.to_string()],
            "labels": {"instance": target.instance, "__metrics_path__": target.path},
        })
    });
    let groups: Vec<_> = groups.collect();
    let new = place.join("targets.new");
    fs::write(&new, serde_json::to_vec(&groups)?)?;
    fs::rename(new, place.join("targets.json"))?;
    Ok(())
}

/// The recording rules that are shipped.
fn shipped_rules() -> PathBuf {
    let package = Path::new(env!("CARGO_MANIFEST_DIR"));
    package.join("../deploy/prometheus/tcpmon.rules.yml")
}

/// Whether there are any.
pub(crate) fn has_rules() -> bool {
    shipped_rules().is_file()
}

fn rule_file(place: &Path) -> anyhow::Result<String> {
    let shipped = shipped_rules();
    fs::copy(&shipped, place.join("tcpmon.rules.yml"))
        .with_context(|| format!("cannot read {}", shipped.display()))?;
    Ok("rule_files: [tcpmon.rules.yml]\n".to_owned())
}

/// Where it listens, as its log says, once it does.
fn listening(process: &mut Child, log: &Path) -> anyhow::Result<SocketAddr> {
    for _ in 0..STEPS {
        let lines = fs::read_to_string(log)?;
        let address = lines.lines().find_map(|line| {
            let (_, address) = line.split_once("msg=\"Listening on\" address=")?;
            address.trim().parse().ok()
        });
        if let Some(address) = address.filter(|_| lines.contains("Server is ready")) {
            return Ok(address);
        }
        ensure!(process.try_wait()?.is_none(), "prometheus ended: {lines}");
        thread::sleep(STEP);
    }
    anyhow::bail!("prometheus does not listen: {}", fs::read_to_string(log)?)
}
