//! Who holds which socket, confirmed by the file descriptor tables.

use rustc_hash::FxHashMap;
use tcpmon_common::Holder;
use tcpmon_common::State;

use super::cgroups::Cgroups;
use super::socket::{Owner, SlotId, Socket};
use super::walk::Task;
use super::{Process, Table};
use crate::core::facts::Kind;
use crate::core::query::OwnerSource;

impl Table {
    /// Whether a scan of file descriptors would tell something new.
    #[must_use]
    pub const fn wants_holders(&self) -> bool {
        self.unconfirmed
    }

    /// Takes over a whole scan that began at `started_ns`, all at once; for a table with many sockets
    /// there are [`Table::hear_holders`] and [`Table::close_holders`].
    pub fn set_holders(&mut self, started_ns: u64, holders: &[Holder]) {
        self.hear_holders(started_ns, holders);
        let by_inode = holders.iter().rev().map(|holder| (holder.inode, *holder));
        self.close_holders(started_ns, by_inode.collect());
        while self.walk_on(usize::MAX) {}
    }

    /// Takes over a part of a scan that tells sockets by address or cookie. Sockets that changed
    /// hands since are confirmed by the next one. Of several holders the first in the scan is named.
    pub fn hear_holders(&mut self, started_ns: u64, holders: &[Holder]) {
        for holder in holders {
            let bound = self.by_sock.get(&holder.sock).copied();
            let id = bound.or_else(|| {
                let is_dumped = |socket: &Socket| socket.kind == Kind::Full && socket.sock == 0;
                (holder.cookie != 0)
                    .then(|| self.with_cookie(holder.cookie, is_dumped))
                    .flatten()
            });
            if let Some(id) = id {
                self.confirm(id, holder, started_ns);
            }
        }
    }

    /// Begins to end a scan: [`Table::walk_on`] does the rest. `by_inode`: holders of which neither
    /// address nor cookie is known.
    pub fn close_holders(&mut self, started_ns: u64, mut by_inode: FxHashMap<u64, Holder>) {
        // Nothing but a full socket in some process's table has an inode.
        by_inode.remove(&0);
        self.unconfirmed = false;
        self.start_walk(Task::EndHolders {
            started_ns,
            by_inode,
        });
    }

    /// What is left to do for a socket when a scan is over. Connections that waited in an accept
    /// queue before the agent started get the process of their listener, which is known now.
    pub(super) fn look_for_holder(&mut self, id: SlotId) {
        let socket = self.slots.get(id);
        if socket.accepted == Some(false) && socket.owner.is_none() {
            self.inherit_owner(id);
        }
        self.unconfirmed |= is_unconfirmed(self.slots.get(id));
    }

    pub(super) fn confirm(&mut self, id: SlotId, holder: &Holder, started_ns: u64) {
        let socket = self.slots.get_mut(id);
        if holder.cookie != 0 && socket.cookie != 0 && holder.cookie != socket.cookie {
            return;
        }
        let process = Process {
            pid: holder.pid,
            comm: holder.comm,
        };
        let confirmed = socket.owner.is_some_and(|owner| {
            owner.source == OwnerSource::FdTable
                && owner.fd.is_some()
                && socket.seen_holder_ns >= started_ns
        });
        let closed_since = socket
            .owner
            .is_some_and(|owner| owner.source == OwnerSource::Close)
            && socket.touched_ns >= started_ns;
        if confirmed || closed_since {
            return;
        }
        socket.seen_holder_ns = started_ns;
        socket.accepted = Some(true);
        if holder.inode != 0 {
            socket.inode = holder.inode;
        }
        let process = self.processes.hold(process);
        self.set_owner(
            id,
            Owner {
                process,
                source: OwnerSource::FdTable,
                fd: Some(holder.fd),
            },
        );
    }

    /// Whether there are control groups without a name.
    #[must_use]
    pub fn wants_cgroups(&self) -> bool {
        self.cgroups.wants()
    }

    /// Takes over names of control groups, by id.
    pub fn name_cgroups(&mut self, paths: &FxHashMap<u64, String>) {
        Cgroups::name(&mut self.cgroups, paths);
    }
}

/// Whether some process may hold the socket and none has been seen with it in its table.
fn is_unconfirmed(socket: &Socket) -> bool {
    let confirmed = socket
        .owner
        .is_some_and(|owner| owner.source == OwnerSource::FdTable);
    let may_be_held = matches!(
        socket.state,
        State::Listen | State::SynSent | State::SynRecv | State::Established | State::CloseWait
    );
    socket.kind == Kind::Full && may_be_held && !confirmed
}
