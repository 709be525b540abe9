//! The state diagram, alive: counts in the boxes, and on every edge that is taken how often.

use std::cmp::Reverse;

use ratatui::buffer::Buffer;
use ratatui::layout::{Position, Rect};
use ratatui::style::Style;
use ratatui::text::Line;
use tcpmon_common::State;

use super::super::action::Command;
use super::super::app::App;
use super::super::history::Moment;
use super::super::place::{Place, Scope};
use super::{overview, short_count};
use crate::view::column::UNKNOWN;
use crate::view::diagram::{self, COMPACT, FULL, Layout, Node, Path};
use crate::view::format::{age, rate};

/// The layout for a body, and its upper left corner; `None` where none fits.
fn place(body: Rect) -> Option<(&'static Layout, Position)> {
    let fits = |layout: &&Layout| body.width >= layout.width && body.height >= layout.height;
    let layout = [&FULL, &COMPACT].into_iter().find(fits)?;
    let left = body.x + (body.width - layout.width) / 2;
    let top = body.y + (body.height - layout.height) / 2;
    // Where it just fits, other things stand in its free corners.
    Some((layout, Position::new(left, top)))
}

/// Draws it.
pub(in super::super) fn draw(buffer: &mut Buffer, app: &App, body: Rect) {
    // Between a resize of the terminal and the news of it nothing may be left of the body: its corner is
    // outside of the buffer then, where writing panics.
    let body = body.intersection(buffer.area);
    if body.is_empty() {
        return;
    }
    let Some((layout, origin)) = place(body) else {
        return without_a_picture(buffer, app, body);
    };
    let Some(moment) = app.moment() else {
        buffer.set_string(
            body.x + 2,
            body.y,
            "waiting for the first answer",
            Style::new(),
        );
        return;
    };
    let charset = app.theme.charset();
    let label = |state| {
        let it = moment.of(state)?;
        let mark = if overview::is_trouble(it) { "!" } else { "" };
        Some(format!("{mark}{}", short_count(it.sockets)))
    };
    let lit = |path: &Path| Some(rate(per_second(moment, path)?));
    let picture = diagram::draw_live(layout, charset, label, lit, false);
    for (line, y) in picture.iter().zip(origin.y..) {
        buffer.set_string(origin.x, y, line, app.theme.quiet());
    }
    let mut paint = Paint { buffer, origin };
    let lit = layout
        .edges
        .iter()
        .filter(|path| per_second(moment, path).is_some());
    lit.for_each(|path| paint.path(path, app.theme.lit()));
    for node in layout.nodes {
        paint.node(layout, node, style(app, moment, node));
    }
    for (index, line) in about(app, moment).into_iter().enumerate() {
        let (column, row) = match layout.has_borders {
            true => (0, 1 + index),
            false => (3 * index * 10, usize::from(layout.height) - 1),
        };
        let row = u16::try_from(row).unwrap_or(0);
        let column = u16::try_from(column).unwrap_or(0);
        let room = match layout.has_borders {
            true => usize::from(diagram::FULL_TOP_LEFT.0),
            false => usize::from(layout.width - column),
        };
        paint.buffer.set_stringn(
            origin.x + column,
            origin.y + row,
            line,
            room,
            app.theme.strong(),
        );
    }
}

fn without_a_picture(buffer: &mut Buffer, app: &App, body: Rect) {
    let words = format!(
        "The picture needs {} columns and {} lines.",
        COMPACT.width,
        COMPACT.height + 2
    );
    buffer.set_string(body.x + 2, body.y, words, app.theme.quiet());
    let states = Rect::new(
        body.x,
        body.y + 2,
        body.width,
        body.height.saturating_sub(2),
    );
    let lines = overview::states(app, states, 3);
    for (line, row) in lines.iter().zip(states.rows()) {
        buffer.set_line(row.x, row.y, line, row.width);
    }
}

/// How often an edge is taken; `None` when it is not.
fn per_second(moment: &Moment, path: &Path) -> Option<f64> {
    let edges = moment.edges.iter();
    let is_it = |(from, to, _): &&(State, State, f32)| (*from, *to) == (path.from, path.to);
    let (_, _, rate) = edges.clone().find(is_it)?;
    (*rate > 0.0).then_some(f64::from(*rate))
}

fn style(app: &App, moment: &Moment, node: &Node) -> Style {
    let it = moment.of(node.state);
    let style = match it {
        Some(it) if overview::is_trouble(it) => app.theme.trouble(),
        Some(it) if it.sockets > 0 => app.theme.strong(),
        _ => app.theme.quiet(),
    };
    match node.state == app.picked && !node.is_repeated {
        true => style.patch(app.theme.selected()),
        false => style,
    }
}

/// Two short lines about the state that is selected.
fn about(app: &App, moment: &Moment) -> Vec<String> {
    let charset = app.theme.charset();
    let Some(it) = moment.of(app.picked) else {
        return Vec::new();
    };
    let oldest = it.oldest.map_or_else(
        || UNKNOWN.to_owned(),
        |oldest| age(oldest.into(), it.oldest_is_lower_bound, charset),
    );
    let mark = charset.pick("▸", ">");
    vec![
        format!("{mark} {} oldest {oldest}", it.state.name()),
        format!("  in {}  Enter: list  ?: book", rate(it.per_second.into())),
    ]
}

struct Paint<'a> {
    buffer: &'a mut Buffer,
    origin: Position,
}

impl Paint<'_> {
    fn node(&mut self, layout: &Layout, node: &Node, style: Style) {
        let height = if layout.has_borders { 3 } else { 1 };
        self.area(
            Rect::new(node.column, node.row, layout.node_width, height),
            style,
        );
    }

    fn path(&mut self, path: &Path, style: Style) {
        for pair in path.points.windows(2) {
            let ((x, y), (u, v)) = (pair[0], pair[1]);
            let piece = Rect::new(x.min(u), y.min(v), x.abs_diff(u) + 1, y.abs_diff(v) + 1);
            self.area(piece, style);
        }
        let wide = u16::try_from(path.slot()).unwrap_or(0);
        self.area(Rect::new(path.label.column, path.label.row, wide, 1), style);
    }

    fn area(&mut self, area: Rect, style: Style) {
        let moved = Rect::new(
            area.x + self.origin.x,
            area.y + self.origin.y,
            area.width,
            area.height,
        );
        let area = moved.intersection(self.buffer.area);
        self.buffer.set_style(area, Style::reset().patch(style));
    }
}

/// The sockets in a state.
pub(in super::super) fn sockets(state: State) -> Option<Place> {
    let filter = format!("state = {}", state.ss_name()).parse().ok()?;
    let title = state.name().to_owned();
    Some(Place::Sockets(Scope { title, filter }))
}

/// The state next to another in the picture.
pub(in super::super) fn neighbour(from: State, towards: Command) -> State {
    let nodes = || FULL.nodes.iter().filter(|node| !node.is_repeated);
    let Some(here) = nodes().find(|node| node.state == from) else {
        return from;
    };
    let distance = |node: &&Node| {
        // Rows are twice as high as columns are wide.
        let across = (i32::from(node.column) - i32::from(here.column)) / 2;
        let down = i32::from(node.row) - i32::from(here.row);
        let (along, aside) = match towards {
            Command::Left => (-across, down),
            Command::Right => (across, down),
            Command::Up => (-down, across),
            _ => (down, across),
        };
        (along > 0).then_some(along + 2 * aside.abs())
    };
    let near = nodes().filter_map(|node| Some((Reverse(distance(&node)?), node.state)));
    near.max_by_key(|(near, _)| *near)
        .map_or(from, |(_, state)| state)
}

/// The state whose box is at a place of the screen.
pub(in super::super) fn state_at(body: Rect, at: Position) -> Option<State> {
    let (layout, origin) = place(body)?;
    let height = if layout.has_borders { 3 } else { 1 };
    let is_there = |node: &&Node| {
        let (left, top) = (origin.x + node.column, origin.y + node.row);
        Rect::new(left, top, layout.node_width, height).contains(at)
    };
    Some(layout.nodes.iter().find(is_there)?.state)
}

/// The line of keys has no room beside the picture where it just fits: these are what it says there.
pub(in super::super) fn title(columns: usize) -> Line<'static> {
    let title = "8 Diagram  Tab, 1-8: other views";
    Line::raw(title[..title.len().min(columns)].to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::view::format::width;

    #[test]
    fn every_state_can_be_reached_with_the_arrows() {
        let mut reached = vec![State::Established];
        let mut next = 0;
        while let Some(from) = reached.get(next).copied() {
            next += 1;
            for towards in [Command::Left, Command::Right, Command::Up, Command::Down] {
                let to = neighbour(from, towards);
                if !reached.contains(&to) {
                    reached.push(to);
                }
            }
        }
        assert_eq!(reached.len(), State::RFC.len(), "{reached:?}");
    }

    #[test]
    fn a_click_finds_its_state() {
        let body = Rect::new(0, 0, 100, 30);
        let at = |x, y| state_at(body, Position::new(x, y));
        assert_eq!(at(40, 15), Some(State::Established));
        assert_eq!(at(50, 12), None);
    }

    #[test]
    fn counts_fit_their_box() {
        for sockets in [0, 99_999, 100_000, 9_999_999, 10_000_000, 999_000_000] {
            let label = format!("!{}", short_count(sockets));
            assert!(width(&label) <= 7, "{label}");
        }
    }
}
