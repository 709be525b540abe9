//! The ring record: one TCP state transition as the kernel program saw it.
//!
//! Fixed layout, no padding, integers in the machine's own order, addresses in network order.

use core::mem::size_of;

/// Bytes of a [`Record`] on the ring.
pub const RECORD_SIZE: usize = 128;

/// Layout version, the first thing a reader checks. Changes whenever the layout does.
pub const RECORD_VERSION: u8 = 1;

/// [`Record::minisocks`] when the kernel does not tell.
pub const MINISOCKS_UNKNOWN: u32 = u32::MAX;

/// Bits of [`Record::flags`].
pub mod flag {
    /// `SOCK_DONE`: the peer's FIN was received (`include/net/sock.h`).
    pub const FIN_SEEN: u8 = 1 << 0;
    /// `SOCK_DEAD`: no process holds the socket any more.
    pub const ORPHAN: u8 = 1 << 1;
    /// The socket has a `struct socket`: it was created by a process or accepted.
    pub const HAS_SOCKET: u8 = 1 << 2;
    /// The current task acted; `pid`, `tid` and `comm` are its.
    pub const TASK: u8 = 1 << 3;
    /// The namespace is at `tcp_max_tw_buckets`: the kernel makes no TIME_WAIT entry.
    pub const TIME_WAIT_FULL: u8 = 1 << 4;
    /// Written by the classic tracepoint: error, shutdown, cookie, namespace and the other flags
    /// are unknown, not zero.
    pub const CLASSIC: u8 = 1 << 5;
    /// The send queue is not empty (`sk_wmem_queued`): a SYN, a FIN or data was not acknowledged
    /// yet, or not even sent.
    pub const UNACKED: u8 = 1 << 6;
}

/// One transition. Zero in an optional field means unknown, unless said otherwise.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(C)]
pub struct Record {
    /// `CLOCK_BOOTTIME` in nanoseconds.
    pub time_ns: u64,
    /// Kernel address of the socket; a key inside the agent, never shown.
    pub sock: u64,
    /// Socket cookie, the number `ss -e` shows as `sk:`.
    pub cookie: u64,
    /// Cookie of the network namespace (`SO_NETNS_COOKIE`), unique while the machine runs.
    pub netns_cookie: u64,
    /// Control group of the task that made the socket, or of its listener (cgroup v2 id); on
    /// transitions into LISTEN, SYN_SENT, ESTABLISHED and CLOSE_WAIT.
    pub cgroup_id: u64,
    /// Inode of the socket, on the same transitions; 0 also when no process has accepted it yet.
    pub inode: u64,
    /// Inode of the network namespace; reused by the kernel as soon as a namespace is gone.
    pub netns_inode: u32,
    /// TIME_WAIT and FIN_WAIT2 minisocks alive in the namespace, on transitions into CLOSE;
    /// [`MINISOCKS_UNKNOWN`] on others.
    pub minisocks: u32,
    /// Process id of the acting task; 0 when the current task is not the one that acts.
    pub pid: u32,
    /// Thread id of the acting task; 0 as above.
    pub tid: u32,
    /// Local port, host order; 0 before the kernel has chosen one.
    pub local_port: u16,
    /// Remote port, host order.
    pub remote_port: u16,
    /// `sk_err`: 0, or the positive errno that ended the connection.
    pub error: u16,
    /// 2 (`AF_INET`) or 10 (`AF_INET6`).
    pub family: u8,
    /// State before, the kernel's number.
    pub old_state: u8,
    /// State after, the kernel's number.
    pub new_state: u8,
    /// `sk_shutdown`: bit 0 receive, bit 1 send.
    pub shutdown: u8,
    /// See [`flag`].
    pub flags: u8,
    /// [`RECORD_VERSION`].
    pub version: u8,
    /// Always zero.
    pub reserved: u32,
    /// Local address, network order; IPv4 uses the first four bytes, the rest is zero.
    pub local_address: [u8; 16],
    /// Remote address, as above.
    pub remote_address: [u8; 16],
    /// Name of the acting task's thread group leader, NUL-padded; empty as for `pid`.
    pub comm: [u8; 16],
}

const _: () = assert!(size_of::<Record>() == RECORD_SIZE);

impl Default for Record {
    fn default() -> Self {
        Self::EMPTY
    }
}

impl Record {
    /// A record of which nothing is known.
    pub const EMPTY: Self = Self {
        time_ns: 0,
        sock: 0,
        cookie: 0,
        netns_cookie: 0,
        cgroup_id: 0,
        inode: 0,
        netns_inode: 0,
        minisocks: MINISOCKS_UNKNOWN,
        pid: 0,
        tid: 0,
        local_port: 0,
        remote_port: 0,
        error: 0,
        family: 0,
        old_state: 0,
        new_state: 0,
        shutdown: 0,
        flags: 0,
        version: RECORD_VERSION,
        reserved: 0,
        local_address: [0; 16],
        remote_address: [0; 16],
        comm: [0; 16],
    };

    /// Decodes a record. `None` when the length or the version is not ours; any field value is
    /// accepted, it is for the state machine to judge.
    #[must_use]
    #[inline]
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let bytes: &[u8; RECORD_SIZE] = bytes.try_into().ok()?;
        let (time_ns, rest) = bytes.split_first_chunk()?;
        let (sock, rest) = rest.split_first_chunk()?;
        let (cookie, rest) = rest.split_first_chunk()?;
        let (netns_cookie, rest) = rest.split_first_chunk()?;
        let (cgroup_id, rest) = rest.split_first_chunk()?;
        let (inode, rest) = rest.split_first_chunk()?;
        let (netns_inode, rest) = rest.split_first_chunk()?;
        let (minisocks, rest) = rest.split_first_chunk()?;
        let (pid, rest) = rest.split_first_chunk()?;
        let (tid, rest) = rest.split_first_chunk()?;
        let (local_port, rest) = rest.split_first_chunk()?;
        let (remote_port, rest) = rest.split_first_chunk()?;
        let (error, rest) = rest.split_first_chunk()?;
        let ([family, old_state, new_state, shutdown, flags, version], rest) =
            rest.split_first_chunk()?;
        let (reserved, rest) = rest.split_first_chunk()?;
        let (local_address, rest) = rest.split_first_chunk()?;
        let (remote_address, rest) = rest.split_first_chunk()?;
        let comm = rest.try_into().ok()?;
        if *version != RECORD_VERSION {
            return None;
        }
        Some(Self {
            time_ns: u64::from_ne_bytes(*time_ns),
            sock: u64::from_ne_bytes(*sock),
            cookie: u64::from_ne_bytes(*cookie),
            netns_cookie: u64::from_ne_bytes(*netns_cookie),
            cgroup_id: u64::from_ne_bytes(*cgroup_id),
            inode: u64::from_ne_bytes(*inode),
            netns_inode: u32::from_ne_bytes(*netns_inode),
            minisocks: u32::from_ne_bytes(*minisocks),
            pid: u32::from_ne_bytes(*pid),
            tid: u32::from_ne_bytes(*tid),
            local_port: u16::from_ne_bytes(*local_port),
            remote_port: u16::from_ne_bytes(*remote_port),
            error: u16::from_ne_bytes(*error),
            family: *family,
            old_state: *old_state,
            new_state: *new_state,
            shutdown: *shutdown,
            flags: *flags,
            version: *version,
            reserved: u32::from_ne_bytes(*reserved),
            local_address: *local_address,
            remote_address: *remote_address,
            comm,
        })
    }

    /// The record's bytes, as the kernel program lays them out.
    #[must_use]
    pub fn to_bytes(&self) -> [u8; RECORD_SIZE] {
        let mut out = [0; RECORD_SIZE];
        let mut at = 0;
        let mut put = |bytes: &[u8]| {
            out[at..at + bytes.len()].copy_from_slice(bytes);
            at += bytes.len();
        };
        for word in [
            self.time_ns,
            self.sock,
            self.cookie,
            self.netns_cookie,
            self.cgroup_id,
            self.inode,
        ] {
            put(&word.to_ne_bytes());
        }
        for word in [self.netns_inode, self.minisocks, self.pid, self.tid] {
            put(&word.to_ne_bytes());
        }
        for word in [self.local_port, self.remote_port, self.error] {
            put(&word.to_ne_bytes());
        }
        put(&[
            self.family,
            self.old_state,
            self.new_state,
            self.shutdown,
            self.flags,
            self.version,
        ]);
        put(&self.reserved.to_ne_bytes());
        put(&self.local_address);
        put(&self.remote_address);
        put(&self.comm);
        out
    }

    /// Whether all bits of `mask` (see [`flag`]) are set.
    #[must_use]
    pub const fn has(&self, mask: u8) -> bool {
        self.flags & mask == mask
    }
}

#[cfg(test)]
mod tests {
    use core::mem::offset_of;

    use proptest::prelude::*;

    use super::*;

    #[test]
    fn layout_is_pinned() {
        assert_eq!(offset_of!(Record, netns_inode), 48);
        assert_eq!(offset_of!(Record, local_port), 64);
        assert_eq!(offset_of!(Record, family), 70);
        assert_eq!(offset_of!(Record, version), 75);
        assert_eq!(offset_of!(Record, local_address), 80);
        assert_eq!(offset_of!(Record, comm), 112);
    }

    proptest! {
        #[test]
        fn decoding_is_total_and_inverse_to_encoding(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
            if let Some(record) = Record::from_bytes(&bytes) {
                prop_assert_eq!(bytes.len(), RECORD_SIZE);
                prop_assert_eq!(&record.to_bytes()[..], &bytes[..]);
            }
        }

        #[test]
        fn every_body_with_the_right_version_decodes(mut bytes in prop::array::uniform32(any::<u8>()).prop_map(|a| {
            let mut out = [0u8; RECORD_SIZE];
            for (i, b) in out.iter_mut().enumerate() { *b = a[i % 32].wrapping_add((i / 32) as u8); }
            out
        })) {
            bytes[offset_of!(Record, version)] = RECORD_VERSION;
            let record = Record::from_bytes(&bytes).expect("size and version are right");
            prop_assert_eq!(record.to_bytes(), bytes);
        }

        #[test]
        fn another_version_is_refused(version in any::<u8>()) {
            let bytes = Record { version, ..Record::EMPTY }.to_bytes();
            prop_assert_eq!(Record::from_bytes(&bytes).is_some(), version == RECORD_VERSION);
        }
    }
}
