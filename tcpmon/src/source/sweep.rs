//! The sweeper: the one thread that enters namespaces, dumps sockets and looks into other
//! processes. It does one job at a time and reports what it read; it decides nothing.

mod facts;

use std::collections::BTreeSet;
use std::io;
use std::path::Path;

use rustc_hash::FxHashMap;

use super::bpf::holders::Holders;
use super::netns::{self, Discovered, Discovery, NAMED, Namer, Seeker};
use super::procfs::{self, ProcRoot, cgroup, fd, netstat, sockstat};
use super::sockdiag::{DumpError, Dumper};
use crate::clock;
use crate::core::facts::{
    CommandLine, DumpRow, DumpTime, MachineFact, MinisockCount, NamespaceFact, NetnsIdentity,
    ProcessFact, StateSet,
};
use crate::core::netns::Search;
use tcpmon_common::Holder;

/// Said when a process's namespace may not be known.
const HIDDEN: &str = "some processes do not show their network namespace (that takes CAP_SYS_PTRACE): \
    sockets in those that stay hidden are unknown until they change";

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
    /// Look at the listeners and the counters of every namespace known, and of these.
    Queues(Vec<NetnsIdentity>),
    /// Find out who these processes are and how many files they have open.
    Processes(Vec<u32>),
    /// The same of one process, and its command line: somebody asks.
    Process(u32),
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
    /// A sweep of sockets in these states begins.
    Began(StateSet),
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
    /// Which process holds which socket.
    Holders {
        /// When the scan began.
        started_ns: u64,
        /// Every open file descriptor of a TCP socket.
        holders: Vec<Holder>,
        /// Processor time it took.
        cost_ns: u64,
    },
    /// Paths of control groups by id.
    Cgroups(FxHashMap<u64, String>),
    /// The listeners of one namespace, with their queues and drops.
    Listeners(Vec<DumpRow>),
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

/// The sweeper's own state.
pub struct Sweeper<R> {
    root: ProcRoot,
    holders: Option<Holders>,
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
    pub fn new(holders: Option<Holders>, report: R) -> Self {
        let root = ProcRoot::default();
        Self {
            processes: facts::Processes::new(procfs::inspect::sees_kernel_pids(&root)),
            namer: Namer::new(&root),
            seeker: Seeker::default(),
            root,
            holders,
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
            Job::Queues(namespaces) => self.look_at_queues(&namespaces),
            Job::Processes(pids) => self.describe_processes(&pids),
            Job::Process(pid) => self.describe_process(pid),
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

    fn audit(&mut self, with_info: bool, known: &[NetnsIdentity]) -> bool {
        let cpu_ns = clock::thread_cpu_ns();
        let discovered = self.discover(known, true);
        let cost_ns = clock::thread_cpu_ns().saturating_sub(cpu_ns);
        let all_seen = matches!(discovered, Some((_, false)));
        if let Some((search, _)) = discovered
            && !(self.report)(Report::Searched { search, cost_ns })
        {
            return false;
        }
        let all = self.namespaces.clone();
        self.sweep(&all, StateSet::LIVE, with_info, all_seen)
    }

    fn minisocks(&mut self, wanted: &[MinisockCount]) -> bool {
        let identities: Vec<NetnsIdentity> = wanted.iter().map(|count| count.netns).collect();
        self.make_known(&identities);
        let wanted: FxHashMap<u32, &MinisockCount> = wanted
            .iter()
            .map(|count| (count.netns.inode, count))
            .collect();
        let some: Vec<Discovered> = self
            .namespaces
            .iter()
            .filter(|namespace| {
                wanted
                    .get(&namespace.inode)
                    .is_some_and(|count| self.differs(namespace, count))
            })
            .cloned()
            .collect();
        self.sweep(&some, StateSet::MINISOCKS, false, false)
    }

    /// Looks for namespaces anew when one of `wanted` was born since the last time.
    fn make_known(&mut self, wanted: &[NetnsIdentity]) {
        let known: BTreeSet<u32> = self.namespaces.iter().map(|found| found.inode).collect();
        if wanted.iter().any(|netns| !known.contains(&netns.inode)) {
            self.discover(wanted, false);
        }
    }

    /// Whether a dump would tell something new: the kernel's count, 11 µs to read, is another than
    /// the table's, or there are minisocks with a silent edge ahead of them.
    fn differs(&self, namespace: &Discovered, count: &MinisockCount) -> bool {
        let counted = namespace
            .pid()
            .and_then(|pid| sockstat::read(&self.root, pid).ok())
            .and_then(|stat| stat.minisocks);
        count.orphans > 0 || counted != Some(count.minisocks)
    }

    fn sweep(
        &mut self,
        namespaces: &[Discovered],
        states: StateSet,
        with_info: bool,
        discovered: bool,
    ) -> bool {
        let (started_ns, cpu_ns) = (clock::boottime_ns(), clock::thread_cpu_ns());
        let mut end = SweepEnd::default();
        let mut problems = BTreeSet::new();
        if !(self.report)(Report::Began(states)) {
            return false;
        }
        for namespace in namespaces {
            match self.dump(namespace, states, with_info) {
                Ok(()) => end.namespaces += 1,
                Err(Failure::Gone) => {}
                Err(Failure::Closed) => return false,
                Err(Failure::Problem(problem)) => {
                    end.failed += 1;
                    problems.insert(problem);
                }
            }
        }
        if states == StateSet::LIVE && !discovered {
            problems.insert(HIDDEN.to_owned());
        }
        end.complete = discovered && end.failed == 0;
        end.problems = problems.into_iter().collect();
        end.cost_ns = clock::thread_cpu_ns().saturating_sub(cpu_ns);
        end.duration_ns = clock::boottime_ns().saturating_sub(started_ns);
        (self.report)(Report::Ended(end))
    }

    fn dump(
        &mut self,
        namespace: &Discovered,
        states: StateSet,
        with_info: bool,
    ) -> Result<(), Failure> {
        let entered = netns::enter(namespace).map_err(|error| match error.kind() {
            io::ErrorKind::NotFound => Failure::Gone,
            io::ErrorKind::PermissionDenied => Failure::Problem(
                "no permission to enter other network namespaces (CAP_SYS_ADMIN): their existing \
                 sockets are unknown until they change"
                    .into(),
            ),
            _ => Failure::Problem(format!("cannot enter a network namespace: {error}")),
        })?;
        let mut dumper = Dumper::open().map_err(|error| {
            Failure::Problem(format!("cannot open a sock_diag socket: {error}"))
        })?;
        let netns = NetnsIdentity {
            cookie: dumper.netns_cookie().unwrap_or(0),
            inode: namespace.inode,
        };
        let started_ns = clock::boottime_ns();
        let mut open = true;
        let report = &mut self.report;
        let outcome = dumper.dump(states, with_info, &mut |rows| {
            let time = DumpTime {
                started_ns,
                read_ns: clock::boottime_ns(),
            };
            let rows = rows.to_vec();
            open = open && report(Report::Rows { netns, time, rows });
        });
        drop(entered);
        if !open {
            return Err(Failure::Closed);
        }
        outcome.map_err(|error| Failure::Problem(describe(&error)))?;
        if (self.report)(Report::Swept { netns, started_ns }) {
            Ok(())
        } else {
            Err(Failure::Closed)
        }
    }

    fn look_at_queues(&mut self, wanted: &[NetnsIdentity]) -> bool {
        let (started_ns, cpu_ns) = (clock::boottime_ns(), clock::thread_cpu_ns());
        self.make_known(wanted);
        let mut end = SweepEnd::default();
        for namespace in self.namespaces.clone() {
            // What cannot be entered is complained of by the audit.
            let Ok((fact, rows)) = self.read_queues(&namespace) else {
                end.failed += 1;
                continue;
            };
            end.namespaces += 1;
            if !(self.report)(Report::Namespace(fact)) || !(self.report)(Report::Listeners(rows)) {
                return false;
            }
        }
        if !self.report_machine() {
            return false;
        }
        end.cost_ns = clock::thread_cpu_ns().saturating_sub(cpu_ns);
        end.duration_ns = clock::boottime_ns().saturating_sub(started_ns);
        (self.report)(Report::Ended(end))
    }

    fn read_queues(&mut self, namespace: &Discovered) -> io::Result<(NamespaceFact, Vec<DumpRow>)> {
        let entered = netns::enter(namespace)?;
        let mut dumper = Dumper::open()?;
        let mut rows = Vec::new();
        dumper
            .dump_listeners(&mut |chunk| rows.extend_from_slice(chunk))
            .map_err(io::Error::other)?;
        let identity = NetnsIdentity {
            cookie: dumper.netns_cookie().unwrap_or(0),
            inode: namespace.inode,
        };
        let fact = NamespaceFact {
            identity,
            name: namespace.name.clone(),
            events: netstat::read_own(&self.root).unwrap_or_default().events(),
            limits: (self.limits).here(&self.root, identity, clock::boottime_ns()),
        };
        drop(entered);
        Ok((fact, rows))
    }

    fn find_holders(&mut self) -> bool {
        let (started_ns, cpu_ns) = (clock::boottime_ns(), clock::thread_cpu_ns());
        let mut holders = Vec::new();
        if !self.scan_by_iterator(&mut holders) {
            let scan = fd::scan(&self.root, fd::Wanted::All, &mut |holder| {
                holders.push(holder)
            });
            if let Err(error) = scan {
                log::warn!("cannot look into /proc for the holders of sockets: {error}");
            }
        }
        let cost_ns = clock::thread_cpu_ns().saturating_sub(cpu_ns);
        (self.report)(Report::Holders {
            started_ns,
            holders,
            cost_ns,
        })
    }

    /// `false` when the iterator does not work, which it then never will.
    fn scan_by_iterator(&mut self, holders: &mut Vec<Holder>) -> bool {
        let Some(iterator) = &mut self.holders else {
            return false;
        };
        match iterator.scan(|holder| holders.push(holder)) {
            Ok(()) => true,
            Err(error) => {
                log::warn!("holders of sockets are looked up in /proc from now on: {error:#}");
                self.holders = None;
                holders.clear();
                false
            }
        }
    }

    fn name_cgroups(&mut self) -> bool {
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
        (self.report)(Report::Cgroups(paths))
    }
}

enum Failure {
    /// The namespace ended meanwhile.
    Gone,
    /// Nobody listens any more.
    Closed,
    Problem(String),
}

fn describe(error: &DumpError) -> String {
    match error {
        DumpError::Unsupported => {
            "this kernel has no sock_diag for TCP: load the module tcp_diag (modprobe tcp_diag)"
                .into()
        }
        other => format!("a sock_diag dump failed: {other}"),
    }
}
