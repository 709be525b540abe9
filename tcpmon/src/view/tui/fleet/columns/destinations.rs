//! The destinations of one process.

use super::super::super::place::Place;
use super::super::super::rows::{Listed, Spec, by_number};
use super::super::page::destination_name;
use super::{name, number, percent};
use crate::core::fleet::Destination;
use crate::view::column::UNKNOWN;
use crate::view::format::rate;

/// From this share of ports left on a destination deserves a second look.
const FEW: f64 = 0.2;

impl Listed for Destination {
    const COLUMNS: &'static [Spec<Self>] = &[
        Spec {
            title: "DESTINATION",
            usual: 21,
            least: 12,
            rank: 0,
            is_number: false,
            cell: |it, charset| name(Some(&destination_name(it)), charset),
            order: |a, b| {
                let key = |it: &Self| (it.remote_address.clone(), it.remote_port.clone());
                key(a).cmp(&key(b))
            },
        },
        Spec {
            title: "PORTS LEFT",
            usual: 10,
            least: 10,
            rank: 0,
            is_number: true,
            cell: |it, _| percent(it.port_headroom_ratio),
            order: |a, b| by_number(|it: &Self| it.port_headroom_ratio)(a, b),
        },
        Spec {
            title: "USED",
            usual: 8,
            least: 8,
            rank: 0,
            is_number: true,
            cell: |it, _| number(it.ports_used),
            order: |a, b| a.ports_used.cmp(&b.ports_used),
        },
        Spec {
            title: "USABLE",
            usual: 8,
            least: 8,
            rank: 1,
            is_number: true,
            cell: |it, _| number(it.ports_usable),
            order: |a, b| a.ports_usable.cmp(&b.ports_usable),
        },
        Spec {
            title: "TIME_WAIT",
            usual: 9,
            least: 9,
            rank: 0,
            is_number: true,
            cell: |it, _| number(it.time_wait),
            order: |a, b| a.time_wait.cmp(&b.time_wait),
        },
        Spec {
            title: "FAILURES",
            usual: 9,
            least: 9,
            rank: 0,
            is_number: true,
            cell: |it, _| {
                it.failures_per_second
                    .map_or_else(|| UNKNOWN.to_owned(), rate)
            },
            order: |a, b| by_number(|it: &Self| it.failures_per_second)(a, b),
        },
        Spec {
            title: "NAMESPACE",
            usual: 12,
            least: 9,
            rank: 2,
            is_number: false,
            cell: |it, charset| name(Some(&it.netns), charset),
            order: |a, b| a.netns.cmp(&b.netns),
        },
    ];

    fn identity(&self) -> String {
        let Self {
            process,
            netns,
            remote_address,
            remote_port,
            ..
        } = self;
        format!("{process:?} {netns:?} {remote_address:?} {remote_port:?}")
    }

    fn stands_out(&self) -> bool {
        self.port_headroom_ratio.is_some_and(|ratio| ratio < FEW)
            || self.failures_per_second.is_some_and(|rate| rate > 0.0)
    }

    fn open(&self) -> Option<Place> {
        None
    }
}
