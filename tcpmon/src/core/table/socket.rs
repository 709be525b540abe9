//! One tracked socket.

use serde::{Deserialize, Serialize};
use tcpmon_common::State;

use super::groups::Place;
use super::namespaces::NetnsId;
use super::past::Past;
use super::processes::ProcessId;
use crate::core::facts::{DumpRow, Kind, Timer};
use crate::core::query::{OwnerSource, Role};
use crate::core::tuple::Tuple;

/// Index of a socket in the table. Reused after the socket is gone.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct SlotId(u32);

impl SlotId {
    /// No socket.
    pub(super) const NONE: Self = Self(u32::MAX);

    /// The socket at `index`. Four thousand million sockets would need a terabyte of kernel memory;
    /// the last index stands for all beyond.
    pub(super) fn from_index(index: usize) -> Self {
        Self(u32::try_from(index).unwrap_or(u32::MAX - 1))
    }

    pub(super) const fn index(self) -> usize {
        self.0 as usize
    }
}

/// A socket as it was seen, to be looked up later: its slot may hold another by then.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Sighting {
    pub(super) id: SlotId,
    pub(super) entered_ns: u64,
}

/// Who holds a socket, and how that is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Owner {
    /// The process.
    pub process: ProcessId,
    /// How it is known.
    pub source: OwnerSource,
    /// Processes that had the socket in their tables at the last scan: after fork, or when a
    /// descriptor was passed on (`SCM_RIGHTS`), more than one. 0 before a scan.
    pub holders: u16,
    /// File descriptor number in that process.
    pub fd: Option<u32>,
}

/// What a dump told about queues and user; refreshed by every audit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Details {
    /// User id of the creator.
    pub uid: u32,
    /// Bytes not read; for a listener its accept queue.
    pub recv_queue: u32,
    /// Bytes not acknowledged; for a listener the limit of its accept queue, where that is known.
    pub send_queue: Option<u32>,
    /// Which timer runs.
    pub timer: Timer,
    /// Retransmissions or probes the peer has not answered.
    pub unanswered: u8,
}

impl Details {
    pub(super) const fn of(row: &DumpRow) -> Self {
        Self {
            uid: row.uid,
            recv_queue: row.recv_queue,
            send_queue: row.send_queue,
            timer: row.timer,
            unanswered: row.unanswered,
        }
    }
}

/// One socket: a full one, what is left of one, or a request for one.
#[derive(Clone, Debug)]
pub struct Socket {
    /// Kernel address while the stream speaks of it; 0 when unknown or gone.
    pub sock: u64,
    /// Cookie; 0 when unknown.
    pub cookie: u64,
    /// Inode; 0 when unknown or none.
    pub inode: u64,
    /// Control group id; 0 when unknown.
    pub cgroup: u64,
    /// When it entered its state, `CLOCK_BOOTTIME` ns. A lower bound of the age if so marked.
    pub entered_ns: u64,
    /// When its connection began: the SYN, or the handshake's last ACK; 0 when that was not seen.
    pub opened_ns: u64,
    /// When the last record or repair spoke of it.
    pub touched_ns: u64,
    /// When a minisock's timer ends it; 0 for others.
    pub expires_ns: u64,
    /// Addresses and ports.
    pub tuple: Tuple,
    /// Namespace.
    pub netns: NetnsId,
    /// Who holds it.
    pub owner: Option<Owner>,
    /// Start of the scan of file descriptors that last named its holder.
    pub(super) seen_holder_ns: u64,
    /// The states before.
    pub(super) past: Past,
    /// From the last dump.
    pub details: Option<Details>,
    /// State; a request is `SYN_RECV`.
    pub state: State,
    /// Full socket, minisock or request.
    pub kind: Kind,
    /// Which side opened.
    pub role: Option<Role>,
    /// A process created or accepted it; `false` while it waits in the accept queue.
    pub accepted: Option<bool>,
    /// It entered its state before the agent could see it: the age is a lower bound.
    pub age_is_lower_bound: bool,
    /// The audit that last saw it.
    pub(super) seen_in: u32,
    /// Neighbours in the order of entry of its state.
    pub(super) previous: SlotId,
    pub(super) next: SlotId,
    /// Its group, and its neighbours there.
    pub(super) place: Place,
}

// Half a million of them are a table of a hundred megabytes.
const _: () = assert!(size_of::<Socket>() <= 208);

impl Socket {
    /// A full socket of which only the state is known.
    #[must_use]
    pub fn new(state: State, entered_ns: u64) -> Self {
        Self {
            sock: 0,
            cookie: 0,
            inode: 0,
            cgroup: 0,
            entered_ns,
            opened_ns: 0,
            touched_ns: entered_ns,
            expires_ns: 0,
            tuple: Tuple::UNKNOWN,
            netns: NetnsId::UNKNOWN,
            owner: None,
            seen_holder_ns: 0,
            past: Past::default(),
            details: None,
            state,
            kind: Kind::Full,
            role: None,
            accepted: None,
            age_is_lower_bound: false,
            seen_in: 0,
            previous: SlotId::NONE,
            next: SlotId::NONE,
            place: Place::NOWHERE,
        }
    }

    /// Time in the state until `now_ns`; a lower bound if so marked.
    #[must_use]
    pub const fn age_ns(&self, now_ns: u64) -> u64 {
        now_ns.saturating_sub(self.entered_ns)
    }
}
