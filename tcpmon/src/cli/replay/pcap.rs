//! A packet capture, told state by state.

use std::fs::File;
use std::io::{self, Write as _};
use std::path::Path;

use anyhow::Context as _;

use super::{Args, output};
use crate::core::wire::{Capture, Connection};
use crate::failure::Failure;
use crate::source::pcap;
use crate::view::print::{self, OutputFormat, WireFormat, WireLook};

pub(super) fn tell(args: &Args) -> anyhow::Result<()> {
    let format = match args.output.unwrap_or_default() {
        OutputFormat::Table | OutputFormat::Wide => WireFormat::Table,
        OutputFormat::Json => WireFormat::Json,
        OutputFormat::Jsonl => WireFormat::Jsonl,
        OutputFormat::Csv => {
            let message = "--output: a packet capture is told as table, json or jsonl";
            return Err(Failure::usage(message).into());
        }
    };
    let name = args.file.display();
    let reading = match args.file.as_path() == Path::new("-") {
        true => pcap::read(io::stdin()),
        false => {
            let file = File::open(&args.file).with_context(|| format!("cannot open {name}"))?;
            pcap::read(file)
        }
    };
    let reading = reading.map_err(|sentence| anyhow::anyhow!("{name} {sentence}"))?;
    let end_ns = reading.span_ns.map_or(0, |(_, last)| last);
    let capture = Capture::replay(&reading.packets, end_ns);
    let connections = chosen(&capture, args.connection)?;
    let mut out = io::BufWriter::new(io::stdout().lock());
    let look = WireLook {
        format,
        charset: output::charset(),
        all_packets: args.all_packets,
    };
    print::capture(&mut out, &reading, &connections, look)?;
    out.flush()?;
    if connections.is_empty() {
        output::remark(&format!("{name} has no TCP packet that could be read"));
    }
    Ok(())
}

/// The connections to be shown, with their numbers.
fn chosen(capture: &Capture, number: Option<usize>) -> anyhow::Result<Vec<(usize, &Connection)>> {
    let all = || (1..).zip(&capture.connections);
    let Some(number) = number else {
        return Ok(all().collect());
    };
    let found: Vec<_> = all().filter(|(at, _)| *at == number).collect();
    if found.is_empty() {
        let known = capture.connections.len();
        let message = format!("there is no connection {number}: the capture has {known}");
        return Err(Failure::usage(message).into());
    }
    Ok(found)
}
