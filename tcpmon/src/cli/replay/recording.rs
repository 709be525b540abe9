//! A recording of `tcpmon record`: on the screen, or as text.

use std::fs::File;
use std::io::{self, Cursor, IsTerminal as _, Read, Seek, Write as _};
use std::path::Path;

use anyhow::Context as _;

use super::{Args, Plan, diagnose, output, screen};
use crate::clock;
use crate::core::query::SocketsQuestion;
use crate::failure::Failure;
use crate::replay::{Tape, World};
use crate::source::recording::Reader;
use crate::view::format::{age, sanitise};
use crate::view::print::{Columns, EventPrinter, OutputFormat};

pub(super) fn replay(args: Args) -> anyhow::Result<()> {
    let is_text = args.at.is_some()
        || args.diagnose
        || args.output.is_some()
        || args.shape.columns.is_some()
        || !io::stdout().is_terminal()
        || std::env::var_os("TERM").is_some_and(|term| term == "dumb");
    // What is typed is looked at before what is named.
    if args.at.is_some() && !args.diagnose {
        Plan::of(&args.filter, &args.shape, args.output.unwrap_or_default())?;
    } else {
        output::filter::<crate::core::filter::Filter>(&args.filter)?;
        event_columns(&args)?;
    }
    let name = args.file.display().to_string();
    if args.file.as_path() != Path::new("-") {
        let file = File::open(&args.file).with_context(|| format!("cannot open {name}"))?;
        return show(open(&name, file)?, args, is_text);
    }
    let mut bytes = Vec::new();
    let read = io::stdin().lock().read_to_end(&mut bytes);
    read.context("cannot read standard input")?;
    show(open("standard input", Cursor::new(bytes))?, args, is_text)
}

fn open<R: Read + Seek>(name: &str, source: R) -> anyhow::Result<Tape<R>> {
    let reader = Reader::open(source).map_err(|sentence| anyhow::anyhow!("{name} {sentence}"))?;
    Ok(Tape::new(reader))
}

fn show<R: Read + Seek + Send + 'static>(
    mut tape: Tape<R>,
    args: Args,
    is_text: bool,
) -> anyhow::Result<()> {
    if !is_text {
        return screen::run(tape, args);
    }
    match (args.diagnose, args.at) {
        (false, None) => transitions(&mut tape, &args)?,
        _ => moment(&mut tape, &args)?,
    }
    if let Some(trouble) = tape.trouble() {
        output::remark(&format!("{} {trouble}", args.file.display()));
    }
    Ok(())
}

fn event_columns(args: &Args) -> anyhow::Result<Option<Columns>> {
    let columns = args.shape.columns.as_deref().map(Columns::of_events);
    Ok(columns.transpose().map_err(Failure::usage)?)
}

/// Prints every transition, as `watch` does.
fn transitions<R: Read + Seek>(tape: &mut Tape<R>, args: &Args) -> anyhow::Result<()> {
    let question = SocketsQuestion {
        filter: output::filter(&args.filter)?,
        ..SocketsQuestion::default()
    };
    let format = args.output.unwrap_or_default();
    let mut printer = EventPrinter::new(format, output::charset()).with(event_columns(args)?);
    let mut world = World::new(tape.header().clone());
    let mut out = io::BufWriter::new(io::stdout().lock());
    let mut left = args.shape.limit.unwrap_or(usize::MAX);
    while left > 0
        && let Some(item) = tape.next_until(u64::MAX)
    {
        if let Some(change) = world.apply(item)
            && world.table().matches(change.id, &question, change.time_ns)
        {
            printer.print(&mut out, &world.event(&change))?;
            left -= 1;
        }
    }
    out.flush()?;
    Ok(())
}

/// Prints the sockets or the verdicts of one moment.
fn moment<R: Read + Seek>(tape: &mut Tape<R>, args: &Args) -> anyhow::Result<()> {
    let last_ns = tape.last_ns();
    let at_ns = match args.at {
        None => last_ns,
        Some(at) => at.in_recording(tape.header(), last_ns).ok_or_else(|| {
            let header = tape.header();
            let began = clock::rfc3339_seconds(header.began_unix_ns / 1_000_000_000);
            Failure::usage(format!(
                "--at: not in the recording, which begins at {began} and is {} long",
                span(tape.length_ns())
            ))
        })?,
    };
    let mut world = World::new(tape.header().clone());
    // All that was known at the beginning is one moment.
    while let Some(item) = tape.next_until(if world.is_planted() { at_ns } else { last_ns }) {
        world.apply(item);
    }
    world.pass(at_ns);
    let format = args.output.unwrap_or_default();
    if matches!(format, OutputFormat::Table | OutputFormat::Wide) {
        let mut out = io::stdout().lock();
        writeln!(out, "{}\n", heading(tape, &world))?;
    }
    if args.diagnose {
        return diagnose::show(&world.verdicts(), args.shape.limit, format, args.color);
    }
    let plan = Plan::of(&args.filter, &args.shape, format)?;
    let answer = plan.arrange(world.sockets(plan.question()));
    let mut out = io::BufWriter::new(io::stdout().lock());
    plan.print(&mut out, &answer)?;
    out.flush()?;
    Ok(())
}

/// Which recording, and where in it.
fn heading<R: Read + Seek>(tape: &Tape<R>, world: &World) -> String {
    let header = tape.header();
    let clock = clock::rfc3339_seconds(world.unix_ns(world.now_ns()) / 1_000_000_000);
    sanitise(&format!(
        "recording of {} (Linux {}), {clock}: {} of {}",
        header.host,
        header.kernel,
        span(world.now_ns().saturating_sub(header.began_ns)),
        span(tape.length_ns())
    ))
}

fn span(nanoseconds: u64) -> String {
    age(nanoseconds as f64 / 1e9, false, output::charset())
}
