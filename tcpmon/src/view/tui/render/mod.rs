//! The frame: every part is lines made from the [`App`] and a [`Rect`].

mod footer;
mod grid;
mod header;
mod help;
mod table;
mod tabs;

use ratatui::Frame;
use ratatui::layout::{Position, Rect, Size};
use ratatui::text::Line;

use super::app::App;
use super::panes::SMALLEST;
use super::place::{Place, View};
use super::theme::Theme;
use super::views;
use crate::view::format::{pad_right, width};

pub(super) use footer::hints;
pub(super) use grid::Grid;
pub(super) use header::{figures, freshness};
pub(super) use help::{Help, of as help_of};
pub(super) use table::column_at;
pub(super) use tabs::tab_at;

/// Draws everything.
pub(super) fn render(frame: &mut Frame<'_>, app: &App) {
    let Some(panes) = app.panes() else {
        return too_small(frame, app.size);
    };
    body(frame, app, panes.body);
    paint(frame, panes.header, header::lines(app, panes.header));
    paint(frame, panes.tabs, vec![tabs::line(app, panes)]);
    paint(frame, panes.footer, footer::lines(app, panes.footer));
    if let Some(column) = footer::cursor(app, panes.footer) {
        frame.set_cursor_position(Position::new(column, panes.footer.y));
    }
    if let Some(first) = app.help {
        let help = help::of(app);
        let lines = help.lines(app.theme, app.size, first);
        paint(frame, help.area(app.size), lines);
    }
}

/// What is said where nothing else is legible.
pub(super) fn too_small(frame: &mut Frame<'_>, size: Size) {
    let need = format!("need {}x{}, ", SMALLEST.width, SMALLEST.height);
    let have = format!("have {}x{}", size.width, size.height);
    let lines = ["terminal too small:".to_owned(), need + &have];
    paint(frame, frame.area(), lines.map(Line::raw).into());
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
pub(super) fn paint(frame: &mut Frame<'_>, area: Rect, lines: Vec<Line<'static>>) {
    // Between a resize of the terminal and the news of it the areas can reach beyond the frame.
    let area = area.intersection(frame.area());
    for (row, line) in area.rows().zip(&lines) {
        frame.buffer_mut().set_line(row.x, row.y, line, row.width);
    }
}

/// A line across, with words in it.
pub(super) fn rule(theme: Theme, pieces: &[String], columns: usize) -> Line<'static> {
    let dash = theme.charset().pick("─", "-");
    let text = join(pieces, &format!(" {dash} "), columns.saturating_sub(6));
    let rest = columns.saturating_sub(width(&text) + 4);
    Line::styled(
        format!("{dash}{dash} {text} {}", dash.repeat(rest)),
        theme.strong(),
    )
}

/// Pieces of a line, separated, as many as fit.
pub(super) fn join(pieces: &[String], separator: &str, columns: usize) -> String {
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
