//! Which process holds which TCP socket: one pass over every file descriptor of the pid namespace.
//!
//! aya-ebpf has no macro for iterators; the section name and the context are the kernel's contract
//! (`bpf_iter__task_file` in `kernel/bpf/task_iter.c`).

use core::mem::size_of;

use aya_ebpf::bindings::seq_file;
use aya_ebpf::helpers::generated::{
    bpf_get_socket_cookie, bpf_seq_write, bpf_skc_to_tcp_sock, bpf_sock_from_file,
};
use tcpmon_common::Holder;

use crate::context::{leader_born_ns, leader_name};
use crate::kernel::{
    HAS_COOKIE_HELPER, OFF_NET, OFF_NET_INUM, OFF_SOCKET_SK, OFF_TASK_TGID, field, pointer,
};
use crate::sock::file_inode;

/// `struct bpf_iter_meta`, of which only the first member is used.
#[repr(C)]
pub struct Meta {
    seq: *mut seq_file,
}

/// `struct bpf_iter__task_file`.
#[repr(C)]
pub struct TaskFile {
    meta: *const Meta,
    task: *const u8,
    fd: u32,
    file: *const u8,
}

/// Called once per open file, and once more with null pointers at the end.
#[unsafe(no_mangle)]
#[cfg_attr(target_arch = "bpf", unsafe(link_section = "iter/task_file"))]
pub extern "C" fn holders(ctx: *const TaskFile) -> i32 {
    // SAFETY: the kernel passes its own context.
    let (task, fd, file) = unsafe { ((*ctx).task, (*ctx).fd, (*ctx).file) };
    if task.is_null() || file.is_null() {
        return 0;
    }
    let Some(holder) = holder(task, fd, file) else {
        return 0;
    };
    // SAFETY: `meta` and `seq` are never null; the record is plain bytes. A full buffer makes the
    // kernel call again with a larger one.
    unsafe {
        bpf_seq_write(
            (*(*ctx).meta).seq,
            (&raw const holder).cast(),
            size_of::<Holder>() as u32,
        );
    }
    0
}

/// As [`holders`], for sockets of every protocol: the inode of the namespace each belongs to, which it
/// keeps alive.
#[unsafe(no_mangle)]
#[cfg_attr(target_arch = "bpf", unsafe(link_section = "iter/task_file"))]
pub extern "C" fn socket_namespaces(ctx: *const TaskFile) -> i32 {
    // SAFETY: the kernel passes its own context.
    let file = unsafe { (*ctx).file };
    if file.is_null() {
        return 0;
    }
    if let Some(inode) = namespace(file) {
        // SAFETY: as above.
        unsafe {
            bpf_seq_write(
                (*(*ctx).meta).seq,
                (&raw const inode).cast(),
                size_of::<u32>() as u32,
            );
        }
    }
    0
}

#[inline(always)]
fn namespace(file: *const u8) -> Option<u32> {
    // SAFETY: the pointers are the kernel's own, of the types the helper and fields name.
    unsafe {
        let socket = bpf_sock_from_file(file.cast_mut().cast()).cast::<u8>();
        if socket.is_null() {
            return None;
        }
        let net = pointer(pointer(socket, &OFF_SOCKET_SK)?, &OFF_NET)?;
        field(net, &OFF_NET_INUM)
    }
}

#[inline(always)]
fn holder(task: *const u8, fd: u32, file: *const u8) -> Option<Holder> {
    // SAFETY: the pointers are the kernel's own, of the types the helpers and fields name.
    unsafe {
        let socket = bpf_sock_from_file(file.cast_mut().cast()).cast::<u8>();
        if socket.is_null() {
            return None;
        }
        let sock = pointer(socket, &OFF_SOCKET_SK)?;
        let tcp = bpf_skc_to_tcp_sock(sock.cast_mut().cast());
        if tcp.is_null() {
            return None;
        }
        let cookie = if HAS_COOKIE_HELPER.load() == 1 {
            bpf_get_socket_cookie(tcp.cast())
        } else {
            0
        };
        Some(Holder {
            sock: sock as u64,
            cookie,
            inode: file_inode(file),
            born_ns: leader_born_ns(task).unwrap_or(0),
            pid: field::<u32>(task, &OFF_TASK_TGID)?,
            fd,
            comm: leader_name(task).unwrap_or([0; 16]),
        })
    }
}
