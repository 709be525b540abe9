//! What the kernel and `/proc` tell when they are asked.

use std::collections::BTreeMap;
use std::sync::Arc;

use tcpmon::core::facts::{
    DumpRow, DumpTime, KernelEvent, Kind, MachineFact, NamespaceFact, Presence, ProcessFact,
    StateSet, Timer,
};
use tcpmon::core::tuple::{Family, Tuple};
use tcpmon_common::{Holder, State};

use super::kernel::{Conn, Peer, Socket, octets};
use super::machine::Netns;
use super::{SECOND, World};

impl World {
    /// Dumps every namespace, as a sweep does.
    pub(super) fn audit(&mut self, states: StateSet) {
        let now_ns = self.now_ns;
        self.table.begin_audit(states);
        let time = DumpTime {
            started_ns: now_ns,
            read_ns: now_ns,
        };
        for number in 0..self.namespaces.len() {
            if self.namespaces[number].is_gone {
                continue;
            }
            let identity = self.namespaces[number].identity;
            let sockets = self.sockets.iter();
            let mut rows: Vec<DumpRow> = sockets
                .filter(|(_, socket)| socket.netns == Netns(number))
                .filter(|(_, socket)| states.contains(socket.state))
                .filter(|(_, socket)| states == StateSet::LIVE || socket.kind == Kind::Minisock)
                .map(|(conn, socket)| self.row(*conn, socket))
                .collect();
            self.table.audit_rows(identity, time, &mut rows);
            self.table.audit_namespace_done(identity, now_ns);
        }
        self.table.end_audit(now_ns, true);
    }

    /// Looks at the listeners and reads the counters of every namespace.
    pub(super) fn measure(&mut self) {
        let listeners = self.listening.values().flatten();
        let mut rows: BTreeMap<usize, Vec<DumpRow>> = BTreeMap::new();
        for conn in listeners {
            if let Some(socket) = self.sockets.get(conn) {
                let row = self.row(*conn, socket);
                rows.entry(socket.netns.0).or_default().push(row);
            }
        }
        for (number, rows) in rows {
            let identity = self.namespaces[number].identity;
            self.table.measure_queues(identity, &rows);
        }
        let known: Vec<_> = self.table.occupied_namespaces().collect();
        for namespace in &self.namespaces {
            if namespace.is_gone || !known.contains(&namespace.identity) {
                continue;
            }
            let mut events = [None; KernelEvent::ALL.len()];
            for (told, count) in events.iter_mut().zip(namespace.events) {
                *told = Some(count);
            }
            self.table.describe_namespace(NamespaceFact {
                identity: namespace.identity,
                name: None,
                events,
                limits: Some(Arc::new(namespace.limits.clone())),
            });
        }
        self.table.describe_machine(MachineFact {
            max_orphans: Some(self.max_orphans),
            orphans: Some(self.more_orphans + self.orphans()),
            ..MachineFact::default()
        });
    }

    fn orphans(&self) -> u64 {
        let orphans = self.sockets.values().filter(|socket| {
            socket.kind == Kind::Full && socket.inode != 0 && socket.holders.is_empty()
        });
        orphans.count() as u64
    }

    /// Whether the minisocks of a namespace are to be dumped: as the agent's sweeper decides.
    pub(super) fn minisocks_differ(&self) -> bool {
        let mut counts = self.table.minisock_namespaces();
        counts.any(|count| {
            let here = self.namespaces.iter();
            let namespace = here
                .clone()
                .find(|namespace| namespace.identity == count.netns);
            count.orphans > 0
                || namespace.is_some_and(|of| u64::from(of.minisocks) != count.minisocks)
        })
    }

    /// Reads what `/proc` tells of processes.
    pub(super) fn read_facts(&mut self) {
        let programs = self.programs.iter();
        let facts: Vec<ProcessFact> = programs
            .map(|(pid, program)| ProcessFact {
                comm: Some(program.comm),
                open_files: Some(program.files + program.held.len() as u64),
                max_open_files: Some(program.max_files),
                ..ProcessFact::unread(pid.0, self.now_ns, Presence::Seen)
            })
            .collect();
        self.table.describe_processes(&facts);
    }

    /// Scans the file descriptors of all processes, in the order of their numbers.
    pub(super) fn scan_holders(&mut self) {
        let mut holders = Vec::new();
        for (pid, program) in &self.programs {
            for conn in &program.held {
                let Some(socket) = self.sockets.get(conn) else {
                    continue;
                };
                let fd = socket.holders.iter().find(|(holder, _)| holder == pid);
                holders.push(Holder {
                    sock: socket.address,
                    cookie: conn.0,
                    inode: u64::from(socket.inode),
                    born_ns: 0,
                    pid: pid.0,
                    fd: fd.map_or(0, |(_, fd)| *fd),
                    comm: program.comm,
                });
            }
        }
        self.table.set_holders(self.now_ns, &holders);
    }

    fn row(&self, conn: Conn, socket: &Socket) -> DumpRow {
        let is_listener = socket.state == State::Listen;
        let (timer, unanswered) = self.timer(socket);
        let is_minisock = socket.kind == Kind::Minisock;
        let left_ms = socket.expires_ns.saturating_sub(self.now_ns) / 1_000_000;
        let from_peer = matches!(
            socket.state,
            State::Established | State::FinWait2 | State::CloseWait | State::Closing
        );
        let heard_ms = (self.now_ns - socket.heard_ns) / 1_000_000;
        DumpRow {
            cookie: conn.0,
            state: socket.state,
            kind: socket.kind,
            tuple: Tuple {
                family: Family::Ipv4,
                local_port: socket.local.1,
                remote_port: socket.remote.1,
                local: octets(socket.local.0),
                remote: octets(socket.remote.0),
            },
            // An orphan has lost its inode.
            inode: if socket.holders.is_empty() {
                0
            } else {
                socket.inode
            },
            uid: 1000,
            recv_queue: if is_listener {
                socket.queue.len() as u32
            } else {
                0
            },
            send_queue: Some(if is_listener {
                socket.backlog
            } else {
                socket.unsent
            }),
            expires_ms: if is_minisock { left_ms as u32 } else { 0 },
            timer,
            unanswered,
            cgroup: 0,
            drops: is_listener.then_some(socket.drops),
            last_ack_ms: (from_peer && !is_minisock).then_some(heard_ms as u32),
        }
    }

    /// The timer, and how often it fired: the time-out doubles, up to two minutes.
    fn timer(&self, socket: &Socket) -> (Timer, u8) {
        let Some(asking_ns) = socket.asking_ns else {
            return match socket.keepalive {
                true => (Timer::Keepalive, 0),
                false => (Timer::None, 0),
            };
        };
        let is_syn = socket.state == State::SynSent;
        let mut next_ns = if is_syn { SECOND } else { SECOND / 5 };
        let (mut at_ns, mut fired) = (asking_ns + next_ns, 0);
        while at_ns <= self.now_ns && fired < 15 {
            fired += 1;
            next_ns = (next_ns * 2).min(120 * SECOND);
            at_ns += next_ns;
        }
        match socket.peer {
            // A probe of a closed window is answered, and the count begins anew.
            Peer::Full => (Timer::ZeroWindowProbe, 0),
            Peer::FullAndGone => (Timer::ZeroWindowProbe, fired),
            _ => (Timer::Retransmit, fired),
        }
    }
}
