//! Moving among rows, lines, columns, states and times.

use std::time::Duration;

use super::super::action::Command;
use super::super::app::App;
use super::super::place::{Order, Place, View};
use super::super::render::help_of;
use super::super::views::{self, diagram, sockets};

/// Moves the selection, or scrolls the page or the help.
pub(super) fn step(app: &mut App, command: Command) {
    if command == Command::Bottom && app.past.is_some() && app.help.is_none() {
        return be_live(app);
    }
    let is_diagram = matches!(app.level().place, Place::View(View::Diagram));
    if is_diagram && app.help.is_none() {
        app.picked = diagram::neighbour(app.picked, command);
        return;
    }
    let page = app.visible_rows().max(1).cast_signed();
    match command {
        Command::Up => by(app, -1),
        Command::Down => by(app, 1),
        Command::PageUp => by(app, -page),
        Command::PageDown => by(app, page),
        Command::Top => by(app, isize::MIN),
        Command::Bottom => by(app, isize::MAX),
        Command::Left => sort_by(app, -1),
        Command::Right => sort_by(app, 1),
        _ => {}
    }
}

fn by(app: &mut App, steps: isize) {
    if let Some(line) = app.help {
        let next = line.saturating_add_signed(steps);
        app.help = Some(next.min(help_of(app).last_line(app.size)));
        return;
    }
    if app.level().place.is_page() {
        let last = views::page(app).len().saturating_sub(app.visible_rows());
        let scroll = app.level().scroll.saturating_add_signed(steps).min(last);
        app.level_mut().scroll = scroll;
        return;
    }
    let index = app.level().cursor.index().saturating_add_signed(steps);
    select(app, index);
}

/// Selects the row at this place of the list.
pub(super) fn select(app: &mut App, index: usize) {
    let (total, visible) = (app.total(), app.visible_rows());
    with_cursor(app, |cursor, _, identity| {
        cursor.select(index, total, visible, identity)
    });
    let needed = (app.level().cursor.offset() + visible).min(total);
    if needed > app.rows().count() {
        app.schedule.want();
    }
}

type Cursor = super::super::cursor::Cursor;

/// Changes the cursor, with the number of rows and what tells them apart.
fn with_cursor(
    app: &mut App,
    change: impl FnOnce(&mut Cursor, usize, &dyn Fn(usize) -> Option<String>),
) {
    let mut cursor = std::mem::take(&mut app.level_mut().cursor);
    let (rows, level) = (app.rows(), app.level());
    let identity = |index: usize| rows.identity(*level.shown.get(index)?);
    change(&mut cursor, level.shown.len(), &identity);
    app.level_mut().cursor = cursor;
}

pub(super) fn show_selection(app: &mut App) {
    let (total, visible) = (app.total(), app.visible_rows());
    if app.level().place.is_page() {
        let last = views::page(app).len().saturating_sub(visible);
        let level = app.level_mut();
        level.scroll = level.scroll.min(last);
    }
    app.level_mut().cursor.show(total, visible);
}

/// Shows the processes in other groups: other rows, with columns of their own.
pub(super) fn regroup(app: &mut App) {
    let level = app.level_mut();
    (level.order, level.widths) = (None, Vec::new());
    rearrange(app);
    select(app, 0);
}

/// Puts new rows in order and finds the selected one again.
pub(super) fn rearrange(app: &mut App) {
    let grouped = app
        .grouping
        .map(|grouping| grouping.groups(app.processes()));
    app.groups = grouped.unwrap_or_default();
    let charset = app.theme.charset();
    let mut widths = std::mem::take(&mut app.level_mut().widths);
    let (order, rows) = (app.sorts_itself(), app.rows());
    rows.grow(&mut widths, charset);
    let shown = rows.sorted(order);
    let level = app.level_mut();
    (level.widths, level.shown) = (widths, shown);
    let (total, visible) = (app.total(), app.visible_rows());
    with_cursor(app, |cursor, loaded, identity| {
        cursor.follow(loaded, total, visible, identity);
    });
    show_selection(app);
}

/// Asks a new question, whose answer begins at the top.
pub(super) fn begin_anew(app: &mut App) {
    rearrange(app);
    select(app, 0);
    app.schedule.forget();
    app.schedule.want();
}

/// Sorts by the column so many places further; beyond the last one in the order of the agent.
pub(super) fn sort_by(app: &mut App, steps: isize) {
    let heads = app.rows().heads();
    if app.help.is_some() || app.level().place.is_page() || heads.is_empty() {
        return;
    }
    let places = heads.len().cast_signed() + 1;
    let now = app
        .level()
        .order
        .map_or(0, |(column, _)| column + 1)
        .cast_signed();
    let next = (now + steps).rem_euclid(places).cast_unsigned();
    let column = next.checked_sub(1);
    set_order(app, column.map(|column| (column, heads[column].is_number)));
}

/// Sorts by a column; the other way round if it is that already.
pub(super) fn sort_by_column(app: &mut App, column: usize) {
    let heads = app.rows().heads();
    let Some(head) = heads.get(column) else {
        return;
    };
    let order = match app.level().order {
        Some((same, descending)) if same == column => (column, !descending),
        _ => (column, head.is_number),
    };
    set_order(app, Some(order));
}

pub(super) fn reverse(app: &mut App) {
    if app.rows().heads().is_empty() {
        return;
    }
    let order = match app.level().order {
        Some((column, descending)) => (column, !descending),
        // The agent's own order of sockets is by age, the oldest first.
        None if app.lists_sockets() => (sockets::AGE, false),
        None => (0, true),
    };
    set_order(app, Some(order));
}

fn set_order(app: &mut App, order: Order) {
    app.level_mut().order = order;
    begin_anew(app);
}

/// Looks at another time; the newest is now.
pub(super) fn travel(app: &mut App, seconds: u64, into_the_past: bool) {
    let Some((first, last)) = app.history.span() else {
        return;
    };
    let step = Duration::from_secs(seconds);
    let from = app.past.unwrap_or(last);
    let to = match into_the_past {
        true => from.saturating_sub(step).max(first),
        false => from + step,
    };
    if to >= last {
        return be_live(app);
    }
    app.past = Some(to);
    let moment = app.history.at(to);
    app.past_processes = moment.map_or_else(Vec::new, |moment| moment.process_rows());
    rearrange(app);
}

fn be_live(app: &mut App) {
    app.past = None;
    rearrange(app);
    app.schedule.want();
}
