//! Socket options that no safe wrapper offers: the cookies of a socket and of its namespace.

use std::io;
use std::mem::size_of;
use std::os::fd::{AsFd, AsRawFd as _};
use std::os::unix::net::UnixDatagram;

/// `SO_COOKIE` of a socket: the number sock_diag and the kernel program know it by.
///
/// # Errors
///
/// As `getsockopt(2)`; `ENOPROTOOPT` before Linux 4.12.
pub fn socket_cookie(socket: impl AsFd) -> io::Result<u64> {
    word(socket, libc::SO_COOKIE)
}

/// `SO_NETNS_COOKIE` of the calling thread's namespace: a number no other namespace has while the
/// machine runs. 0 on kernels that do not know it (before 5.14).
///
/// # Errors
///
/// When no socket can be opened.
pub fn netns_cookie() -> io::Result<u64> {
    netns_cookie_of(UnixDatagram::unbound()?)
}

/// The cookie of the namespace `socket` belongs to, as [`netns_cookie`].
///
/// # Errors
///
/// As `getsockopt(2)`.
pub fn netns_cookie_of(socket: impl AsFd) -> io::Result<u64> {
    match word(socket, libc::SO_NETNS_COOKIE) {
        Err(error) if error.raw_os_error() == Some(libc::ENOPROTOOPT) => Ok(0),
        other => other,
    }
}

/// A `SOL_SOCKET` option that is a 64-bit integer.
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_cookie_of_a_namespace_is_the_same_each_time() {
        let first = netns_cookie().expect("a socket");
        assert_eq!(first, netns_cookie().expect("a socket"));
    }

    #[test]
    fn an_unknown_option_is_an_error() {
        let socket = UnixDatagram::unbound().expect("a socket");
        let error = word(&socket, 9999).expect_err("no such option");
        assert_eq!(error.raw_os_error(), Some(libc::ENOPROTOOPT));
    }
}
