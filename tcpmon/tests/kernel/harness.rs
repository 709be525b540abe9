//! A stream that watches the namespace of a test.

use std::os::fd::AsFd;
use std::thread;

use tcpmon::core::facts::{DumpTime, StateSet};
use tcpmon::core::query::{SocketRow, SocketsQuestion};
use tcpmon::core::table::{Change, Table};
use tcpmon::source::bpf::holders::Holders;
use tcpmon::source::bpf::{Attach, Options, Rung, Stream};
use tcpmon::source::procfs::{ProcRoot, fd};
use tcpmon_common::Holder;
use tcpmon_common::Record;

use crate::net;
use crate::place::{Namespace, STEP, STEPS, now_ns};

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
    pub(crate) namespace: Namespace,
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
    pub(crate) fn skipped_by_kernel(&self) -> String {
        match self.stream.skips().unwrap_or_default().missed {
            0 => String::new(),
            missed => format!("; the kernel skipped the program, {missed} times"),
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
        let mut take = |fact: Holder| facts.push(fact);
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
        // The table knows no other namespace.
        self.table.end_audit(now_ns(), true);
    }
}
