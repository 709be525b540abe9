//! Sockets by age, without those that cannot match a filter.
//!
//! Where the filter asks for a process, a port or an address, it is put to the groups first: of
//! half a million sockets most are never looked at.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use super::Table;
use super::endpoints::Endpoint;
use super::groups::{Bucket, GroupId};
use super::socket::SlotId;
use crate::core::filter::Known;
use crate::core::query::{SocketsQuestion, Sort};
use tcpmon_common::State;

/// The states a socket in the table can be in, each with a list of its own.
const LISTED: [State; 10] = [
    State::Listen,
    State::SynSent,
    State::SynRecv,
    State::Established,
    State::FinWait1,
    State::FinWait2,
    State::Closing,
    State::TimeWait,
    State::CloseWait,
    State::LastAck,
];

/// After so many sockets it is asked whether any that is older, or younger, can match.
const ASK_EVERY: u32 = 64;

/// Lists in the order of entry, merged from one end.
pub(super) struct ByAge {
    sort: Sort,
    lists: Lists,
    /// The next of every list, by when it entered its state.
    next: BinaryHeap<(Reverse<u64>, SlotId)>,
    steps: u32,
}

#[derive(Clone, Copy)]
enum Lists {
    /// Those of the states.
    OfStates,
    /// Those of some groups.
    OfGroups,
}

impl ByAge {
    /// All sockets of which the filter may be true.
    pub(super) fn new(table: &Table, question: &SocketsQuestion) -> Self {
        let mut walk = Self {
            sort: question.sort,
            lists: Lists::OfStates,
            next: BinaryHeap::new(),
            steps: 0,
        };
        match few_groups(table, question) {
            Some(groups) => walk.begin_with_groups(table, question, &groups),
            None => walk.begin_with_states(table, question),
        }
        walk
    }

    fn begin_with_states(&mut self, table: &Table, question: &SocketsQuestion) {
        for state in LISTED {
            let known = Known {
                state: Some(state),
                ..Known::default()
            };
            let end = match question.sort {
                _ if !question.filter.can_match(&known) => None,
                Sort::Age => table.slots.oldest(state),
                Sort::Newest => table.slots.newest(state),
            };
            self.push(table, end);
        }
    }

    fn begin_with_groups(&mut self, table: &Table, question: &SocketsQuestion, groups: &[GroupId]) {
        self.lists = Lists::OfGroups;
        for id in groups {
            let mut known = table.known_of(*id);
            for state in LISTED {
                known.state = Some(state);
                if !question.filter.can_match(&known) {
                    continue;
                }
                for bucket in Bucket::all_of(state) {
                    let end = match question.sort {
                        Sort::Age => table.groups.oldest(*id, bucket),
                        Sort::Newest => table.groups.newest(*id, bucket),
                    };
                    self.push(table, end);
                }
            }
        }
    }

    fn push(&mut self, table: &Table, id: Option<SlotId>) {
        let Some(id) = id else { return };
        let entered_ns = table.slots.get(id).entered_ns;
        let key = match self.sort {
            Sort::Age => entered_ns,
            Sort::Newest => u64::MAX - entered_ns,
        };
        self.next.push((Reverse(key), id));
    }

    /// The next socket; `None` after the last that may match at `now_ns`.
    pub(super) fn next(
        &mut self,
        table: &Table,
        question: &SocketsQuestion,
        now_ns: u64,
    ) -> Option<SlotId> {
        let (_, id) = self.next.pop()?;
        let is_asked = self.steps.is_multiple_of(ASK_EVERY) && !question.filter.is_empty();
        self.steps = self.steps.wrapping_add(1);
        if is_asked {
            let age_ns = table.slots.get(id).age_ns(now_ns);
            let rest = match self.sort {
                Sort::Age => (0, age_ns),
                Sort::Newest => (age_ns, u64::MAX),
            };
            let known = Known {
                age_ns: Some(rest),
                ..Known::default()
            };
            if !question.filter.can_match(&known) {
                return None;
            }
        }
        let Table { slots, groups, .. } = table;
        let after = match (self.lists, self.sort) {
            (Lists::OfStates, Sort::Age) => slots.newer(id),
            (Lists::OfStates, Sort::Newest) => slots.older(id),
            (Lists::OfGroups, Sort::Age) => groups.newer(slots, id),
            (Lists::OfGroups, Sort::Newest) => groups.older(slots, id),
        };
        self.push(table, after);
        Some(id)
    }
}

/// The groups whose sockets may match, where they have less than half of all.
fn few_groups(table: &Table, question: &SocketsQuestion) -> Option<Vec<GroupId>> {
    if question.filter.is_empty() {
        return None;
    }
    let most = table.len() as u64 / 2;
    let mut sockets = 0;
    let mut groups = Vec::new();
    for id in table.groups.ids() {
        if question.filter.can_match(&table.known_of(id)) {
            sockets += u64::from(table.groups.sockets_of(id));
            if sockets > most {
                return None;
            }
            groups.push(id);
        }
    }
    Some(groups)
}

impl Table {
    /// What all sockets of a group have in common.
    fn known_of(&self, id: GroupId) -> Known<'_> {
        let key = self.groups.key(id);
        let process = key.process.map(|process| {
            let name = self.processes.name(process);
            (name, self.processes.get(process).pid)
        });
        let known = Known {
            process: Some(process),
            ..Known::default()
        };
        let Some((endpoint, _)) = self.endpoint(key.endpoint) else {
            return known;
        };
        let inode = self.namespaces.get(endpoint.netns()).identity.inode;
        let known = Known {
            netns: Some((inode != 0).then_some(inode)),
            ..known
        };
        match *endpoint {
            Endpoint::Service { port, .. } => Known {
                local_port: Some(port),
                ..known
            },
            Endpoint::Destination {
                source,
                address,
                port,
                ..
            } => Known {
                local_address: Some(source),
                remote_address: Some(address),
                remote_port: Some(port),
                ..known
            },
        }
    }
}
