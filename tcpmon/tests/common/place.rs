//! A network namespace for every test.

use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::panic;
use std::sync::{PoisonError, RwLock, RwLockReadGuard};
use std::thread;
use std::time::Duration;

use nix::mount::{MsFlags, mount};
use nix::sched::{CloneFlags, unshare};
use nix::time::{ClockId, clock_gettime};
use nix::unistd::gettid;
use tcpmon::core::facts::{DumpRow, NetnsIdentity, StateSet};
use tcpmon::source::procfs::ProcRoot;
use tcpmon::source::procfs::netstat::{self, TcpExt};
use tcpmon::source::sockdiag::{Dumper, netns_cookie};
use tcpmon_common::Record;

use crate::netlink;

/// How often something is looked at until it has happened.
pub(crate) const STEP: Duration = Duration::from_millis(1);
/// How often before it is a failure: some ten seconds.
pub(crate) const STEPS: u32 = 8000;

/// Looks until `probe` finds something; fails when it never does.
#[track_caller]
pub(crate) fn eventually<T>(what: &str, mut probe: impl FnMut() -> Option<T>) -> T {
    for _ in 0..STEPS {
        if let Some(found) = probe() {
            return found;
        }
        thread::sleep(STEP);
    }
    panic!("{what}: not within {STEPS} looks");
}

/// The kernel's clock of every record.
pub(crate) fn now_ns() -> u64 {
    let now = clock_gettime(ClockId::CLOCK_BOOTTIME).expect("the clock of the kernel's records");
    let seconds = u64::try_from(now.tv_sec()).expect("after boot");
    seconds * 1_000_000_000 + u64::try_from(now.tv_nsec()).expect("not negative")
}

/// The network namespace of a test.
#[derive(Clone, Copy)]
pub(crate) struct Namespace(pub(crate) NetnsIdentity);

impl Namespace {
    /// That of the calling thread.
    pub(crate) fn current() -> Self {
        let file = fs::metadata("/proc/thread-self/ns/net").expect("proc is mounted");
        Self(NetnsIdentity {
            cookie: netns_cookie().expect("SO_NETNS_COOKIE"),
            inode: u32::try_from(file.ino()).expect("nsfs inodes have 32 bits"),
        })
    }

    /// Whether the record is of a socket in it. A namespace has no cookie before Linux 5.14; those of
    /// tests that run side by side have inodes of their own.
    pub(crate) fn has(self, record: &Record) -> bool {
        match self.0.cookie {
            0 => record.netns_inode == self.0.inode,
            cookie => record.netns_cookie == cookie,
        }
    }

    /// Writes a setting below `/proc/sys/net`, which speaks of the calling thread's namespace.
    pub(crate) fn set(self, name: &str, value: &str) {
        fs::write(format!("/proc/sys/net/{name}"), value)
            .unwrap_or_else(|error| panic!("{name} = {value}: {error}"));
    }

    /// Reads such a setting; `None` where the kernel has none.
    pub(crate) fn get(self, name: &str) -> Option<String> {
        let text = fs::read_to_string(format!("/proc/sys/net/{name}")).ok()?;
        Some(text.trim().to_owned())
    }

    /// What the kernel has counted in the namespace of the calling thread.
    pub(crate) fn counters(self) -> TcpExt {
        let thread = u32::try_from(gettid().as_raw()).expect("positive");
        netstat::read(&ProcRoot::default(), thread).expect("netstat")
    }

    /// The sockets in `states`, as the kernel lists them.
    pub(crate) fn dump(self, states: StateSet) -> Vec<DumpRow> {
        let mut rows = Vec::new();
        let mut dumper = Dumper::open().expect("sock_diag");
        dumper
            .dump(states, false, &mut |chunk| rows.extend_from_slice(chunk))
            .expect("a whole dump");
        rows
    }
}

/// Every ring gets the events of the whole machine: a flood in one test fills that of another. Tests
/// that flood hold this alone, the others together.
static MACHINE: RwLock<()> = RwLock::new(());

/// Runs `body` on a thread of its own in a namespace of its own, with loopback up.
pub(crate) fn in_namespace(body: impl FnOnce(Namespace) + Send) {
    let _others = without_flood();
    in_inner_namespace(body);
}

/// Holds off the tests that flood.
pub(crate) fn without_flood() -> RwLockReadGuard<'static, ()> {
    MACHINE.read().unwrap_or_else(PoisonError::into_inner)
}

/// As [`in_namespace`], while no other test has a ring to fill.
pub(crate) fn alone_in_namespace(body: impl FnOnce(Namespace) + Send) {
    let _nobody = MACHINE.write().unwrap_or_else(PoisonError::into_inner);
    in_inner_namespace(body);
}

/// As [`in_namespace`], inside of it.
pub(crate) fn in_inner_namespace(body: impl FnOnce(Namespace) + Send) {
    in_silent_namespace(|namespace| {
        netlink::set_loopback(true);
        body(namespace);
    });
}

/// Runs `body` on a thread of its own in a namespace as the kernel makes it: with loopback down.
pub(crate) fn in_silent_namespace(body: impl FnOnce(Namespace) + Send) {
    let outcome = thread::scope(|scope| {
        let test = scope.spawn(|| {
            unshare(CloneFlags::CLONE_NEWNET).expect("root may make a namespace");
            body(Namespace::current());
        });
        test.join()
    });
    if let Err(reason) = outcome {
        panic::resume_unwind(reason);
    }
}

/// What the calling thread mounts from now on is seen by it alone.
pub(crate) fn keep_mounts_private() {
    const NONE: Option<&str> = None;
    unshare(CloneFlags::CLONE_NEWNS).expect("root may make a namespace");
    let private = MsFlags::MS_REC | MsFlags::MS_PRIVATE;
    mount(NONE, "/", NONE, private, NONE).expect("root may mount");
}

/// Makes tracefs visible to the calling thread alone. The classic tracepoint needs it; machines
/// without systemd often have it not mounted.
pub(crate) fn mount_tracefs() {
    const NONE: Option<&str> = None;
    const PLACE: &str = "/sys/kernel/tracing";
    if fs::exists(format!("{PLACE}/events")).unwrap_or(false) {
        return;
    }
    keep_mounts_private();
    mount(NONE, PLACE, Some("tracefs"), MsFlags::empty(), NONE).expect("the kernel has tracefs");
}
