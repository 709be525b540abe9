//! All that a table knows, written down, and put into another: how a recording that begins in the
//! middle of an agent's life has the ages, owners and roles that the agent knows.
//!
//! Not handed on is what was counted so far, and what the judge remembers: both begin anew.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use tcpmon_common::State;

use super::past::Past;
use super::socket::{Details, Owner, SlotId, Socket};
use super::{Process, Table};
use crate::core::facts::{
    DumpRow, Kind, NamespaceFact, NetnsIdentity, ProcessFact, Timer, encoding,
};
use crate::core::query::{OwnerSource, Role};
use crate::core::tuple::Tuple;

/// One socket planted in so many is remembered as a signpost.
const SIGNPOSTS: usize = 4;

/// What holds for a whole table.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ground {
    /// Dumps carry cookies.
    pub dumps_have_cookies: bool,
    /// How long a FIN_WAIT2 minisock lives, in nanoseconds.
    pub fin_timeout_ns: u64,
}

/// Whose a socket is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct KnownOwner {
    /// Process id in the initial pid namespace.
    pub pid: u32,
    /// Name as the kernel has it, NUL-padded.
    pub comm: [u8; 16],
    /// When the process was first seen acting on a socket; `u64::MAX` while it was not.
    pub since_ns: u64,
    /// How it is known.
    pub source: OwnerSource,
    /// Processes that held the socket at the last scan; 0 before one.
    pub holders: u16,
    /// File descriptor number.
    pub fd: Option<u32>,
}

/// All that is known of one socket. Times are `CLOCK_BOOTTIME` ns, 0 is unknown.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct KnownSocket {
    /// What the stream knows it by; 0 when it does not.
    pub sock: u64,
    /// Cookie.
    pub cookie: u64,
    /// Inode.
    pub inode: u64,
    /// Control group id.
    pub cgroup: u64,
    /// When it entered its state; a lower bound of the age if so marked.
    pub entered_ns: u64,
    /// The age is a lower bound.
    pub age_is_lower_bound: bool,
    /// When its connection began.
    pub opened_ns: u64,
    /// When the last record or repair spoke of it.
    pub touched_ns: u64,
    /// When a minisock's timer ends it.
    pub expires_ns: u64,
    /// When the scan began that last named its holder.
    pub seen_holder_ns: u64,
    /// Since when its peer does not answer.
    pub unanswered_ns: Option<u64>,
    /// The states before.
    pub past: Past,
    /// Addresses and ports.
    pub tuple: Tuple,
    /// Namespace.
    pub netns: NetnsIdentity,
    /// State.
    #[serde(with = "encoding::state")]
    pub state: State,
    /// Full socket, minisock or request.
    pub kind: Kind,
    /// Which side opened.
    pub role: Option<Role>,
    /// A process created or accepted it.
    pub accepted: Option<bool>,
    /// Whose it is.
    pub owner: Option<KnownOwner>,
    /// From the last dump.
    pub details: Option<Details>,
}

/// A namespace that has sockets.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct KnownNamespace {
    /// What was read of it.
    pub fact: NamespaceFact,
    /// It was dumped once: an unknown socket in it is a missed one.
    pub seeded: bool,
}

/// Where in its list a socket belongs that is older than others: without signposts planting many
/// would be a walk along half of the list for each.
#[derive(Debug, Default)]
pub struct Signposts {
    by_entry: BTreeMap<(u8, u64), SlotId>,
    planted: usize,
}

impl Table {
    /// What holds for all of it.
    #[must_use]
    pub const fn ground(&self) -> Ground {
        Ground {
            dumps_have_cookies: self.dumps_have_cookies,
            fin_timeout_ns: self.fin_timeout_ns,
        }
    }

    /// Takes over what holds for another table.
    pub fn set_ground(&mut self, ground: Ground) {
        self.set_dumps_have_cookies(ground.dumps_have_cookies);
        self.fin_timeout_ns = ground.fin_timeout_ns;
    }

    /// The sockets in the next `budget` places from `at` on, and where to go on; `None` at the end. What
    /// changes between two calls is told by the records in between.
    pub fn sockets_from(
        &self,
        at: usize,
        budget: usize,
    ) -> (impl Iterator<Item = SlotId> + '_, Option<usize>) {
        let end = self.slots.places().min(at.saturating_add(budget));
        let ids = (at..end).map(SlotId::from_index);
        let alive = ids.filter(|id| self.slots.is_alive(*id));
        (alive, (end < self.slots.places()).then_some(end))
    }

    /// All that is known of a socket.
    #[must_use]
    pub fn known_socket(&self, id: SlotId) -> KnownSocket {
        let socket = self.slots.get(id);
        let owner = socket.owner.map(|owner| {
            let process = self.processes.get(owner.process);
            KnownOwner {
                pid: process.pid,
                comm: process.comm,
                since_ns: self.processes.since_ns(owner.process),
                source: owner.source,
                holders: owner.holders,
                fd: owner.fd,
            }
        });
        KnownSocket {
            sock: socket.sock,
            cookie: socket.cookie,
            inode: socket.inode,
            cgroup: socket.cgroup,
            entered_ns: socket.entered_ns,
            age_is_lower_bound: socket.age_is_lower_bound,
            opened_ns: socket.opened_ns,
            touched_ns: socket.touched_ns,
            expires_ns: socket.expires_ns,
            seen_holder_ns: socket.seen_holder_ns,
            unanswered_ns: self.unanswered.get(&id).copied(),
            past: socket.past,
            tuple: socket.tuple,
            netns: self.namespaces.get(socket.netns).identity,
            state: socket.state,
            kind: socket.kind,
            role: socket.role,
            accepted: socket.accepted,
            owner,
            details: socket.details,
        }
    }

    /// Puts a socket in as another table knows it. What is known of the same socket here, from a
    /// record that came before, is less and makes room.
    pub fn plant(&mut self, known: &KnownSocket, signposts: &mut Signposts) -> SlotId {
        let netns = self.namespaces.intern(known.netns);
        // The stream speaks of full sockets alone, whatever a recording says.
        let sock = if known.kind == Kind::Full {
            known.sock
        } else {
            0
        };
        let by_sock = self.by_sock.get(&sock).copied();
        let same = by_sock.or_else(|| self.find_row(netns, &as_row(known)));
        if let Some(same) = same {
            self.drop_socket(same);
        }
        let mut socket = Socket::new(known.state.folded(), known.entered_ns);
        socket.sock = sock;
        socket.cookie = known.cookie;
        socket.inode = known.inode;
        socket.cgroup = known.cgroup;
        socket.age_is_lower_bound = known.age_is_lower_bound;
        socket.opened_ns = known.opened_ns;
        socket.touched_ns = known.touched_ns;
        socket.expires_ns = known.expires_ns;
        socket.seen_holder_ns = known.seen_holder_ns;
        socket.past = known.past;
        socket.tuple = known.tuple;
        socket.netns = netns;
        socket.kind = known.kind;
        socket.role = known.role;
        socket.accepted = known.accepted;
        socket.details = known.details;
        self.cgroups.want(known.cgroup);
        let key = (socket.state.number(), socket.entered_ns);
        let id = self.add(socket, signposts.before(key, self));
        signposts.put(key, id);
        if sock != 0 {
            self.by_sock.insert(sock, id);
        }
        if let Some(owner) = known.owner {
            let process = Process {
                pid: owner.pid,
                comm: owner.comm,
            };
            let process = self.processes.hold(process, owner.since_ns);
            self.set_owner(
                id,
                Owner {
                    process,
                    source: owner.source,
                    holders: owner.holders,
                    fd: owner.fd,
                },
            );
        }
        if known.state == State::Listen {
            self.listeners.add(self.slots.get(id), id);
        }
        if let Some(since_ns) = known.unanswered_ns {
            self.unanswered.insert(id, since_ns);
        }
        self.regroup(id);
        id
    }

    /// Says that everything has been planted: what comes from now on is new.
    pub fn planted(&mut self) {
        self.groups.settle();
    }

    /// The namespaces with sockets.
    pub fn known_namespaces(&self) -> impl Iterator<Item = KnownNamespace> + '_ {
        self.namespaces.occupied().map(|namespace| KnownNamespace {
            fact: NamespaceFact {
                identity: namespace.identity,
                name: namespace.name.clone(),
                events: namespace.events.unwrap_or_default(),
                limits: namespace.limits.clone(),
            },
            seeded: self.seeded || namespace.seeded,
        })
    }

    /// Takes over what another table knows of a namespace.
    pub fn plant_namespace(&mut self, known: KnownNamespace) {
        let id = self.namespaces.intern(known.fact.identity);
        // What the kernel counted before is not ours to count.
        self.namespaces.describe(known.fact);
        self.namespaces.get_mut(id).seeded = known.seeded;
    }

    /// The names of control groups.
    pub fn known_cgroups(&self) -> impl Iterator<Item = (u64, &str)> {
        self.cgroups.named()
    }

    /// Takes over names of control groups; those that are not among them stay as they are.
    pub fn plant_cgroups<'a>(&mut self, names: impl IntoIterator<Item = (u64, &'a str)>) {
        for (id, path) in names {
            self.cgroups.learn(id, path);
        }
    }

    /// What was read of the processes that hold sockets.
    pub fn known_processes(&self) -> impl Iterator<Item = &ProcessFact> {
        let ids = self.processes.ids();
        ids.filter_map(|id| self.processes.fact(id))
    }

    /// The socket a row of a dump speaks of.
    #[must_use]
    pub fn of_row(&self, netns: NetnsIdentity, row: &DumpRow) -> Option<SlotId> {
        self.find_row(self.namespaces.find(netns)?, row)
    }

    /// The socket the stream knows by `sock`.
    #[must_use]
    pub fn of_sock(&self, sock: u64) -> Option<SlotId> {
        self.by_sock.get(&sock).copied()
    }

    /// Process id of a socket's owner.
    #[must_use]
    pub fn pid_of(&self, id: SlotId) -> Option<u32> {
        let owner = self.slots.get(id).owner?;
        Some(self.processes.get(owner.process).pid)
    }
}

impl Signposts {
    /// A socket that is not after `key` in its list.
    fn before(&self, key: (u8, u64), table: &Table) -> Option<SlotId> {
        let (found, id) = self.by_entry.range(..=key).next_back()?;
        (found.0 == key.0 && table.slots.is_alive(*id)).then_some(*id)
    }

    fn put(&mut self, key: (u8, u64), id: SlotId) {
        self.planted += 1;
        if self.planted.is_multiple_of(SIGNPOSTS) {
            self.by_entry.insert(key, id);
        }
    }
}

/// The row a dump would have of it: what finds it among those known.
fn as_row(known: &KnownSocket) -> DumpRow {
    DumpRow {
        cookie: known.cookie,
        state: known.state,
        kind: known.kind,
        tuple: known.tuple,
        // Inodes of sockets have 32 bits wherever a dump tells them.
        inode: u32::try_from(known.inode).unwrap_or(0),
        uid: 0,
        recv_queue: 0,
        send_queue: None,
        expires_ms: 0,
        timer: Timer::None,
        unanswered: 0,
        cgroup: 0,
        drops: None,
        last_ack_ms: None,
    }
}
