//! `cargo xtask tidy`: checks the rules of this repository that a compiler does not know.

use std::borrow::Cow;
use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail};

use crate::sh::repository;

mod rules;
mod token;

/// Check the repository's own rules: who may import what, where time is read, sizes, comments
#[derive(clap::Args)]
pub(crate) struct Args {}

/// Runs `cargo xtask tidy`.
pub(crate) fn run(_: &Args) -> Result<()> {
    check()
}

/// Prints what breaks a rule and fails if anything does.
pub(crate) fn check() -> Result<()> {
    let root = repository();
    let mut paths = Vec::new();
    collect(&root, &mut paths)?;
    paths.sort();
    let mut count = 0;
    for path in &paths {
        let bytes = fs::read(path).with_context(|| format!("cannot read {}", path.display()))?;
        let shown = path.strip_prefix(&root).unwrap_or(path).to_string_lossy();
        let text = String::from_utf8_lossy(&bytes);
        // What is not text has no rules.
        if matches!(text, Cow::Owned(_)) && !rules::is_corpus(&shown) {
            continue;
        }
        for finding in rules::findings(&shown, &text) {
            println!("{finding}");
            count += 1;
        }
    }
    match count {
        0 => {
            println!("tidy: {} files keep the rules", paths.len());
            Ok(())
        }
        1 => bail!("1 rule of this repository is broken"),
        _ => bail!("rules of this repository are broken in {count} places"),
    }
}

/// Every file below `dir` that belongs to the repository, whether git knows it yet or not.
fn collect(dir: &Path, paths: &mut Vec<PathBuf>) -> Result<()> {
    let context = || format!("cannot list {}", dir.display());
    for entry in fs::read_dir(dir).with_context(context)? {
        let entry = entry.with_context(context)?;
        let path = entry.path();
        let kind = entry.file_type().with_context(context)?;
        if entry.file_name() == OsStr::new(".git") {
            continue;
        }
        if kind.is_dir() && !is_output(&path) {
            collect(&path, paths)?;
        } else if kind.is_file() {
            paths.push(path);
        }
    }
    Ok(())
}

/// Cargo marks the directories it builds in.
fn is_output(dir: &Path) -> bool {
    dir.ends_with("target") || dir.join("CACHEDIR.TAG").is_file()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sources_are_collected_and_output_is_not() {
        let mut paths = Vec::new();
        collect(&repository(), &mut paths).unwrap();
        assert!(paths.contains(&repository().join("xtask/src/tidy.rs")));
        assert!(paths.contains(&repository().join(".cargo/config.toml")));
        assert!(
            !paths
                .iter()
                .any(|path| path.starts_with(repository().join("target")))
        );
    }
}
