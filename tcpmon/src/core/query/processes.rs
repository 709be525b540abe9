//! The processes behind the sockets.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// The processes that own sockets.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Processes {
    /// [`super::SCHEMA`].
    pub schema: u32,
    /// Sockets no process is known for: waiting to be accepted, kept by the kernel alone, or not yet
    /// looked up.
    pub sockets_without_process: u64,
    /// Those with the most sockets in CLOSE_WAIT first, then those with the most sockets.
    pub processes: Vec<ProcessRow>,
}

/// One process. `null` means unknown, never zero. Names and paths are the process's own choice:
/// sanitise them before they reach a terminal.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ProcessRow {
    /// Process id in the initial pid namespace.
    pub pid: u32,
    /// Its name; until it was looked at, that of the thread seen with a socket.
    pub process: String,
    /// `seen`; `hidden` when `/proc` does not show it to the agent; `gone` when it has ended and
    /// sockets of it live on; `null` before it was looked at.
    pub presence: Option<String>,
    /// Seconds since it was looked at: as of then are files and threads.
    pub facts_age_seconds: Option<f64>,
    /// Seconds since it began.
    pub age_seconds: Option<f64>,
    /// Path of its program, in its own view of the file system.
    pub executable: Option<String>,
    /// The program's file was removed or replaced since.
    pub executable_deleted: bool,
    /// Effective user id.
    pub uid: Option<u32>,
    /// Name of that user among the accounts of the machine.
    pub user: Option<String>,
    /// Path of its control group, which may differ from that of its sockets.
    pub cgroup: Option<String>,
    /// systemd unit.
    pub unit: Option<String>,
    /// Container id.
    pub container: Option<String>,
    /// Uid of the Kubernetes pod.
    pub pod_uid: Option<String>,
    /// Threads.
    pub threads: Option<u64>,
    /// Open file descriptors.
    pub fd_open: Option<u64>,
    /// Soft limit of open file descriptors.
    pub fd_limit: Option<u64>,
    /// Sockets it owns, those included that it has closed and the kernel keeps.
    pub sockets: u64,
    /// The same by state, spelled like `CLOSE_WAIT`; left out are states it has none in.
    pub states: BTreeMap<String, u64>,
    /// Age of its oldest socket in CLOSE_WAIT; `null` when there is none.
    pub oldest_close_wait_age_seconds: Option<f64>,
    /// That socket is older than the agent: it is at least as old.
    pub oldest_close_wait_is_lower_bound: bool,
}

/// One process, and what it was started with.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ProcessAnswer {
    /// [`super::SCHEMA`].
    pub schema: u32,
    /// `null` when it owns no socket.
    pub process: Option<ProcessRow>,
    /// Its arguments, read now, at most 4096 bytes; `null` when they may not be read or the process
    /// does not answer. They may hold secrets.
    pub command_line: Option<Vec<String>>,
    /// There is more of it.
    pub command_line_truncated: bool,
}
