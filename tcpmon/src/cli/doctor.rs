//! `tcpmon doctor`: what this machine offers and lacks, and which rung it reaches.

use std::io::{self, Write};

use clap::Args as ClapArgs;
use serde_json::json;

use crate::app;
use crate::failure::{Failure, first_line};
use crate::source::bpf::{Options, Stream, canary, holders::Holders};
use crate::source::features::{self, Feature, Standing};
use crate::view::format::sanitise;

/// Flags of `tcpmon doctor`.
#[derive(Debug, ClapArgs)]
pub(super) struct Args {
    /// Print one JSON document
    #[arg(long)]
    json: bool,
}

/// What attaching gave: the rung and the rest of the sentence, or why it failed.
type Trial = Result<String, String>;

pub(super) fn run(args: Args) -> anyhow::Result<()> {
    let features = features::examine();
    let stream = try_stream();
    let holders = try_holders();
    let mut out = io::BufWriter::new(io::stdout().lock());
    if args.json {
        write_json(&mut out, &features, &stream, &holders)?;
    } else {
        write_text(&mut out, &features, &stream, &holders)?;
    }
    out.flush()?;
    match stream {
        Ok(_) => Ok(()),
        Err(_) => {
            Err(Failure::not_permitted("nothing can be attached here: see the fixes above").into())
        }
    }
}

/// Attaches, proves and detaches: what works is found by trying.
fn try_stream() -> Trial {
    let mut stream = Stream::open(&Options::default()).map_err(|error| first_line(&error))?;
    let rung = stream.rung();
    canary::prove(&mut stream, |_| {}).map_err(|error| first_line(&error))?;
    let stats = stream.program_stats().unwrap_or_default();
    let verified = stats
        .verified_instructions
        .map_or_else(String::new, |count| {
            format!(", {count} instructions verified")
        });
    Ok(format!("{rung}, proved by canary{verified}"))
}

fn try_holders() -> Trial {
    let mut holders = Holders::load().map_err(|error| first_line(&error))?;
    let mut found = 0u64;
    holders
        .scan(|_| found += 1)
        .map_err(|error| first_line(&error))?;
    Ok(format!("iter/task_file, {found} TCP descriptors"))
}

fn write_text(
    out: &mut impl Write,
    features: &[Feature],
    stream: &Trial,
    holders: &Trial,
) -> io::Result<()> {
    writeln!(
        out,
        "tcpmon {} on Linux {}",
        env!("CARGO_PKG_VERSION"),
        app::kernel_release()
    )?;
    for feature in features {
        line(out, feature.standing, feature.name, &feature.found)?;
        if !feature.fix.is_empty() {
            writeln!(out, "{:32}fix: {}", "", sanitise(&feature.fix))?;
        }
    }
    trial(out, "transitions", stream, Standing::Missing)?;
    trial(out, "owners", holders, Standing::Limited)?;
    if holders.is_err() {
        writeln!(out, "{:32}owners are looked up in /proc instead", "")?;
    }
    Ok(())
}

fn trial(out: &mut impl Write, name: &str, trial: &Trial, without: Standing) -> io::Result<()> {
    match trial {
        Ok(found) => line(out, Standing::Good, name, found),
        Err(reason) => line(out, without, name, reason),
    }
}

fn line(out: &mut impl Write, standing: Standing, name: &str, found: &str) -> io::Result<()> {
    writeln!(out, "{:8} {name:22} {}", standing.word(), sanitise(found))
}

fn write_json(
    out: &mut impl Write,
    features: &[Feature],
    stream: &Trial,
    holders: &Trial,
) -> anyhow::Result<()> {
    let features: Vec<_> = features
        .iter()
        .map(|feature| {
            json!({
                "name": feature.name,
                "standing": feature.standing.word(),
                "found": feature.found,
                "fix": feature.fix,
            })
        })
        .collect();
    let trial = |trial: &Trial| match trial {
        Ok(found) => json!({ "works": true, "found": found }),
        Err(reason) => json!({ "works": false, "reason": reason }),
    };
    let report = json!({
        "schema": crate::core::query::SCHEMA,
        "version": env!("CARGO_PKG_VERSION"),
        "kernel": app::kernel_release(),
        "features": features,
        "transitions": trial(stream),
        "owners": trial(holders),
    });
    writeln!(out, "{report}")?;
    Ok(())
}
