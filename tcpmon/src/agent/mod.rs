//! The one loop: it owns the table, drains the stream, sends the sweeper out and answers letters.
//!
//! Nothing here waits for anything but the `select!`; what takes long is on the sweeper's thread.

mod asked;
mod censuses;
mod court;
mod health;
mod incidents;
mod letters;
mod lines;
mod moment;
mod poll;
mod processes;
pub(crate) mod rates;
mod recorders;
mod recording;
mod repairs;
mod schedule;
pub(crate) mod sockets;
mod turns;
pub(crate) mod watchers;

use std::os::fd::OwnedFd;
use std::sync::Arc;
use std::sync::mpsc as thread_channel;
use std::time::Duration;

use tcpmon_common::record::RECORD_SIZE;
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;
use tokio::sync::{mpsc, watch};
use tokio::time::{MissedTickBehavior, interval};

use crate::clock;
use crate::core::course::Course;
use crate::core::query::ProcessAnswer;
use crate::core::snapshot::{Audits, Turn};
use crate::core::table::Table;
use crate::core::verdict::{Judge, Policy};
use crate::mailbox::Letter;
use crate::outbox::Outbox;
use crate::source::bpf::Stream;
use crate::source::sweep::{Job, Report, SweepEnd};
use asked::Asked;
use censuses::Censuses;
use court::Court;
pub use health::Host;
use health::Losses;
use incidents::Incidents;
use moment::Moment;
use poll::Poll;
use rates::Rates;
use recorders::Recorders;
use repairs::Repairs;
use schedule::{Kind, Schedule, Wishes};
use sockets::Looked;
use turns::{Recent, Turns};
use watchers::Watchers;

/// Records applied before the other branches of the loop get their turn: about a millisecond.
const DRAIN_BUDGET: usize = 8192;
/// What a record takes in the ring: the kernel puts eight bytes before each (`BPF_RINGBUF_HDR_SZ` of
/// `include/uapi/linux/bpf.h`).
const SLOT_BYTES: u64 = RECORD_SIZE as u64 + 8;
/// Sockets looked at before the other branches get theirs, when all have to be: at most a
/// millisecond, half of it when nothing is wrong with them.
const WALK_BUDGET: usize = 4096;
/// A record takes its time before its place on the ring: two processors may be out of order by that.
const DISORDER_NS: u64 = 1_000_000;
/// Processes looked at in one go.
const PROCESSES: usize = 200;
/// Minisocks removed by their timers in one second at most, per state.
const EXPIRE_BUDGET: usize = 100_000;

/// What can be changed while the agent runs.
#[derive(Clone, Debug, PartialEq)]
pub struct Settings {
    /// Interval between full audits.
    pub audit_interval: Duration,
    /// What is judged, and how.
    pub policy: Arc<Policy>,
}

/// What the agent is made of.
pub struct Parts {
    /// The attached stream; `None` watches by audits alone.
    pub stream: Option<Stream>,
    /// Records taken while the stream was proved.
    pub table: Table,
    /// The way to the sweeper.
    pub jobs: thread_channel::Sender<Job>,
    /// What the sweeper reads.
    pub reports: mpsc::Receiver<Report>,
    /// Questions.
    pub letters: mpsc::Receiver<Letter>,
    /// Settings; a change takes effect at once.
    pub settings: watch::Receiver<Settings>,
    /// What is known about the machine.
    pub host: Host,
    /// Where incidents go; `None` saves none.
    pub outbox: Option<Outbox>,
    /// Called about once a second while the loop turns.
    pub heartbeat: Box<dyn Fn() + Send>,
}

/// The owner of the table.
pub struct Agent {
    table: Table,
    stream: Option<Stream>,
    jobs: thread_channel::Sender<Job>,
    schedule: Schedule,
    sweeping: Option<Kind>,
    /// The sweeper is done; the table is not.
    ending: Option<SweepEnd>,
    /// Processor time the sweep under way has cost this loop so far.
    sweep_cost_ns: u64,
    repairs: Repairs,
    watchers: Watchers,
    recorders: Recorders,
    asked_processes: Asked<u32, ProcessAnswer>,
    looked: Looked,
    /// Time of the last record applied.
    applied_ns: u64,
    moment: Moment,
    poll: Poll,
    turns: Turns,
    /// Those of them that copied for a scrape.
    scrapes: Turns,
    censuses: Censuses,
    /// Bytes that were in the ring when it was looked at.
    waited: Recent<u64>,
    /// Of these, what has been read of it since it was empty last.
    waiting: u64,
    rates: Rates,
    course: Course,
    losses: Losses,
    audits: Audits,
    /// Processor time of sweeps so far, in the order of [`Kind::ALL`].
    sweep_cpu_ns: [u64; Kind::ALL.len()],
    audit_ended_ns: Option<u64>,
    sweep_problems: Vec<String>,
    host: Host,
    court: Court,
    incidents: Option<Incidents>,
    started_ns: u64,
}

/// Runs until `stop` resolves; then detaches and drains what is in the ring.
///
/// # Errors
///
/// The reactor cannot take the stream's descriptor.
pub async fn run(parts: Parts, stop: impl Future<Output = ()>) -> anyhow::Result<()> {
    let Parts {
        stream,
        table,
        jobs,
        mut reports,
        mut letters,
        mut settings,
        host,
        outbox,
        heartbeat,
    } = parts;
    let readiness = match &stream {
        Some(stream) => Some(register(stream.readiness()?)?),
        None => None,
    };
    let first = settings.borrow_and_update().clone();
    let mut agent = Agent::new(table, stream, jobs, host, &first);
    agent.incidents = outbox.map(Incidents::new);
    let mut poll = interval(agent.poll.period());
    let mut second = interval(Duration::from_secs(1));
    for timer in [&mut poll, &mut second] {
        timer.set_missed_tick_behavior(MissedTickBehavior::Delay);
    }
    let mut more = false;
    tokio::pin!(stop);
    loop {
        tokio::select! {
            () = &mut stop => break,
            _ = poll.tick() => {
                more = agent.turn(Agent::drain);
                poll.reset_after(agent.next_look());
            }
            woken = wake(readiness.as_ref()) => {
                woken?;
                more = agent.turn(Agent::drain);
            }
            () = tokio::task::yield_now(), if more => more = agent.turn(Agent::drain),
            () = tokio::task::yield_now(), if agent.ending.is_some() => agent.turn(Agent::walk_on),
            () = tokio::task::yield_now(), if agent.recorders.plants() => agent.turn(Agent::plant_on),
            () = tokio::task::yield_now(), if agent.censuses.are_wanted() => {
                agent.turn(Agent::count_on);
            }
            Some(letter) = letters.recv() => agent.turn(|agent| agent.answer(letter)),
            Some(report) = reports.recv() => agent.turn(|agent| agent.take(report)),
            Ok(()) = settings.changed() => {
                let Settings { audit_interval, policy } = settings.borrow_and_update().clone();
                agent.schedule.set_audit_interval(nanoseconds(audit_interval));
                agent.recorders.tell_policy(&policy);
                agent.court.set_policy(Policy::clone(&policy));
            }
            _ = second.tick() => {
                agent.turn(Agent::once_a_second);
                heartbeat();
            }
        }
    }
    agent.finish();
    Ok(())
}

fn register(fd: OwnedFd) -> std::io::Result<AsyncFd<OwnedFd>> {
    #[expect(
        unsafe_code,
        reason = "the descriptor must stay open while it is registered"
    )]
    // SAFETY: the returned value owns the descriptor and never gives it away.
    unsafe {
        Ok(AsyncFd::register_with_interest(fd, Interest::READABLE)?)
    }
}

/// Resolves when the program has woken the reader: much is pending.
async fn wake(readiness: Option<&AsyncFd<OwnedFd>>) -> std::io::Result<()> {
    match readiness {
        Some(readiness) => {
            // Readiness is edge-triggered: cleared before the drain, it comes back with the next
            // wake-up.
            readiness.readable().await?.clear_ready();
            Ok(())
        }
        None => std::future::pending().await,
    }
}

fn nanoseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

impl Agent {
    fn new(
        table: Table,
        stream: Option<Stream>,
        jobs: thread_channel::Sender<Job>,
        host: Host,
        settings: &Settings,
    ) -> Self {
        Self {
            table,
            stream,
            jobs,
            schedule: Schedule::new(nanoseconds(settings.audit_interval)),
            sweeping: None,
            ending: None,
            sweep_cost_ns: 0,
            repairs: Repairs::default(),
            watchers: Watchers::default(),
            recorders: Recorders::default(),
            asked_processes: Asked::default(),
            looked: Looked::default(),
            applied_ns: 0,
            moment: Moment::default(),
            poll: Poll::default(),
            turns: Turns::default(),
            scrapes: Turns::default(),
            censuses: Censuses::default(),
            waited: Recent::new(u64::max),
            waiting: 0,
            rates: Rates::default(),
            course: Course::default(),
            losses: Losses::default(),
            audits: Audits::default(),
            sweep_cpu_ns: [0; Kind::ALL.len()],
            audit_ended_ns: None,
            sweep_problems: Vec::new(),
            court: Court::new(Judge::new(Policy::clone(&settings.policy)), host.netns),
            incidents: None,
            host,
            started_ns: clock::boottime_ns(),
        }
    }

    /// Applies what is in the ring, within the budget; `true` when there is more.
    fn drain(&mut self) -> bool {
        let Self {
            stream,
            table,
            watchers,
            recorders,
            applied_ns,
            incidents,
            waited,
            waiting,
            ..
        } = self;
        let Some(stream) = stream else {
            return false;
        };
        let drained = stream.drain(DRAIN_BUDGET, |record| {
            *applied_ns = record.time_ns;
            let Some(change) = table.apply(record) else {
                return;
            };
            if let Some(incidents) = incidents {
                incidents.note(table, record, &change);
            }
            if !watchers.is_empty() {
                watchers.show(table, &change, || clock::unix_ns_of(change.time_ns));
            }
            if !recorders.is_empty() {
                recorders.record(table, record, &change);
            }
        });
        *waiting += drained.records as u64 * SLOT_BYTES;
        if drained.empty && *waiting > 0 {
            waited.took(std::mem::take(waiting), clock::boottime_ns());
        }
        !drained.empty
    }

    /// Time until the ring is to be looked at again.
    fn next_look(&mut self) -> Duration {
        self.poll.looked(self.delivered());
        self.poll.period()
    }

    /// Applies what is in the ring, within the budget, and returns the moment the table speaks of.
    fn catch_up(&mut self) -> u64 {
        let now_ns = clock::boottime_ns();
        let is_behind = self.drain();
        self.moment.at(now_ns, is_behind.then_some(self.applied_ns))
    }

    /// Applies everything up to a moment of `CLOCK_BOOTTIME`: a dump read then is compared with
    /// nothing older. Ends at the first record that is younger, or when there is none left.
    fn drain_to(&mut self, moment_ns: u64) {
        while self.drain() && self.applied_ns <= moment_ns.saturating_add(DISORDER_NS) {}
    }

    /// Detaches first, so that the drain ends however busy the machine is.
    fn finish(&mut self) {
        if let Some(stream) = &mut self.stream {
            stream.detach();
        }
        while self.drain() {}
        if !self.recorders.is_empty() {
            self.recorders.tick(self.count(clock::boottime_ns()));
        }
    }

    fn once_a_second(&mut self) {
        let known_ns = self.catch_up();
        self.table.expire(known_ns, EXPIRE_BUDGET);
        let now_ns = clock::boottime_ns();
        let mut events = self.table.totals().applied;
        if let Some(stream) = &mut self.stream {
            stream.flush_diagnostics();
        }
        match self.read_counters() {
            Ok(()) if self.stream.is_some() => events = self.losses.counters.produced,
            Ok(()) => {}
            Err(error) => log::error!("{error:#}"),
        }
        let totals = self.table.totals();
        let (entered, edges) = (totals.entered, self.edge_totals());
        self.rates.sample(now_ns, events, entered, edges);
        let states = self.rates.remember(&self.table, known_ns);
        self.course.add(states);
        if self.audits.count > 0 && !self.schedule.is_unrepaired(now_ns) {
            let changes = self.court.sit(&mut self.table, known_ns);
            self.tell_changes(&changes, known_ns);
        }
        if !self.recorders.is_empty() {
            self.recorders.tick(self.count(now_ns));
        }
        self.send_out(now_ns);
    }

    fn send_out(&mut self, now_ns: u64) {
        let minisocks: Vec<_> = self.table.minisock_namespaces().collect();
        let wishes = Wishes {
            audit: self.court.wants_audit()
                || self.repairs.are_unexplained(self.table.totals().drift),
            minisocks: !minisocks.is_empty(),
            holders: self.table.wants_holders(),
            holders_again: self.table.processes() > 0,
            cgroups: self.table.wants_cgroups(),
            processes: self.table.has_unread_processes(),
            processes_again: self.table.wants_processes(now_ns),
        };
        let Some(kind) = self.schedule.next(wishes, now_ns) else {
            return;
        };
        let job = match kind {
            Kind::Audit => Job::Audit {
                with_info: self.audits.count == 0,
                known: self.table.occupied_namespaces().collect(),
            },
            Kind::Minisocks => Job::Minisocks(minisocks),
            Kind::Holders => Job::Holders,
            Kind::Cgroups => Job::Cgroups,
            Kind::Queues => Job::Queues {
                known: self.table.occupied_namespaces().collect(),
                doubted: self.table.take_doubted_namespaces(),
            },
            Kind::Processes => Job::Processes(self.table.processes_to_read(now_ns, PROCESSES)),
        };
        self.sweeping = Some(kind);
        if self.jobs.send(job).is_err() {
            log::error!("the sweeper has stopped: audits are no longer made");
        }
    }

    /// Does one piece of work and keeps in mind how long that took.
    fn turn<T>(&mut self, work: impl FnOnce(&mut Self) -> T) -> T {
        let (outcome, turn, now_ns) = self.measured(work);
        self.turns.took(turn, now_ns);
        outcome
    }

    /// Does one piece of work; returns also how long that took, and when it ended.
    fn measured<T>(&mut self, work: impl FnOnce(&mut Self) -> T) -> (T, Turn, u64) {
        let (began_ns, began_cpu_ns) = (clock::boottime_ns(), clock::thread_cpu_ns());
        let outcome = work(self);
        let now_ns = clock::boottime_ns();
        let turn = Turn {
            wall_ns: now_ns.saturating_sub(began_ns),
            cpu_ns: clock::thread_cpu_ns().saturating_sub(began_cpu_ns),
        };
        (outcome, turn, now_ns)
    }

    /// Takes a report over. What that costs here is part of the price of the sweep: a large table is
    /// compared as seldom as both sides together demand.
    fn take(&mut self, report: Report) {
        let before_ns = clock::thread_cpu_ns();
        let recorded = match self.recorders.is_empty() {
            true => None,
            false => recorders::item(&report),
        };
        self.take_over(report);
        if let Some(mut item) = recorded {
            item.set_time(clock::boottime_ns());
            self.recorders.tell(&self.table, &item);
        }
        self.settle(before_ns);
    }

    /// Goes on with what is to be done to every socket at the end of a sweep.
    fn walk_on(&mut self) {
        let before_ns = clock::thread_cpu_ns();
        self.table.walk_on(WALK_BUDGET);
        self.settle(before_ns);
    }

    /// Goes on telling recorders what the table knew when they came.
    fn plant_on(&mut self) {
        self.recorders.plant_on(&self.table, clock::boottime_ns());
    }

    /// Accounts for a part of a sweep that began at `before_ns` of processor time, and ends the
    /// sweep if that was the last.
    fn settle(&mut self, before_ns: u64) {
        self.sweep_cost_ns += clock::thread_cpu_ns().saturating_sub(before_ns);
        if self.table.is_walking() {
            return;
        }
        if let Some(end) = self.ending.take() {
            let cost_ns = end.cost_ns;
            self.end_sweep(end);
            self.free(cost_ns);
        }
    }

    fn take_over(&mut self, report: Report) {
        match report {
            Report::Searched { search, cost_ns } => {
                let now_ns = clock::boottime_ns();
                // Nothing that happened before the search is left in the ring.
                self.drain_to(now_ns);
                self.table.give_up_vanished(&search, now_ns);
                self.sweep_cost_ns += cost_ns;
            }
            Report::Began { states, cookies } => {
                self.repairs.begin(self.table.totals().drift);
                self.table.set_dumps_have_cookies(cookies);
                self.table.begin_audit(states);
            }
            Report::Rows {
                netns,
                time,
                mut rows,
            } => {
                self.drain_to(time.read_ns);
                self.table.audit_rows(netns, time, &mut rows);
            }
            Report::Swept { netns, started_ns } => {
                self.table.audit_namespace_done(netns, started_ns);
            }
            Report::Ended(end) => {
                let now_ns = clock::boottime_ns();
                self.drain_to(now_ns);
                self.table.close_audit(now_ns, end.complete);
                self.ending = Some(end);
            }
            Report::Holders {
                started_ns,
                holders,
            } => {
                self.drain_to(clock::boottime_ns());
                self.table.hear_holders(started_ns, &holders);
            }
            Report::HoldersEnded {
                started_ns,
                by_inode,
                cost_ns,
            } => {
                self.drain_to(clock::boottime_ns());
                self.table.close_holders(started_ns, by_inode);
                self.ending = Some(SweepEnd::that_cost(cost_ns));
            }
            Report::Listeners(netns, rows) => self.table.measure_queues(netns, &rows),
            Report::Namespace(fact) => self.table.describe_namespace(fact),
            Report::Minisocks(netns, count) => self.table.count_minisocks(netns, count),
            Report::Machine(fact) => self.table.describe_machine(fact),
            Report::Processes { facts, cost_ns } => {
                self.table.describe_processes(&facts);
                self.ending = Some(SweepEnd::that_cost(cost_ns));
            }
            Report::Process { fact, command_line } => self.answer_process(fact, command_line),
            Report::Socket { cookie, transport } => self.answer_socket(cookie, transport),
            Report::Cgroups(paths, cost_ns) => {
                self.table.name_cgroups(&paths);
                self.ending = Some(SweepEnd::that_cost(cost_ns));
            }
        }
    }

    fn end_sweep(&mut self, end: SweepEnd) {
        if self.sweeping == Some(Kind::Audit) {
            self.audits.count += 1;
            self.audits.last_unix_ns = clock::unix_ns();
            self.audits.last_duration_ns = end.duration_ns;
            self.audits.namespaces_failed = end.failed;
            self.audit_ended_ns = Some(clock::boottime_ns());
            match self.repairs.end(self.table.totals().drift) {
                Some(kinds) => log::warn!("the audit repaired the table: {kinds}"),
                None => self.audits.last_clean_unix_ns = self.audits.last_unix_ns,
            }
            for problem in &end.problems {
                if !self.sweep_problems.contains(problem) {
                    log::warn!("{problem}");
                }
            }
            self.sweep_problems = end.problems;
        }
    }

    /// The sweeper is free again; `cost_ns` is its part of the price.
    fn free(&mut self, cost_ns: u64) {
        let now_ns = clock::boottime_ns();
        let cost_ns = cost_ns + std::mem::take(&mut self.sweep_cost_ns);
        if let Some(kind) = self.sweeping.take() {
            self.sweep_cpu_ns[kind as usize] += cost_ns;
            self.schedule.ended(kind, now_ns, cost_ns);
        }
        self.send_out(now_ns);
    }
}
