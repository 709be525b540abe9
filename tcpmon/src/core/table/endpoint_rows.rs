//! Answers: listeners and destinations. A step per group of sockets, not one per socket.

use std::cmp::Reverse;
use std::net::IpAddr;

use rustc_hash::FxHashMap;
use tcpmon_common::State;

use super::namespaces::NetnsId;
use super::rows::{nonzero, seconds};
use super::{Endpoint, EndpointId, Listening, Process, Table, Traffic};
use crate::core::query::{DestinationRow, Destinations, ListenerRow, Listeners, SCHEMA};

/// The sockets at one endpoint.
#[derive(Clone, Copy, Debug, Default)]
struct Crowd {
    sockets: u64,
    time_wait: u64,
    listening: u64,
    busiest: Option<(Process, u64)>,
}

impl Table {
    /// The listening sockets, those in trouble first, at most `limit`.
    #[must_use]
    pub fn listener_rows(&self, limit: usize, now_ns: u64) -> Listeners {
        let mut all: Vec<Listening> = self.listening().collect();
        let urgency = |it: &Listening| {
            let fullness = match (it.depth, it.limit) {
                // The queue takes one more than its limit.
                (Some(depth), Some(limit)) => u64::from(depth) * 1000 / (u64::from(limit) + 1),
                _ => 0,
            };
            let port = self.slots.get(it.id).tuple.local_port;
            (Reverse(fullness), Reverse(it.drops), port, it.id)
        };
        let total = all.len() as u64;
        keep_first(&mut all, limit, urgency);
        let crowds = self.crowds();
        let half_open = self.half_open();
        let rows = all.iter().map(|it| {
            let socket = self.slots.get(it.id);
            let owner = socket.owner;
            let crowd = crowds.get(&it.endpoint).copied().unwrap_or_default();
            ListenerRow {
                cookie: nonzero(socket.cookie),
                netns: self.inode_of(socket.netns),
                netns_name: self.netns_text(socket.netns),
                address: socket.tuple.local_address().to_string(),
                port: socket.tuple.local_port,
                pid: owner.map(|owner| self.processes.get(owner.process).pid),
                process: owner.map(|owner| self.processes.name(owner.process).to_owned()),
                queue: it.depth,
                queue_limit: it.limit,
                queue_longest: self.listeners.queue(it.id).map(|queue| queue.longest),
                drops: it.drops,
                half_open: half_open.get(&it.id).copied().unwrap_or(0),
                connections: crowd.sockets - crowd.listening,
                age_seconds: seconds(socket.age_ns(now_ns)),
                age_is_lower_bound: socket.age_is_lower_bound,
            }
        });
        Listeners {
            schema: SCHEMA,
            total,
            listeners: rows.collect(),
        }
    }

    /// The destinations, those that hold most ports first, at most `limit`.
    #[must_use]
    pub fn destination_rows(&self, limit: usize) -> Destinations {
        let crowds = self.crowds();
        let endpoints = self.endpoints();
        let mut all: Vec<_> = endpoints
            .filter_map(|(id, endpoint, traffic)| {
                let Endpoint::Destination {
                    netns,
                    source,
                    address,
                    port,
                } = *endpoint
                else {
                    return None;
                };
                let crowd = crowds.get(&id).copied().unwrap_or_default();
                Some(((netns, source, address, port), crowd, traffic))
            })
            .collect();
        let total = all.len() as u64;
        keep_first(&mut all, limit, |(place, crowd, traffic)| {
            let (netns, source, address, port) = *place;
            let place = (address, port, source, netns);
            (Reverse(crowd.sockets), Reverse(traffic.no_port), place)
        });
        let failures = self.failures();
        let mut usable = FxHashMap::default();
        let rows = all.into_iter().map(|(place, crowd, traffic)| {
            let usable = *usable
                .entry(place.0)
                .or_insert_with(|| self.usable_ports(place.0));
            let mut row = self.destination_row(place, &crowd, traffic);
            row.usable = usable.map(u64::from);
            let peer = (self.netns_identity(place.0), place.2, place.3);
            row.failed_total = failures.get(&peer).copied().unwrap_or(0);
            row
        });
        Destinations {
            schema: SCHEMA,
            total,
            destinations: rows.collect(),
        }
    }

    fn destination_row(
        &self,
        (netns, source, address, port): (NetnsId, IpAddr, IpAddr, u16),
        crowd: &Crowd,
        traffic: &Traffic,
    ) -> DestinationRow {
        let is_loopback = source.is_loopback() || address.is_loopback();
        let gives_away = self
            .limits(netns)
            .is_some_and(|limits| limits.reuses_time_wait(is_loopback));
        let given_away = if gives_away { crowd.time_wait } else { 0 };
        let process = crowd.busiest.map(|(process, _)| process);
        DestinationRow {
            netns: self.inode_of(netns),
            netns_name: self.netns_text(netns),
            source: source.to_string(),
            address: address.to_string(),
            port,
            sockets: crowd.sockets,
            time_wait: crowd.time_wait,
            held: crowd.sockets - given_away,
            usable: None,
            opened_total: traffic.opened,
            closed_here_share: traffic.closed_here_share(),
            median_life_seconds: traffic.lives.median_ns().map(seconds),
            failed_total: 0,
            no_port_total: traffic.no_port,
            pid: process.map(|process| process.pid),
            process: process.map(|process| process.name()),
        }
    }

    /// Ports of a namespace for connections that do not choose one: those somebody listens on are
    /// given to none.
    fn usable_ports(&self, netns: NetnsId) -> Option<u32> {
        let limits = self.limits(netns)?;
        let range = limits.local_ports?;
        let taken = self.listening_ports(netns, range.low, range.high);
        Some(limits.ephemeral_ports()?.saturating_sub(taken))
    }

    fn crowds(&self) -> FxHashMap<EndpointId, Crowd> {
        let mut crowds: FxHashMap<EndpointId, Crowd> = FxHashMap::default();
        for group in self.groups() {
            let crowd = crowds.entry(group.endpoint_id()).or_default();
            let sockets = u64::from(group.sockets_in_all());
            crowd.sockets += sockets;
            crowd.time_wait += u64::from(group.in_state(State::TimeWait));
            crowd.listening += u64::from(group.in_state(State::Listen));
            if let Some(process) = group.process()
                && crowd.busiest.is_none_or(|(_, most)| most < sockets)
            {
                crowd.busiest = Some((*process, sockets));
            }
        }
        crowds
    }

    fn inode_of(&self, netns: NetnsId) -> Option<u32> {
        let inode = self.netns_identity(netns).inode;
        (inode != 0).then_some(inode)
    }

    fn netns_text(&self, netns: NetnsId) -> Option<String> {
        let name = self.namespaces.get(netns).name.as_ref()?;
        Some(name.text.clone())
    }
}

/// The `limit` first of `all` by `key`, in order; the others are not sorted.
fn keep_first<T, K: Ord>(all: &mut Vec<T>, limit: usize, key: impl Fn(&T) -> K) {
    if limit < all.len() {
        all.select_nth_unstable_by_key(limit, &key);
        all.truncate(limit);
    }
    all.sort_unstable_by_key(key);
}
