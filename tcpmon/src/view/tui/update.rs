//! What happens on the screen, without doing it: an action changes the [`App`] and may ask for one
//! effect.

use ratatui::layout::Size;

use super::action::{Action, Answer, Command, Effect, Request};
use super::app::{ActiveFilter, App, Data};
use super::edit::FilterEdit;
use super::render::last_help_line;
use crate::core::query::Sort;

/// Changes the app as `action` demands.
pub(super) fn update(app: &mut App, action: Action) -> Option<Effect> {
    match action {
        Action::Command(Command::Quit) => return Some(Effect::Quit),
        Action::Command(command) => obey(app, command),
        Action::Resize(width, height) => resize(app, Size::new(width, height)),
        Action::Tick(now) => app.now = now,
        Action::Answer(answer) => receive(app, *answer),
    }
    let ticket = app.schedule.poll(app.now, app.is_frozen)?;
    let question = app.question();
    Some(Effect::Fetch(Request { ticket, question }))
}

fn obey(app: &mut App, command: Command) {
    let page = app.visible_rows().max(1).cast_signed();
    match command {
        Command::Quit => {}
        Command::Help => app.help = app.help.map_or(Some(0), |_| None),
        Command::Up => step(app, -1),
        Command::Down => step(app, 1),
        Command::PageUp => step(app, -page),
        Command::PageDown => step(app, page),
        Command::Top => step(app, isize::MIN),
        Command::Bottom => step(app, isize::MAX),
        Command::EditFilter => {
            app.help = None;
            app.edit = Some(FilterEdit::new(&app.filter.text, app.theme.charset()));
            show_selection(app);
        }
        Command::Escape if app.help.is_some() => app.help = None,
        Command::Escape => set_filter(app, ActiveFilter::default()),
        Command::Sort => sort(app),
        Command::Freeze => freeze(app),
        Command::Slower => app.schedule.slower(),
        Command::Faster => app.schedule.faster(),
        Command::Refresh => app.schedule.want(),
        Command::Stroke(stroke) => {
            let charset = app.theme.charset();
            if let Some(edit) = &mut app.edit {
                edit.apply(stroke, charset);
            }
        }
        Command::Apply => apply(app),
        Command::Cancel => {
            app.edit = None;
            show_selection(app);
        }
    }
}

/// Moves the selection, or scrolls the help while it is open.
fn step(app: &mut App, by: isize) {
    if let Some(line) = &mut app.help {
        let next = line.saturating_add_signed(by);
        *line = next.min(last_help_line(app.size));
        return;
    }
    let (total, visible) = (app.total(), app.visible_rows());
    let index = app.cursor.index().saturating_add_signed(by);
    select(app, index, total, visible);
    let needed = (app.cursor.offset() + visible).min(total);
    if needed > app.rows().len() {
        app.schedule.want();
    }
}

fn select(app: &mut App, index: usize, total: usize, visible: usize) {
    let rows = match &app.data {
        Some(data) => data.snapshot.sockets.sockets.as_slice(),
        None => &[],
    };
    app.cursor.select(index, total, visible, rows);
}

fn show_selection(app: &mut App) {
    let (total, visible) = (app.total(), app.visible_rows());
    app.cursor.show(total, visible);
}

fn resize(app: &mut App, size: Size) {
    app.size = size;
    show_selection(app);
    if app.visible_rows() > app.rows().len() && !app.is_frozen {
        app.schedule.want();
    }
}

fn sort(app: &mut App) {
    app.sort = match app.sort {
        Sort::Age => Sort::Newest,
        Sort::Newest => Sort::Age,
    };
    ask_anew(app);
}

/// Asks a new question, whose answer begins at the top.
fn ask_anew(app: &mut App) {
    let (total, visible) = (app.total(), app.visible_rows());
    select(app, 0, total, visible);
    app.schedule.forget();
    app.schedule.want();
}

fn set_filter(app: &mut App, filter: ActiveFilter) {
    if app.filter != filter {
        app.filter = filter;
        ask_anew(app);
    }
}

fn apply(app: &mut App) {
    let Some(edit) = &mut app.edit else {
        return;
    };
    match edit.text().parse() {
        Ok(filter) => {
            app.edit = None;
            show_selection(app);
            set_filter(app, filter);
        }
        Err(error) => edit.fail(error),
    }
}

/// Freezing needs something to look at; what is under way must not replace it.
fn freeze(app: &mut App) {
    if app.is_frozen {
        app.is_frozen = false;
        app.schedule.want();
    } else if app.data.is_some() {
        app.is_frozen = true;
        app.schedule.forget();
    }
    show_selection(app);
}

fn receive(app: &mut App, answer: Answer) {
    if !app.schedule.answered(answer.ticket) {
        return;
    }
    match answer.result {
        Ok(snapshot) => {
            app.error = None;
            app.widths
                .grow(&snapshot.sockets.sockets, app.theme.charset());
            let arrived = app.now;
            app.data = Some(Data { snapshot, arrived });
            follow(app);
        }
        Err(error) => {
            app.error = Some(error);
            show_selection(app);
        }
    }
}

fn follow(app: &mut App) {
    let (total, visible) = (app.total(), app.visible_rows());
    if let Some(data) = &app.data {
        app.cursor
            .follow(total, visible, &data.snapshot.sockets.sockets);
    }
}

#[cfg(test)]
mod tests;
