//! The TCP state diagram, laid out as in RFC 9293 figure 5: opening above, closing below, the active
//! side left, the passive side right. Pure: places in, lines of text out.
//!
//! A [`Layout`] is data, so that another view can put colours and counts at the same places.

mod canvas;
mod layout;

use tcpmon_common::State;

use self::canvas::Canvas;
pub use self::layout::{COMPACT, FULL, FULL_BOTTOM_LEFT, FULL_TOP_LEFT};
use super::format::{Charset, sanitise_bounded};

/// Where everything is, in columns and rows from the upper left corner.
#[derive(Debug)]
pub struct Layout {
    /// Columns.
    pub width: u16,
    /// Rows.
    pub height: u16,
    /// Columns of a node.
    pub node_width: u16,
    /// Whether nodes have a border, and so three rows instead of one.
    pub has_borders: bool,
    /// The states. CLOSE is there twice, as in the RFC; the second has no label.
    pub nodes: &'static [Node],
    /// The edges.
    pub edges: &'static [Path],
    /// Notes beside the picture.
    pub notes: &'static [Text<'static>],
}

/// A state in the picture.
#[derive(Debug)]
pub struct Node {
    /// Which.
    pub state: State,
    /// Its left column.
    pub column: u16,
    /// Its row; with borders the upper one.
    pub row: u16,
    /// Drawn again to save a long line.
    pub is_repeated: bool,
}

/// An edge in the picture.
#[derive(Debug)]
pub struct Path {
    /// State before.
    pub from: State,
    /// State after.
    pub to: State,
    /// Corners as (column, row); the last one has the arrow's head.
    pub points: &'static [(u16, u16)],
    /// What happens.
    pub label: Text<'static>,
}

impl Path {
    /// Columns of its words; a rate has room in it.
    #[must_use]
    pub fn slot(&self) -> usize {
        self.label.words.len().max(LONGEST_RATE)
    }
}

/// `31.2k/s`.
const LONGEST_RATE: usize = 7;

/// Words at a place.
#[derive(Debug)]
pub struct Text<'a> {
    /// Their first column.
    pub column: u16,
    /// Their row.
    pub row: u16,
    /// The words, in ASCII.
    pub words: &'a str,
}

impl Layout {
    /// The largest layout that fits; `None` below 80 columns.
    #[must_use]
    pub const fn fitting(columns: u16) -> Option<&'static Self> {
        if columns >= FULL.width {
            Some(&FULL)
        } else if columns >= COMPACT.width {
            Some(&COMPACT)
        } else {
            None
        }
    }

    /// Columns inside a node.
    const fn room(&self) -> usize {
        (self.node_width - 2) as usize
    }
}

/// Draws it, line by line, without blanks at their ends. `label` may give a count or another short text
/// to stand behind a state's name; what does not fit is cut.
#[must_use]
pub fn draw(
    layout: &Layout,
    charset: Charset,
    label: impl Fn(State) -> Option<String>,
) -> Vec<String> {
    draw_live(layout, charset, label, |_| None, true)
}

/// Draws it like [`draw`]; `rate` may give something to stand in the place of an edge's words.
#[must_use]
pub fn draw_live(
    layout: &Layout,
    charset: Charset,
    label: impl Fn(State) -> Option<String>,
    rate: impl Fn(&Path) -> Option<String>,
    has_notes: bool,
) -> Vec<String> {
    let mut canvas = Canvas::new(layout.width.into(), layout.height.into());
    for node in layout.nodes {
        let text = label(node.state).filter(|_| !node.is_repeated);
        draw_node(&mut canvas, layout, node, charset, text.as_deref());
    }
    for path in layout.edges {
        canvas.line(path.points);
        match rate(path) {
            Some(rate) => canvas.text(&Text {
                words: &slot(path, &rate),
                ..path.label
            }),
            None => canvas.text(&path.label),
        }
    }
    for note in layout.notes.iter().filter(|_| has_notes) {
        canvas.text(note);
    }
    canvas.lines(charset)
}

/// `rate` in the middle of the place of an edge's words.
fn slot(path: &Path, rate: &str) -> String {
    let room = path.slot();
    let rate = sanitise_bounded(rate, room, Charset::Ascii);
    format!("{rate:^room$}")
}

fn draw_node(
    canvas: &mut Canvas,
    layout: &Layout,
    node: &Node,
    charset: Charset,
    label: Option<&str>,
) {
    let (left, right) = (node.column, node.column + layout.node_width - 1);
    let row = if layout.has_borders {
        canvas.frame((left, node.row), (right, node.row + 2));
        node.row + 1
    } else {
        canvas.word(left, node.row, "[");
        canvas.word(right, node.row, "]");
        node.row
    };
    let room = layout.room();
    let name = node.state.name();
    let text = match label {
        None => name.to_owned(),
        Some(label) => {
            let label = sanitise_bounded(label, room - name.len() - 1, charset);
            format!("{name} {label}")
        }
    };
    canvas.word(left + 1, row, &format!("{text:^room$}"));
}

#[cfg(test)]
mod tests;
