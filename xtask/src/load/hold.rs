//! Connections that are opened, and then held without a byte of traffic.
//!
//! Many processes, because the limit of open files of one is lower than half a million. Each listens
//! on an address of its own, so that none runs out of ports. All end when the first one's standard
//! input does.

use std::fs;
use std::io::{self, BufRead as _, BufReader, Read as _, Write as _};
use std::net::{Ipv4Addr, SocketAddrV4, TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};

use anyhow::{Context as _, Result, bail};
use nix::sys::resource::{Resource, getrlimit, setrlimit};

/// Connections of one process at most: fewer than the ports towards one address.
const MOST: u64 = 20_000;
/// Open files a process needs besides.
const SPARE_FILES: u64 = 100;
/// What is printed once all connections are there.
pub(crate) const READY: &str = "ready";

/// Holds `connections`, both ends, in so many processes at least, until standard input ends.
pub(super) fn all(connections: u64, processes: u64) -> Result<()> {
    let hard = most_files()?;
    let least = connections.div_ceil(processes.max(1));
    let each = (hard.saturating_sub(SPARE_FILES) / 2).min(MOST).min(least);
    if each == 0 {
        bail!("the limit of open files, {hard}, is too low to hold any connection");
    }
    let mut parts: Vec<Part> = Vec::new();
    let mut left = connections;
    while left > 0 {
        let now = left.min(each);
        parts.push(Part::start(parts.len(), now)?);
        left -= now;
    }
    println!("{READY}");
    io::stdout().flush()?;
    until_input_ends()
}

/// Takes as many open files as are allowed, and says how many.
fn most_files() -> Result<u64> {
    let (_, hard) = getrlimit(Resource::RLIMIT_NOFILE)?;
    setrlimit(Resource::RLIMIT_NOFILE, hard, hard)?;
    Ok(hard)
}

/// A part: the connections of one process, which is called after its number.
pub(super) fn part(index: u16, connections: u64) -> Result<()> {
    most_files()?;
    fs::write("/proc/self/comm", format!("held-{index}")).context("cannot take a name")?;
    let [high, low] = index.to_be_bytes();
    let listener = TcpListener::bind(SocketAddrV4::new(Ipv4Addr::new(127, 1, high, low), 0))
        .context("cannot listen on loopback: is `lo` up?")?;
    let to = listener.local_addr()?;
    let mut held = Vec::new();
    for _ in 0..connections {
        let client = TcpStream::connect(to)?;
        held.push((client, listener.accept()?.0));
    }
    println!("{READY}");
    io::stdout().flush()?;
    until_input_ends()
}

fn until_input_ends() -> Result<()> {
    io::stdin().read_to_end(&mut Vec::new())?;
    Ok(())
}

/// A process with its part. Dropping it closes its input, and waits for its end.
struct Part(Child);

impl Part {
    fn start(index: usize, connections: u64) -> Result<Self> {
        let mut child = Command::new(std::env::current_exe()?)
            .args(["load", "hold-part"])
            .args(["--index", &(index + 1).to_string()])
            .args(["--connections", &connections.to_string()])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()?;
        let stdout = child.stdout.take().context("it has no stdout")?;
        let part = Self(child);
        let mut line = String::new();
        BufReader::new(stdout).read_line(&mut line)?;
        if line.trim_end() != READY {
            bail!("{connections} connections cannot be held: is there enough memory?");
        }
        Ok(part)
    }
}

impl Drop for Part {
    fn drop(&mut self) {
        drop(self.0.stdin.take());
        drop(self.0.wait());
    }
}
