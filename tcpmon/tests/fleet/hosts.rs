//! Simulated hosts: on each, programs act on a small kernel and an agent's table hears of it; what
//! is scraped is rendered by the program's own renderer from that table.

use std::net::{IpAddr, Ipv4Addr};

use tcpmon::core::series::Budget;
use tcpmon::core::snapshot::{ProcessUsage, Snapshot, StateNow};
use tcpmon::core::verdict::{Kind, Severity};
use tcpmon::view::export::metrics::Renderer;
use tcpmon_common::{Counters, State};

use crate::simulated::{BEGINNING, Conn, Pid, SECOND, World};

const DATABASE: (IpAddr, u16) = (IpAddr::V4(Ipv4Addr::new(10, 0, 0, 9)), 5432);
const BACKEND: (IpAddr, u16) = (IpAddr::V4(Ipv4Addr::new(10, 0, 0, 10)), 8080);
/// How long each host has run when the first scrape comes, in simulated seconds: longer where a
/// verdict needs its time.
const CALM: u64 = 20;
const LEAKING: u64 = 400;
const EXHAUSTING: u64 = 150;
/// A host that nobody has looked at for longer is not played second by second.
const LONGEST_PAUSE: u64 = 120;

/// What is wrong with a host.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    None,
    /// `payments` forgets a connection every two seconds.
    Leak,
    /// `crawler` opens a connection per request, and the local ports towards one peer run out.
    Ports,
    /// Its clock is ahead by so many seconds.
    Clock(u64),
}

/// One host.
pub(crate) struct Host {
    pub(crate) name: String,
    pub(crate) fault: Fault,
    world: World,
    play: Play,
    renderer: Renderer,
    /// Seconds since 1970 when it was looked at last.
    looked: Option<u64>,
}

/// Who runs on it and what they hold.
struct Play {
    number: u64,
    nginx: (Pid, Conn),
    payments: (Pid, Conn),
    crawler: Pid,
    clients: u64,
    /// Connections that end in so many seconds.
    leaving: Vec<(u64, Pid, Conn)>,
}

impl Host {
    /// Host `number` of a fleet, with an agent that has watched it for a while.
    pub(crate) fn new(number: u64, fault: Fault) -> Self {
        let mut world = World::new();
        let nginx = world.start("nginx");
        let payments = world.start("payments");
        let crawler = world.start("crawler");
        for pid in [nginx, payments, crawler] {
            world.limit_files(pid, 1024);
        }
        if fault == Fault::Ports {
            world.set_port_range(40_000, 40_999);
        }
        let listening = world.listen(nginx, 443, 511);
        let behind = world.listen(payments, 8443, 128);
        // A pool that stays.
        for _ in 0..4 + number % 5 {
            world.connect(payments, DATABASE);
        }
        let play = Play {
            number,
            nginx: (nginx, listening),
            payments: (payments, behind),
            crawler,
            clients: 0,
            leaving: Vec::new(),
        };
        let mut host = Self {
            name: format!("web-{number:03}"),
            fault,
            world,
            play,
            renderer: Renderer::default(),
            looked: None,
        };
        let before = match fault {
            Fault::Leak => LEAKING,
            Fault::Ports => EXHAUSTING,
            Fault::None | Fault::Clock(_) => CALM,
        };
        for _ in 0..before {
            host.second();
        }
        host
    }

    /// Its metrics when it is `unix_ns` by the clocks of others.
    pub(crate) fn scrape(&mut self, unix_ns: u64) -> anyhow::Result<Vec<u8>> {
        let now = unix_ns / SECOND;
        let passed = now.saturating_sub(self.looked.unwrap_or(now));
        self.looked = Some(now);
        for _ in 0..passed.min(LONGEST_PAUSE) {
            self.second();
        }
        let ahead = match self.fault {
            Fault::Clock(seconds) => seconds * SECOND,
            _ => 0,
        };
        let unix_ns = unix_ns + ahead;
        let world = &self.world;
        let mut census = world.table.census(world.now_ns, unix_ns);
        census.verdicts = world.judge.standing();
        let snapshot = snapshot(world, unix_ns);
        self.renderer.render(&snapshot, &census, Budget::default())
    }

    /// Plays a second of simulated time.
    fn second(&mut self) {
        let second = self.world.seconds() as u64;
        self.play.second(&mut self.world, self.fault, second);
        self.world.wait(1);
    }
}

impl Play {
    fn second(&mut self, world: &mut World, fault: Fault, second: u64) {
        let (nginx, listening) = self.nginx;
        // Browsers: they stay for a while and go first.
        for _ in 0..1 + self.number % 3 {
            if let Some(conn) = world.serve(nginx, listening, self.client()) {
                let until = second + 5 + (self.number + second * 7) % 23;
                self.leaving.push((until, nginx, conn));
            }
        }
        let (payments, behind) = self.payments;
        if let Some(conn) = world.serve(payments, behind, self.client()) {
            world.peer_closes(conn);
            // The handler that returns without close().
            if fault != Fault::Leak || second % 2 == 1 {
                world.close(payments, conn);
            }
        }
        let requests = if fault == Fault::Ports { 20 } else { 1 };
        for _ in 0..requests {
            if let Some(conn) = world.connect(self.crawler, BACKEND) {
                world.close(self.crawler, conn);
            }
        }
        let leaving = std::mem::take(&mut self.leaving);
        for (until, pid, conn) in leaving {
            if until > second {
                self.leaving.push((until, pid, conn));
            } else {
                world.peer_closes(conn);
                world.close(pid, conn);
            }
        }
    }

    fn client(&mut self) -> (IpAddr, u16) {
        self.clients += 1;
        let [.., high, low] = (self.clients / 20_000).to_be_bytes();
        let port = 20_000 + u16::try_from(self.clients % 20_000).unwrap_or(0);
        (IpAddr::V4(Ipv4Addr::new(192, 0, high, low)), port)
    }
}

/// What the agent on it would say of the machine and of itself.
fn snapshot(world: &World, unix_ns: u64) -> Snapshot {
    let table = &world.table;
    let unix_ns_of = |at_ns: u64| unix_ns - (world.now_ns - at_ns);
    let totals = table.totals().clone();
    let counters = Counters {
        produced: totals.applied,
        ..Counters::default()
    };
    Snapshot {
        rung: "tp_btf",
        now_unix_ns: unix_ns,
        states: State::RFC.map(|state| StateNow {
            sockets: table.in_state(state),
            oldest_unix_ns: table.oldest(state).map(|it| unix_ns_of(it.entered_ns)),
        }),
        delivered: totals.applied,
        counters,
        totals,
        lost: ["ring_full", "recursion", "undecodable"]
            .map(|reason| (reason, 0))
            .into(),
        ring_bytes: 1 << 24,
        machine: *table.machine(),
        namespaces: table.namespaces(),
        processes: table.processes() as u64,
        table_bytes: table.bytes() as u64,
        process: Some(ProcessUsage {
            start_time_seconds: unix_ns_of(BEGINNING) as f64 / 1e9,
            ..ProcessUsage::default()
        }),
        verdicts: verdicts(world),
        ..Snapshot::default()
    }
}

fn verdicts(world: &World) -> [[u64; Severity::ALL.len()]; Kind::ALL.len()] {
    let mut counts = [[0; Severity::ALL.len()]; Kind::ALL.len()];
    for standing in world.judge.standing() {
        counts[standing.kind as usize][standing.severity as usize] += 1;
    }
    counts
}
