//! Where things are on the screen.

use ratatui::layout::{Rect, Size};

use crate::view::diagram::{self, Layout};

/// The smallest screen on which all is legible.
pub(super) const SMALLEST: Size = Size::new(60, 12);

/// The parts of the screen, from top to bottom.
#[derive(Clone, Copy, Debug)]
pub(super) struct Panes {
    /// Two lines; none where the diagram needs them.
    pub(super) header: Rect,
    /// The views, or the way from one.
    pub(super) tabs: Rect,
    pub(super) body: Rect,
    pub(super) footer: Rect,
}

impl Panes {
    /// The parts of a screen of this size; `None` when it is too small.
    pub(super) fn new(size: Size, footer_lines: u16, is_diagram: bool) -> Option<Self> {
        if size.width < SMALLEST.width || size.height < SMALLEST.height {
            return None;
        }
        if is_diagram && footer_lines == 1 && only_just_fits(&diagram::FULL, size) {
            return Some(Self::around_the_diagram(size));
        }
        let is_tight = is_diagram && only_just_fits(&diagram::COMPACT, size);
        let header_lines = if is_tight { 0 } else { 2 };
        let mut top = 0;
        let mut take = |height: u16| {
            let part = Rect::new(0, top, size.width, height);
            top += height;
            part
        };
        let header = take(header_lines);
        let tabs = take(1);
        let body = take(size.height - header_lines - 1 - footer_lines);
        let footer = take(footer_lines);
        Some(Self {
            header,
            tabs,
            body,
            footer,
        })
    }

    /// The diagram everywhere, and the rest where it leaves room.
    fn around_the_diagram(size: Size) -> Self {
        let (tabs, footer) = (diagram::FULL_TOP_LEFT, diagram::FULL_BOTTOM_LEFT);
        Self {
            header: Rect::ZERO,
            tabs: Rect::new(0, 0, tabs.0, 1),
            body: Rect::new(0, 0, size.width, size.height),
            footer: Rect::new(0, size.height - 1, footer, 1),
        }
    }
}

/// Whether a diagram fits, but not with everything above and below.
fn only_just_fits(layout: &Layout, size: Size) -> bool {
    // Of the compact one the line of keys and the line of views must stay.
    let chrome = if layout.has_borders { 0 } else { 2 };
    let least = layout.height + chrome;
    size.width >= layout.width && (least..layout.height + 4).contains(&size.height)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_size_has_room_for_a_row() {
        for width in SMALLEST.width..200 {
            for height in SMALLEST.height..60 {
                for is_diagram in [false, true] {
                    let panes = Panes::new(Size::new(width, height), 3, is_diagram).unwrap();
                    assert!(panes.body.height >= 3, "{width}x{height}");
                    assert_eq!(panes.footer.bottom(), height);
                }
            }
        }
    }

    #[test]
    fn too_small_is_nothing() {
        assert!(Panes::new(Size::new(59, 12), 1, false).is_none());
        assert!(Panes::new(Size::new(60, 11), 1, false).is_none());
        assert!(Panes::new(Size::ZERO, 1, false).is_none());
    }

    #[test]
    fn the_diagram_fits() {
        let small = Panes::new(Size::new(80, 24), 1, true).unwrap();
        assert!(small.body.height >= diagram::COMPACT.height);
        for height in 30..50 {
            let large = Panes::new(Size::new(100, height), 1, true).unwrap();
            assert!(large.body.height >= diagram::FULL.height, "{height}");
        }
    }
}
