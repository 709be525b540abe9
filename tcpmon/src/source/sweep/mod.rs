//! The sweeper: the one thread that enters namespaces, dumps sockets and looks into other
//! processes. It does one job at a time and reports what it read; it decides nothing.

mod batch;
mod facts;
mod holders;
mod lister;
mod sockets;

use std::collections::BTreeSet;
use std::path::Path;

use rustc_hash::FxHashMap;
use tcpmon_common::Holder;

use super::bpf::holders::Holders;
use super::netns::{self, Discovered, Discovery, NAMED, Namer, Seeker};
use super::procfs::{self, ProcRoot, cgroup};
use crate::clock;
use crate::core::facts::{
    CommandLine, DumpRow, DumpTime, MachineFact, MinisockCount, NamespaceFact, NetnsIdentity,
    ProcessFact, StateSet,
};
use crate::core::netns::Search;
use crate::core::query::Transport;
use crate::core::table::ByInode;
use crate::core::tuple::Tuple;
pub use lister::Listing;

/// What the sweeper is asked to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Job {
    /// Dump every namespace of the machine.
    Audit {
        /// Ask for `tcp_info` too: bounds of ages, at more than twice the cost.
        with_info: bool,
        /// The namespaces the table has sockets in: those that are missing are searched for.
        known: Vec<NetnsIdentity>,
    },
    /// Dump the TIME_WAIT and FIN_WAIT2 sockets of these namespaces, where the kernel counts others
    /// than the table.
    Minisocks(Vec<MinisockCount>),
    /// Find out which process holds which socket.
    Holders,
    /// Find out the names of control groups.
    Cgroups,
    /// Look at the listeners and the counters of every namespace.
    Queues {
        /// The namespaces the table has sockets in: those that are missing are searched for.
        known: Vec<NetnsIdentity>,
        /// Namespaces whose settings are read again, however lately they were.
        doubted: Vec<NetnsIdentity>,
    },
    /// Find out who these processes are and how many files they have open.
    Processes(Vec<u32>),
    /// The same of one process, and its command line: somebody asks.
    Process(u32),
    /// Have the kernel describe one socket: somebody asks.
    Socket {
        /// Where it is.
        netns: NetnsIdentity,
        /// Its addresses and ports.
        tuple: Tuple,
        /// Its cookie.
        cookie: u64,
    },
}

/// What the sweeper read.
#[derive(Debug)]
pub enum Report {
    /// What became of the namespaces the table has sockets in.
    Searched {
        /// What the search found out.
        search: Search,
        /// Processor time it took.
        cost_ns: u64,
    },
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
        /// Those of which only the inode is known, by it.
        by_inode: ByInode,
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
    /// What is limited for the whole machine.
    Machine(MachineFact),
    /// Who the processes are.
    Processes {
        /// One for each that was asked for.
        facts: Vec<ProcessFact>,
        /// Processor time it took.
        cost_ns: u64,
    },
    /// One process; no part of a sweep.
    Process {
        /// Who it is.
        fact: ProcessFact,
        /// `None` when it may not be read, or not in time.
        command_line: Option<CommandLine>,
    },
    /// One socket; no part of a sweep.
    Socket {
        /// Its cookie.
        cookie: u64,
        /// What the kernel says of it; `None` when it is gone, or may not be asked.
        transport: Option<Transport>,
    },
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
    limits: facts::Limits,
    processes: facts::Processes,
    namer: Namer,
    seeker: Seeker,
    report: R,
}

impl<R: FnMut(Report) -> bool> Sweeper<R> {
    /// A sweeper that hands what it reads to `report`, until that returns `false`.
    ///
    /// `holders`: the loaded iterator; without it the descriptors are looked up in `/proc`.
    pub fn new(holders: Option<Holders>, listing: Listing, report: R) -> Self {
        let root = ProcRoot::default();
        Self {
            processes: facts::Processes::new(procfs::inspect::sees_kernel_pids(&root)),
            namer: Namer::new(&root),
            seeker: Seeker::default(),
            root,
            holders,
            listing,
            namespaces: Vec::new(),
            limits: facts::Limits::default(),
            report,
        }
    }

    /// Does one job; `false` when nobody listens any more.
    pub fn run(&mut self, job: Job) -> bool {
        match job {
            Job::Audit { with_info, known } => self.audit(with_info, &known),
            Job::Minisocks(namespaces) => self.minisocks(&namespaces),
            Job::Holders => self.find_holders(),
            Job::Cgroups => self.name_cgroups(),
            Job::Queues { known, doubted } => {
                self.limits.doubt(&doubted);
                self.look_at_queues(&known)
            }
            Job::Processes(pids) => self.describe_processes(&pids),
            Job::Process(pid) => self.describe_process(pid),
            Job::Socket {
                netns,
                tuple,
                cookie,
            } => self.describe_socket(netns, tuple, cookie),
        }
    }

    /// Looks for namespaces anew, for those of `known` above all; `everywhere`: also where that is
    /// dear. `None` when that is not possible; else the search, and whether some processes'
    /// namespaces may not be known.
    fn discover(&mut self, known: &[NetnsIdentity], everywhere: bool) -> Option<(Search, bool)> {
        let began_ns = clock::boottime_ns();
        let mut discovery = match netns::discover(&self.root, &NAMED) {
            Ok(discovery) => discovery,
            Err(error) => {
                log::warn!("cannot look for namespaces: {error}");
                return None;
            }
        };
        let holders = &mut self.holders;
        let mut kept = || holders.as_mut()?.namespaces().ok();
        let mut search =
            (self.seeker).complete(&self.root, &mut discovery, known, everywhere, &mut kept);
        search.began_ns = began_ns;
        let Discovery {
            mut namespaces,
            denied,
            ..
        } = discovery;
        for namespace in &mut namespaces {
            namespace.name = self.namer.name(&self.root, namespace);
        }
        self.namespaces = namespaces;
        Some((search, denied > 0))
    }

    /// Looks for namespaces anew when one of `wanted` was born since the last time.
    fn make_known(&mut self, wanted: &[NetnsIdentity]) {
        let known: BTreeSet<u32> = self.namespaces.iter().map(|found| found.inode).collect();
        if wanted.iter().any(|netns| !known.contains(&netns.inode)) {
            self.discover(wanted, false);
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
