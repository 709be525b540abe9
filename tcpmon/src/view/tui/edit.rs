//! The filter while it is being typed.

mod complete;

pub(super) use complete::Names;

use crate::core::filter::{Filter, FilterError, MAX_LENGTH};
use crate::view::format::{Charset, sanitise_for, width};

/// One line of text, a place in it, and what is wrong with it.
#[derive(Debug, Default)]
pub(super) struct FilterEdit {
    text: String,
    /// In bytes, at a character boundary.
    place: usize,
    /// What the parser says of the text as it is.
    pub(super) error: Option<FilterError>,
}

/// One change to the text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stroke {
    /// A character, where the cursor is.
    Insert(char),
    /// Removes the character before the cursor.
    Backspace,
    /// Removes the character at the cursor.
    Delete,
    /// Removes everything.
    Erase,
    /// Moves.
    Left,
    /// Moves.
    Right,
    /// Moves.
    Home,
    /// Moves.
    End,
}

impl FilterEdit {
    /// Begins with `text`, ready to append.
    pub(super) fn new(text: &str, charset: Charset) -> Self {
        let text: String = text.chars().filter(|c| is_typed(*c, charset)).collect();
        Self {
            place: text.len(),
            text,
            error: None,
        }
    }

    /// Completes the word before the cursor as far as all that fits agrees.
    pub(super) fn complete(&mut self, names: &Names) {
        let before = &self.text[..self.place];
        if let Some(rest) = complete::rest(before, names)
            && self.text.len() + rest.len() <= MAX_LENGTH
        {
            self.text.insert_str(self.place, &rest);
            self.place += rest.len();
            self.check();
        }
    }

    /// What the word before the cursor may become.
    pub(super) fn candidates(&self, names: &Names) -> Vec<String> {
        complete::candidates(&self.text[..self.place], names)
    }

    /// Reads what is there so far.
    fn check(&mut self) {
        self.error = self.text.parse::<Filter>().err();
    }

    /// Whether nothing is wrong so far but that there is more to come.
    pub(super) fn is_unfinished(&self) -> bool {
        let at = self.error.as_ref().map(|error| error.position);
        at.is_some_and(|at| at >= self.text.trim_end().len())
    }

    pub(super) fn text(&self) -> &str {
        &self.text
    }

    pub(super) fn apply(&mut self, stroke: Stroke, charset: Charset) {
        let (before, after) = self.text.split_at(self.place);
        let left = before.chars().next_back().map_or(0, char::len_utf8);
        let right = after.chars().next().map_or(0, char::len_utf8);
        match stroke {
            Stroke::Insert(c) if is_typed(c, charset) && self.text.len() < MAX_LENGTH => {
                self.text.insert(self.place, c);
                self.place += c.len_utf8();
            }
            Stroke::Insert(_) => {}
            Stroke::Backspace => {
                self.place -= left;
                self.text.drain(self.place..self.place + left);
            }
            Stroke::Delete => drop(self.text.drain(self.place..self.place + right)),
            Stroke::Erase => (self.text, self.place) = (String::new(), 0),
            Stroke::Left => self.place -= left,
            Stroke::Right => self.place += right,
            Stroke::Home => self.place = 0,
            Stroke::End => self.place = self.text.len(),
        }
        if !matches!(
            stroke,
            Stroke::Left | Stroke::Right | Stroke::Home | Stroke::End
        ) {
            self.check();
        }
    }

    /// Puts the cursor where the parser stumbled, as the text was to be applied.
    pub(super) fn fail(&mut self, error: FilterError) {
        self.place = floor(&self.text, error.position);
        self.error = Some(error);
    }

    /// What fits in `columns`, and the columns of the cursor and of the error in it. The cursor is
    /// always in view.
    pub(super) fn view(&self, columns: usize) -> (&str, usize, Option<usize>) {
        let (before, after) = self.text.split_at(self.place);
        // The cursor itself needs a column.
        let shown = fitting(before.chars().rev(), columns.saturating_sub(1));
        let start = self.place - shown;
        let used = width(&self.text[start..self.place]);
        let end = self.place + fitting(after.chars(), columns.saturating_sub(used));
        let column = |place: usize| width(&self.text[start..place]);
        let wrong = self
            .error
            .as_ref()
            .map(|error| floor(&self.text, error.position));
        let caret = wrong
            .filter(|place| (start..=end).contains(place))
            .map(column);
        (&self.text[start..end], column(self.place), caret)
    }
}

/// Bytes of as many characters as fit in `columns`.
fn fitting(chars: impl Iterator<Item = char>, columns: usize) -> usize {
    let mut left = columns;
    let fits = chars.map_while(|c| {
        left = left.checked_sub(width(c.encode_utf8(&mut [0; 4])))?;
        Some(c.len_utf8())
    });
    fits.sum()
}

/// What the screen would have to escape would move everything behind it, and is part of no name
/// that a filter could match by typing.
fn is_typed(c: char, charset: Charset) -> bool {
    let mut plain = [0; 4];
    let plain = c.encode_utf8(&mut plain);
    sanitise_for(plain, charset) == *plain
}

/// The character boundary at or before `position`.
fn floor(text: &str, position: usize) -> usize {
    let mut place = position.min(text.len());
    while !text.is_char_boundary(place) {
        place -= 1;
    }
    place
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn strokes() {
        use Stroke::{Backspace, Delete, End, Erase, Home, Insert, Left, Right};
        for (strokes, text, cursor) in [
            (&[][..], "pid", 3),
            (&[Insert('=')], "pid=", 4),
            (
                &[Insert('\x1b'), Insert('\u{202e}'), Insert('é')],
                "pidé",
                4,
            ),
            (&[Insert('é'), Left, Insert('日')], "pid日é", 5),
            (&[Insert('é'), Backspace, Backspace], "pi", 2),
            (&[Home, Delete, Backspace], "id", 0),
            (&[Home, Left, Right, Right, Delete], "pi", 2),
            (&[Home, End, Right, Delete], "pid", 3),
            (&[Erase, Backspace, Delete], "", 0),
        ] {
            let mut edit = FilterEdit::new("pid", Charset::Unicode);
            for stroke in strokes {
                edit.apply(*stroke, Charset::Unicode);
            }
            let (shown, column, _) = edit.view(80);
            assert_eq!((shown, column), (text, cursor), "{strokes:?}");
        }
    }

    #[test]
    fn the_cursor_is_always_in_view() {
        let mut edit = FilterEdit::new("0123456789", Charset::Unicode);
        assert_eq!(edit.view(5), ("6789", 4, None));
        edit.apply(Stroke::Home, Charset::Unicode);
        assert_eq!(edit.view(5), ("01234", 0, None));
        assert_eq!(edit.view(0), ("", 0, None));
    }

    fn typed(text: &str) -> FilterEdit {
        let mut edit = FilterEdit::default();
        for c in text.chars() {
            edit.apply(Stroke::Insert(c), Charset::Unicode);
        }
        edit
    }

    #[test]
    fn an_error_has_a_place_as_long_as_it_is_there() {
        let mut edit = FilterEdit::new("aé b", Charset::Unicode);
        edit.fail(FilterError::new(2, "inside é"));
        assert_eq!(edit.view(80), ("aé b", 1, Some(1)));
        edit.apply(Stroke::End, Charset::Unicode);
        assert_eq!(edit.view(80).2, Some(1));
        edit.fail(FilterError::new(999, "beyond the end"));
        assert_eq!(edit.view(80).2, Some(4));
    }

    #[test]
    fn what_is_wrong_is_said_while_it_is_typed() {
        let mut edit = typed("pid = x");
        assert_eq!(edit.view(80).2, Some(6));
        assert!(!edit.is_unfinished());
        edit.apply(Stroke::Backspace, Charset::Unicode);
        assert!(edit.is_unfinished(), "a number may follow");
        edit.apply(Stroke::Insert('7'), Charset::Unicode);
        assert_eq!(edit.error, None);
    }

    #[test]
    fn tab_completes_the_word_before_the_cursor() {
        let mut edit = typed("stat");
        edit.complete(&Names::default());
        assert_eq!(edit.text(), "state ");
        for c in "cl".chars() {
            edit.apply(Stroke::Insert(c), Charset::Unicode);
        }
        edit.complete(&Names::default());
        assert_eq!(edit.text(), "state clos", "closed, close-wait, closing");
        assert_eq!(edit.candidates(&Names::default()).len(), 3);
        for c in "e-".chars() {
            edit.apply(Stroke::Insert(c), Charset::Unicode);
        }
        edit.complete(&Names::default());
        assert_eq!(edit.text(), "state close-wait ");
    }
}
