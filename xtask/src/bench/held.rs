//! Many connections held in a network namespace of their own, and `ss` in there.

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::process::{Child, Command, Stdio};

use anyhow::{Context as _, Result, bail};

use super::timed;
use crate::load::hold::READY;
use crate::sh::sh;

/// Kernel memory of one established socket on loopback, with its file and what the test holds
/// besides, rounded up: 2.7 to 3.6 GiB were measured for half a million.
const BYTES_PER_SOCKET: u64 = 12 << 10;

/// Memory of one of the processes that hold them, rounded up.
const BYTES_PER_PROCESS: u64 = 2 << 20;

/// Connections that are there as long as this.
pub(super) struct Held {
    child: Child,
    pub(super) sockets: u64,
}

impl Held {
    /// Opens connections with so many sockets at their two ends, in so many processes at least.
    pub(super) fn open(sockets: u64, processes: u64) -> Result<Self> {
        let needed = sockets * BYTES_PER_SOCKET + processes * BYTES_PER_PROCESS;
        let free = available()?;
        if free < needed {
            bail!(
                "{sockets} sockets need about {} MiB of memory, and {} MiB are available",
                needed >> 20,
                free >> 20
            );
        }
        let script =
            "ip link set lo up && exec \"$0\" load hold --connections \"$1\" --processes \"$2\"";
        let mut child = Command::new("unshare")
            .args(["--net", "--", "sh", "-c", script])
            .arg(std::env::current_exe()?)
            .args([(sockets / 2).to_string(), processes.to_string()])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .context("cannot run `unshare`")?;
        let stdout = child.stdout.take().context("it has no stdout")?;
        let held = Self { child, sockets };
        let mut line = String::new();
        BufReader::new(stdout).read_line(&mut line)?;
        if line.trim_end() != READY {
            bail!("{sockets} sockets cannot be held: that needs root and `ip`");
        }
        Ok(held)
    }

    /// Path of the namespace they are in.
    pub(super) fn namespace(&self) -> String {
        format!("/proc/{}/ns/net", self.child.id())
    }

    /// Wall-clock seconds of `ss -tan` in the namespace, its output thrown away.
    pub(super) fn ss(&self) -> Result<f64> {
        let namespace = format!("--net={}", self.namespace());
        let command = sh("nsenter").args([namespace.as_str(), "--", "ss", "-tanH"]);
        let (seconds, output) = timed(|| command.bytes());
        let lines = output
            .context("`ss` failed: it is in the package iproute2")?
            .iter()
            .filter(|byte| **byte == b'\n')
            .count() as u64;
        if lines < self.sockets {
            bail!("`ss` shows {lines} sockets of {}", self.sockets);
        }
        Ok(seconds)
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        // All its processes end with its input.
        drop(self.child.stdin.take());
        drop(self.child.wait());
    }
}

/// `MemAvailable`, in bytes.
fn available() -> Result<u64> {
    let text = fs::read_to_string("/proc/meminfo").context("cannot read /proc/meminfo")?;
    let line = text
        .lines()
        .find_map(|line| line.strip_prefix("MemAvailable:"))
        .context("/proc/meminfo has no MemAvailable")?;
    let kib: u64 = line.trim().trim_end_matches(" kB").parse()?;
    Ok(kib << 10)
}
