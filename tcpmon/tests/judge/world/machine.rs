//! Programs and namespaces.

use std::collections::BTreeSet;

use tcpmon::core::facts::{KernelEvent, NamespaceLimits, NetnsIdentity};

use super::World;
use super::kernel::Conn;

/// A process id.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Pid(pub(crate) u32);

/// A network namespace, by its place in the order of making.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Netns(pub(crate) usize);

/// A running program.
#[derive(Debug)]
pub(super) struct Program {
    pub(super) comm: [u8; 16],
    /// Open files that are no sockets.
    pub(super) files: u64,
    pub(super) max_files: u64,
    pub(super) held: BTreeSet<Conn>,
    pub(super) next_fd: u32,
}

#[derive(Debug)]
pub(super) struct Namespace {
    pub(super) identity: NetnsIdentity,
    pub(super) limits: NamespaceLimits,
    pub(super) events: [u64; KernelEvent::ALL.len()],
    pub(super) minisocks: u32,
    pub(super) is_gone: bool,
}

impl World {
    /// Starts a program with a limit of 1024 open files.
    pub(crate) fn start(&mut self, name: &str) -> Pid {
        let mut comm = [0; 16];
        comm[..name.len()].copy_from_slice(name.as_bytes());
        let last = self.programs.keys().next_back();
        let pid = Pid(last.map_or(1000, |pid| pid.0 + 7));
        self.programs.insert(
            pid,
            Program {
                comm,
                files: 10,
                max_files: 1024,
                held: BTreeSet::new(),
                next_fd: 3,
            },
        );
        pid
    }

    /// Sets `RLIMIT_NOFILE` of a program.
    pub(crate) fn limit_files(&mut self, pid: Pid, max: u64) {
        if let Some(program) = self.programs.get_mut(&pid) {
            program.max_files = max;
        }
    }

    /// Files a program can still open.
    pub(crate) fn free_files(&self, pid: Pid) -> u64 {
        self.programs.get(&pid).map_or(0, |program| {
            (program.max_files - program.files).saturating_sub(program.held.len() as u64)
        })
    }

    /// Ends a program: the kernel closes what nobody else holds.
    pub(crate) fn exit(&mut self, pid: Pid) {
        let held = self.programs.get(&pid).map(|program| program.held.clone());
        for conn in held.into_iter().flatten() {
            self.close(pid, conn);
        }
        self.programs.remove(&pid);
    }

    /// Gives another program a descriptor of the same socket, as `fork` does.
    pub(crate) fn share(&mut self, conn: Conn, with: Pid) {
        self.hold(with, conn);
    }

    /// Ends a namespace and everything in it.
    pub(crate) fn remove_namespace(&mut self, netns: Netns) {
        self.namespaces[netns.0].is_gone = true;
        let inside: Vec<Conn> = self.in_namespace(netns);
        for conn in inside {
            self.forget(conn);
        }
    }

    pub(super) fn hold(&mut self, pid: Pid, conn: Conn) {
        if let Some(program) = self.programs.get_mut(&pid) {
            let fd = program.next_fd;
            program.next_fd += 1;
            program.held.insert(conn);
            if let Some(socket) = self.sockets.get_mut(&conn) {
                socket.holders.push((pid, fd));
                if socket.inode == 0 {
                    socket.inode = 10_000 + conn.0 as u32;
                }
            }
        }
    }

    pub(super) fn count(&mut self, netns: Netns, event: KernelEvent) {
        self.namespaces[netns.0].events[event as usize] += 1;
    }
}
