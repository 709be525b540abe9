//! The table of sockets.

use ratatui::layout::Rect;
use ratatui::style::Style;
use ratatui::text::Line;

use super::super::app::App;
use super::super::panes::Panes;
use super::super::widths::Placed;
use super::{exactly, join};
use crate::core::query::{SocketRow, Sort};
use crate::view::attention::stands_out;
use crate::view::column::Column;
use crate::view::format::{count, endpoint_bounded, pad_left, pad_right, sanitise_bounded, width};

/// The mark of the selection and the mark of trouble.
const GUTTER: usize = 2;

/// The line above: what is shown, and how much of it.
pub(super) fn rule(app: &App, panes: Panes) -> Line<'static> {
    let charset = app.theme.charset();
    let dash = charset.pick("─", "-");
    let columns = usize::from(panes.rule.width);
    let order = match app.sort {
        Sort::Age => "oldest first",
        Sort::Newest => "newest first",
    };
    let mut pieces = vec![format!("sockets, {order}")];
    pieces.extend(range(app, panes.visible_rows()));
    if !app.filter.text.is_empty() {
        let room = columns.saturating_sub(width(&pieces.join("    ")) + 16);
        let text = sanitise_bounded(&app.filter.text, room, charset);
        pieces.push(format!("filter: {text}"));
    }
    let text = join(&pieces, &format!(" {dash} "), columns.saturating_sub(6));
    let rest = columns.saturating_sub(width(&text) + 4);
    Line::styled(
        format!("{dash}{dash} {text} {}", dash.repeat(rest)),
        app.theme.strong(),
    )
}

/// `1-12 of 345`.
fn range(app: &App, visible: usize) -> Option<String> {
    let sockets = &app.data.as_ref()?.snapshot.sockets;
    let loaded = sockets.sockets.len();
    let first = app.cursor.offset() + 1;
    let last = (app.cursor.offset() + visible).min(loaded);
    let total = sockets.matched.map_or_else(|| "many".to_owned(), count);
    match loaded {
        0 => None,
        _ => Some(format!("{first}-{} of {total}", last.max(first))),
    }
}

/// The headings and the rows on the screen.
pub(super) fn lines(app: &App, area: Rect) -> Vec<Line<'static>> {
    let columns = usize::from(area.width);
    let placed = app.widths.place(columns - GUTTER);
    let visible = usize::from(area.height.saturating_sub(1));
    let titles = placed
        .iter()
        .map(|(column, wide)| align(*column, column.title(), *wide));
    let heading = format!("{:GUTTER$}{}", "", titles.collect::<Vec<_>>().join(" "));
    let mut lines = vec![Line::styled(heading, app.theme.heading())];
    if app.rows().is_empty() {
        lines.push(Line::styled(emptiness(app), app.theme.quiet()));
        return lines;
    }
    let shown = app
        .rows()
        .iter()
        .enumerate()
        .skip(app.cursor.offset())
        .take(visible);
    lines.extend(shown.map(|(index, row)| {
        let is_selected = index == app.cursor.index();
        line(app, row, &placed, is_selected, columns)
    }));
    lines
}

fn emptiness(app: &App) -> &'static str {
    match &app.data {
        None => "  waiting for the first answer",
        Some(_) if app.filter.text.is_empty() => "  no sockets",
        Some(_) => "  no socket matches the filter",
    }
}

fn line(
    app: &App,
    row: &SocketRow,
    placed: &[Placed],
    is_selected: bool,
    columns: usize,
) -> Line<'static> {
    let charset = app.theme.charset();
    let is_trouble = stands_out(&row.state, row.age_seconds);
    let mut text = String::new();
    text.push_str(if is_selected {
        charset.pick("▸", ">")
    } else {
        " "
    });
    text.push_str(if is_trouble { "!" } else { " " });
    let cells = placed.iter().map(|(column, wide)| {
        let cell = column.cell(row, charset);
        let cell = match column {
            Column::Local | Column::Remote => endpoint_bounded(&cell, *wide, charset),
            _ => sanitise_bounded(&cell, *wide, charset),
        };
        align(*column, &cell, *wide)
    });
    text.push_str(&cells.collect::<Vec<_>>().join(" "));
    let style = match is_trouble {
        true => app.theme.trouble(),
        false => Style::new(),
    };
    let style = match is_selected {
        true => style.patch(app.theme.selected()),
        false => style,
    };
    Line::styled(exactly(&text, columns), style)
}

fn align(column: Column, cell: &str, wide: usize) -> String {
    match column.is_number() {
        true => pad_left(cell, wide),
        false => pad_right(cell, wide),
    }
}
