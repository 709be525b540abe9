//! The frame: every part is lines made from the [`App`] and a [`Rect`].

mod footer;
mod header;
mod help;
mod sockets;
mod states;

use ratatui::Frame;
use ratatui::layout::{Position, Rect};
use ratatui::text::Line;

use super::app::App;
use super::panes::SMALLEST;
use crate::view::format::{pad_right, width};

pub(super) use help::last_line as last_help_line;

/// Draws everything.
pub(super) fn render(frame: &mut Frame<'_>, app: &App) {
    let Some(panes) = app.panes() else {
        let size = app.size;
        let text = format!(
            "terminal too small: need {}x{}, have {}x{}",
            SMALLEST.width, SMALLEST.height, size.width, size.height
        );
        return paint(frame, frame.area(), vec![Line::raw(text)]);
    };
    paint(frame, panes.header, header::lines(app, panes.header));
    paint(
        frame,
        panes.states,
        states::lines(app, panes.states, panes.grid),
    );
    paint(frame, panes.rule, vec![sockets::rule(app, panes)]);
    paint(frame, panes.table, sockets::lines(app, panes.table));
    paint(frame, panes.footer, footer::lines(app, panes.footer));
    if let Some(column) = footer::cursor(app, panes.footer) {
        frame.set_cursor_position(Position::new(column, panes.footer.y));
    }
    if app.help.is_some() {
        let area = help::area(app.size);
        paint(frame, area, help::lines(app, area));
    }
}

/// Puts lines into an area; what does not fit is left out, what is not covered stays.
fn paint(frame: &mut Frame<'_>, area: Rect, lines: Vec<Line<'static>>) {
    // Between a resize of the terminal and the news of it the areas can reach beyond the frame.
    let area = area.intersection(frame.area());
    for (row, line) in area.rows().zip(&lines) {
        frame.buffer_mut().set_line(row.x, row.y, line, row.width);
    }
}

/// Pieces of a line, separated, as many as fit.
fn join(pieces: &[String], separator: &str, columns: usize) -> String {
    let mut line = String::new();
    for piece in pieces {
        let gap = if line.is_empty() { "" } else { separator };
        if width(&line) + width(gap) + width(piece) <= columns {
            line.push_str(gap);
            line.push_str(piece);
        }
    }
    line
}

/// `line` with blanks or without its end, so that it is `columns` wide.
fn exactly(line: &str, columns: usize) -> String {
    let mut cut = String::new();
    for c in line.chars() {
        if width(&cut) + width(c.encode_utf8(&mut [0; 4])) > columns {
            break;
        }
        cut.push(c);
    }
    pad_right(&cut, columns)
}
