//! The destinations: how many local ports are left towards each.

use super::super::place::Place;
use super::super::rows::{Listed, Spec, by_number};
use super::{in_netns, name, number, percent, sockets_of};
use crate::core::query::DestinationRow;
use crate::view::column::UNKNOWN;
use crate::view::format::{age, count, endpoint, sanitise_bounded};

/// From this share of the ports on a destination is near its end.
const MANY_PORTS: f64 = 0.8;

impl Listed for DestinationRow {
    const COLUMNS: &'static [Spec<Self>] = &[
        Spec {
            title: "DESTINATION",
            usual: 18,
            least: 13,
            rank: 0,
            is_number: false,
            cell: |row, charset| sanitise_bounded(&endpoint(&row.address, row.port), 64, charset),
            order: |a, b| (&a.address, a.port).cmp(&(&b.address, b.port)),
        },
        Spec {
            title: "FROM",
            usual: 12,
            least: 9,
            rank: 7,
            is_number: false,
            cell: |row, charset| sanitise_bounded(&row.source, 64, charset),
            order: |a, b| a.source.cmp(&b.source),
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
            title: "TIME_WAIT",
            usual: 9,
            least: 9,
            rank: 4,
            is_number: true,
            cell: |row, _| count(row.time_wait),
            order: |a, b| a.time_wait.cmp(&b.time_wait),
        },
        Spec {
            title: "PORTS LEFT",
            usual: 10,
            least: 10,
            rank: 0,
            is_number: true,
            cell: |row, _| number(left(row)),
            order: |a, b| left(a).cmp(&left(b)),
        },
        Spec {
            title: "USED",
            usual: 5,
            least: 5,
            rank: 2,
            is_number: true,
            cell: |row, _| percent(used(row)),
            order: |a, b| by_number(used)(a, b),
        },
        Spec {
            title: "OPENED",
            usual: 8,
            least: 8,
            rank: 6,
            is_number: true,
            cell: |row, _| count(row.opened_total),
            order: |a, b| a.opened_total.cmp(&b.opened_total),
        },
        Spec {
            title: "FAILED",
            usual: 7,
            least: 7,
            rank: 1,
            is_number: true,
            cell: |row, _| count(row.failed_total + row.no_port_total),
            order: |a, b| failed(a).cmp(&failed(b)),
        },
        Spec {
            title: "CLOSED HERE",
            usual: 11,
            least: 11,
            rank: 5,
            is_number: true,
            cell: |row, _| percent(row.closed_here_share),
            order: |a, b| by_number(|row: &DestinationRow| row.closed_here_share)(a, b),
        },
        Spec {
            title: "LIFE",
            usual: 6,
            least: 6,
            rank: 5,
            is_number: true,
            cell: |row, charset| {
                let life = row.median_life_seconds;
                life.map_or_else(|| UNKNOWN.to_owned(), |life| age(life, false, charset))
            },
            order: |a, b| by_number(|row: &DestinationRow| row.median_life_seconds)(a, b),
        },
        Spec {
            title: "PROCESS",
            usual: 10,
            least: 8,
            rank: 3,
            is_number: false,
            cell: |row, charset| name(row.process.as_deref(), charset),
            order: |a, b| a.process.cmp(&b.process),
        },
    ];

    fn identity(&self) -> String {
        let Self {
            netns,
            source,
            address,
            port,
            ..
        } = self;
        format!("{netns:?} {source} {address} {port}")
    }

    fn stands_out(&self) -> bool {
        used(self).is_some_and(|share| share >= MANY_PORTS)
    }

    fn open(&self) -> Option<Place> {
        let target = super::socket::spell(&self.address, self.port);
        let conditions = [
            Some(format!("dst = {target}")),
            Some(format!("src = {}", self.source)),
            in_netns(self.netns),
        ];
        sockets_of(target, &conditions)
    }
}

const fn failed(row: &DestinationRow) -> u64 {
    row.failed_total + row.no_port_total
}

fn left(row: &DestinationRow) -> Option<u64> {
    Some(row.usable?.saturating_sub(row.held))
}

/// The share of the ports that is in use.
pub(in super::super) fn used(row: &DestinationRow) -> Option<f64> {
    Some(row.held as f64 / row.usable?.max(1) as f64)
}
