//! What the sockets add up to, group by group: plain numbers, copied out of the owner.
//!
//! Names are made of it elsewhere, so that the owner is not kept: a step per group, per listener and
//! per kind of ending, none per socket.

use std::net::IpAddr;
use std::sync::Arc;

use tcpmon_common::State;

use crate::core::cgroup::Identity;
use crate::core::ending::Ending;
use crate::core::facts::{NamespaceLimits, NetnsIdentity};
use crate::core::query::Role;
use crate::core::table::{EndingKey, Process, Sighting};
use crate::core::verdict::{Place, Standing};

/// The machine, counted.
#[derive(Clone, Debug, Default)]
pub struct Census {
    /// When it was begun, `CLOCK_BOOTTIME` ns.
    pub now_ns: u64,
    /// The same by the wall clock, ns since 1970.
    pub now_unix_ns: u64,
    /// Every group with sockets.
    pub groups: Vec<GroupCount>,
    /// What is in their buckets that are not empty; each group has a range of it.
    pub states: Vec<StateCount>,
    /// Every process with sockets whose open files are known.
    pub processes: Vec<ProcessCount>,
    /// Every listening socket.
    pub listeners: Vec<ListenerCount>,
    /// Every namespace with sockets.
    pub namespaces: Vec<NamespaceCount>,
    /// Connections that ended otherwise than in order.
    pub endings: Vec<EndingCount>,
    /// The verdicts that stand.
    pub verdicts: Vec<Standing>,
}

/// Who is behind sockets: all processes of that name in that control group.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Workload {
    /// Name, NUL-padded; any bytes.
    pub comm: [u8; 16],
    /// Unit, container and pod; `None` when the control group is not known.
    pub identity: Option<Arc<Identity>>,
}

/// The sockets one process has at one endpoint.
#[derive(Clone, Debug)]
pub struct GroupCount {
    /// The process; `None` when nobody is known.
    pub process: Option<Process>,
    /// What it is; `None` also while nobody has looked at the process.
    pub workload: Option<Workload>,
    /// Service or destination.
    pub place: Place,
    /// Where its states begin in [`Census::states`], and how many there are.
    pub states: (usize, usize),
}

/// The sockets of a group in one state.
#[derive(Clone, Copy, Debug)]
pub struct StateCount {
    /// State.
    pub state: State,
    /// How many; never 0.
    pub sockets: u32,
    /// When the oldest entered it, `CLOCK_BOOTTIME` ns.
    pub oldest_ns: u64,
}

/// A process with sockets.
#[derive(Clone, Debug)]
pub struct ProcessCount {
    /// The process.
    pub process: Process,
    /// Open file descriptors.
    pub open_files: u64,
    /// Their limit.
    pub max_open_files: u64,
}

/// A listening socket.
#[derive(Clone, Debug)]
pub struct ListenerCount {
    /// Which, for as long as it lives.
    pub seen: Sighting,
    /// Namespace.
    pub netns: NetnsIdentity,
    /// Local address.
    pub address: IpAddr,
    /// Local port.
    pub port: u16,
    /// Whose.
    pub workload: Option<Workload>,
    /// Connections in its accept queue when it was looked at last.
    pub depth: Option<u32>,
    /// The longest that queue may be.
    pub limit: Option<u32>,
    /// What it dropped in its life.
    pub drops: Option<u32>,
}

/// A network namespace.
#[derive(Clone, Debug)]
pub struct NamespaceCount {
    /// Which.
    pub identity: NetnsIdentity,
    /// What people call it.
    pub name: Option<String>,
    /// Its settings.
    pub limits: Option<Arc<NamespaceLimits>>,
}

/// Connections that ended one way towards one peer.
#[derive(Clone, Debug)]
pub struct EndingCount {
    /// Tells it from others.
    pub key: EndingKey,
    /// Whose they were.
    pub workload: Option<Workload>,
    /// Namespace, which may be gone.
    pub netns: NetnsIdentity,
    /// Which side opened.
    pub role: Option<Role>,
    /// For a server its own address, else the peer's.
    pub address: IpAddr,
    /// For a server its own port, else the peer's.
    pub port: u16,
    /// How they ended.
    pub ending: Ending,
    /// How many, since the agent started or since this kind was forgotten.
    pub count: u64,
}

impl Census {
    /// The states of a group.
    #[must_use]
    pub fn states_of(&self, group: &GroupCount) -> &[StateCount] {
        let (first, count) = group.states;
        self.states.get(first..first + count).unwrap_or_default()
    }

    /// Wall-clock time of a moment of this machine, ns since 1970.
    #[must_use]
    pub const fn unix_ns_of(&self, boottime_ns: u64) -> u64 {
        let age_ns = self.now_ns.saturating_sub(boottime_ns);
        self.now_unix_ns.saturating_sub(age_ns)
    }
}
