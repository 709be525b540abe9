//! Answers on standard output: tables for people, JSON and CSV for programs.
//!
//! Nothing here decides where output goes, nor what a broken pipe means.

mod csv;
mod explain;
pub(crate) mod json;
mod jsonl;
mod table;
mod verdicts;
mod wrap;

use std::io;

use clap::ValueEnum;

use crate::core::query::{EventRow, Sockets, Summary, Verdicts};
use crate::view::column::Column;
use crate::view::format::Charset;
pub use explain::{ExplainFormat, Look, explain_overview, explain_topic};
pub use verdicts::CheckStatus;

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
    has_header: bool,
}

impl EventPrinter {
    /// A printer that has printed nothing yet.
    #[must_use]
    pub const fn new(format: OutputFormat, charset: Charset) -> Self {
        Self {
            format,
            charset,
            has_header: false,
        }
    }

    /// Prints one event, before the first one the header.
    pub fn print(&mut self, out: &mut dyn io::Write, event: &EventRow) -> io::Result<()> {
        if !self.has_header {
            self.header(out)?;
            self.has_header = true;
        }
        match self.format {
            OutputFormat::Table => table::event(out, event, &table::EVENT_NARROW, self.charset),
            OutputFormat::Wide => table::event(out, event, &table::EVENT_WIDE, self.charset),
            OutputFormat::Json | OutputFormat::Jsonl => jsonl::row(out, event),
            OutputFormat::Csv => csv::event(out, event),
        }
    }

    fn header(&self, out: &mut dyn io::Write) -> io::Result<()> {
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
