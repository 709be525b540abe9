//! `tcpmon diagnose`: what is wrong, who has to mend it, what to run next.

use std::io::{self, Write as _};
use std::process::ExitCode;
use std::time::Duration;

use clap::Args as ClapArgs;

use super::connect::{self, Agent, ConnectArgs, Found};
use super::output;
use crate::core::query::Verdicts;
use crate::failure::Failure;
use crate::view::environment::ColorChoice;
use crate::view::print::{self, CheckStatus, Look, OutputFormat};

/// Flags of `tcpmon diagnose`.
#[derive(Debug, ClapArgs)]
pub(super) struct Args {
    /// One line, and the exit code of a monitoring plugin: 0 ok, 1 warning, 2 critical, 3 unknown
    #[arg(long, conflicts_with = "watch")]
    check: bool,
    /// Again and again, until interrupted
    #[arg(short = 'f', long, visible_alias = "follow")]
    watch: bool,
    /// Time between two looks (with --watch)
    #[arg(short = 'd', long, value_name = "DURATION", default_value = "5s", value_parser = humantime::parse_duration)]
    interval: Duration,
    /// How long an agent of our own looks before it judges; one that runs already knows more
    #[arg(long, value_name = "DURATION", default_value = "5s", value_parser = humantime::parse_duration)]
    look: Duration,
    /// How to print
    #[arg(long, value_enum, default_value_t, env = "TCPMON_OUTPUT")]
    output: OutputFormat,
    /// At most so many verdicts
    #[arg(long, value_name = "N")]
    limit: Option<usize>,
    /// When to use colour; NO_COLOR is respected
    #[arg(long, value_enum, default_value_t)]
    color: ColorChoice,
    #[command(flatten)]
    connect: ConnectArgs,
}

pub(super) fn run(args: &Args) -> anyhow::Result<ExitCode> {
    if !args.check {
        diagnose(args)?;
        return Ok(ExitCode::SUCCESS);
    }
    // A plugin's answer is its first line, and what it does not know is a code of its own.
    let status = match ask_once(args) {
        Ok(verdicts) => print::check(&verdicts),
        Err(error) => CheckStatus::unknown(&format!("{error:#}")),
    };
    let mut out = io::stdout().lock();
    writeln!(out, "{}", status.line)?;
    out.flush()?;
    Ok(ExitCode::from(status.code))
}

fn ask_once(args: &Args) -> anyhow::Result<Verdicts> {
    let found = args.connect.find()?;
    connect::runtime()?.block_on(async {
        let agent = start(found, args.look).await?;
        let verdicts = agent.verdicts().await?;
        agent.stop().await?;
        Ok(verdicts)
    })
}

fn diagnose(args: &Args) -> anyhow::Result<()> {
    if args.watch && args.interval < Duration::from_millis(100) {
        return Err(Failure::usage("--interval: at least 100ms").into());
    }
    if !args.watch {
        return show(&ask_once(args)?, args.limit, args.output, args.color);
    }
    let found = args.connect.find()?;
    connect::runtime()?.block_on(async {
        let agent = start(found, args.look).await?;
        let outcome = tokio::select! {
            outcome = follow(&agent, args) => outcome,
            interrupted = tokio::signal::ctrl_c() => interrupted.map_err(Into::into),
        };
        agent.stop().await?;
        outcome
    })
}

async fn follow(agent: &Agent, args: &Args) -> anyhow::Result<()> {
    let mut last = None;
    loop {
        let verdicts = agent.verdicts().await?;
        // What stands, not how long it has: the same verdicts are not told twice.
        let told: Vec<_> = verdicts
            .verdicts
            .iter()
            .map(|row| {
                (
                    row.verdict,
                    row.severity,
                    row.pid,
                    row.netns,
                    row.service_port,
                )
            })
            .collect();
        if last.as_ref() != Some(&told) || args.output != OutputFormat::Table {
            show(&verdicts, args.limit, args.output, args.color)?;
            last = Some(told);
        }
        tokio::time::sleep(args.interval).await;
    }
}

/// An agent of our own has to look a while: growth and patience need time.
async fn start(found: Found, look: Duration) -> anyhow::Result<Agent> {
    let is_own = matches!(found, Found::Own(_));
    let agent = found.start().await?;
    if is_own {
        tokio::time::sleep(look).await;
    }
    Ok(agent)
}

/// Prints verdicts, the worst `limit` of them.
pub(super) fn show(
    verdicts: &Verdicts,
    limit: Option<usize>,
    format: OutputFormat,
    color: ColorChoice,
) -> anyhow::Result<()> {
    let mut shown = verdicts.clone();
    shown.verdicts.truncate(limit.unwrap_or(usize::MAX));
    let look = Look {
        columns: output::columns(),
        charset: output::charset(),
        color: output::color(color),
    };
    let hidden = verdicts.verdicts.len() - shown.verdicts.len();
    let mut out = io::BufWriter::new(io::stdout().lock());
    print::verdicts(&mut out, &shown, hidden, format, look)?;
    out.flush()?;
    Ok(())
}
