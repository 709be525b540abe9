//! Who holds which socket, confirmed by the file descriptor tables.

use rustc_hash::{FxHashMap, FxHashSet};
use tcpmon_common::Holder;
use tcpmon_common::State;

use super::cgroups::Cgroups;
use super::processes::Processes;
use super::socket::{Owner, SlotId, Socket};
use super::walk::Task;
use super::{Process, Table};
use crate::core::facts::Kind;
use crate::core::query::OwnerSource;

/// Holders of which neither address nor cookie is known, by the inode of their socket.
#[derive(Clone, Debug, Default)]
pub struct ByInode {
    /// Of several the one that is named.
    named: FxHashMap<u64, Holder>,
    /// The others by their pids, where there are any.
    others: FxHashMap<u64, FxHashMap<u32, Holder>>,
}

impl ByInode {
    /// Adds a holder. One of inode 0 is none: every socket with a descriptor has an inode.
    pub fn add(&mut self, holder: Holder) {
        if holder.inode == 0 {
            return;
        }
        let named = self.named.entry(holder.inode).or_insert(holder);
        if named.pid == holder.pid {
            return;
        }
        let other = if Rank::of(&holder) < Rank::of(named) {
            std::mem::replace(named, holder)
        } else {
            holder
        };
        let others = self.others.entry(holder.inode).or_default();
        others.entry(other.pid).or_insert(other);
    }

    /// All of them, each process once for each socket.
    pub fn holders(&self) -> impl Iterator<Item = Holder> + '_ {
        self.named
            .values()
            .copied()
            .chain(self.others.values().flat_map(|it| it.values().copied()))
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.named.is_empty()
    }
}

impl FromIterator<Holder> for ByInode {
    fn from_iter<T: IntoIterator<Item = Holder>>(holders: T) -> Self {
        let mut by_inode = Self::default();
        for holder in holders {
            by_inode.add(holder);
        }
        by_inode
    }
}

/// A scan that is heard part by part.
#[derive(Debug, Default)]
pub(super) struct Scan {
    pub(super) started_ns: u64,
    /// How the processes in it rank, by pid.
    ranks: FxHashMap<u32, Rank>,
    /// The pids of holders that are not the one named.
    shared: FxHashMap<SlotId, FxHashSet<u32>>,
}

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
        self.close_holders(started_ns, holders.iter().copied().collect());
        while self.walk_on(usize::MAX) {}
    }

    /// Takes over a part of a scan that tells sockets by address or cookie. Sockets that changed
    /// hands since are confirmed by the next one. Of several holders one is named, the oldest process
    /// mostly: the others are its children, and one between fork and exec will let go at once. All are
    /// counted, whatever parts they are in.
    pub fn hear_holders(&mut self, started_ns: u64, holders: &[Holder]) {
        let mut scan = self.take_scan(started_ns);
        for holder in holders {
            let bound = self.by_sock.get(&holder.sock).copied();
            let id = bound.or_else(|| {
                let is_dumped = |socket: &Socket| socket.kind == Kind::Full && socket.sock == 0;
                (holder.cookie != 0)
                    .then(|| self.with_cookie(holder.cookie, is_dumped))
                    .flatten()
            });
            if let Some(id) = id {
                self.hear(id, holder, &mut scan);
            }
        }
        self.scan = scan;
    }

    /// Begins to end a scan: [`Table::walk_on`] does the rest. `by_inode`: holders of which neither
    /// address nor cookie is known.
    pub fn close_holders(&mut self, started_ns: u64, by_inode: ByInode) {
        let scan = self.take_scan(started_ns);
        self.start_walk(Task::EndHolders { scan, by_inode });
        self.unconfirmed = false;
    }

    /// What is left to do for a socket when a scan is over. Connections that waited in an accept
    /// queue before the agent started get the process of their listener, which is known now.
    pub(super) fn look_for_holder(&mut self, id: SlotId, scan: &Scan) {
        self.count_holders(id, scan);
        let socket = self.slots.get(id);
        if socket.accepted == Some(false) && socket.owner.is_none() {
            self.inherit_owner(id);
            self.regroup(id);
        }
        let socket = self.slots.get(id);
        // Not found though a process has had it since before: that process is hidden from us, or keeps it
        // under no descriptor (`io_uring_register_files(3)`), and the next scan would not find it either.
        let is_hidden = socket.accepted == Some(true) && socket.touched_ns < scan.started_ns;
        self.unconfirmed |= is_unconfirmed(socket) && !is_hidden;
    }

    /// Takes over what is known of the socket by its inode alone.
    pub(super) fn hear_by_inode(&mut self, id: SlotId, by_inode: &ByInode, scan: &mut Scan) {
        let inode = self.slots.get(id).inode;
        let Some(named) = by_inode.named.get(&inode) else {
            return;
        };
        self.hear(id, named, scan);
        for other in by_inode
            .others
            .get(&inode)
            .into_iter()
            .flat_map(FxHashMap::values)
        {
            self.hear(id, other, scan);
        }
    }

    /// The scan under way, if it is the one that began at `started_ns`; else a new one.
    fn take_scan(&mut self, started_ns: u64) -> Scan {
        let scan = std::mem::take(&mut self.scan);
        if scan.started_ns == started_ns {
            return scan;
        }
        Scan {
            started_ns,
            ..Scan::default()
        }
    }

    fn hear(&mut self, id: SlotId, holder: &Holder, scan: &mut Scan) {
        scan.ranks.insert(holder.pid, Rank::of(holder));
        if self.confirm(id, holder, scan.started_ns) {
            // What was heard before was of another socket in the same slot.
            if !scan.shared.is_empty() {
                scan.shared.remove(&id);
            }
        } else if let Some(named) = self.named_beside(id, holder, scan.started_ns) {
            let outranks = |rank: &Rank| Rank::of(holder) < *rank;
            let other = if scan.ranks.get(&named).is_some_and(outranks) {
                self.name_holder(id, holder);
                named
            } else {
                holder.pid
            };
            scan.shared.entry(id).or_default().insert(other);
        }
    }

    /// The pid of the process that this scan named before; `None` when it is the holder's once more, or
    /// the holder's socket is another one at the same address.
    fn named_beside(&self, id: SlotId, holder: &Holder, started_ns: u64) -> Option<u32> {
        let socket = self.slots.get(id);
        let named = socket.owner.filter(|owner| {
            owner.source == OwnerSource::FdTable && socket.seen_holder_ns == started_ns
        })?;
        let is_it = socket.cookie == holder.cookie || socket.cookie == 0 || holder.cookie == 0;
        let pid = self.processes.get(named.process).pid;
        (is_it && pid != holder.pid).then_some(pid)
    }

    fn count_holders(&mut self, id: SlotId, scan: &Scan) {
        let Some(others) = scan.shared.get(&id) else {
            return;
        };
        let socket = self.slots.get_mut(id);
        if socket.seen_holder_ns == scan.started_ns
            && let Some(owner) = &mut socket.owner
            && owner.source == OwnerSource::FdTable
        {
            owner.holders = u16::try_from(others.len() + 1).unwrap_or(u16::MAX);
        }
    }

    /// Whether the holder is the first of the socket in this scan, and named from now on.
    fn confirm(&mut self, id: SlotId, holder: &Holder, started_ns: u64) -> bool {
        let Self {
            slots, processes, ..
        } = self;
        let socket = slots.get_mut(id);
        if holder.cookie != 0 && socket.cookie != 0 && holder.cookie != socket.cookie {
            return false;
        }
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
        if holder.inode != 0 {
            socket.inode = holder.inode;
        }
        if is_named(socket, holder, processes) {
            return true;
        }
        socket.accepted = Some(true);
        self.name_holder(id, holder);
        true
    }

    fn name_holder(&mut self, id: SlotId, holder: &Holder) {
        let process = Process {
            pid: holder.pid,
            comm: holder.comm,
        };
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

/// Of several holders of a socket the least is named: not the service manager, which keeps the listeners it
/// has passed to a service (systemd.socket(5)) and accepts nothing itself; of others the oldest, and of
/// those that began at the same time (a clock tick is all that `/proc` tells) that of the lower pid.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Rank {
    is_manager: bool,
    born_ns: u64,
    pid: u32,
}

impl Rank {
    fn of(holder: &Holder) -> Self {
        Self {
            is_manager: holder.comm == *b"systemd\0\0\0\0\0\0\0\0\0",
            born_ns: holder.born_ns,
            pid: holder.pid,
        }
    }
}

/// Whether the holder is who was named before, alone with the socket: most scans tell nothing else.
fn is_named(socket: &Socket, holder: &Holder, processes: &Processes) -> bool {
    let is_it = |owner: Owner| {
        let fits =
            (owner.source, owner.holders, owner.fd) == (OwnerSource::FdTable, 1, Some(holder.fd));
        fits && processes.is(owner.process, holder.pid, &holder.comm)
    };
    socket.accepted == Some(true) && socket.owner.is_some_and(is_it)
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
