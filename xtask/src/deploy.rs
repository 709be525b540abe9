//! `cargo xtask deploy`: checks what is in `deploy/` with the programs that will read it.

mod kubernetes;
mod objects;
mod prometheus;
pub(crate) mod tools;
mod unit;

use std::env;

use anyhow::{Result, bail};

/// Check what is in deploy/: Kubernetes objects against their schemas and the chart against kustomize,
/// rules and scrape configurations with promtool, the unit with systemd-analyze
#[derive(clap::Args)]
pub(crate) struct Args {}

/// What a part of the check needs and this machine lacks, in a few words.
type Missing = Option<String>;
/// A part: its name, and the check.
type Part = (&'static str, fn() -> Result<Missing>);

const PARTS: [Part; 4] = [
    ("Kubernetes objects", kubernetes::check),
    ("Prometheus rules for Kubernetes", prometheus::rules),
    ("OpenTelemetry collector", prometheus::collector),
    ("systemd unit", unit::check),
];

/// Runs `cargo xtask deploy`.
pub(crate) fn run(_: &Args) -> Result<()> {
    for skipped in check()? {
        println!("skipped: {skipped}");
    }
    Ok(())
}

/// Checks everything; returns what was skipped, each with the reason. In continuous integration nothing
/// may be.
pub(crate) fn check() -> Result<Vec<String>> {
    let ci = env::var("CI").is_ok_and(|ci| ci == "true");
    let mut skipped = Vec::new();
    for (name, part) in PARTS {
        match part()? {
            None => println!("deploy: {name}: ok"),
            Some(missing) => skipped.push(format!("{name}: {missing}")),
        }
    }
    if ci && !skipped.is_empty() {
        bail!(
            "continuous integration must check all of deploy/: {}",
            skipped.join("; ")
        );
    }
    Ok(skipped)
}

#[cfg(test)]
mod tests {
    use std::fs;

    use crate::sh::repository;

    #[test]
    fn the_images_of_manifests_and_chart_are_those_of_this_version() {
        let version = env!("CARGO_PKG_VERSION");
        for (file, line) in [
            (
                "kubernetes/base/kustomization.yaml",
                format!("    newTag: {version}"),
            ),
            ("helm/tcpmon/Chart.yaml", format!("appVersion: {version}")),
            ("helm/tcpmon/Chart.yaml", format!("version: {version}")),
        ] {
            let text = fs::read_to_string(repository().join("deploy").join(file)).unwrap();
            assert!(
                text.lines().any(|have| have == line),
                "{file} has no line `{line}`"
            );
        }
    }
}
