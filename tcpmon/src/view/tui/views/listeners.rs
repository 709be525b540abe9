//! The listening sockets and their accept queues.

use super::super::place::Place;
use super::super::rows::{Listed, Spec};
use super::{in_netns, name, number, sockets_of};
use crate::core::query::ListenerRow;
use crate::view::format::{age, count, endpoint, sanitise_bounded};

impl Listed for ListenerRow {
    const COLUMNS: &'static [Spec<Self>] = &[
        Spec {
            title: "LISTENS ON",
            usual: 16,
            least: 13,
            rank: 0,
            is_number: false,
            cell: |row, charset| sanitise_bounded(&endpoint(&row.address, row.port), 64, charset),
            order: |a, b| (a.port, &a.address).cmp(&(b.port, &b.address)),
        },
        Spec {
            title: "PROCESS",
            usual: 12,
            least: 8,
            rank: 0,
            is_number: false,
            cell: |row, charset| name(row.process.as_deref(), charset),
            order: |a, b| a.process.cmp(&b.process),
        },
        Spec {
            title: "PID",
            usual: 7,
            least: 7,
            rank: 6,
            is_number: true,
            cell: |row, _| {
                row.pid
                    .map_or_else(|| "-".to_owned(), |pid| pid.to_string())
            },
            order: |a, b| a.pid.cmp(&b.pid),
        },
        Spec {
            title: "QUEUE",
            usual: 6,
            least: 6,
            rank: 0,
            is_number: true,
            cell: |row, _| number(row.queue.map(u64::from)),
            order: |a, b| a.queue.cmp(&b.queue),
        },
        Spec {
            title: "LIMIT",
            usual: 6,
            least: 6,
            rank: 0,
            is_number: true,
            cell: |row, _| number(row.queue_limit.map(u64::from)),
            order: |a, b| a.queue_limit.cmp(&b.queue_limit),
        },
        Spec {
            title: "LONGEST",
            usual: 7,
            least: 7,
            rank: 4,
            is_number: true,
            cell: |row, _| number(row.queue_longest.map(u64::from)),
            order: |a, b| a.queue_longest.cmp(&b.queue_longest),
        },
        Spec {
            title: "DROPS",
            usual: 6,
            least: 6,
            rank: 0,
            is_number: true,
            cell: |row, _| number(row.drops.map(u64::from)),
            order: |a, b| a.drops.cmp(&b.drops),
        },
        Spec {
            title: "HALF-OPEN",
            usual: 9,
            least: 9,
            rank: 3,
            is_number: true,
            cell: |row, _| count(row.half_open),
            order: |a, b| a.half_open.cmp(&b.half_open),
        },
        Spec {
            title: "CONNS",
            usual: 7,
            least: 7,
            rank: 2,
            is_number: true,
            cell: |row, _| count(row.connections),
            order: |a, b| a.connections.cmp(&b.connections),
        },
        Spec {
            title: "AGE",
            usual: 8,
            least: 8,
            rank: 5,
            is_number: true,
            cell: |row, charset| age(row.age_seconds, row.age_is_lower_bound, charset),
            order: |a, b| a.age_seconds.total_cmp(&b.age_seconds),
        },
        Spec {
            title: "NAMESPACE",
            usual: 12,
            least: 8,
            rank: 7,
            is_number: false,
            cell: |row, charset| name(row.netns_name.as_deref(), charset),
            order: |a, b| a.netns_name.cmp(&b.netns_name),
        },
    ];

    fn identity(&self) -> String {
        match self.cookie {
            Some(cookie) => format!("{cookie:x}"),
            None => format!(
                "{:?} {} {} {:?}",
                self.netns, self.address, self.port, self.pid
            ),
        }
    }

    /// Its queue is full.
    fn stands_out(&self) -> bool {
        fullness(self).is_some_and(|share| share >= 1.0)
    }

    fn open(&self) -> Option<Place> {
        let on_port = Some(format!("sport = :{}", self.port));
        sockets_of(
            format!("port {}", self.port),
            &[on_port, in_netns(self.netns)],
        )
    }
}

/// The share of its accept queue that is taken: the kernel accepts one more than the limit
/// (`sk_acceptq_is_full` of `include/net/sock.h`).
pub(in super::super) fn fullness(row: &ListenerRow) -> Option<f64> {
    Some(f64::from(row.queue?) / (f64::from(row.queue_limit?) + 1.0))
}
