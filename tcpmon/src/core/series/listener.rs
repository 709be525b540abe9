//! The set of listeners: those of one program on one address and port are one member.

use rustc_hash::{FxHashMap, FxHashSet};
use tcpmon_common::State;

use super::book::{Counters, Entries, Member, Sums};
use super::names::{self, Namespaces};
use super::trouble;
use crate::core::census::Census;
use crate::core::facts::NetnsIdentity;
use crate::core::verdict::{Place, Severity};

type Port = (NetnsIdentity, u16);

/// What the listeners of a member add up to.
#[derive(Clone, Debug, Default)]
pub struct ListenerSums {
    /// Connections in their accept queues; `None` before they were looked at.
    pub queue: Option<u64>,
    /// The longest those queues may be.
    pub limit: Option<u64>,
    /// Half-open connections towards each port.
    half_open: FxHashMap<Port, u64>,
    worst: Option<Severity>,
    /// What they dropped since the last time: whoever drops goes before who does not.
    dropped: u64,
}

impl ListenerSums {
    /// Half-open connections towards their ports.
    #[must_use]
    pub fn half_open(&self) -> u64 {
        self.half_open.values().sum()
    }
}

impl Sums for ListenerSums {
    const LABELS: usize = 4;
    const MOST_SERIES: u64 = 4;

    fn join(&mut self, more: &Self) {
        self.queue = sum(self.queue, more.queue);
        self.limit = sum(self.limit, more.limit);
        self.half_open.extend(&more.half_open);
        self.worst = self.worst.max(more.worst);
        self.dropped += more.dropped;
    }

    fn series(&self, _: &Counters) -> u32 {
        2 + u32::from(self.queue.is_some()) + u32::from(self.limit.is_some())
    }

    fn size(&self) -> u64 {
        self.queue.unwrap_or(0) + self.half_open() + self.dropped
    }

    fn trouble(&self) -> u8 {
        trouble(self.worst)
    }
}

fn sum(one: Option<u64>, other: Option<u64>) -> Option<u64> {
    match (one, other) {
        (Some(one), Some(other)) => Some(one + other),
        (one, other) => one.or(other),
    }
}

/// Every candidate. `gains`: what each of the census' listeners has dropped since the last time.
pub(super) fn entries(census: &Census, names: &Namespaces, gains: &[u64]) -> Entries<ListenerSums> {
    let half_open = half_open(census);
    let troubled = troubled(census);
    let mut entries = Entries::<ListenerSums>::default();
    for (listener, gain) in census.listeners.iter().zip(gains) {
        let port = (listener.netns, listener.port);
        let member: Member = [
            names.name(listener.netns),
            names::address(listener.address),
            listener.port.to_string(),
            names::process(listener.workload.as_ref()),
        ]
        .into();
        let entry = entries.entry(member).or_default();
        entry.gains[0] += gain;
        entry.sums.join(&ListenerSums {
            queue: listener.depth.map(u64::from),
            limit: listener.limit.map(u64::from),
            half_open: [(port, half_open.get(&port).copied().unwrap_or(0))]
                .into_iter()
                .collect(),
            worst: troubled.get(&port).copied(),
            dropped: *gain,
        });
    }
    entries
}

fn half_open(census: &Census) -> FxHashMap<Port, u64> {
    let mut counts = FxHashMap::default();
    for group in &census.groups {
        if let Place::Service { netns, port } = group.place {
            let half_open = census.states_of(group).iter();
            let half_open = half_open.filter(|it| it.state.folded() == State::SynRecv);
            let half_open: u64 = half_open.map(|it| u64::from(it.sockets)).sum();
            *counts.entry((netns, port)).or_default() += half_open;
        }
    }
    counts
}

fn troubled(census: &Census) -> FxHashMap<Port, Severity> {
    let mut worst = FxHashMap::default();
    for verdict in &census.verdicts {
        if let Place::Service { netns, port } = verdict.place {
            let here = worst.entry((netns, port)).or_insert(verdict.severity);
            *here = (*here).max(verdict.severity);
        }
    }
    worst
}

/// How many ports from `low` to `high` of each namespace somebody listens on: they are given to no
/// connection.
pub(super) fn listening_ports(
    census: &Census,
    netns: NetnsIdentity,
    (low, high): (u16, u16),
) -> u64 {
    let within = census.listeners.iter();
    let within = within.filter(|it| it.netns == netns && (low..=high).contains(&it.port));
    let ports: FxHashSet<u16> = within.map(|it| it.port).collect();
    ports.len() as u64
}
