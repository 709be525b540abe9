//! Which group a socket belongs to, and the groups as those who judge and show see them.

use tcpmon_common::State;

use super::Table;
use super::endpoints::{Endpoint, EndpointId, Traffic};
use super::groups::{Bucket, GroupId, Key};
use super::processes::{Process, ProcessId};
use super::socket::{SlotId, Socket};
use crate::core::ending::Ending;
use crate::core::fsm::Edge;
use crate::core::query::Role;

/// The sockets one process has at one endpoint.
#[derive(Clone, Copy)]
pub struct Group<'a> {
    table: &'a Table,
    id: GroupId,
}

impl<'a> Group<'a> {
    /// Index of the group.
    #[must_use]
    pub const fn id(&self) -> GroupId {
        self.id
    }

    /// Whose sockets; `None` when nobody is known.
    #[must_use]
    pub fn process(&self) -> Option<&'a Process> {
        let process = self.table.groups.key(self.id).process?;
        Some(self.table.processes.get(process))
    }

    /// The same as its index.
    #[must_use]
    pub fn process_id(&self) -> Option<ProcessId> {
        self.table.groups.key(self.id).process
    }

    /// Where they are.
    #[must_use]
    pub fn endpoint_id(&self) -> EndpointId {
        self.table.groups.key(self.id).endpoint
    }

    /// All of its sockets.
    #[must_use]
    pub fn total(&self) -> u32 {
        self.table.groups.sockets_of(self.id)
    }

    /// Sockets that ever came into `bucket` since the group is there.
    #[must_use]
    pub fn came(&self, bucket: Bucket) -> u64 {
        self.table.groups.list(self.id, bucket).came
    }

    /// Sockets in `bucket`.
    #[must_use]
    pub fn count(&self, bucket: Bucket) -> u32 {
        self.table.groups.length(self.id, bucket)
    }

    /// Sockets in `state`, accepted or not.
    #[must_use]
    pub fn in_state(&self, state: State) -> u32 {
        Bucket::all_of(state).map(|bucket| self.count(bucket)).sum()
    }

    /// Sockets in any state.
    #[must_use]
    pub fn sockets_in_all(&self) -> u32 {
        self.table.groups.sockets_of(self.id)
    }

    /// Sockets in `bucket` that are ripe: see [`Table::ripen`].
    #[must_use]
    pub fn ripe(&self, bucket: Bucket) -> u32 {
        self.table.groups.list(self.id, bucket).ripe
    }

    /// Sockets that ever became ripe in `bucket`, and those of them that went on since.
    #[must_use]
    pub fn ripe_flow(&self, bucket: Bucket) -> (u64, u64) {
        let list = self.table.groups.list(self.id, bucket);
        (list.ripened, list.ripe_left)
    }

    /// The socket longest in `bucket`.
    #[must_use]
    pub fn oldest(&self, bucket: Bucket) -> Option<&'a Socket> {
        let id = self.table.groups.oldest(self.id, bucket)?;
        Some(self.table.slots.get(id))
    }

    /// The sockets in `bucket`, oldest first.
    pub fn sockets(&self, bucket: Bucket) -> impl Iterator<Item = SlotId> + 'a {
        let table = self.table;
        table.groups.sockets(&table.slots, self.id, bucket)
    }
}

impl Table {
    /// Every group, in no particular order.
    pub fn groups(&self) -> impl Iterator<Item = Group<'_>> {
        self.groups_in(0, usize::MAX)
    }

    /// The groups in so many places from this one on; one that lives on keeps its place.
    pub(super) fn groups_in(&self, first: usize, places: usize) -> impl Iterator<Item = Group<'_>> {
        let ids = self.groups.ids_in(first, places);
        ids.map(|id| Group { table: self, id })
    }

    /// How many groups there are.
    #[must_use]
    pub fn group_count(&self) -> usize {
        self.groups.len()
    }

    /// Every endpoint that has sockets or had some lately.
    pub fn endpoints(&self) -> impl Iterator<Item = (EndpointId, &Endpoint, &Traffic)> {
        self.endpoints.iter()
    }

    /// An endpoint, and what was counted of it.
    #[must_use]
    pub fn endpoint(&self, id: EndpointId) -> Option<(&Endpoint, &Traffic)> {
        self.endpoints.get(id)
    }

    /// The facts of a socket that a list or a change named just now.
    #[must_use]
    pub fn socket(&self, id: SlotId) -> &Socket {
        self.slots.get(id)
    }

    /// Marks the sockets of a group that entered `bucket` before `before_ns` as ripe, the oldest
    /// first and at most `most`; says how many. Costs a step per socket that became so since the
    /// last time.
    pub fn ripen(&mut self, group: GroupId, bucket: Bucket, before_ns: u64, most: u32) -> u32 {
        let Self { groups, slots, .. } = self;
        groups.ripen(slots, (group, bucket), before_ns, most)
    }

    /// Puts the socket where it belongs, after any change of its owner, its addresses, its kind or
    /// of whether it was accepted.
    #[inline]
    pub(super) fn regroup(&mut self, id: SlotId) {
        let socket = self.slots.get(id);
        let place = socket.place;
        let Some(group) = place.group() else {
            let key = self.key_of(id, None);
            return self.join_group(id, key);
        };
        let now = self.groups.key(group);
        let wanted = self.key_of(id, Some(now.endpoint));
        if wanted != now {
            self.leave_group(id);
            self.join_group(id, wanted);
        } else if Bucket::of(self.slots.get(id)) != place.bucket() {
            self.groups.shift(&mut self.slots, id);
        }
    }

    /// Puts the socket where it belongs after a change of nothing but its state or the time it
    /// entered it.
    #[inline]
    pub(super) fn shift(&mut self, id: SlotId) {
        self.groups.shift(&mut self.slots, id);
    }

    fn join_group(&mut self, id: SlotId, key: Key) {
        if self.groups.link(&mut self.slots, id, key) {
            self.endpoints.hold(key.endpoint);
        }
    }

    pub(super) fn leave_group(&mut self, id: SlotId) {
        if let Some(key) = self.groups.unlink(&mut self.slots, id) {
            self.endpoints.release(key.endpoint);
        }
    }

    /// The group the socket belongs to. It stays at the endpoint it is at if that still fits.
    #[inline]
    fn key_of(&mut self, id: SlotId, at: Option<EndpointId>) -> Key {
        let socket = self.slots.get(id);
        let process = socket.owner.map(|owner| owner.process);
        if let Some(at) = at
            && let Some((endpoint, _)) = self.endpoints.get(at)
            && endpoint.fits(socket)
        {
            return Key {
                process,
                endpoint: at,
            };
        }
        let endpoint = self.endpoint_of(socket);
        let now_ns = socket.touched_ns;
        Key {
            process,
            endpoint: self.endpoints.intern(endpoint, now_ns),
        }
    }

    /// Where a socket belongs. One older than the agent does not say who opened it; if somebody
    /// listens on its port, it is taken for accepted there.
    fn endpoint_of(&self, socket: &Socket) -> Endpoint {
        let is_service = match socket.role {
            Some(role) => role == Role::Server,
            None => {
                socket.state == State::Listen
                    || self.listeners.serves(socket.netns, socket.tuple.local_port)
            }
        };
        if is_service {
            Endpoint::service(socket)
        } else {
            Endpoint::destination(socket)
        }
    }

    /// Puts a socket that does not say who opened it to the service on its port. A dump may show what
    /// a listener accepted before the listener.
    pub(super) fn move_to_service(&mut self, id: SlotId) {
        let socket = self.slots.get(id);
        let endpoint = self.endpoint_id_of(socket).and_then(|id| self.endpoint(id));
        let is_away = matches!(endpoint, Some((Endpoint::Destination { .. }, _)));
        let (netns, port) = (socket.netns, socket.tuple.local_port);
        if is_away && socket.role.is_none() && self.listeners.serves(netns, port) {
            let key = self.key_of(id, None);
            self.leave_group(id);
            self.join_group(id, key);
        }
    }

    /// Counts what an edge says about the traffic of the socket's endpoint. Called before the
    /// socket enters its new state, and once its addresses are known.
    #[inline]
    pub(super) fn count_traffic(
        &mut self,
        id: SlotId,
        edge: Edge,
        life_ns: Option<u64>,
        time_ns: u64,
    ) {
        let is_told = edge.from == State::Established || edge.to == State::Established;
        if is_told && let Some(group) = self.slots.get(id).place.group() {
            let endpoint = self.groups.key(group).endpoint;
            self.endpoints.count(endpoint, edge, life_ns, time_ns);
        }
    }

    /// Counts a `connect()` that found no port.
    pub(super) fn count_failure(&mut self, id: SlotId, ending: Ending, time_ns: u64) {
        let socket = self.slots.get(id);
        if matches!(ending, Ending::NoPort | Ending::AddressInUse)
            && let Some(group) = socket.place.group()
        {
            let process = self.process_of(socket).copied();
            self.namespaces.get_mut(socket.netns).limits_doubted = true;
            let endpoint = self.groups.key(group).endpoint;
            self.endpoints.count_no_port(endpoint, process, time_ns);
        }
    }
}
