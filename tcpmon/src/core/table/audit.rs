//! Comparing the table with what the kernel dumps, and repairing it.
//!
//! A dump is not a snapshot: it takes up to half a second while sockets go on changing. The caller
//! applies all records up to the moment a chunk of rows was read before it passes the chunk on.
//! Then, for every row: a socket touched since the dump of its namespace began is newer in the
//! table than in the dump, and is left alone; so is a row whose socket has ended meanwhile.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use rustc_hash::{FxHashMap, FxHashSet};
use tcpmon_common::State;

use super::namespaces::NetnsId;
use super::socket::{Details, SlotId, Socket};
use super::totals::Drift;
use super::walk::Task;
use super::{TIME_WAIT_NS, Table};
use crate::core::facts::{DumpRow, DumpTime, Kind, NetnsIdentity, StateSet};
use crate::core::query::Role;
use crate::core::tuple::Tuple;

/// A TIME_WAIT entry that lives longer than we think by more than this was renewed: the peer's FIN
/// came again. Less is the coarseness of the kernel's timers.
const RENEWED_NS: u64 = 5_000_000_000;

/// One socket added in so many is remembered as a signpost.
const SIGNPOSTS: usize = 8;
/// Steps of a walk from the socket added before, until a signpost is asked for.
const NEAR: usize = 8;

/// An audit under way.
#[derive(Debug)]
pub(super) struct Audit {
    number: u32,
    /// What is compared; a socket in another state is not looked at.
    states: StateSet,
    ended_cookies: FxHashSet<u64>,
    ended_tuples: FxHashSet<Tuple>,
    /// Some of the sockets it added, by state and entry: where in its list another belongs. Without
    /// them a chunk of old sockets would be a walk along half of the list.
    signposts: BTreeMap<(u8, u64), SlotId>,
    added: usize,
    /// When the dump of each namespace began.
    swept: FxHashMap<NetnsId, u64>,
    /// A listener was found that nobody had announced.
    found_listener: bool,
}

impl Audit {
    pub(super) fn bury(&mut self, socket: &Socket) {
        if socket.cookie != 0 {
            self.ended_cookies.insert(socket.cookie);
        }
        self.ended_tuples.insert(socket.tuple);
    }

    /// The last signpost in the list of the state that is not after `key`.
    fn signpost(&self, key: (u8, u64)) -> Option<SlotId> {
        let (found, id) = self.signposts.range(..=key).next_back()?;
        (found.0 == key.0).then_some(*id)
    }

    fn put_signpost(&mut self, key: (u8, u64), id: SlotId) {
        self.added += 1;
        if self.added.is_multiple_of(SIGNPOSTS) {
            self.signposts.insert(key, id);
        }
    }

    /// Whether the row's socket has ended since the audit began.
    fn has_buried(&self, row: &DumpRow) -> bool {
        if row.cookie == 0 {
            self.ended_tuples.contains(&row.tuple)
        } else {
            self.ended_cookies.contains(&row.cookie)
        }
    }
}

/// All rows of an audit have been compared; what has not been seen is looked for.
#[derive(Debug)]
pub(super) struct Ending {
    audit: Audit,
    superseded: FxHashMap<NetnsId, u64>,
    complete: bool,
    pub(super) now_ns: u64,
}

impl Ending {
    /// Whether a listener was found that nobody had announced: it may have accepted what was taken for
    /// connections of our own.
    pub(super) const fn found_listener(&self) -> bool {
        self.audit.found_listener
    }

    /// Whether the kernel no longer has the socket.
    pub(super) fn is_over(&self, socket: &Socket) -> bool {
        let is_superseded = || {
            let since = self.superseded.get(&socket.netns);
            since.is_some_and(|started_ns| socket.touched_ns < *started_ns)
        };
        self.audit.states.contains(socket.state)
            && (is_gone(&self.audit, socket, self.complete) || is_superseded())
    }
}

impl Table {
    /// Begins an audit of the sockets in `states`; another one under way is given up.
    pub fn begin_audit(&mut self, states: StateSet) {
        self.audits = self.audits.wrapping_add(1).max(1);
        self.audit = Some(Audit {
            number: self.audits,
            states,
            ended_cookies: FxHashSet::default(),
            ended_tuples: FxHashSet::default(),
            signposts: BTreeMap::new(),
            added: 0,
            swept: FxHashMap::default(),
            found_listener: false,
        });
    }

    /// Compares the rows of one namespace with the table. Sorts `rows`: listeners first, so that what
    /// they accepted finds them, then by age.
    pub fn audit_rows(&mut self, netns: NetnsIdentity, time: DumpTime, rows: &mut [DumpRow]) {
        let Some(mut audit) = self.audit.take() else {
            return;
        };
        let netns = self.namespaces.intern(netns);
        sort_rows(rows);
        let mut near: [Option<SlotId>; State::ALL.len() + 1] = [None; State::ALL.len() + 1];
        for row in rows.iter() {
            if let Some(id) = self.find_row(netns, row) {
                self.slots.get_mut(id).seen_in = audit.number;
                self.set_netns(id, netns);
                self.compare(id, row, time);
                self.regroup(id);
            } else if self.takes(&audit, row) {
                let state = row.state.folded();
                let key = (state.number(), entered(row, time.read_ns).0);
                let place = &mut near[state as usize];
                let id = self.add_row(netns, row, time, self.begin_search(&audit, *place, key));
                *place = Some(id);
                audit.put_signpost(key, id);
                audit.found_listener |= row.state == State::Listen;
                self.slots.get_mut(id).seen_in = audit.number;
            }
        }
        self.audit = Some(audit);
    }

    /// Says that all rows of a namespace have been passed on, and when its dump began.
    pub fn audit_namespace_done(&mut self, netns: NetnsIdentity, started_ns: u64) {
        let netns = self.namespaces.intern(netns);
        // The dump has shown all there are; what the last record told may be long over.
        self.namespaces.get_mut(netns).kernel_minisocks = None;
        if let Some(audit) = &mut self.audit {
            audit.swept.insert(netns, started_ns);
        }
    }

    /// Ends the audit: what the kernel no longer has is removed. `complete`: every namespace the
    /// machine has was swept. All at once; [`Table::close_audit`] is for a table with many sockets.
    pub fn end_audit(&mut self, now_ns: u64, complete: bool) {
        self.close_audit(now_ns, complete);
        while self.walk_on(usize::MAX) {}
    }

    /// Begins to end the audit: [`Table::walk_on`] does the rest.
    pub fn close_audit(&mut self, now_ns: u64, complete: bool) {
        let Some(mut audit) = self.audit.take() else {
            return;
        };
        audit.signposts = BTreeMap::new();
        let superseded = self.namespaces.superseded(&audit.swept);
        if audit.states == StateSet::LIVE {
            // All rows have been compared: what only the walk is to remove was not seen.
            let first_ns = audit.swept.values().min().copied();
            self.last_audit = (audit.number, first_ns.unwrap_or(now_ns));
        }
        self.start_walk(Task::EndAudit(Ending {
            audit,
            superseded,
            complete,
            now_ns,
        }));
    }

    pub(super) fn audit_ended(&mut self, ending: &Ending) {
        if ending.audit.states == StateSet::LIVE {
            self.seeded |= ending.complete;
            for netns in ending.audit.swept.keys() {
                self.namespaces.get_mut(*netns).seeded = true;
            }
        }
        let gone = self.namespaces.forget_empty();
        self.endpoints.forget_namespaces(&gone);
    }

    /// Where to begin the search for the place of a row: at the socket added before, if that is near,
    /// else at a signpost.
    fn begin_search(&self, audit: &Audit, near: Option<SlotId>, key: (u8, u64)) -> Option<SlotId> {
        let found = near.and_then(|near| self.slots.last_before(near, key.1, NEAR));
        found.or_else(|| self.later(near, audit.signpost(key)))
    }

    /// Of two places to begin a search at, the one further along; a socket that is gone is none.
    fn later(&self, one: Option<SlotId>, other: Option<SlotId>) -> Option<SlotId> {
        let places = [one, other.filter(|id| self.slots.is_alive(*id))];
        let places = places.into_iter().flatten();
        places.max_by_key(|id| self.slots.get(*id).entered_ns)
    }

    /// Whether a row without a socket in the table is to be added. Not if its socket has ended since
    /// the audit began; a minisock may outlive it. An audit of some states takes only what the
    /// stream never announces: a full socket in one of them may be on its way into the table.
    fn takes(&self, audit: &Audit, row: &DumpRow) -> bool {
        match row.kind {
            Kind::Minisock => true,
            // Its handshake may be done by now.
            Kind::Request => {
                let became = |socket: &Socket| socket.kind == Kind::Full;
                !audit.has_buried(row)
                    && (row.cookie == 0 || self.with_cookie(row.cookie, became).is_none())
            }
            Kind::Full => audit.states == StateSet::LIVE && !audit.has_buried(row),
        }
    }

    fn compare(&mut self, id: SlotId, row: &DumpRow, time: DumpTime) {
        self.refresh(id, row);
        self.note_answers(id, row, time.read_ns);
        let socket = self.slots.get(id);
        if socket.touched_ns >= time.started_ns {
            return;
        }
        let (entered_ns, is_lower_bound) = entered(row, time.read_ns);
        if socket.state != row.state.folded() {
            self.repair_state(id, row, entered_ns, is_lower_bound);
        }
        if row.kind == Kind::Minisock {
            let socket = self.slots.get_mut(id);
            socket.expires_ns = time.read_ns + u64::from(row.expires_ms) * 1_000_000;
            if !is_lower_bound && entered_ns > socket.entered_ns.saturating_add(RENEWED_NS) {
                self.slots.enter(id, State::TimeWait, entered_ns);
                self.shift(id);
            }
        }
    }

    /// Takes over what every dump tells anew.
    fn refresh(&mut self, id: SlotId, row: &DumpRow) {
        if row.cookie != 0 {
            self.set_cookie(id, row.cookie);
        }
        let tuple = self.slots.get(id).tuple;
        if tuple.local_port == 0 || tuple.remote_port == 0 {
            self.set_tuple(id, row.tuple);
        }
        let socket = self.slots.get_mut(id);
        socket.details = Some(Details::of(row));
        if row.inode != 0 {
            socket.inode = u64::from(row.inode);
            socket.accepted = Some(true);
        }
        if row.cgroup != 0 && socket.cgroup != row.cgroup {
            socket.cgroup = row.cgroup;
            self.cgroups.want(row.cgroup);
        }
    }

    fn repair_state(&mut self, id: SlotId, row: &DumpRow, entered_ns: u64, is_lower_bound: bool) {
        let socket = self.slots.get(id);
        let (from, to) = (socket.state, row.state.folded());
        let was_listening = from == State::Listen;
        let silent = row.kind == Kind::Minisock && from == State::FinWait2 && to == State::TimeWait;
        let duration = (silent && !socket.age_is_lower_bound)
            .then(|| entered_ns.saturating_sub(socket.entered_ns));
        if silent {
            // The peer's FIN reached the minisock: no tracepoint tells.
            self.totals.count_silent(from, to);
        } else {
            self.totals.count_drift(Drift::State);
        }
        if was_listening {
            self.listeners.remove(self.slots.get(id), id);
        }
        self.count_out(id);
        self.enter(id, to, entered_ns, duration);
        self.count_in(id);
        self.slots.get_mut(id).age_is_lower_bound = is_lower_bound;
        if to == State::Listen {
            self.listeners.add(self.slots.get(id), id);
        }
    }

    /// A row nobody has spoken of: older than the agent, a request, or missed.
    fn add_row(
        &mut self,
        netns: NetnsId,
        row: &DumpRow,
        time: DumpTime,
        near: Option<SlotId>,
    ) -> SlotId {
        if self.is_seeded(netns) && row.kind == Kind::Full {
            self.totals.count_drift(Drift::Missed);
        }
        if row.kind == Kind::Request {
            self.totals.count_silent(State::Listen, State::NewSynRecv);
            self.totals.entered[State::SynRecv as usize] += 1;
        }
        let (entered_ns, is_lower_bound) = entered(row, time.read_ns);
        let mut socket = Socket::new(row.state.folded(), entered_ns);
        socket.touched_ns = time.started_ns.saturating_sub(1);
        socket.cookie = row.cookie;
        socket.inode = u64::from(row.inode);
        socket.cgroup = row.cgroup;
        self.cgroups.want(row.cgroup);
        socket.tuple = row.tuple;
        socket.netns = netns;
        socket.kind = row.kind;
        socket.age_is_lower_bound = is_lower_bound;
        socket.accepted = match row.kind {
            Kind::Full => is_accepted(row),
            Kind::Minisock | Kind::Request => None,
        };
        socket.role = role(row);
        socket.details = Some(Details::of(row));
        if row.kind == Kind::Minisock {
            socket.expires_ns = time.read_ns + u64::from(row.expires_ms) * 1_000_000;
        }
        self.unconfirmed |= row.kind == Kind::Full;
        let id = self.add(socket, near);
        if row.state == State::Listen {
            self.listeners.add(self.slots.get(id), id);
        }
        self.regroup(id);
        id
    }

    /// The kernel no longer has it. For minisocks and requests that is how they end.
    pub(super) fn end_unseen(&mut self, id: SlotId, now_ns: u64) {
        let socket = self.slots.get(id);
        match socket.kind {
            Kind::Full => self.totals.count_drift(Drift::Vanished),
            Kind::Minisock => self.count_minisock_end(id, now_ns),
            Kind::Request => self.totals.count_silent(State::NewSynRecv, State::Close),
        }
        self.drop_socket(id);
    }

    /// Counts the silent end of a minisock.
    pub(super) fn count_minisock_end(&mut self, id: SlotId, now_ns: u64) {
        let socket = self.slots.get(id);
        let (state, is_lower_bound) = (socket.state, socket.age_is_lower_bound);
        let age_ns = socket.age_ns(now_ns);
        self.totals.count_silent(state, State::Close);
        self.totals.entered[State::Close as usize] += 1;
        if !is_lower_bound {
            self.totals.durations[state as usize].observe(age_ns);
        }
    }
}

fn is_gone(audit: &Audit, socket: &Socket, complete: bool) -> bool {
    if socket.seen_in == audit.number {
        return false;
    }
    if socket.netns == NetnsId::UNKNOWN {
        // It was in no namespace although all were swept.
        let earliest = audit.swept.values().min();
        return complete && earliest.is_some_and(|started_ns| socket.touched_ns < *started_ns);
    }
    let started_ns = audit.swept.get(&socket.netns);
    started_ns.is_some_and(|started_ns| socket.touched_ns < *started_ns)
}

/// Sorts rows that were read at one time: listeners first, so that what they accepted finds them, then by
/// age, the oldest first.
pub fn sort_rows(rows: &mut [DumpRow]) {
    rows.sort_unstable_by_key(|row| (row.state != State::Listen, Reverse(age(row).0)));
}

/// When the row's socket entered its state, and whether that is only an upper bound of the time
/// (a lower bound of the age).
fn entered(row: &DumpRow, read_ns: u64) -> (u64, bool) {
    let (age_ns, is_lower_bound) = age(row);
    (read_ns.saturating_sub(age_ns), is_lower_bound)
}

/// How long the row's socket was in its state when it was read, in nanoseconds, and whether that is only
/// a lower bound. The timer of a TIME_WAIT entry tells exactly.
fn age(row: &DumpRow) -> (u64, bool) {
    if row.kind == Kind::Minisock && row.state == State::TimeWait {
        let left_ns = u64::from(row.expires_ms) * 1_000_000;
        return (TIME_WAIT_NS.saturating_sub(left_ns), false);
    }
    (u64::from(row.last_ack_ms.unwrap_or(0)) * 1_000_000, true)
}

/// Inode 0 is a socket nobody has accepted, or an orphan: closed, and still sending.
fn is_accepted(row: &DumpRow) -> Option<bool> {
    match row.state {
        _ if row.inode != 0 => Some(true),
        State::Established | State::CloseWait => Some(false),
        _ => None,
    }
}

fn role(row: &DumpRow) -> Option<Role> {
    match row.state {
        State::Listen => Some(Role::Server),
        State::SynSent => Some(Role::Client),
        _ if row.kind == Kind::Request || is_accepted(row) == Some(false) => Some(Role::Server),
        _ => None,
    }
}
