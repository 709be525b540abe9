//! How connections come to be, and who fails to make one.

use std::collections::VecDeque;
use std::net::{IpAddr, Ipv4Addr};

use tcpmon::core::facts::{KernelEvent, Kind};
use tcpmon_common::State;

use super::kernel::{Conn, Peer, Socket};
use super::machine::{Netns, Pid};
use super::{HERE, SECOND, World};

const ANY: IpAddr = IpAddr::V4(Ipv4Addr::UNSPECIFIED);
/// `tcp_syn_retries` of 6 and `tcp_synack_retries` of 5, with a first time-out of a second.
const SYN_TIMEOUT: u64 = 127 * SECOND;
const REQUEST_TIMEOUT: u64 = 63 * SECOND;

impl World {
    /// Listens on a port of the first namespace.
    pub(crate) fn listen(&mut self, pid: Pid, port: u16, backlog: u32) -> Conn {
        self.listen_in(Netns(0), pid, port, backlog)
    }

    pub(crate) fn listen_in(&mut self, netns: Netns, pid: Pid, port: u16, backlog: u32) -> Conn {
        let mut socket = self.blank(netns, (ANY, port), (ANY, 0));
        socket.backlog = backlog;
        let conn = self.add(socket);
        self.listening.entry((netns, port)).or_default().push(conn);
        self.hold(pid, conn);
        self.change(conn, State::Listen, Some(pid), 0);
        conn
    }

    /// A peer connects. `None` when its handshake is dropped because the accept queue is full.
    pub(crate) fn arrive(&mut self, listener: Conn, from: (IpAddr, u16)) -> Option<Conn> {
        let of = self.sockets.get_mut(&listener)?;
        let (netns, port) = (of.netns, of.local.1);
        if of.queue.len() > of.backlog as usize {
            of.drops += 1;
            self.count(netns, KernelEvent::ListenOverflows);
            self.count(netns, KernelEvent::ListenDrops);
            return None;
        }
        let mut socket = self.blank(netns, (HERE, port), from);
        socket.state = State::Listen;
        let conn = self.add(socket);
        self.change(conn, State::SynRecv, None, 0);
        self.change(conn, State::Established, None, 0);
        if let Some(of) = self.sockets.get_mut(&listener) {
            of.queue.push_back(conn);
        }
        Some(conn)
    }

    /// `accept()`: no record tells of it. `None` when nobody waits or the program has no file left.
    pub(crate) fn accept(&mut self, pid: Pid, listener: Conn) -> Option<Conn> {
        if self.free_files(pid) == 0 {
            return None;
        }
        let conn = self.sockets.get_mut(&listener)?.queue.pop_front()?;
        self.hold(pid, conn);
        Some(conn)
    }

    /// A peer connects and the program accepts at once.
    pub(crate) fn serve(&mut self, pid: Pid, listener: Conn, from: (IpAddr, u16)) -> Option<Conn> {
        self.arrive(listener, from)?;
        self.accept(pid, listener)
    }

    /// SYNs whose handshake is never finished.
    pub(crate) fn half_open(&mut self, listener: Conn, from: (IpAddr, u16)) {
        let Some(of) = self.sockets.get_mut(&listener) else {
            return;
        };
        let (netns, port) = (of.netns, of.local.1);
        let limits = &self.namespaces[netns.0].limits;
        let (cookies, backlog) = (limits.syncookies, limits.max_syn_backlog.unwrap_or(4096));
        // `tcp_conn_request` of `net/ipv4/tcp_input.c`, in its order.
        let is_full = of.half_open >= of.backlog;
        if is_full && cookies != Some(0) {
            self.count(netns, KernelEvent::RequestQueueCookies);
            return self.count(netns, KernelEvent::SyncookiesSent);
        }
        let is_reserved = cookies == Some(0) && backlog - of.half_open.min(backlog) < backlog >> 2;
        if is_full || is_reserved {
            of.drops += 1;
            if is_full {
                self.count(netns, KernelEvent::RequestQueueDrops);
            }
            return self.count(netns, KernelEvent::ListenDrops);
        }
        of.half_open += 1;
        let mut request = self.blank(netns, (HERE, port), from);
        request.kind = Kind::Request;
        request.state = State::SynRecv;
        request.listener = Some(listener);
        let conn = self.add(request);
        self.set_timer(conn, REQUEST_TIMEOUT);
    }

    /// A client answers a cookie: a connection without a request before it.
    pub(crate) fn answer_cookie(&mut self, listener: Conn, from: (IpAddr, u16)) -> Option<Conn> {
        self.count(Netns(0), KernelEvent::SyncookiesReceived);
        self.arrive(listener, from)
    }

    pub(super) fn end_request(&mut self, conn: Conn) {
        let request = self.sockets.get(&conn);
        let listener = request.and_then(|request| request.listener);
        let listener = listener.and_then(|listener| self.sockets.get_mut(&listener));
        if let Some(listener) = listener {
            listener.half_open -= 1;
        }
        self.forget(conn);
    }

    /// `connect()` to a peer that accepts. `None` when no port or file is left.
    pub(crate) fn connect(&mut self, pid: Pid, to: (IpAddr, u16)) -> Option<Conn> {
        let conn = self.begin(Netns(0), pid, to)?;
        self.establish(conn);
        Some(conn)
    }

    /// The same in another namespace.
    pub(crate) fn connect_in(&mut self, netns: Netns, pid: Pid, to: (IpAddr, u16)) -> Option<Conn> {
        let conn = self.begin(netns, pid, to)?;
        self.establish(conn);
        Some(conn)
    }

    /// `connect()` to a port nobody listens on.
    pub(crate) fn connect_refused(&mut self, pid: Pid, to: (IpAddr, u16)) {
        if let Some(conn) = self.begin(Netns(0), pid, to) {
            self.end(conn, None, 111);
        }
    }

    /// `connect()` to a peer that answers nothing.
    pub(crate) fn connect_unanswered(&mut self, pid: Pid, to: (IpAddr, u16)) -> Option<Conn> {
        let conn = self.begin(Netns(0), pid, to)?;
        let now_ns = self.now_ns;
        if let Some(socket) = self.sockets.get_mut(&conn) {
            socket.peer = Peer::Gone;
            socket.asking_ns = Some(now_ns);
        }
        self.set_timer(conn, SYN_TIMEOUT);
        Some(conn)
    }

    /// CLOSE -> SYN_SENT; the kernel chooses the port after that.
    fn begin(&mut self, netns: Netns, pid: Pid, to: (IpAddr, u16)) -> Option<Conn> {
        if self.free_files(pid) == 0 {
            return None;
        }
        let source = if to.0.is_loopback() { to.0 } else { HERE };
        let socket = self.blank(netns, (source, 0), to);
        let conn = self.add(socket);
        self.hold(pid, conn);
        self.change(conn, State::SynSent, Some(pid), 0);
        let Some(port) = self.choose_port(netns, source, to) else {
            self.emit(conn, State::Close, Some(pid), 0, 0, 0);
            self.forget(conn);
            return None;
        };
        self.ports
            .entry((netns, source, to.0, to.1))
            .or_default()
            .insert(port, conn);
        if let Some(socket) = self.sockets.get_mut(&conn) {
            socket.local.1 = port;
        }
        Some(conn)
    }

    pub(super) fn establish(&mut self, conn: Conn) {
        let now_ns = self.now_ns;
        if let Some(socket) = self.sockets.get_mut(&conn) {
            self.timers.remove(&(socket.expires_ns, conn));
            (socket.asking_ns, socket.heard_ns) = (None, now_ns);
        }
        self.change(conn, State::Established, None, 0);
    }

    /// As `__inet_hash_connect`: of an odd range the last port is never used; one in TIME_WAIT only
    /// where it may be taken over.
    fn choose_port(&mut self, netns: Netns, source: IpAddr, to: (IpAddr, u16)) -> Option<u16> {
        let limits = &self.namespaces[netns.0].limits;
        let range = limits.local_ports?;
        let reserved = limits.reserved_ports.clone().unwrap_or_default();
        let may_reuse = match limits.tw_reuse {
            Some(1) => true,
            Some(2) => source.is_loopback(),
            _ => false,
        };
        let used = self.ports.get(&(netns, source, to.0, to.1));
        let usable = u64::from(range.ports() & !1);
        // One after the other, so that a search is short.
        let candidates = (0..usable).map(|step| {
            let offset = (self.last + step) % usable;
            range.low + offset as u16
        });
        let mut taken_over = None;
        let found = candidates
            .filter(|port| {
                let is_reserved = reserved.iter().any(|of| (of.low..=of.high).contains(port));
                !is_reserved && !self.listening.contains_key(&(netns, *port))
            })
            .find(|port| {
                let Some(conn) = used.and_then(|used| used.get(port)) else {
                    return true;
                };
                let old = &self.sockets[conn];
                let born_ns = old.expires_ns.saturating_sub(60 * SECOND);
                let is_free = may_reuse
                    && old.kind == Kind::Minisock
                    && old.state == State::TimeWait
                    && self.now_ns > born_ns + SECOND;
                taken_over = is_free.then_some(*conn);
                is_free
            });
        if let Some(old) = taken_over {
            self.forget(old);
            self.count(netns, KernelEvent::TimeWaitRecycled);
        }
        found
    }

    fn blank(&self, netns: Netns, local: (IpAddr, u16), remote: (IpAddr, u16)) -> Socket {
        Socket {
            address: 0,
            state: State::Close,
            kind: Kind::Full,
            netns,
            local,
            remote,
            inode: 0,
            holders: Vec::new(),
            peer: Peer::Ordinary,
            fin_seen: false,
            heard_ns: self.now_ns,
            asking_ns: None,
            unsent: 0,
            keepalive: false,
            expires_ns: 0,
            backlog: 0,
            queue: VecDeque::new(),
            drops: 0,
            half_open: 0,
            listener: None,
        }
    }
}
