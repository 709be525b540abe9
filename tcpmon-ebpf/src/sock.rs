//! A `struct sock` the verifier knows, read field by field.

use aya_ebpf::helpers::generated::{
    bpf_get_socket_cookie, bpf_ktime_get_boot_ns, bpf_skc_to_tcp_sock,
};
use tcpmon_common::record::{MINISOCKS_UNKNOWN, flag};
use tcpmon_common::{Record, State};

use crate::address::{AF_INET6, Address};
use crate::kernel::*;
use crate::set_state::Source;

/// Bits of `sk_flags` (`enum sock_flags` of `include/net/sock.h`).
const SOCK_DEAD: u64 = 1 << 0;
const SOCK_DONE: u64 = 1 << 1;
const ECONNRESET: u16 = 104;

/// The socket of a `tp_btf` program.
pub struct Sock(*const u8);

impl Sock {
    #[inline(always)]
    pub fn new(pointer: *const u8) -> Self {
        Self(pointer)
    }

    #[inline(always)]
    fn get<T: Copy>(&self, offset: &aya_ebpf::Global<u32>) -> Option<T> {
        // SAFETY: the tracepoint's argument is a `struct sock`; `T` is named beside each offset.
        unsafe { field(self.0, offset) }
    }

    #[inline(always)]
    fn address(
        &self,
        v4: &aya_ebpf::Global<u32>,
        v6: &aya_ebpf::Global<u32>,
        family: u16,
    ) -> Address {
        if family != AF_INET6 {
            return Address::v4(self.get(v4).unwrap_or(0));
        }
        let low: Option<u64> = self.get(v6);
        // SAFETY: the second half of the same sixteen bytes.
        let high: Option<u64> = unsafe { field(self.0.wrapping_add(8), v6) };
        Address([low.unwrap_or(0), high.unwrap_or(0)])
    }

    /// `inet_sport` stays right when `skc_num` has been cleared, which it is at `-> CLOSE`. A socket
    /// that connects again still has the port of its last connection there, and none in `skc_num`,
    /// until a port is found.
    #[inline(always)]
    fn local_port(&self, record: &Record) -> u16 {
        if record.new_state == State::SynSent as u8 || is_connect_without_syn(record) {
            return self.get(&OFF_NUM).unwrap_or(0);
        }
        // SAFETY: a `struct sock`; the helper answers null for anything but a full TCP socket.
        let tcp = unsafe { bpf_skc_to_tcp_sock(self.0.cast_mut().cast()) }.cast::<u8>();
        if tcp.is_null() {
            return self.get(&OFF_NUM).unwrap_or(0);
        }
        // SAFETY: `struct tcp_sock` begins with `struct inet_sock`.
        match unsafe { field::<u16>(tcp, &OFF_INET_SPORT) } {
            Some(port) => u16::from_be(port),
            None => self.get(&OFF_NUM).unwrap_or(0),
        }
    }

    /// Makes the cookie where the socket has none yet, so that its TIME_WAIT entry carries it.
    ///
    /// Until Linux 6.13 or later the child of a listener is announced while it still has the
    /// listener's tuple and cookie; it is told by having no remote port. It gets none then: the
    /// cookie would be its listener's, or be lost.
    #[inline(always)]
    fn cookie(&self, passive_open: bool, remote_port: u16) -> u64 {
        if passive_open && remote_port == 0 {
            return 0;
        }
        if HAS_COOKIE_HELPER.load() == 1 {
            // SAFETY: a `struct sock`.
            return unsafe { bpf_get_socket_cookie(self.0.cast_mut().cast()) };
        }
        self.get(&OFF_COOKIE).unwrap_or(0)
    }

    #[inline(always)]
    fn cgroup_id(&self) -> u64 {
        // SAFETY: `struct cgroup *`, then `struct kernfs_node *`.
        unsafe {
            let Some(cgroup) = pointer(self.0, &OFF_CGROUP) else {
                return 0;
            };
            let Some(node) = pointer(cgroup, &OFF_CGROUP_KN) else {
                return 0;
            };
            field(node, &OFF_KN_ID).unwrap_or(0)
        }
    }

    #[inline(always)]
    fn namespace(&self, record: &mut Record) {
        // SAFETY: `skc_net.net` is a `struct net *`.
        unsafe {
            let Some(net) = pointer(self.0, &OFF_NET) else {
                return;
            };
            record.netns_inode = field(net, &OFF_NET_INUM).unwrap_or(0);
            record.netns_cookie = field(net, &OFF_NET_COOKIE).unwrap_or(0);
            // Both processors change the count all the time, and it tells something at the end only.
            if record.new_state != State::Close as u8 {
                return;
            }
            record.minisocks = minisocks(net);
            let most: u32 = field(net, &OFF_NET_TW_MAX).unwrap_or(u32::MAX);
            if record.minisocks != MINISOCKS_UNKNOWN && record.minisocks >= most {
                record.flags |= flag::TIME_WAIT_FULL;
            }
        }
    }
}

/// Whether a socket may have got its inode or control group since its last record. An accepted one
/// gets its inode between ESTABLISHED and CLOSE_WAIT.
const fn is_new(state: u8) -> bool {
    state == State::Listen as u8
        || state == State::SynSent as u8
        || state == State::Established as u8
        || state == State::CloseWait as u8
}

/// Minisocks alive in the namespace.
///
/// # Safety
///
/// `net` must be a `struct net`.
#[inline(always)]
unsafe fn minisocks(net: *const u8) -> u32 {
    // SAFETY: as the caller promises.
    unsafe {
        if let Some(references) = field::<u32>(net, &OFF_NET_TW_REFCOUNT) {
            return references.wrapping_sub(1);
        }
        field(net, &OFF_NET_TW_COUNT).unwrap_or(MINISOCKS_UNKNOWN)
    }
}

/// Inode of a `struct file`.
///
/// # Safety
///
/// `file` must be a `struct file`.
#[inline(always)]
pub unsafe fn file_inode(file: *const u8) -> u64 {
    // SAFETY: as the caller promises.
    unsafe {
        match pointer(file, &OFF_FILE_INODE) {
            Some(inode) => field(inode, &OFF_INODE_INO).unwrap_or(0),
            None => 0,
        }
    }
}

/// `connect()` failed before there was a SYN. A reset and an ICMP message empty the queue, too, but
/// they leave another error than `connect` to `AF_UNSPEC` does (`tcp_disconnect` in
/// `net/ipv4/tcp.c`), which may be left of an earlier connection of the socket.
#[inline(always)]
fn is_connect_without_syn(record: &Record) -> bool {
    record.old_state == State::SynSent as u8
        && record.new_state == State::Close as u8
        && record.flags & flag::UNACKED == 0
        && (record.error == 0 || record.error == ECONNRESET)
}

impl Source for Sock {
    #[inline(always)]
    fn protocol(&self) -> u16 {
        self.get(&OFF_PROTOCOL).unwrap_or(0)
    }

    #[inline(always)]
    fn error(&self) -> u16 {
        self.get::<u32>(&OFF_ERR).unwrap_or(0) as u16
    }

    #[inline(always)]
    fn shutdown(&self) -> u8 {
        self.get(&OFF_SHUTDOWN).unwrap_or(0)
    }

    #[inline(always)]
    fn fill(&self, record: &mut Record, passive_open: bool) {
        let family: u16 = self.get(&OFF_FAMILY).unwrap_or(0);
        // SAFETY: takes nothing and has no precondition.
        record.time_ns = unsafe { bpf_ktime_get_boot_ns() };
        record.sock = self.0 as u64;
        record.family = family as u8;
        record.remote_port = u16::from_be(self.get(&OFF_DPORT).unwrap_or(0));
        record.local_address = self.address(&OFF_SADDR, &OFF_SADDR6, family).bytes();
        record.remote_address = self.address(&OFF_DADDR, &OFF_DADDR6, family).bytes();
        record.cookie = self.cookie(passive_open, record.remote_port);
        let flags: u64 = self.get(&OFF_FLAGS).unwrap_or(0);
        if flags & SOCK_DONE != 0 {
            record.flags |= flag::FIN_SEEN;
        }
        if flags & SOCK_DEAD != 0 {
            record.flags |= flag::ORPHAN;
        }
        if self.get::<u32>(&OFF_WMEM_QUEUED).unwrap_or(0) != 0 {
            record.flags |= flag::UNACKED;
        }
        record.local_port = self.local_port(record);
        self.namespace(record);
        // Neither changes later, and each is behind three pointers: a miss of the cache each.
        let is_new = is_new(record.new_state);
        if is_new {
            record.cgroup_id = self.cgroup_id();
        }
        // SAFETY: `sk_socket` is a `struct socket *`, its `file` a `struct file *`.
        unsafe {
            if let Some(socket) = pointer(self.0, &OFF_SOCKET) {
                record.flags |= flag::HAS_SOCKET;
                if is_new && let Some(file) = pointer(socket, &OFF_SOCKET_FILE) {
                    record.inode = file_inode(file);
                }
            }
        }
    }
}
