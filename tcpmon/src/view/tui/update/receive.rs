//! What the feed brings.

use super::super::action::{Answer, Batch};
use super::super::app::{App, Data, EVENTS};
use super::super::history::Moment;
use super::moving;
use crate::core::query::Picture;

/// Takes an answer. One to an earlier question says nothing of the sockets that are shown now; what it
/// says of the machine counts, or a screen that is opened early would stay empty for another round.
pub(super) fn answer(app: &mut App, answer: Answer) {
    let is_current = app.schedule.answered(answer.ticket);
    // A frozen screen takes only what was asked for since.
    if !is_current && app.is_frozen {
        return;
    }
    match answer.result {
        Ok(picture) => show(app, picture, is_current),
        Err(error) => {
            app.error = Some(error);
            moving::show_selection(app);
        }
    }
}

fn show(app: &mut App, mut picture: Picture, is_current: bool) {
    let now = app.now;
    app.error = None;
    let at = app.history_now();
    if let Some(past) = picture.history.take() {
        app.history.begin(at, &past);
        app.has_history = true;
    }
    let moment = Moment::new(at, &picture, app.theme.charset());
    app.history.add(moment.clone());
    if is_current {
        for level in &mut app.trail {
            level.refresh(&picture, now);
        }
    }
    let older = app.data.take().map(|data| data.snapshot);
    if !is_current {
        let older = older.as_ref();
        picture.sockets = older.and_then(|older| older.sockets.clone());
        picture.socket = None;
    }
    if let Some(older) = older {
        // What was not asked for again.
        picture.listeners = picture.listeners.or(older.listeners);
        picture.destinations = picture.destinations.or(older.destinations);
        picture.namespaces = picture.namespaces.or(older.namespaces);
    }
    app.data = Some(Data {
        snapshot: picture,
        arrived: now,
        moment,
    });
    moving::rearrange(app);
}

/// Puts the newest in front. A frozen screen counts what it does not show.
pub(super) fn batch(app: &mut App, batch: Batch) {
    if batch.watch != app.watching.0 {
        return;
    }
    let seen = &mut app.seen;
    seen.skipped += batch.skipped;
    if app.is_frozen {
        seen.skipped += batch.events.len() as u64;
        return;
    }
    seen.events.splice(0..0, batch.events.into_iter().rev());
    seen.events.truncate(EVENTS);
    moving::rearrange(app);
}
