//! What sockets are for: a service offered on a local port, or a destination used from a local
//! address. Who closes first, how long connections live and which could not be made is counted
//! here, because it outlives the sockets and the processes.

use std::net::IpAddr;

use rustc_hash::{FxHashMap, FxHashSet};
use tcpmon_common::State;

use super::namespaces::NetnsId;
use super::processes::Process;
use super::socket::Socket;
use crate::core::fsm::Edge;
use crate::core::lives::Lives;
use crate::core::query::Role;
use crate::core::tuple::Tuple;

/// Index of an endpoint.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct EndpointId(u32);

impl EndpointId {
    /// Its place in a vector of as many as there are.
    #[must_use]
    pub const fn index(self) -> usize {
        self.0 as usize
    }
}

/// A service, or a destination.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Endpoint {
    /// A local port others connect to.
    Service {
        /// Namespace.
        netns: NetnsId,
        /// Local port.
        port: u16,
    },
    /// A peer we connect to, and from where: ephemeral ports are counted per such pair
    /// (`__inet_hash_connect` of `net/ipv4/inet_hashtables.c`).
    Destination {
        /// Namespace.
        netns: NetnsId,
        /// Local address.
        source: IpAddr,
        /// Remote address.
        address: IpAddr,
        /// Remote port.
        port: u16,
    },
}

impl Endpoint {
    /// The namespace.
    #[must_use]
    pub const fn netns(&self) -> NetnsId {
        match self {
            Self::Service { netns, .. } | Self::Destination { netns, .. } => *netns,
        }
    }

    pub(super) fn service(socket: &Socket) -> Self {
        Self::Service {
            netns: socket.netns,
            port: socket.tuple.local_port,
        }
    }

    /// IPv4 and IPv4-mapped addresses are one destination: they share the ports.
    pub(super) fn destination(socket: &Socket) -> Self {
        let Tuple { remote_port, .. } = socket.tuple;
        Self::Destination {
            netns: socket.netns,
            source: socket.tuple.local_address().to_canonical(),
            address: socket.tuple.remote_address().to_canonical(),
            port: remote_port,
        }
    }

    /// Whether the socket belongs here. One whose role is not known stays where it was put.
    #[inline]
    pub(super) fn fits(&self, socket: &Socket) -> bool {
        match self {
            Self::Service { .. } => {
                socket.role != Some(Role::Client) && *self == Self::service(socket)
            }
            Self::Destination { .. } => {
                socket.role != Some(Role::Server) && *self == Self::destination(socket)
            }
        }
    }
}

/// What has been counted of an endpoint since the agent knows it.
#[derive(Clone, Debug, Default)]
pub struct Traffic {
    /// Connections established.
    pub opened: u64,
    /// Connections this side closed first.
    pub closed_here_first: u64,
    /// Connections the peer closed first.
    pub closed_there_first: u64,
    /// `connect()` calls that failed because no local port was left (`EADDRNOTAVAIL`).
    pub no_port: u64,
    /// Whose the last of them was, where that is known.
    pub no_port_of: Option<Process>,
    /// How long connections were ESTABLISHED.
    pub lives: Lives,
    /// Last time any of this happened, `CLOCK_BOOTTIME` ns.
    pub last_ns: u64,
}

impl Traffic {
    /// The part of the connections that ended which this side closed first, 0 to 1; `None` before one
    /// has ended.
    #[must_use]
    pub fn closed_here_share(&self) -> Option<f64> {
        let closed = self.closed_here_first + self.closed_there_first;
        (closed > 0).then(|| self.closed_here_first as f64 / closed as f64)
    }
}

#[derive(Clone, Debug)]
struct Entry {
    endpoint: Endpoint,
    groups: u32,
    traffic: Box<Traffic>,
}

/// Endpoints kept that have no socket now. Beyond, the longest silent are forgotten.
const MOST_IDLE: usize = 8192;
/// An endpoint without a socket and without traffic for so long is forgotten.
const IDLE_NS: u64 = 300_000_000_000;

/// All endpoints.
#[derive(Debug, Default)]
pub(super) struct Endpoints {
    all: Vec<Option<Entry>>,
    free: Vec<EndpointId>,
    index: FxHashMap<Endpoint, EndpointId>,
    idle: usize,
}

impl Endpoints {
    /// The endpoint, made known if it is not.
    #[inline]
    pub(super) fn intern(&mut self, endpoint: Endpoint, now_ns: u64) -> EndpointId {
        match self.index.get(&endpoint) {
            Some(id) => *id,
            None => self.add(endpoint, now_ns),
        }
    }

    fn add(&mut self, endpoint: Endpoint, now_ns: u64) -> EndpointId {
        let entry = Entry {
            endpoint,
            groups: 0,
            traffic: Box::new(Traffic {
                last_ns: now_ns,
                ..Traffic::default()
            }),
        };
        let id = if let Some(id) = self.free.pop() {
            self.all[id.0 as usize] = Some(entry);
            id
        } else {
            let id = EndpointId(u32::try_from(self.all.len()).unwrap_or(u32::MAX - 1));
            self.all.push(Some(entry));
            id
        };
        self.index.insert(endpoint, id);
        self.idle += 1;
        id
    }

    /// A group of it has come to life.
    pub(super) fn hold(&mut self, id: EndpointId) {
        if let Some(entry) = self.entry_mut(id) {
            entry.groups += 1;
            if entry.groups == 1 {
                self.idle -= 1;
            }
        }
    }

    /// A group of it is gone.
    pub(super) fn release(&mut self, id: EndpointId) {
        if let Some(entry) = self.entry_mut(id) {
            entry.groups -= 1;
            if entry.groups == 0 {
                self.idle += 1;
            }
        }
    }

    pub(super) fn get(&self, id: EndpointId) -> Option<(&Endpoint, &Traffic)> {
        let entry = self.all.get(id.0 as usize)?.as_ref()?;
        Some((&entry.endpoint, &entry.traffic))
    }

    fn entry_mut(&mut self, id: EndpointId) -> Option<&mut Entry> {
        self.all.get_mut(id.0 as usize)?.as_mut()
    }

    /// Every endpoint that has sockets or had some lately.
    pub(super) fn iter(&self) -> impl Iterator<Item = (EndpointId, &Endpoint, &Traffic)> {
        let all = self.all.iter().enumerate();
        all.filter_map(|(index, entry)| {
            let entry = entry.as_ref()?;
            let id = EndpointId(u32::try_from(index).unwrap_or(u32::MAX - 1));
            Some((id, &entry.endpoint, &*entry.traffic))
        })
    }

    /// Counts what an edge says about the connections of an endpoint. `life_ns`: how long the
    /// connection was ESTABLISHED, where that is known.
    #[inline]
    pub(super) fn count(&mut self, id: EndpointId, edge: Edge, life_ns: Option<u64>, time_ns: u64) {
        let Some(entry) = self.entry_mut(id) else {
            return;
        };
        let traffic = &mut *entry.traffic;
        match (edge.from, edge.to) {
            (State::SynSent | State::SynRecv, State::Established) => traffic.opened += 1,
            (State::Established, State::FinWait1) => traffic.closed_here_first += 1,
            (State::Established, State::CloseWait) => traffic.closed_there_first += 1,
            (State::Established, State::Close) => {}
            _ => return,
        }
        traffic.last_ns = time_ns;
        if edge.from == State::Established
            && let Some(life_ns) = life_ns
        {
            traffic.lives.observe(life_ns);
        }
    }

    /// Counts a `connect()` that found no port.
    pub(super) fn count_no_port(&mut self, id: EndpointId, of: Option<Process>, time_ns: u64) {
        if let Some(entry) = self.entry_mut(id) {
            entry.traffic.no_port += 1;
            entry.traffic.no_port_of = of.or(entry.traffic.no_port_of);
            entry.traffic.last_ns = time_ns;
        }
    }

    /// Forgets endpoints that were silent for long.
    pub(super) fn forget_idle(&mut self, now_ns: u64) {
        if self.idle == 0 {
            return;
        }
        let rest_ns = if self.idle > MOST_IDLE {
            IDLE_NS / 60
        } else {
            IDLE_NS
        };
        self.forget(|entry| {
            entry.groups == 0 && entry.traffic.last_ns.saturating_add(rest_ns) < now_ns
        });
    }

    /// Forgets the endpoints of namespaces that are gone: their indexes are reused.
    pub(super) fn forget_namespaces(&mut self, gone: &FxHashSet<NetnsId>) {
        if !gone.is_empty() {
            self.forget(|entry| entry.groups == 0 && gone.contains(&entry.endpoint.netns()));
        }
    }

    fn forget(&mut self, is_over: impl Fn(&Entry) -> bool) {
        for index in 0..self.all.len() {
            let Some(entry) = self.all[index].take_if(|entry| is_over(entry)) else {
                continue;
            };
            self.index.remove(&entry.endpoint);
            self.idle -= 1;
            self.free
                .push(EndpointId(u32::try_from(index).unwrap_or(u32::MAX - 1)));
        }
    }

    /// Bytes allocated.
    pub(super) fn bytes(&self) -> usize {
        self.all.capacity() * size_of::<Option<Entry>>()
            + self.index.len() * size_of::<Traffic>()
            + self.index.capacity() * (size_of::<(Endpoint, EndpointId)>() + 1)
    }
}
