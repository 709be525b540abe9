//! `tcpmon record`: everything the agent knows and sees, into a file.

use std::io::{self, IsTerminal as _};
use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::Args as ClapArgs;
use tokio::signal::unix::{Signal, SignalKind, signal};

use super::connect::{self, ConnectArgs, Recorded};
use super::output;
use crate::config::parse_size;
use crate::core::filter::Filter;
use crate::core::recording::{self, End, Ending, Frame, FrameKind, Item, Items};
use crate::failure::Failure;
use crate::source::recording::{Target, Writer};
use crate::view::format::{age, count};

/// Room for a header and the first facts of a small machine.
const SMALLEST: u64 = 64 << 10;

/// Flags of `tcpmon record`.
#[derive(Debug, ClapArgs)]
pub(super) struct Args {
    /// Where to; `-` is standard output
    file: PathBuf,
    /// Only these sockets, as in `tcpmon ls`, but for `state` and `age`, which change
    filter: Vec<String>,
    /// Stop after so long
    #[arg(short = 'd', long, value_name = "DURATION", default_value = "1h", value_parser = humantime::parse_duration)]
    duration: Duration,
    /// Stop before the file becomes larger
    #[arg(long, value_name = "SIZE", default_value = "256MiB", value_parser = size)]
    max_size: u64,
    /// Replace a file that is there
    #[arg(short, long)]
    force: bool,
    #[command(flatten)]
    connect: ConnectArgs,
}

fn size(text: &str) -> Result<u64, String> {
    let bytes = parse_size(text).map(u64::from)?;
    match bytes >= SMALLEST {
        true => Ok(bytes),
        false => Err(format!("at least {}", shown(SMALLEST))),
    }
}

pub(super) fn run(args: &Args) -> anyhow::Result<()> {
    let filter: Filter = output::filter(&args.filter)?;
    if let Some(sentence) = recording::refuse(&filter) {
        return Err(Failure::usage(sentence).into());
    }
    let target = target(args)?;
    target.check()?;
    let found = args.connect.find()?;
    connect::runtime()?.block_on(async {
        let signals = Signals::open()?;
        let agent = found.start().await?;
        let outcome = async {
            let recorded = agent.record(&filter).await?;
            let writer = Writer::create(target, recorded.header(), args.max_size)?;
            record(recorded, writer, signals, args).await
        };
        let outcome = outcome.await;
        agent.stop().await?;
        outcome
    })
}

fn target(args: &Args) -> anyhow::Result<Target> {
    if args.file.as_path() != Path::new("-") {
        return Ok(Target::File {
            path: args.file.clone(),
            replace: args.force,
        });
    }
    if io::stdout().is_terminal() {
        let sentence = "a recording is not for a terminal: name a file, or send it through a pipe";
        return Err(Failure::usage(sentence).into());
    }
    Ok(Target::Stdout)
}

/// What ends a recording from outside.
struct Signals([Signal; 3]);

impl Signals {
    fn open() -> io::Result<Self> {
        Ok(Self([
            signal(SignalKind::interrupt())?,
            signal(SignalKind::terminate())?,
            // The connection to the machine broke off: what was recorded is kept.
            signal(SignalKind::hangup())?,
        ]))
    }

    async fn next(&mut self) {
        let [interrupt, terminate, hang_up] = &mut self.0;
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
            _ = hang_up.recv() => {}
        }
    }
}

/// What has been recorded so far.
#[derive(Default)]
struct Progress {
    to_ns: u64,
    transitions: u64,
    missed: u64,
    is_planted: bool,
}

impl Progress {
    fn note(&mut self, frame: &Frame) {
        self.to_ns = self.to_ns.max(frame.to_ns);
        for item in Items::new(&frame.payload).flatten() {
            match item {
                Item::Record(_) => self.transitions += 1,
                Item::Gap(missed) => self.missed += missed,
                Item::Planted { .. } => self.is_planted = true,
                _ => {}
            }
        }
    }
}

async fn record(
    mut recorded: Recorded,
    mut writer: Writer,
    mut signals: Signals,
    args: &Args,
) -> anyhow::Result<()> {
    let header = recorded.header().clone();
    let name = args.file.display();
    if io::stderr().is_terminal() {
        output::remark(&format!(
            "recording {} into {name} for at most {} or {}: Ctrl-C ends it",
            header.host,
            humantime::format_duration(args.duration),
            shown(args.max_size)
        ));
    }
    let mut progress = Progress {
        to_ns: header.began_ns,
        ..Progress::default()
    };
    let over = tokio::time::sleep(args.duration);
    tokio::pin!(over);
    let mut gone = None;
    let reason = loop {
        let frame = tokio::select! {
            frame = recorded.next() => frame,
            () = &mut over => break Ending::Duration,
            () = signals.next() => break Ending::Stopped,
        };
        let frame = match frame {
            Ok(Some(frame)) if frame.kind == FrameKind::Items => frame,
            Ok(_) => {
                gone = Some("the agent has stopped".to_owned());
                break Ending::AgentGone;
            }
            Err(error) => {
                gone = Some(format!("{error:#}"));
                break Ending::AgentGone;
            }
        };
        if !writer.append(&frame)? {
            break Ending::Size;
        }
        progress.note(&frame);
    };
    let bytes = writer.bytes();
    writer.finish(End { reason }, progress.to_ns)?;
    let lasted = progress.to_ns.saturating_sub(header.began_ns) as f64 / 1e9;
    let lasted = age(lasted, false, output::charset());
    if let Some(why) = gone {
        anyhow::bail!("{why}; {name} has what came before, {lasted}");
    }
    output::remark(&format!(
        "recorded {lasted} of {} into {name}: {} transitions, {}{}",
        header.host,
        count(progress.transitions),
        shown(bytes),
        remarks(reason, &progress)
    ));
    Ok(())
}

fn remarks(reason: Ending, progress: &Progress) -> String {
    let mut text = match reason {
        Ending::Size => "; --max-size ended it".to_owned(),
        Ending::Duration => "; --duration ended it".to_owned(),
        Ending::Stopped | Ending::AgentGone => String::new(),
    };
    if !progress.is_planted {
        text.push_str("; it ended before all was told that the agent knew at its beginning");
    }
    if progress.missed > 0 {
        let missed = count(progress.missed);
        text.push_str(&format!("; {missed} facts are missing, this was too slow"));
    }
    text
}

/// `512 B`, `12 KiB`, `3.4 MiB`.
fn shown(bytes: u64) -> String {
    match bytes {
        0..1024 => format!("{bytes} B"),
        1024..1_048_576 => format!("{} KiB", bytes / 1024),
        _ => format!("{:.1} MiB", bytes as f64 / 1_048_576.0),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_size_is_not_too_small_and_is_shown_as_it_is() {
        assert_eq!(size("256MiB"), Ok(256 << 20));
        assert!(size("1KiB").is_err_and(|error| error == "at least 64 KiB"));
        assert!(size("much").is_err());
        assert_eq!(shown(1023), "1023 B");
        assert_eq!(shown(2048), "2 KiB");
        assert_eq!(shown(5 << 19), "2.5 MiB");
    }
}
