//! The transitions of the last seconds, kept as small as they come: what led to an incident.

use std::net::IpAddr;

use serde::Serialize;
use tcpmon_common::record::flag;
use tcpmon_common::{Record, State};

use crate::core::ending::Ending;
use crate::core::facts::NetnsIdentity;
use crate::core::table::{Change, Table};
use crate::core::tuple::Tuple;
use crate::core::verdict::Place;

/// Transitions kept: a third of a megabyte.
const KEPT: usize = 4096;
/// What is older explains nothing any more.
const REACH_NS: u64 = 30_000_000_000;

/// One transition.
#[derive(Clone, Copy, Debug)]
struct Step {
    time_ns: u64,
    cookie: u64,
    netns: NetnsIdentity,
    tuple: Tuple,
    /// Process that acted; 0 where the kernel did by itself.
    pid: u32,
    from: State,
    to: State,
    ending: Option<Ending>,
}

// A store of a line and a half of the processor's cache per record.
const _: () = assert!(size_of::<Step>() <= 96);

impl Step {
    fn is_at(&self, place: &Place) -> bool {
        let local = self.tuple.local_address().to_canonical();
        let remote = self.tuple.remote_address().to_canonical();
        match place {
            Place::Service { netns, port } => {
                self.netns == *netns && self.tuple.local_port == *port
            }
            Place::Destination {
                netns,
                source,
                address,
                port,
            } => {
                self.netns == *netns
                    && (self.tuple.remote_port, remote) == (*port, *address)
                    && local == *source
            }
            Place::Namespace(netns) => self.netns == *netns,
            Place::Machine => true,
        }
    }

    fn row(&self, now_ns: u64) -> TransitionRow {
        TransitionRow {
            age_seconds: now_ns.saturating_sub(self.time_ns) as f64 / 1e9,
            from: self.from.name(),
            to: self.to.name(),
            ending: self.ending.map(Ending::name),
            cookie: (self.cookie != 0).then_some(self.cookie),
            netns: (self.netns.inode != 0).then_some(self.netns.inode),
            local_address: self.tuple.local_address(),
            local_port: self.tuple.local_port,
            remote_address: self.tuple.remote_address(),
            remote_port: self.tuple.remote_port,
            pid: (self.pid != 0).then_some(self.pid),
        }
    }
}

/// One transition as it is saved.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct TransitionRow {
    /// Seconds before the incident.
    pub age_seconds: f64,
    /// State before.
    pub from: &'static str,
    /// State after, as the tracepoint says.
    pub to: &'static str,
    /// Why the connection ended, if it did.
    pub ending: Option<&'static str>,
    /// Socket cookie.
    pub cookie: Option<u64>,
    /// Inode of the network namespace.
    pub netns: Option<u32>,
    /// Local address.
    pub local_address: IpAddr,
    /// Local port; 0 before the kernel has chosen one.
    pub local_port: u16,
    /// Remote address.
    pub remote_address: IpAddr,
    /// Remote port.
    pub remote_port: u16,
    /// Process that acted; `null` where the kernel did by itself.
    pub pid: Option<u32>,
}

/// A ring of the last transitions.
#[derive(Debug)]
pub struct Trail {
    steps: Vec<Step>,
    /// Where the next goes once the ring is full.
    next: usize,
}

impl Default for Trail {
    fn default() -> Self {
        Self {
            steps: Vec::with_capacity(KEPT),
            next: 0,
        }
    }
}

impl Trail {
    /// Keeps the change `record` has just made to `table`, and forgets the oldest if there is no room.
    #[inline]
    pub fn note(&mut self, table: &Table, record: &Record, change: &Change) {
        let socket = table.socket(change.id);
        let step = Step {
            time_ns: change.time_ns,
            cookie: socket.cookie,
            netns: table.netns_identity(socket.netns),
            tuple: socket.tuple,
            pid: if record.has(flag::TASK) {
                record.pid
            } else {
                0
            },
            from: change.edge.from,
            to: change.edge.to,
            ending: change.ending,
        };
        if self.steps.len() < KEPT {
            self.steps.push(step);
        } else {
            self.steps[self.next] = step;
            self.next = (self.next + 1) % KEPT;
        }
    }

    /// The transitions at `place` and the others, of the last 30 s; the last first.
    pub(super) fn rows(
        &self,
        place: &Place,
        now_ns: u64,
    ) -> (Vec<TransitionRow>, Vec<TransitionRow>) {
        let (newer, older) = self.steps.split_at(self.next);
        let last_first = newer.iter().rev().chain(older.iter().rev());
        let since_ns = now_ns.saturating_sub(REACH_NS);
        let (mut here, mut elsewhere) = (Vec::new(), Vec::new());
        for step in last_first.filter(|step| step.time_ns >= since_ns) {
            if step.is_at(place) {
                here.push(step.row(now_ns));
            } else {
                elsewhere.push(step.row(now_ns));
            }
        }
        (here, elsewhere)
    }

    /// For how many seconds before `now_ns` every transition is known that the agent received: 30, or
    /// less where there were too many.
    pub(super) fn reach_seconds(&self, now_ns: u64) -> f64 {
        let reach_ns = match self.steps.get(self.next) {
            Some(oldest) if self.steps.len() == KEPT => {
                now_ns.saturating_sub(oldest.time_ns).min(REACH_NS)
            }
            _ => REACH_NS,
        };
        reach_ns as f64 / 1e9
    }
}
