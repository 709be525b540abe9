//! Who a process is, and how near it is to its limit of open files.

use serde::{Deserialize, Serialize};

/// Length of a tick of [`ProcessFact::start_ticks`] in nanoseconds: `USER_HZ` is 100 wherever Rust
/// runs (`include/asm-generic/param.h`).
const TICK_NS: u64 = 10_000_000;

/// Whether a process could be looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Presence {
    /// It runs; what is `None` could not be read.
    Seen,
    /// It runs, and `/proc` does not show it: `hidepid`, or another pid namespace.
    Hidden,
    /// It has ended. Its sockets may live on: with another process, or with the kernel alone.
    Gone,
}

impl Presence {
    /// The name in JSON.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Seen => "seen",
            Self::Hidden => "hidden",
            Self::Gone => "gone",
        }
    }
}

/// What `/proc/PID` tells of a process. `None` is what could not be read.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProcessFact {
    /// Process id in the initial pid namespace.
    pub pid: u32,
    /// When it was read, `CLOCK_BOOTTIME` ns.
    pub read_ns: u64,
    /// Whether it could be.
    pub presence: Presence,
    /// Start in ticks of a hundredth of a second after boot: with the pid it names a process for as
    /// long as the machine runs, since pids are reused.
    pub start_ticks: Option<u64>,
    /// Name of the first thread, which is the process's; NUL-padded, any bytes.
    pub comm: Option<[u8; 16]>,
    /// Path of the program, in the process's own view of the file system.
    pub executable: Option<String>,
    /// That file was removed or replaced since the process began.
    pub executable_deleted: bool,
    /// Effective user id.
    pub uid: Option<u32>,
    /// Its name among the accounts of the machine. A process in a container may know it by another.
    pub user: Option<String>,
    /// Path of its control group.
    pub cgroup: Option<String>,
    /// Threads.
    pub threads: Option<u64>,
    /// Open file descriptors.
    pub open_files: Option<u64>,
    /// Soft limit of open file descriptors (`RLIMIT_NOFILE`). The kernel grants nobody an infinite
    /// one: `fs.nr_open` bounds it.
    pub max_open_files: Option<u64>,
}

impl ProcessFact {
    /// A process of which nothing could be read.
    #[must_use]
    pub const fn unread(pid: u32, read_ns: u64, presence: Presence) -> Self {
        Self {
            pid,
            read_ns,
            presence,
            start_ticks: None,
            comm: None,
            executable: None,
            executable_deleted: false,
            uid: None,
            user: None,
            cgroup: None,
            threads: None,
            open_files: None,
            max_open_files: None,
        }
    }

    /// When it began, `CLOCK_BOOTTIME` ns, at most a tick too early.
    #[must_use]
    pub fn start_ns(&self) -> Option<u64> {
        self.start_ticks?.checked_mul(TICK_NS)
    }

    /// Whether `later` is of another process with the same pid.
    #[must_use]
    pub fn is_other_than(&self, later: &Self) -> bool {
        match (self.start_ticks, later.start_ticks) {
            (Some(before), Some(after)) => before != after,
            _ => false,
        }
    }
}

/// What a process was started with. Not kept: read when somebody asks.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CommandLine {
    /// The arguments, the program's name first. Any process may rewrite its own.
    pub arguments: Vec<String>,
    /// There are more bytes than were read.
    pub truncated: bool,
}
