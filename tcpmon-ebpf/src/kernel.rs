//! Where the fields of kernel structures are, and how they are read.
//!
//! rustc cannot emit CO-RE relocations. User space looks every offset up in the running kernel's
//! BTF and writes it into these globals before it loads the program. They are read-only and
//! frozen, so the verifier knows their values, checks each access against the real structure and
//! turns it into a load that cannot fault.

use core::ptr;

use aya_ebpf::Global;

/// The running kernel has no such field.
pub const ABSENT: u32 = u32::MAX;

macro_rules! offsets {
    ($($(#[$doc:meta])* $name:ident,)*) => {
        $($(#[$doc])* #[unsafe(no_mangle)] pub static $name: Global<u32> = Global::new(ABSENT);)*
    };
}

offsets! {
    /// `sock.__sk_common.skc_family`, u16.
    OFF_FAMILY,
    /// `sock.sk_protocol`, u16.
    OFF_PROTOCOL,
    /// `sock.__sk_common.skc_num`, u16, host order.
    OFF_NUM,
    /// `sock.__sk_common.skc_dport`, u16, network order.
    OFF_DPORT,
    /// `sock.__sk_common.skc_rcv_saddr`, u32.
    OFF_SADDR,
    /// `sock.__sk_common.skc_daddr`, u32.
    OFF_DADDR,
    /// `sock.__sk_common.skc_v6_rcv_saddr`, 16 bytes.
    OFF_SADDR6,
    /// `sock.__sk_common.skc_v6_daddr`, 16 bytes.
    OFF_DADDR6,
    /// `sock.__sk_common.skc_cookie`, u64.
    OFF_COOKIE,
    /// `sock.__sk_common.skc_flags`, unsigned long.
    OFF_FLAGS,
    /// `sock.__sk_common.skc_net.net`, pointer.
    OFF_NET,
    /// `sock.sk_err`, int.
    OFF_ERR,
    /// `sock.sk_shutdown`, u8.
    OFF_SHUTDOWN,
    /// `sock.sk_wmem_queued`, int.
    OFF_WMEM_QUEUED,
    /// `sock.sk_socket`, pointer.
    OFF_SOCKET,
    /// `sock.sk_cgrp_data.cgroup`, pointer.
    OFF_CGROUP,
    /// `inet_sock.inet_sport`, u16, network order; beyond `struct sock`.
    OFF_INET_SPORT,
    /// `net.ns.inum`, u32.
    OFF_NET_INUM,
    /// `net.net_cookie`, u64.
    OFF_NET_COOKIE,
    /// `net.ipv4.tcp_death_row.tw_refcount`: minisocks + 1.
    OFF_NET_TW_REFCOUNT,
    /// `net.ipv4.tcp_death_row.tw_count`: minisocks (before 6.0).
    OFF_NET_TW_COUNT,
    /// `net.ipv4.tcp_death_row.sysctl_max_tw_buckets`, int.
    OFF_NET_TW_MAX,
    /// `cgroup.kn`, pointer.
    OFF_CGROUP_KN,
    /// `kernfs_node.id`, u64.
    OFF_KN_ID,
    /// `socket.file`, pointer.
    OFF_SOCKET_FILE,
    /// `socket.sk`, pointer.
    OFF_SOCKET_SK,
    /// `file.f_inode`, pointer.
    OFF_FILE_INODE,
    /// `inode.i_ino`, unsigned long.
    OFF_INODE_INO,
    /// `task_struct.tgid`, int.
    OFF_TASK_TGID,
    /// `task_struct.group_leader`, pointer.
    OFF_TASK_LEADER,
    /// `task_struct.comm`, 16 bytes.
    OFF_TASK_COMM,
    /// `task_struct.start_boottime`, u64, nanoseconds.
    OFF_TASK_BORN,
}

/// 1 where `bpf_get_socket_cookie` works in tracing programs (Linux 5.12).
#[unsafe(no_mangle)]
pub static HAS_COOKIE_HELPER: Global<u8> = Global::new(0);

/// 1 where `bpf_get_current_task_btf` exists (Linux 5.11).
#[unsafe(no_mangle)]
pub static HAS_CURRENT_TASK: Global<u8> = Global::new(0);

/// Pending bytes in the ring at which the reader is woken at once instead of by its timer.
#[unsafe(no_mangle)]
pub static WAKE_BYTES: Global<u64> = Global::new(256 << 10);

/// Reads the field at `offset` of the kernel structure at `base`; `None` where the kernel has none.
///
/// A null or stale `base` reads as zero: the kernel makes such loads fault-safe.
///
/// # Safety
///
/// `base` must be a pointer the verifier knows the type of, and `T` the type of the field.
#[inline(always)]
pub unsafe fn field<T: Copy>(base: *const u8, offset: &Global<u32>) -> Option<T> {
    let offset = offset.load();
    if offset == ABSENT {
        return None;
    }
    // SAFETY: as the caller promises; the verifier refuses the program otherwise.
    Some(unsafe { ptr::read_volatile(base.add(offset as usize).cast::<T>()) })
}

/// As [`field`], for a pointer: `None` also when it is null.
///
/// # Safety
///
/// As for [`field`].
#[inline(always)]
pub unsafe fn pointer(base: *const u8, offset: &Global<u32>) -> Option<*const u8> {
    // SAFETY: as the caller promises.
    let pointer: *const u8 = unsafe { field(base, offset) }?;
    (!pointer.is_null()).then_some(pointer)
}
