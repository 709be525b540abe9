//! Asking the kernel for a namespace by its cookie. nsfs has file handles since Linux 6.18
//! (`fs/nsfs.c`, `nsfs_fh_to_dentry`), and the cookie of a network namespace is its id there
//! (`net/core/net_namespace.c`).

use std::fs::File;
use std::io;
use std::os::fd::{AsRawFd as _, FromRawFd as _};

use crate::core::facts::NetnsIdentity;

/// `FILEID_NSFS` of `include/linux/exportfs.h`.
const FILEID_NSFS: i32 = 0xf1;

/// `struct file_handle` with a `struct nsfs_file_handle` (`include/uapi/linux/nsfs.h`) in it.
#[repr(C)]
struct Handle {
    bytes: u32,
    kind: i32,
    id: u64,
    namespace_type: u32,
    inode: u32,
}

/// Opens the namespace, which keeps it alive until the file is closed.
///
/// # Errors
/// `ESTALE` when it is gone, when the caller may not enter it, and on every older kernel: only who
/// has had an answer for another namespace knows that it is gone.
pub(super) fn open(identity: NetnsIdentity) -> io::Result<File> {
    let handle = Handle {
        bytes: 16,
        kind: FILEID_NSFS,
        id: identity.cookie,
        namespace_type: libc::CLONE_NEWNET as u32,
        inode: identity.inode,
    };
    let filesystem = File::open(super::CURRENT)?;
    #[expect(unsafe_code, reason = "no crate in use wraps open_by_handle_at(2)")]
    // SAFETY: the handle is laid out as the kernel's and says how long it is; the call does not
    // write to it. What it returns is a descriptor nobody else knows, or -1.
    unsafe {
        let handle = (&raw const handle).cast_mut().cast();
        let flags = libc::O_RDONLY | libc::O_CLOEXEC;
        let fd = libc::open_by_handle_at(filesystem.as_raw_fd(), handle, flags);
        if fd < 0 {
            return Err(io::Error::last_os_error());
        }
        Ok(File::from_raw_fd(fd))
    }
}
