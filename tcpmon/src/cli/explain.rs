//! `tcpmon explain`: what a state, an edge, an ending or a verdict means, and what to do.

use std::io::{self, Write as _};

use clap::Args as ClapArgs;

use super::output;
use crate::core::explain::Topic;
use crate::failure::Failure;
use crate::view::environment::ColorChoice;
use crate::view::export;
use crate::view::print::{self, ExplainFormat, Look};

/// Flags of `tcpmon explain`.
#[derive(Debug, ClapArgs)]
pub(super) struct Args {
    /// A state (close-wait), an edge ('FIN_WAIT2 -> TIME_WAIT' or fin-wait-2,time-wait), a verdict
    /// (close_wait_leak) or an ending (no_port); without it the diagram and the list of all. `metrics`
    /// prints every metric, in Markdown
    #[arg(value_name = "STATE|EDGE|VERDICT|ENDING")]
    topic: Vec<String>,
    /// How to print
    #[arg(long, value_enum, default_value_t)]
    output: ExplainFormat,
    /// When to use colour; NO_COLOR is respected
    #[arg(long, value_enum, default_value_t)]
    color: ColorChoice,
}

/// The page of the metrics.
const METRICS: &str = "metrics";

pub(super) fn run(args: &Args) -> anyhow::Result<()> {
    if args.topic == [METRICS] {
        let page = export::reference::markdown()?;
        io::stdout().lock().write_all(page.as_bytes())?;
        return Ok(());
    }
    let topic = topic(&args.topic)?;
    let look = Look {
        columns: output::columns(),
        charset: output::charset(),
        color: output::color(args.color),
    };
    let mut out = io::BufWriter::new(io::stdout().lock());
    match topic {
        None => print::explain_overview(&mut out, args.output, look)?,
        Some(topic) => print::explain_topic(&mut out, topic, args.output, look)?,
    }
    out.flush()?;
    Ok(())
}

fn topic(words: &[String]) -> Result<Option<Topic>, Failure> {
    if words.is_empty() {
        return Ok(None);
    }
    let text = words.join(" ");
    if text.ends_with('-') {
        return Err(Failure::usage(
            "the shell took the arrow for a redirection: write 'FIN_WAIT2 -> TIME_WAIT' in quotes, or \
             fin-wait-2,time-wait",
        ));
    }
    Topic::parse(&text)
        .map(Some)
        .map_err(|error| Failure::usage(error.to_string()))
}
