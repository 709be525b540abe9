//! A stream that watches the namespace of a test.

use std::thread;

use tcpmon::core::facts::{DumpTime, HolderFact, StateSet};
use tcpmon::core::query::{SocketRow, SocketsQuestion};
use tcpmon::core::table::{Change, Table};
use tcpmon::source::bpf::holders::Holders;
use tcpmon::source::bpf::{Attach, Options, Stream};
use tcpmon_common::Record;

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
            if record.netns_cookie != namespace.0.cookie {
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
        panic!("{what}: not seen among {:#?}", self.lines());
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

    /// Reads every file descriptor table of the machine and tells the table who holds what.
    pub(crate) fn scan_holders(&mut self) -> Vec<HolderFact> {
        self.drain();
        let started_ns = now_ns();
        let mut facts = Vec::new();
        let mut holders = Holders::load().expect("iter/task_file");
        holders.scan(|fact| facts.push(fact)).expect("a whole scan");
        self.table.set_holders(started_ns, &facts);
        facts
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
