//! A table that is told what another was told, and its judge.

use tcpmon_common::counter::STATES;

use crate::agent::rates::{Edges, Rates};
use crate::agent::watchers;
use crate::core::course::Course;
use crate::core::facts::StateSet;
use crate::core::query::EventRow;
use crate::core::recording::{Header, Item, Tick, policy_from_text};
use crate::core::table::plant::Signposts;
use crate::core::table::{Change, Table};
use crate::core::verdict::{Judge, Policy};

/// Minisocks removed by their timers at one tick at most, per state; as the agent does.
const EXPIRE_BUDGET: usize = 100_000;

/// The machine of a recording at one moment of it.
pub struct World {
    pub(super) header: Header,
    pub(super) table: Table,
    pub(super) judge: Judge,
    pub(super) rates: Rates,
    pub(super) course: Course,
    /// The last tick.
    pub(super) tick: Tick,
    /// Items that are missing.
    pub(super) missed: u64,
    /// When the last audit ended.
    pub(super) audit_ended_ns: Option<u64>,
    pub(super) problems: Vec<String>,
    now_ns: u64,
    edges: Edges,
    /// While what the recorded table knew is planted.
    signposts: Option<Signposts>,
    /// The sweep that is told, and in which states; `None` for one whose beginning is missing: what it
    /// does not show may be there nevertheless.
    sweep: Option<StateSet>,
}

impl World {
    /// The beginning of a recording.
    #[must_use]
    pub fn new(header: Header) -> Self {
        let now_ns = header.began_ns;
        Self {
            table: Table::new(),
            judge: Judge::new(Policy::default()),
            rates: Rates::default(),
            course: Course::default(),
            tick: Tick {
                now_ns,
                unix_ns: header.began_unix_ns,
                ..Tick::default()
            },
            missed: 0,
            audit_ended_ns: None,
            problems: Vec::new(),
            now_ns,
            edges: [[0; STATES]; STATES],
            signposts: Some(Signposts::default()),
            sweep: None,
            header,
        }
    }

    /// What was recorded.
    #[must_use]
    pub const fn header(&self) -> &Header {
        &self.header
    }

    /// The table as it is at this moment.
    #[must_use]
    pub const fn table(&self) -> &Table {
        &self.table
    }

    /// The moment, `CLOCK_BOOTTIME` ns of the recorded machine.
    #[must_use]
    pub const fn now_ns(&self) -> u64 {
        self.now_ns
    }

    /// Lets time pass up to `now_ns`, if that is later.
    pub fn pass(&mut self, now_ns: u64) {
        self.now_ns = self.now_ns.max(now_ns);
    }

    /// Wall-clock time of a moment, ns since 1970, by the clock of the recorded machine.
    #[must_use]
    pub const fn unix_ns(&self, time_ns: u64) -> u64 {
        let Tick {
            now_ns, unix_ns, ..
        } = self.tick;
        match time_ns.checked_sub(now_ns) {
            Some(later) => unix_ns.saturating_add(later),
            None => unix_ns.saturating_sub(now_ns - time_ns),
        }
    }

    /// Whether all that the recorded table knew at the beginning has been told.
    #[must_use]
    pub const fn is_planted(&self) -> bool {
        self.signposts.is_none()
    }

    /// The last change of [`World::apply`], as `watch` shows it.
    #[must_use]
    pub fn event(&self, change: &Change) -> EventRow {
        watchers::event_row(&self.table, change, self.unix_ns(change.time_ns))
    }

    /// Takes over one item; the change, if it is a transition.
    pub fn apply(&mut self, item: Item) -> Option<Change> {
        if let Some(time_ns) = item.time_ns() {
            self.pass(time_ns);
        }
        match item {
            Item::Record(record) => {
                let change = self.table.apply(&record)?;
                let (from, to) = (change.edge.from, change.edge.to);
                self.edges[from as usize][to as usize] += 1;
                return Some(change);
            }
            Item::Tick(tick) => self.tick(tick),
            Item::Gap(missed) => {
                self.missed = self.missed.saturating_add(missed);
                self.sweep = None;
            }
            Item::Policy(text) => {
                if let Some(policy) = policy_from_text(&text) {
                    self.judge.set_policy(policy);
                }
            }
            Item::Ground(ground) => self.table.set_ground(ground),
            Item::KnownNamespace(known) => self.table.plant_namespace(*known),
            Item::Socket(known) => {
                if let Some(signposts) = &mut self.signposts {
                    self.table.plant(&known, signposts);
                }
            }
            Item::Planted { .. } => {
                self.signposts = None;
                self.table.planted();
            }
            Item::Searched { .. }
            | Item::Began { .. }
            | Item::Rows { .. }
            | Item::Swept { .. }
            | Item::Ended { .. } => self.audit(item),
            other => self.hear(other),
        }
        None
    }

    /// A second has passed: what the agent does then.
    fn tick(&mut self, tick: Tick) {
        self.tick = tick;
        self.table.expire(tick.now_ns, EXPIRE_BUDGET);
        let totals = self.table.totals();
        let mut edges = self.edges;
        for (row, silent) in edges.iter_mut().zip(&totals.silent) {
            for (cell, silent) in row.iter_mut().zip(silent) {
                *cell = cell.saturating_add(*silent);
            }
        }
        let (events, entered) = (totals.applied, totals.entered);
        self.rates.sample(tick.now_ns, events, entered, edges);
        let states = self.rates.remember(&self.table, tick.now_ns);
        self.course.add(states);
        if self.is_planted() {
            self.judge.evaluate(&mut self.table, tick.now_ns);
        }
    }

    fn audit(&mut self, item: Item) {
        // A sweep that began before everything was known would not find what is planted after it.
        match item {
            Item::Searched { search, now_ns } if self.is_planted() => {
                self.table.give_up_vanished(&search, now_ns);
            }
            Item::Began { states, cookies } if self.is_planted() => {
                self.sweep = Some(states);
                self.table.set_dumps_have_cookies(cookies);
                self.table.begin_audit(states);
            }
            Item::Rows {
                netns,
                time,
                mut rows,
            } if self.sweep.is_some() => self.table.audit_rows(netns, time, &mut rows),
            Item::Swept { netns, started_ns } if self.sweep.is_some() => {
                self.table.audit_namespace_done(netns, started_ns);
            }
            Item::Ended {
                now_ns,
                complete,
                problems,
            } => {
                if let Some(states) = self.sweep.take() {
                    self.table.end_audit(now_ns, complete);
                    if states == StateSet::LIVE {
                        self.audit_ended_ns = Some(now_ns);
                        self.problems = problems;
                    }
                }
            }
            _ => {}
        }
    }

    fn hear(&mut self, item: Item) {
        match item {
            Item::Holders {
                started_ns,
                holders,
            } => self.table.hear_holders(started_ns, &holders),
            Item::HoldersEnded {
                started_ns,
                by_inode,
            } => {
                let by_inode = by_inode.into_iter().collect();
                self.table.close_holders(started_ns, by_inode);
                while self.table.walk_on(usize::MAX) {}
            }
            Item::Cgroups(names) => {
                let names = names.iter().map(|(id, path)| (*id, path.as_str()));
                self.table.plant_cgroups(names);
            }
            Item::Listeners(netns, rows) => self.table.measure_queues(netns, &rows),
            Item::Minisocks(netns, count) => self.table.count_minisocks(netns, count),
            Item::Namespace(fact) => self.table.describe_namespace(*fact),
            Item::Machine(fact) => self.table.describe_machine(fact),
            Item::Processes(facts) => self.table.describe_processes(&facts),
            // Everything else has been dealt with.
            _ => {}
        }
    }
}
