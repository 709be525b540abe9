//! `cargo xtask docs`: writes the documents that are generated from the program's own text; with
//! `--out`, what packages have beside the program.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};

use crate::dashboards;
use crate::sh::{self, repository};

const PACKAGE: [&str; 4] = ["--quiet", "--locked", "--package", "tcpmon"];

/// Each document, and the command that prints it.
const DOCUMENTS: [(&str, &[&str]); 2] = [
    ("docs/states.md", &["explain", "--output", "markdown"]),
    ("deploy/tcpmon.toml", &["config", "example"]),
];

/// Write docs/states.md, which is what `tcpmon explain` says, deploy/tcpmon.toml, the example of a
/// configuration, and the dashboards in deploy/grafana
#[derive(clap::Args)]
pub(crate) struct Args {
    /// For packagers: write manual pages and shell completions below this directory instead. They are
    /// not in the repository: they follow from the command line, and nobody reads them there
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
}

/// Where packages have each shell's completions, below `share`.
const COMPLETIONS: [(&str, &str); 3] = [
    ("bash", "bash-completion/completions/tcpmon"),
    ("zsh", "zsh/site-functions/_tcpmon"),
    ("fish", "fish/vendor_completions.d/tcpmon.fish"),
];

/// Runs `cargo xtask docs`.
pub(crate) fn run(args: &Args) -> Result<()> {
    sh::cargo(&["build"]).args(PACKAGE).run()?;
    if let Some(out) = &args.out {
        return package(out);
    }
    for (document, text) in dashboards::all() {
        write(&repository().join(document), text.as_bytes())?;
    }
    for (document, command) in DOCUMENTS {
        write(&repository().join(document), &said(command)?)?;
    }
    Ok(())
}

fn package(out: &Path) -> Result<()> {
    let manual = out.join("man/man1");
    let manual = manual
        .to_str()
        .context("the directory's name is not UTF-8")?;
    said(&["man", "--directory", manual])?;
    println!("{manual} has the manual pages");
    for (shell, file) in COMPLETIONS {
        write(&out.join(file), &said(&["completions", shell])?)?;
    }
    Ok(())
}

/// What a command of tcpmon prints.
fn said(command: &[&str]) -> Result<Vec<u8>> {
    let run = sh::cargo(&["run"]).args(PACKAGE).args(["--"]).args(command);
    run.bytes()
        .with_context(|| format!("`tcpmon {}` failed", command.join(" ")))
}

fn write(path: &Path, text: &[u8]) -> Result<()> {
    if let Some(directory) = path.parent() {
        fs::create_dir_all(directory)
            .with_context(|| format!("cannot make {}", directory.display()))?;
    }
    fs::write(path, text).with_context(|| format!("cannot write {}", path.display()))?;
    println!("{} is written", path.display());
    Ok(())
}
