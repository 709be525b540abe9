//! Answers: sockets as rows, the states at a glance.

use std::cell::OnceCell;
use std::net::IpAddr;

use rustc_hash::FxHashMap;
use tcpmon_common::State;

use super::cgroups::Cgroup;
use super::socket::{SlotId, Socket};
use super::{Process, Table};
use crate::core::facts::Kind;
use crate::core::filter::Subject;
use crate::core::query::{SCHEMA, SocketRow, Sockets, SocketsQuestion, StateSummary};

/// A socket as a filter sees it.
struct Candidate<'a> {
    table: &'a Table,
    socket: &'a Socket,
    now_ns: u64,
}

impl Subject for Candidate<'_> {
    fn state(&self) -> State {
        self.socket.state
    }

    fn local_address(&self) -> IpAddr {
        self.socket.tuple.local_address()
    }

    fn local_port(&self) -> u16 {
        self.socket.tuple.local_port
    }

    fn remote_address(&self) -> IpAddr {
        self.socket.tuple.remote_address()
    }

    fn remote_port(&self) -> u16 {
        self.socket.tuple.remote_port
    }

    fn process(&self) -> Option<&str> {
        let owner = self.socket.owner?;
        Some(self.table.processes.name(owner.process))
    }

    fn pid(&self) -> Option<u32> {
        let owner = self.socket.owner?;
        Some(self.table.processes.get(owner.process).pid)
    }

    fn unit(&self) -> Option<&str> {
        let cgroup = self.table.cgroup_of(self.socket)?;
        cgroup.identity.unit.as_deref()
    }

    fn container(&self) -> Option<&str> {
        let cgroup = self.table.cgroup_of(self.socket)?;
        Some(cgroup.identity.container.as_ref()?.id.as_str())
    }

    fn netns(&self) -> Option<u32> {
        self.table.netns_inode(self.socket)
    }

    fn netns_name(&self) -> Option<&str> {
        self.table.namespaces.get(self.socket.netns).name_text()
    }

    fn age_ns(&self) -> u64 {
        self.socket.age_ns(self.now_ns)
    }
}

impl Table {
    /// The sockets a question asks for. Costs a step per socket looked at: with an empty filter
    /// that is the rows shown; where the filter asks for states, ages, processes, ports or addresses, a
    /// step per group and those that may match.
    #[must_use]
    pub fn sockets(&self, question: &SocketsQuestion, now_ns: u64) -> Sockets {
        let found = self.search(question, now_ns);
        Sockets {
            schema: SCHEMA,
            matched: found.matched,
            sockets: self.rows(found.ids, now_ns),
        }
    }

    /// The sockets as users see them. With a listener among them it costs a step per connection in
    /// SYN_RECV besides.
    #[must_use]
    pub fn rows(&self, ids: impl IntoIterator<Item = SlotId>, now_ns: u64) -> Vec<SocketRow> {
        let half_open = OnceCell::new();
        let row = |id| self.row_with(id, now_ns, &half_open);
        ids.into_iter().map(row).collect()
    }

    /// One socket as users see it.
    #[must_use]
    pub fn row(&self, id: SlotId, now_ns: u64) -> SocketRow {
        self.row_with(id, now_ns, &OnceCell::new())
    }

    /// Whether the socket is one the question asks for.
    #[must_use]
    pub fn matches(&self, id: SlotId, question: &SocketsQuestion, now_ns: u64) -> bool {
        question.filter.is_empty()
            || question.filter.matches(&Candidate {
                table: self,
                socket: self.slots.get(id),
                now_ns,
            })
    }

    /// Every state with its number of sockets and its oldest; rates are for who keeps time.
    #[must_use]
    pub fn states(&self, now_ns: u64) -> Vec<StateSummary> {
        State::RFC
            .into_iter()
            .map(|state| {
                let oldest = self.oldest(state);
                StateSummary {
                    state: state.name().into(),
                    sockets: self.in_state(state),
                    entered_total: self.totals.entered[state as usize],
                    entered_per_second: 0.0,
                    oldest_age_seconds: oldest.map(|socket| seconds(socket.age_ns(now_ns))),
                    oldest_is_lower_bound: oldest.is_some_and(|socket| socket.age_is_lower_bound),
                }
            })
            .collect()
    }

    /// The same; the half-open connections are counted for the first listener.
    fn row_with(
        &self,
        id: SlotId,
        now_ns: u64,
        half_open: &OnceCell<FxHashMap<SlotId, u64>>,
    ) -> SocketRow {
        let socket = self.slots.get(id);
        let owner = socket.owner;
        let process: Option<&Process> = owner.map(|owner| self.processes.get(owner.process));
        let cgroup = self.cgroup_of(socket);
        let identity = cgroup.map(|cgroup| &cgroup.identity);
        let details = socket.details;
        let queue = self.listeners.queue(id);
        let netns_name = self.namespaces.get(socket.netns).name.as_ref();
        SocketRow {
            cookie: nonzero(socket.cookie),
            netns: self.netns_inode(socket),
            family: socket.tuple.family.name().into(),
            state: socket.state.name().into(),
            local_address: socket.tuple.local_address().to_string(),
            local_port: socket.tuple.local_port,
            remote_address: socket.tuple.remote_address().to_string(),
            remote_port: socket.tuple.remote_port,
            age_seconds: seconds(socket.age_ns(now_ns)),
            age_is_lower_bound: socket.age_is_lower_bound,
            inode: nonzero(socket.inode),
            pid: process.map(|process| process.pid),
            process: owner.map(|owner| self.processes.name(owner.process).to_owned()),
            fd: owner.and_then(|owner| owner.fd),
            owner_source: owner.map(|owner| owner.source),
            cgroup: cgroup.map(|cgroup| cgroup.path.clone()),
            unit: identity.and_then(|identity| identity.unit.clone()),
            container: identity.and_then(|identity| Some(identity.container.as_ref()?.id.clone())),
            role: socket.role,
            kind: kind_name(socket.kind).into(),
            accepted: socket.accepted,
            connection_age_seconds: (socket.opened_ns != 0)
                .then(|| seconds(now_ns.saturating_sub(socket.opened_ns))),
            remaining_seconds: (socket.kind == Kind::Minisock)
                .then(|| seconds(socket.expires_ns.saturating_sub(now_ns))),
            uid: details.map(|details| details.uid),
            recv_queue: details.map(|details| details.recv_queue),
            send_queue: details.and_then(|details| details.send_queue),
            accept_queue_longest: queue.map(|queue| queue.longest),
            half_open: (socket.state == State::Listen).then(|| {
                let half_open = half_open.get_or_init(|| self.half_open());
                half_open.get(&id).copied().unwrap_or(0)
            }),
            drops: queue.and_then(|queue| queue.drops),
            holders: owner.and_then(|owner| (owner.holders > 1).then_some(owner.holders.into())),
            pod_uid: identity.and_then(|identity| identity.pod.clone()),
            netns_name: netns_name.map(|name| name.text.clone()),
            netns_name_source: netns_name.map(|name| name.source),
        }
    }

    /// The control group of the socket, of version 2, is that of who made it. Where version 2 is not
    /// in use, or shows no more than the daemon of a container, that of its process says more.
    fn cgroup_of(&self, socket: &Socket) -> Option<&Cgroup> {
        let own = self.cgroups.get(socket.cgroup);
        let process = socket
            .owner
            .and_then(|owner| self.processes.cgroup(owner.process));
        let in_container = |cgroup: &&Cgroup| cgroup.identity.container.is_some();
        own.filter(in_container)
            .or_else(|| process.filter(in_container))
            .or_else(|| own.filter(|cgroup| cgroup.path != "/"))
            .or(process)
            .or(own)
    }

    fn netns_inode(&self, socket: &Socket) -> Option<u32> {
        let inode = self.namespaces.get(socket.netns).identity.inode;
        (inode != 0).then_some(inode)
    }
}

const fn kind_name(kind: Kind) -> &'static str {
    match kind {
        Kind::Full => "full",
        Kind::Minisock => "minisock",
        Kind::Request => "request",
    }
}

/// `None` for 0, which stands for unknown in the table.
pub(super) const fn nonzero(number: u64) -> Option<u64> {
    match number {
        0 => None,
        number => Some(number),
    }
}

/// Nanoseconds as seconds.
pub(super) fn seconds(nanoseconds: u64) -> f64 {
    nanoseconds as f64 / 1e9
}
