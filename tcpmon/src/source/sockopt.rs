//! Socket options that no safe wrapper offers.

use std::io;
use std::mem::size_of;
use std::os::fd::{AsFd, AsRawFd as _};

/// `SO_COOKIE` of a socket: the number sock_diag and the kernel program know it by.
///
/// # Errors
///
/// As `getsockopt(2)`; `ENOPROTOOPT` before Linux 4.12.
pub fn socket_cookie(socket: impl AsFd) -> io::Result<u64> {
    word(socket, libc::SO_COOKIE)
}

/// `SO_NETNS_COOKIE`: the namespace of a socket, unique while the machine runs.
///
/// # Errors
///
/// As `getsockopt(2)`; `ENOPROTOOPT` before Linux 5.14.
pub fn netns_cookie(socket: impl AsFd) -> io::Result<u64> {
    word(socket, libc::SO_NETNS_COOKIE)
}

fn word(socket: impl AsFd, option: libc::c_int) -> io::Result<u64> {
    let mut value = 0u64;
    let mut length = size_of::<u64>() as libc::socklen_t;
    #[expect(unsafe_code, reason = "getsockopt(2) for an option no crate wraps")]
    // SAFETY: `value` and `length` outlive the call, and `length` is the size of `value`.
    let status = unsafe {
        libc::getsockopt(
            socket.as_fd().as_raw_fd(),
            libc::SOL_SOCKET,
            option,
            (&raw mut value).cast(),
            &raw mut length,
        )
    };
    if status == 0 {
        Ok(value)
    } else {
        Err(io::Error::last_os_error())
    }
}
