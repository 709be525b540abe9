//! A table of any view: what is shown, and the grid of its rows.

use ratatui::layout::Rect;
use ratatui::text::Line;

use super::super::app::{App, SORTED_SOCKETS};
use super::super::place::{Place, View};
use super::grid::Grid;
use super::rule;
use crate::view::format::{count, sanitise_bounded, width};

/// The body.
pub(super) fn lines(app: &App, area: Rect) -> Vec<Line<'static>> {
    let columns = usize::from(area.width);
    let visible = usize::from(area.height.saturating_sub(2));
    let mut lines = vec![rule(app.theme, &pieces(app, visible, columns), columns)];
    lines.extend(grid(app, columns).lines(visible));
    if app.level().shown.is_empty() {
        let words = format!("  {}", emptiness(app));
        lines.push(Line::styled(words, app.theme.quiet()));
    }
    lines
}

fn grid(app: &App, columns: usize) -> Grid<'_> {
    let level = app.level();
    Grid {
        theme: app.theme,
        rows: app.rows(),
        shown: &level.shown,
        cursor: &level.cursor,
        order: level.order,
        widths: &level.widths,
        columns,
    }
}

/// The column of the table at a column of the screen.
pub(in super::super) fn column_at(app: &App, column: u16) -> Option<usize> {
    grid(app, app.size.width.into()).column_at(column)
}

/// What is shown, how much of it, and in which order.
fn pieces(app: &App, visible: usize, columns: usize) -> Vec<String> {
    let charset = app.theme.charset();
    let place = &app.level().place;
    let mut what = match place {
        Place::Sockets(_) => "sockets".to_owned(),
        place => place.title().to_lowercase(),
    };
    if let (Place::View(View::Processes), Some(grouping)) = (place, app.grouping) {
        what.push_str(&format!(" by {}", grouping.name()));
    }
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
        (Place::View(View::Processes), Some(_), _) => {
            "The processes of then are not kept: this command had not begun. End: now"
        }
        (_, Some(_), _) => {
            "Of the past only states, edges, verdicts and processes are kept. End: now"
        }
        (_, None, None) => "waiting for the first answer",
        _ if app.matched().is_none() => "waiting for the answer",
        _ if app.lists_sockets() && !app.scope().text.is_empty() => "no socket matches the filter",
        _ => "none",
    }
}
