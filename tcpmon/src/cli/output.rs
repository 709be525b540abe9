//! Where output goes: data to stdout, sentences to stderr.

use std::io::{self, IsTerminal as _, Write};

use crate::view::environment::{self, ColorChoice};
use crate::view::format::{Charset, sanitise};

/// Whether an error is only that the reader of our output has gone.
pub(super) fn is_broken_pipe(error: &anyhow::Error) -> bool {
    error.chain().any(|cause| {
        cause
            .downcast_ref::<io::Error>()
            .is_some_and(|error| error.kind() == io::ErrorKind::BrokenPipe)
    })
}

/// What could not be written, where an error says no more than why: only writing to stdout needs no
/// name of a file.
fn unwritten(error: &anyhow::Error) -> &'static str {
    use io::ErrorKind::{FileTooLarge, QuotaExceeded, StorageFull};
    let bare = error.downcast_ref::<io::Error>();
    match bare.map(io::Error::kind) {
        Some(StorageFull | QuotaExceeded | FileTooLarge) if error.chain().count() == 1 => {
            "cannot write to standard output: "
        }
        _ => "",
    }
}

/// One sentence on stderr.
pub(super) fn complain(error: &anyhow::Error) {
    // Nothing is left to be told when stderr is closed too.
    drop(writeln!(
        io::stderr(),
        "tcpmon: {}",
        sanitise(&format!("{}{error:#}", unwritten(error)))
    ));
}

/// One sentence on stderr that is no failure.
pub(super) fn remark(sentence: &str) {
    drop(writeln!(io::stderr(), "tcpmon: {}", sanitise(sentence)));
}

/// The characters the terminal can show.
pub(super) fn charset() -> Charset {
    environment::charset(|name| std::env::var_os(name))
}

/// What is assumed when stdout is no terminal.
const COLUMNS: u16 = 80;

/// The width of the terminal on stdout.
pub(super) fn columns() -> u16 {
    terminal_size::terminal_size_of(io::stdout()).map_or(COLUMNS, |(width, _)| width.0)
}

/// Whether to use colour on stdout.
pub(super) fn color(choice: ColorChoice) -> bool {
    choice.resolve(io::stdout().is_terminal(), |name| std::env::var_os(name))
}

/// Joins the words of a filter as they were typed and reads them.
pub(super) fn filter<T>(words: &[String]) -> anyhow::Result<T>
where
    T: std::str::FromStr<Err = crate::core::filter::FilterError>,
{
    let text = words.join(" ");
    text.parse()
        .map_err(|error: crate::core::filter::FilterError| {
            crate::failure::Failure::usage(error.to_string()).into()
        })
}
