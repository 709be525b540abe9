//! Processes together: by their program's name, their unit or their container.

use std::collections::BTreeMap;

use super::super::history::in_close_wait;
use super::super::place::Place;
use super::super::rows::{Listed, Spec, by_number};
use super::processes::files;
use super::{name, number, percent, sockets_of};
use crate::core::filter;
use crate::core::query::ProcessRow;
use crate::view::attention::stands_out;
use crate::view::column::UNKNOWN;
use crate::view::format::{age, count};

/// What processes have in common that stand in one row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::view::tui) enum Grouping {
    Program,
    Unit,
    Container,
}

impl Grouping {
    /// The next one; `None` after the last: each process by itself.
    pub(in crate::view::tui) const fn after(this: Option<Self>) -> Option<Self> {
        match this {
            None => Some(Self::Program),
            Some(Self::Program) => Some(Self::Unit),
            Some(Self::Unit) => Some(Self::Container),
            Some(Self::Container) => None,
        }
    }

    pub(in crate::view::tui) const fn name(self) -> &'static str {
        match self {
            Self::Program => "program",
            Self::Unit => "unit",
            Self::Container => "container",
        }
    }

    /// The key of the filter language.
    const fn key(self) -> &'static str {
        match self {
            Self::Program => "proc",
            Self::Unit => "unit",
            Self::Container => "container",
        }
    }

    fn of(self, row: &ProcessRow) -> Option<&str> {
        match self {
            Self::Program => Some(&row.process),
            Self::Unit => row.unit.as_deref(),
            Self::Container => row.container.as_deref(),
        }
    }

    /// The groups of `rows`, those with the most sockets in CLOSE_WAIT first.
    pub(in crate::view::tui) fn groups(self, rows: &[ProcessRow]) -> Vec<GroupRow> {
        let mut groups: BTreeMap<Option<&str>, GroupRow> = BTreeMap::new();
        for row in rows {
            let called = self.of(row).filter(|name| !name.is_empty());
            let group = groups.entry(called);
            group
                .or_insert_with(|| GroupRow::new(self, called))
                .add(row);
        }
        let mut groups: Vec<GroupRow> = groups.into_values().collect();
        groups.sort_by(|a, b| {
            let size = |row: &GroupRow| (row.close_wait, row.sockets);
            size(b).cmp(&size(a)).then_with(|| a.name.cmp(&b.name))
        });
        groups
    }
}

/// Some processes together.
#[derive(Clone, Debug)]
pub(in crate::view::tui) struct GroupRow {
    grouping: Grouping,
    /// `None`: those that have none, or of which it is not known.
    name: Option<String>,
    processes: u64,
    sockets: u64,
    close_wait: u64,
    established: u64,
    oldest: Option<(f64, bool)>,
    /// Open files of all of which they are known.
    files: Option<u64>,
    /// The share of its files that the fullest of them has open.
    fullest: Option<f64>,
}

impl GroupRow {
    fn new(grouping: Grouping, name: Option<&str>) -> Self {
        Self {
            grouping,
            name: name.map(str::to_owned),
            processes: 0,
            sockets: 0,
            close_wait: 0,
            established: 0,
            oldest: None,
            files: None,
            fullest: None,
        }
    }

    fn add(&mut self, row: &ProcessRow) {
        self.processes += 1;
        self.sockets += row.sockets;
        self.close_wait += in_close_wait(row);
        self.established += row.states.get("ESTABLISHED").copied().unwrap_or(0);
        if let Some(age) = row.oldest_close_wait_age_seconds
            && self.oldest.is_none_or(|(oldest, _)| oldest < age)
        {
            self.oldest = Some((age, row.oldest_close_wait_is_lower_bound));
        }
        if let Some(open) = row.fd_open {
            self.files = Some(self.files.unwrap_or(0) + open);
        }
        let share = files(row);
        if share.unwrap_or(-1.0) > self.fullest.unwrap_or(-1.0) {
            self.fullest = share;
        }
    }
}

impl Listed for GroupRow {
    const COLUMNS: &'static [Spec<Self>] = &[
        Spec {
            title: "GROUP",
            usual: 28,
            least: 10,
            rank: 0,
            is_number: false,
            cell: |row, charset| name(row.name.as_deref(), charset),
            order: |a, b| a.name.cmp(&b.name),
        },
        Spec {
            title: "PROCESSES",
            usual: 9,
            least: 9,
            rank: 2,
            is_number: true,
            cell: |row, _| count(row.processes),
            order: |a, b| a.processes.cmp(&b.processes),
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
            cell: |row, _| count(row.close_wait),
            order: |a, b| a.close_wait.cmp(&b.close_wait),
        },
        Spec {
            title: "OLDEST",
            usual: 8,
            least: 8,
            rank: 0,
            is_number: true,
            cell: |row, charset| {
                row.oldest
                    .map_or_else(|| UNKNOWN.to_owned(), |(it, bound)| age(it, bound, charset))
            },
            order: |a, b| by_number(|row: &GroupRow| row.oldest.map(|(it, _)| it))(a, b),
        },
        Spec {
            title: "ESTAB",
            usual: 7,
            least: 7,
            rank: 4,
            is_number: true,
            cell: |row, _| count(row.established),
            order: |a, b| a.established.cmp(&b.established),
        },
        Spec {
            title: "FILES",
            usual: 9,
            least: 9,
            rank: 5,
            is_number: true,
            cell: |row, _| number(row.files),
            order: |a, b| a.files.cmp(&b.files),
        },
        Spec {
            title: "FULLEST",
            usual: 7,
            least: 7,
            rank: 3,
            is_number: true,
            cell: |row, _| percent(row.fullest),
            order: |a, b| by_number(|row: &GroupRow| row.fullest)(a, b),
        },
    ];

    fn identity(&self) -> String {
        format!("{} {:?}", self.grouping.name(), self.name)
    }

    fn stands_out(&self) -> bool {
        self.oldest
            .is_some_and(|(age, _)| stands_out("CLOSE_WAIT", age))
    }

    fn open(&self) -> Option<Place> {
        let key = self.grouping.key();
        let (title, condition) = match &self.name {
            Some(name) => (name.clone(), format!("{key} = {}", filter::quoted(name))),
            // What is unknown is not even unequal to something.
            None => (
                format!("no {}", self.grouping.name()),
                format!("not {key} != \"-\""),
            ),
        };
        sockets_of(title, &[Some(condition)])
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::view::fixture;

    fn row(process: &str, unit: Option<&str>, close_wait: u64) -> ProcessRow {
        let mut row = fixture::processes().processes.remove(0);
        row.process = process.to_owned();
        row.unit = unit.map(str::to_owned);
        row.sockets = close_wait + 1;
        row.states = [("CLOSE_WAIT".to_owned(), close_wait)].into();
        (row.fd_open, row.fd_limit) = (Some(close_wait), Some(100));
        row
    }

    #[test]
    fn workers_are_one_program() {
        let rows = [
            row("nginx", Some("web.service"), 1),
            row("api", None, 5),
            row("nginx", Some("web.service"), 9),
        ];
        let groups = Grouping::Program.groups(&rows);
        let seen = |row: &GroupRow| (row.name.clone(), row.processes, row.close_wait, row.files);
        assert_eq!(
            seen(&groups[0]),
            (Some("nginx".to_owned()), 2, 10, Some(10))
        );
        assert_eq!(groups[0].fullest, Some(0.09));
        assert_eq!(groups[1].name.as_deref(), Some("api"));
        let units = Grouping::Unit.groups(&rows);
        assert_eq!((units.len(), units[1].name.as_deref()), (2, None));
    }

    #[test]
    fn every_group_opens_to_its_sockets() {
        for name in ["nginx", "a b", "\"", "\\", "x\u{1b}[2J", "日本", "-", "and"] {
            let groups = Grouping::Program.groups(&[row(name, None, 1)]);
            let Some(Place::Sockets(scope)) = groups[0].open() else {
                panic!("{name} does not open");
            };
            assert!(scope.filter.text.starts_with("proc = "), "{name}");
        }
        let nameless = Grouping::Container.groups(&[row("x", None, 1)]);
        let none = nameless.iter().find(|row| row.name.is_none());
        assert!(none.is_none_or(|row| row.open().is_some()));
    }
}
