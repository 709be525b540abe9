//! `cargo xtask docs`: writes the documents that are generated from the program's own text.

use std::fs;

use anyhow::{Context as _, Result};

use crate::sh::{self, repository};

/// Where the book of `tcpmon explain` goes.
const STATES: &str = "docs/states.md";

/// Write docs/states.md, which is what `tcpmon explain` says
#[derive(clap::Args)]
pub(crate) struct Args {}

/// Runs `cargo xtask docs`.
pub(crate) fn run(_: &Args) -> Result<()> {
    let package = ["--quiet", "--locked", "--package", "tcpmon"];
    sh::cargo(&["build"]).args(package).run()?;
    let book = sh::cargo(&["run"])
        .args(package)
        .args(["--", "explain", "--output", "markdown"])
        .bytes()
        .context("`tcpmon explain --output markdown` failed")?;
    let path = repository().join(STATES);
    fs::write(&path, book).with_context(|| format!("cannot write {}", path.display()))?;
    println!("{STATES} is written");
    Ok(())
}
