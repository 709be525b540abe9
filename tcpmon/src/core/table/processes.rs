//! The processes that hold sockets.

use rustc_hash::FxHashMap;

use super::cgroups::Cgroup;
use crate::core::facts::{Presence, ProcessFact};

/// Index of a process.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ProcessId(u32);

/// A process as the kernel names it. An `exec` that changes the name makes another.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Process {
    /// Process id in the initial pid namespace.
    pub pid: u32,
    /// Name, NUL-padded, at most 15 bytes; any bytes.
    pub comm: [u8; 16],
}

impl Process {
    /// The name as text; bytes that are no UTF-8 are replaced.
    #[must_use]
    pub fn name(&self) -> String {
        let end = self.comm.iter().position(|byte| *byte == 0).unwrap_or(16);
        String::from_utf8_lossy(&self.comm[..end]).into_owned()
    }
}

#[derive(Debug)]
struct Entry {
    process: Process,
    name: String,
    sockets: u32,
    /// When it was first seen acting on a socket; `u64::MAX` while it was not.
    since_ns: u64,
    /// What was read of it last.
    fact: Option<Box<ProcessFact>>,
    /// The control group of that.
    cgroup: Option<Box<Cgroup>>,
    /// It has ended, and its pid may be another's: sockets of that one are another entry's.
    retired: bool,
}

/// All processes that hold a socket, counted by the sockets they hold.
#[derive(Debug, Default)]
pub(super) struct Processes {
    all: Vec<Entry>,
    free: Vec<ProcessId>,
    index: FxHashMap<Process, ProcessId>,
}

impl Processes {
    /// The process, with one socket more, on which it was seen acting at `acted_ns`; `u64::MAX` when
    /// it was only seen holding it.
    pub(super) fn hold(&mut self, process: Process, acted_ns: u64) -> ProcessId {
        if let Some(id) = self.index.get(&process) {
            let entry = &mut self.all[id.0 as usize];
            entry.sockets += 1;
            entry.since_ns = entry.since_ns.min(acted_ns);
            return *id;
        }
        let entry = Entry {
            process,
            name: process.name(),
            sockets: 1,
            since_ns: acted_ns,
            fact: None,
            cgroup: None,
            retired: false,
        };
        let id = if let Some(id) = self.free.pop() {
            self.all[id.0 as usize] = entry;
            id
        } else {
            let id = ProcessId(u32::try_from(self.all.len()).unwrap_or(u32::MAX));
            self.all.push(entry);
            id
        };
        self.index.insert(process, id);
        id
    }

    /// One socket more for a process already known.
    pub(super) fn share(&mut self, id: ProcessId) -> ProcessId {
        self.all[id.0 as usize].sockets += 1;
        id
    }

    /// One socket less; a process without sockets is forgotten.
    pub(super) fn release(&mut self, id: ProcessId) {
        let entry = &mut self.all[id.0 as usize];
        entry.sockets -= 1;
        if entry.sockets == 0 {
            if !entry.retired {
                self.index.remove(&entry.process);
            }
            (entry.fact, entry.cgroup) = (None, None);
            self.free.push(id);
        }
    }

    /// When it was first seen acting on a socket; `u64::MAX` while it was not.
    pub(super) fn since_ns(&self, id: ProcessId) -> u64 {
        self.all[id.0 as usize].since_ns
    }

    /// Whether it is this one and has not ended.
    pub(super) fn is(&self, id: ProcessId, pid: u32, comm: &[u8; 16]) -> bool {
        let Entry {
            process, retired, ..
        } = &self.all[id.0 as usize];
        !retired && process.pid == pid && process.comm == *comm
    }

    pub(super) fn get(&self, id: ProcessId) -> &Process {
        &self.all[id.0 as usize].process
    }

    pub(super) fn name(&self, id: ProcessId) -> &str {
        &self.all[id.0 as usize].name
    }

    /// Every process with sockets.
    pub(super) fn ids(&self) -> impl Iterator<Item = ProcessId> + '_ {
        let held = self
            .all
            .iter()
            .zip(0..)
            .filter(|(entry, _)| entry.sockets > 0);
        held.map(|(_, index)| ProcessId(index))
    }

    /// The living process that is called so.
    pub(super) fn find(&self, process: &Process) -> Option<ProcessId> {
        self.index.get(process).copied()
    }

    /// What was read of it last.
    pub(super) fn fact(&self, id: ProcessId) -> Option<&ProcessFact> {
        self.all[id.0 as usize].fact.as_deref()
    }

    /// The control group it was in when it was looked at last.
    pub(super) fn cgroup(&self, id: ProcessId) -> Option<&Cgroup> {
        self.all[id.0 as usize].cgroup.as_deref()
    }

    /// Whether it has ended.
    pub(super) fn is_retired(&self, id: ProcessId) -> bool {
        self.all[id.0 as usize].retired
    }

    /// Takes over what was read of the process with its pid. If that is another by now, or none, this
    /// one has ended: then what was known of it stays, and `false` is returned.
    pub(super) fn describe(&mut self, id: ProcessId, fact: &ProcessFact) -> bool {
        let entry = &mut self.all[id.0 as usize];
        let began_later = fact.start_ns().is_some_and(|began| began > entry.since_ns);
        let is_other = entry
            .fact
            .as_ref()
            .is_some_and(|old| old.is_other_than(fact));
        if fact.presence != Presence::Gone && !began_later && !is_other {
            if let Some(comm) = fact.comm {
                entry.name = Process {
                    comm,
                    ..entry.process
                }
                .name();
            }
            let is_same = |known: &Cgroup| Some(known.path.as_str()) == fact.cgroup.as_deref();
            if !entry.cgroup.as_deref().is_some_and(is_same) {
                let cgroup = fact.cgroup.as_deref();
                entry.cgroup = cgroup.map(|path| Box::new(Cgroup::new(path)));
            }
            entry.fact = Some(Box::new(fact.clone()));
            return true;
        }
        let unread = || Box::new(ProcessFact::unread(fact.pid, fact.read_ns, Presence::Gone));
        entry.fact.get_or_insert_with(unread).presence = Presence::Gone;
        entry.retired = true;
        self.index.remove(&entry.process);
        false
    }

    /// Processes that hold sockets.
    pub(super) fn len(&self) -> usize {
        self.index.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_is_forgotten_with_its_last_socket() {
        let mut processes = Processes::default();
        let process = Process {
            pid: 1,
            comm: *b"init\0\0\0\0\0\0\0\0\0\0\0\0",
        };
        let first = processes.hold(process, 0);
        let second = processes.hold(process, 0);
        assert_eq!(first, second);
        processes.release(first);
        assert_eq!((processes.len(), processes.name(second)), (1, "init"));
        processes.release(second);
        assert_eq!(processes.len(), 0);
    }
}
