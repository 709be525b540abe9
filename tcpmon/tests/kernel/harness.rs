//! A network namespace for every test, and a stream that watches it.

use std::fs;
use std::os::fd::AsFd;
use std::os::unix::fs::MetadataExt as _;
use std::panic;
use std::sync::{PoisonError, RwLock, RwLockReadGuard};
use std::thread;
use std::time::Duration;

use nix::mount::{MsFlags, mount};
use nix::sched::{CloneFlags, unshare};
use nix::time::{ClockId, clock_gettime};
use nix::unistd::gettid;
use tcpmon::core::facts::{DumpRow, DumpTime, HolderFact, NetnsIdentity, StateSet};
use tcpmon::core::query::{SocketRow, SocketsQuestion};
use tcpmon::core::table::{Change, Table};
use tcpmon::source::bpf::holders::Holders;
use tcpmon::source::bpf::{Attach, Options, Rung, Stream};
use tcpmon::source::procfs::netstat::{self, TcpExt};
use tcpmon::source::procfs::{ProcRoot, fd};
use tcpmon::source::sockdiag::{Dumper, netns_cookie};
use tcpmon_common::Record;

use crate::{net, netlink};

/// How often something is looked at until it has happened.
const STEP: Duration = Duration::from_millis(1);
/// How often before it is a failure: some ten seconds.
const STEPS: u32 = 8000;

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

/// Makes tracefs visible to the calling thread alone. The classic tracepoint needs it; machines
/// without systemd often have it not mounted.
pub(crate) fn mount_tracefs() {
    const NONE: Option<&str> = None;
    const PLACE: &str = "/sys/kernel/tracing";
    if fs::exists(format!("{PLACE}/events")).unwrap_or(false) {
        return;
    }
    unshare(CloneFlags::CLONE_NEWNS).expect("root may make a namespace");
    let private = MsFlags::MS_REC | MsFlags::MS_PRIVATE;
    mount(NONE, "/", NONE, private, NONE).expect("root may mount");
    mount(NONE, PLACE, Some("tracefs"), MsFlags::empty(), NONE).expect("the kernel has tracefs");
}

/// A record, what it changed, and the socket afterwards.
pub(crate) struct Seen {
    pub(crate) record: Record,
    pub(crate) change: Change,
    pub(crate) row: SocketRow,
}

/// A stream, and a table of the sockets of one namespace.
pub(crate) struct Watch {
    pub(crate) stream: Stream,
    pub(crate) table: Table,
    pub(crate) seen: Vec<Seen>,
    namespace: Namespace,
}

/// A ring large enough for any test but a flood.
pub(crate) const MODERATE: Options = Options {
    attach: Attach::Auto,
    ring_bytes: 1 << 20,
    wake_bytes: 256 << 10,
};

impl Watch {
    pub(crate) fn open(namespace: Namespace) -> Self {
        Self {
            stream: Stream::open(&MODERATE).expect("the program attaches"),
            table: Table::new(),
            seen: Vec::new(),
            namespace,
        }
    }

    /// Takes what is on the ring.
    pub(crate) fn drain(&mut self) {
        let Self {
            stream,
            table,
            seen,
            namespace,
        } = self;
        stream.drain(usize::MAX, |record| {
            if !namespace.has(record) {
                return;
            }
            let change = table.apply(record).expect("states TCP has");
            seen.push(Seen {
                record: *record,
                change,
                row: table.row(change.id, record.time_ns),
            });
        });
    }

    /// Drains until `probe` finds something; fails with all that was seen when it never does.
    #[track_caller]
    pub(crate) fn until<T>(&mut self, what: &str, probe: impl Fn(&Self) -> Option<T>) -> T {
        for _ in 0..STEPS {
            self.drain();
            if let Some(found) = probe(self) {
                return found;
            }
            thread::sleep(STEP);
        }
        let skipped = self.skipped_by_kernel();
        panic!("{what}: not seen among {:#?}{skipped}", self.lines());
    }

    /// The kernel does not run the program for what happens in an interrupt of the program itself.
    /// That is rare, and less rare on a slow machine; `cargo xtask vm` looks for this sentence.
    fn skipped_by_kernel(&self) -> String {
        let stats = self.stream.program_stats().unwrap_or_default();
        match stats.recursion_misses {
            0 => String::new(),
            misses => format!("; the kernel skipped the program, {misses} times"),
        }
    }

    /// The sockets of the table, oldest in its state first.
    pub(crate) fn rows(&self) -> Vec<SocketRow> {
        self.table
            .sockets(&SocketsQuestion::default(), now_ns())
            .sockets
    }

    /// The only socket with this local port and state.
    #[track_caller]
    pub(crate) fn row(&self, local_port: u16, state: &str) -> SocketRow {
        let mut rows = self.rows();
        rows.retain(|row| row.local_port == local_port && row.state == state);
        match rows.pop() {
            Some(row) if rows.is_empty() => row,
            _ => panic!(
                "one socket with port {local_port} in {state}, not {:#?}",
                self.rows()
            ),
        }
    }

    /// Reads every file descriptor table of the machine and tells the table who holds what. Where the
    /// iterator does not load, `/proc` is read; it knows inodes only, which dumps tell.
    pub(crate) fn scan_holders(&mut self) {
        let mut facts = Vec::new();
        let mut take = |fact: HolderFact| facts.push(fact);
        let started_ns;
        if let Ok(mut holders) = Holders::load() {
            self.drain();
            started_ns = now_ns();
            holders.scan(take).expect("a whole scan");
        } else {
            self.audit(StateSet::LIVE);
            started_ns = now_ns();
            fd::scan(&ProcRoot::default(), fd::Wanted::All, &mut take).expect("proc");
        }
        self.table.set_holders(started_ns, &facts);
    }

    /// The cookie a row of `socket` shows: none where programs cannot make it.
    pub(crate) fn cookie(&self, socket: impl AsFd) -> Option<u64> {
        (self.stream.rung() == Rung::TpBtf).then(|| net::cookie(socket))
    }

    /// Compares the table with a dump of `states` of the namespace.
    pub(crate) fn audit(&mut self, states: StateSet) {
        self.drain();
        self.table.begin_audit(states);
        let started_ns = now_ns();
        let mut rows = self.namespace.dump(states);
        let read_ns = now_ns();
        self.drain();
        let time = DumpTime {
            started_ns,
            read_ns,
        };
        let identity = self.namespace.0;
        self.table.audit_rows(identity, time, &mut rows);
        self.table.audit_namespace_done(identity, started_ns);
        self.table.end_audit(now_ns(), false);
    }
}
