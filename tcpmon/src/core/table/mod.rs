//! The table: every TCP socket of the machine, and what it has counted.
//!
//! One owner, no locks. Facts come in by [`Table::apply`] (the stream), the audit functions
//! (dumps), [`Table::set_holders`] and [`Table::name_cgroups`]; time is an argument everywhere.

mod apply;
mod audit;
mod by_age;
mod census;
mod cgroups;
mod endings;
mod endpoint_rows;
mod endpoints;
mod expire;
mod grouping;
mod groups;
mod identity;
mod index;
mod listeners;
mod namespaces;
mod owners;
mod past;
mod picture;
pub mod plant;
mod process_rows;
mod processes;
mod queues;
mod rows;
mod signposts;
mod slots;
mod socket;
mod surroundings;
mod totals;
mod vanished;
mod walk;

#[cfg(test)]
mod tests;

use rustc_hash::FxHashMap;
use tcpmon_common::State;

pub use apply::Change;
use audit::Audit;
pub use audit::sort_rows;
pub use census::Counting;
use cgroups::Cgroups;
pub use endings::EndingKey;
use endings::Endings;
use endpoints::Endpoints;
pub use endpoints::{Endpoint, EndpointId, Traffic};
pub use grouping::Group;
use groups::Groups;
pub use groups::{Bucket, GroupId};
use index::Index;
use listeners::Listeners;
use namespaces::Namespaces;
pub use namespaces::NetnsId;
pub use owners::ByInode;
use owners::Scan;
pub use past::{Past, Step};
use processes::Processes;
pub use processes::{Process, ProcessId};
use slots::Slots;
pub use socket::{Details, Owner, Sighting, SlotId, Socket};
pub use surroundings::Listening;
pub use totals::{Drift, Totals};
use walk::Walk;

use crate::core::facts::{Kind, MachineFact, MinisockCount, NetnsIdentity};

/// How long a TIME_WAIT entry lives: `TCP_TIMEWAIT_LEN` of `include/net/tcp.h`.
pub const TIME_WAIT_NS: u64 = 60_000_000_000;

/// Every socket we know of.
pub struct Table {
    slots: Slots,
    /// Sockets the stream speaks of, by kernel address.
    by_sock: FxHashMap<u64, SlotId>,
    /// All of them, by what identifies them across sources.
    index: Index,
    /// As many of them are known by their addresses and ports.
    known_by_tuple: usize,
    dumps_have_cookies: bool,
    listeners: Listeners,
    namespaces: Namespaces,
    processes: Processes,
    cgroups: Cgroups,
    endings: Endings,
    machine: MachineFact,
    groups: Groups,
    endpoints: Endpoints,
    /// Connections whose peer does not answer, and since when at the latest.
    unanswered: FxHashMap<SlotId, u64>,
    audit: Option<Audit>,
    audits: u32,
    /// Number of the last audit of all states whose rows have all been compared, and when its first
    /// dump began.
    last_audit: (u32, u64),
    walk: Option<Walk>,
    /// Every namespace was dumped once: one that is unknown has come since, and its sockets were
    /// announced.
    seeded: bool,
    /// Sockets whose holder is not confirmed; what the next scan is for.
    unconfirmed: bool,
    /// The scan of file descriptors that is being heard.
    scan: Scan,
    /// When the last scan of file descriptors that is over began; 0 before the first.
    holders_scanned_ns: u64,
    /// How long a FIN_WAIT2 minisock lives.
    fin_timeout_ns: u64,
    totals: Totals,
}

impl Default for Table {
    fn default() -> Self {
        Self::new()
    }
}

impl Table {
    /// An empty table.
    #[must_use]
    pub fn new() -> Self {
        Self {
            slots: Slots::new(),
            by_sock: FxHashMap::default(),
            index: Index::new(),
            known_by_tuple: 0,
            dumps_have_cookies: true,
            listeners: Listeners::default(),
            namespaces: Namespaces::new(),
            processes: Processes::default(),
            cgroups: Cgroups::default(),
            endings: Endings::default(),
            machine: MachineFact::default(),
            groups: Groups::default(),
            endpoints: Endpoints::default(),
            unanswered: FxHashMap::default(),
            last_audit: (0, 0),
            audit: None,
            audits: 0,
            walk: None,
            seeded: false,
            unconfirmed: false,
            scan: Scan::default(),
            holders_scanned_ns: 0,
            fin_timeout_ns: TIME_WAIT_NS,
            totals: Totals::default(),
        }
    }

    /// Sockets of all kinds.
    #[must_use]
    pub fn len(&self) -> usize {
        self.slots.len()
    }

    /// Whether there is no socket.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Sockets in `state`; requests count as `SYN_RECV`.
    #[must_use]
    pub fn in_state(&self, state: State) -> u64 {
        self.slots.in_state(state.folded())
    }

    /// The socket longest in `state`.
    #[must_use]
    pub fn oldest(&self, state: State) -> Option<&Socket> {
        self.slots
            .oldest(state.folded())
            .map(|id| self.slots.get(id))
    }

    /// What was counted.
    #[must_use]
    pub const fn totals(&self) -> &Totals {
        &self.totals
    }

    /// Namespaces with sockets.
    #[must_use]
    pub fn namespaces(&self) -> u64 {
        self.namespaces.occupied().count() as u64
    }

    /// The namespaces with sockets, as far as the kernel said where those are.
    pub fn occupied_namespaces(&self) -> impl Iterator<Item = NetnsIdentity> + '_ {
        let identities = self.namespaces.occupied().map(|netns| netns.identity);
        identities.filter(|identity| identity.inode != 0)
    }

    /// The namespaces whose settings may be others than were read: a `connect()` found no port there.
    /// Each is told once, until it happens again.
    pub fn take_doubted_namespaces(&mut self) -> Vec<NetnsIdentity> {
        let doubted = self.namespaces.occupied_mut();
        doubted
            .filter_map(|(_, namespace)| {
                std::mem::take(&mut namespace.limits_doubted).then_some(namespace.identity)
            })
            .collect()
    }

    /// Processes that hold sockets.
    #[must_use]
    pub fn processes(&self) -> usize {
        self.processes.len()
    }

    /// Namespaces in which minisocks are to be looked after: there are some by our count, or the
    /// kernel's count at the last record was another.
    pub fn minisock_namespaces(&self) -> impl Iterator<Item = MinisockCount> + '_ {
        let occupied = self.namespaces.occupied();
        occupied
            .filter(|namespace| {
                namespace.minisocks > 0
                    || namespace
                        .kernel_minisocks
                        .is_some_and(|count| count != namespace.minisocks)
            })
            .map(|namespace| MinisockCount {
                netns: namespace.identity,
                minisocks: namespace.minisocks,
                orphans: namespace.orphans,
            })
    }

    /// Bytes of memory for the sockets and their indexes.
    #[must_use]
    pub fn bytes(&self) -> usize {
        let entry = size_of::<(u64, SlotId)>() + 1;
        self.slots.bytes()
            + self.groups.bytes()
            + self.endpoints.bytes()
            + self.index.bytes()
            + self.by_sock.capacity() * entry
    }

    /// `tcp_fin_timeout` of the namespace we run in. So long an orphan waits for the peer's FIN; of
    /// more than [`TIME_WAIT_NS`] as a full socket at first, and for what is over as a minisock
    /// (`tcp_rcv_state_process` in `net/ipv4/tcp_input.c`, `tcp_keepalive_timer`).
    pub fn set_fin_timeout(&mut self, nanoseconds: u64) {
        self.fin_timeout_ns = match nanoseconds.saturating_sub(TIME_WAIT_NS) {
            0 => nanoseconds,
            over => over,
        };
    }

    /// Adds a socket and counts it in. The caller puts it into its group once it knows whose it is.
    fn add(&mut self, socket: Socket, near: Option<SlotId>) -> SlotId {
        let id = self.slots.insert(socket, near);
        self.count_in(id);
        self.enter_in_index(id);
        id
    }

    /// Removes a socket and counts it out. Its facts can still be read until the next addition.
    fn drop_socket(&mut self, id: SlotId) {
        let sock = self.slots.get(id).sock;
        if sock != 0 && self.by_sock.get(&sock) == Some(&id) {
            self.by_sock.remove(&sock);
        }
        self.leave_index(id);
        self.listeners.remove(self.slots.get(id), id);
        self.count_out(id);
        self.leave_group(id);
        if !self.unanswered.is_empty() {
            self.unanswered.remove(&id);
        }
        if let Some(owner) = self.slots.get(id).owner {
            self.processes.release(owner.process);
        }
        self.slots.remove(id);
    }

    /// Moves a socket to another namespace, once that is known.
    fn set_netns(&mut self, id: SlotId, netns: NetnsId) {
        if self.slots.get(id).netns == netns {
            return;
        }
        // Listeners are found by their namespace.
        let listens = self.slots.get(id).state == State::Listen;
        if listens {
            self.listeners.remove(self.slots.get(id), id);
        }
        self.count_out(id);
        self.slots.get_mut(id).netns = netns;
        self.count_in(id);
        if listens {
            self.listeners.add(self.slots.get(id), id);
        }
        self.regroup(id);
    }

    /// Whether every socket of the namespace has been announced or dumped: what is new to the table
    /// and no birth was missed.
    fn is_seeded(&self, netns: NetnsId) -> bool {
        self.seeded || self.namespaces.get(netns).seeded
    }

    /// Counts a socket in its namespace; every change of its namespace, kind or, for a minisock,
    /// state is between a `count_out` and a `count_in`.
    fn count_in(&mut self, id: SlotId) {
        let socket = self.slots.get(id);
        let (minisock, orphan) = minisock_and_orphan(socket);
        let namespace = self.namespaces.get_mut(socket.netns);
        namespace.sockets += 1;
        namespace.minisocks += minisock;
        namespace.orphans += orphan;
    }

    fn count_out(&mut self, id: SlotId) {
        let socket = self.slots.get(id);
        let (minisock, orphan) = minisock_and_orphan(socket);
        let namespace = self.namespaces.get_mut(socket.netns);
        namespace.sockets -= 1;
        namespace.minisocks -= minisock;
        namespace.orphans -= orphan;
    }
}

/// Whether the socket is a minisock, and one in FIN_WAIT2, as numbers to count with.
fn minisock_and_orphan(socket: &Socket) -> (u64, u64) {
    let is_minisock = socket.kind == Kind::Minisock;
    let is_orphan = is_minisock && socket.state == State::FinWait2;
    (u64::from(is_minisock), u64::from(is_orphan))
}
