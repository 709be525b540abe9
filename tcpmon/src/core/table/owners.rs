//! Who holds which socket, confirmed by the file descriptor tables.

use rustc_hash::{FxHashMap, FxHashSet};
use tcpmon_common::Holder;
use tcpmon_common::State;

use super::cgroups::Cgroups;
use super::socket::{Owner, SlotId, Socket};
use super::{Process, Table};
use crate::core::facts::Kind;
use crate::core::query::OwnerSource;

impl Table {
    /// Whether a scan of file descriptors would tell something new.
    #[must_use]
    pub const fn wants_holders(&self) -> bool {
        self.unconfirmed
    }

    /// Takes over a whole scan that began at `started_ns`. Sockets that changed hands since are
    /// confirmed by the next one. Of several holders the first in the scan is named, and all are
    /// counted.
    pub fn set_holders(&mut self, started_ns: u64, holders: &[Holder]) {
        self.holders_scanned_ns = started_ns;
        let (by_cookie, by_inode) = self.unbound();
        let mut shared: FxHashMap<SlotId, FxHashSet<u32>> = FxHashMap::default();
        for holder in holders {
            let id = self
                .by_sock
                .get(&holder.sock)
                .or_else(|| by_cookie.get(&holder.cookie))
                .or_else(|| by_inode.get(&holder.inode))
                .copied();
            if let Some(id) = id
                && !self.confirm(id, holder, started_ns)
                && let Some(other) = self.other_holder(id, holder, started_ns)
            {
                shared.entry(id).or_default().insert(other);
            }
        }
        self.count_holders(&shared);
        self.inherit_owners();
        self.unconfirmed = self
            .slots
            .ids()
            .any(|id| is_unconfirmed(self.slots.get(id)));
    }

    /// Gives connections that waited in an accept queue before the agent started the process of
    /// their listener, which is known now.
    fn inherit_owners(&mut self) {
        let waiting: Vec<SlotId> = self
            .slots
            .ids()
            .filter(|id| {
                let socket = self.slots.get(*id);
                socket.accepted == Some(false) && socket.owner.is_none()
            })
            .collect();
        for id in waiting {
            self.inherit_owner(id);
            self.regroup(id);
        }
    }

    /// Sockets the stream has not spoken of, by cookie; and those without cookie, by inode.
    fn unbound(&self) -> (FxHashMap<u64, SlotId>, FxHashMap<u64, SlotId>) {
        let mut by_cookie = FxHashMap::default();
        let mut by_inode = FxHashMap::default();
        for id in self.slots.ids() {
            let socket = self.slots.get(id);
            if socket.kind != Kind::Full {
                continue;
            }
            if socket.sock == 0 && socket.cookie != 0 {
                by_cookie.insert(socket.cookie, id);
            }
            if socket.inode != 0 {
                by_inode.insert(socket.inode, id);
            }
        }
        (by_cookie, by_inode)
    }

    /// The process of a holder that is not the first of its socket in the scan; `None` when it is the
    /// same process once more, or another socket at the same address.
    fn other_holder(&self, id: SlotId, holder: &Holder, started_ns: u64) -> Option<u32> {
        let socket = self.slots.get(id);
        let first = socket.owner.filter(|owner| {
            owner.source == OwnerSource::FdTable && socket.seen_holder_ns == started_ns
        })?;
        let is_it = socket.cookie == holder.cookie || socket.cookie == 0 || holder.cookie == 0;
        (is_it && self.processes.get(first.process).pid != holder.pid).then_some(holder.pid)
    }

    fn count_holders(&mut self, shared: &FxHashMap<SlotId, FxHashSet<u32>>) {
        for (id, others) in shared {
            if let Some(owner) = &mut self.slots.get_mut(*id).owner {
                owner.holders = u16::try_from(others.len() + 1).unwrap_or(u16::MAX);
            }
        }
    }

    /// Whether the holder is the first of the socket in this scan, and named from now on.
    fn confirm(&mut self, id: SlotId, holder: &Holder, started_ns: u64) -> bool {
        let socket = self.slots.get_mut(id);
        if holder.cookie != 0 && socket.cookie != 0 && holder.cookie != socket.cookie {
            return false;
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
            return false;
        }
        socket.seen_holder_ns = started_ns;
        socket.accepted = Some(true);
        if holder.inode != 0 {
            socket.inode = holder.inode;
        }
        let process = self.processes.hold(process, u64::MAX);
        self.set_owner(
            id,
            Owner {
                process,
                source: OwnerSource::FdTable,
                holders: 1,
                fd: Some(holder.fd),
            },
        );
        self.regroup(id);
        true
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
