//! `cargo xtask test`: everything that must hold before a change goes in.

use std::env;
use std::time::{Duration, Instant};

use anyhow::{Result, bail};

use crate::sh::{self, Sh, in_path, is_root};
use crate::{deploy, setup, tidy, tools, vm};

/// What needs root: the kernel's events as the library sees them, and the agent as users meet it.
const KERNEL_TESTS: [&str; 2] = ["kernel", "agent"];
/// Kernel tests watch the whole machine: more at once would only slow each other down.
const KERNEL_TEST_THREADS: &str = "2";

/// Lint, check the repository's rules and run all tests
#[derive(clap::Args)]
pub(crate) struct Args {
    /// Leave out the tests that load programs into the running kernel
    #[arg(long)]
    skip_kernel: bool,
    /// Install nothing, build no kernel side, and leave out the tests that need it
    #[arg(long)]
    no_ebpf: bool,
}

/// Runs `cargo xtask test`.
pub(crate) fn run(args: &Args) -> Result<()> {
    let mut report = Report::default();
    if args.no_ebpf {
        setup::lint_tools()?;
    } else {
        report.step("setup", || {
            setup::kernel_side()?;
            setup::test_tools()
        });
        if report.failed() > 0 {
            bail!("setup failed; `cargo xtask test --no-ebpf` runs what needs none of it");
        }
    }
    lint(args, &mut report);
    report.step("unit and integration tests", || {
        cargo(args, &["test", "--workspace", "--exclude", "tcpmon-ebpf"]).run()
    });
    deployment(args, &mut report);
    kernel_tests(args, &mut report);
    other_kernels(args, &mut report);
    report.finish()
}

fn lint(args: &Args, report: &mut Report) {
    report.step("rustfmt", || {
        sh::cargo(&["fmt", "--all", "--check"]).run()?;
        // A workspace of its own.
        sh::cargo(&["fmt", "--manifest-path", "fuzz/Cargo.toml", "--check"]).run()
    });
    report.step("clippy", || {
        cargo(args, &["clippy", "--workspace", "--exclude", "tcpmon-ebpf"])
            .args(["--all-targets", "--all-features", "--", "-D", "warnings"])
            .run()
    });
    report.step("clippy, kernel side", || {
        // For the host: its crate compiles there too, and no bpf toolchain needs to have clippy.
        cargo(args, &["clippy", "--package", "tcpmon-ebpf"])
            .args(["--", "-D", "warnings"])
            .run()
    });
    report.step("tidy", tidy::check);
    if in_path("cargo-deny").is_some() {
        report.step("cargo deny", || {
            // Advisories change by themselves: a commit that was good must stay good.
            let what = ["check", "bans", "licenses", "sources"];
            sh::cargo(&["deny", "--locked"]).args(what).run()
        });
    } else {
        report.skip("cargo deny", "cargo-deny is not installed");
    }
}

/// A cargo command that compiles.
fn cargo(args: &Args, words: &[&str]) -> Sh {
    let command = sh::cargo(words).args(["--locked"]).search(tools::path());
    if args.no_ebpf {
        // Nothing was installed: a tool that is missing is no failure, not even in continuous integration.
        command.env("TCPMON_BPF_OBJECT", "none").env("CI", "false")
    } else {
        command
    }
}

/// Needs programs that are installed with the tests' own.
fn deployment(args: &Args, report: &mut Report) {
    const NAME: &str = "deployment files";
    if args.no_ebpf {
        return report.skip(NAME, "--no-ebpf");
    }
    let mut skipped = Vec::new();
    report.step(NAME, || {
        skipped = deploy::check()?;
        Ok(())
    });
    if !skipped.is_empty() {
        report.skip(NAME, &skipped.join("; "));
    }
}

fn kernel_tests(args: &Args, report: &mut Report) {
    const NAME: &str = "kernel tests";
    match kernel_plan(args, &Rights::here()) {
        Plan::Run { sudo } => report.step(NAME, || kernel_command(args, sudo).run()),
        Plan::Skip(reason) => report.skip(NAME, reason),
        Plan::Fail(reason) => report.step(NAME, || bail!(reason)),
    }
}

/// A few of them on other kernels. Needs no root: the guests are emulated.
fn other_kernels(args: &Args, report: &mut Report) {
    const NAME: &str = "kernel tests, other kernels";
    if args.no_ebpf {
        return report.skip(NAME, "--no-ebpf");
    }
    if args.skip_kernel {
        return report.skip(NAME, "--skip-kernel");
    }
    let mut skipped = Vec::new();
    report.step(NAME, || {
        skipped = vm::smoke()?;
        Ok(())
    });
    if !skipped.is_empty() {
        report.skip(NAME, &skipped.join("; "));
    }
}

fn kernel_command(args: &Args, sudo: bool) -> Sh {
    let mut command = cargo(args, &["test", "--package", "tcpmon"]);
    if sudo {
        // Only the tests run as root: what cargo builds stays the user's.
        let path = format!("PATH={}", tools::path().to_string_lossy());
        let runner = ["sudo", "-E", "env", &path];
        command = command.args(["--config", &format!("target.'cfg(unix)'.runner={runner:?}")]);
    }
    command
        .args(["--features", "kernel-tests"])
        .args(KERNEL_TESTS.iter().flat_map(|name| ["--test", name]))
        .args(["--", "--test-threads", KERNEL_TEST_THREADS])
}

struct Rights {
    root: bool,
    sudo: bool,
    ci: bool,
}

impl Rights {
    fn here() -> Self {
        Self {
            root: is_root(),
            sudo: in_path("sudo").is_some(),
            ci: env::var("CI").is_ok_and(|ci| ci == "true"),
        }
    }
}

#[derive(Debug, PartialEq)]
enum Plan {
    Run { sudo: bool },
    Skip(&'static str),
    Fail(&'static str),
}

fn kernel_plan(args: &Args, rights: &Rights) -> Plan {
    if args.no_ebpf {
        Plan::Skip("--no-ebpf")
    } else if args.skip_kernel {
        Plan::Skip("--skip-kernel")
    } else if rights.root {
        Plan::Run { sudo: false }
    } else if rights.sudo {
        Plan::Run { sudo: true }
    } else if rights.ci {
        Plan::Fail("not root: continuous integration must run the kernel tests")
    } else {
        Plan::Skip("not root, and there is no sudo")
    }
}

enum Outcome {
    Done(Duration),
    Failed(Duration),
    Skipped(String),
}

/// What was done, and how it ended.
#[derive(Default)]
struct Report {
    steps: Vec<(&'static str, Outcome)>,
}

impl Report {
    /// Runs one step. The later ones run even if it fails, so that one run tells everything.
    #[expect(
        clippy::disallowed_methods,
        reason = "how long a step took is for reading only"
    )]
    fn step(&mut self, name: &'static str, body: impl FnOnce() -> Result<()>) {
        println!("==> {name}");
        let start = Instant::now();
        let outcome = match body() {
            Ok(()) => Outcome::Done(start.elapsed()),
            Err(error) => {
                println!("error: {error:#}");
                Outcome::Failed(start.elapsed())
            }
        };
        self.steps.push((name, outcome));
    }

    /// Says that a step, or a part of it, was not done.
    fn skip(&mut self, name: &'static str, reason: &str) {
        println!("==> {name}\nskipped: {reason}");
        self.steps.push((name, Outcome::Skipped(reason.to_owned())));
    }

    fn finish(&self) -> Result<()> {
        println!("==> summary\n{}", self.summary());
        match self.failed() {
            0 => Ok(()),
            failed => bail!("{failed} of {} steps failed", self.steps.len()),
        }
    }

    fn failed(&self) -> usize {
        let failed = |(_, outcome): &&_| matches!(outcome, Outcome::Failed(_));
        self.steps.iter().filter(failed).count()
    }

    fn summary(&self) -> String {
        let lines: Vec<String> = self
            .steps
            .iter()
            .map(|(name, outcome)| match outcome {
                Outcome::Done(took) => format!("     ok {:6.1} s  {name}", took.as_secs_f64()),
                Outcome::Failed(took) => format!(" failed {:6.1} s  {name}", took.as_secs_f64()),
                Outcome::Skipped(reason) => format!("skipped           {name}: {reason}"),
            })
            .collect();
        lines.join("\n")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALL: Args = Args {
        skip_kernel: false,
        no_ebpf: false,
    };
    const USER: Rights = Rights {
        root: false,
        sudo: false,
        ci: false,
    };

    #[test]
    fn root_runs_the_kernel_tests_and_others_ask_sudo() {
        let root = Rights { root: true, ..USER };
        let sudo = Rights { sudo: true, ..USER };
        assert_eq!(kernel_plan(&ALL, &root), Plan::Run { sudo: false });
        assert_eq!(kernel_plan(&ALL, &sudo), Plan::Run { sudo: true });
    }

    #[test]
    fn without_root_they_are_skipped_except_in_ci() {
        assert!(matches!(kernel_plan(&ALL, &USER), Plan::Skip(_)));
        let ci = Rights { ci: true, ..USER };
        assert!(matches!(kernel_plan(&ALL, &ci), Plan::Fail(_)));
    }

    #[test]
    fn a_flag_skips_them_whoever_runs() {
        let root = Rights { root: true, ..USER };
        let skip = Args {
            skip_kernel: true,
            ..ALL
        };
        let no_ebpf = Args {
            no_ebpf: true,
            ..ALL
        };
        assert_eq!(kernel_plan(&skip, &root), Plan::Skip("--skip-kernel"));
        assert_eq!(kernel_plan(&no_ebpf, &root), Plan::Skip("--no-ebpf"));
    }

    #[test]
    fn the_summary_names_every_step_and_counts_failures() {
        let mut report = Report::default();
        report.step("one", || Ok(()));
        report.step("two", || bail!("broken"));
        report.skip("three", "no root");
        let lines: Vec<String> = report.summary().lines().map(Into::into).collect();
        assert!(lines[0].starts_with("     ok") && lines[0].ends_with(" s  one"));
        assert!(lines[1].starts_with(" failed") && lines[1].ends_with(" s  two"));
        assert_eq!(lines[2], "skipped           three: no root");
        assert_eq!(
            report.finish().unwrap_err().to_string(),
            "1 of 3 steps failed"
        );
    }
}
