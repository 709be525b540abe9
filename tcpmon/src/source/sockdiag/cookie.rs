//! The cookie of a network namespace.

use std::io;
use std::os::fd::{AsFd, AsRawFd as _};
use std::os::unix::net::UnixDatagram;

/// `SO_NETNS_COOKIE` of the calling thread's namespace: a number no other namespace has while the
/// machine runs. 0 on kernels that do not know it (before 5.14).
///
/// # Errors
/// When no socket can be opened.
pub fn netns_cookie() -> io::Result<u64> {
    of_socket(&UnixDatagram::unbound()?)
}

/// The cookie of the namespace `socket` belongs to.
pub(super) fn of_socket(socket: &impl AsFd) -> io::Result<u64> {
    match get_u64(socket, libc::SO_NETNS_COOKIE) {
        Err(error) if error.raw_os_error() == Some(libc::ENOPROTOOPT) => Ok(0),
        other => other,
    }
}

/// A `SOL_SOCKET` option that is a 64-bit integer.
pub(super) fn get_u64(socket: &impl AsFd, option: libc::c_int) -> io::Result<u64> {
    let mut value = 0u64;
    let mut length = size_of::<u64>() as libc::socklen_t;
    // SAFETY: `value` and `length` are valid and writable for the whole call, and `length` says how
    // many bytes `value` has. The descriptor is open: it is borrowed.
    #[expect(unsafe_code, reason = "no safe wrapper knows this socket option")]
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
    fn the_cookie_is_the_same_each_time() {
        let first = netns_cookie().expect("a socket");
        assert_eq!(first, netns_cookie().expect("a socket"));
    }

    #[test]
    fn an_unknown_option_is_an_error() {
        let socket = UnixDatagram::unbound().expect("a socket");
        let error = get_u64(&socket, 9999).expect_err("no such option");
        assert_eq!(error.raw_os_error(), Some(libc::ENOPROTOOPT));
    }
}
