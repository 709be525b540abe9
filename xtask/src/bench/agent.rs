//! An agent under measurement.

use std::collections::HashMap;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use anyhow::{Context as _, Result, bail};

/// A running agent. Killed when dropped.
pub(super) struct Agent {
    child: Child,
    address: String,
    // The socket's directory lives as long as the agent.
    directory: tempfile::TempDir,
}

/// `/metrics` at `address`.
pub(super) fn page(address: &str) -> Result<String> {
    let mut stream = TcpStream::connect(address)?;
    write!(
        stream,
        "GET /metrics HTTP/1.0\r\nHost: {address}\r\nConnection: close\r\n\r\n",
    )?;
    let mut text = String::new();
    stream.read_to_string(&mut text)?;
    let (_, body) = text.split_once("\r\n\r\n").context("no HTTP answer")?;
    Ok(body.to_owned())
}

/// A connection that is kept between scrapes, as a Prometheus keeps one: it leaves no TIME_WAIT, which
/// would be traffic to look after.
pub(super) struct Kept(BufReader<TcpStream>);

impl Kept {
    /// One more scrape.
    pub(super) fn metrics(&mut self) -> Result<Metrics> {
        (self.0.get_mut()).write_all(b"GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n")?;
        let mut length = None;
        loop {
            let mut line = String::new();
            self.0.read_line(&mut line)?;
            let line = line.trim_end().to_ascii_lowercase();
            if line.is_empty() {
                break;
            }
            if let Some(value) = line.strip_prefix("content-length:") {
                length = Some(value.trim().parse()?);
            }
        }
        let mut body = vec![0; length.context("an answer without its length")?];
        self.0.read_exact(&mut body)?;
        Ok(Metrics::parse(std::str::from_utf8(&body)?))
    }
}

/// One scrape: every sample by its name and labels.
pub(super) struct Metrics(HashMap<String, f64>);

impl Agent {
    pub(super) fn start() -> Result<Self> {
        let directory = tempfile::tempdir()?;
        let mut child = Command::new(super::tcpmon())
            .arg("agent")
            .arg("--socket")
            .arg(directory.path().join("tcpmon.sock"))
            .args(["--web.listen-address", "127.0.0.1:0"])
            .stderr(Stdio::piped())
            .spawn()
            .context("cannot start the agent")?;
        let stderr = child.stderr.take().context("the agent has no stderr")?;
        let mut said = Vec::new();
        let mut lines = BufReader::new(stderr).lines();
        let address = loop {
            let Some(line) = lines.next() else {
                bail!("the agent ended: {}", said.join("; "));
            };
            let line = line?;
            if let Some((_, rest)) = line.split_once("metrics=http://") {
                let address = rest.split('/').next().unwrap_or_default();
                break address.to_owned();
            }
            said.push(line);
        };
        // The pipe must not fill up: what the agent says from here on is read and forgotten.
        std::thread::spawn(move || lines.for_each(drop));
        Ok(Self {
            child,
            address,
            directory,
        })
    }

    pub(super) fn metrics(&self) -> Result<Metrics> {
        Ok(Metrics::parse(&self.page()?))
    }

    /// For many scrapes of an agent that is to rest in between.
    pub(super) fn keep(&self) -> Result<Kept> {
        Ok(Kept(BufReader::new(TcpStream::connect(&self.address)?)))
    }

    /// One scrape as it comes.
    pub(super) fn page(&self) -> Result<String> {
        page(&self.address)
    }

    /// The metrics once the agent has taken everything that was produced.
    pub(super) fn settled(&self, before: &Metrics) -> Result<Metrics> {
        for _ in 0..200 {
            let metrics = self.metrics()?;
            let produced = metrics.grew(before, "tcpmon_events_total");
            let delivered = metrics.grew(before, "tcpmon_events_delivered_total");
            let lost = metrics.grew(before, "tcpmon_events_lost_total");
            if delivered + lost >= produced {
                return Ok(metrics);
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        bail!("the agent has not caught up within four seconds")
    }

    /// The metrics right after the first audit.
    pub(super) fn seeded(&self) -> Result<Metrics> {
        for _ in 0..1000 {
            let metrics = self.metrics()?;
            if metrics.sum("tcpmon_audits_total") > 0.0 {
                return Ok(metrics);
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        bail!("no audit has ended within twenty seconds")
    }

    /// Its unix socket.
    pub(super) fn socket(&self) -> PathBuf {
        self.directory.path().join("tcpmon.sock")
    }

    /// `tcpmon ls --limit LIMIT`.
    pub(super) fn ls(&self, limit: u32) -> Result<()> {
        let socket = self.socket();
        let output = Command::new(super::tcpmon())
            .args(["ls", "--limit", &limit.to_string(), "--socket"])
            .arg(socket)
            .output()?;
        if !output.status.success() {
            bail!(
                "`tcpmon ls` failed: {}",
                String::from_utf8_lossy(&output.stderr)
            );
        }
        Ok(())
    }

    pub(super) fn stop(mut self) -> Result<()> {
        let pid = nix::unistd::Pid::from_raw(i32::try_from(self.child.id())?);
        nix::sys::signal::kill(pid, nix::sys::signal::Signal::SIGTERM)?;
        let status = self.child.wait()?;
        if !status.success() {
            bail!("the agent ended with {status}");
        }
        Ok(())
    }
}

impl Drop for Agent {
    fn drop(&mut self) {
        // It has ended already unless something went wrong.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

impl Metrics {
    pub(super) fn parse(text: &str) -> Self {
        let samples = text.lines().filter(|line| !line.starts_with('#'));
        Self(
            samples
                .filter_map(|line| {
                    let (name, value) = line.rsplit_once(' ')?;
                    Some((name.to_owned(), value.parse().ok()?))
                })
                .collect(),
        )
    }

    /// By how much a metric, summed over its labels, has grown.
    pub(super) fn grew(&self, before: &Self, name: &str) -> f64 {
        self.sum(name) - before.sum(name)
    }

    /// Samples there are.
    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    /// A metric, summed over the series with `label` in their labels.
    pub(super) fn sum_of(&self, name: &str, label: &str) -> f64 {
        let samples = self.0.iter().filter(|(sample, _)| {
            let labels = sample.strip_prefix(name);
            labels.is_some_and(|labels| labels.starts_with('{') && labels.contains(label))
        });
        samples.map(|(_, value)| value).sum()
    }

    /// A metric, summed over its labels.
    pub(super) fn sum(&self, name: &str) -> f64 {
        self.0
            .iter()
            .filter(|(sample, _)| sample.split('{').next() == Some(name))
            .map(|(_, value)| value)
            .sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_are_summed_and_other_names_left_out() {
        let before = Metrics::parse("# HELP a b\na{x=\"1\"} 1\na{x=\"2\"} 2\nab 50\n");
        let after = Metrics::parse("a{x=\"1\"} 4\na{x=\"2\"} 2\nab 50\n");
        assert_eq!(after.grew(&before, "a"), 3.0);
    }
}
