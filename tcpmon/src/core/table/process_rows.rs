//! Who the processes are that own sockets: which to look at next, and what was found.

use std::cmp::Reverse;

use rustc_hash::FxHashMap;
use tcpmon_common::State;

use super::groups::Bucket;
use super::rows::seconds;
use super::socket::SlotId;
use super::{ProcessId, Table};
use crate::core::facts::ProcessFact;
use crate::core::query::{ProcessRow, Processes, SCHEMA};

/// So old may what is known of a process be.
const FACT_AGE_NS: u64 = 10_000_000_000;
/// Sockets in CLOSE_WAIT that decide whose process is looked at first: the oldest.
const CLOSE_WAITS: usize = 4096;

/// The sockets of a process.
#[derive(Clone, Debug, Default)]
struct Counts {
    by_state: [u64; State::ALL.len() + 1],
    oldest_close_wait: Option<SlotId>,
}

impl Table {
    /// Whether there is a process nobody has looked at.
    #[must_use]
    pub fn has_unread_processes(&self) -> bool {
        let is_unread = |id| !self.processes.is_retired(id) && self.processes.fact(id).is_none();
        self.processes.ids().any(is_unread)
    }

    /// Whether there is a process to look at: a new one, or one not looked at for long.
    #[must_use]
    pub fn wants_processes(&self, now_ns: u64) -> bool {
        self.processes.ids().any(|id| self.is_due(id, now_ns))
    }

    /// The processes to look at next, at most `most`: those nobody has looked at first, and those
    /// with many old sockets in CLOSE_WAIT before others.
    #[must_use]
    pub fn processes_to_read(&self, now_ns: u64, most: usize) -> Vec<u32> {
        let mut close_waits: FxHashMap<ProcessId, u32> = FxHashMap::default();
        let mut at = self.slots.oldest(State::CloseWait);
        for _ in 0..CLOSE_WAITS {
            let Some(id) = at else { break };
            if let Some(owner) = self.slots.get(id).owner {
                *close_waits.entry(owner.process).or_default() += 1;
            }
            at = self.slots.newer(id);
        }
        let due = self.processes.ids().filter(|id| self.is_due(*id, now_ns));
        let mut due: Vec<_> = due
            .map(|id| {
                let read_ns = self.processes.fact(id).map(|fact| fact.read_ns);
                let close_waits = close_waits.get(&id).copied().unwrap_or(0);
                let urgency = (read_ns.is_some(), Reverse(close_waits), read_ns);
                (urgency, self.processes.get(id).pid)
            })
            .collect();
        due.sort_unstable();
        let mut pids = Vec::new();
        // Threads of one process may have entries of their own.
        let mut known = rustc_hash::FxHashSet::default();
        for (_, pid) in due {
            if pids.len() == most {
                break;
            }
            if known.insert(pid) {
                pids.push(pid);
            }
        }
        pids
    }

    fn is_due(&self, id: ProcessId, now_ns: u64) -> bool {
        let fact = self.processes.fact(id);
        !self.processes.is_retired(id)
            && fact.is_none_or(|fact| fact.read_ns.saturating_add(FACT_AGE_NS) <= now_ns)
    }

    /// Takes over what was read of processes. Of those that have ended the sockets may be held by
    /// others: the next scan tells.
    pub fn describe_processes(&mut self, facts: &[ProcessFact]) {
        let facts: FxHashMap<u32, &ProcessFact> =
            facts.iter().map(|fact| (fact.pid, fact)).collect();
        let current = self.processes.ids();
        let current: Vec<ProcessId> = current
            .filter(|id| !self.processes.is_retired(*id))
            .collect();
        for id in current {
            let fact = facts.get(&self.processes.get(id).pid);
            if let Some(fact) = fact
                && !self.processes.describe(id, fact)
            {
                self.unconfirmed = true;
            }
        }
    }

    /// What was read last of the process that has this pid now, if it owns sockets.
    #[must_use]
    pub fn process_facts(&self, pid: u32) -> Option<&ProcessFact> {
        self.current(pid).find_map(|id| self.facts_of(id))
    }

    /// What was read last of the process of an [`super::Owner`]; a step, where [`Self::process_facts`]
    /// looks through all.
    #[must_use]
    pub fn facts_of(&self, process: ProcessId) -> Option<&ProcessFact> {
        self.processes.fact(process)
    }

    /// Whether the process that has this pid now owns sockets.
    #[must_use]
    pub fn owns_sockets(&self, pid: u32) -> bool {
        self.current(pid).next().is_some()
    }

    /// The entries of a pid; more than one when threads of it have names of their own.
    fn current(&self, pid: u32) -> impl Iterator<Item = ProcessId> + '_ {
        let ids = self.processes.ids();
        ids.filter(move |id| self.processes.get(*id).pid == pid && !self.processes.is_retired(*id))
    }

    /// The processes that own sockets, at most `limit`.
    #[must_use]
    pub fn process_rows(&self, limit: Option<usize>, now_ns: u64) -> Processes {
        let counts = self.count_by_process();
        let owned: u64 = counts
            .values()
            .map(|counts| counts.by_state.iter().sum::<u64>())
            .sum();
        let mut processes = self.rows_of(self.processes.ids(), &counts, now_ns);
        processes.sort_by_key(|row| {
            let close_waits = row.states.get(State::CloseWait.name()).copied();
            (
                Reverse(close_waits.unwrap_or(0)),
                Reverse(row.sockets),
                row.pid,
            )
        });
        processes.truncate(limit.unwrap_or(usize::MAX));
        Processes {
            schema: SCHEMA,
            sockets_without_process: self.len() as u64 - owned,
            processes,
        }
    }

    /// The process that has this pid now, if it owns sockets.
    #[must_use]
    pub fn process_row(&self, pid: u32, now_ns: u64) -> Option<ProcessRow> {
        let counts = self.count_by_process();
        self.rows_of(self.current(pid), &counts, now_ns).pop()
    }

    /// One row for the entries of each living process, and one for each that has ended.
    fn rows_of(
        &self,
        ids: impl Iterator<Item = ProcessId>,
        counts: &FxHashMap<ProcessId, Counts>,
        now_ns: u64,
    ) -> Vec<ProcessRow> {
        let mut groups: FxHashMap<(u32, Option<ProcessId>), Vec<ProcessId>> = FxHashMap::default();
        for id in ids {
            let ended = self.processes.is_retired(id).then_some(id);
            let group = (self.processes.get(id).pid, ended);
            groups.entry(group).or_default().push(id);
        }
        let rows = groups.values().map(|ids| {
            let mut sum = Counts::default();
            for counts in ids.iter().filter_map(|id| counts.get(id)) {
                self.add_counts(&mut sum, counts);
            }
            let described = ids.iter().find(|id| self.processes.fact(**id).is_some());
            let first = ids.iter().min_by_key(|id| self.processes.name(**id));
            self.process_row_of(*described.or(first)?, &sum, now_ns)
        });
        rows.flatten().collect()
    }

    /// How many sockets each process owns, by state, and its oldest in CLOSE_WAIT. A step per group.
    fn count_by_process(&self) -> FxHashMap<ProcessId, Counts> {
        let mut counts: FxHashMap<ProcessId, Counts> = FxHashMap::default();
        for group in self.groups() {
            let Some(process) = group.process_id() else {
                continue;
            };
            let sum = counts.entry(process).or_default();
            for state in State::RFC {
                sum.by_state[state as usize] += u64::from(group.in_state(state));
            }
            for bucket in Bucket::all_of(State::CloseWait) {
                let oldest = group.sockets(bucket).next();
                sum.oldest_close_wait = self.older(sum.oldest_close_wait, oldest);
            }
        }
        counts
    }

    fn add_counts(&self, sum: &mut Counts, more: &Counts) {
        for (sum, more) in sum.by_state.iter_mut().zip(more.by_state) {
            *sum += more;
        }
        sum.oldest_close_wait = self.older(sum.oldest_close_wait, more.oldest_close_wait);
    }

    /// The one of two sockets that is longer in its state.
    fn older(&self, one: Option<SlotId>, other: Option<SlotId>) -> Option<SlotId> {
        let both = [one, other].into_iter().flatten();
        both.min_by_key(|id| self.slots.get(*id).entered_ns)
    }

    fn process_row_of(&self, id: ProcessId, counts: &Counts, now_ns: u64) -> Option<ProcessRow> {
        let fact = self.processes.fact(id);
        let cgroup = self.processes.cgroup(id);
        let identity = cgroup.map(|cgroup| (*cgroup.identity).clone());
        let identity = identity.unwrap_or_default();
        let oldest = counts.oldest_close_wait.map(|id| self.slots.get(id));
        let states = State::ALL.into_iter().filter_map(|state| {
            let count = counts.by_state[state as usize];
            (count > 0).then(|| (state.name().to_owned(), count))
        });
        let began_ns = fact.and_then(ProcessFact::start_ns);
        let row = ProcessRow {
            pid: self.processes.get(id).pid,
            process: self.processes.name(id).to_owned(),
            presence: fact.map(|fact| fact.presence.name().to_owned()),
            facts_age_seconds: fact.map(|fact| seconds(now_ns.saturating_sub(fact.read_ns))),
            age_seconds: began_ns.map(|began_ns| seconds(now_ns.saturating_sub(began_ns))),
            executable: fact.and_then(|fact| fact.executable.clone()),
            executable_deleted: fact.is_some_and(|fact| fact.executable_deleted),
            uid: fact.and_then(|fact| fact.uid),
            user: fact.and_then(|fact| fact.user.clone()),
            cgroup: cgroup.map(|cgroup| cgroup.path.clone()),
            unit: identity.unit,
            container: identity.container.map(|container| container.id),
            pod_uid: identity.pod,
            threads: fact.and_then(|fact| fact.threads),
            fd_open: fact.and_then(|fact| fact.open_files),
            fd_limit: fact.and_then(|fact| fact.max_open_files),
            sockets: counts.by_state.iter().sum(),
            states: states.collect(),
            oldest_close_wait_age_seconds: oldest.map(|socket| seconds(socket.age_ns(now_ns))),
            oldest_close_wait_is_lower_bound: oldest.is_some_and(|it| it.age_is_lower_bound),
        };
        (row.sockets > 0).then_some(row)
    }
}
