//! What is known around the sockets: processes, limits, queues.

use tcpmon_common::State;

use super::endpoints::EndpointId;
use super::groups::Bucket;
use super::namespaces::NetnsId;
use super::processes::Process;
use super::socket::{Sighting, SlotId, Socket};
use super::{Group, Table};
use crate::core::facts::{
    DumpRow, KernelEvents, MachineFact, NamespaceLimits, NetnsIdentity, ProcessFact, Timer,
};
use crate::core::netns::NetnsName;

/// From so many retransmissions or probes on the peer may be gone. Fewer are an ordinary loss.
const UNANSWERED: u8 = 3;

/// A listening socket with its queue.
#[derive(Clone, Copy, Debug)]
pub struct Listening {
    /// The socket.
    pub id: SlotId,
    /// The same, to be looked up later.
    pub seen: Sighting,
    /// Where it listens.
    pub endpoint: EndpointId,
    /// Connections in its accept queue when it was last looked at; `None` before.
    pub depth: Option<u32>,
    /// The longest that queue may be.
    pub limit: Option<u32>,
    /// What it dropped in its life.
    pub drops: Option<u32>,
}

impl Table {
    /// What `/proc` told of a process; `None` also when it has ended.
    #[must_use]
    pub fn process_fact(&self, process: &Process) -> Option<&ProcessFact> {
        self.processes.fact(self.processes.find(process)?)
    }

    /// The settings of a namespace with sockets; `None` before they were read.
    #[must_use]
    pub fn limits(&self, netns: NetnsId) -> Option<&NamespaceLimits> {
        self.namespaces.get(netns).limits.as_deref()
    }

    /// What the machine has one of, as it was read last.
    #[must_use]
    pub const fn machine(&self) -> &MachineFact {
        &self.machine
    }

    /// Takes over what was read of the machine.
    pub fn describe_machine(&mut self, machine: MachineFact) {
        self.machine = machine;
    }

    /// Which namespace that is.
    #[must_use]
    pub fn netns_identity(&self, netns: NetnsId) -> NetnsIdentity {
        self.namespaces.get(netns).identity
    }

    /// What people call the namespace, and what kind of name that is.
    #[must_use]
    pub fn netns_name(&self, netns: NetnsIdentity) -> Option<&NetnsName> {
        let mut known = self.namespaces.occupied();
        known
            .find(|namespace| namespace.identity == netns)?
            .name
            .as_ref()
    }

    /// Namespaces with sockets: which, how many minisocks, and the kernel's counters.
    pub fn occupied(&self) -> impl Iterator<Item = (NetnsIdentity, u64, Option<KernelEvents>)> {
        let occupied = self.namespaces.occupied();
        occupied.map(|netns| (netns.identity, netns.minisocks, netns.events))
    }

    /// The settings of a namespace by its identity.
    #[must_use]
    pub fn limits_of(&self, netns: NetnsIdentity) -> Option<&NamespaceLimits> {
        let mut known = self.namespaces.occupied();
        let namespace = known.find(|namespace| namespace.identity == netns)?;
        namespace.limits.as_deref()
    }

    /// Every listening socket.
    pub fn listening(&self) -> impl Iterator<Item = Listening> {
        let first = self.slots.oldest(State::Listen);
        let all = std::iter::successors(first, |id| self.slots.newer(*id));
        all.filter_map(|id| {
            let socket = self.slots.get(id);
            let queue = self.listeners.queue(id);
            Some(Listening {
                id,
                seen: self.sight(id),
                endpoint: self.groups.key(socket.place.group()?).endpoint,
                depth: socket.details.map(|details| details.recv_queue),
                limit: socket.details.and_then(|details| details.send_queue),
                drops: queue.and_then(|queue| queue.drops),
            })
        })
    }

    /// Ports in the range of a namespace that somebody listens on: they are given to no connection.
    #[must_use]
    pub fn listening_ports(&self, netns: NetnsId, low: u16, high: u16) -> u32 {
        self.listeners.ports_within(netns, low, high)
    }

    /// The name of a process that has sockets.
    #[must_use]
    pub fn process_of(&self, socket: &Socket) -> Option<&Process> {
        Some(self.processes.get(socket.owner?.process))
    }

    /// The systemd unit of a socket.
    #[must_use]
    pub fn unit_of(&self, socket: &Socket) -> Option<&str> {
        self.cgroups.get(socket.cgroup)?.identity.unit.as_deref()
    }

    /// The container id of a socket.
    #[must_use]
    pub fn container_of(&self, socket: &Socket) -> Option<&str> {
        let identity = &self.cgroups.get(socket.cgroup)?.identity;
        Some(identity.container.as_ref()?.id.as_str())
    }

    /// Whether a dump of all sockets was begun at this time or later, and has been compared.
    #[must_use]
    pub fn was_dumped_since(&self, time_ns: u64) -> bool {
        self.last_audit.1 >= time_ns
    }

    /// Whether a dump made when the socket had been in its state for `age_ns` showed it without a
    /// process: a connection that is accepted makes no record, so only a dump can tell.
    #[must_use]
    pub fn was_unaccepted_at(&self, socket: &Socket, age_ns: u64) -> bool {
        let (number, started_ns) = self.last_audit;
        socket.accepted == Some(false)
            && socket.seen_in == number
            && started_ns.saturating_sub(socket.entered_ns) >= age_ns
    }

    /// Connections whose peer has not answered some retransmissions or probes.
    pub fn unanswered(&self) -> impl Iterator<Item = SlotId> {
        self.unanswered.keys().copied()
    }

    /// Since when at the latest the peer of a connection does not answer.
    #[must_use]
    pub fn unanswered_since(&self, id: SlotId) -> Option<u64> {
        self.unanswered.get(&id).copied()
    }

    /// Notes from a dump whether the peer of an established connection answers.
    pub(super) fn note_answers(&mut self, id: SlotId, row: &DumpRow, read_ns: u64) {
        let asks = row.timer != Timer::None && row.unanswered >= UNANSWERED;
        if asks && row.state == State::Established {
            self.unanswered.entry(id).or_insert(read_ns);
        } else if !self.unanswered.is_empty() {
            self.unanswered.remove(&id);
        }
    }

    /// Any socket of a group; the oldest of some bucket.
    #[must_use]
    pub fn any_of(&self, group: &Group<'_>) -> Option<&Socket> {
        let mut buckets = State::RFC.into_iter().flat_map(Bucket::all_of);
        let id = buckets.find_map(|bucket| group.sockets(bucket).next())?;
        Some(self.slots.get(id))
    }
}

impl Table {
    /// Notes a socket, to be looked up after the table has changed.
    #[must_use]
    pub fn sight(&self, id: SlotId) -> Sighting {
        Sighting {
            id,
            entered_ns: self.slots.get(id).entered_ns,
        }
    }

    /// The socket that was seen, if it is still there and still in its state.
    #[must_use]
    pub fn find(&self, seen: Sighting) -> Option<SlotId> {
        let is_it =
            self.slots.is_alive(seen.id) && self.slots.get(seen.id).entered_ns == seen.entered_ns;
        is_it.then_some(seen.id)
    }

    /// The endpoint a socket is at.
    #[must_use]
    pub fn endpoint_id_of(&self, socket: &Socket) -> Option<EndpointId> {
        Some(self.groups.key(socket.place.group()?).endpoint)
    }
}
