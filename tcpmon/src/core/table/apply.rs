//! One record of the stream: which socket it speaks of, and what changes.

use tcpmon_common::record::{MINISOCKS_UNKNOWN, flag};
use tcpmon_common::{Record, State};

use super::past::Past;
use super::socket::{Owner, SlotId, Socket};
use super::totals::Drift;
use super::{Process, TIME_WAIT_NS, Table};
use crate::core::ending::Ending;
use crate::core::facts::{Kind, NetnsIdentity};
use crate::core::fsm::{self, Edge, EdgeKind};
use crate::core::query::{OwnerSource, Role};
use crate::core::tuple::Tuple;

/// What a record changed; for those who watch the stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Change {
    /// The socket. Read it before the next change: it may be gone.
    pub id: SlotId,
    /// What happened.
    pub edge: Edge,
    /// Why it ended, if it did.
    pub ending: Option<Ending>,
    /// Time spent in the state before, where its beginning was seen.
    pub duration_ns: Option<u64>,
    /// `CLOCK_BOOTTIME` of the transition.
    pub time_ns: u64,
}

impl Table {
    /// Applies one record. `None` when it is of no known state, or of no socket: 0 is the address of
    /// those the stream cannot speak of.
    pub fn apply(&mut self, record: &Record) -> Option<Change> {
        self.totals.applied += 1;
        let states = (
            State::from_kernel(i64::from(record.old_state)),
            State::from_kernel(i64::from(record.new_state)),
        );
        let (Some(old), Some(new), true) = (states.0, states.1, record.sock != 0) else {
            self.totals.odd_records += 1;
            return None;
        };
        let edge = fsm::edge(old, new);
        let id = self.subject(record, old, new);
        self.learn(id, record, edge);
        let duration_ns = self.duration(id, record.time_ns);
        let change = |ending, duration_ns| {
            Some(Change {
                id,
                edge,
                ending,
                duration_ns,
                time_ns: record.time_ns,
            })
        };
        match edge.kind {
            EdgeKind::SelfLoop => {
                self.totals.self_loops += 1;
                if new == State::Close {
                    self.drop_socket(id);
                }
                return change(None, None);
            }
            EdgeKind::Unknown => self.totals.unknown_edges += 1,
            _ => {}
        }
        self.count_traffic(id, edge, duration_ns, record.time_ns);
        if new == State::Close {
            let ending = self.end(id, record, old, duration_ns);
            return change(Some(ending), duration_ns);
        }
        self.enter(id, new, record.time_ns, duration_ns);
        if new == State::Listen {
            self.listeners.add(self.slots.get(id), id);
        }
        change(None, duration_ns)
    }

    /// The socket the record speaks of, made known if it is not.
    #[inline]
    fn subject(&mut self, record: &Record, old: State, new: State) -> SlotId {
        let is_birth = matches!(
            (old, new),
            (State::Close, State::Listen | State::SynSent) | (State::Listen, State::SynRecv)
        );
        let known = self.by_sock.get(&record.sock).copied();
        if is_birth {
            if let Some(stale) = known {
                // Addresses are reused within microseconds; this one's end was lost.
                self.totals.count_drift(Drift::Reborn);
                self.drop_socket(stale);
            }
            self.forget_dumped(record);
            return self.bear(record, old, new);
        }
        if let Some(id) = known {
            if !is_another(self.slots.get(id), record, old) {
                self.correct_state(id, record, old);
                return id;
            }
            // Its end was lost, and with it the birth of the one that has the address now.
            self.totals.count_drift(Drift::Reborn);
            self.drop_socket(id);
        }
        self.adopt(record, old)
    }

    /// A socket of which only a dump has spoken begins anew: the request of a handshake that is
    /// done now, or a disconnected socket that is used again.
    #[inline]
    fn forget_dumped(&mut self, record: &Record) {
        let netns = self.namespaces.intern(netns_of(record));
        if let Some(id) = self.find_dumped(netns, record) {
            let socket = self.slots.get(id);
            // Addresses alone may be the listener's.
            let is_it = socket.cookie != 0
                || socket.kind == Kind::Request
                || (record.inode != 0 && socket.inode == record.inode);
            if is_it {
                self.drop_socket(id);
            }
        }
    }

    fn bear(&mut self, record: &Record, old: State, new: State) -> SlotId {
        let mut socket = Socket::new(old.folded(), record.time_ns);
        socket.sock = record.sock;
        socket.cookie = record.cookie;
        socket.tuple = Tuple::of_record(record).unwrap_or(Tuple::UNKNOWN);
        socket.netns = self.namespaces.intern(netns_of(record));
        socket.role = Some(match new {
            State::SynSent => Role::Client,
            _ => Role::Server,
        });
        socket.accepted = Some(old == State::Close);
        if new != State::Listen {
            socket.opened_ns = record.time_ns;
        }
        // The state it comes from was not lived through: it has no duration.
        socket.age_is_lower_bound = true;
        let id = self.add(socket, None);
        self.by_sock.insert(record.sock, id);
        id
    }

    /// A socket older than the agent, or one whose birth was lost.
    fn adopt(&mut self, record: &Record, old: State) -> SlotId {
        let netns = self.namespaces.intern(netns_of(record));
        if let Some(id) = self.find_dumped(netns, record) {
            self.by_sock.insert(record.sock, id);
            self.slots.get_mut(id).sock = record.sock;
            self.correct_state(id, record, old);
            return id;
        }
        // `ss -K` announces the end of a listener twice: `tcp_abort` (`net/ipv4/tcp.c`) sets CLOSE,
        // and `tcp_done` of the closed socket sets it again. Nothing was missed.
        if self.is_seeded(netns) && old != State::Close {
            self.totals.count_drift(Drift::Missed);
        }
        let mut socket = Socket::new(old.folded(), record.time_ns);
        socket.sock = record.sock;
        socket.cookie = record.cookie;
        socket.tuple = Tuple::of_record(record).unwrap_or(Tuple::UNKNOWN);
        socket.netns = netns;
        socket.age_is_lower_bound = true;
        let id = self.add(socket, None);
        self.by_sock.insert(record.sock, id);
        id
    }

    /// The record's state before is the kernel's; another means that records were lost.
    #[inline]
    fn correct_state(&mut self, id: SlotId, record: &Record, old: State) {
        if self.slots.get(id).state != old.folded() {
            self.totals.count_drift(Drift::State);
            self.slots.enter(id, old.folded(), record.time_ns);
            self.shift(id);
            let socket = self.slots.get_mut(id);
            socket.age_is_lower_bound = true;
            socket.past = Past::default();
        }
    }

    /// Takes over what the record says of the socket.
    #[inline]
    fn learn(&mut self, id: SlotId, record: &Record, edge: Edge) {
        let netns = self.namespaces.intern(netns_of(record));
        if record.minisocks != MINISOCKS_UNKNOWN {
            self.namespaces.get_mut(netns).kernel_minisocks = Some(u64::from(record.minisocks));
        }
        let mut readdressed = false;
        if let Some(tuple) = Tuple::of_record(record)
            && self.slots.get(id).tuple != tuple
            && says_more(&tuple, &self.slots.get(id).tuple, edge)
        {
            self.set_tuple(id, tuple);
            readdressed = true;
            if !self.dumps_have_cookies {
                self.forget_dumped(record);
            }
        }
        let socket = self.slots.get_mut(id);
        socket.touched_ns = record.time_ns;
        let mut moves = socket.place.group().is_none() || readdressed;
        if record.inode != 0 {
            socket.inode = record.inode;
        }
        let accepted_now = record.has(flag::HAS_SOCKET) && socket.accepted == Some(false);
        if record.has(flag::HAS_SOCKET) {
            socket.accepted = Some(true);
        }
        if record.cgroup_id != 0 && socket.cgroup != record.cgroup_id {
            socket.cgroup = record.cgroup_id;
            self.cgroups.want(record.cgroup_id);
        }
        if record.cookie != 0 && socket.cookie != record.cookie {
            self.set_cookie(id, record.cookie);
            // A child announced with its listener's cookie shows only now which request it was.
            self.forget_dumped(record);
        }
        let owner = self.slots.get(id).owner.map(|owner| owner.process);
        self.learn_owner(id, record, edge);
        moves |= owner != self.slots.get(id).owner.map(|owner| owner.process);
        if moves || accepted_now {
            self.regroup(id);
        }
    }

    fn learn_owner(&mut self, id: SlotId, record: &Record, edge: Edge) {
        if record.has(flag::TASK) {
            let process = Process {
                pid: record.pid,
                comm: record.comm,
            };
            self.learn_actor(id, process, record, edge.kind);
        } else if edge.from == State::SynRecv || edge.to == State::SynRecv {
            self.inherit_owner(id);
        }
    }

    /// The process seen acting. Who closes last may not be who opened (fork, passed descriptors);
    /// after `close()` nobody holds the socket any more, and the closer is what is left to name.
    fn learn_actor(&mut self, id: SlotId, process: Process, record: &Record, kind: EdgeKind) {
        let source = match kind {
            EdgeKind::Listening => OwnerSource::Listen,
            EdgeKind::ActiveOpen => OwnerSource::Connect,
            _ => OwnerSource::Close,
        };
        let only_half_closed = source == OwnerSource::Close && record.shutdown != 3;
        if only_half_closed && self.slots.get(id).owner.is_some() {
            return;
        }
        let process = self.processes.hold(process, record.time_ns);
        self.set_owner(
            id,
            Owner {
                process,
                source,
                holders: 0,
                fd: None,
            },
        );
        if source != OwnerSource::Close {
            self.unconfirmed = true;
        }
    }

    /// An accepted socket has its listener's process until somebody is seen with it.
    pub(super) fn inherit_owner(&mut self, id: SlotId) {
        let socket = self.slots.get(id);
        if socket.owner.is_some() || socket.role == Some(Role::Client) {
            return;
        }
        let inherited = self
            .listeners
            .owner_for(&self.slots, socket.netns, &socket.tuple);
        self.unconfirmed = true;
        if let Some(listener) = inherited {
            let process = self.processes.share(listener.process);
            self.set_owner(
                id,
                Owner {
                    process,
                    source: OwnerSource::Listener,
                    holders: 0,
                    fd: None,
                },
            );
        }
    }

    /// Gives the socket an owner that is already counted for it.
    pub(super) fn set_owner(&mut self, id: SlotId, owner: Owner) {
        let before = self.slots.get_mut(id).owner.replace(owner);
        if let Some(before) = before {
            self.processes.release(before.process);
        }
    }

    #[inline]
    fn duration(&self, id: SlotId, now_ns: u64) -> Option<u64> {
        let socket = self.slots.get(id);
        (!socket.age_is_lower_bound).then(|| socket.age_ns(now_ns))
    }

    /// Moves the socket into `state`; its age begins.
    #[inline]
    pub(super) fn enter(
        &mut self,
        id: SlotId,
        state: State,
        time_ns: u64,
        duration_ns: Option<u64>,
    ) {
        let before = self.slots.get(id).state;
        if let Some(duration_ns) = duration_ns {
            self.totals.durations[before as usize].observe(duration_ns);
        }
        self.totals.entered[state.folded() as usize] += 1;
        self.slots.enter(id, state.folded(), time_ns);
        let socket = self.slots.get_mut(id);
        socket.past.push(before, duration_ns);
        socket.age_is_lower_bound = false;
        self.shift(id);
    }

    /// `-> CLOSE`: the socket is gone, or lives on as a minisock.
    fn end(&mut self, id: SlotId, record: &Record, old: State, duration_ns: Option<u64>) -> Ending {
        let ending = Ending::of(old, record);
        self.totals.endings[ending as usize] += 1;
        self.tally(id, ending, record.time_ns);
        // The full socket: a dump that began before may show it still.
        if let Some(audit) = &mut self.audit {
            audit.bury(self.slots.get(id));
        }
        self.count_failure(id, ending, record.time_ns);
        match ending {
            Ending::TimeWait => {
                self.count_out(id);
                self.make_minisock(id, record.time_ns.saturating_add(TIME_WAIT_NS));
                self.totals.count_silent(old, State::TimeWait);
                self.enter(id, State::TimeWait, record.time_ns, duration_ns);
                self.count_in(id);
            }
            // Still in FIN_WAIT2 for the peer and for `ss`: its age goes on.
            Ending::OrphanFinWait2 => {
                self.count_out(id);
                self.make_minisock(id, record.time_ns.saturating_add(self.fin_timeout_ns));
                self.count_in(id);
            }
            _ => {
                if let Some(duration_ns) = duration_ns {
                    self.totals.durations[old as usize].observe(duration_ns);
                }
                self.totals.entered[State::Close as usize] += 1;
                self.drop_socket(id);
            }
        }
        ending
    }

    /// The process and the full socket are gone; the kernel alone keeps the connection.
    fn make_minisock(&mut self, id: SlotId, expires_ns: u64) {
        let socket = self.slots.get_mut(id);
        self.by_sock.remove(&socket.sock);
        socket.sock = 0;
        socket.inode = 0;
        socket.kind = Kind::Minisock;
        socket.expires_ns = expires_ns;
        if let Some(owner) = &mut socket.owner {
            owner.fd = None;
            owner.holders = 0;
        }
    }
}

const fn netns_of(record: &Record) -> NetnsIdentity {
    NetnsIdentity {
        cookie: record.netns_cookie,
        inode: record.netns_inode,
    }
}

/// Whether the record speaks of another socket than the one known by its address. A cookie is kept
/// for life, but for that of a child: up to Linux 6.12 it gets its request's after it is announced.
#[inline]
fn is_another(known: &Socket, record: &Record, old: State) -> bool {
    let is_child = (known.state, old) == (State::SynRecv, State::SynRecv);
    known.cookie != 0 && record.cookie != 0 && known.cookie != record.cookie && !is_child
}

/// Whether a record's tuple is worth more than what is known. Up to Linux 6.12 a child is announced
/// with its listener's tuple; a connecting socket has no local port at first, or on the classic
/// tracepoint that of its last connection; at the end the address may be gone already.
#[inline]
fn says_more(new: &Tuple, known: &Tuple, edge: Edge) -> bool {
    if known.local_port == 0 {
        return true;
    }
    let complete = new.local_port != 0 && new.remote_port != 0;
    let known_complete = known.remote_port != 0 || edge.to == State::Listen;
    let chosen_now = edge.from == State::SynSent && edge.to != State::Close;
    complete && (chosen_now || !known_complete)
}
