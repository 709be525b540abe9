//! The command line: what was typed, and which command it calls.

mod agent;
mod config;
mod connect;
mod diagnose;
mod doctor;
mod examples;
mod explain;
mod fleet;
mod ls;
mod manual;
mod output;
mod record;
mod replay;
mod top;
mod watch;

use std::ffi::OsString;
use std::process::ExitCode;

use clap::{CommandFactory as _, FromArgMatches as _, Parser, Subcommand};

use crate::failure::Failure;

const AFTER_HELP: &str = "\
Exit codes: 0 ok · 1 error · 2 usage · 3 no agent answers and none can be started, or no Prometheus ·
            4 not permitted, or the kernel lacks something
            diagnose --check: 0 ok · 1 warning · 2 critical · 3 unknown

Examples:
  tcpmon top                                what the machine's sockets do, live
  tcpmon diagnose                           what is wrong, who mends it, what to run next
  tcpmon ls 'state close-wait and age > 5m' which process forgot to close
  tcpmon watch 'dport = :5432'              every transition towards a database
  tcpmon explain close-wait                 what a state means, and what to do about it
  tcpmon record leak.rec                    what happens, to be looked at again anywhere
  tcpmon replay leak.rec                    the same as `tcpmon top`, with pause and seek
  tcpmon replay --pcap http.pcap            what a packet capture means, state by state
  tcpmon doctor                             what this machine offers, and what it lacks
  tcpmon config check tcpmon.toml           whether a configuration file is right

Without a running agent, top, ls, watch, diagnose and record start one of their own, which needs root.";

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
    #[command(after_help = examples::AGENT)]
    Agent(agent::Args),
    /// Show states and sockets, live
    #[command(after_help = examples::TOP)]
    Top(top::Args),
    /// List sockets, oldest in their state first
    #[command(after_help = examples::LS)]
    Ls(ls::Args),
    /// Print every transition as it happens
    #[command(after_help = examples::WATCH)]
    Watch(watch::Args),
    /// Say what is wrong, who has to mend it, and what to run next
    #[command(after_help = examples::DIAGNOSE)]
    Diagnose(diagnose::Args),
    /// Explain a state, an edge, a verdict or an ending: what it means, who must do what
    #[command(after_help = examples::EXPLAIN)]
    Explain(explain::Args),
    /// Record what the agent knows and sees, to be replayed anywhere
    #[command(after_help = examples::RECORD)]
    Record(record::Args),
    /// Tell again what was recorded, with tcpmon or as a packet capture
    Replay(replay::Args),
    /// Say what this machine offers and lacks, and how to mend it
    #[command(after_help = examples::DOCTOR)]
    Doctor(doctor::Args),
    /// Check a configuration file, or show the configuration in effect
    #[command(after_help = examples::CONFIG)]
    Config(config::Args),
    /// Print the completions of a shell
    #[command(after_help = manual::COMPLETIONS_HELP)]
    Completions(manual::CompletionsArgs),
    /// Print a manual page, or write all of them
    #[command(after_help = manual::MAN_HELP)]
    Man(manual::ManArgs),
}

/// Runs the command line `arguments`.
#[must_use]
pub fn main(arguments: impl IntoIterator<Item = OsString>) -> ExitCode {
    let typed = Cli::command().try_get_matches_from(arguments);
    let typed = typed.and_then(|matches| Ok((Cli::from_arg_matches(&matches)?, matches)));
    let (cli, matches) = match typed {
        Ok(typed) => typed,
        Err(error) => {
            let code = u8::try_from(error.exit_code()).unwrap_or(crate::failure::exit::USAGE);
            // Help into a closed pipe is nobody's failure.
            drop(error.print());
            return ExitCode::from(code);
        }
    };
    let outcome = match cli.command {
        Command::Agent(args) => done(agent::run(args)),
        Command::Top(args) => done(top::run(args)),
        Command::Ls(args) => done(ls::run(&args)),
        Command::Watch(args) => done(watch::run(args)),
        Command::Diagnose(args) => diagnose::run(&args),
        Command::Explain(args) => done(explain::run(&args)),
        Command::Record(args) => done(record::run(&args)),
        Command::Replay(args) => done(replay::run(args)),
        Command::Doctor(args) => done(doctor::run(args)),
        Command::Completions(args) => done(manual::completions(&args, Cli::command())),
        Command::Man(args) => done(manual::man(&args, Cli::command())),
        Command::Config(args) => {
            // Deeper than the command's name: who typed what.
            let matches = matches
                .subcommand()
                .map_or(&matches, |(_, matches)| matches);
            done(config::run(&args, matches))
        }
    };
    match outcome {
        Ok(code) => code,
        Err(error) if output::is_broken_pipe(&error) => ExitCode::SUCCESS,
        Err(error) => {
            output::complain(&error);
            ExitCode::from(Failure::code_of(&error))
        }
    }
}

fn done(outcome: anyhow::Result<()>) -> anyhow::Result<ExitCode> {
    outcome.map(|()| ExitCode::SUCCESS)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }
}
