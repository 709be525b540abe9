//! What happens on the screen, without doing it.

use ratatui::layout::Size;

use super::super::action::{Action, Command};
use super::super::edit::Stroke;
use super::app::{App, Level, Place};
use super::asker::{Answered, Asked};
use super::keys::HELP;
use super::{page, render};
use crate::core::fleet::{Host, Process};

/// No name that is looked for is longer.
const LONGEST: usize = 128;

/// What to do.
#[derive(Debug)]
pub(super) enum Effect {
    Quit,
    Suspend,
    /// Take the terminal over again, whatever somebody did to it, and draw everything.
    Retake,
    Ask(Asked),
    Mouse(bool),
}

/// Changes the app as `action` demands.
pub(super) fn update(app: &mut App, action: Action) -> Vec<Effect> {
    let mut effects = Vec::new();
    match action {
        Action::Command(Command::Quit) => return vec![Effect::Quit],
        Action::Command(Command::Suspend) => return vec![Effect::Suspend],
        Action::Command(Command::Mouse) => {
            app.has_mouse = !app.has_mouse;
            effects.push(Effect::Mouse(app.has_mouse));
        }
        Action::Command(command) => obey(app, command),
        Action::Click(column, row) => click(app, column, row),
        Action::Resize(width, height) => {
            app.size = Size::new(width, height);
            show_selection(app);
        }
        Action::Tick(now) => app.now = now,
        Action::Resumed => {
            app.schedule.want();
            effects.push(Effect::Retake);
        }
        // Of the local screen's feed.
        Action::Answer(_) | Action::Batch(_) => {}
    }
    effects.extend(ask(app));
    effects
}

/// Takes in what the server says.
pub(super) fn receive(app: &mut App, answered: Answered) -> Vec<Effect> {
    if app.schedule.answered(answered.ticket) {
        match answered.result {
            Ok(fleet) => {
                app.error = None;
                app.arrived = Some(app.now);
                (app.queries, app.notes) = (fleet.queries, fleet.notes);
                match fleet.inside {
                    None => app.hosts = fleet.hosts,
                    Some(inside) => {
                        renew(app, fleet.hosts.into_iter().next(), &inside.processes);
                        app.inside = Some(inside);
                    }
                }
            }
            Err(error) => app.error = Some(error),
        }
        rearrange(app);
    }
    ask(app).into_iter().collect()
}

/// Takes over what is new of the host and the process on the way. What is gone stays as it was.
fn renew(app: &mut App, host: Option<Host>, processes: &[Process]) {
    let mut host = host;
    for level in &mut app.trail {
        match &mut level.place {
            Place::Host(shown) => {
                if let Some(new) = host.take() {
                    **shown = new;
                }
            }
            Place::Process(shown) => {
                if let Some(new) = processes.iter().find(|it| it.id == shown.id) {
                    **shown = new.clone();
                }
            }
            Place::Hosts | Place::Destination(_) => {}
        }
    }
}

fn ask(app: &mut App) -> Option<Effect> {
    let ticket = app.schedule.poll(app.now, app.is_frozen)?;
    let question = app.question();
    Some(Effect::Ask(Asked { ticket, question }))
}

fn obey(app: &mut App, command: Command) {
    match command {
        Command::Help | Command::Explain => app.help = app.help.map_or(Some(0), |_| None),
        Command::Open => open(app),
        Command::Back => back(app),
        Command::Up => by(app, -1),
        Command::Down => by(app, 1),
        Command::PageUp => by(app, -page_of(app)),
        Command::PageDown => by(app, page_of(app)),
        Command::Top => by(app, isize::MIN),
        Command::Bottom => by(app, isize::MAX),
        Command::Left => sort_by(app, -1),
        Command::Right | Command::Sort => sort_by(app, 1),
        Command::Reverse => reverse(app),
        Command::EditFilter => {
            app.help = None;
            app.edit = Some(app.find.clone());
        }
        Command::Freeze => freeze(app),
        Command::Slower => app.schedule.slower(),
        Command::Faster => app.schedule.faster(),
        Command::Refresh => app.schedule.want(),
        Command::Stroke(stroke) => edit(app, stroke),
        Command::Apply => {
            if let Some(text) = app.edit.take() {
                app.trail.clear();
                app.find = text.trim().to_owned();
                arrive(app);
            }
        }
        Command::Cancel => app.edit = None,
        // Of the local screen.
        Command::Quit
        | Command::Suspend
        | Command::Mouse
        | Command::View(_)
        | Command::NextView
        | Command::PreviousView
        | Command::Group
        | Command::Older(_)
        | Command::Newer(_)
        | Command::Play(_)
        | Command::Complete => {}
    }
    show_selection(app);
}

fn page_of(app: &App) -> isize {
    app.visible_rows().max(1).cast_signed()
}

fn edit(app: &mut App, stroke: Stroke) {
    let Some(text) = &mut app.edit else {
        return;
    };
    match stroke {
        Stroke::Insert(c) if text.len() < LONGEST => text.push(c),
        Stroke::Backspace => drop(text.pop()),
        Stroke::Erase => text.clear(),
        _ => {}
    }
}

/// Freezing needs something to look at; what is under way must not replace it.
fn freeze(app: &mut App) {
    if app.is_frozen {
        app.is_frozen = false;
        app.schedule.want();
    } else if app.arrived.is_some() {
        app.is_frozen = true;
        app.schedule.forget();
    }
}

fn open(app: &mut App) {
    let level = app.level();
    let row = level.shown.get(level.cursor.index()).copied();
    let Some(row) = row.filter(|_| app.help.is_none()) else {
        return;
    };
    let place = match (&level.place, &app.inside) {
        (Place::Hosts, _) => app.found.get(row).cloned().map(Box::new).map(Place::Host),
        (Place::Host(_), Some(inside)) => {
            let process = inside.processes.get(row).cloned();
            process.map(Box::new).map(Place::Process)
        }
        (Place::Process(_), _) => {
            let destination = app.destinations.get(row).cloned();
            destination.map(Box::new).map(Place::Destination)
        }
        (Place::Host(_), None) | (Place::Destination(_), _) => None,
    };
    if let Some(place) = place {
        if matches!(place, Place::Host(_)) {
            app.inside = None;
        }
        app.trail.push(Level::new(place));
        arrive(app);
    }
}

fn back(app: &mut App) {
    if app.help.take().is_some() {
        return;
    }
    if app.trail.pop().is_none() {
        app.find.clear();
    }
    arrive(app);
}

/// Asks for what the place needs.
fn arrive(app: &mut App) {
    // What is being drawn of the past hour is of something else.
    if let Some(inside) = &mut app.inside {
        inside.course = None;
    }
    rearrange(app);
    app.schedule.forget();
    app.schedule.want();
}

/// Puts the rows in order and finds the selected one again.
pub(super) fn rearrange(app: &mut App) {
    let hosts = app.hosts.iter().filter(|host| page::has(host, &app.find));
    app.found = hosts.cloned().collect();
    app.destinations = match (app.process(), &app.inside) {
        (Some(process), Some(inside)) => inside.destinations_of(&process.id.process),
        _ => Vec::new(),
    };
    let charset = app.theme.charset();
    let order = app.level().order;
    let mut widths = std::mem::take(&mut app.level_mut().widths);
    let mut cursor = std::mem::take(&mut app.level_mut().cursor);
    let visible = app.visible_rows();
    let rows = app.rows();
    rows.grow(&mut widths, charset);
    let shown = rows.sorted(order);
    let identity = |index: usize| rows.identity(*shown.get(index)?);
    cursor.follow(shown.len(), shown.len(), visible, identity);
    let level = app.level_mut();
    (level.widths, level.shown, level.cursor) = (widths, shown, cursor);
    show_selection(app);
}

fn show_selection(app: &mut App) {
    let visible = app.visible_rows();
    let lines = page::lines(app).len();
    let level = app.level_mut();
    level.scroll = level.scroll.min(lines.saturating_sub(visible));
    level.cursor.show(level.shown.len(), visible);
}

fn by(app: &mut App, steps: isize) {
    if let Some(line) = &mut app.help {
        let next = line.saturating_add_signed(steps);
        *line = next.min(HELP.last_line(app.size));
        return;
    }
    if let Place::Destination(_) = app.level().place {
        let scroll = app.level().scroll.saturating_add_signed(steps);
        app.level_mut().scroll = scroll;
        return;
    }
    let index = app.level().cursor.index().saturating_add_signed(steps);
    select(app, index);
}

fn select(app: &mut App, index: usize) {
    let visible = app.visible_rows();
    let mut cursor = std::mem::take(&mut app.level_mut().cursor);
    let (rows, shown) = (app.rows(), &app.level().shown);
    let identity = |index: usize| rows.identity(*shown.get(index)?);
    cursor.select(index, shown.len(), visible, identity);
    app.level_mut().cursor = cursor;
}

/// Sorts by the column so many places further; beyond the last one by trouble.
fn sort_by(app: &mut App, steps: isize) {
    let heads = app.rows().heads();
    if heads.is_empty() || app.help.is_some() {
        return;
    }
    let places = heads.len().cast_signed() + 1;
    let now = app.level().order.map_or(0, |(column, _)| column + 1);
    let next = (now.cast_signed() + steps)
        .rem_euclid(places)
        .cast_unsigned();
    let column = next.checked_sub(1);
    app.level_mut().order = column.map(|column| (column, heads[column].is_number));
    rearrange(app);
    select(app, 0);
}

fn reverse(app: &mut App) {
    let level = app.level_mut();
    level.order = Some(match level.order {
        Some((column, descending)) => (column, !descending),
        None => (0, true),
    });
    rearrange(app);
    select(app, 0);
}

/// Selects what was clicked; opens what was selected already; sorts by a heading.
fn click(app: &mut App, column: u16, row: u16) {
    let Some(table) = render::table_area(app).filter(|area| row >= area.y) else {
        return;
    };
    if app.help.is_some() || row >= table.bottom() {
        return;
    }
    if row == table.y {
        if let Some(column) = render::grid(app).column_at(column) {
            let is_number = app.rows().heads()[column].is_number;
            app.level_mut().order = Some(match app.level().order {
                Some((same, descending)) if same == column => (column, !descending),
                _ => (column, is_number),
            });
            rearrange(app);
            select(app, 0);
        }
        return;
    }
    let level = app.level();
    let index = level.cursor.offset() + usize::from(row - table.y - 1);
    match index {
        index if index >= level.shown.len() => {}
        index if index == level.cursor.index() => open(app),
        index => select(app, index),
    }
}
