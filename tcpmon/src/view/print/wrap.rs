//! Sentences broken at the terminal's width.

use textwrap::{Options, WordSeparator, WordSplitter};

use super::Look;

/// Longer lines are hard to read.
const MOST_COLUMNS: usize = 100;
/// Below that nothing can be laid out; lines are longer than the terminal then.
const FEWEST_COLUMNS: usize = 30;

/// How to wrap. Words are never cut: a sysctl's name broken in two cannot be copied.
pub(super) fn options<'a>(look: Look, first: &'a str, rest: &'a str) -> Options<'a> {
    Options::new(usize::from(look.columns).clamp(FEWEST_COLUMNS, MOST_COLUMNS))
        .initial_indent(first)
        .subsequent_indent(rest)
        .break_words(false)
        .word_splitter(WordSplitter::NoHyphenation)
        .word_separator(WordSeparator::AsciiSpace)
}
