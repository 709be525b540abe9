//! The processes that own sockets.

use super::super::history::in_close_wait;
use super::super::place::Place;
use super::super::rows::{Listed, Spec, by_number};
use super::{name, number, percent};
use crate::core::query::ProcessRow;
use crate::view::attention::stands_out;
use crate::view::column::UNKNOWN;
use crate::view::format::{age, count};

/// From this share of its open files on a process is near its limit.
const MANY_FILES: f64 = 0.9;

impl Listed for ProcessRow {
    const COLUMNS: &'static [Spec<Self>] = &[
        Spec {
            title: "PROCESS",
            usual: 16,
            least: 10,
            rank: 0,
            is_number: false,
            cell: |row, charset| name(Some(&row.process), charset),
            order: |a, b| a.process.cmp(&b.process),
        },
        Spec {
            title: "PID",
            usual: 8,
            least: 8,
            rank: 0,
            is_number: true,
            cell: |row, _| row.pid.to_string(),
            order: |a, b| a.pid.cmp(&b.pid),
        },
        Spec {
            title: "SOCKETS",
            usual: 8,
            least: 8,
            rank: 0,
            is_number: true,
            cell: |row, _| count(row.sockets),
            order: |a, b| a.sockets.cmp(&b.sockets),
        },
        Spec {
            title: "CLOSE_WAIT",
            usual: 10,
            least: 10,
            rank: 0,
            is_number: true,
            cell: |row, _| count(in_close_wait(row)),
            order: |a, b| in_close_wait(a).cmp(&in_close_wait(b)),
        },
        Spec {
            title: "OLDEST",
            usual: 8,
            least: 8,
            rank: 0,
            is_number: true,
            cell: |row, charset| {
                let oldest = row.oldest_close_wait_age_seconds;
                let bound = row.oldest_close_wait_is_lower_bound;
                oldest.map_or_else(|| UNKNOWN.to_owned(), |it| age(it, bound, charset))
            },
            order: |a, b| by_number(oldest)(a, b),
        },
        Spec {
            title: "ESTAB",
            usual: 7,
            least: 7,
            rank: 4,
            is_number: true,
            cell: |row, _| number(in_state(row, "ESTABLISHED")),
            order: |a, b| in_state(a, "ESTABLISHED").cmp(&in_state(b, "ESTABLISHED")),
        },
        Spec {
            title: "FILES",
            usual: 9,
            least: 9,
            rank: 2,
            is_number: true,
            cell: |row, _| number(row.fd_open),
            order: |a, b| a.fd_open.cmp(&b.fd_open),
        },
        Spec {
            title: "OF MAX",
            usual: 6,
            least: 6,
            rank: 3,
            is_number: true,
            cell: |row, _| percent(files(row)),
            order: |a, b| by_number(files)(a, b),
        },
        Spec {
            title: "USER",
            usual: 10,
            least: 6,
            rank: 5,
            is_number: false,
            cell: |row, charset| name(row.user.as_deref(), charset),
            order: |a, b| a.user.cmp(&b.user),
        },
        Spec {
            title: "UNIT/CONTAINER",
            usual: 16,
            least: 12,
            rank: 6,
            is_number: false,
            cell: |row, charset| name(row.unit.as_deref().or(row.container.as_deref()), charset),
            order: |a, b| (&a.unit, &a.container).cmp(&(&b.unit, &b.container)),
        },
        Spec {
            title: "PROGRAM",
            usual: 20,
            least: 12,
            rank: 7,
            is_number: false,
            cell: |row, charset| name(row.executable.as_deref(), charset),
            order: |a, b| a.executable.cmp(&b.executable),
        },
    ];

    fn identity(&self) -> String {
        // Of a pid that was given again there may be two.
        format!("{} {}", self.pid, self.presence.as_deref() == Some("gone"))
    }

    fn stands_out(&self) -> bool {
        oldest(self).is_some_and(|age| stands_out("CLOSE_WAIT", age))
            || files(self).is_some_and(|share| share >= MANY_FILES)
    }

    fn open(&self) -> Option<Place> {
        Some(Place::Process(Box::new(self.clone())))
    }
}

fn oldest(row: &ProcessRow) -> Option<f64> {
    row.oldest_close_wait_age_seconds
}

fn in_state(row: &ProcessRow, state: &str) -> Option<u64> {
    // What was read of the past has not all of them.
    let is_counted = row.states.values().sum::<u64>() == row.sockets;
    let count = row.states.get(state).copied();
    count.or(is_counted.then_some(0))
}

/// The share of the files it may open that it has open.
pub(in super::super) fn files(row: &ProcessRow) -> Option<f64> {
    Some(row.fd_open? as f64 / row.fd_limit?.max(1) as f64)
}
