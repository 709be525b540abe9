//! `cargo xtask judge`: plays the labelled scenarios and prints precision and recall.

use anyhow::Result;

use crate::sh::cargo;

/// Play labelled scenarios on a simulated machine; print the judge's precision and recall
#[derive(clap::Args)]
pub(crate) struct Args {
    /// Only scenarios with one of these words in their names
    words: Vec<String>,
    /// Tell every change of a verdict
    #[arg(long)]
    trace: bool,
}

/// Runs `cargo xtask judge`.
pub(crate) fn run(args: &Args) -> Result<()> {
    let words = [
        "test",
        "--locked",
        "--quiet",
        "--package",
        "tcpmon",
        "--test",
        "judge",
        "--",
    ];
    let trace = args.trace.then_some("--trace");
    let chosen = args.words.iter().map(String::as_str);
    cargo(&words).args(trace.into_iter().chain(chosen)).run()
}
