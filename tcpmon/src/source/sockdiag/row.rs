//! One row of a sock_diag dump: `struct inet_diag_msg` and its attributes
//! (`include/uapi/linux/inet_diag.h`; filled by `net/ipv4/inet_diag.c`).

use tcpmon_common::State;

use crate::core::facts::{DumpRow, Kind, Timer};
use crate::core::tuple::{Family, Tuple};
use crate::source::sockdiag::bytes::{take, take_padded, take_u16, take_u32};

pub(super) const INET_DIAG_INFO: u16 = 2;
const INET_DIAG_SKMEMINFO: u16 = 7;
const INET_DIAG_SHUTDOWN: u16 = 8;
const INET_DIAG_CGROUP_ID: u16 = 21;
/// Offset of `SK_MEMINFO_DROPS` in the array of `INET_DIAG_SKMEMINFO` (`linux/sock_diag.h`).
const MEMINFO_DROPS: usize = 8 * 4;
/// `NLA_TYPE_MASK`: the two high bits of an attribute's type are flags.
pub(super) const ATTRIBUTE_TYPE: u16 = 0x3fff;
/// Bytes of `struct nlattr`.
const ATTRIBUTE_HEADER: usize = 4;
/// Offset of `tcpi_last_ack_recv` in `struct tcp_info` (`include/uapi/linux/tcp.h`).
const LAST_ACK_RECV: usize = 56;

/// `idiag_timer` of a request socket, and of a full socket that retransmits.
const TIMER_RETRANSMIT: u8 = 1;
/// `idiag_timer` of a minisock, and of nothing else.
pub(super) const TIMER_MINISOCK: u8 = 3;

/// The fields of a row, as the kernel sends them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Row {
    /// `AF_*` number.
    pub family: u8,
    /// Kernel number of the state; for a minisock its substate.
    pub state: u8,
    /// Which timer runs: 0 none, 1 retransmission, 2 keepalive, 3 minisock, 4 window probe.
    pub timer: u8,
    /// Retransmissions, or probes, so far.
    pub retransmits: u8,
    /// Host order.
    pub local_port: u16,
    /// Host order.
    pub remote_port: u16,
    /// Network order; IPv4 uses the first four bytes.
    pub local: [u8; 16],
    /// As above.
    pub remote: [u8; 16],
    /// Index of the interface the socket is bound to, or 0.
    pub interface: u32,
    /// Socket cookie.
    pub cookie: u64,
    /// Milliseconds until the timer fires.
    pub expires_ms: u32,
    /// Bytes; for a listener connections.
    pub recv_queue: u32,
    /// Bytes; for a listener connections.
    pub send_queue: u32,
    /// Creator, in the user namespace of the asking process.
    pub uid: u32,
    /// Inode of the socket, or 0.
    pub inode: u32,
    /// `sk_shutdown`. Every full socket has it and nothing else does: it is the first thing
    /// `inet_diag_msg_attrs_fill` adds, which runs for full sockets only.
    pub shutdown: Option<u8>,
    /// `tcpi_last_ack_recv` in milliseconds, from a full socket asked with `with_info`.
    pub last_ack_recv_ms: Option<u32>,
    /// Control group id; full sockets have it from Linux 5.9 on.
    pub cgroup_id: Option<u64>,
    /// `sk_drops`: for a listener, SYNs and handshakes it dropped. From a full socket asked with
    /// `with_memory`.
    pub drops: Option<u32>,
}

impl Row {
    /// Decodes the payload of a row message. `None` when it ends inside `struct inet_diag_msg`;
    /// attributes that make no sense are left out.
    #[must_use]
    pub fn decode(mut payload: &[u8]) -> Option<Self> {
        let rest = &mut payload;
        let [family, state, timer, retransmits] = take(rest)?;
        let local_port = u16::from_be_bytes(take(rest)?);
        let remote_port = u16::from_be_bytes(take(rest)?);
        let local = take(rest)?;
        let remote = take(rest)?;
        let interface = take_u32(rest)?;
        let cookie_low = take_u32(rest)?;
        let cookie_high = take_u32(rest)?;
        let mut row = Self {
            family,
            state,
            timer,
            retransmits,
            local_port,
            remote_port,
            local,
            remote,
            interface,
            cookie: u64::from(cookie_high) << 32 | u64::from(cookie_low),
            expires_ms: take_u32(rest)?,
            recv_queue: take_u32(rest)?,
            send_queue: take_u32(rest)?,
            uid: take_u32(rest)?,
            inode: take_u32(rest)?,
            shutdown: None,
            last_ack_recv_ms: None,
            cgroup_id: None,
            drops: None,
        };
        row.attributes(payload);
        Some(row)
    }

    fn attributes(&mut self, mut bytes: &[u8]) {
        while let Some((kind, value)) = take_attribute(&mut bytes) {
            match kind & ATTRIBUTE_TYPE {
                INET_DIAG_SHUTDOWN => self.shutdown = value.first().copied(),
                INET_DIAG_SKMEMINFO => self.drops = word_at(value, MEMINFO_DROPS),
                INET_DIAG_CGROUP_ID => {
                    self.cgroup_id = value.try_into().ok().map(u64::from_ne_bytes);
                }
                INET_DIAG_INFO => self.last_ack_recv_ms = word_at(value, LAST_ACK_RECV),
                _ => {}
            }
        }
    }

    /// The row as a fact. `None` when its family is not IP or its state is none of TCP's.
    #[must_use]
    pub fn fact(&self) -> Option<DumpRow> {
        let state = State::from_kernel(i64::from(self.state))?;
        let kind = self.kind(state);
        Some(DumpRow {
            cookie: self.cookie,
            state: state.folded(),
            kind,
            tuple: Tuple {
                family: Family::from_kernel(self.family)?,
                local_port: self.local_port,
                remote_port: self.remote_port,
                local: self.local,
                remote: self.remote,
            },
            inode: self.inode,
            uid: self.uid,
            recv_queue: self.recv_queue,
            send_queue: Some(self.send_queue),
            expires_ms: self.expires_ms,
            timer: Timer::from_kernel(self.timer),
            unanswered: self.retransmits,
            cgroup: self.cgroup_id.unwrap_or(0),
            drops: self.drops,
            last_ack_ms: self
                .last_ack_recv_ms
                .filter(|_| kind == Kind::Full && begins_with_a_segment(state)),
        })
    }

    /// What kind of object the row is.
    ///
    /// A full socket says so by its `shutdown` attribute. That matters in SYN_RECV, where a fast
    /// open child or a simultaneous open, not accepted yet, has inode 0 and a retransmission timer
    /// just like a request socket (`inet_req_diag_fill`), and can have empty queues as well.
    fn kind(&self, state: State) -> Kind {
        if state == State::TimeWait {
            return Kind::Minisock;
        }
        if self.shutdown.is_some() || self.inode != 0 {
            return Kind::Full;
        }
        match (state, self.timer) {
            (State::FinWait2, TIMER_MINISOCK) => Kind::Minisock,
            (State::NewSynRecv, _) | (State::SynRecv, TIMER_RETRANSMIT) => Kind::Request,
            _ => Kind::Full,
        }
    }
}

/// Whether a socket enters `state` only when a segment with an ACK comes in. `rcv_tstamp`, which
/// `tcpi_last_ack_recv` counts from, is then not older than the state. It is zero until the first
/// ACK, and a process may close a connection that has been silent for hours.
const fn begins_with_a_segment(state: State) -> bool {
    matches!(
        state,
        State::Established | State::FinWait2 | State::CloseWait | State::Closing
    )
}

pub(super) fn take_attribute<'a>(bytes: &mut &'a [u8]) -> Option<(u16, &'a [u8])> {
    let length = take_u16(bytes)?;
    let kind = take_u16(bytes)?;
    let value = usize::from(length).checked_sub(ATTRIBUTE_HEADER)?;
    Some((kind, take_padded(bytes, value)?))
}

/// Structures of the kernel grow at their end; older kernels send less of them.
fn word_at(structure: &[u8], offset: usize) -> Option<u32> {
    take_u32(&mut structure.get(offset..)?)
}

#[cfg(test)]
mod tests;
