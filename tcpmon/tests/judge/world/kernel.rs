//! Sockets, and what ends them.

use std::collections::VecDeque;
use std::net::IpAddr;

use tcpmon::core::facts::{KernelEvent, Kind};
use tcpmon_common::record::flag;
use tcpmon_common::{Record, State};

use super::machine::{Netns, Pid};
use super::{SECOND, World};

/// A socket, by its cookie.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Conn(pub(crate) u64);

/// How the other end behaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Peer {
    /// Acknowledges everything, and closes when we do.
    Ordinary,
    /// Acknowledges everything, and does not close by itself.
    Lingering,
    /// Answers nothing any more.
    Gone,
    /// Acknowledges, and has closed its window.
    Full,
    /// Closed its window, and answers nothing any more.
    FullAndGone,
}

#[derive(Clone, Debug)]
pub(super) struct Socket {
    pub(super) address: u64,
    pub(super) state: State,
    pub(super) kind: Kind,
    pub(super) netns: Netns,
    pub(super) local: (IpAddr, u16),
    pub(super) remote: (IpAddr, u16),
    pub(super) inode: u32,
    pub(super) holders: Vec<(Pid, u32)>,
    pub(super) peer: Peer,
    pub(super) fin_seen: bool,
    pub(super) heard_ns: u64,
    /// Since when something is on its way that was not acknowledged.
    pub(super) asking_ns: Option<u64>,
    pub(super) unsent: u32,
    pub(super) keepalive: bool,
    pub(super) expires_ns: u64,
    /// For a listener: the longest its accept queue may be, who waits in it, and what it dropped.
    pub(super) backlog: u32,
    pub(super) queue: VecDeque<Conn>,
    pub(super) drops: u32,
    pub(super) half_open: u32,
    /// For a request: whose it is.
    pub(super) listener: Option<Conn>,
}

/// `net.ipv4.tcp_orphan_retries` of 8 and `tcp_retries2` of 15, with a first time-out of 200 ms.
const ORPHAN_TIMEOUT: u64 = 102 * SECOND;
const DATA_TIMEOUT: u64 = 924 * SECOND;
const MINISOCK_LIFE: u64 = 60 * SECOND;

impl World {
    /// The peer sends its FIN.
    pub(crate) fn peer_closes(&mut self, conn: Conn) {
        let Some(socket) = self.sockets.get_mut(&conn) else {
            return;
        };
        socket.fin_seen = true;
        socket.heard_ns = self.now_ns;
        match (socket.state, socket.kind) {
            (State::Established, _) => self.change(conn, State::CloseWait, None, 1),
            (State::FinWait1, _) => self.change(conn, State::Closing, None, 3),
            (State::FinWait2, Kind::Full) => self.end_as_minisock(conn),
            (State::FinWait2, _) => {
                // No record: the minisock changes its substate in silence.
                socket.state = State::TimeWait;
                self.set_timer(conn, MINISOCK_LIFE);
            }
            _ => {}
        }
    }

    /// The peer acknowledges what it has not yet.
    pub(crate) fn peer_acknowledges(&mut self, conn: Conn) {
        let Some(socket) = self.sockets.get_mut(&conn) else {
            return;
        };
        socket.peer = Peer::Ordinary;
        socket.asking_ns = None;
        socket.unsent = 0;
        socket.heard_ns = self.now_ns;
        match socket.state {
            State::SynSent => self.establish(conn),
            State::FinWait1 => self.finish_closing(conn),
            State::Closing => self.end_as_minisock(conn),
            State::LastAck => self.end(conn, None, 0),
            _ => {}
        }
    }

    /// The peer sends a reset.
    pub(crate) fn peer_resets(&mut self, conn: Conn) {
        let state = self.sockets.get(&conn).map(|socket| socket.state);
        let error = if state == Some(State::CloseWait) {
            32
        } else {
            104
        };
        self.end(conn, None, error);
    }

    /// The other end behaves like that from now on.
    pub(crate) fn peer_becomes(&mut self, conn: Conn, peer: Peer) {
        if let Some(socket) = self.sockets.get_mut(&conn) {
            socket.peer = peer;
        }
    }

    /// The program asks the kernel to probe a silent peer.
    pub(crate) fn keep_alive(&mut self, conn: Conn) {
        if let Some(socket) = self.sockets.get_mut(&conn) {
            socket.keepalive = true;
        }
    }

    /// The program sends; what no peer takes stays in the queue.
    pub(crate) fn send(&mut self, conn: Conn, bytes: u32) {
        let now_ns = self.now_ns;
        let Some(socket) = self.sockets.get_mut(&conn) else {
            return;
        };
        if !matches!(socket.peer, Peer::Ordinary | Peer::Lingering) {
            socket.unsent += bytes;
            let gives_up = socket.asking_ns.is_none() && socket.peer == Peer::Gone;
            socket.asking_ns.get_or_insert(now_ns);
            if gives_up {
                self.set_timer(conn, DATA_TIMEOUT);
            }
        } else {
            socket.heard_ns = now_ns;
        }
    }

    /// Something moved in both directions.
    pub(crate) fn talk(&mut self, conn: Conn) {
        self.send(conn, 100);
    }

    /// `shutdown(SHUT_WR)`.
    pub(crate) fn shutdown(&mut self, pid: Pid, conn: Conn) {
        match self.state(conn) {
            Some(State::Established) => {
                self.change(conn, State::FinWait1, Some(pid), 2);
                self.ask_for_acknowledgement(conn);
            }
            Some(State::CloseWait) => {
                self.change(conn, State::LastAck, Some(pid), 3);
                self.ask_for_acknowledgement(conn);
            }
            _ => {}
        }
    }

    /// `close()`: the last holder's closes the connection.
    pub(crate) fn close(&mut self, pid: Pid, conn: Conn) {
        if let Some(program) = self.programs.get_mut(&pid) {
            program.held.remove(&conn);
        }
        let Some(socket) = self.sockets.get_mut(&conn) else {
            return;
        };
        socket.holders.retain(|(holder, _)| *holder != pid);
        if !socket.holders.is_empty() {
            return;
        }
        match socket.state {
            State::Listen => self.close_listener(pid, conn),
            State::SynSent => self.end(conn, Some(pid), 0),
            State::Established => {
                self.change(conn, State::FinWait1, Some(pid), 3);
                self.ask_for_acknowledgement(conn);
            }
            State::CloseWait => {
                self.change(conn, State::LastAck, Some(pid), 3);
                self.ask_for_acknowledgement(conn);
            }
            State::FinWait2 => {
                self.change(conn, State::FinWait2, Some(pid), 3);
                self.end_as_minisock(conn);
            }
            State::FinWait1 | State::LastAck | State::Closing => {
                self.set_timer(conn, ORPHAN_TIMEOUT);
            }
            _ => {}
        }
    }

    fn close_listener(&mut self, pid: Pid, conn: Conn) {
        let queue = self
            .sockets
            .get_mut(&conn)
            .map(|listener| std::mem::take(&mut listener.queue));
        for waiting in queue.into_iter().flatten() {
            self.end(waiting, None, 0);
        }
        self.listening.retain(|_, listeners| {
            listeners.retain(|listener| *listener != conn);
            !listeners.is_empty()
        });
        self.end(conn, Some(pid), 0);
    }

    /// Our FIN is out.
    fn ask_for_acknowledgement(&mut self, conn: Conn) {
        let now_ns = self.now_ns;
        let Some(socket) = self.sockets.get_mut(&conn) else {
            return;
        };
        match socket.peer {
            Peer::Ordinary | Peer::Lingering => self.finish_closing(conn),
            Peer::Gone | Peer::Full | Peer::FullAndGone => {
                socket.asking_ns.get_or_insert(now_ns);
                if socket.holders.is_empty() && socket.peer == Peer::Gone {
                    self.set_timer(conn, ORPHAN_TIMEOUT);
                }
            }
        }
    }

    /// Our FIN is acknowledged.
    fn finish_closing(&mut self, conn: Conn) {
        let Some(socket) = self.sockets.get_mut(&conn) else {
            return;
        };
        let (state, peer) = (socket.state, socket.peer);
        let is_held = !socket.holders.is_empty();
        match state {
            State::LastAck => self.end(conn, None, 0),
            State::FinWait1 => {
                self.change(conn, State::FinWait2, None, if is_held { 2 } else { 3 });
                if peer == Peer::Ordinary {
                    self.peer_closes(conn);
                } else if !is_held {
                    self.end_as_minisock(conn);
                }
            }
            _ => {}
        }
    }

    /// `-> CLOSE` of a connection that lives on as a minisock, unless there are too many.
    fn end_as_minisock(&mut self, conn: Conn) {
        let Some(socket) = self.sockets.get_mut(&conn) else {
            return;
        };
        let substate = if socket.fin_seen {
            State::TimeWait
        } else {
            State::FinWait2
        };
        let netns = &mut self.namespaces[socket.netns.0];
        let is_full = netns
            .limits
            .max_minisocks
            .is_some_and(|most| netns.minisocks >= most);
        if is_full {
            let of = socket.netns;
            self.count(of, KernelEvent::TimeWaitOverflow);
            self.emit(conn, State::Close, None, 0, 3, flag::TIME_WAIT_FULL);
            return self.forget(conn);
        }
        netns.minisocks += 1;
        self.emit(conn, State::Close, None, 0, 3, 0);
        self.release_holders(conn);
        if let Some(socket) = self.sockets.get_mut(&conn) {
            self.free_addresses.push(socket.address);
            socket.address = 0;
            socket.kind = Kind::Minisock;
            socket.state = substate;
            socket.inode = 0;
            self.set_timer(conn, MINISOCK_LIFE);
        }
    }

    /// `-> CLOSE`, and nothing is left.
    pub(super) fn end(&mut self, conn: Conn, actor: Option<Pid>, error: u16) {
        let shutdown = if error == 0 && actor.is_none() { 3 } else { 0 };
        self.emit(conn, State::Close, actor, error, shutdown, 0);
        self.forget(conn);
    }

    /// Takes a socket out of the kernel without a word.
    pub(super) fn forget(&mut self, conn: Conn) {
        self.release_holders(conn);
        let Some(socket) = self.sockets.remove(&conn) else {
            return;
        };
        self.timers.remove(&(socket.expires_ns, conn));
        match socket.kind {
            Kind::Minisock => self.namespaces[socket.netns.0].minisocks -= 1,
            Kind::Full => self.free_addresses.push(socket.address),
            Kind::Request => {}
        }
        let key = (
            socket.netns,
            socket.local.0,
            socket.remote.0,
            socket.remote.1,
        );
        if let Some(used) = self.ports.get_mut(&key)
            && used.get(&socket.local.1) == Some(&conn)
        {
            used.remove(&socket.local.1);
        }
    }

    fn release_holders(&mut self, conn: Conn) {
        let holders = self
            .sockets
            .get_mut(&conn)
            .map(|socket| std::mem::take(&mut socket.holders));
        for (pid, _) in holders.into_iter().flatten() {
            if let Some(program) = self.programs.get_mut(&pid) {
                program.held.remove(&conn);
            }
        }
    }

    /// The state of a socket; `None` when it is gone.
    pub(crate) fn state(&self, conn: Conn) -> Option<State> {
        self.sockets.get(&conn).map(|socket| socket.state)
    }

    pub(super) fn in_namespace(&self, netns: Netns) -> Vec<Conn> {
        let all = self.sockets.iter();
        all.filter(|(_, socket)| socket.netns == netns)
            .map(|(conn, _)| *conn)
            .collect()
    }

    pub(super) fn add(&mut self, socket: Socket) -> Conn {
        self.last += 1;
        let conn = Conn(self.last);
        let mut socket = socket;
        if socket.kind == Kind::Full {
            let fresh = 0xffff_8880_0000_0000 + self.last * 2368;
            socket.address = self.free_addresses.pop().unwrap_or(fresh);
        }
        self.sockets.insert(conn, socket);
        conn
    }

    pub(super) fn set_timer(&mut self, conn: Conn, after_ns: u64) {
        if let Some(socket) = self.sockets.get_mut(&conn) {
            self.timers.remove(&(socket.expires_ns, conn));
            socket.expires_ns = self.now_ns + after_ns;
            self.timers.insert((socket.expires_ns, conn));
        }
    }

    pub(super) fn fire_timers(&mut self) {
        while let Some((time_ns, conn)) = self.timers.first().copied()
            && time_ns <= self.now_ns
        {
            self.timers.pop_first();
            match self
                .sockets
                .get(&conn)
                .map(|socket| (socket.kind, socket.asking_ns))
            {
                Some((Kind::Request, _)) => self.end_request(conn),
                Some((Kind::Full, Some(_))) => self.end(conn, None, 110),
                Some((Kind::Minisock, _)) => self.forget(conn),
                _ => {}
            }
        }
    }

    /// Announces a change of state and makes it.
    pub(super) fn change(&mut self, conn: Conn, to: State, actor: Option<Pid>, shutdown: u8) {
        self.emit(conn, to, actor, 0, shutdown, 0);
        if let Some(socket) = self.sockets.get_mut(&conn) {
            socket.state = to;
        }
    }

    pub(super) fn emit(
        &mut self,
        conn: Conn,
        to: State,
        actor: Option<Pid>,
        error: u16,
        shutdown: u8,
        extra: u8,
    ) {
        self.now_ns += 1000;
        let Some(socket) = self.sockets.get(&conn) else {
            return;
        };
        let netns = &self.namespaces[socket.netns.0];
        let mut flags = extra;
        flags |= if socket.fin_seen { flag::FIN_SEEN } else { 0 };
        flags |= if socket.inode != 0 {
            flag::HAS_SOCKET
        } else {
            0
        };
        let is_closed = socket.inode != 0 && socket.holders.is_empty() && actor.is_none();
        flags |= if is_closed { flag::ORPHAN } else { 0 };
        let mut record = Record {
            time_ns: self.now_ns,
            sock: socket.address,
            cookie: conn.0,
            netns_cookie: netns.identity.cookie,
            netns_inode: netns.identity.inode,
            inode: u64::from(socket.inode),
            local_port: socket.local.1,
            remote_port: socket.remote.1,
            error,
            family: 2,
            old_state: socket.state.number(),
            new_state: to.number(),
            shutdown,
            local_address: octets(socket.local.0),
            remote_address: octets(socket.remote.0),
            ..Record::EMPTY
        };
        if to == State::Close {
            record.minisocks = netns.minisocks;
        }
        if let Some((pid, program)) = actor.and_then(|pid| self.programs.get_key_value(&pid)) {
            flags |= flag::TASK;
            (record.pid, record.tid, record.comm) = (pid.0, pid.0, program.comm);
        }
        record.flags = flags;
        if self.watching {
            self.table.apply(&record);
        }
    }
}

pub(super) fn octets(address: IpAddr) -> [u8; 16] {
    let mut octets = [0; 16];
    match address {
        IpAddr::V4(address) => octets[..4].copy_from_slice(&address.octets()),
        IpAddr::V6(address) => octets = address.octets(),
    }
    octets
}
