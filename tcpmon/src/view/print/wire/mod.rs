//! What a packet capture says of its connections.

mod rows;
mod text;

use std::io;

use clap::ValueEnum;

use super::{json, jsonl};
use crate::core::query::SCHEMA;
use crate::core::wire::{Connection, Reading};
use crate::view::format::Charset;

/// The `--output` flag of what replays a capture.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum WireFormat {
    /// A line per packet, with the edges of both sides.
    #[default]
    Table,
    /// One JSON document.
    Json,
    /// One JSON document per connection and line.
    Jsonl,
}

/// How a capture is shown.
#[derive(Clone, Copy, Debug)]
pub struct WireLook {
    /// How to print.
    pub format: WireFormat,
    /// The characters to be used.
    pub charset: Charset,
    /// Every packet; else long runs of those that change nothing are one line.
    pub all_packets: bool,
}

/// Prints connections by their number, which counts from 1, and what was left out of the capture.
pub fn capture(
    out: &mut dyn io::Write,
    reading: &Reading,
    connections: &[(usize, &Connection)],
    look: WireLook,
) -> io::Result<()> {
    let rows = || {
        connections
            .iter()
            .map(|(number, connection)| rows::connection(*number, connection))
    };
    match look.format {
        WireFormat::Table => text::capture(out, reading, connections, look),
        WireFormat::Json => {
            let connections: Vec<_> = rows().collect();
            json::document(out, &rows::capture(reading, connections))
        }
        WireFormat::Jsonl => {
            rows().try_for_each(|row| jsonl::rows(out, SCHEMA, std::slice::from_ref(&row)))
        }
    }
}

/// What was left out of a capture, a sentence each.
#[must_use]
pub fn left_out(reading: &Reading) -> Vec<String> {
    text::left_out(reading)
}
