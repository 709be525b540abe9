//! Pages of text: facts behind their names, sentences, commands.

use ratatui::text::{Line, Span};
use textwrap::{Options, WordSplitter};

use super::theme::Theme;
use crate::view::format::{pad_right, sanitise_bounded, width};

/// Columns of the name of a fact.
const NAME: usize = 12;
/// No sentence or command needs more.
const LONGEST: usize = 4096;

/// A page that is being written.
pub(super) struct Page {
    theme: Theme,
    columns: usize,
    pub(super) lines: Vec<Line<'static>>,
}

impl Page {
    pub(super) fn new(theme: Theme, columns: u16) -> Self {
        Self {
            theme,
            columns: columns.into(),
            lines: Vec::new(),
        }
    }

    pub(super) fn heading(&mut self, text: &str) {
        if !self.lines.is_empty() {
            self.lines.push(Line::default());
        }
        let text = sanitise_bounded(text, self.columns, self.theme.charset());
        self.lines.push(Line::styled(text, self.theme.heading()));
    }

    /// A fact; nothing where there is none.
    pub(super) fn fact(&mut self, name: &str, text: Option<String>) {
        if let Some(text) = text {
            let first = pad_right(&format!("  {name}"), NAME + 2);
            self.wrapped(&first, &text, false);
        }
    }

    /// Facts, two on a line where both are short; none where there is none.
    pub(super) fn facts(&mut self, facts: Vec<(&str, Option<String>)>) {
        let half = self.columns / 2;
        let charset = self.theme.charset();
        let known = facts.into_iter().filter_map(|(name, text)| {
            let text = sanitise_bounded(&text?, LONGEST, charset);
            Some((pad_right(&format!("  {name}"), NAME + 2), text))
        });
        let mut left: Option<String> = None;
        for (name, text) in known {
            let line = format!("{name}{text}");
            match (left.take(), width(&line) < half) {
                (None, true) => left = Some(line),
                (Some(before), true) => {
                    let both = format!("{}{line}", pad_right(&before, half));
                    self.lines.push(Line::raw(both));
                }
                (before, false) => {
                    self.lines.extend(before.map(Line::raw));
                    self.wrapped(&name, &text, false);
                }
            }
        }
        self.lines.extend(left.map(Line::raw));
    }

    pub(super) fn sentence(&mut self, text: &str) {
        self.wrapped("  ", text, false);
    }

    /// A command, to be copied: it is broken only where the screen ends.
    pub(super) fn command(&mut self, command: &str) {
        let command = sanitise_bounded(command, LONGEST, self.theme.charset());
        let room = self.columns.saturating_sub(4).max(1);
        for (index, piece) in pieces(&command, room).into_iter().enumerate() {
            let first = if index == 0 { "  $ " } else { "    " };
            let style = self.theme.command();
            let line = Line::from(vec![Span::raw(first), Span::styled(piece, style)]);
            self.lines.push(line);
        }
    }

    pub(super) fn warning(&mut self, text: &str) {
        self.wrapped("  ", text, true);
    }

    fn wrapped(&mut self, first: &str, text: &str, is_trouble: bool) {
        let text = sanitise_bounded(text, LONGEST, self.theme.charset());
        for line in wrap(first, &text, self.columns) {
            self.lines.push(match is_trouble {
                true => Line::styled(line, self.theme.trouble()),
                false => Line::raw(line),
            });
        }
    }
}

/// `text` behind `first`, in lines of at most `columns`.
pub(super) fn wrap(first: &str, text: &str, columns: usize) -> Vec<String> {
    let rest = " ".repeat(width(first));
    let options = Options::new(columns)
        .initial_indent(first)
        .subsequent_indent(&rest)
        .word_splitter(WordSplitter::NoHyphenation);
    let lines = textwrap::wrap(text, options);
    lines.into_iter().map(|line| line.into_owned()).collect()
}

/// What was printed for a terminal without colours, with the weight of headings and commands.
pub(super) fn printed(text: &[u8], theme: Theme, columns: u16) -> Vec<Line<'static>> {
    let text = String::from_utf8_lossy(text);
    let lines = text.lines().flat_map(|line| {
        let is_heading = !line.is_empty() && !line.starts_with(' ');
        let is_command = line.trim_start().starts_with("$ ") || line.contains("  $ ");
        let style = match (is_heading, is_command) {
            (true, _) => theme.heading(),
            (false, true) => theme.command(),
            (false, false) => ratatui::style::Style::new(),
        };
        let cut = pieces(line, usize::from(columns.max(1)));
        cut.into_iter().map(move |piece| Line::styled(piece, style))
    });
    lines.collect()
}

/// `text` cut into pieces of at most `columns`; an empty one is one piece.
fn pieces(text: &str, columns: usize) -> Vec<String> {
    let mut pieces = vec![String::new()];
    let mut used = 0;
    for c in text.chars() {
        let wide = width(c.encode_utf8(&mut [0; 4]));
        if used + wide > columns && used > 0 {
            pieces.push(String::new());
            used = 0;
        }
        used += wide;
        if let Some(last) = pieces.last_mut() {
            last.push(c);
        }
    }
    pieces
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::view::format::Charset;

    #[test]
    fn nothing_is_wider_than_the_screen() {
        let mut page = Page::new(Theme::new(false, Charset::Unicode), 40);
        page.heading(&"h".repeat(99));
        page.fact("name", Some("word ".repeat(50)));
        page.fact("unknown", None);
        page.command(&"x".repeat(99));
        page.sentence(&"日本".repeat(99));
        assert!(page.lines.len() > 10);
        for line in &page.lines {
            assert!(line.width() <= 40, "{line:?}");
        }
    }

    #[test]
    fn a_long_command_is_complete() {
        let pieces = pieces("abcdefg", 3);
        assert_eq!(pieces, ["abc", "def", "g"]);
    }
}
