//! The network namespaces, and so the containers.

use super::super::place::Place;
use super::super::rows::{Listed, Spec, by_number};
use super::{in_netns, name, number, percent, sockets_of};
use crate::core::query::{NamespaceRow, NetnsView};
use crate::view::column::{UNKNOWN, netns_name_word};
use crate::view::format::count;

/// From this share of `tcp_max_tw_buckets` on a namespace is near it.
const MANY_MINISOCKS: f64 = 0.8;

/// A counter of the kernel, by its name in the answer.
macro_rules! counter {
    ($title:literal, $name:literal, $rank:expr) => {
        Spec {
            title: $title,
            usual: 9,
            least: 9,
            rank: $rank,
            is_number: true,
            cell: |row: &NamespaceRow, _| number(row.kernel.get($name).copied()),
            order: |a, b| a.kernel.get($name).cmp(&b.kernel.get($name)),
        }
    };
}

impl Listed for NamespaceRow {
    const COLUMNS: &'static [Spec<Self>] = &[
        Spec {
            title: "NAMESPACE",
            usual: 18,
            least: 10,
            rank: 0,
            is_number: false,
            cell: |row, charset| name(row.name.as_deref(), charset),
            order: |a, b| a.name.cmp(&b.name),
        },
        Spec {
            title: "KIND",
            usual: 9,
            least: 9,
            rank: 4,
            is_number: false,
            cell: |row, _| row.name_source.map_or(UNKNOWN, netns_name_word).to_owned(),
            order: |a, b| {
                let word = |row: &Self| row.name_source.map(netns_name_word);
                word(a).cmp(&word(b))
            },
        },
        Spec {
            title: "INODE",
            usual: 11,
            least: 11,
            rank: 3,
            is_number: true,
            cell: |row, _| {
                row.netns
                    .map_or_else(|| UNKNOWN.to_owned(), |it| it.to_string())
            },
            order: |a, b| a.netns.cmp(&b.netns),
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
            title: "MINISOCKS",
            usual: 9,
            least: 9,
            rank: 1,
            is_number: true,
            cell: |row, _| count(row.minisocks),
            order: |a, b| a.minisocks.cmp(&b.minisocks),
        },
        Spec {
            title: "OF MAX",
            usual: 6,
            least: 6,
            rank: 5,
            is_number: true,
            cell: |row, _| percent(minisocks(row)),
            order: |a, b| by_number(minisocks)(a, b),
        },
        counter!("OVERFLOWS", "listen_overflows", 2),
        counter!("DROPS", "listen_drops", 2),
        counter!("COOKIES", "syncookies_sent", 6),
        Spec {
            title: "SEEN BY",
            usual: 7,
            least: 7,
            rank: 0,
            is_number: false,
            cell: |row, _| {
                let word = match row.known_from {
                    NetnsView::Dumps => "dumps",
                    NetnsView::Stream => "stream",
                };
                word.to_owned()
            },
            order: |a, b| (a.known_from as u8).cmp(&(b.known_from as u8)),
        },
    ];

    fn identity(&self) -> String {
        format!("{:?} {:?}", self.netns, self.name)
    }

    fn stands_out(&self) -> bool {
        minisocks(self).is_some_and(|share| share >= MANY_MINISOCKS)
            || self.known_from == NetnsView::Stream
    }

    fn open(&self) -> Option<Place> {
        let inode = self.netns?;
        let name = self.name.clone();
        let title = name.unwrap_or_else(|| format!("namespace {inode}"));
        sockets_of(title, &[in_netns(Some(inode))])
    }
}

/// The share of the minisocks that the namespace may have.
pub(in super::super) fn minisocks(row: &NamespaceRow) -> Option<f64> {
    let most = row.limits.as_ref()?.max_minisocks?;
    Some(row.minisocks as f64 / f64::from(most.max(1)))
}
