//! The command line: what was typed, and which command it calls.

mod agent;
mod connect;
mod doctor;
mod explain;
mod ls;
mod output;
mod top;
mod watch;

use std::ffi::OsString;
use std::process::ExitCode;

use clap::{Parser, Subcommand};

use crate::failure::Failure;

const AFTER_HELP: &str = "\
Exit codes: 0 ok · 1 error · 2 usage · 3 no agent answers and none can be started ·
            4 not permitted, or the kernel lacks something

Examples:
  tcpmon top                                what the machine's sockets do, live
  tcpmon ls 'state close-wait and age > 5m' which process forgot to close
  tcpmon watch 'dport = :5432'              every transition towards a database
  tcpmon explain close-wait                 what a state means, and what to do about it
  tcpmon doctor                             what this machine offers, and what it lacks

Without a running agent, top, ls and watch start one of their own, which needs root.";

/// Says which process leaks TCP connections: every TCP state, its age, its owner
#[derive(Debug, Parser)]
#[command(name = "tcpmon", version, arg_required_else_help = true, after_help = AFTER_HELP)]
#[command(disable_help_subcommand = true, max_term_width = 100)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Watch the kernel, and serve Prometheus and the other commands
    Agent(agent::Args),
    /// Show states and sockets, live
    Top(top::Args),
    /// List sockets, oldest in their state first
    Ls(ls::Args),
    /// Print every transition as it happens
    Watch(watch::Args),
    /// Explain a state, an edge, a verdict or an ending: what it means, who must do what
    Explain(explain::Args),
    /// Say what this machine offers and lacks, and how to mend it
    Doctor(doctor::Args),
}

/// Runs the command line `arguments`.
#[must_use]
pub fn main(arguments: impl IntoIterator<Item = OsString>) -> ExitCode {
    let cli = match Cli::try_parse_from(arguments) {
        Ok(cli) => cli,
        Err(error) => {
            let code = u8::try_from(error.exit_code()).unwrap_or(crate::failure::exit::USAGE);
            // Help into a closed pipe is nobody's failure.
            drop(error.print());
            return ExitCode::from(code);
        }
    };
    let outcome = match cli.command {
        Command::Agent(args) => agent::run(args),
        Command::Top(args) => top::run(args),
        Command::Ls(args) => ls::run(args),
        Command::Watch(args) => watch::run(args),
        Command::Explain(args) => explain::run(&args),
        Command::Doctor(args) => doctor::run(args),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) if output::is_broken_pipe(&error) => ExitCode::SUCCESS,
        Err(error) => {
            output::complain(&error);
            ExitCode::from(Failure::code_of(&error))
        }
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }
}
