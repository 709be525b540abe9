//! Every socket, with the columns of `tcpmon ls`.

use std::cmp::Ordering;

use super::super::place::Place;
use super::super::rows::{Listed, Spec, by_number};
use super::socket::Known;
use crate::core::explain::{self, Topic};
use crate::core::query::SocketRow;
use crate::view::attention::stands_out;
use crate::view::column::Column;
use crate::view::format::Charset;
use crate::view::tui::history::named;

/// Where the age stands among the columns: the agent itself has an order by age.
pub(in super::super) const AGE: usize = 1;

macro_rules! column {
    ($column:ident, $usual:expr, $least:expr, $rank:expr, $order:expr) => {
        Spec {
            title: Column::$column.title(),
            usual: $usual,
            least: $least,
            rank: $rank,
            is_number: Column::$column.is_number(),
            cell: |row: &SocketRow, charset: Charset| Column::$column.cell(row, charset),
            order: $order,
        }
    };
}

impl Listed for SocketRow {
    const COLUMNS: &'static [Spec<Self>] = &[
        column!(State, 11, 11, 0, |a, b| a.state.cmp(&b.state)),
        column!(Age, 7, 7, 0, |a, b| a.age_seconds.total_cmp(&b.age_seconds)),
        column!(Local, 16, 13, 4, |a, b| local(a).cmp(&local(b))),
        column!(Remote, 16, 13, 0, |a, b| remote(a).cmp(&remote(b))),
        column!(Process, 10, 8, 0, |a, b| a.process.cmp(&b.process)),
        column!(Pid, 7, 7, 3, |a, b| a.pid.cmp(&b.pid)),
        column!(Fd, 4, 4, 2, |a, b| a.fd.cmp(&b.fd)),
        column!(RecvQueue, 7, 7, 7, by_queue),
        column!(SendQueue, 7, 7, 7, |a, b| a.send_queue.cmp(&b.send_queue)),
        column!(NetnsName, 10, 6, 8, |a, b| a.netns_name.cmp(&b.netns_name)),
        column!(Unit, 16, 12, 9, |a, b| a.unit.cmp(&b.unit)),
    ];

    fn identity(&self) -> String {
        match self.cookie {
            // A minisock has the cookie of the socket it is the rest of.
            Some(cookie) => format!("{cookie:x} {}", self.kind),
            None => format!(
                "{:?} {}:{} {}:{}",
                self.netns,
                self.local_address,
                self.local_port,
                self.remote_address,
                self.remote_port
            ),
        }
    }

    fn stands_out(&self) -> bool {
        stands_out(&self.state, self.age_seconds)
    }

    fn open(&self) -> Option<Place> {
        Some(Place::Socket(Box::new(Known::new(self.clone()))))
    }

    fn topic(&self) -> Option<Topic> {
        Some(Topic::State(explain::state(named(&self.state)?)))
    }
}

fn by_queue(one: &SocketRow, other: &SocketRow) -> Ordering {
    by_number(|row: &SocketRow| row.recv_queue.map(f64::from))(one, other)
}

fn local(row: &SocketRow) -> (&str, u16) {
    (&row.local_address, row.local_port)
}

fn remote(row: &SocketRow) -> (&str, u16) {
    (&row.remote_address, row.remote_port)
}
