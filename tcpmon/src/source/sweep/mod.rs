//! The sweeper: the one thread that enters namespaces, dumps sockets and looks into other
//! processes. It does one job at a time and reports what it read; it decides nothing.

mod holders;
mod lister;
mod sockets;

use std::collections::BTreeSet;
use std::path::Path;

use rustc_hash::FxHashMap;
use tcpmon_common::Holder;

use super::bpf::holders::Holders;
use super::netns::{self, Discovered, NAMED};
use super::procfs::{ProcRoot, cgroup};
use crate::clock;
use crate::core::facts::{
    DumpRow, DumpTime, MinisockCount, NamespaceFact, NetnsIdentity, StateSet,
};
pub use lister::Listing;

/// What the sweeper is asked to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Job {
    /// Dump every namespace of the machine.
    Audit {
        /// Ask for `tcp_info` too: bounds of ages, at more than twice the cost.
        with_info: bool,
    },
    /// Dump the TIME_WAIT and FIN_WAIT2 sockets of these namespaces, where the kernel counts others
    /// than the table.
    Minisocks(Vec<MinisockCount>),
    /// Find out which process holds which socket.
    Holders,
    /// Find out the names of control groups.
    Cgroups,
    /// Look at the listeners and the counters of every namespace known, and of these.
    Queues(Vec<NetnsIdentity>),
}

/// What the sweeper read.
#[derive(Debug)]
pub enum Report {
    /// A sweep of sockets begins; one that had begun is given up.
    Began {
        /// In these states.
        states: StateSet,
        /// Its rows have cookies.
        cookies: bool,
    },
    /// Rows of one namespace, up to some thousands.
    Rows {
        /// The namespace.
        netns: NetnsIdentity,
        /// When its dump began and when these rows were read.
        time: DumpTime,
        /// The rows.
        rows: Vec<DumpRow>,
    },
    /// All rows of a namespace have been reported.
    Swept {
        /// The namespace.
        netns: NetnsIdentity,
        /// When its dump began.
        started_ns: u64,
    },
    /// The sweep is over.
    Ended(SweepEnd),
    /// Which process holds which socket: some thousands of those known by address and cookie.
    Holders {
        /// When the scan began.
        started_ns: u64,
        /// Open file descriptors of TCP sockets.
        holders: Vec<Holder>,
    },
    /// All holders have been reported.
    HoldersEnded {
        /// When the scan began.
        started_ns: u64,
        /// Those of which only the inode is known, by it; of several the first.
        by_inode: FxHashMap<u64, Holder>,
        /// Processor time it took.
        cost_ns: u64,
    },
    /// Paths of control groups by id, and the processor time it took to find them.
    Cgroups(FxHashMap<u64, String>, u64),
    /// The listeners of one namespace, with their queues and drops.
    Listeners(NetnsIdentity, Vec<DumpRow>),
    /// How many minisocks the kernel counts in a namespace.
    Minisocks(NetnsIdentity, u64),
    /// What else was read of one namespace.
    Namespace(NamespaceFact),
}

/// How a sweep went.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SweepEnd {
    /// Every namespace that could be found was dumped.
    pub complete: bool,
    /// Namespaces dumped.
    pub namespaces: u64,
    /// Namespaces that are there and could not be entered or dumped.
    pub failed: u64,
    /// Processor time it took.
    pub cost_ns: u64,
    /// Time it took.
    pub duration_ns: u64,
    /// What went wrong, each once.
    pub problems: Vec<String>,
}

impl SweepEnd {
    /// The end of a sweep of which nothing else is to be said.
    #[must_use]
    pub fn that_cost(cost_ns: u64) -> Self {
        Self {
            cost_ns,
            ..Self::default()
        }
    }
}

/// The sweeper's own state.
pub struct Sweeper<R> {
    root: ProcRoot,
    holders: Option<Holders>,
    listing: Listing,
    namespaces: Vec<Discovered>,
    report: R,
}

impl<R: FnMut(Report) -> bool> Sweeper<R> {
    /// A sweeper that hands what it reads to `report`, until that returns `false`.
    ///
    /// `holders`: the loaded iterator; without it the descriptors are looked up in `/proc`.
    pub fn new(holders: Option<Holders>, listing: Listing, report: R) -> Self {
        Self {
            root: ProcRoot::default(),
            holders,
            listing,
            namespaces: Vec::new(),
            report,
        }
    }

    /// Does one job; `false` when nobody listens any more.
    pub fn run(&mut self, job: Job) -> bool {
        match job {
            Job::Audit { with_info } => self.audit(with_info),
            Job::Minisocks(namespaces) => self.minisocks(&namespaces),
            Job::Holders => self.find_holders(),
            Job::Cgroups => self.name_cgroups(),
            Job::Queues(namespaces) => self.look_at_queues(&namespaces),
        }
    }

    /// Looks for namespaces anew; `false` when some may have stayed hidden.
    fn discover(&mut self) -> bool {
        match netns::discover(&self.root, &NAMED) {
            Ok(discovery) => {
                self.namespaces = discovery.namespaces;
                discovery.denied == 0
            }
            Err(error) => {
                log::warn!("cannot look for namespaces: {error}");
                false
            }
        }
    }

    /// Looks for namespaces anew when one of `inodes` was born since the last time.
    fn make_known(&mut self, mut inodes: impl Iterator<Item = u32>) {
        let known: BTreeSet<u32> = self.namespaces.iter().map(|found| found.inode).collect();
        if inodes.any(|inode| !known.contains(&inode)) {
            self.discover();
        }
    }

    fn name_cgroups(&mut self) -> bool {
        let cpu_ns = clock::thread_cpu_ns();
        let root = cgroup::v2_root(Path::new(cgroup::CGROUP_ROOT));
        let walk = root.map(|root| cgroup::walk(&root, cgroup::MAX_DIRECTORIES));
        let paths = match walk {
            Some(Ok(found)) => found.paths,
            Some(Err(error)) => {
                log::warn!("cannot walk the control groups: {error}");
                FxHashMap::default()
            }
            None => FxHashMap::default(),
        };
        let cost_ns = clock::thread_cpu_ns().saturating_sub(cpu_ns);
        (self.report)(Report::Cgroups(paths, cost_ns))
    }
}
