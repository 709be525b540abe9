//! `tcpmon watch`: every transition of matching sockets, as it happens.

use std::io::{self, Write as _};

use clap::Args as ClapArgs;
use tokio::signal::unix::{SignalKind, signal};

use super::connect::{self, ConnectArgs, Events};
use super::output;
use crate::core::filter::Filter;
use crate::failure::Failure;
use crate::view::print::{Columns, EventPrinter, OutputFormat};

/// Flags of `tcpmon watch`.
#[derive(Debug, ClapArgs)]
pub(super) struct Args {
    /// Which sockets, as in `tcpmon ls`; `state` is the state after the transition
    filter: Vec<String>,
    /// How to print
    #[arg(long, value_enum, default_value_t, env = "TCPMON_OUTPUT")]
    output: OutputFormat,
    /// Only these columns, in this order: time, transition, after, reason, and those of `tcpmon ls -o`
    #[arg(short = 'o', long, value_name = "NAME,…")]
    columns: Option<String>,
    /// Stop after so many transitions
    #[arg(short = 'n', long, value_name = "N")]
    count: Option<u64>,
    #[command(flatten)]
    connect: ConnectArgs,
}

pub(super) fn run(args: Args) -> anyhow::Result<()> {
    let filter: Filter = output::filter(&args.filter)?;
    let columns = args.columns.as_deref().map(Columns::of_events).transpose();
    let columns = columns.map_err(Failure::usage)?;
    let found = args.connect.find()?;
    connect::runtime()?.block_on(async {
        let agent = found.start().await?;
        let events = agent.watch(&filter, None).await?;
        let printer = EventPrinter::new(args.output, output::charset()).with(columns);
        let outcome = follow(events, printer, args.count).await;
        agent.stop().await?;
        outcome
    })
}

async fn follow(
    mut events: Events,
    mut printer: EventPrinter,
    count: Option<u64>,
) -> anyhow::Result<()> {
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    let mut left = count.unwrap_or(u64::MAX);
    while left > 0 {
        let event = tokio::select! {
            event = events.next() => event?,
            _ = interrupt.recv() => return Ok(()),
            _ = terminate.recv() => return Ok(()),
        };
        let Some(event) = event else {
            anyhow::bail!("the agent has stopped");
        };
        // A line at a time: whoever reads along wants to see it now.
        let mut out = io::stdout().lock();
        printer.print(&mut out, &event)?;
        out.flush()?;
        left -= 1;
    }
    Ok(())
}
