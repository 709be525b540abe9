//! What the table makes of records, dumps and scans.

mod audits;
mod census;
mod cookieless;
mod endings;
mod endpoint_rows;
mod interleaved;
mod invariants;
mod owners;
mod past;
mod processes;
mod queues;
mod records;
mod vanished;

use tcpmon_common::record::flag;
use tcpmon_common::{Record, State};

use super::Table;
use crate::core::facts::{DumpRow, DumpTime, Kind, NetnsIdentity, StateSet, Timer};
use crate::core::query::{SocketRow, SocketsQuestion};
use crate::core::tuple::{Family, Tuple};

const SECOND: u64 = 1_000_000_000;
const NETNS: NetnsIdentity = NetnsIdentity {
    cookie: 1,
    inode: 4_026_531_840,
};
const LOOPBACK: [u8; 16] = [127, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];

/// A socket as the stream speaks of it: address 100 and cookie 7, unless changed.
#[derive(Clone, Copy)]
struct Speaker {
    record: Record,
}

impl Speaker {
    fn new(sock: u64, cookie: u64, local_port: u16, remote_port: u16) -> Self {
        Self {
            record: Record {
                sock,
                cookie,
                netns_cookie: NETNS.cookie,
                netns_inode: NETNS.inode,
                family: 2,
                local_port,
                remote_port,
                local_address: LOOPBACK,
                remote_address: if remote_port == 0 { [0; 16] } else { LOOPBACK },
                flags: flag::HAS_SOCKET,
                ..Record::EMPTY
            },
        }
    }

    fn by(mut self, pid: u32, name: &str) -> Self {
        self.record.pid = pid;
        self.record.comm[..name.len()].copy_from_slice(name.as_bytes());
        self.record.flags |= flag::TASK;
        self
    }

    fn silent(mut self) -> Self {
        self.record.pid = 0;
        self.record.comm = [0; 16];
        self.record.flags &= !flag::TASK;
        self
    }

    fn flags(mut self, flags: u8) -> Self {
        self.record.flags = flags;
        self
    }

    fn ending(mut self, error: u16, shutdown: u8) -> Self {
        self.record.error = error;
        self.record.shutdown = shutdown;
        self
    }

    fn says(self, table: &mut Table, time_ns: u64, old: State, new: State) -> super::Change {
        let record = Record {
            time_ns,
            old_state: old.number(),
            new_state: new.number(),
            ..self.record
        };
        table.apply(&record).expect("a known state")
    }
}

fn row(cookie: u64, state: State, local_port: u16, remote_port: u16) -> DumpRow {
    DumpRow {
        cookie,
        state,
        kind: Kind::Full,
        tuple: Tuple {
            family: Family::Ipv4,
            local_port,
            remote_port,
            local: LOOPBACK,
            remote: if remote_port == 0 { [0; 16] } else { LOOPBACK },
        },
        inode: 5000 + cookie as u32,
        uid: 1000,
        recv_queue: 0,
        send_queue: Some(0),
        expires_ms: 0,
        timer: Timer::None,
        unanswered: 0,
        cgroup: 0,
        drops: None,
        last_ack_ms: None,
    }
}

fn minisock(cookie: u64, state: State, left_ms: u32) -> DumpRow {
    DumpRow {
        kind: Kind::Minisock,
        inode: 0,
        expires_ms: left_ms,
        ..row(cookie, state, 40000, 80)
    }
}

/// A whole audit of one namespace that took no time.
fn audit(table: &mut Table, time_ns: u64, states: StateSet, rows: &[DumpRow]) {
    table.begin_audit(states);
    let time = DumpTime {
        started_ns: time_ns,
        read_ns: time_ns,
    };
    table.audit_rows(NETNS, time, &mut rows.to_vec());
    table.audit_namespace_done(NETNS, time_ns);
    table.end_audit(time_ns, true);
}

fn rows(table: &Table, now_ns: u64) -> Vec<SocketRow> {
    table.sockets(&SocketsQuestion::default(), now_ns).sockets
}
