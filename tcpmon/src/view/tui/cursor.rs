//! Which row is selected and which are on the screen. A selection follows what it is about when rows
//! around it come and go; at the top it stays at the top.

/// Scrolling deeper asks for more than a person reads; the other order shows the other end.
pub(super) const DEEPEST: usize = 10_000;

/// The selection and the first row on the screen.
#[derive(Clone, Debug, Default)]
pub(super) struct Cursor {
    index: usize,
    offset: usize,
    /// What stays the same about the row from one snapshot to the next; `None` at the top, and until
    /// the selected row has been loaded.
    identity: Option<String>,
}

impl Cursor {
    /// Index of the selected row. It may not be loaded yet.
    pub(super) const fn index(&self) -> usize {
        self.index
    }

    /// Index of the first row on the screen.
    pub(super) const fn offset(&self) -> usize {
        self.offset
    }

    /// Selects row `index` of `total`, and remembers what it is.
    pub(super) fn select(
        &mut self,
        index: usize,
        total: usize,
        visible: usize,
        identity: impl Fn(usize) -> Option<String>,
    ) {
        self.index = index.min(total.saturating_sub(1));
        self.identity = match self.index {
            0 => None,
            index => identity(index),
        };
        self.show(total, visible);
    }

    /// Finds the selected row among the first `loaded`. One that is gone leaves the selection where it
    /// was.
    pub(super) fn follow(
        &mut self,
        loaded: usize,
        total: usize,
        visible: usize,
        identity: impl Fn(usize) -> Option<String>,
    ) {
        let place = self.identity.as_ref().and_then(|wanted| {
            let is_it = |index: &usize| identity(*index).as_ref() == Some(wanted);
            // It seldom moved.
            Some(self.index)
                .filter(|index| *index < loaded && is_it(index))
                .or_else(|| (0..loaded).find(is_it))
        });
        self.select(place.unwrap_or(self.index), total, visible, identity);
    }

    /// Scrolls as little as shows the selection and no emptiness below the last row.
    pub(super) fn show(&mut self, total: usize, visible: usize) {
        let visible = visible.max(1);
        let lowest = (self.index + 1).saturating_sub(visible);
        self.offset = self
            .offset
            .clamp(lowest, self.index)
            .min(total.saturating_sub(visible).max(lowest));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn named(first: usize) -> impl Fn(usize) -> Option<String> {
        move |index| Some((first + index).to_string())
    }

    #[test]
    fn scrolls_no_more_than_needed() {
        let mut cursor = Cursor::default();
        for (index, offset) in [(4, 0), (5, 1), (4, 1), (1, 1), (0, 0), (99, 15), (16, 15)] {
            cursor.select(index, 20, 5, named(0));
            assert_eq!(cursor.offset(), offset, "row {index}");
        }
        assert_eq!(cursor.index(), 16);
    }

    #[test]
    fn follows_what_it_is_about() {
        let mut cursor = Cursor::default();
        cursor.select(3, 20, 5, named(0));
        cursor.follow(18, 18, 5, named(2));
        assert_eq!(cursor.index(), 1);
        cursor.follow(10, 10, 5, named(10));
        assert_eq!(cursor.index(), 1, "gone: its place is kept");
        cursor.follow(0, 0, 5, |_| None);
        assert_eq!((cursor.index(), cursor.offset()), (0, 0));
    }

    #[test]
    fn the_top_stays_the_top() {
        let mut cursor = Cursor::default();
        cursor.select(0, 18, 5, named(2));
        cursor.follow(20, 20, 5, named(0));
        assert_eq!(cursor.index(), 0);
    }
}
