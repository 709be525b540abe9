//! What happens on the screen, without doing it: an action changes the [`App`] and may ask for
//! effects.

mod click;
mod moving;
mod receive;

use ratatui::layout::Size;

use super::action::{Action, Command, Effect, Request};
use super::app::{ActiveFilter, App, Seen};
use super::edit::FilterEdit;
use super::history::History;
use super::place::{Level, Place, View};
use super::views::{self, Grouping};
use crate::core::explain::{self, Topic};
use crate::core::recording::Playback;

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
        Action::Command(Command::Play(control)) => {
            app.schedule.want();
            effects.push(Effect::Control(control));
        }
        Action::Command(command) => obey(app, command),
        Action::Click(column, row) => click::click(app, column, row),
        Action::Resize(width, height) => resize(app, Size::new(width, height)),
        Action::Tick(now) => app.now = now,
        Action::Answer(answer) => receive::answer(app, *answer),
        Action::Batch(batch) => receive::batch(app, batch),
        Action::Resumed => {
            app.schedule.want();
            effects.push(Effect::Retake);
        }
    }
    effects.extend(watch(app));
    if let Some(ticket) = app.schedule.poll(app.now, app.is_frozen) {
        let wants = app.wants();
        effects.push(Effect::Fetch(Request { ticket, wants }));
    }
    effects
}

/// Takes over where a recording is played. After a way back what was seen is of another time.
pub(super) fn play(app: &mut App, playback: Option<Playback>) {
    let turns = |playback: &Option<Playback>| playback.as_ref().map(|playback| playback.turns);
    if app.playback.is_some() && turns(&app.playback) != turns(&playback) {
        app.history = History::default();
        app.has_history = false;
        app.seen = Seen::default();
        app.schedule.want();
        moving::rearrange(app);
    }
    app.playback = playback;
}

/// Watches what is of interest now, if that has changed.
fn watch(app: &mut App) -> Option<Effect> {
    let wanted = app.to_watch();
    if app.watching.1 == wanted {
        return None;
    }
    app.watching = (app.watching.0 + 1, wanted.clone());
    app.seen = Seen::default();
    moving::rearrange(app);
    Some(Effect::Watch(app.watching.0, wanted))
}

fn obey(app: &mut App, command: Command) {
    match command {
        Command::Quit | Command::Suspend | Command::Mouse | Command::Play(_) => {}
        Command::Help => app.help = app.help.map_or(Some(0), |_| None),
        Command::Explain => explain_selected(app),
        Command::View(view) => go_to(app, view),
        Command::NextView => go_to(app, app.view.after(1)),
        Command::PreviousView => go_to(app, app.view.after(View::ALL.len() - 1)),
        Command::Open => open_selected(app),
        Command::Back => back(app),
        Command::Up
        | Command::Down
        | Command::Left
        | Command::Right
        | Command::PageUp
        | Command::PageDown
        | Command::Top
        | Command::Bottom => moving::step(app, command),
        Command::EditFilter => {
            app.help = None;
            let text = app.scope().text.clone();
            app.edit = Some(FilterEdit::new(&text, app.theme.charset()));
            moving::show_selection(app);
        }
        Command::Group => {
            app.grouping = Grouping::after(app.grouping);
            go_to(app, View::Processes);
            moving::regroup(app);
        }
        Command::Sort => moving::sort_by(app, 1),
        Command::Reverse => moving::reverse(app),
        Command::Freeze => freeze(app),
        Command::Slower => app.schedule.slower(),
        Command::Faster => app.schedule.faster(),
        Command::Refresh => app.schedule.want(),
        Command::Older(seconds) => moving::travel(app, seconds, true),
        Command::Newer(seconds) => moving::travel(app, seconds, false),
        Command::Stroke(stroke) => {
            let charset = app.theme.charset();
            if let Some(edit) = &mut app.edit {
                edit.apply(stroke, charset);
            }
        }
        Command::Complete => {
            let names = app.names();
            if let Some(edit) = &mut app.edit {
                edit.complete(&names);
            }
        }
        Command::Apply => apply(app),
        Command::Cancel => {
            app.edit = None;
            moving::show_selection(app);
        }
    }
}

/// Shows a view, or the first page of the one that is shown.
fn go_to(app: &mut App, view: View) {
    app.help = None;
    if app.view != view || !app.trail.is_empty() {
        app.view = view;
        app.trail.clear();
        arrive(app);
    }
}

/// Opens something in front of what is shown.
fn open(app: &mut App, place: Option<Place>) {
    if let Some(place) = place {
        app.help = None;
        // What is opened is known of now alone.
        if !matches!(place, Place::Explain(_)) {
            app.past = None;
        }
        app.trail.push(Level::new(place));
        arrive(app);
    }
}

/// Asks for what the place needs; what is known of other sockets is not shown for these.
fn arrive(app: &mut App) {
    if let Some(data) = &mut app.data
        && !matches!(
            app.trail.last().map(|level| &level.place),
            Some(Place::Explain(_))
        )
    {
        data.snapshot.sockets = None;
        data.snapshot.socket = None;
    }
    moving::rearrange(app);
    app.schedule.forget();
    app.schedule.want();
}

fn open_selected(app: &mut App) {
    if app.help.is_some() {
        return;
    }
    let place = match &app.level().place {
        Place::View(View::Diagram) => views::diagram::sockets(app.picked),
        Place::Verdict(row) => views::verdict::sockets(row),
        Place::Process(row) => views::process::sockets(row),
        Place::View(_) | Place::Sockets(_) => app.selected().and_then(|row| app.rows().open(row)),
        Place::Socket(_) | Place::Explain(_) => None,
    };
    open(app, place);
}

/// Opens what there is to read about what is selected; the help where that is nothing.
fn explain_selected(app: &mut App) {
    let topic = match &app.level().place {
        Place::View(View::Diagram) => Some(Topic::State(explain::state(app.picked))),
        Place::Verdict(row) => super::rows::Listed::topic(&**row),
        Place::Socket(known) => super::rows::Listed::topic(&known.row),
        Place::Process(_) | Place::Explain(_) => None,
        Place::View(_) | Place::Sockets(_) => app.selected().and_then(|row| app.rows().topic(row)),
    };
    match topic.filter(|_| app.help.is_none()) {
        Some(topic) => open(app, Some(Place::Explain(topic))),
        None => app.help = app.help.map_or(Some(0), |_| None),
    }
}

fn back(app: &mut App) {
    if app.help.take().is_some() {
        return;
    }
    if app.trail.pop().is_some() {
        arrive(app);
    } else {
        set_filter(app, ActiveFilter::default());
    }
}

fn resize(app: &mut App, size: Size) {
    app.size = size;
    moving::show_selection(app);
    let missing = app.visible_rows() > app.rows().count() && app.asks_deeper();
    if missing && !app.is_frozen {
        app.schedule.want();
    }
}

/// The filter of the sockets on the screen, or of all sockets and events.
fn set_filter(app: &mut App, filter: ActiveFilter) {
    if *app.scope() == filter {
        return;
    }
    match app.trail.last_mut().map(|level| &mut level.place) {
        Some(Place::Sockets(scope)) => scope.filter = filter,
        _ => app.filter = filter,
    }
    moving::begin_anew(app);
}

fn apply(app: &mut App) {
    let Some(edit) = &mut app.edit else {
        return;
    };
    match edit.text().parse::<ActiveFilter>() {
        Ok(filter) => {
            app.edit = None;
            // Filters are of sockets and events: elsewhere sockets are what was meant.
            if !app.lists_sockets() && app.to_watch().is_none() && !filter.text.is_empty() {
                go_to(app, View::Sockets);
            }
            set_filter(app, filter);
            moving::show_selection(app);
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
    moving::show_selection(app);
}

#[cfg(test)]
mod tests;
