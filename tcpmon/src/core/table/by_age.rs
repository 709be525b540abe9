//! Sockets by age, without those that cannot match a filter.
//!
//! Where the filter asks for a process, a port or an address, it is put to the groups first: of
//! half a million sockets most are never looked at. Where it is true of few but may be of many, all
//! are scanned in the order of memory.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use tcpmon_common::State;

use super::Table;
use super::endpoints::Endpoint;
use super::groups::{Bucket, GroupId};
use super::socket::SlotId;
use crate::core::filter::Known;
use crate::core::query::{SocketsQuestion, Sort};

/// After so many sockets it is asked whether any that is older, or younger, can match.
const ASK_EVERY: u32 = 64;

/// A list leads all over memory, and a scan straight through it: it looks at so many sockets in the time
/// a list takes for one.
const SCANNED_PER_LISTED: u64 = 8;

/// So many are looked at by age before all are scanned: what matches much has shown enough by then.
const PATIENCE: u32 = 4096;

/// Sockets that match, in the order asked for.
#[derive(Debug)]
pub(super) struct Found {
    /// At most as many as were asked for.
    pub(super) ids: Vec<SlotId>,
    /// How many there are; `None` where the search ended before that was known.
    pub(super) matched: Option<u64>,
}

/// Lists in the order of entry, merged from one end.
struct ByAge {
    sort: Sort,
    lists: Lists,
    /// There is so much in the lists that a scan of all is cheaper.
    is_long: bool,
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
    fn new(table: &Table, question: &SocketsQuestion) -> Self {
        let mut walk = Self {
            sort: question.sort,
            lists: Lists::OfStates,
            is_long: false,
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
        let mut sockets = 0;
        for state in State::RFC {
            let known = Known {
                state: Some(state),
                ..Known::default()
            };
            if !question.filter.can_match(&known) {
                continue;
            }
            sockets += table.in_state(state);
            let end = match question.sort {
                Sort::Age => table.slots.oldest(state),
                Sort::Newest => table.slots.newest(state),
            };
            self.push(table, end);
        }
        self.is_long = !question.filter.is_empty() && is_many(table, sockets);
    }

    fn begin_with_groups(&mut self, table: &Table, question: &SocketsQuestion, groups: &[GroupId]) {
        self.lists = Lists::OfGroups;
        for id in groups {
            let mut known = table.known_of(*id);
            for state in State::RFC {
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
        self.next.push((Reverse(table.place_in(self.sort, id)), id));
    }

    fn is_dear(&self) -> bool {
        self.is_long && self.steps > PATIENCE
    }

    /// The next socket; `None` after the last that may match at `now_ns`.
    fn next(&mut self, table: &Table, question: &SocketsQuestion, now_ns: u64) -> Option<SlotId> {
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

/// Whether it is cheaper to scan all sockets than to follow lists with so many.
fn is_many(table: &Table, sockets: u64) -> bool {
    sockets.saturating_mul(SCANNED_PER_LISTED) > table.len() as u64
}

/// The groups whose sockets may match, where these are few.
fn few_groups(table: &Table, question: &SocketsQuestion) -> Option<Vec<GroupId>> {
    if question.filter.is_empty() {
        return None;
    }
    let mut sockets = 0;
    let mut groups = Vec::new();
    for id in table.groups.ids() {
        if question.filter.can_match(&table.known_of(id)) {
            sockets += u64::from(table.groups.sockets_of(id));
            if is_many(table, sockets) {
                return None;
            }
            groups.push(id);
        }
    }
    Some(groups)
}

impl Table {
    /// The sockets a question asks for.
    pub(super) fn search(&self, question: &SocketsQuestion, now_ns: u64) -> Found {
        let limit = question.limit.unwrap_or(usize::MAX);
        let mut walk = ByAge::new(self, question);
        let mut ids = Vec::new();
        while let Some(id) = walk.next(self, question, now_ns) {
            if walk.is_dear() {
                return self.scan(question, limit, now_ns);
            }
            if !self.matches(id, question, now_ns) {
                continue;
            }
            if ids.len() == limit {
                let of_all = question.filter.is_empty().then(|| self.len() as u64);
                return Found {
                    ids,
                    matched: of_all,
                };
            }
            ids.push(id);
        }
        let matched = Some(ids.len() as u64);
        Found { ids, matched }
    }

    /// The same, by a look at every socket.
    fn scan(&self, question: &SocketsQuestion, limit: usize, now_ns: u64) -> Found {
        // The last of those to be shown is on top, and gives way to one that comes before it.
        let mut first = BinaryHeap::new();
        let mut matched = 0;
        for id in self.slots.ids() {
            if self.matches(id, question, now_ns) {
                matched += 1;
                first.push((self.place_in(question.sort, id), id));
                if first.len() > limit {
                    first.pop();
                }
            }
        }
        let first = first.into_sorted_vec().into_iter();
        Found {
            ids: first.map(|(_, id)| id).collect(),
            matched: Some(matched),
        }
    }

    /// What comes first in an order has the lowest.
    fn place_in(&self, sort: Sort, id: SlotId) -> u64 {
        let entered_ns = self.slots.get(id).entered_ns;
        match sort {
            Sort::Age => entered_ns,
            Sort::Newest => u64::MAX - entered_ns,
        }
    }

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
        let namespace = self.namespaces.get(endpoint.netns());
        let inode = namespace.identity.inode;
        let known = Known {
            netns: Some((inode != 0).then_some(inode)),
            netns_name: Some(namespace.name_text()),
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
