//! Where things are on the screen.

use ratatui::layout::{Rect, Size};
use tcpmon_common::State;

/// The smallest screen on which all is legible.
pub(super) const SMALLEST: Size = Size::new(60, 12);

/// A state with its count, rate and age.
pub(super) const FULL_STATE: u16 = 40;
/// A state with its count.
pub(super) const SHORT_STATE: u16 = 20;
/// From this height on there is room for full states.
const ROOMY: u16 = 20;

const STATES: u16 = State::RFC.len() as u16;

/// How the states are arranged: from top to bottom, then left to right.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Grid {
    pub(super) columns: u16,
    pub(super) rows: u16,
    /// Only name and count.
    pub(super) is_short: bool,
}

impl Grid {
    fn new(size: Size) -> Self {
        let is_short = size.width < 2 * FULL_STATE || size.height < ROOMY;
        let cell = if is_short { SHORT_STATE } else { FULL_STATE };
        let columns = (size.width / cell).clamp(1, STATES);
        Self {
            columns,
            rows: STATES.div_ceil(columns),
            is_short,
        }
    }

    /// Lines, with the headings of full states.
    const fn height(self) -> u16 {
        if self.is_short {
            self.rows
        } else {
            self.rows + 1
        }
    }
}

/// The parts of the screen, from top to bottom.
#[derive(Clone, Copy, Debug)]
pub(super) struct Panes {
    pub(super) header: Rect,
    pub(super) grid: Grid,
    pub(super) states: Rect,
    pub(super) rule: Rect,
    /// The headings and the rows.
    pub(super) table: Rect,
    pub(super) footer: Rect,
}

impl Panes {
    /// The parts of a screen of this size; `None` when it is too small.
    pub(super) fn new(size: Size, footer_lines: u16) -> Option<Self> {
        if size.width < SMALLEST.width || size.height < SMALLEST.height {
            return None;
        }
        let grid = Grid::new(size);
        let mut top = 0;
        let mut take = |height: u16| {
            let part = Rect::new(0, top, size.width, height);
            top += height;
            part
        };
        let header = take(2);
        let states = take(grid.height());
        let rule = take(1);
        let table = take(
            size.height
                .saturating_sub(2 + grid.height() + 1 + footer_lines),
        );
        let footer = take(footer_lines);
        Some(Self {
            header,
            grid,
            states,
            rule,
            table,
            footer,
        })
    }

    /// How many sockets are on the screen.
    pub(super) fn visible_rows(&self) -> usize {
        usize::from(self.table.height.saturating_sub(1))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_size_has_room_for_a_socket() {
        for width in SMALLEST.width..200 {
            for height in SMALLEST.height..60 {
                let panes = Panes::new(Size::new(width, height), 3).unwrap();
                assert!(panes.visible_rows() >= 1, "{width}x{height}");
                assert_eq!(panes.footer.bottom(), height);
            }
        }
    }

    #[test]
    fn too_small_is_nothing() {
        assert!(Panes::new(Size::new(59, 12), 1).is_none());
        assert!(Panes::new(Size::new(60, 11), 1).is_none());
        assert!(Panes::new(Size::ZERO, 1).is_none());
    }
}
