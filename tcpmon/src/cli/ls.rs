//! `tcpmon ls`: the sockets that match, once or again and again.

use std::io::{self, IsTerminal as _, Write as _};
use std::time::Duration;

use clap::Args as ClapArgs;
use tokio::signal::unix::{SignalKind, signal};

use super::connect::{self, Agent, ConnectArgs};
use super::output;
use crate::core::query::{Sockets, SocketsQuestion, Sort};
use crate::failure::Failure;
use crate::view::print::{self, Columns, OutputFormat, SortKey};

/// The agent walks the sockets in the order of their age and never sorts; whoever asks for another
/// order sorts the rows it is sent. More than these are not asked for: they are 60 MB of JSON.
const MOST_SORTED: usize = 100_000;
/// Shorter steps only cost; `tcpmon watch` shows what happens between them.
const SHORTEST_INTERVAL: Duration = Duration::from_millis(100);
/// The cursor goes home, and what is below it goes away (ECMA-48).
const CLEAR: &str = "\x1b[H\x1b[J";

/// Flags of `tcpmon ls`.
#[derive(Debug, ClapArgs)]
pub(super) struct Args {
    /// Which sockets: words of ss and more, such as 'state close-wait and proc = nginx and age > 5m'
    filter: Vec<String>,
    /// How to print
    #[arg(long, value_enum, default_value_t, env = "TCPMON_OUTPUT")]
    output: OutputFormat,
    #[command(flatten)]
    shape: Shape,
    /// Again and again, until interrupted; a terminal is cleared in between
    #[arg(short, long)]
    follow: bool,
    /// Time between two looks (with --follow)
    #[arg(short = 'd', long, value_name = "DURATION", default_value = "2s", value_parser = humantime::parse_duration)]
    interval: Duration,
    #[command(flatten)]
    connect: ConnectArgs,
}

/// Which columns and rows.
#[derive(Debug, ClapArgs)]
pub(super) struct Shape {
    /// Only these columns, in this order, by the names above them or those of the JSON fields; an
    /// unknown name is answered with all there are
    #[arg(short = 'o', long, value_name = "NAME,…")]
    pub(super) columns: Option<String>,
    /// Which come first: `age`, `newest`, or any column; names rise, quantities fall, and a `-` in
    /// front turns that round (--sort=-remote)
    #[arg(
        long,
        value_name = "[-]NAME",
        default_value = "age",
        allow_hyphen_values = true
    )]
    sort: String,
    /// At most so many
    #[arg(long, value_name = "N")]
    pub(super) limit: Option<usize>,
}

/// What is asked, and what is done with the answer.
pub(super) struct Plan {
    question: SocketsQuestion,
    /// Sort the answer, and cut it down.
    sort: Option<(SortKey, Option<usize>)>,
    columns: Option<Columns>,
    format: OutputFormat,
}

impl Plan {
    pub(super) fn of(
        filter: &[String],
        shape: &Shape,
        format: OutputFormat,
    ) -> anyhow::Result<Self> {
        let columns = shape
            .columns
            .as_deref()
            .map(Columns::of_sockets)
            .transpose();
        let by_age = match shape.sort.as_str() {
            "age" | "-newest" => Some(Sort::Age),
            "newest" | "-age" => Some(Sort::Newest),
            _ => None,
        };
        let sort = match by_age {
            Some(_) => None,
            None => {
                let key = SortKey::parse(&shape.sort);
                let key =
                    key.map_err(|error| Failure::usage(format!("--sort: {error}, newest")))?;
                Some((key, shape.limit))
            }
        };
        let question = SocketsQuestion {
            filter: output::filter(filter)?,
            sort: by_age.unwrap_or_default(),
            limit: match sort {
                Some(_) => Some(MOST_SORTED),
                None => shape.limit,
            },
        };
        Ok(Self {
            question,
            sort,
            columns: columns.map_err(|error| Failure::usage(format!("-o: {error}")))?,
            format,
        })
    }

    async fn ask(&self, agent: &Agent) -> anyhow::Result<Sockets> {
        Ok(self.arrange(agent.sockets(&self.question).await?))
    }

    /// What is asked.
    pub(super) const fn question(&self) -> &SocketsQuestion {
        &self.question
    }

    /// Puts an answer into the order that only this side makes.
    pub(super) fn arrange(&self, mut answer: Sockets) -> Sockets {
        let Some((key, limit)) = &self.sort else {
            return answer;
        };
        if answer.matched != Some(answer.sockets.len() as u64) {
            output::remark(&format!(
                "only the {MOST_SORTED} oldest that match are sorted: a narrower filter sorts all"
            ));
        }
        key.sort(&mut answer.sockets);
        answer.sockets.truncate(limit.unwrap_or(usize::MAX));
        answer
    }

    pub(super) fn print(&self, out: &mut dyn io::Write, answer: &Sockets) -> io::Result<()> {
        match &self.columns {
            Some(columns) => {
                print::sockets_with(out, answer, columns, self.format, output::charset())
            }
            None => print::sockets(out, answer, self.format, output::charset()),
        }
    }
}

pub(super) fn run(args: &Args) -> anyhow::Result<()> {
    let plan = Plan::of(&args.filter, &args.shape, args.output)?;
    if args.follow && args.interval < SHORTEST_INTERVAL {
        return Err(Failure::usage("--interval: at least 100ms").into());
    }
    let found = args.connect.find()?;
    connect::runtime()?.block_on(async {
        let agent = found.start().await?;
        let outcome = match args.follow {
            true => follow(&agent, &plan, args.interval).await,
            false => once(&agent, &plan).await,
        };
        agent.stop().await?;
        outcome
    })
}

async fn once(agent: &Agent, plan: &Plan) -> anyhow::Result<()> {
    let answer = plan.ask(agent).await?;
    let mut out = io::BufWriter::new(io::stdout().lock());
    plan.print(&mut out, &answer)?;
    out.flush()?;
    Ok(())
}

async fn follow(agent: &Agent, plan: &Plan, interval: Duration) -> anyhow::Result<()> {
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    let is_text = matches!(plan.format, OutputFormat::Table | OutputFormat::Wide);
    let clears = is_text && io::stdout().is_terminal();
    let mut is_first = true;
    loop {
        let answer = plan.ask(agent).await?;
        let mut answered = Vec::new();
        plan.print(&mut answered, &answer)?;
        let between: &[u8] = match (plan.format, is_first) {
            _ if clears => CLEAR.as_bytes(),
            (OutputFormat::Csv, false) => {
                // One header for all.
                let header = answered.iter().position(|byte| *byte == b'\n');
                answered.drain(..header.map_or(0, |end| end + 1));
                b""
            }
            (_, false) if is_text => b"\n",
            _ => b"",
        };
        // All at once, so that a terminal does not flicker.
        let text = [between, &answered].concat();
        is_first = false;
        {
            let mut out = io::stdout().lock();
            out.write_all(&text)?;
            out.flush()?;
        }
        tokio::select! {
            () = tokio::time::sleep(interval) => {}
            _ = interrupt.recv() => return Ok(()),
            _ = terminate.recv() => return Ok(()),
        }
    }
}
