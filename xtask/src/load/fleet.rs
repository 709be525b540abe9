//! A simulated fleet, scraped by a real Prometheus.

use anyhow::Result;

use crate::sh::cargo;
use crate::tools;

/// Runs it until standard input ends. The program is an example of the crate, because it renders its
/// metrics with the agent's own code.
pub(crate) fn run(hosts: u64) -> Result<()> {
    // It comes with the server.
    tools::install_one("promtool")?;
    cargo(&[
        "run",
        "--quiet",
        "--locked",
        "--package",
        "tcpmon",
        "--example",
        "fleet",
    ])
    .args(["--", "--hosts", &hosts.to_string()])
    .run()
}

/// Measures what it costs, and returns what was found.
pub(crate) fn measure(hosts: u64, interval: u64, scrapes: u64) -> Option<Vec<u8>> {
    let [hosts, interval, scrapes] = [hosts, interval, scrapes].map(|number| number.to_string());
    cargo(&[
        "run",
        "--quiet",
        "--locked",
        "--package",
        "tcpmon",
        "--example",
        "fleet",
    ])
    .args(["--", "--hosts", &hosts, "--interval", &interval])
    .args(["--measure", &scrapes])
    .bytes()
}
