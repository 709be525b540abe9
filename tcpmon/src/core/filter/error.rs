//! What is wrong with a filter, and where.

use std::fmt;

/// Characters of a filter shown before and after the place of an error.
const WINDOW: usize = 50;
/// Characters of the input repeated in a message.
const EXCERPT: usize = 40;

/// Why a text is not a filter.
///
/// [`Display`](fmt::Display) is one sentence with the place as a column, counted in characters
/// from 1: ``filter: unknown key `stat` at position 1 (keys: state, …)``. Nothing from the input
/// reaches the message with control characters in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FilterError {
    /// Byte offset into the input, at a character boundary; the input's length when it ends too
    /// soon.
    pub position: usize,
    /// What is wrong, without the place.
    pub message: String,
    /// What would be right.
    hint: Option<String>,
    /// Characters before `position`, plus one.
    column: usize,
}

impl FilterError {
    pub(crate) fn new(position: usize, message: impl Into<String>) -> Self {
        Self {
            position,
            message: message.into(),
            hint: None,
            column: position.saturating_add(1),
        }
    }

    pub(super) fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// Counts the column in the characters of `input`.
    pub(super) fn located(mut self, input: &str) -> Self {
        self.column = 1 + input
            .char_indices()
            .take_while(|(at, _)| *at < self.position)
            .count();
        self
    }

    /// What would be right, where that can be said.
    #[must_use]
    pub fn advice(&self) -> Option<&str> {
        self.hint.as_deref()
    }

    /// Two lines: the part of `input` around the error, and a caret below the place.
    ///
    /// `input` is the text that was parsed; control characters in it show as `?`.
    #[must_use]
    pub fn picture(&self, input: &str) -> String {
        let before = self.column - 1;
        let skipped = before.saturating_sub(WINDOW);
        let mut rest = input.chars().skip(skipped);
        let mut line = String::from(if skipped > 0 { "…" } else { "" });
        line.extend(rest.by_ref().take(before - skipped + WINDOW).map(visible));
        if rest.next().is_some() {
            line.push('…');
        }
        let indent = before - skipped + usize::from(skipped > 0);
        format!("{line}\n{:indent$}^", "")
    }
}

impl fmt::Display for FilterError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "filter: {} at position {}", self.message, self.column)?;
        match &self.hint {
            Some(hint) => write!(f, " ({hint})"),
            None => Ok(()),
        }
    }
}

impl std::error::Error for FilterError {}

/// `text` in backquotes, short and without control characters.
pub(super) fn quote(text: &str) -> String {
    let mut excerpt: String = text.chars().take(EXCERPT).map(visible).collect();
    if text.chars().nth(EXCERPT).is_some() {
        excerpt.push('…');
    }
    format!("`{excerpt}`")
}

fn visible(c: char) -> char {
    // What Debug would escape moves the cursor, is invisible or turns the writing direction.
    let plain = c == '"' || c == '\'' || c == '\\' || c.escape_debug().len() == 1;
    if plain {
        c
    } else if c.is_whitespace() {
        ' '
    } else {
        '?'
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_column_counts_characters() {
        let error = FilterError::new("größe".len(), "x").located("größe y");
        assert_eq!(error.to_string(), "filter: x at position 6");
        assert_eq!(error.picture("größe y"), "größe y\n     ^");
    }

    #[test]
    fn the_picture_of_a_long_filter_is_a_window() {
        let input = format!("{}!{}", "a".repeat(500), "b".repeat(500));
        let picture = FilterError::new(500, "x").located(&input).picture(&input);
        let (line, caret) = picture.split_once('\n').expect("two lines");
        assert_eq!(line, format!("…{}!{}…", "a".repeat(50), "b".repeat(49)));
        assert_eq!(caret, format!("{}^", " ".repeat(51)));
    }

    #[test]
    fn the_picture_has_no_control_characters() {
        let input = "a\x1b[31m\n\u{202e}b";
        let picture = FilterError::new(0, "x").located(input).picture(input);
        assert_eq!(picture, "a?[31m ?b\n^");
        assert_eq!(quote(input), "`a?[31m ?b`");
    }

    #[test]
    fn the_end_of_the_input_has_a_place() {
        let error = FilterError::new(3, "x").located("a =");
        assert_eq!(error.picture("a ="), "a =\n   ^");
    }
}
