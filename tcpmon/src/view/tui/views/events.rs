//! Transitions as they happen, the newest first.

use super::super::place::Place;
use super::super::rows::{Listed, Spec, by_number};
use super::name;
use crate::core::explain::{self, Topic};
use crate::core::query::EventRow;
use crate::view::column::{Column, UNKNOWN};
use crate::view::format::{Charset, age, sanitise_bounded};
use crate::view::tui::history::named;

impl Listed for EventRow {
    const COLUMNS: &'static [Spec<Self>] = &[
        Spec {
            title: "TIME",
            usual: 12,
            least: 12,
            rank: 4,
            is_number: false,
            cell: |row, charset| clock(&row.time, charset),
            order: |a, b| a.time.cmp(&b.time),
        },
        Spec {
            title: "TRANSITION",
            usual: 26,
            least: 26,
            rank: 0,
            is_number: false,
            cell: |row, charset| {
                let arrow = charset.pick("→", "->");
                let text = format!("{} {arrow} {}", row.from, row.to);
                sanitise_bounded(&text, 40, charset)
            },
            order: |a, b| (&a.from, &a.to).cmp(&(&b.from, &b.to)),
        },
        Spec {
            title: "WHY",
            usual: 14,
            least: 10,
            rank: 1,
            is_number: false,
            cell: |row, charset| name(Some(&row.reason), charset),
            order: |a, b| a.reason.cmp(&b.reason),
        },
        Spec {
            title: "AFTER",
            usual: 7,
            least: 7,
            rank: 3,
            is_number: true,
            cell: |row, charset| {
                let lasted = row.duration_seconds;
                lasted.map_or_else(|| UNKNOWN.to_owned(), |it| age(it, false, charset))
            },
            order: |a, b| by_number(|row: &EventRow| row.duration_seconds)(a, b),
        },
        Spec {
            title: "LOCAL",
            usual: 16,
            least: 13,
            rank: 5,
            is_number: false,
            cell: |row, charset| Column::Local.cell(&row.socket, charset),
            order: |a, b| local(a).cmp(&local(b)),
        },
        Spec {
            title: "REMOTE",
            usual: 16,
            least: 13,
            rank: 0,
            is_number: false,
            cell: |row, charset| Column::Remote.cell(&row.socket, charset),
            order: |a, b| remote(a).cmp(&remote(b)),
        },
        Spec {
            title: "PROCESS",
            usual: 10,
            least: 8,
            rank: 2,
            is_number: false,
            cell: |row, charset| name(row.socket.process.as_deref(), charset),
            order: |a, b| a.socket.process.cmp(&b.socket.process),
        },
        Spec {
            title: "PID",
            usual: 7,
            least: 7,
            rank: 6,
            is_number: true,
            cell: |row, charset| Column::Pid.cell(&row.socket, charset),
            order: |a, b| a.socket.pid.cmp(&b.socket.pid),
        },
    ];

    fn identity(&self) -> String {
        let identity = self.socket.identity();
        format!("{} {} {} {identity}", self.time, self.from, self.to)
    }

    fn stands_out(&self) -> bool {
        false
    }

    fn open(&self) -> Option<Place> {
        self.socket.open()
    }

    fn topic(&self) -> Option<Topic> {
        let page = explain::edge(named(&self.from)?, named(&self.to)?)?;
        Some(Topic::Edge(page))
    }
}

fn local(row: &EventRow) -> (&str, u16) {
    (&row.socket.local_address, row.socket.local_port)
}

fn remote(row: &EventRow) -> (&str, u16) {
    (&row.socket.remote_address, row.socket.remote_port)
}

/// `15:04:05.678` of RFC 3339, in UTC as there.
pub(in super::super) fn clock(time: &str, charset: Charset) -> String {
    let clock = time.split_once('T').map_or(time, |(_, clock)| clock);
    let short: String = clock.chars().take(12).collect();
    sanitise_bounded(&short, 12, charset)
}
