//! `cargo xtask vm`: the kernel tests, and every rung of the ladder, on other kernels.

mod cpio;
mod guest;
mod kernel;
mod ladder;
mod modules;
mod payload;
mod qemu;
mod report;
mod suite;

use std::path::PathBuf;
use std::{env, fs};

use anyhow::{Context as _, Result, bail};

use self::guest::Said;
use self::kernel::{Kernel, Series};
use self::ladder::Variant;
use self::payload::Payload;
use self::report::Report;
use crate::setup;
use crate::sh::target_dir;

/// Run the kernel tests and the feature ladder on other kernels, emulated
#[derive(clap::Args, Default)]
pub(crate) struct Args {
    /// Only this series, such as 6.1; may be given more than once
    #[arg(long, value_name = "SERIES")]
    kernel: Vec<String>,
    /// Only the few tests that `cargo xtask test` runs, on two kernels
    #[arg(long)]
    smoke: bool,
    /// Only this way of booting: suite, no-btf, no-tracefs, lockdown, no-sock-diag, capabilities
    #[arg(long, value_name = "VARIANT")]
    variant: Vec<String>,
    /// More words for the kernel's command line
    #[arg(long, value_name = "WORDS", default_value = "")]
    append: String,
    /// Write docs/kernels.md
    #[arg(long, conflicts_with_all = ["kernel", "smoke", "variant", "append", "tests"])]
    write: bool,
    /// Only tests with one of these in their name
    #[arg(last = true)]
    tests: Vec<String>,
}

/// What a test that failed says when the kernel has missed a transition and counted that: the agent
/// would have made an audit. It happens to emulated kernels only, and to few.
const SKIPPED: &str = "the kernel skipped the program";

/// Runs `cargo xtask vm`.
pub(crate) fn run(args: &Args) -> Result<()> {
    setup::kernel_side()?;
    let report = matrix(args)?;
    println!("{}", report.summary());
    if args.write {
        report.write()?;
    }
    report.outcome()
}

/// As `cargo xtask vm --smoke`; returns the kernels that were skipped, each with the reason.
pub(crate) fn smoke() -> Result<Vec<String>> {
    let args = Args {
        smoke: true,
        ..Args::default()
    };
    let report = matrix(&args)?;
    println!("{}", report.summary());
    report.outcome()?;
    Ok(report.skipped())
}

fn matrix(args: &Args) -> Result<Report> {
    let mut report = Report::default();
    let cache = cache();
    fs::create_dir_all(&cache).with_context(|| format!("cannot create {}", cache.display()))?;
    let ci = env::var("CI").is_ok_and(|ci| ci == "true");
    let obstacle = qemu::obstacle(ci);
    let mut kernels = Vec::new();
    for series in chosen(args)? {
        if let Some(reason) = &obstacle {
            report.skip(series.name, reason);
            continue;
        }
        match series.fetch(&cache) {
            Ok(root) => kernels.push((series, Kernel::find(root)?)),
            Err(error) => report.skip(series.name, &format!("{error:#}")),
        }
    }
    if kernels.is_empty() {
        return Ok(report);
    }
    let payload = Payload::build(&cache, args.smoke)?;
    for (series, kernel) in &kernels {
        boots(args, series, kernel, &payload, &mut report)?;
    }
    Ok(report)
}

fn chosen(args: &Args) -> Result<Vec<&'static Series>> {
    for name in &args.kernel {
        if !kernel::ALL.iter().any(|series| series.name == name) {
            let known: Vec<&str> = kernel::ALL.iter().map(|series| series.name).collect();
            bail!("there is no series {name}; known are {}", known.join(", "));
        }
    }
    Ok(kernel::ALL
        .iter()
        .filter(|series| match args.kernel.as_slice() {
            [] => series.smoke || !args.smoke,
            names => names.iter().any(|name| name == series.name),
        })
        .collect())
}

fn boots(
    args: &Args,
    series: &Series,
    kernel: &Kernel,
    payload: &Payload,
    report: &mut Report,
) -> Result<()> {
    let filter: Vec<String> = if args.smoke {
        ladder::SMOKE.iter().map(ToString::to_string).collect()
    } else {
        args.tests.clone()
    };
    let initramfs = cache().join("initramfs");
    let archive = payload.initramfs(&kernel.root, &filter)?;
    fs::write(&initramfs, archive)
        .with_context(|| format!("cannot write {}", initramfs.display()))?;
    for variant in variants(args)? {
        let name = variant.name();
        println!("==> Linux {}, {name}", series.name);
        let mut outcome = qemu::boot(kernel, &initramfs, variant, &args.append);
        if outcome
            .as_ref()
            .is_ok_and(|(_, output)| output.contains(SKIPPED))
        {
            println!("once more, because {SKIPPED} while it was interrupted");
            outcome = qemu::boot(kernel, &initramfs, variant, &args.append);
        }
        let (said, failure) = match outcome {
            Ok((said, output)) => {
                let failure = variant.verdict(&said).or_else(|| missed(args, &said));
                if failure.is_some() {
                    println!("{output}");
                }
                (said, failure)
            }
            Err(error) => (Said::default(), Some(format!("{error:#}"))),
        };
        report.add(series.name, variant, said, failure);
    }
    Ok(())
}

/// A name of the handful that no test has any more.
fn missed(args: &Args, said: &Said) -> Option<String> {
    let tests = said.tests.as_ref()?;
    let ran = tests.passed + tests.skipped.len();
    let wanted = ladder::SMOKE.len();
    (args.smoke && ran != wanted).then(|| format!("{ran} of {wanted} tests ran"))
}

fn variants(args: &Args) -> Result<Vec<Variant>> {
    if args.smoke {
        return Ok(vec![Variant::Suite]);
    }
    for name in &args.variant {
        if !Variant::ALL.iter().any(|variant| variant.name() == name) {
            bail!("there is no variant {name}");
        }
    }
    let wanted = |variant: &Variant| {
        args.variant.is_empty() || args.variant.iter().any(|name| name == variant.name())
    };
    Ok(Variant::ALL.into_iter().filter(wanted).collect())
}

/// Where kernels and initramfs are kept between runs.
fn cache() -> PathBuf {
    target_dir().join("vm")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(args: &Args) -> Vec<&'static str> {
        let chosen = chosen(args).expect("known");
        chosen.iter().map(|series| series.name).collect()
    }

    #[test]
    fn smoke_takes_two_kernels_and_a_named_one_only_itself() {
        let smoke = Args {
            smoke: true,
            ..Args::default()
        };
        assert_eq!(names(&Args::default()).len(), kernel::ALL.len());
        assert_eq!(names(&smoke), ["6.1", "6.12"]);
        let one = Args {
            kernel: vec!["5.10".into()],
            ..Args::default()
        };
        assert_eq!(names(&one), ["5.10"]);
        let unknown = Args {
            kernel: vec!["2.6".into()],
            ..Args::default()
        };
        assert!(chosen(&unknown).is_err());
    }
}
