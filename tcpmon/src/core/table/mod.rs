//! The table: every TCP socket of the machine, and what it has counted.
//!
//! One owner, no locks. Facts come in by [`Table::apply`] (the stream), the audit functions
//! (dumps), [`Table::set_holders`] and [`Table::name_cgroups`]; time is an argument everywhere.

mod apply;
mod audit;
mod cgroups;
mod expire;
mod listeners;
mod namespaces;
mod owners;
mod processes;
mod rows;
mod slots;
mod socket;
mod totals;

#[cfg(test)]
mod tests;

use rustc_hash::FxHashMap;
use tcpmon_common::State;

pub use apply::Change;
use audit::Audit;
use cgroups::Cgroups;
use listeners::Listeners;
use namespaces::Namespaces;
pub use namespaces::NetnsId;
use processes::Processes;
pub use processes::{Process, ProcessId};
use slots::Slots;
pub use socket::{Details, Owner, SlotId, Socket};
pub use totals::{Drift, Totals};

use crate::core::facts::{Kind, NetnsIdentity};

/// How long a TIME_WAIT entry lives: `TCP_TIMEWAIT_LEN` of `include/net/tcp.h`.
pub const TIME_WAIT_NS: u64 = 60_000_000_000;

/// Every socket we know of.
pub struct Table {
    slots: Slots,
    /// Sockets the stream speaks of, by kernel address.
    by_sock: FxHashMap<u64, SlotId>,
    /// Full sockets and requests only a dump has spoken of, by cookie.
    by_cookie: FxHashMap<u64, SlotId>,
    listeners: Listeners,
    namespaces: Namespaces,
    processes: Processes,
    cgroups: Cgroups,
    audit: Option<Audit>,
    audits: u32,
    /// Every namespace was dumped once: from here on an unknown socket is a missed one.
    seeded: bool,
    /// Sockets whose holder is not confirmed; what the next scan is for.
    unconfirmed: bool,
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
            by_cookie: FxHashMap::default(),
            listeners: Listeners::default(),
            namespaces: Namespaces::new(),
            processes: Processes::default(),
            cgroups: Cgroups::default(),
            audit: None,
            audits: 0,
            seeded: false,
            unconfirmed: false,
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

    /// Processes that hold sockets.
    #[must_use]
    pub fn processes(&self) -> usize {
        self.processes.len()
    }

    /// Namespaces in which minisocks are to be looked after: there are some by our count, or the
    /// kernel's count at the last record was another.
    pub fn minisock_namespaces(&self) -> impl Iterator<Item = NetnsIdentity> + '_ {
        let occupied = self.namespaces.occupied();
        occupied
            .filter(|namespace| {
                namespace.minisocks > 0
                    || namespace
                        .kernel_minisocks
                        .is_some_and(|(count, _)| count != namespace.minisocks)
            })
            .map(|namespace| namespace.identity)
    }

    /// Bytes of memory for the sockets and their indexes.
    #[must_use]
    pub fn bytes(&self) -> usize {
        let entry = size_of::<(u64, SlotId)>() + 1;
        self.slots.bytes() + (self.by_sock.capacity() + self.by_cookie.capacity()) * entry
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

    /// Adds a socket and counts it in.
    fn add(&mut self, socket: Socket, near: Option<SlotId>) -> SlotId {
        let namespace = self.namespaces.get_mut(socket.netns);
        namespace.sockets += 1;
        if socket.kind == Kind::Minisock {
            namespace.minisocks += 1;
        }
        let (cookie, kind, bound) = (socket.cookie, socket.kind, socket.sock != 0);
        let id = self.slots.insert(socket, near);
        if !bound && cookie != 0 && kind != Kind::Minisock {
            self.by_cookie.insert(cookie, id);
        }
        id
    }

    /// Removes a socket and counts it out. Its facts can still be read until the next addition.
    fn drop_socket(&mut self, id: SlotId) {
        let socket = self.slots.get(id);
        let (sock, cookie, netns, kind) = (socket.sock, socket.cookie, socket.netns, socket.kind);
        if sock != 0 && self.by_sock.get(&sock) == Some(&id) {
            self.by_sock.remove(&sock);
        }
        if !self.by_cookie.is_empty() && self.by_cookie.get(&cookie) == Some(&id) {
            self.by_cookie.remove(&cookie);
        }
        self.listeners.remove(self.slots.get(id), id);
        let namespace = self.namespaces.get_mut(netns);
        namespace.sockets -= 1;
        if kind == Kind::Minisock {
            namespace.minisocks -= 1;
        }
        if let Some(owner) = self.slots.get(id).owner {
            self.processes.release(owner.process);
        }
        self.slots.remove(id);
    }

    /// Moves a socket to another namespace, once that is known.
    fn set_netns(&mut self, id: SlotId, netns: NetnsId) {
        let socket = self.slots.get_mut(id);
        let before = socket.netns;
        if before == netns {
            return;
        }
        socket.netns = netns;
        let is_minisock = u64::from(socket.kind == Kind::Minisock);
        let old = self.namespaces.get_mut(before);
        old.sockets -= 1;
        old.minisocks -= is_minisock;
        let new = self.namespaces.get_mut(netns);
        new.sockets += 1;
        new.minisocks += is_minisock;
    }
}
