//! One open file descriptor of a socket, as the task/file iterator reports it, or a look into `/proc`.

use core::mem::size_of;

/// Bytes of a [`Holder`] on the wire.
pub const HOLDER_SIZE: usize = 56;

/// Which process holds which socket under which file descriptor.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(C)]
pub struct Holder {
    /// Kernel address of the socket; a key inside the agent, never shown. 0 when the source cannot
    /// tell.
    pub sock: u64,
    /// Socket cookie; 0 when the source cannot tell.
    pub cookie: u64,
    /// Socket inode number; 0 when the source cannot tell.
    pub inode: u64,
    /// When the process began, nanoseconds after boot, as exact as the source tells it; 0 when it cannot.
    /// Of several holders the oldest is whose the socket is, mostly.
    pub born_ns: u64,
    /// Process id (thread group id).
    pub pid: u32,
    /// File descriptor number.
    pub fd: u32,
    /// Name of the thread group leader, NUL-padded.
    pub comm: [u8; 16],
}

const _: () = assert!(size_of::<Holder>() == HOLDER_SIZE);

impl Holder {
    /// Decodes one record; `None` unless `bytes` has exactly [`HOLDER_SIZE`] bytes.
    #[must_use]
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let bytes: &[u8; HOLDER_SIZE] = bytes.try_into().ok()?;
        let (sock, rest) = bytes.split_first_chunk()?;
        let (cookie, rest) = rest.split_first_chunk()?;
        let (inode, rest) = rest.split_first_chunk()?;
        let (born_ns, rest) = rest.split_first_chunk()?;
        let (pid, rest) = rest.split_first_chunk()?;
        let (fd, rest) = rest.split_first_chunk()?;
        Some(Self {
            sock: u64::from_ne_bytes(*sock),
            cookie: u64::from_ne_bytes(*cookie),
            inode: u64::from_ne_bytes(*inode),
            born_ns: u64::from_ne_bytes(*born_ns),
            pid: u32::from_ne_bytes(*pid),
            fd: u32::from_ne_bytes(*fd),
            comm: rest.try_into().ok()?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decodes_fields_in_order_and_refuses_other_sizes() {
        let mut bytes = [0u8; HOLDER_SIZE];
        for (at, value) in [(0, 1u64), (8, 2), (16, 3), (24, 6)] {
            bytes[at..at + 8].copy_from_slice(&value.to_ne_bytes());
        }
        bytes[32..36].copy_from_slice(&4u32.to_ne_bytes());
        bytes[36..40].copy_from_slice(&5u32.to_ne_bytes());
        bytes[40] = b'x';
        let mut comm = [0; 16];
        comm[0] = b'x';
        let expected = Holder {
            sock: 1,
            cookie: 2,
            inode: 3,
            born_ns: 6,
            pid: 4,
            fd: 5,
            comm,
        };
        assert_eq!(Holder::from_bytes(&bytes), Some(expected));
        assert!(Holder::from_bytes(&bytes[1..]).is_none());
    }
}
