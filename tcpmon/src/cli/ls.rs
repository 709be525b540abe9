//! `tcpmon ls`: the sockets that match, once.

use std::io::{self, Write as _};

use clap::Args as ClapArgs;

use super::connect::{self, ConnectArgs};
use super::output;
use crate::core::query::{SocketsQuestion, Sort};
use crate::view::print::{self, OutputFormat};

/// Flags of `tcpmon ls`.
#[derive(Debug, ClapArgs)]
pub(super) struct Args {
    /// Which sockets: words of ss and more, such as 'state close-wait and proc = nginx and age > 5m'
    filter: Vec<String>,
    /// How to print
    #[arg(long, value_enum, default_value_t, env = "TCPMON_OUTPUT")]
    output: OutputFormat,
    /// Which come first
    #[arg(long, value_enum, default_value_t)]
    sort: Order,
    /// At most so many
    #[arg(long, value_name = "N")]
    limit: Option<usize>,
    #[command(flatten)]
    connect: ConnectArgs,
}

/// Which rows come first.
#[derive(Clone, Copy, Debug, Default, clap::ValueEnum)]
enum Order {
    /// Oldest in their state
    #[default]
    Age,
    /// Newest in their state
    Newest,
}

impl From<Order> for Sort {
    fn from(order: Order) -> Self {
        match order {
            Order::Age => Self::Age,
            Order::Newest => Self::Newest,
        }
    }
}

pub(super) fn run(args: Args) -> anyhow::Result<()> {
    let question = SocketsQuestion {
        filter: output::filter(&args.filter)?,
        sort: args.sort.into(),
        limit: args.limit,
    };
    let found = args.connect.find()?;
    connect::runtime()?.block_on(async {
        let agent = found.start().await?;
        let sockets = agent.sockets(&question).await?;
        agent.stop().await?;
        let mut out = io::BufWriter::new(io::stdout().lock());
        print::sockets(&mut out, &sockets, args.output, output::charset())?;
        out.flush()?;
        Ok(())
    })
}
