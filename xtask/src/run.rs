//! `cargo xtask run`: from a fresh checkout to a running monitor.

use std::io::{IsTerminal as _, stdout};

use anyhow::Result;

use crate::setup;
use crate::sh::{cargo, sh, target_dir};

/// Build the release and run it: `tcpmon top`, one plain snapshot without a terminal
#[derive(clap::Args)]
pub(crate) struct Args {
    /// A tcpmon command line; options alone are added to `top`
    #[arg(last = true, value_name = "ARGS")]
    args: Vec<String>,
}

/// Runs `cargo xtask run`.
pub(crate) fn run(args: &Args) -> Result<()> {
    setup::kernel_side()?;
    cargo(&["build", "--release", "--locked", "--package", "tcpmon"]).run()?;
    // Without root and without sudo it is run all the same: tcpmon itself says best what it lacks.
    sh(target_dir().join("release/tcpmon"))
        .args(command_line(&args.args, stdout().is_terminal()))
        .root()
        .exec()
}

fn command_line(args: &[String], terminal: bool) -> Vec<String> {
    if args.first().is_some_and(|first| !first.starts_with('-')) {
        return args.to_vec();
    }
    let top: &[&str] = if terminal {
        &["top"]
    } else {
        &["top", "--batch", "-n", "1"]
    };
    let top = top.iter().map(|word| (*word).to_owned());
    top.chain(args.iter().cloned()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(args: &[&str], terminal: bool) -> String {
        let args: Vec<String> = args.iter().map(|arg| (*arg).to_owned()).collect();
        command_line(&args, terminal).join(" ")
    }

    #[test]
    fn the_terminal_decides_between_screen_and_snapshot() {
        assert_eq!(line(&[], true), "top");
        assert_eq!(line(&[], false), "top --batch -n 1");
    }

    #[test]
    fn options_alone_belong_to_top() {
        assert_eq!(line(&["--color", "never"], true), "top --color never");
    }

    #[test]
    fn a_command_replaces_top() {
        assert_eq!(line(&["diagnose", "--check"], false), "diagnose --check");
    }
}
