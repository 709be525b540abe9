//! What the feed brings.

use super::super::action::{Answer, Batch};
use super::super::app::{App, Data, EVENTS};
use super::super::history::Moment;
use super::moving;

pub(super) fn answer(app: &mut App, answer: Answer) {
    if !app.schedule.answered(answer.ticket) {
        return;
    }
    match answer.result {
        Ok(mut snapshot) => {
            app.error = None;
            let now = app.now;
            let moment = Moment::new(app.time(), &snapshot, app.theme.charset());
            app.history.add(moment.clone());
            for level in &mut app.trail {
                level.refresh(&snapshot, now);
            }
            if let Some(older) = app.data.take() {
                snapshot.fill_from(older.snapshot);
            }
            app.data = Some(Data {
                snapshot,
                arrived: now,
                moment,
            });
            moving::rearrange(app);
        }
        Err(error) => {
            app.error = Some(error);
            moving::show_selection(app);
        }
    }
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
