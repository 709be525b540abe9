//! The agent's answers about itself and the machine.

use std::collections::BTreeMap;

use tcpmon_common::{Counters, State};

use super::rates::Edges;
use super::{Agent, Incidents};
use crate::clock;
use crate::core::course::{Sample, StateSample};
use crate::core::explain;
use crate::core::query::{
    EdgeRate, Endings, Health, Namespaces, SCHEMA, StateSummary, Summary, Verdicts,
};
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

/// Events that did not reach the table, and the counters they are told from.
#[derive(Default)]
pub(super) struct Losses {
    pub(super) counters: Counters,
    program: ProgramUsage,
}

impl Losses {
    /// Reads the kernel's counters; `true` when events were lost since the last time.
    pub(super) fn read(&mut self, stream: &Stream) -> anyhow::Result<bool> {
        let before = self.total();
        self.counters = stream.counters()?;
        let stats = stream.program_stats()?;
        self.program = ProgramUsage {
            run_time_ns: stats.run_time_ns,
            run_count: stats.run_count,
            recursion_misses: stats.recursion_misses,
        };
        Ok(self.total() > before)
    }

    fn total(&self) -> u64 {
        self.counters.lost + self.program.recursion_misses
    }

    /// Every reason there is, with how many events it cost.
    fn by_reason(&self, undecodable: u64) -> BTreeMap<&'static str, u64> {
        BTreeMap::from([
            ("ring_full", self.counters.lost),
            ("recursion", self.program.recursion_misses),
            ("undecodable", undecodable),
        ])
    }
}

impl Agent {
    fn rung(&self) -> &'static str {
        match &self.stream {
            Some(stream) => stream.rung().name(),
            None if self.table.dumps_have_cookies() => "sock_diag",
            None => "proc",
        }
    }

    fn lost(&self) -> BTreeMap<&'static str, u64> {
        let undecodable = self.stream.as_ref().map_or(0, Stream::undecodable);
        self.losses.by_reason(undecodable)
    }

    /// Reads the counters anew, so that an answer is not a second old.
    fn refresh_counters(&mut self) {
        if let Some(stream) = &self.stream
            && let Err(error) = self.losses.read(stream)
        {
            log::debug!("{error:#}");
        }
    }

    pub(super) fn summary(&mut self) -> Summary {
        self.drain();
        self.refresh_counters();
        let now_ns = clock::boottime_ns();
        Summary {
            schema: SCHEMA,
            version: env!("CARGO_PKG_VERSION").into(),
            host: self.host.name.clone(),
            kernel: self.host.kernel.clone(),
            uptime_seconds: seconds(now_ns.saturating_sub(self.started_ns)),
            states: self.states(now_ns),
            edges: self.edges(),
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
            events_delivered: self.stream.as_ref().map_or(0, Stream::delivered),
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
        self.drain();
        let (endings, forgotten) = self.table.endings(clock::boottime_ns());
        Endings {
            schema: SCHEMA,
            forgotten,
            endings,
        }
    }

    pub(super) fn verdicts(&self) -> Verdicts {
        self.court.report(&self.table, clock::boottime_ns())
    }

    pub(super) fn namespaces(&self) -> Namespaces {
        Namespaces {
            schema: SCHEMA,
            namespaces: self.table.namespace_rows(),
            machine: *self.table.machine(),
        }
    }

    fn states(&self, now_ns: u64) -> Vec<StateSummary> {
        let mut states = self.table.states(now_ns);
        for (summary, state) in states.iter_mut().zip(State::RFC) {
            summary.entered_per_second = self.rates.entered(usize::from(state.number()));
        }
        states
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

    fn edges(&self) -> Vec<EdgeRate> {
        let pages = explain::edges().filter(|page| page.from != page.to);
        let rates = pages.map(|page| EdgeRate {
            from: page.from.name().into(),
            to: page.to.name().into(),
            per_second: self.rates.edge(page.from as usize, page.to as usize),
        });
        rates.filter(|edge| edge.per_second > 0.0).collect()
    }

    /// The states now, to be remembered.
    pub(super) fn sample(&self, now_ns: u64) -> Sample {
        let states = State::RFC.map(|state| {
            let oldest = self.table.oldest(state);
            StateSample {
                sockets: self.table.in_state(state),
                per_second: self.rates.entered(usize::from(state.number())) as f32,
                oldest: oldest.map(|socket| seconds(socket.age_ns(now_ns)) as f32),
                oldest_is_lower_bound: oldest.is_some_and(|socket| socket.age_is_lower_bound),
            }
        });
        let pages = explain::edges().filter(|page| page.from != page.to);
        let edges = pages.map(|page| {
            let per_second = self.rates.edge(page.from as usize, page.to as usize);
            (page.from.number(), page.to.number(), per_second as f32)
        });
        Sample {
            time_ns: now_ns,
            events_per_second: self.rates.events() as f32,
            states,
            edges: edges.filter(|edge| edge.2 > 0.0).collect(),
        }
    }

    fn drift(&self) -> BTreeMap<&'static str, u64> {
        let totals = self.table.totals();
        Drift::ALL
            .into_iter()
            .map(|kind| (kind.name(), totals.drift[kind as usize]))
            .collect()
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
            states: State::RFC.map(|state| StateNow {
                sockets: self.table.in_state(state),
                oldest_unix_ns: oldest_unix_ns(state),
            }),
            totals: self.table.totals().clone(),
            counters: self.losses.counters,
            delivered: self.stream.as_ref().map_or(0, Stream::delivered),
            lost: self.lost(),
            ring_bytes: self
                .stream
                .as_ref()
                .map_or(0, |stream| u64::from(stream.ring_bytes())),
            namespaces: self.table.namespaces(),
            processes: self.table.processes() as u64,
            table_bytes: self.table.bytes() as u64,
            audits: self.audits,
            longest_turn: self.turns.longest(),
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
