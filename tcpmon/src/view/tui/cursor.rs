//! Which row is selected and which are on the screen. A selection follows its socket when rows
//! around it come and go; at the top it stays at the top.

use crate::core::query::SocketRow;

/// Scrolling deeper asks for more than a person reads; the other order shows the other end.
pub(super) const DEEPEST: usize = 10_000;

/// What stays the same about a socket from one snapshot to the next.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Identity {
    Cookie(u64),
    Tuple(Option<u32>, String, u16, String, u16),
}

impl From<&SocketRow> for Identity {
    fn from(row: &SocketRow) -> Self {
        match row.cookie {
            Some(cookie) => Self::Cookie(cookie),
            None => Self::Tuple(
                row.netns,
                row.local_address.clone(),
                row.local_port,
                row.remote_address.clone(),
                row.remote_port,
            ),
        }
    }
}

/// The selection and the first row on the screen.
#[derive(Debug, Default)]
pub(super) struct Cursor {
    index: usize,
    offset: usize,
    /// `None` at the top, and until the selected row has been loaded.
    identity: Option<Identity>,
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

    /// Selects row `index` of `total`, and remembers its socket if it is among the loaded `rows`.
    pub(super) fn select(
        &mut self,
        index: usize,
        total: usize,
        visible: usize,
        rows: &[SocketRow],
    ) {
        self.index = index.min(total.saturating_sub(1));
        self.identity = match self.index {
            0 => None,
            index => rows.get(index).map(Identity::from),
        };
        self.show(total, visible);
    }

    /// Finds the selected socket in new `rows`. One that is gone leaves the selection where it was.
    pub(super) fn follow(&mut self, total: usize, visible: usize, rows: &[SocketRow]) {
        let place = self
            .identity
            .as_ref()
            .and_then(|wanted| rows.iter().position(|row| Identity::from(row) == *wanted));
        self.select(place.unwrap_or(self.index), total, visible, rows);
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
    use crate::view::fixture;

    #[test]
    fn scrolls_no_more_than_needed() {
        let rows = fixture::rows(20);
        let mut cursor = Cursor::default();
        for (index, offset) in [(4, 0), (5, 1), (4, 1), (1, 1), (0, 0), (99, 15), (16, 15)] {
            cursor.select(index, 20, 5, &rows);
            assert_eq!(cursor.offset(), offset, "row {index}");
        }
        assert_eq!(cursor.index(), 16);
    }

    #[test]
    fn follows_its_socket() {
        let rows = fixture::rows(20);
        let mut cursor = Cursor::default();
        cursor.select(3, 20, 5, &rows);
        cursor.follow(18, 5, &rows[2..]);
        assert_eq!(cursor.index(), 1);
        cursor.follow(10, 5, &rows[10..]);
        assert_eq!(cursor.index(), 1, "gone: its place is kept");
        cursor.follow(0, 5, &[]);
        assert_eq!((cursor.index(), cursor.offset()), (0, 0));
    }

    #[test]
    fn the_top_stays_the_top() {
        let rows = fixture::rows(20);
        let mut cursor = Cursor::default();
        cursor.select(0, 18, 5, &rows[2..]);
        cursor.follow(20, 5, &rows);
        assert_eq!(cursor.index(), 0);
    }

    #[test]
    fn without_cookies_the_tuple_identifies() {
        let mut rows = fixture::rows(6);
        rows.iter_mut().for_each(|row| row.cookie = None);
        let mut cursor = Cursor::default();
        cursor.select(3, 6, 5, &rows);
        cursor.follow(4, 5, &rows[2..]);
        assert_eq!(cursor.index(), 1);
    }
}
