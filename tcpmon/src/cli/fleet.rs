//! `tcpmon top --prometheus`: a fleet, live or as text.

use std::io::{self, Write as _};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use clap::Args;

use super::{connect, output, top};
use crate::core::fleet::{Fleet, Matchers, Question, Scope};
use crate::promql::{Options, Server};
use crate::view::print::{self, OutputFormat};
use crate::view::tui::fleet::{self, FleetFeed, FleetOptions};

/// Scrapes are seldom more frequent, so that asking more often shows nothing new.
const INTERVAL: Duration = Duration::from_secs(10);

/// Flags of the fleet.
#[derive(Debug, Args)]
#[command(next_help_heading = "A fleet")]
pub(super) struct FleetArgs {
    /// Show the hosts that a Prometheus-compatible server scrapes, instead of this machine
    #[arg(long, value_name = "URL", conflicts_with_all = ["socket", "filter"])]
    prometheus: Option<String>,
    /// How to get in: a file in the format of Prometheus' http_config
    #[arg(
        long = "prometheus.config",
        value_name = "FILE",
        requires = "prometheus"
    )]
    config: Option<PathBuf>,
    /// Only these targets: label matchers as in PromQL
    #[arg(
        long = "prometheus.match",
        value_name = "MATCHERS",
        requires = "prometheus"
    )]
    #[arg(default_value = "", hide_default_value = true)]
    matchers: Matchers,
    /// How long to wait for each of the server's answers
    #[arg(
        long = "prometheus.timeout",
        value_name = "DURATION",
        requires = "prometheus"
    )]
    #[arg(default_value = "10s", value_parser = top::interval)]
    timeout: Duration,
    /// Print the hosts in this form instead of the live view
    #[arg(long, value_enum, requires = "prometheus")]
    output: Option<OutputFormat>,
}

/// How to show it.
pub(super) struct Picture {
    /// On the screen; otherwise as text.
    pub(super) is_live: bool,
    /// So many texts; `None`: without end.
    pub(super) count: Option<u64>,
    pub(super) interval: Option<Duration>,
    pub(super) color: bool,
    pub(super) mouse: bool,
}

impl FleetArgs {
    /// The server, if one was named.
    pub(super) fn url(&self) -> Option<&str> {
        self.prometheus.as_deref()
    }
}

pub(super) fn run(url: &str, args: &FleetArgs, picture: &Picture) -> anyhow::Result<()> {
    let options = Options {
        url: url.to_owned(),
        config: args.config.clone(),
        timeout: args.timeout,
    };
    let server = Server::new(&options)?;
    let question = Question {
        scope: Scope {
            chosen: args.matchers.clone(),
            host: None,
        },
        process: None,
    };
    connect::runtime()?.block_on(async {
        if !picture.is_live || args.output.is_some() {
            return print(&server, &question, args, picture).await;
        }
        // Before the screen is taken: whoever mistyped the URL reads that in the shell.
        let first = server.ask(&question).await;
        let first = first.map_err(|error| error.failure())?;
        let options = FleetOptions {
            server: url.to_owned(),
            chosen: args.matchers.clone(),
            interval: picture.interval.unwrap_or(INTERVAL),
            color: picture.color,
            charset: output::charset(),
            mouse: picture.mouse,
        };
        let feed = Feed {
            server: Arc::new(server),
            first: Mutex::new(Some(first)),
        };
        fleet::run(feed, options).await
    })
}

struct Feed {
    server: Arc<Server>,
    /// The answer to the first question, which was asked before.
    first: Mutex<Option<Fleet>>,
}

impl FleetFeed for Feed {
    async fn ask(&self, question: Question) -> Result<Fleet, String> {
        let first = self
            .first
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take();
        match first {
            Some(first) => Ok(first),
            None => {
                let answer = self.server.ask(&question).await;
                answer.map_err(|error| error.to_string())
            }
        }
    }
}

async fn print(
    server: &Server,
    question: &Question,
    args: &FleetArgs,
    picture: &Picture,
) -> anyhow::Result<()> {
    let format = args.output.unwrap_or_default();
    // Whoever asks for a document wants one.
    let once = args.output.is_some().then_some(1);
    let mut left = picture.count.or(once).unwrap_or(u64::MAX);
    loop {
        let fleet = server.ask(question).await;
        let fleet = fleet.map_err(|error| error.failure())?;
        {
            let mut out = io::BufWriter::new(io::stdout().lock());
            print::fleet(&mut out, &fleet, format, output::charset())?;
            out.flush()?;
        }
        left = left.saturating_sub(1);
        if left == 0 {
            return Ok(());
        }
        tokio::time::sleep(picture.interval.unwrap_or(INTERVAL)).await;
        if format == OutputFormat::Table {
            writeln!(io::stdout())?;
        }
    }
}
