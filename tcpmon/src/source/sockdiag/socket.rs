//! The netlink socket that asks for dumps.

use std::fmt;
use std::io;

use netlink_sys::protocols::NETLINK_SOCK_DIAG;
use netlink_sys::{Socket, SocketAddr};
use nix::sys::socket::{setsockopt, sockopt};
use nix::sys::time::{TimeVal, TimeValLike as _};

use tcpmon_common::State;

use crate::core::facts::{DumpRow, StateSet};
use crate::core::query::Transport;
use crate::core::tuple::Tuple;

use crate::source::sockdiag::message::{Body, Malformed, Messages, OneRequest, Request};
use crate::source::sockdiag::row::Row;
use crate::source::sockdiag::transport;
use crate::source::sockopt::netns_cookie_of;

/// Rows handed over at once, at most (a little more when a datagram ends beyond it).
pub const CHUNK_ROWS: usize = 4096;

/// The kernel fills datagrams of up to 32 KiB, or as much as the reader offers if that is less
/// (`netlink_dump` in `net/netlink/af_netlink.c`); anything longer would be cut off.
const DATAGRAM_BYTES: usize = 256 * 1024;
const SOCKET_BUFFER_BYTES: usize = 1024 * 1024;

/// The kernel answers at once, from the caller's own thread: this long without a datagram means
/// that it never will.
const SILENCE_SECONDS: i64 = 10;

/// What a dump brought besides rows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct DumpStats {
    /// Rows handed over.
    pub rows: u64,
    /// Rows that were no TCP over IP, or too short to be one.
    pub skipped: u64,
    /// Datagrams read.
    pub datagrams: u64,
    /// The kernel noticed a change that may have made it miss or repeat a row.
    pub interrupted: bool,
}

/// Why a dump failed. The rows handed over before are real; their set is not complete.
#[derive(Debug)]
pub enum DumpError {
    /// The kernel has no `tcp_diag` or `inet_diag`, built in or as a module it can load.
    Unsupported,
    /// The kernel fell silent.
    Timeout,
    /// The kernel sent what is not netlink, or a datagram longer than it ever sends.
    Malformed,
    /// The kernel refused, or the socket failed.
    Io(io::Error),
}

impl fmt::Display for DumpError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unsupported => f.write_str("the kernel cannot list TCP sockets: no tcp_diag"),
            Self::Timeout => write!(f, "no answer from sock_diag for {SILENCE_SECONDS} s"),
            Self::Malformed => write!(f, "sock_diag: {Malformed}"),
            Self::Io(error) => write!(f, "sock_diag: {error}"),
        }
    }
}

impl std::error::Error for DumpError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Io(error) => Some(error),
            Self::Unsupported | Self::Timeout | Self::Malformed => None,
        }
    }
}

impl From<Malformed> for DumpError {
    fn from(Malformed: Malformed) -> Self {
        Self::Malformed
    }
}

impl DumpError {
    /// `ENOENT` where `tcp_diag` is missing, `EOPNOTSUPP` where `inet_diag` is
    /// (`inet_diag_lock_handler`, `sock_diag_rcv_msg`).
    fn of_kernel(errno: i32) -> Self {
        match errno {
            libc::ENOENT | libc::EOPNOTSUPP => Self::Unsupported,
            _ => Self::Io(io::Error::from_raw_os_error(errno)),
        }
    }
}

/// A sock_diag socket of the namespace it was opened in. It keeps that namespace alive, so open it
/// for one sweep; after a failed dump drop it, for the kernel may still be inside that dump.
#[derive(Debug)]
pub struct Dumper {
    socket: Socket,
    sequence: u32,
    buffer: Vec<u8>,
    chunk: Vec<DumpRow>,
}

impl Dumper {
    /// Opens a socket in the calling thread's namespace. Needs no privilege.
    ///
    /// # Errors
    /// `EPROTONOSUPPORT` when the kernel has no sock_diag at all; whatever `socket(2)` gives.
    pub fn open() -> io::Result<Self> {
        let mut socket = Socket::new(NETLINK_SOCK_DIAG)?;
        // net.core.rmem_max may cut this down. No harm: a dump waits for its reader.
        setsockopt(&socket, sockopt::RcvBuf, &SOCKET_BUFFER_BYTES)?;
        setsockopt(
            &socket,
            sockopt::ReceiveTimeout,
            &TimeVal::seconds(SILENCE_SECONDS),
        )?;
        socket.bind_auto()?;
        // A connected netlink socket takes messages from that peer alone: the kernel.
        socket.connect(&SocketAddr::new(0, 0))?;
        Ok(Self {
            socket,
            sequence: 0,
            buffer: vec![0; DATAGRAM_BYTES],
            chunk: Vec::with_capacity(CHUNK_ROWS),
        })
    }

    /// Cookie of the socket's namespace; 0 on kernels without (before 5.14).
    ///
    /// # Errors
    /// Whatever `getsockopt(2)` gives but `ENOPROTOOPT`.
    pub fn netns_cookie(&self) -> io::Result<u64> {
        netns_cookie_of(&self.socket)
    }

    /// Lists the namespace's TCP sockets in `states`, both families, in chunks of about
    /// [`CHUNK_ROWS`]. With `with_info` the rows say when the last ACK came in.
    ///
    /// Not a snapshot: the walk takes up to 1 µs per socket *of the machine*, and each row is true
    /// at its own moment. No order; under churn a row may come twice.
    ///
    /// # Errors
    /// See [`DumpError`].
    pub fn dump(
        &mut self,
        states: StateSet,
        with_info: bool,
        on_rows: &mut dyn FnMut(&[DumpRow]),
    ) -> Result<DumpStats, DumpError> {
        let request = Request {
            sequence: self.sequence.wrapping_add(1),
            states,
            with_info,
            with_memory: false,
        };
        self.ask(request, on_rows)
    }

    /// Lists the namespace's listeners, with the length of their accept queues and what they
    /// dropped. Walks the listeners alone: 20 µs, however many connections there are.
    ///
    /// # Errors
    /// See [`DumpError`].
    pub fn dump_listeners(
        &mut self,
        on_rows: &mut dyn FnMut(&[DumpRow]),
    ) -> Result<DumpStats, DumpError> {
        let request = Request {
            sequence: self.sequence.wrapping_add(1),
            states: StateSet::of(&[State::Listen]),
            with_info: false,
            with_memory: true,
        };
        self.ask(request, on_rows)
    }

    /// Describes one socket; `None` when it is gone, or is another by now. Costs some microseconds.
    ///
    /// # Errors
    /// See [`DumpError`].
    pub fn describe(&mut self, tuple: Tuple, cookie: u64) -> Result<Option<Transport>, DumpError> {
        self.sequence = self.sequence.wrapping_add(1);
        let request = OneRequest {
            sequence: self.sequence,
            tuple,
            cookie,
        };
        let sent = self.socket.send(&request.encode(), 0);
        sent.map_err(DumpError::Io)?;
        loop {
            let length = self.receive()?;
            let datagram = self.buffer.get(..length).ok_or(DumpError::Malformed)?;
            for message in Messages::new(datagram) {
                let message = message?;
                match message.body {
                    _ if message.sequence != self.sequence => {}
                    Body::Row(payload) => return Ok(transport::decode(payload)),
                    // Gone; ESTALE: the cookie is another's.
                    Body::Error(libc::ENOENT | libc::ESTALE) => return Ok(None),
                    Body::Error(errno) => return Err(DumpError::of_kernel(errno)),
                    Body::Done(_) | Body::Other => {}
                }
            }
        }
    }

    fn ask(
        &mut self,
        request: Request,
        on_rows: &mut dyn FnMut(&[DumpRow]),
    ) -> Result<DumpStats, DumpError> {
        self.sequence = request.sequence;
        self.chunk.clear();
        self.socket
            .send(&request.encode(), 0)
            .map_err(DumpError::Io)?;
        let mut stats = DumpStats::default();
        loop {
            let length = self.receive()?;
            stats.datagrams += 1;
            let datagram = self.buffer.get(..length).ok_or(DumpError::Malformed)?;
            let done = collect(datagram, self.sequence, &mut self.chunk, &mut stats)?;
            if self.chunk.len() >= CHUNK_ROWS || (done && !self.chunk.is_empty()) {
                stats.rows += self.chunk.len() as u64;
                on_rows(&self.chunk);
                self.chunk.clear();
            }
            if done {
                return Ok(stats);
            }
        }
    }

    /// Length of the next datagram; more than the buffer has when it was cut off.
    fn receive(&mut self) -> Result<usize, DumpError> {
        loop {
            match self.socket.recv(&mut &mut self.buffer[..], libc::MSG_TRUNC) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    return Err(DumpError::Timeout);
                }
                other => return other.map_err(DumpError::Io),
            }
        }
    }
}

/// Adds the rows of one datagram to `chunk`. True when the dump is over.
fn collect(
    datagram: &[u8],
    sequence: u32,
    chunk: &mut Vec<DumpRow>,
    stats: &mut DumpStats,
) -> Result<bool, DumpError> {
    for message in Messages::new(datagram) {
        let message = message?;
        if message.sequence != sequence {
            continue;
        }
        stats.interrupted |= message.interrupted;
        match message.body {
            Body::Row(payload) => match Row::decode(payload).and_then(|row| row.fact()) {
                Some(fact) => chunk.push(fact),
                None => stats.skipped += 1,
            },
            Body::Done(0) => return Ok(true),
            Body::Done(errno) => return Err(DumpError::of_kernel(errno)),
            Body::Error(errno) if errno != 0 => return Err(DumpError::of_kernel(errno)),
            Body::Error(_) | Body::Other => {}
        }
    }
    Ok(false)
}

#[cfg(test)]
mod tests;
