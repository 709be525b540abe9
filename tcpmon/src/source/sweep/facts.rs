//! What the sweeper reads besides sockets: limits of namespaces, who the processes are.

use std::sync::{Arc, mpsc};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use rustc_hash::FxHashMap;

use super::{Report, Sweeper};
use crate::clock;
use crate::core::facts::{
    CommandLine, MachineFact, NamespaceLimits, NetnsIdentity, Presence, ProcessFact,
};
use crate::source::accounts::Accounts;
use crate::source::procfs::{ProcRoot, inspect, limits};

/// Settings seldom change: so old is a reading before the next.
const LIMITS_AGE_NS: u64 = 10_000_000_000;
/// Namespaces whose settings are read in one go, a tenth of a millisecond each: thousands of them
/// must not keep the look at accept queues waiting.
const LIMITS_BUDGET: u32 = 32;
/// A process whose memory is locked for longer does not tell its command line.
const PATIENCE: Duration = Duration::from_secs(1);

/// The settings of a namespace.
struct Known {
    read_ns: u64,
    /// The round in which the sweeper was there last.
    round: u64,
    limits: Arc<NamespaceLimits>,
}

/// The limits that were read, so that they are read seldom.
#[derive(Default)]
pub(super) struct Limits {
    known: FxHashMap<NetnsIdentity, Known>,
    /// Of the machine: most orphans, and memory.
    machine: (Option<u32>, Option<[u64; 3]>),
    round: u64,
    /// Namespaces read in this round.
    read: u32,
}

impl Limits {
    /// The limits of the namespace the calling thread is in, which is `identity`; `None` when they
    /// were never read and enough others are read in this round.
    pub(super) fn here(
        &mut self,
        root: &ProcRoot,
        identity: NetnsIdentity,
        now_ns: u64,
    ) -> Option<Arc<NamespaceLimits>> {
        let known = self.known.get_mut(&identity);
        if let Some(known) = known {
            known.round = self.round;
            let is_fresh = now_ns.saturating_sub(known.read_ns) < LIMITS_AGE_NS;
            if is_fresh || self.read >= LIMITS_BUDGET {
                return Some(Arc::clone(&known.limits));
            }
        } else if self.read >= LIMITS_BUDGET {
            return None;
        }
        self.read += 1;
        let limits = Arc::new(limits::read_namespace_limits(root));
        let (max_orphans, memory) = limits::read_machine_limits(root);
        self.machine = (max_orphans.or(self.machine.0), memory.or(self.machine.1));
        let known = Known {
            read_ns: now_ns,
            round: self.round,
            limits: Arc::clone(&limits),
        };
        self.known.insert(identity, known);
        Some(limits)
    }

    /// Reads the settings of these namespaces again when the sweeper is there next.
    pub(super) fn doubt(&mut self, namespaces: &[NetnsIdentity]) {
        for identity in namespaces {
            if let Some(known) = self.known.get_mut(identity) {
                known.read_ns = 0;
            }
        }
    }

    /// A round through all namespaces is over: those it did not find are forgotten.
    fn end_round(&mut self) {
        self.known.retain(|_, known| known.round == self.round);
        self.round += 1;
        self.read = 0;
    }
}

/// What looking at processes takes.
pub(super) struct Processes {
    accounts: Accounts,
    /// The pids of records, which are the kernel's, are those of `/proc`.
    comparable: bool,
    /// The thread that reads a command line; it hangs when the process does.
    reader: Option<JoinHandle<()>>,
}

impl Processes {
    pub(super) fn new(comparable: bool) -> Self {
        Self {
            accounts: Accounts::default(),
            comparable,
            reader: None,
        }
    }

    fn read(&mut self, root: &ProcRoot, pids: &[u32]) -> Vec<ProcessFact> {
        self.accounts.refresh();
        let read = |pid: &u32| {
            let now_ns = clock::boottime_ns();
            if self.comparable {
                inspect::read(root, *pid, now_ns, &self.accounts)
            } else {
                ProcessFact::unread(*pid, now_ns, Presence::Hidden)
            }
        };
        pids.iter().map(read).collect()
    }

    /// The command line of the process that `fact` is about, read on a thread of its own: dumps go on
    /// when the process hangs. One such thread may hang; then no other is started.
    fn command_line(&mut self, root: &ProcRoot, fact: &ProcessFact) -> Option<CommandLine> {
        let is_stuck = |reader: &JoinHandle<()>| !reader.is_finished();
        if fact.presence != Presence::Seen || self.reader.as_ref().is_some_and(is_stuck) {
            return None;
        }
        let (tell, told) = mpsc::channel();
        let (root, pid, start_ticks) = (root.clone(), fact.pid, fact.start_ticks);
        let reader = thread::Builder::new().name("command-line".into());
        let reader = reader.spawn(move || {
            let line = inspect::read_command_line(&root, pid, start_ticks);
            // Too late, and nobody waits any more.
            tell.send(line).ok();
        });
        let reader = reader.ok()?;
        match told.recv_timeout(PATIENCE) {
            Ok(line) => {
                reader.join().ok()?;
                line.ok()
            }
            Err(_) => {
                self.reader = Some(reader);
                None
            }
        }
    }
}

impl<R: FnMut(Report) -> bool> Sweeper<R> {
    /// Reports what the machine uses now and, once a thread was in the initial namespace, its limits.
    pub(super) fn report_machine(&mut self) -> bool {
        self.limits.end_round();
        let (max_orphans, memory_limits_pages) = self.limits.machine;
        (self.report)(Report::Machine(MachineFact {
            max_orphans,
            memory_limits_pages,
            ..limits::read_machine(&self.root)
        }))
    }

    pub(super) fn describe_processes(&mut self, pids: &[u32]) -> bool {
        let cpu_ns = clock::thread_cpu_ns();
        let facts = self.processes.read(&self.root, pids);
        let cost_ns = clock::thread_cpu_ns().saturating_sub(cpu_ns);
        (self.report)(Report::Processes { facts, cost_ns })
    }

    /// Somebody asks for one process.
    pub(super) fn describe_process(&mut self, pid: u32) -> bool {
        for fact in self.processes.read(&self.root, &[pid]) {
            let command_line = self.processes.command_line(&self.root, &fact);
            if !(self.report)(Report::Process { fact, command_line }) {
                return false;
            }
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: u64 = 1_000_000_000;

    const fn namespace(cookie: u64) -> NetnsIdentity {
        NetnsIdentity { cookie, inode: 1 }
    }

    #[test]
    fn limits_are_read_seldom_and_in_turns() {
        let root = ProcRoot::default();
        let mut limits = Limits::default();
        let all = u64::from(LIMITS_BUDGET) + 3;
        let round = |limits: &mut Limits, now_ns| {
            let told = (1..=all).filter_map(|n| limits.here(&root, namespace(n), now_ns));
            let told = told.count();
            let read = limits.read;
            limits.end_round();
            (told, read)
        };
        let budget = usize::try_from(LIMITS_BUDGET).expect("small");
        assert_eq!(round(&mut limits, SECOND), (budget, LIMITS_BUDGET));
        assert_eq!(
            round(&mut limits, 2 * SECOND),
            (budget + 3, 3),
            "those left out"
        );
        assert_eq!(round(&mut limits, 3 * SECOND), (budget + 3, 0));
        assert_eq!(round(&mut limits, 40 * SECOND), (budget + 3, LIMITS_BUDGET));
        assert_eq!(round(&mut limits, 41 * SECOND), (budget + 3, 3));
        limits.doubt(&[namespace(5), namespace(all + 1)]);
        assert_eq!(round(&mut limits, 42 * SECOND), (budget + 3, 1));
        // A round that finds one only forgets the others.
        assert!(limits.here(&root, namespace(1), 43 * SECOND).is_some());
        limits.end_round();
        assert_eq!(limits.known.len(), 1);
    }

    #[test]
    fn a_command_line_is_read_on_another_thread_and_only_of_who_was_seen() {
        let root = ProcRoot::default();
        let mut processes = Processes::new(true);
        let own = std::process::id();
        let facts = processes.read(&root, &[own, u32::MAX]);
        let line = processes.command_line(&root, &facts[0]).expect("our own");
        assert_eq!(line.arguments.first(), std::env::args().next().as_ref());
        assert_eq!(facts[1].presence, Presence::Gone);
        assert_eq!(processes.command_line(&root, &facts[1]), None);
        assert!(processes.reader.is_none(), "no thread is left");
    }

    #[test]
    fn in_another_pid_namespace_nobody_is_taken_for_somebody_else() {
        let mut processes = Processes::new(false);
        let fact = processes.read(&ProcRoot::default(), &[1]).remove(0);
        assert_eq!(fact, ProcessFact::unread(1, fact.read_ns, Presence::Hidden));
    }

    #[test]
    fn a_reader_that_hangs_is_the_last() {
        let root = ProcRoot::default();
        let mut processes = Processes::new(true);
        let own = std::process::id();
        let (release, hangs) = mpsc::channel::<()>();
        processes.reader = Some(thread::spawn(move || hangs.recv().unwrap_or_default()));
        let fact = processes.read(&root, &[own]).remove(0);
        assert_eq!(processes.command_line(&root, &fact), None);
        drop(release);
        let reader = processes.reader.take().expect("it hung");
        reader.join().expect("no panic");
        assert!(processes.command_line(&root, &fact).is_some());
    }
}
