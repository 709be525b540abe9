//! `cargo xtask fuzz`: gives made-up bytes to the decoders.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail};

mod coverage;

use crate::sh::{Sh, in_path, repository, sh, target_dir};

const CARGO_FUZZ_VERSION: &str = "0.13.2";
/// One input may take so many seconds; the largest takes milliseconds.
const TIMEOUT_SECONDS: u32 = 10;
/// Files a corpus has at most; `tcpmon/src/fuzzing/tests.rs` has the same limit.
const MAX_FILES: usize = 60;

/// Give made-up bytes to the decoders, and say which makes one panic
#[derive(clap::Args)]
pub(crate) struct Args {
    /// A file of `fuzz/fuzz_targets`, without `.rs`; all without one
    #[arg(value_name = "TARGET")]
    targets: Vec<String>,
    /// How long each target runs
    #[arg(long, default_value_t = 60)]
    seconds: u32,
    /// Put the inputs that reach the most code into the committed corpus; with `--seconds 0` only
    /// those of earlier runs
    #[arg(long)]
    minimise: bool,
}

/// Runs `cargo xtask fuzz`.
pub(crate) fn run(args: &Args) -> Result<()> {
    let targets = chosen(&known()?, &args.targets)?;
    if in_path("cargo-fuzz").is_none() {
        sh("cargo")
            .args(["install", "cargo-fuzz", "--version", CARGO_FUZZ_VERSION])
            .args(["--locked"])
            .downloads()
            .run()?;
    }
    let mut failed = Vec::new();
    for target in &targets {
        let places = Places::of(target)?;
        let fuzzed = match args.seconds {
            0 => Ok(()),
            seconds => fuzz(target, &places, seconds),
        };
        let done = fuzzed.and_then(|()| match args.minimise {
            true => minimise(target, &places),
            false => Ok(()),
        });
        if let Err(error) = done {
            println!("error: {error:#}");
            failed.push(target.as_str());
        }
    }
    if failed.is_empty() {
        return Ok(());
    }
    bail!(
        "{} failed: mend the decoder, and keep the input it names above below fuzz/corpus, under a \
         name that says what it shows",
        failed.join(", ")
    )
}

/// Where a target's files are.
struct Places {
    /// What the tests replay, and every run begins with.
    committed: PathBuf,
    /// What earlier runs found.
    found: PathBuf,
    /// Beginning of the paths of inputs that make the target fail.
    artifacts: String,
}

impl Places {
    fn of(target: &str) -> Result<Self> {
        let out = output();
        let artifacts = out.join("artifacts").join(target);
        let places = Self {
            committed: repository().join("fuzz/corpus").join(target),
            found: out.join("corpus").join(target),
            artifacts: format!("{}/", artifacts.display()),
        };
        for directory in [&places.committed, &places.found, &artifacts] {
            fs::create_dir_all(directory)
                .with_context(|| format!("cannot make {}", directory.display()))?;
        }
        Ok(places)
    }
}

fn output() -> PathBuf {
    target_dir().join("fuzz")
}

/// The names of all targets.
fn known() -> Result<Vec<String>> {
    let mut names: Vec<String> = files(&repository().join("fuzz/fuzz_targets"))?
        .iter()
        .filter_map(|path| Some(path.file_stem()?.to_str()?.to_owned()))
        .collect();
    names.sort();
    Ok(names)
}

fn chosen(known: &[String], wanted: &[String]) -> Result<Vec<String>> {
    if let Some(unknown) = wanted.iter().find(|name| !known.contains(name)) {
        bail!("there is no target {unknown}: {}", known.join(", "));
    }
    Ok(if wanted.is_empty() { known } else { wanted }.to_vec())
}

fn fuzz(target: &str, places: &Places, seconds: u32) -> Result<()> {
    cargo_fuzz(target)
        .args([&places.found, &places.committed])
        .args(["--", &format!("-max_total_time={seconds}")])
        .args([format!("-timeout={TIMEOUT_SECONDS}")])
        .args([format!("-artifact_prefix={}", places.artifacts)])
        .args(["-print_final_stats=1"])
        .run()
}

/// Files named by hand stay. Those libFuzzer named, by their hash, compete again with what was
/// found since. What counts is code that is reached, not how often: the tests replay every file.
fn minimise(target: &str, places: &Places) -> Result<()> {
    for file in files(&places.committed)? {
        let Some(name) = file
            .file_name()
            .filter(|name| is_hash(&name.to_string_lossy()))
        else {
            continue;
        };
        fs::rename(&file, places.found.join(name))
            .with_context(|| format!("cannot move {} away", file.display()))?;
    }
    // libFuzzer takes as many as reach everything; what it writes down says which reach the most.
    let merged = tempfile::tempdir().context("cannot make a directory")?;
    let control = merged.path().join("control");
    let out = merged.path().join("out");
    fs::create_dir(&out).with_context(|| format!("cannot make {}", out.display()))?;
    cargo_fuzz(target)
        .args([&out, &places.committed, &places.found])
        .args(["--", "-set_cover_merge=1", "-use_counters=0"])
        .args([format!("-merge_control_file={}", control.display())])
        .args([format!("-artifact_prefix={}", places.artifacts)])
        .run()?;
    let text = fs::read_to_string(&control)
        .with_context(|| format!("cannot read {}", control.display()))?;
    let kept = files(&places.committed)?;
    for file in coverage::choose(&coverage::read(&text)?, &kept, MAX_FILES) {
        let name = file.file_name().context("a file without a name")?;
        fs::copy(&file, places.committed.join(name))
            .with_context(|| format!("cannot copy {}", file.display()))?;
    }
    Ok(())
}

/// `cargo fuzz run TARGET`. Sanitisers are unstable options: on a stable compiler the variable lets
/// them through. The kernel side has no decoders, and is left out.
fn cargo_fuzz(target: &str) -> Sh {
    sh("cargo")
        .args(["fuzz", "run", "--fuzz-dir", "fuzz", "--target-dir"])
        .args([output()])
        .args([target])
        .dir(&repository())
        .env("RUSTC_BOOTSTRAP", "1")
        .env("TCPMON_BPF_OBJECT", "none")
        // A backtrace of every error, most inputs being one, takes most of the time.
        .env("RUST_LIB_BACKTRACE", "0")
}

fn is_hash(name: &str) -> bool {
    name.len() == 40 && name.bytes().all(|byte| byte.is_ascii_hexdigit())
}

fn files(directory: &Path) -> Result<Vec<PathBuf>> {
    let context = || format!("cannot list {}", directory.display());
    let entries = fs::read_dir(directory).with_context(context)?;
    entries
        .map(|entry| Ok(entry.with_context(context)?.path()))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_targets_are_run_unless_some_are_named() {
        let known = known().unwrap();
        assert!(known.contains(&"filter".to_owned()));
        assert_eq!(chosen(&known, &[]).unwrap(), known);
        assert_eq!(chosen(&known, &["btf".into()]).unwrap(), ["btf"]);
        let error = chosen(&known, &["bft".into()]).unwrap_err().to_string();
        assert!(error.contains("bft") && error.contains("btf"), "{error}");
    }

    #[test]
    fn only_what_libfuzzer_named_may_be_thrown_away() {
        assert!(is_hash("da39a3ee5e6b4b0d3255bfef95601890afd80709"));
        assert!(!is_hash("types-cut-short"));
        assert!(!is_hash("da39a3ee"));
    }
}
