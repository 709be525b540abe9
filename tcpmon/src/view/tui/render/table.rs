//! A table of any view: what is shown, the headings, the rows on the screen.

use ratatui::layout::Rect;
use ratatui::style::Style;
use ratatui::text::Line;

use super::super::app::{App, SORTED_SOCKETS};
use super::super::place::{Place, View};
use super::super::widths::{self, Placed};
use super::{exactly, rule};
use crate::view::format::{count, endpoint_bounded, pad_left, pad_right, sanitise_bounded, width};

/// The mark of the selection and the mark of trouble.
const GUTTER: usize = 2;

/// The body.
pub(super) fn lines(app: &App, area: Rect) -> Vec<Line<'static>> {
    let columns = usize::from(area.width);
    let visible = usize::from(area.height.saturating_sub(2));
    let placed = placed(app, columns);
    let mut lines = vec![rule(app, &pieces(app, visible, columns), columns)];
    let titles = placed.iter().map(|it| align(it, &title(app, it)));
    let heading = format!("{:GUTTER$}{}", "", titles.collect::<Vec<_>>().join(" "));
    lines.push(Line::styled(
        exactly(&heading, columns),
        app.theme.heading(),
    ));
    let level = app.level();
    if level.shown.is_empty() {
        let words = format!("  {}", emptiness(app));
        lines.push(Line::styled(words, app.theme.quiet()));
        return lines;
    }
    let shown = level.shown.iter().enumerate().skip(level.cursor.offset());
    lines.extend(shown.take(visible).map(|(index, row)| {
        let is_selected = index == level.cursor.index();
        line(app, *row, &placed, is_selected, columns)
    }));
    lines
}

fn placed(app: &App, columns: usize) -> Vec<Placed> {
    let heads = app.rows().heads();
    let widths = &app.level().widths;
    widths::place(&heads, widths, columns.saturating_sub(GUTTER))
}

/// The column of the table at a column of the screen.
pub(in super::super) fn column_at(app: &App, column: u16) -> Option<usize> {
    let mut left = GUTTER;
    let placed = placed(app, app.size.width.into());
    let found = placed.iter().find(|it| {
        left += it.width + 1;
        usize::from(column) < left
    });
    found.map(|it| it.column)
}

/// The title, with an arrow where the table is sorted by it.
fn title(app: &App, it: &Placed) -> String {
    let charset = app.theme.charset();
    match app.level().order {
        Some((column, descending)) if column == it.column => {
            let arrow = match descending {
                true => charset.pick("▼", "v"),
                false => charset.pick("▲", "^"),
            };
            format!("{}{arrow}", it.head.title)
        }
        _ => it.head.title.to_owned(),
    }
}

/// What is shown, how much of it, and in which order.
fn pieces(app: &App, visible: usize, columns: usize) -> Vec<String> {
    let charset = app.theme.charset();
    let place = &app.level().place;
    let mut what = match place {
        Place::Sockets(_) => "sockets".to_owned(),
        place => place.title().to_lowercase(),
    };
    if let Some(order) = order(app) {
        what.push_str(", ");
        what.push_str(&order);
    }
    let mut pieces = vec![what];
    pieces.extend(range(app, visible));
    if matches!(place, Place::View(View::Events)) && app.seen.skipped > 0 {
        pieces.push(format!("{} not shown", count(app.seen.skipped)));
    }
    let is_filtered = app.lists_sockets() || matches!(place, Place::View(View::Events));
    if is_filtered && !app.scope().text.is_empty() {
        let used: usize = pieces.iter().map(|piece| width(piece) + 3).sum();
        let room = columns.saturating_sub(used + 15).max(8);
        let text = sanitise_bounded(&app.scope().text, room, charset);
        pieces.push(format!("filter: {text}"));
    }
    pieces
}

fn order(app: &App) -> Option<String> {
    let place = &app.level().place;
    if matches!(place, Place::View(View::Events)) && app.level().order.is_none() {
        return Some("newest first".to_owned());
    }
    if app.lists_sockets() {
        return Some(match app.level().order {
            None | Some((super::super::views::sockets::AGE, true)) => "oldest first".to_owned(),
            Some((super::super::views::sockets::AGE, false)) => "newest first".to_owned(),
            // Only the agent has them all.
            Some(_) if app.rows().count() >= SORTED_SOCKETS => {
                format!("the {SORTED_SOCKETS} oldest, sorted")
            }
            Some(_) => "sorted".to_owned(),
        });
    }
    None
}

/// `1-12 of 345`.
fn range(app: &App, visible: usize) -> Option<String> {
    let level = app.level();
    let loaded = level.shown.len();
    let first = level.cursor.offset() + 1;
    let last = (level.cursor.offset() + visible).min(loaded);
    let total = app.matched().map_or_else(|| "many".to_owned(), count);
    match loaded {
        0 => None,
        _ => Some(format!("{first}-{} of {total}", last.max(first))),
    }
}

fn emptiness(app: &App) -> &'static str {
    let place = &app.level().place;
    match (place, app.past, &app.data) {
        (Place::View(View::Events), ..) => "waiting for the first transition",
        (_, Some(_), _) => {
            "Of the past only states, edges, verdicts and processes are kept. End: now"
        }
        (_, None, None) => "waiting for the first answer",
        _ if app.matched().is_none() => "waiting for the answer",
        _ if app.lists_sockets() && !app.scope().text.is_empty() => "no socket matches the filter",
        _ => "none",
    }
}

fn line(
    app: &App,
    row: usize,
    placed: &[Placed],
    is_selected: bool,
    columns: usize,
) -> Line<'static> {
    let charset = app.theme.charset();
    let rows = app.rows();
    let is_trouble = rows.stands_out(row);
    let mut text = String::new();
    text.push_str(if is_selected {
        charset.pick("▸", ">")
    } else {
        " "
    });
    text.push_str(if is_trouble { "!" } else { " " });
    let cells = placed.iter().map(|it| {
        let cell = rows.cell(row, it.column, charset);
        let is_endpoint = matches!(
            it.head.title,
            "LOCAL" | "REMOTE" | "DESTINATION" | "LISTENS ON"
        );
        let cell = match is_endpoint {
            true => endpoint_bounded(&cell, it.width, charset),
            false => sanitise_bounded(&cell, it.width, charset),
        };
        align(it, &cell)
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

fn align(it: &Placed, cell: &str) -> String {
    match it.head.is_number {
        true => pad_left(cell, it.width),
        false => pad_right(cell, it.width),
    }
}
