//! Dumps of sockets: audits, minisocks, accept queues.

use std::collections::BTreeSet;
use std::thread;
use std::time::Duration;

use rustc_hash::FxHashMap;

use super::batch::Batch;
use super::lister::{Failure, Lister};
use super::{Listing, Report, SweepEnd, Sweeper};
use crate::clock;
use crate::core::facts::{
    DumpRow, DumpTime, MinisockCount, NamespaceFact, NetnsIdentity, StateSet,
};
use crate::core::tuple::Tuple;
use crate::source::netns::Discovered;
use crate::source::procfs::{netstat, sockstat};
use crate::source::sockdiag::CHUNK_ROWS;

/// An event is announced before the kernel acts on it (`inet_sk_set_state` traces, then stores; a
/// connecting socket is hashed, a closed one unhashed after that). On a machine that takes processors
/// away in between, for example a virtual one, a dump may show for so long what is no longer told. So
/// the dump waits after the audit has begun, and what was announced so shortly before it counts as
/// newer than the dump.
const SETTLE: Duration = Duration::from_millis(100);

/// Said when a process's namespace may not be known.
const HIDDEN: &str = "some processes do not show their network namespace (that takes CAP_SYS_PTRACE): \
    sockets in those that stay hidden are unknown until they change";

impl<R: FnMut(Report) -> bool> Sweeper<R> {
    pub(super) fn audit(&mut self, with_info: bool, known: &[NetnsIdentity]) -> bool {
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

    pub(super) fn minisocks(&mut self, wanted: &[MinisockCount]) -> bool {
        let identities: Vec<NetnsIdentity> = wanted.iter().map(|count| count.netns).collect();
        self.make_known(&identities);
        let wanted: FxHashMap<u32, &MinisockCount> = wanted
            .iter()
            .map(|count| (count.netns.inode, count))
            .collect();
        let mut some = Vec::new();
        for namespace in self.namespaces.clone() {
            let Some(count) = wanted.get(&namespace.inode) else {
                continue;
            };
            // 11 µs, where a dump costs up to 50 ms.
            let counted = self.count_minisocks(&namespace);
            if let Some(counted) = counted
                && !(self.report)(Report::Minisocks(count.netns, counted))
            {
                return false;
            }
            // Those in FIN_WAIT2 have a silent edge ahead of them.
            if count.orphans > 0 || counted != Some(count.minisocks) {
                some.push(namespace);
            }
        }
        self.sweep(&some, StateSet::MINISOCKS, false, false)
    }

    /// The kernel's own count.
    fn count_minisocks(&self, namespace: &Discovered) -> Option<u64> {
        let pid = namespace.pid()?;
        sockstat::read(&self.root, pid).ok()?.minisocks
    }

    fn sweep(
        &mut self,
        namespaces: &[Discovered],
        states: StateSet,
        with_info: bool,
        discovered: bool,
    ) -> bool {
        let cpu_ns = clock::thread_cpu_ns();
        let mut end = self.dump_all(namespaces, states, with_info);
        if matches!(end, Err(Failure::NoSockDiag)) {
            log::warn!(
                "this kernel has no sock_diag for TCP: sockets are listed from /proc/net/tcp"
            );
            self.listing = Listing::Proc;
            end = self.dump_all(namespaces, states, with_info);
        }
        let Ok(mut end) = end else {
            return false;
        };
        end.complete = discovered && end.failed == 0;
        end.cost_ns = clock::thread_cpu_ns().saturating_sub(cpu_ns);
        if states == StateSet::LIVE && !discovered {
            end.problems.push(HIDDEN.to_owned());
        }
        end.problems
            .extend(self.listing.limit().map(ToString::to_string));
        (self.report)(Report::Ended(end))
    }

    /// Fails only when nobody listens any more, or there is no sock_diag.
    fn dump_all(
        &mut self,
        namespaces: &[Discovered],
        states: StateSet,
        with_info: bool,
    ) -> Result<SweepEnd, Failure> {
        let mut end = SweepEnd::default();
        let mut problems = BTreeSet::new();
        let cookies = self.listing.has_cookies();
        if !(self.report)(Report::Began { states, cookies }) {
            return Err(Failure::Closed);
        }
        if !namespaces.is_empty() {
            thread::sleep(SETTLE);
        }
        let started_ns = clock::boottime_ns();
        for namespace in namespaces {
            match self.dump(namespace, states, with_info) {
                Ok(()) => end.namespaces += 1,
                Err(Failure::Gone) => {}
                Err(Failure::Problem(problem)) => {
                    end.failed += 1;
                    problems.insert(problem);
                }
                Err(fatal) => return Err(fatal),
            }
        }
        end.problems = problems.into_iter().collect();
        end.duration_ns = clock::boottime_ns().saturating_sub(started_ns);
        Ok(end)
    }

    fn dump(
        &mut self,
        namespace: &Discovered,
        states: StateSet,
        with_info: bool,
    ) -> Result<(), Failure> {
        let report = &mut self.report;
        Lister::visit(&self.root, self.listing, namespace, |lister, netns| {
            let settle_ns = u64::try_from(SETTLE.as_nanos()).unwrap_or(0);
            let started_ns = clock::boottime_ns().saturating_sub(settle_ns);
            let mut open = true;
            let mut batch = Batch::default();
            let mut pass_on = |batch: &mut Batch| {
                let (rows, read_ns) = batch.take();
                let time = DumpTime {
                    started_ns,
                    read_ns,
                };
                open = open
                    && rows.chunks(CHUNK_ROWS).all(|rows| {
                        let rows = rows.to_vec();
                        report(Report::Rows { netns, time, rows })
                    });
            };
            let outcome = lister.dump(states, with_info, &mut |rows| {
                if batch.add(rows, clock::boottime_ns()) {
                    pass_on(&mut batch);
                }
            });
            // Of a dump that failed, too: what was read is true.
            pass_on(&mut batch);
            outcome?;
            if open && report(Report::Swept { netns, started_ns }) {
                Ok(())
            } else {
                Err(Failure::Closed)
            }
        })
    }

    /// Has the kernel describe one socket.
    pub(super) fn describe_socket(
        &mut self,
        netns: NetnsIdentity,
        tuple: Tuple,
        cookie: u64,
    ) -> bool {
        self.make_known(&[netns]);
        let mut namespaces = self.namespaces.iter();
        let namespace = namespaces.find(|found| found.inode == netns.inode);
        let transport = namespace.and_then(|namespace| {
            let described = Lister::visit(&self.root, self.listing, namespace, |lister, _| {
                lister.describe(tuple, cookie)
            });
            // What cannot be entered or listed is complained of by the audit.
            described.ok().flatten()
        });
        (self.report)(Report::Socket { cookie, transport })
    }

    pub(super) fn look_at_queues(&mut self, wanted: &[NetnsIdentity]) -> bool {
        let (started_ns, cpu_ns) = (clock::boottime_ns(), clock::thread_cpu_ns());
        self.make_known(wanted);
        let mut end = SweepEnd::default();
        for namespace in self.namespaces.clone() {
            // What cannot be entered or listed is complained of by the audit.
            let Ok((fact, rows)) = self.read_queues(&namespace) else {
                end.failed += 1;
                continue;
            };
            end.namespaces += 1;
            let netns = fact.identity;
            if !(self.report)(Report::Namespace(fact))
                || !(self.report)(Report::Listeners(netns, rows))
            {
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

    fn read_queues(
        &mut self,
        namespace: &Discovered,
    ) -> Result<(NamespaceFact, Vec<DumpRow>), Failure> {
        let limits = &mut self.limits;
        Lister::visit(&self.root, self.listing, namespace, |lister, netns| {
            let rows = lister.listeners()?;
            let fact = NamespaceFact {
                identity: netns,
                name: namespace.name.clone(),
                events: netstat::read_own(&self.root).unwrap_or_default().events(),
                limits: limits.here(&self.root, netns, clock::boottime_ns()),
            };
            Ok((fact, rows))
        })
    }
}
