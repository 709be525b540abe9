//! Connections that ended otherwise than in order: how, towards whom, and whose they were.
//!
//! Healthy traffic ends in order or in TIME_WAIT and never comes here.

use std::net::IpAddr;

use rustc_hash::FxHashMap;

use super::Table;
use super::processes::Process;
use super::socket::SlotId;
use crate::core::ending::Ending;
use crate::core::facts::NetnsIdentity;
use crate::core::query::{EndingRow, Role};

/// Groups kept. Beyond, those that have been silent the longest are forgotten, and counted.
const MOST: usize = 4096;
/// Forgotten at a time, so that a flood of ever new peers does not sort at every connection.
const ROOM: usize = MOST / 8;

/// Whom it was towards: for a client the peer, for a server its own port. The port of a server's
/// peer says nothing and would make every connection a group of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct EndingKey {
    pub(super) process: Option<Process>,
    pub(super) netns: NetnsIdentity,
    pub(super) role: Option<Role>,
    pub(super) address: IpAddr,
    pub(super) port: u16,
    pub(super) ending: Ending,
}

#[derive(Clone, Copy, Debug)]
struct Tally {
    count: u64,
    last_ns: u64,
    /// Control group of the last of them; 0 when unknown.
    cgroup: u64,
}

/// All groups.
#[derive(Debug, Default)]
pub(super) struct Endings {
    groups: FxHashMap<EndingKey, Tally>,
    forgotten: u64,
}

impl Endings {
    fn count(&mut self, group: EndingKey, cgroup: u64, time_ns: u64) {
        if self.groups.len() >= MOST && !self.groups.contains_key(&group) {
            self.forget_the_silent();
        }
        let tally = self.groups.entry(group).or_insert(Tally {
            count: 0,
            last_ns: time_ns,
            cgroup,
        });
        tally.count += 1;
        tally.last_ns = time_ns;
        tally.cgroup = cgroup;
    }

    /// Every group with the control group of its last socket, and how many ended so.
    pub(super) fn tallies(&self) -> impl Iterator<Item = (EndingKey, u64, u64)> {
        let tallies = self.groups.iter();
        tallies.map(|(key, tally)| (*key, tally.cgroup, tally.count))
    }

    fn forget_the_silent(&mut self) {
        let mut times: Vec<u64> = self.groups.values().map(|tally| tally.last_ns).collect();
        times.sort_unstable();
        let limit_ns = times.get(ROOM).copied().unwrap_or(u64::MAX);
        let before = self.groups.len();
        self.groups.retain(|_, tally| tally.last_ns > limit_ns);
        self.forgotten += (before - self.groups.len()) as u64;
    }
}

/// Ends nobody has to hear of.
const fn is_usual(ending: Ending) -> bool {
    matches!(
        ending,
        Ending::Orderly | Ending::TimeWait | Ending::OrphanFinWait2 | Ending::ListenerClosed
    )
}

impl Table {
    /// Counts the end of the socket at `id` in its group.
    pub(super) fn tally(&mut self, id: SlotId, ending: Ending, time_ns: u64) {
        if is_usual(ending) {
            return;
        }
        let socket = self.slots.get(id);
        let is_server = socket.role == Some(Role::Server);
        let (address, port) = if is_server {
            (socket.tuple.local_address(), socket.tuple.local_port)
        } else {
            (socket.tuple.remote_address(), socket.tuple.remote_port)
        };
        let group = EndingKey {
            process: socket.owner.map(|owner| *self.processes.get(owner.process)),
            netns: self.namespaces.get(socket.netns).identity,
            role: socket.role,
            address,
            port,
            ending,
        };
        let cgroup = socket.cgroup;
        self.endings.count(group, cgroup, time_ns);
    }

    /// Connections that could not be made or were lost for want of an answer, by peer.
    pub(super) fn failures(&self) -> FxHashMap<(NetnsIdentity, IpAddr, u16), u64> {
        let mut failures = FxHashMap::default();
        for (group, tally) in &self.endings.groups {
            let is_failure = matches!(
                group.ending,
                Ending::Refused | Ending::TimedOut | Ending::Unreachable
            );
            if is_failure && group.role != Some(Role::Server) {
                let peer = (group.netns, group.address.to_canonical(), group.port);
                *failures.entry(peer).or_default() += tally.count;
            }
        }
        failures
    }

    /// Groups of endings that were silent so long that others took their place.
    #[must_use]
    pub const fn endings_forgotten(&self) -> u64 {
        self.endings.forgotten
    }

    /// Connections that ended otherwise than in order, the most frequent first, and how many
    /// groups were forgotten.
    #[must_use]
    pub fn endings(&self, now_ns: u64) -> (Vec<EndingRow>, u64) {
        let mut rows: Vec<EndingRow> = self
            .endings
            .groups
            .iter()
            .map(|(group, tally)| EndingRow {
                reason: group.ending.name().into(),
                count: tally.count,
                last_age_seconds: now_ns.saturating_sub(tally.last_ns) as f64 / 1e9,
                role: group.role,
                address: group.address.to_string(),
                port: group.port,
                pid: group.process.map(|process| process.pid),
                process: group.process.map(|process| process.name()),
                netns: (group.netns.inode != 0).then_some(group.netns.inode),
            })
            .collect();
        rows.sort_by(|one, other| {
            let key = |row: &EndingRow| (row.address.clone(), row.port, row.pid);
            other
                .count
                .cmp(&one.count)
                .then_with(|| key(one).cmp(&key(other)))
        });
        (rows, self.endings.forgotten)
    }
}
