//! The filter while it is being typed.

use crate::core::filter::FilterError;
use crate::view::format::{Charset, sanitise_for, width};

/// One line of text, a place in it, and what is wrong with it.
#[derive(Debug, Default)]
pub(super) struct FilterEdit {
    text: String,
    /// In bytes, at a character boundary.
    place: usize,
    /// What the parser said; gone as soon as the text changes.
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

    pub(super) fn text(&self) -> &str {
        &self.text
    }

    pub(super) fn apply(&mut self, stroke: Stroke, charset: Charset) {
        let (before, after) = self.text.split_at(self.place);
        let left = before.chars().next_back().map_or(0, char::len_utf8);
        let right = after.chars().next().map_or(0, char::len_utf8);
        match stroke {
            Stroke::Insert(c) if is_typed(c, charset) => {
                self.text.insert(self.place, c);
                self.place += c.len_utf8();
            }
            Stroke::Insert(_) => {}
            Stroke::Backspace => {
                self.place -= left;
                self.text.drain(self.place..self.place + left);
            }
            Stroke::Delete => drop(self.text.drain(self.place..self.place + right)),
            Stroke::Erase => *self = Self::default(),
            Stroke::Left => self.place -= left,
            Stroke::Right => self.place += right,
            Stroke::Home => self.place = 0,
            Stroke::End => self.place = self.text.len(),
        }
        if !matches!(
            stroke,
            Stroke::Left | Stroke::Right | Stroke::Home | Stroke::End
        ) {
            self.error = None;
        }
    }

    /// Puts the cursor where the parser stumbled.
    pub(super) fn fail(&mut self, error: FilterError) {
        self.place = floor(&self.text, error.position);
        self.error = Some(error);
    }

    /// What fits in `columns`, and the columns of the cursor and of the error in it. The cursor is
    /// always in view.
    pub(super) fn view(&self, columns: usize) -> (&str, usize, Option<usize>) {
        let mut start = 0;
        for c in self.text[..self.place].chars() {
            if width(&self.text[start..self.place]) < columns {
                break;
            }
            start += c.len_utf8();
        }
        let mut end = self.text.len();
        for c in self.text[self.place..].chars().rev() {
            if width(&self.text[start..end]) <= columns {
                break;
            }
            end -= c.len_utf8();
        }
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

    #[test]
    fn an_error_has_a_place_until_the_text_changes() {
        let mut edit = FilterEdit::new("aé b", Charset::Unicode);
        edit.fail(FilterError::new(2, "inside é"));
        assert_eq!(edit.view(80), ("aé b", 1, Some(1)));
        edit.apply(Stroke::End, Charset::Unicode);
        assert_eq!(edit.view(80).2, Some(1));
        edit.apply(Stroke::Backspace, Charset::Unicode);
        assert_eq!(edit.view(80).2, None);
        edit.fail(FilterError::new(999, "beyond the end"));
        assert_eq!(edit.view(80).2, Some(3));
    }
}
