//! What must hold for every input of the decoder here: see [`crate::fuzzing`].

use std::path::Path;

use super::answer::{Document, decode};
use crate::core::query::{EventRow, Sockets, Summary};
use crate::view::api::body::Line;
use crate::view::format::Charset;
use crate::view::print::{EventPrinter, OutputFormat, sockets, summary};

const FORMATS: [OutputFormat; 5] = [
    OutputFormat::Table,
    OutputFormat::Wide,
    OutputFormat::Json,
    OutputFormat::Jsonl,
    OutputFormat::Csv,
];

/// An answer of the local API, of any kind, and what is printed of it: whoever answers at the
/// socket has no way to act on a terminal.
pub fn answer(bytes: &[u8]) -> bool {
    let (summaries, rows) = (read::<Summary>(bytes), read::<Sockets>(bytes));
    let event = read::<Line<EventRow>>(bytes).map(|line| line.row);
    let charset = Charset::Unicode;
    for format in FORMATS {
        let mut out = Vec::new();
        let mut printed = Ok(());
        if let Some(answer) = &summaries {
            printed = printed.and(summary(&mut out, answer, format, charset));
        }
        if let Some(answer) = &rows {
            printed = printed.and(sockets(&mut out, answer, format, charset));
        }
        if let Some(event) = &event {
            let mut printer = EventPrinter::new(format, charset);
            printed = printed.and(printer.print(&mut out, event));
        }
        assert!(printed.is_ok(), "a vector takes everything");
        if matches!(format, OutputFormat::Table | OutputFormat::Wide) {
            let text = String::from_utf8_lossy(&out);
            assert!(text.chars().all(|c| c == '\n' || !c.is_control()), "{text}");
        }
    }
    summaries.is_some() || rows.is_some() || event.is_some()
}

fn read<T: Document>(bytes: &[u8]) -> Option<T> {
    match decode(Path::new("/run/tcpmon/tcpmon.sock"), bytes) {
        Ok(document) => Some(document),
        Err(error) => {
            assert!(!error.to_string().contains(char::is_control), "{error}");
            None
        }
    }
}
