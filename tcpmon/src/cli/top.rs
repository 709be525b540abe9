//! `tcpmon top`: the live view, or the same as text.

use std::io::{self, IsTerminal as _, Write as _};
use std::sync::Arc;
use std::time::Duration;

use clap::Args as ClapArgs;

use super::connect::{self, Agent, ConnectArgs};
use super::fleet::{self, FleetArgs};
use super::output;
use crate::core::filter::Filter;
use crate::core::query::{EventRow, Picture, SocketsQuestion, Wants};
use crate::view::environment::ColorChoice;
use crate::view::print::{self, OutputFormat};
use crate::view::tui::{self, ActiveFilter, Feed, TopOptions, Watch};

/// Rows of sockets in batch output, as many as a screen shows.
const BATCH_ROWS: usize = 20;

/// Flags of `tcpmon top`.
#[derive(Debug, ClapArgs)]
pub(super) struct Args {
    /// Which sockets, as in `tcpmon ls`
    filter: Vec<String>,
    /// Print text instead of the live view; the default without a terminal
    #[arg(short, long)]
    batch: bool,
    /// Stop after so many pictures (with --batch) [default: 1 without a terminal, else no end]
    #[arg(short = 'n', long, value_name = "N")]
    count: Option<u64>,
    /// Time between two pictures [default: 1s, of a fleet 10s]
    #[arg(short = 'd', long, value_name = "DURATION", value_parser = interval)]
    interval: Option<Duration>,
    /// When to use colour; NO_COLOR is respected
    #[arg(long, value_enum, default_value_t)]
    color: ColorChoice,
    /// Leave the mouse to the terminal, to select text with; the key m does the same
    #[arg(long)]
    no_mouse: bool,
    #[command(flatten)]
    connect: ConnectArgs,
    #[command(flatten)]
    fleet: FleetArgs,
}

/// Of this machine, which answers at once.
const INTERVAL: Duration = Duration::from_secs(1);

pub(super) fn interval(text: &str) -> Result<Duration, String> {
    let seconds = text
        .parse::<f64>()
        .ok()
        .and_then(|number| Duration::try_from_secs_f64(number).ok());
    let duration = seconds.or_else(|| humantime::parse_duration(text).ok());
    let range = Duration::from_millis(100)..=Duration::from_secs(3600);
    duration
        .filter(|duration| range.contains(duration))
        .ok_or_else(|| "write 1s, 500ms or 2.5; from 100ms to 1h".into())
}

pub(super) fn run(args: Args) -> anyhow::Result<()> {
    let is_dumb = std::env::var_os("TERM").is_some_and(|term| term == "dumb");
    let is_terminal = io::stdout().is_terminal() && !is_dumb;
    if let Some(url) = args.fleet.url() {
        let picture = fleet::Picture {
            is_live: is_terminal && !args.batch,
            count: args.count.or((!is_terminal && !args.batch).then_some(1)),
            interval: args.interval,
            color: output::color(args.color),
            mouse: !args.no_mouse,
        };
        return fleet::run(url, &args.fleet, &picture);
    }
    let filter: ActiveFilter = output::filter(&args.filter)?;
    let found = args.connect.find()?;
    connect::runtime()?.block_on(async {
        let agent = Arc::new(found.start().await?);
        let outcome = if args.batch || !is_terminal {
            let count = args.count.or((!is_terminal && !args.batch).then_some(1));
            batch(&agent, &args, count).await
        } else {
            let options = TopOptions {
                interval: args.interval.unwrap_or(INTERVAL),
                filter,
                color: output::color(args.color),
                charset: output::charset(),
                mouse: !args.no_mouse,
            };
            tui::run(AgentFeed(Arc::clone(&agent)), options).await
        };
        if let Some(agent) = Arc::into_inner(agent) {
            agent.stop().await?;
        }
        outcome
    })
}

#[derive(Clone)]
pub(super) struct AgentFeed(pub(super) Arc<Agent>);

impl Feed for AgentFeed {
    type Watch = connect::Events;

    async fn fetch(&self, wants: Wants) -> Result<Picture, String> {
        let picture = self.0.picture(wants).await;
        picture.map_err(|error| format!("{error:#}"))
    }

    async fn watch(&self, filter: Filter, most: u32) -> Result<connect::Events, String> {
        let events = self.0.watch(&filter, Some(most)).await;
        events.map_err(|error| format!("{error:#}"))
    }
}

impl Watch for connect::Events {
    async fn next(&mut self) -> Result<Option<EventRow>, String> {
        let event = Self::next(self).await;
        event.map_err(|error| format!("{error:#}"))
    }
}

async fn batch(agent: &Agent, args: &Args, count: Option<u64>) -> anyhow::Result<()> {
    let question = SocketsQuestion {
        filter: output::filter(&args.filter)?,
        limit: Some(BATCH_ROWS),
        ..SocketsQuestion::default()
    };
    let mut left = count.unwrap_or(u64::MAX);
    loop {
        let (summary, sockets) = (agent.summary().await?, agent.sockets(&question).await?);
        {
            let mut out = io::BufWriter::new(io::stdout().lock());
            print::summary(&mut out, &summary, OutputFormat::Table, output::charset())?;
            writeln!(out)?;
            print::sockets(&mut out, &sockets, OutputFormat::Table, output::charset())?;
            out.flush()?;
        }
        left -= 1;
        if left == 0 {
            return Ok(());
        }
        tokio::time::sleep(args.interval.unwrap_or(INTERVAL)).await;
        writeln!(io::stdout())?;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_interval_is_seconds_or_a_duration() {
        assert_eq!(interval("2"), Ok(Duration::from_secs(2)));
        assert_eq!(interval("0.5"), Ok(Duration::from_millis(500)));
        assert_eq!(interval("1m"), Ok(Duration::from_secs(60)));
        for text in ["0", "-1", "nan", "1e99", "soon", "2h"] {
            assert!(interval(text).is_err(), "{text}");
        }
    }
}
