//! The state diagram as SVG: the places are those of the terminal's picture.

use maud::{Markup, html};

use super::{EdgeNow, Level, Page, StateNow};
use crate::view::diagram::{FULL, Node, Path};

/// Units of the picture in a column and in a row of the terminal's.
const COLUMN: f32 = 10.0;
const ROW: f32 = 20.0;
/// Around it, for lines and the ring of the focus.
const MARGIN: f32 = 8.0;
/// A state's box is a little lower than its three rows.
const GAP: f32 = 2.0;
const ROUND: f32 = 8.0;
/// Half the width of an arrow's head, and its length.
const HEAD: (f32, f32) = (4.0, 8.0);
/// Columns between a line and words that belong to it.
const NEAR: u16 = 3;

/// The picture.
pub(super) fn diagram(page: &Page) -> Markup {
    let (width, height) = (f32::from(FULL.width) * COLUMN, f32::from(FULL.height) * ROW);
    let view = format!(
        "{} {} {} {}",
        -MARGIN,
        -MARGIN,
        width + 2.0 * MARGIN,
        height + 2.0 * MARGIN
    );
    html! {
        svg viewBox=(view) role="group" aria-label="TCP state diagram" {
            @for note in FULL.notes {
                text class="note" x=(x(note.column)) y=(baseline(note.row)) { (note.words) }
            }
            @for path in FULL.edges { (edge(page, path)) }
            @for node in FULL.nodes { (state(page, node)) }
        }
    }
}

fn x(column: u16) -> f32 {
    f32::from(column) * COLUMN
}

fn baseline(row: u16) -> f32 {
    f32::from(row) * ROW + 0.7 * ROW
}

/// The middle of a cell.
fn middle((column, row): (u16, u16)) -> (f32, f32) {
    (x(column) + COLUMN / 2.0, f32::from(row) * ROW + ROW / 2.0)
}

fn state(page: &Page, node: &Node) -> Markup {
    let (left, top) = (x(node.column), f32::from(node.row) * ROW + GAP);
    let (width, height) = (x(FULL.node_width), 3.0 * ROW - 2.0 * GAP);
    let name = node.state.name();
    let frame = html! {
        rect x=(left) y=(top) width=(width) height=(height) rx=(ROUND) {}
        text class="name" x=(left + 14.0) y=(top + 23.0) { (name) }
    };
    let now = page.states.iter().find(|now| now.state == node.state);
    let Some(now) = now.filter(|_| !node.is_repeated) else {
        return html! { g class="node again" aria-hidden="true" { (frame) } };
    };
    html! {
        a class={ "node " (now.level.name()) } href={ "#" (name) } data-state=(name)
            aria-label=(now.spoken) {
            (frame)
            text class="count" x=(left + width - 14.0) y=(top + 27.0) { (now.shown) }
            text class="detail" x=(left + 14.0) y=(top + 44.0) { (detail(now)) }
            g class="mark" {
                circle cx=(left + width - 3.0) cy=(top + 3.0) r="9" {}
                text x=(left + width - 3.0) y=(top + 7.5) { "!" }
            }
        }
    }
}

/// The small line of a box.
pub(super) fn detail(now: &StateNow) -> String {
    match (now.level, now.oldest.as_str()) {
        (Level::Quiet, _) | (_, "") => now.rate.clone(),
        (_, oldest) => format!("{} · oldest {oldest}", now.rate),
    }
}

fn edge(page: &Page, path: &Path) -> Markup {
    let is_it = |edge: &&EdgeNow| (edge.from, edge.to) == (path.from, path.to);
    let now = page.edges.iter().find(is_it);
    let name = format!("{}-{}", path.from.name(), path.to.name());
    let (line, head) = line(path.points);
    let (anchor, at) = place(path);
    html! {
        g class={ "edge" @if now.is_some() { " lit" } } data-edge=(name) {
            path d=(line) {}
            polygon points=(head) {}
            text x=(at) y=(baseline(path.label.row)) text-anchor=(anchor) {
                (path.label.words) tspan class="rate" dx="6" {
                    @if let Some(now) = now { (now.rate) }
                }
            }
        }
    }
}

/// How an edge's words are anchored, and where: beside its vertical line, else in the middle of their
/// place.
fn place(path: &Path) -> (&'static str, f32) {
    let label = &path.label;
    let length = u16::try_from(label.words.len()).unwrap_or(0);
    let end = label.column + length;
    let beside = path.points.windows(2).find_map(|pair| {
        let ((column, from), (other, to)) = (pair[0], pair[1]);
        let is_there = column == other && (from.min(to)..=from.max(to)).contains(&label.row);
        is_there.then_some(column)
    });
    match beside {
        Some(column) if column < label.column && label.column - column <= NEAR => {
            ("start", x(label.column))
        }
        Some(column) if column >= end && column - end <= NEAR => ("end", x(end)),
        _ => ("middle", x(label.column) + x(length) / 2.0),
    }
}

/// A line with round corners, and the head of the arrow at its end.
fn line(cells: &[(u16, u16)]) -> (String, String) {
    let mut points: Vec<(f32, f32)> = cells.iter().map(|cell| middle(*cell)).collect();
    let [.., before, last] = points.as_mut_slice() else {
        return Default::default();
    };
    let (dx, dy) = towards(*before, *last);
    // The last cell is beside the box: up to its border.
    *last = (
        last.0 + dx * COLUMN / 2.0,
        last.1 + dy * (ROW / 2.0 + GAP - 0.5),
    );
    let tip = *last;
    let (half, length) = HEAD;
    *last = (tip.0 - dx * length, tip.1 - dy * length);
    let base = *last;
    let head = format!(
        "{},{} {},{} {},{}",
        tip.0,
        tip.1,
        base.0 + dy * half,
        base.1 + dx * half,
        base.0 - dy * half,
        base.1 - dx * half
    );
    let mut line = String::new();
    for (index, point) in points.iter().enumerate() {
        let corner = index.checked_sub(1).and_then(|before| points.get(before));
        match (corner, points.get(index + 1)) {
            (None, _) => line.push_str(&format!("M{} {}", point.0, point.1)),
            (Some(_), None) => line.push_str(&format!("L{} {}", point.0, point.1)),
            (Some(before), Some(after)) => {
                let (back, forward) = (towards(*point, *before), towards(*point, *after));
                line.push_str(&format!(
                    "L{} {}Q{} {} {} {}",
                    point.0 + back.0 * ROUND,
                    point.1 + back.1 * ROUND,
                    point.0,
                    point.1,
                    point.0 + forward.0 * ROUND,
                    point.1 + forward.1 * ROUND
                ));
            }
        }
    }
    (line, head)
}

/// The direction of a straight piece.
fn towards(from: (f32, f32), to: (f32, f32)) -> (f32, f32) {
    let sign = |difference: f32| match difference {
        difference if difference > 0.5 => 1.0,
        difference if difference < -0.5 => -1.0,
        _ => 0.0,
    };
    (sign(to.0 - from.0), sign(to.1 - from.1))
}
