//! Those who watch the stream.

use tokio::sync::mpsc::{Sender, error::TrySendError};

use crate::clock;
use crate::core::ending::Ending;
use crate::core::filter::Filter;
use crate::core::query::{EventRow, SocketsQuestion};
use crate::core::table::{Change, Table};

/// Rows are admitted by the tenth of a second, so that those of a second do not all come at its
/// beginning.
const PIECES: u32 = 10;
const PIECE_NS: u64 = 1_000_000_000 / PIECES as u64;

/// How many rows somebody takes in a second.
#[derive(Debug)]
struct Allowance {
    /// In a piece of a second; `None`: all.
    most: Option<u32>,
    /// The piece, and how many rows it has had.
    piece: u64,
    rows: u32,
}

impl Allowance {
    fn new(most_a_second: Option<u32>) -> Self {
        Self {
            most: most_a_second.map(|most| most.div_ceil(PIECES)),
            piece: 0,
            rows: 0,
        }
    }

    /// Whether there is room for a row at `time_ns`; takes it.
    fn admits(&mut self, time_ns: u64) -> bool {
        let Some(most) = self.most else {
            return true;
        };
        let piece = time_ns / PIECE_NS;
        if piece != self.piece {
            (self.piece, self.rows) = (piece, 0);
        }
        let is_room = self.rows < most;
        self.rows += u32::from(is_room);
        is_room
    }
}

struct Watcher {
    question: SocketsQuestion,
    allowance: Allowance,
    /// Rows that matched and were not sent since the last one that was.
    left_out: u64,
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

    /// Somebody watches from now on, until the receiver is dropped; at most `most` rows in a second.
    pub(crate) fn add(&mut self, filter: Filter, most: Option<u32>, rows: Sender<EventRow>) {
        let question = SocketsQuestion {
            filter,
            ..SocketsQuestion::default()
        };
        self.all.push(Watcher {
            question,
            allowance: Allowance::new(most),
            left_out: 0,
            rows,
        });
    }

    /// Shows a change that was just made to `table` to everybody whose filter it matches. Never
    /// waits: a watcher that is too slow loses the row. A row that nobody gets is not made. `unix_ns`:
    /// wall-clock time of the change.
    pub(crate) fn show(&mut self, table: &Table, change: &Change, unix_ns: impl Fn() -> u64) {
        let mut row = None;
        let mut dropped = 0;
        self.all.retain_mut(|watcher| {
            if !table.matches(change.id, &watcher.question, change.time_ns) {
                return !watcher.rows.is_closed();
            }
            if !watcher.allowance.admits(change.time_ns) {
                watcher.left_out += 1;
                return !watcher.rows.is_closed();
            }
            let row: &EventRow = row.get_or_insert_with(|| event_row(table, change, unix_ns()));
            let sent = watcher.rows.try_send(EventRow {
                left_out: watcher.left_out,
                ..row.clone()
            });
            match sent {
                Ok(()) => watcher.left_out = 0,
                Err(TrySendError::Full(_)) => {
                    watcher.left_out += 1;
                    dropped += 1;
                }
                Err(TrySendError::Closed(_)) => return false,
            }
            true
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
        left_out: 0,
        socket,
    }
}

#[cfg(test)]
mod tests {
    use tcpmon_common::{Record, State};
    use tokio::sync::mpsc;

    use super::*;

    /// Births of sockets, so many in a tenth of a second, and what a watcher was told.
    fn watched(most: Option<u32>, capacity: usize) -> Vec<EventRow> {
        let (mut table, mut watchers) = (Table::new(), Watchers::default());
        let (sender, mut receiver) = mpsc::channel(capacity);
        watchers.add(Filter::default(), most, sender);
        for sock in 1..=100 {
            let record = Record {
                sock,
                family: 2,
                time_ns: (sock / 50) * PIECE_NS,
                old_state: State::Close as u8,
                new_state: State::SynSent as u8,
                ..Record::EMPTY
            };
            let change = table.apply(&record).expect("a change");
            watchers.show(&table, &change, || 0);
        }
        std::iter::from_fn(|| receiver.try_recv().ok()).collect()
    }

    #[test]
    fn no_more_are_shown_than_were_asked_for_and_the_others_are_counted() {
        let rows = watched(Some(40), 1000);
        // 49, 50 and 1 in three pieces of a second.
        let left_out: Vec<u64> = rows.iter().map(|row| row.left_out).collect();
        assert_eq!(left_out, [0, 0, 0, 0, 45, 0, 0, 0, 46]);
    }

    #[test]
    fn all_are_shown_where_nobody_says_how_many() {
        assert_eq!(watched(None, 1000).len(), 100);
    }

    #[test]
    fn a_watcher_that_is_too_slow_loses_rows() {
        assert_eq!(watched(None, 7).len(), 7);
    }
}
