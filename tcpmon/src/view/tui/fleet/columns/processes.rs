//! The processes of one host.

use super::super::super::place::Place;
use super::super::super::rows::{Listed, Spec, by_number};
use super::super::page::process_name;
use super::{name, number, percent};
use crate::core::fleet::Process;
use crate::core::verdict::Severity;
use crate::view::column::UNKNOWN;
use crate::view::format::{age, count};

impl Listed for Process {
    const COLUMNS: &'static [Spec<Self>] = &[
        Spec {
            title: "PROCESS",
            usual: 14,
            least: 10,
            rank: 0,
            is_number: false,
            cell: |it, charset| name(Some(process_name(&it.id.process)), charset),
            order: |a, b| a.id.cmp(&b.id),
        },
        Spec {
            title: "WORST VERDICT",
            usual: 15,
            least: 13,
            rank: 0,
            is_number: false,
            cell: |it, charset| name(worst(it), charset),
            order: |a, b| a.worst().cmp(&b.worst()),
        },
        Spec {
            title: "SOCKETS",
            usual: 8,
            least: 8,
            rank: 0,
            is_number: true,
            cell: |it, _| count(it.sockets()),
            order: |a, b| a.sockets().cmp(&b.sockets()),
        },
        Spec {
            title: "CLOSE_WAIT",
            usual: 10,
            least: 10,
            rank: 0,
            is_number: true,
            cell: |it, _| count(it.in_state("CLOSE_WAIT")),
            order: |a, b| a.in_state("CLOSE_WAIT").cmp(&b.in_state("CLOSE_WAIT")),
        },
        Spec {
            title: "OLDEST",
            usual: 8,
            least: 8,
            rank: 1,
            is_number: true,
            cell: |it, charset| match it.oldest_close_wait_seconds {
                Some(seconds) => age(seconds, false, charset),
                None => UNKNOWN.to_owned(),
            },
            order: |a, b| by_number(|it: &Self| it.oldest_close_wait_seconds)(a, b),
        },
        Spec {
            title: "ESTAB",
            usual: 7,
            least: 7,
            rank: 3,
            is_number: true,
            cell: |it, _| count(it.in_state("ESTABLISHED")),
            order: |a, b| a.in_state("ESTABLISHED").cmp(&b.in_state("ESTABLISHED")),
        },
        Spec {
            title: "FILES",
            usual: 8,
            least: 8,
            rank: 2,
            is_number: true,
            cell: |it, _| number(it.open_files),
            order: |a, b| a.open_files.cmp(&b.open_files),
        },
        Spec {
            title: "OF MAX",
            usual: 6,
            least: 6,
            rank: 2,
            is_number: true,
            cell: |it, _| percent(it.files()),
            order: |a, b| by_number(Self::files)(a, b),
        },
        Spec {
            title: "UNIT",
            usual: 16,
            least: 10,
            rank: 3,
            is_number: false,
            cell: |it, charset| name(it.id.unit.as_deref(), charset),
            order: |a, b| a.id.unit.cmp(&b.id.unit),
        },
        Spec {
            title: "CONTAINER",
            usual: 12,
            least: 12,
            rank: 5,
            is_number: false,
            cell: |it, charset| name(it.id.container.as_deref(), charset),
            order: |a, b| a.id.container.cmp(&b.id.container),
        },
        Spec {
            title: "POD",
            usual: 12,
            least: 12,
            rank: 6,
            is_number: false,
            cell: |it, charset| name(it.id.pod_uid.as_deref(), charset),
            order: |a, b| a.id.pod_uid.cmp(&b.id.pod_uid),
        },
    ];

    fn identity(&self) -> String {
        format!("{:?}", self.id)
    }

    fn stands_out(&self) -> bool {
        self.worst() >= Some(Severity::Warning)
    }

    fn open(&self) -> Option<Place> {
        None
    }
}

fn worst(process: &Process) -> Option<&str> {
    process.verdicts.first().map(|it| it.verdict.as_str())
}
