//! The table counted for those who draw curves: a step per group, per listener and per kind of
//! ending.
//!
//! There may be tens of thousands of groups, so they are counted a part at a time. What one part
//! tells is of one moment, and a group is in one part: its states add up to its sockets. A socket that
//! changes hands in between may be missing from both groups, or be in both; that takes milliseconds.

use tcpmon_common::State;

use super::endings::EndingKey;
use super::{Bucket, Endpoint, Group, ProcessId, Table};
use crate::core::census::{
    Census, EndingCount, GroupCount, ListenerCount, NamespaceCount, ProcessCount, StateCount,
    Workload,
};
use crate::core::facts::ProcessFact;
use crate::core::verdict::Place;

/// A census under way.
#[derive(Debug)]
pub struct Counting {
    /// What has been counted so far.
    pub census: Census,
    /// The next place of a group.
    at: usize,
}

impl Table {
    /// Begins to count everything but the verdicts, as of `now_ns`, which is `now_unix_ns` by the wall
    /// clock: [`Table::count_on`] counts the groups.
    #[must_use]
    pub fn begin_census(&self, now_ns: u64, now_unix_ns: u64) -> Counting {
        let census = Census {
            now_ns,
            now_unix_ns,
            groups: Vec::with_capacity(self.groups.len()),
            states: Vec::with_capacity(self.groups.len() * 2),
            processes: self.process_counts(),
            listeners: self.listener_counts(),
            namespaces: self.namespace_counts(),
            endings: self.ending_counts(),
            verdicts: Vec::new(),
        };
        Counting { census, at: 0 }
    }

    /// Counts the groups in the next `budget` places; `false` when nothing is left to count.
    pub fn count_on(&self, counting: &mut Counting, budget: usize) -> bool {
        for group in self.groups_in(counting.at, budget) {
            self.count_group(&group, &mut counting.census);
        }
        counting.at = counting.at.saturating_add(budget);
        counting.at < self.groups.places()
    }

    /// The same all at once.
    #[must_use]
    pub fn census(&self, now_ns: u64, now_unix_ns: u64) -> Census {
        let mut counting = self.begin_census(now_ns, now_unix_ns);
        while self.count_on(&mut counting, usize::MAX) {}
        counting.census
    }

    fn count_group(&self, group: &Group<'_>, census: &mut Census) {
        let Some((endpoint, _)) = self.endpoint(group.endpoint_id()) else {
            return;
        };
        let first = census.states.len();
        for state in State::RFC {
            let sockets = group.in_state(state);
            if sockets == 0 {
                continue;
            }
            let oldest = Bucket::all_of(state).filter_map(|bucket| group.oldest(bucket));
            let oldest_ns = oldest.map(|socket| socket.entered_ns).min();
            census.states.push(StateCount {
                state,
                sockets,
                oldest_ns: oldest_ns.unwrap_or(census.now_ns),
            });
        }
        let workload = group.process_id().and_then(|process| {
            let known = self.workload(process, 0)?;
            if known.identity.is_some() {
                return Some(known);
            }
            let cgroup = self.any_of(group).map_or(0, |socket| socket.cgroup);
            self.workload(process, cgroup)
        });
        census.groups.push(GroupCount {
            process: group.process().copied(),
            workload,
            place: self.place_of(endpoint),
            states: (first, census.states.len() - first),
        });
    }

    /// What a process is; `None` while nobody has looked at it. `cgroup`: that of its sockets, which
    /// speaks where its own is not known.
    fn workload(&self, id: ProcessId, cgroup: u64) -> Option<Workload> {
        let fact = self.processes.fact(id)?;
        let known = self
            .processes
            .cgroup(id)
            .or_else(|| self.cgroups.get(cgroup));
        Some(Workload {
            comm: self.comm(id, fact),
            identity: known.map(|cgroup| cgroup.identity.clone()),
        })
    }

    fn comm(&self, id: ProcessId, fact: &ProcessFact) -> [u8; 16] {
        fact.comm.unwrap_or(self.processes.get(id).comm)
    }

    fn place_of(&self, endpoint: &Endpoint) -> Place {
        let netns = self.netns_identity(endpoint.netns());
        match *endpoint {
            Endpoint::Service { port, .. } => Place::Service { netns, port },
            Endpoint::Destination {
                source,
                address,
                port,
                ..
            } => Place::Destination {
                netns,
                source,
                address,
                port,
            },
        }
    }

    fn process_counts(&self) -> Vec<ProcessCount> {
        let ids = self.processes.ids();
        let alive = ids.filter(|id| !self.processes.is_retired(*id));
        let counts = alive.filter_map(|id| {
            let fact = self.processes.fact(id)?;
            Some(ProcessCount {
                process: *self.processes.get(id),
                open_files: fact.open_files?,
                max_open_files: fact.max_open_files?,
            })
        });
        counts.collect()
    }

    fn listener_counts(&self) -> Vec<ListenerCount> {
        let listening = self.listening();
        let counts = listening.map(|it| {
            let socket = self.slots.get(it.id);
            let owner = socket.owner;
            ListenerCount {
                seen: it.seen,
                netns: self.netns_identity(socket.netns),
                address: socket.tuple.local_address(),
                port: socket.tuple.local_port,
                workload: owner.and_then(|owner| self.workload(owner.process, socket.cgroup)),
                depth: it.depth,
                limit: it.limit,
                drops: it.drops,
            }
        });
        counts.collect()
    }

    fn namespace_counts(&self) -> Vec<NamespaceCount> {
        let occupied = self.namespaces.occupied();
        let counts = occupied.map(|namespace| NamespaceCount {
            identity: namespace.identity,
            name: namespace.name_text().map(str::to_owned),
            limits: namespace.limits.clone(),
        });
        counts.collect()
    }

    fn ending_counts(&self) -> Vec<EndingCount> {
        let tallies = self.endings.tallies();
        let counts = tallies.map(|(key, cgroup, count)| EndingCount {
            key,
            workload: self.workload_of_ended(&key, cgroup),
            netns: key.netns,
            role: key.role,
            address: key.address,
            port: key.port,
            ending: key.ending,
            count,
        });
        counts.collect()
    }

    /// Whose connection it was. A process that has no socket any more is known by its name and by
    /// the control group of the socket.
    fn workload_of_ended(&self, key: &EndingKey, cgroup: u64) -> Option<Workload> {
        let process = key.process?;
        match self.processes.find(&process) {
            Some(id) => self.workload(id, cgroup),
            None => Some(Workload {
                comm: process.comm,
                identity: self.cgroups.get(cgroup).map(|it| it.identity.clone()),
            }),
        }
    }
}
