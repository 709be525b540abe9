//! Where tests make their connections.

use std::fs::File;
use std::os::fd::AsRawFd as _;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;
use std::thread;

use nix::sched::{CloneFlags, setns, unshare};

use crate::netlink;
use crate::place::in_inner_namespace;
use crate::puppet::Puppet;
pub(crate) use crate::waiting::{check, within};

/// Runs `body` with the inode of a network namespace in which only it has sockets. A process lives
/// there: a namespace that has threads only is not searched for.
pub(crate) fn in_workplace(body: impl FnOnce(u32) + Send) {
    in_inner_namespace(|namespace| {
        let _resident = Puppet::start("resident");
        body(namespace.0.inode);
    });
}

/// The network namespace of a thread, to come back to.
pub(crate) struct Home(File);

impl Home {
    /// That of the calling thread.
    pub(crate) fn here() -> Self {
        Self(File::open("/proc/thread-self/ns/net").expect("proc is mounted"))
    }

    /// A new one, with loopback up, that nothing but this keeps.
    pub(crate) fn fresh() -> Self {
        thread::scope(|scope| {
            let maker = scope.spawn(|| {
                unshare(CloneFlags::CLONE_NEWNET).expect("root may make a namespace");
                netlink::set_loopback(true);
                Self::here()
            });
            maker.join().expect("no panic")
        })
    }

    /// Its inode.
    pub(crate) fn inode(&self) -> u32 {
        let inode = self.0.metadata().expect("it is open").ino();
        u32::try_from(inode).expect("nsfs inodes have 32 bits")
    }

    /// The namespace a file leads to.
    pub(crate) fn at(file: &Path) -> Self {
        Self(File::open(file).expect("it leads to a namespace"))
    }

    /// A path that leads there as long as this is kept.
    pub(crate) fn way(&self) -> String {
        format!("/proc/self/fd/{}", self.0.as_raw_fd())
    }

    /// Runs `body` there, wherever the calling thread is.
    pub(crate) fn visit<T: Send>(&self, body: impl FnOnce() -> T + Send) -> T {
        thread::scope(|scope| {
            let visitor = scope.spawn(|| {
                setns(&self.0, CloneFlags::CLONE_NEWNET).expect("root may enter");
                body()
            });
            visitor.join().expect("no panic")
        })
    }
}
