//! The agent's answers about itself and the machine.

use std::collections::BTreeMap;

use tcpmon_common::{Counters, State};

use super::rates::Edges;
use super::schedule::Kind;
use super::{Agent, Incidents};
use crate::clock;
use crate::core::query::{Endings, Health, SCHEMA, Summary, Verdicts};
use crate::core::recording;
use crate::core::snapshot::{ProgramUsage, Snapshot, StateNow};
use crate::core::table::Drift;
use crate::source::bpf::Stream;
use crate::source::procfs::{ProcRoot, own};

/// What is known about the machine when the agent starts.
#[derive(Clone, Debug, Default)]
pub struct Host {
    /// Host name.
    pub name: String,
    /// Kernel release.
    pub kernel: String,
    /// Inode of the network namespace the agent runs in.
    pub netns: Option<u32>,
    /// What limits the view, one sentence each.
    pub limits: Vec<String>,
}

/// What was lost between two looks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Lost {
    /// Nothing.
    Nothing,
    /// Events the kernel skipped the program for, one here and there.
    Single,
    /// The ring was full.
    Ring,
}

/// Events that did not reach the table, and the counters they are told from.
#[derive(Default)]
pub(super) struct Losses {
    pub(super) counters: Counters,
    program: ProgramUsage,
}

impl Losses {
    /// Reads the kernel's counters; returns what was lost since the last time.
    pub(super) fn read(&mut self, stream: &Stream) -> anyhow::Result<Lost> {
        let (total, ring) = (self.total(), self.counters.lost);
        self.counters = stream.counters()?;
        let stats = stream.program_stats()?;
        let skips = stream.skips_of(&stats)?;
        self.program = ProgramUsage {
            run_time_ns: stats.run_time_ns,
            run_count: stats.run_count,
            stood_in: skips.stood_in,
            // The two figures it is told from are not of one moment.
            missed: self.program.missed.max(skips.missed),
        };
        Ok(if self.counters.lost > ring {
            Lost::Ring
        } else if self.total() > total {
            Lost::Single
        } else {
            Lost::Nothing
        })
    }

    fn total(&self) -> u64 {
        self.counters.lost + self.program.missed
    }

    /// How many events each reason cost.
    pub(super) fn counts(&self, undecodable: u64) -> recording::Losses {
        recording::Losses {
            ring_full: self.counters.lost,
            recursion: self.program.missed,
            undecodable,
        }
    }

    /// Every reason there is, with how many events it cost.
    fn by_reason(&self, undecodable: u64) -> BTreeMap<&'static str, u64> {
        BTreeMap::from([
            ("ring_full", self.counters.lost),
            ("recursion", self.program.missed),
            ("undecodable", undecodable),
        ])
    }
}

impl Agent {
    pub(super) fn rung(&self) -> &'static str {
        match &self.stream {
            Some(stream) => stream.rung().name(),
            None if self.table.dumps_have_cookies() => "sock_diag",
            None => "proc",
        }
    }

    fn lost(&self) -> BTreeMap<&'static str, u64> {
        self.losses.by_reason(self.undecodable())
    }

    /// Records of another layout.
    pub(super) fn undecodable(&self) -> u64 {
        self.stream.as_ref().map_or(0, Stream::undecodable)
    }

    /// Records read from the ring.
    pub(super) fn delivered(&self) -> u64 {
        self.stream.as_ref().map_or(0, Stream::delivered)
    }

    /// Reads the counters. Whoever finds a loss, the next audit comes at once.
    pub(super) fn read_counters(&mut self) -> anyhow::Result<()> {
        let Some(stream) = &self.stream else {
            return Ok(());
        };
        match self.losses.read(stream)? {
            Lost::Nothing => {}
            Lost::Single => self.schedule.hurry(),
            Lost::Ring => self.schedule.overflowed(clock::boottime_ns()),
        }
        Ok(())
    }

    /// Reads the counters anew, so that an answer is not a second old.
    pub(super) fn refresh_counters(&mut self) {
        if let Err(error) = self.read_counters() {
            log::debug!("{error:#}");
        }
    }

    pub(super) fn summary(&mut self) -> Summary {
        let now_ns = self.catch_up();
        self.refresh_counters();
        self.summary_at(now_ns)
    }

    /// The same of a moment the table speaks of, by the counters as they were read last.
    pub(super) fn summary_at(&self, now_ns: u64) -> Summary {
        Summary {
            schema: SCHEMA,
            version: env!("CARGO_PKG_VERSION").into(),
            host: self.host.name.clone(),
            kernel: self.host.kernel.clone(),
            uptime_seconds: seconds(now_ns.saturating_sub(self.started_ns)),
            states: self.rates.states(&self.table, now_ns),
            edges: self.rates.edges(),
            namespaces: self.table.namespaces(),
            health: self.health(now_ns),
        }
    }

    /// State of the machinery, by the counters as they were read last.
    pub(super) fn health(&self, now_ns: u64) -> Health {
        let mut limits = self.host.limits.clone();
        limits.extend(self.sweep_problems.iter().cloned());
        limits.extend(unfound(self.table.unfound_namespaces()));
        Health {
            rung: self.rung().into(),
            events_produced: self.losses.counters.produced,
            events_delivered: self.delivered(),
            events_lost: owned(self.lost()),
            events_per_second: self.rates.events(),
            drift: owned(self.drift()),
            last_audit_age_seconds: self
                .audit_ended_ns
                .map(|ended_ns| seconds(now_ns.saturating_sub(ended_ns))),
            limits,
        }
    }

    pub(super) fn endings(&mut self) -> Endings {
        let now_ns = self.catch_up();
        let (endings, forgotten) = self.table.endings(now_ns);
        Endings {
            schema: SCHEMA,
            forgotten,
            endings,
        }
    }

    pub(super) fn verdicts(&mut self) -> Verdicts {
        let now_ns = self.catch_up();
        self.court.report(&self.table, now_ns)
    }

    /// How often each edge was taken: what the kernel counted, and what it does in silence.
    pub(super) fn edge_totals(&self) -> Edges {
        let totals = self.table.totals();
        let mut edges = self.losses.counters.transitions;
        for (row, silent) in edges.iter_mut().zip(&totals.silent) {
            for (cell, silent) in row.iter_mut().zip(silent) {
                *cell += silent;
            }
        }
        edges
    }

    fn drift(&self) -> BTreeMap<&'static str, u64> {
        let totals = self.table.totals();
        Drift::ALL
            .into_iter()
            .map(|kind| (kind.name(), totals.drift[kind as usize]))
            .collect()
    }

    /// What waited in the ring at most, lately. Whoever reads it empties it, so a reading of now would
    /// always be nothing.
    fn ring_used_bytes(&self) -> u64 {
        let size = self.stream.as_ref().map_or(0, Stream::ring_bytes);
        // While it was emptied more may have come than there is room for at a time.
        self.waited.largest().min(size.into())
    }

    pub(super) fn snapshot(&mut self) -> Snapshot {
        self.drain();
        self.refresh_counters();
        let oldest_unix_ns = |state| {
            let socket = self.table.oldest(state)?;
            Some(clock::unix_ns_of(socket.entered_ns))
        };
        Snapshot {
            rung: self.rung(),
            now_unix_ns: clock::unix_ns(),
            states: State::RFC.map(|state| StateNow {
                sockets: self.table.in_state(state),
                oldest_unix_ns: oldest_unix_ns(state),
            }),
            totals: self.table.totals().clone(),
            counters: self.losses.counters,
            delivered: self.delivered(),
            lost: self.lost(),
            ring_bytes: self
                .stream
                .as_ref()
                .map_or(0, |stream| u64::from(stream.ring_bytes())),
            ring_used_bytes: self.ring_used_bytes(),
            machine: *self.table.machine(),
            endings_forgotten: self.table.endings_forgotten(),
            namespaces: self.table.namespaces(),
            processes: self.table.processes() as u64,
            table_bytes: self.table.bytes() as u64,
            audits: self.audits,
            sweep_cpu_ns: Kind::ALL
                .iter()
                .map(|kind| (kind.name(), self.sweep_cpu_ns[*kind as usize]))
                .collect(),
            longest_turn: self.turns.largest(),
            longest_scrape: self.scrapes.largest(),
            program: self.stream.as_ref().map(|_| self.losses.program),
            process: own::read(&ProcRoot::default()).ok(),
            watch_dropped: self.watchers.dropped(),
            verdicts: self.court.counts(),
            judging_ns: self.court.cost_ns(),
            incidents: self
                .incidents
                .as_ref()
                .map(Incidents::counts)
                .unwrap_or_default(),
        }
    }
}

/// What follows from namespaces that live and cannot be looked into.
fn unfound(count: u64) -> Option<String> {
    (count > 0).then(|| {
        format!(
            "{count} network namespaces with sockets were not found: they are known from the stream \
             alone"
        )
    })
}

fn owned(map: BTreeMap<&'static str, u64>) -> BTreeMap<String, u64> {
    map.into_iter()
        .map(|(name, count)| (name.to_owned(), count))
        .collect()
}

fn seconds(nanoseconds: u64) -> f64 {
    nanoseconds as f64 / 1e9
}
