//! Which process holds which socket.

use tcpmon_common::Holder;

use super::{Report, Sweeper};
use crate::clock;
use crate::core::table::ByInode;
use crate::source::procfs::fd;

/// Holders reported at once: so many the owner takes over in about a millisecond.
const CHUNK_HOLDERS: usize = 4096;

impl<R: FnMut(Report) -> bool> Sweeper<R> {
    pub(super) fn find_holders(&mut self) -> bool {
        let (started_ns, cpu_ns) = (clock::boottime_ns(), clock::thread_cpu_ns());
        let by_inode = match self.scan_by_iterator(started_ns) {
            Scan::Closed => return false,
            Scan::Told => ByInode::default(),
            Scan::Impossible => self.scan_proc(),
        };
        let cost_ns = clock::thread_cpu_ns().saturating_sub(cpu_ns);
        (self.report)(Report::HoldersEnded {
            started_ns,
            by_inode,
            cost_ns,
        })
    }

    fn scan_by_iterator(&mut self, started_ns: u64) -> Scan {
        let Some(iterator) = &mut self.holders else {
            return Scan::Impossible;
        };
        let report = &mut self.report;
        let mut chunk = Vec::with_capacity(CHUNK_HOLDERS);
        let mut open = true;
        let mut tell = |chunk: &mut Vec<Holder>| {
            let holders = std::mem::replace(chunk, Vec::with_capacity(CHUNK_HOLDERS));
            open = open
                && report(Report::Holders {
                    started_ns,
                    holders,
                });
        };
        let outcome = iterator.scan(|holder| {
            chunk.push(holder);
            if chunk.len() >= CHUNK_HOLDERS {
                tell(&mut chunk);
            }
        });
        if !chunk.is_empty() {
            tell(&mut chunk);
        }
        match outcome {
            _ if !open => Scan::Closed,
            Ok(()) => Scan::Told,
            Err(error) => {
                log::warn!("holders of sockets are looked up in /proc from now on: {error:#}");
                self.holders = None;
                Scan::Impossible
            }
        }
    }

    fn scan_proc(&self) -> ByInode {
        let mut by_inode = ByInode::default();
        let scan = fd::scan(&self.root, fd::Wanted::All, &mut |holder| {
            by_inode.add(holder);
        });
        if let Err(error) = scan {
            log::warn!("cannot look into /proc for the holders of sockets: {error}");
        }
        by_inode
    }
}

/// How a scan by the iterator went.
enum Scan {
    /// Nobody listens any more.
    Closed,
    /// Every holder has been reported.
    Told,
    /// The iterator does not work, and never will.
    Impossible,
}
