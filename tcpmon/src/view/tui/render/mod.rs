//! The frame: every part is lines made from the [`App`] and a [`Rect`].

mod footer;
mod header;
mod help;
mod table;
mod tabs;

use ratatui::Frame;
use ratatui::layout::{Position, Rect};
use ratatui::text::Line;

use super::app::App;
use super::panes::SMALLEST;
use super::place::{Place, View};
use super::views;
use crate::view::format::{pad_right, width};

pub(super) use help::last_line as last_help_line;
pub(super) use table::column_at;
pub(super) use tabs::tab_at;

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
    body(frame, app, panes.body);
    paint(frame, panes.header, header::lines(app, panes.header));
    paint(frame, panes.tabs, vec![tabs::line(app, panes)]);
    paint(frame, panes.footer, footer::lines(app, panes.footer));
    if let Some(column) = footer::cursor(app, panes.footer) {
        frame.set_cursor_position(Position::new(column, panes.footer.y));
    }
    if app.help.is_some() {
        let area = help::area(app.size);
        paint(frame, area, help::lines(app, area));
    }
}

fn body(frame: &mut Frame<'_>, app: &App, area: Rect) {
    // Between a resize of the terminal and the news of it the area can reach beyond the frame.
    let area = area.intersection(frame.area());
    let lines = match &app.level().place {
        Place::View(View::Diagram) => return views::diagram::draw(frame.buffer_mut(), app, area),
        Place::View(View::Overview) => views::overview::lines(app, area),
        Place::View(_) | Place::Sockets(_) => table::lines(app, area),
        Place::Verdict(_) | Place::Explain(_) | Place::Process(_) | Place::Socket(_) => {
            let lines = views::page(app).into_iter().skip(app.level().scroll);
            lines.take(area.height.into()).collect()
        }
    };
    paint(frame, area, lines);
}

/// Puts lines into an area; what does not fit is left out, what is not covered stays.
fn paint(frame: &mut Frame<'_>, area: Rect, lines: Vec<Line<'static>>) {
    // Between a resize of the terminal and the news of it the areas can reach beyond the frame.
    let area = area.intersection(frame.area());
    for (row, line) in area.rows().zip(&lines) {
        frame.buffer_mut().set_line(row.x, row.y, line, row.width);
    }
}

/// A line across, with words in it.
pub(super) fn rule(app: &App, pieces: &[String], columns: usize) -> Line<'static> {
    let dash = app.theme.charset().pick("─", "-");
    let text = join(pieces, &format!(" {dash} "), columns.saturating_sub(6));
    let rest = columns.saturating_sub(width(&text) + 4);
    Line::styled(
        format!("{dash}{dash} {text} {}", dash.repeat(rest)),
        app.theme.strong(),
    )
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
pub(super) fn exactly(line: &str, columns: usize) -> String {
    let mut cut = String::new();
    let mut used = 0;
    for c in line.chars() {
        used += width(c.encode_utf8(&mut [0; 4]));
        if used > columns {
            break;
        }
        cut.push(c);
    }
    pad_right(&cut, columns)
}
