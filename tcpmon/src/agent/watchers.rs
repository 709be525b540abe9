//! Those who watch the stream.

use tokio::sync::mpsc::{Sender, error::TrySendError};

use crate::clock;
use crate::core::ending::Ending;
use crate::core::filter::Filter;
use crate::core::query::{EventRow, SocketsQuestion};
use crate::core::table::{Change, Table};

struct Watcher {
    question: SocketsQuestion,
    rows: Sender<EventRow>,
}

/// Watchers, and how many rows they were too slow for.
#[derive(Default)]
pub(crate) struct Watchers {
    all: Vec<Watcher>,
    dropped: u64,
}

impl Watchers {
    /// Whether nobody watches: then a change costs nothing more.
    pub(crate) fn is_empty(&self) -> bool {
        self.all.is_empty()
    }

    /// Rows dropped so far.
    pub(crate) const fn dropped(&self) -> u64 {
        self.dropped
    }

    /// Somebody watches from now on, until the receiver is dropped.
    pub(crate) fn add(&mut self, filter: Filter, rows: Sender<EventRow>) {
        let question = SocketsQuestion {
            filter,
            ..SocketsQuestion::default()
        };
        self.all.push(Watcher { question, rows });
    }

    /// Shows a change that was just made to `table` to everybody whose filter it matches. Never
    /// waits: a watcher that is too slow loses the row. `unix_ns`: wall-clock time of the change.
    pub(crate) fn show(&mut self, table: &Table, change: &Change, unix_ns: impl Fn() -> u64) {
        let mut row = None;
        let mut dropped = 0;
        self.all.retain(|watcher| {
            if !table.matches(change.id, &watcher.question, change.time_ns) {
                return !watcher.rows.is_closed();
            }
            let row: &EventRow = row.get_or_insert_with(|| event_row(table, change, unix_ns()));
            match watcher.rows.try_send(row.clone()) {
                Ok(()) => true,
                Err(TrySendError::Full(_)) => {
                    dropped += 1;
                    true
                }
                Err(TrySendError::Closed(_)) => false,
            }
        });
        self.dropped += dropped;
    }
}

/// A change that was just made to `table`, as it is shown.
pub(crate) fn event_row(table: &Table, change: &Change, unix_ns: u64) -> EventRow {
    let reason = change
        .ending
        .map_or(change.edge.kind.name(), |ending| ending.phrase());
    let mut socket = table.row(change.id, change.time_ns);
    if !change.ending.is_some_and(Ending::leaves_minisock) {
        socket.state = change.edge.to.name().into();
        socket.age_seconds = 0.0;
        socket.age_is_lower_bound = false;
    }
    EventRow {
        time: clock::rfc3339(unix_ns),
        from: change.edge.from.name().into(),
        to: change.edge.to.name().into(),
        reason: reason.into(),
        duration_seconds: change.duration_ns.map(|duration| duration as f64 / 1e9),
        socket,
    }
}
