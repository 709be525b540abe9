//! The processes that hold sockets.

use rustc_hash::FxHashMap;

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
}

/// All processes that hold a socket, counted by the sockets they hold.
#[derive(Debug, Default)]
pub(super) struct Processes {
    all: Vec<Entry>,
    free: Vec<ProcessId>,
    index: FxHashMap<Process, ProcessId>,
}

impl Processes {
    /// The process, with one socket more.
    pub(super) fn hold(&mut self, process: Process) -> ProcessId {
        if let Some(id) = self.index.get(&process) {
            self.all[id.0 as usize].sockets += 1;
            return *id;
        }
        let entry = Entry {
            process,
            name: process.name(),
            sockets: 1,
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
            self.index.remove(&entry.process);
            self.free.push(id);
        }
    }

    pub(super) fn get(&self, id: ProcessId) -> &Process {
        &self.all[id.0 as usize].process
    }

    pub(super) fn name(&self, id: ProcessId) -> &str {
        &self.all[id.0 as usize].name
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
        let first = processes.hold(process);
        let second = processes.hold(process);
        assert_eq!(first, second);
        processes.release(first);
        assert_eq!((processes.len(), processes.name(second)), (1, "init"));
        processes.release(second);
        assert_eq!(processes.len(), 0);
    }
}
