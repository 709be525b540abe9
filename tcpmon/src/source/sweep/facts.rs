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

/// Settings seldom change: so old may a reading be.
const LIMITS_AGE_NS: u64 = 30_000_000_000;
/// A process whose memory is locked for longer does not tell its command line.
const PATIENCE: Duration = Duration::from_secs(1);

/// The limits that were read, so that they are read seldom.
#[derive(Default)]
pub(super) struct Limits {
    known: FxHashMap<NetnsIdentity, (u64, Arc<NamespaceLimits>)>,
    /// Of the machine: most orphans, and memory.
    machine: (Option<u32>, Option<[u64; 3]>),
}

impl Limits {
    /// The limits of the namespace the calling thread is in, which is `identity`.
    pub(super) fn here(
        &mut self,
        root: &ProcRoot,
        identity: NetnsIdentity,
    ) -> Arc<NamespaceLimits> {
        let now_ns = clock::boottime_ns();
        if let Some((read_ns, limits)) = self.known.get(&identity)
            && now_ns.saturating_sub(*read_ns) < LIMITS_AGE_NS
        {
            return Arc::clone(limits);
        }
        let read = Arc::new(limits::read_namespace_limits(root));
        let (max_orphans, memory) = limits::read_machine_limits(root);
        self.machine = (max_orphans.or(self.machine.0), memory.or(self.machine.1));
        self.known.insert(identity, (now_ns, Arc::clone(&read)));
        read
    }

    /// Forgets namespaces nobody was in for a while.
    fn forget_gone(&mut self) {
        let now_ns = clock::boottime_ns();
        self.known
            .retain(|_, (read_ns, _)| now_ns.saturating_sub(*read_ns) < 2 * LIMITS_AGE_NS);
    }
}

/// What looking at processes takes.
#[derive(Default)]
pub(super) struct Processes {
    accounts: Accounts,
    /// The thread that reads a command line; it hangs when the process does.
    reader: Option<JoinHandle<()>>,
}

impl Processes {
    fn read(&mut self, root: &ProcRoot, pids: &[u32]) -> Vec<ProcessFact> {
        self.accounts.refresh();
        // The pids of records are the kernel's; those of another pid namespace are of others.
        let comparable = inspect::sees_kernel_pids(root);
        let read = |pid: &u32| {
            let now_ns = clock::boottime_ns();
            if comparable {
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
        self.limits.forget_gone();
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
