//! Answers on standard output: tables for people, JSON and CSV for programs.
//!
//! Nothing here decides where output goes, nor what a broken pipe means.

mod choose;
mod csv;
mod explain;
mod fleet;
pub(crate) mod json;
mod jsonl;
mod table;
mod verdicts;
mod wire;
mod wrap;

use std::io;

use clap::ValueEnum;

use crate::core::query::{EventRow, Sockets, Summary, Verdicts};
use crate::view::column::Column;
use crate::view::format::Charset;
use choose::Picked;
pub use choose::{Columns, SortKey};
pub use explain::{ExplainFormat, Look, explain_overview, explain_topic};
pub use fleet::fleet;
pub use verdicts::CheckStatus;
pub use wire::{WireFormat, WireLook, capture, left_out};

/// The `--output` flag.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum OutputFormat {
    /// Aligned columns that fit 80 characters for IPv4.
    #[default]
    Table,
    /// Aligned columns with all that is known.
    Wide,
    /// One JSON document.
    Json,
    /// One JSON document per line.
    Jsonl,
    /// Comma-separated values with a header (RFC 4180).
    Csv,
}

/// Prints sockets, all at once.
pub fn sockets(
    out: &mut dyn io::Write,
    answer: &Sockets,
    format: OutputFormat,
    charset: Charset,
) -> io::Result<()> {
    match format {
        OutputFormat::Table => table::sockets(out, &answer.sockets, &Column::NARROW, charset),
        OutputFormat::Wide => table::sockets(out, &answer.sockets, &Column::WIDE, charset),
        OutputFormat::Json => json::document(out, answer),
        OutputFormat::Jsonl => jsonl::rows(out, answer.schema, &answer.sockets),
        OutputFormat::Csv => csv::sockets(out, &answer.sockets),
    }
}

/// Prints sockets with the columns that were asked for; the tables of two widths are then the same.
pub fn sockets_with(
    out: &mut dyn io::Write,
    answer: &Sockets,
    columns: &Columns,
    format: OutputFormat,
    charset: Charset,
) -> io::Result<()> {
    #[derive(serde::Serialize)]
    struct Document {
        schema: u32,
        matched: Option<u64>,
        sockets: Vec<Picked>,
    }
    let rows = &answer.sockets;
    let picked = || rows.iter().map(|row| Picked::of(row, columns));
    match format {
        OutputFormat::Table | OutputFormat::Wide => {
            table::picked_sockets(out, rows, columns, charset)
        }
        OutputFormat::Json => {
            let document = Document {
                schema: answer.schema,
                matched: answer.matched,
                sockets: picked().collect(),
            };
            json::document(out, &document)
        }
        OutputFormat::Jsonl => {
            let mut rows = picked();
            rows.try_for_each(|row| jsonl::rows(out, answer.schema, std::slice::from_ref(&row)))
        }
        OutputFormat::Csv => csv::picked_sockets(out, rows, &columns.fields()),
    }
}

/// Prints the summary: every state, and how well they are known.
pub fn summary(
    out: &mut dyn io::Write,
    answer: &Summary,
    format: OutputFormat,
    charset: Charset,
) -> io::Result<()> {
    match format {
        OutputFormat::Table | OutputFormat::Wide => table::summary(out, answer, charset),
        OutputFormat::Json | OutputFormat::Jsonl => json::document(out, answer),
        OutputFormat::Csv => csv::states(out, &answer.states),
    }
}

/// Prints verdicts. `hidden`: so many were cut off by a limit.
pub fn verdicts(
    out: &mut dyn io::Write,
    answer: &Verdicts,
    hidden: usize,
    format: OutputFormat,
    look: Look,
) -> io::Result<()> {
    match format {
        OutputFormat::Table | OutputFormat::Wide => verdicts::text(out, answer, hidden, look),
        OutputFormat::Json => json::document(out, answer),
        OutputFormat::Jsonl => jsonl::rows(out, answer.schema, &answer.verdicts),
        OutputFormat::Csv => csv::verdicts(out, &answer.verdicts),
    }
}

/// What a monitoring plugin says of the verdicts.
#[must_use]
pub fn check(answer: &Verdicts) -> CheckStatus {
    verdicts::check(answer)
}

/// Prints events one by one as they come; [`OutputFormat::Json`] is one document per line, too,
/// since a stream has no end.
#[derive(Debug)]
pub struct EventPrinter {
    format: OutputFormat,
    charset: Charset,
    columns: Option<Columns>,
    has_header: bool,
}

impl EventPrinter {
    /// A printer that has printed nothing yet.
    #[must_use]
    pub const fn new(format: OutputFormat, charset: Charset) -> Self {
        Self {
            format,
            charset,
            columns: None,
            has_header: false,
        }
    }

    /// The same with the columns that were asked for.
    #[must_use]
    pub fn with(self, columns: Option<Columns>) -> Self {
        Self { columns, ..self }
    }

    /// Prints one event, before the first one the header.
    pub fn print(&mut self, out: &mut dyn io::Write, event: &EventRow) -> io::Result<()> {
        if !self.has_header {
            self.header(out)?;
            self.has_header = true;
        }
        if let Some(columns) = &self.columns {
            return match self.format {
                OutputFormat::Table | OutputFormat::Wide => {
                    table::picked_event(out, Some(event), columns, self.charset)
                }
                OutputFormat::Json | OutputFormat::Jsonl => {
                    jsonl::row(out, &Picked::of(event, columns))
                }
                OutputFormat::Csv => csv::picked_event(out, event, &columns.fields()),
            };
        }
        match self.format {
            OutputFormat::Table => table::event(out, event, &table::EVENT_NARROW, self.charset),
            OutputFormat::Wide => table::event(out, event, &table::EVENT_WIDE, self.charset),
            OutputFormat::Json | OutputFormat::Jsonl => jsonl::row(out, event),
            OutputFormat::Csv => csv::event(out, event),
        }
    }

    fn header(&self, out: &mut dyn io::Write) -> io::Result<()> {
        if let Some(columns) = &self.columns {
            return match self.format {
                OutputFormat::Table | OutputFormat::Wide => {
                    table::picked_event(out, None, columns, self.charset)
                }
                OutputFormat::Json | OutputFormat::Jsonl => Ok(()),
                OutputFormat::Csv => csv::picked_header(out, &columns.fields()),
            };
        }
        match self.format {
            OutputFormat::Table => table::event_header(out, &table::EVENT_NARROW),
            OutputFormat::Wide => table::event_header(out, &table::EVENT_WIDE),
            OutputFormat::Json | OutputFormat::Jsonl => Ok(()),
            OutputFormat::Csv => csv::event_header(out),
        }
    }
}

#[cfg(test)]
mod tests;
