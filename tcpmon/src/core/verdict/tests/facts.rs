//! Anything the sources may say, in any order.

use std::sync::Arc;

use proptest::prelude::*;
use tcpmon_common::record::flag;
use tcpmon_common::{Holder, Record, State};

use super::super::thresholds::SECOND_NS;
use crate::core::facts::{
    DumpRow, DumpTime, KernelEvent, Kind, MachineFact, NamespaceFact, NamespaceLimits,
    NetnsIdentity, PortRange, Presence, ProcessFact, StateSet, Timer,
};
use crate::core::table::Table;
use crate::core::tuple::{Family, Tuple};

const NETNS: NetnsIdentity = NetnsIdentity {
    cookie: 1,
    inode: 4_026_531_840,
};
/// Sockets below are servers' on port 80, those above clients' to it.
const SERVERS: u64 = 20;
pub(super) const SOCKETS: u64 = 40;

/// A fact about some sockets of a small machine.
#[derive(Clone, Debug)]
pub(super) enum Fact {
    /// Sockets go from one state to another.
    Records {
        sockets: Vec<u64>,
        old: u8,
        new: u8,
        flags: u8,
        pid: u32,
    },
    /// A dump of everything.
    Audit(Vec<(u64, u8, Detail)>),
    /// Who holds what.
    Holders(Vec<(u64, u32)>),
    /// Length of the accept queue and its drops.
    Queue { depth: u32, drops: u32 },
    /// The kernel's counters, by how much they grew.
    Counters(Vec<(u8, u64)>),
    /// Open files of a process.
    Files { pid: u32, open: u64 },
    /// Connections without a process.
    Orphans(u64),
}

/// What a dump tells of a socket besides its state.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Detail {
    inode: bool,
    send_queue: u32,
    timer: u8,
    unanswered: u8,
}

fn detail() -> impl Strategy<Value = Detail> {
    (
        any::<bool>(),
        prop_oneof![3 => Just(0u32), 1 => Just(5000)],
        0u8..5,
        0u8..9,
    )
        .prop_map(|(inode, send_queue, timer, unanswered)| Detail {
            inode,
            send_queue,
            timer,
            unanswered,
        })
}

/// A state, most often one that a verdict may be about.
fn state() -> impl Strategy<Value = u8> {
    prop_oneof![
        4 => Just(State::CloseWait.number()),
        2 => Just(State::Established.number()),
        1 => 1u8..12,
    ]
}

/// A fact, and the seconds that pass before it.
pub(super) fn fact() -> impl Strategy<Value = (u64, Fact)> {
    let sockets = || prop::collection::vec(1..SOCKETS, 1..12);
    let row = || (1..SOCKETS, state(), detail());
    let fact = prop_oneof![
        6 => (sockets(), state(), state(), any::<u8>(), 1u32..4).prop_map(
            |(sockets, old, new, flags, pid)| Fact::Records { sockets, old, new, flags, pid }
        ),
        3 => prop::collection::vec(row(), 0..40).prop_map(Fact::Audit),
        1 => prop::collection::vec((1..SOCKETS, 1u32..4), 0..30).prop_map(Fact::Holders),
        2 => (0u32..12, 0u32..40).prop_map(|(depth, drops)| Fact::Queue { depth, drops }),
        2 => prop::collection::vec((0u8..11, 0u64..30), 0..6).prop_map(Fact::Counters),
        1 => (1u32..4, 0u64..110).prop_map(|(pid, open)| Fact::Files { pid, open }),
        1 => (0u64..110).prop_map(Fact::Orphans),
    ];
    (0u64..40, fact)
}

/// A machine that facts are told of.
#[derive(Default)]
pub(super) struct Machine {
    pub(super) table: Table,
    pub(super) now_ns: u64,
    counters: [u64; KernelEvent::ALL.len()],
    drops: u32,
    limits: Option<Arc<NamespaceLimits>>,
}

impl Machine {
    fn describe(&mut self) {
        self.table.describe_namespace(NamespaceFact {
            identity: NETNS,
            name: None,
            events: self.counters.map(Some),
            limits: self.limits.clone(),
        });
    }

    pub(super) fn new() -> Self {
        let mut machine = Self {
            now_ns: 1000 * SECOND_NS,
            ..Self::default()
        };
        let limits = NamespaceLimits {
            local_ports: Some(PortRange {
                low: 1,
                high: SOCKETS as u16,
            }),
            reserved_ports: Some(Vec::new()),
            max_minisocks: Some(20),
            max_syn_backlog: Some(16),
            ..NamespaceLimits::default()
        };
        machine.limits = Some(Arc::new(limits));
        machine.describe();
        machine
    }

    pub(super) fn tell(&mut self, (seconds, fact): &(u64, Fact)) {
        self.now_ns += seconds * SECOND_NS;
        match fact {
            Fact::Records {
                sockets,
                old,
                new,
                flags,
                pid,
            } => {
                for socket in sockets {
                    self.now_ns += 1;
                    let record = record(*socket, (*old, *new), *flags, *pid);
                    self.table.apply(&Record {
                        time_ns: self.now_ns,
                        ..record
                    });
                }
            }
            Fact::Audit(rows) => self.audit(rows),
            Fact::Holders(holders) => {
                let holders: Vec<Holder> = holders
                    .iter()
                    .map(|(socket, pid)| Holder {
                        sock: *socket,
                        cookie: *socket,
                        inode: 0,
                        born_ns: 0,
                        pid: *pid,
                        fd: 3,
                        comm: comm(*pid),
                    })
                    .collect();
                self.table.set_holders(self.now_ns, &holders);
            }
            Fact::Queue { depth, drops } => {
                self.drops += drops;
                let rows: Vec<DumpRow> = (1..SERVERS)
                    .map(|socket| DumpRow {
                        recv_queue: *depth,
                        send_queue: Some(8),
                        drops: Some(self.drops),
                        ..row(socket, State::Listen)
                    })
                    .collect();
                self.table.measure_queues(NETNS, &rows);
            }
            Fact::Counters(grown) => {
                for (event, by) in grown {
                    self.counters[usize::from(*event)] += by;
                }
                self.describe();
            }
            Fact::Files { pid, open } => self.table.describe_processes(&[ProcessFact {
                open_files: Some(*open),
                max_open_files: Some(100),
                ..ProcessFact::unread(*pid, self.now_ns, Presence::Seen)
            }]),
            Fact::Orphans(orphans) => self.table.describe_machine(MachineFact {
                orphans: Some(*orphans),
                max_orphans: Some(100),
                ..MachineFact::default()
            }),
        }
    }

    fn audit(&mut self, rows: &[(u64, u8, Detail)]) {
        let mut rows: Vec<DumpRow> = rows
            .iter()
            .filter_map(|(socket, state, detail)| {
                let state = State::from_kernel(i64::from(*state))?;
                let is_held = detail.inode || state == State::Listen;
                Some(DumpRow {
                    inode: if is_held { 10 + *socket as u32 } else { 0 },
                    send_queue: Some(detail.send_queue),
                    timer: Timer::from_kernel(detail.timer),
                    unanswered: detail.unanswered,
                    ..row(*socket, state)
                })
            })
            .collect();
        let time = DumpTime {
            started_ns: self.now_ns,
            read_ns: self.now_ns,
        };
        self.table.begin_audit(StateSet::LIVE);
        self.table.audit_rows(NETNS, time, &mut rows);
        self.table.audit_namespace_done(NETNS, self.now_ns);
        self.table.end_audit(self.now_ns, true);
    }
}

/// A record of a socket without its time.
pub(super) fn record(socket: u64, (old, new): (u8, u8), flags: u8, pid: u32) -> Record {
    let Tuple {
        local_port,
        remote_port,
        local,
        remote,
        ..
    } = tuple(socket);
    Record {
        sock: socket,
        cookie: socket,
        netns_cookie: NETNS.cookie,
        netns_inode: NETNS.inode,
        family: 2,
        old_state: old,
        new_state: new,
        flags,
        pid: if flags & flag::TASK == 0 { 0 } else { pid },
        comm: if flags & flag::TASK == 0 {
            [0; 16]
        } else {
            comm(pid)
        },
        shutdown: 3,
        local_port,
        remote_port,
        local_address: local,
        remote_address: remote,
        ..Record::EMPTY
    }
}

fn comm(pid: u32) -> [u8; 16] {
    let mut comm = *b"program-\0\0\0\0\0\0\0\0";
    comm[8] = b'0' + pid as u8;
    comm
}

fn tuple(socket: u64) -> Tuple {
    let mut address = [0; 16];
    address[..4].copy_from_slice(&[10, 0, 0, 1]);
    let port = socket as u16;
    let (local_port, remote_port) = if socket < SERVERS {
        (80, port)
    } else {
        (port, 80)
    };
    Tuple {
        family: Family::Ipv4,
        local_port,
        remote_port,
        local: address,
        remote: address,
    }
}

fn row(socket: u64, state: State) -> DumpRow {
    let kind = match state {
        State::TimeWait => Kind::Minisock,
        State::NewSynRecv => Kind::Request,
        _ => Kind::Full,
    };
    DumpRow {
        cookie: socket,
        state,
        kind,
        tuple: tuple(socket),
        inode: 0,
        uid: 0,
        recv_queue: 0,
        send_queue: Some(0),
        expires_ms: 30_000,
        timer: Timer::None,
        unanswered: 0,
        cgroup: 0,
        drops: None,
        last_ack_ms: None,
    }
}
