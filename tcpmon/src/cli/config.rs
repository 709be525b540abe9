//! `tcpmon config`: is a file right, what is in effect, and what could be written.

use std::io::{self, Write as _};
use std::path::PathBuf;

use clap::{ArgMatches, Args as ClapArgs, Subcommand};

use super::agent;
use crate::config::{self, Config, Layer};

/// Flags of `tcpmon config`.
#[derive(Debug, ClapArgs)]
pub(super) struct Args {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Say whether a configuration file is right: `ok`, or what is wrong where, with exit code 2
    Check {
        /// The file
        #[arg(env = "TCPMON_CONFIG")]
        file: PathBuf,
    },
    /// Print the configuration in effect, and where each value comes from, as a configuration file.
    /// Takes the flags and the environment of `tcpmon agent`
    Show(Box<agent::Args>),
    /// Print a configuration file with every key, its default, its reason and what is allowed
    Example,
}

/// `matches`: what was typed behind `tcpmon config`.
pub(super) fn run(args: &Args, matches: &ArgMatches) -> anyhow::Result<()> {
    let text = match &args.action {
        Action::Check { file } => {
            Config::load(Layer::default(), Some(file))?;
            "ok\n".into()
        }
        Action::Show(args) => {
            let (config, mut sources) = args.load()?;
            if let Some((_, matches)) = matches.subcommand() {
                sources.extend(agent::typed(matches));
            }
            config::show(&config, &sources)
        }
        Action::Example => config::example(),
    };
    let mut out = io::stdout().lock();
    out.write_all(text.as_bytes())?;
    out.flush()?;
    Ok(())
}
