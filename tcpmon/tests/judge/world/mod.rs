//! A small deterministic machine: programs act on its kernel, and an agent's table hears of it what
//! the real one would, in simulated time.
//!
//! The sequences of records are those the tracepoint gives (see `tests/kernel`): an accepted socket
//! makes no record, TIME_WAIT is derived, a request socket is seen in dumps alone.

mod agent;
mod kernel;
mod machine;
mod opening;
mod rows;

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, Ipv4Addr};

use tcpmon::core::facts::{NamespaceLimits, NetnsIdentity, PortRange};
use tcpmon::core::table::Table;
use tcpmon::core::verdict::Judge;

pub(crate) use agent::Told;
pub(crate) use kernel::{Conn, Peer};
pub(crate) use machine::{Netns, Pid};

use kernel::Socket;
use machine::{Namespace, Program};

pub(crate) const SECOND: u64 = 1_000_000_000;
const MILLISECOND: u64 = 1_000_000;
/// The machine had been up for so long when a scenario begins.
pub(crate) const BEGINNING: u64 = 100_000 * SECOND;
/// The address of the machine in every namespace.
pub(crate) const HERE: IpAddr = IpAddr::V4(Ipv4Addr::new(10, 0, 0, 1));

/// The machine, its kernel and the agent on it.
pub(crate) struct World {
    pub(crate) now_ns: u64,
    next_second_ns: u64,
    sockets: BTreeMap<Conn, Socket>,
    free_addresses: Vec<u64>,
    last: u64,
    programs: BTreeMap<Pid, Program>,
    namespaces: Vec<Namespace>,
    /// Local ports in use towards a peer.
    ports: BTreeMap<(Netns, IpAddr, IpAddr, u16), BTreeMap<u16, Conn>>,
    /// Who listens where.
    listening: BTreeMap<(Netns, u16), Vec<Conn>>,
    /// When the kernel's timers end sockets.
    timers: BTreeSet<(u64, Conn)>,
    pub(crate) max_orphans: u32,
    /// Connections without a process that the scenario does not spell out.
    pub(crate) more_orphans: u64,
    pub(crate) table: Table,
    pub(crate) judge: Judge,
    /// The agent runs. What happens before it does is told to nobody.
    watching: bool,
    /// The holders of sockets can be read.
    pub(crate) sees_holders: bool,
    pub(crate) told: Vec<Told>,
    pub(crate) broken: Vec<String>,
}

impl World {
    pub(crate) fn new() -> Self {
        let mut world = Self {
            now_ns: BEGINNING,
            next_second_ns: BEGINNING,
            sockets: BTreeMap::new(),
            free_addresses: Vec::new(),
            last: 0,
            programs: BTreeMap::new(),
            namespaces: Vec::new(),
            ports: BTreeMap::new(),
            listening: BTreeMap::new(),
            timers: BTreeSet::new(),
            max_orphans: 65_536,
            more_orphans: 0,
            table: Table::new(),
            judge: Judge::default(),
            watching: true,
            sees_holders: true,
            told: Vec::new(),
            broken: Vec::new(),
        };
        world.namespace();
        world
    }

    /// Seconds since the scenario began.
    pub(crate) fn seconds(&self) -> f64 {
        (self.now_ns - BEGINNING) as f64 / SECOND as f64
    }

    /// Lets time pass; the kernel's timers fire and the agent does its rounds.
    pub(crate) fn pass(&mut self, milliseconds: u64) {
        let end_ns = self.now_ns + milliseconds * MILLISECOND;
        while self.next_second_ns <= end_ns {
            self.now_ns = self.now_ns.max(self.next_second_ns);
            self.next_second_ns += SECOND;
            self.fire_timers();
            self.agent_round();
        }
        self.now_ns = self.now_ns.max(end_ns);
    }

    /// Lets seconds pass.
    pub(crate) fn wait(&mut self, seconds: u64) {
        self.pass(seconds * 1000);
    }

    /// Does something every so often, until so many seconds after the scenario began.
    pub(crate) fn every(
        &mut self,
        milliseconds: u64,
        until_second: u64,
        mut act: impl FnMut(&mut Self, u64),
    ) {
        let until_ns = BEGINNING + until_second * SECOND;
        let mut next_ns = self.now_ns;
        for round in 0.. {
            if next_ns >= until_ns {
                break;
            }
            self.pass(next_ns.saturating_sub(self.now_ns) / MILLISECOND);
            act(self, round);
            next_ns += milliseconds * MILLISECOND;
        }
        let rest_ns = until_ns.saturating_sub(self.now_ns);
        self.pass(rest_ns.div_ceil(MILLISECOND));
    }

    /// Says that something beside the verdicts must be so.
    pub(crate) fn expect(&mut self, what: &str, holds: bool) {
        if !holds {
            let at = self.seconds();
            self.broken.push(format!("{what} (at {at:.0} s)"));
        }
    }

    /// A namespace with the settings of a fresh one.
    pub(crate) fn namespace(&mut self) -> Netns {
        let number = self.namespaces.len();
        self.namespaces.push(Namespace {
            identity: NetnsIdentity {
                cookie: number as u64 + 1,
                inode: 4_026_531_840 + number as u32,
            },
            limits: ordinary_limits(),
            events: Default::default(),
            minisocks: 0,
            is_gone: false,
        });
        Netns(number)
    }

    /// Changes the settings of a namespace.
    pub(crate) fn set(&mut self, netns: Netns, change: impl FnOnce(&mut NamespaceLimits)) {
        change(&mut self.namespaces[netns.0].limits);
    }

    /// Local ports for connections that do not choose one.
    pub(crate) fn set_port_range(&mut self, low: u16, high: u16) {
        self.set(Netns(0), |limits| {
            limits.local_ports = Some(PortRange { low, high });
        });
    }
}

/// The defaults of a kernel on a machine with some gigabytes of memory.
fn ordinary_limits() -> NamespaceLimits {
    NamespaceLimits {
        local_ports: Some(PortRange {
            low: 32768,
            high: 60999,
        }),
        reserved_ports: Some(Vec::new()),
        tw_reuse: Some(2),
        max_minisocks: Some(131_072),
        fin_timeout_s: Some(60),
        timestamps: Some(1),
        max_syn_backlog: Some(4096),
        syncookies: Some(1),
        somaxconn: Some(4096),
        ..NamespaceLimits::default()
    }
}
