//! `cargo xtask docs`: writes the documents that are generated from the program's own text.

use std::fs;

use anyhow::{Context as _, Result};

use crate::sh::{self, repository};

/// Each document, and the command that prints it.
const DOCUMENTS: [(&str, &[&str]); 2] = [
    ("docs/states.md", &["explain", "--output", "markdown"]),
    ("deploy/tcpmon.toml", &["config", "example"]),
];

/// Write docs/states.md, which is what `tcpmon explain` says, and deploy/tcpmon.toml, the example of
/// a configuration
#[derive(clap::Args)]
pub(crate) struct Args {}

/// Runs `cargo xtask docs`.
pub(crate) fn run(_: &Args) -> Result<()> {
    let package = ["--quiet", "--locked", "--package", "tcpmon"];
    sh::cargo(&["build"]).args(package).run()?;
    for (document, command) in DOCUMENTS {
        let text = sh::cargo(&["run"])
            .args(package)
            .args(["--"])
            .args(command)
            .bytes()
            .with_context(|| format!("`tcpmon {}` failed", command.join(" ")))?;
        let path = repository().join(document);
        fs::write(&path, text).with_context(|| format!("cannot write {}", path.display()))?;
        println!("{document} is written");
    }
    Ok(())
}
