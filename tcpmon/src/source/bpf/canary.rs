//! The proof that the program reads what we believe it reads: one loopback connection of our own,
//! whose records must carry the tuple, the cookie and the namespace we know.
//!
//! An offset outside a kernel structure is refused by the verifier. A wrong one inside it is not,
//! and would be a silent lie; so nothing is believed before the canary has sung.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener, TcpStream};
use std::os::fd::AsRawFd as _;
use std::os::unix::fs::MetadataExt as _;
use std::time::Duration;
use std::{fs, io, thread};

use anyhow::{Context as _, bail};
use nix::sys::socket::{
    self, AddressFamily, Backlog, SockFlag, SockType, SockaddrStorage, setsockopt, socket, sockopt,
};
use tcpmon_common::record::flag;
use tcpmon_common::{Record, State};

use super::Stream;
use crate::core::tuple::Tuple;
use crate::source::sockopt::socket_cookie;

/// How long a record may take to appear: the ring is polled, nothing depends on its speed.
const PATIENCE: Duration = Duration::from_secs(2);
const STEP: Duration = Duration::from_millis(2);

/// What the canary proved.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Proof {
    /// A whole connection was seen; `false`: only a listener, because loopback is down.
    pub connection: bool,
    /// IPv6 was proved too; `false`: this namespace has no `::1`.
    pub ipv6: bool,
}

/// Proves the stream. All records of others taken meanwhile are handed on, none is lost; our own
/// connection is no traffic of the machine's.
///
/// # Errors
///
/// The records did not come, or did not carry what we know; the message says which field.
pub fn prove(stream: &mut Stream, mut on_record: impl FnMut(&Record)) -> anyhow::Result<Proof> {
    let listener = bind().context("cannot listen for the canary connection")?;
    let connection = sing(stream, listener, &mut on_record)
        .context("the canary connection over IPv4 was not seen as it was")?;
    let ipv6 = match listen(Ipv6Addr::LOCALHOST.into()) {
        Ok(listener) => sing(stream, listener, &mut on_record)
            .context("the canary connection over IPv6 was not seen as it was")?,
        Err(_) => false,
    };
    Ok(Proof { connection, ipv6 })
}

/// What we know about our own connection.
struct Known {
    listener: SocketAddr,
    listener_cookie: u64,
    client: Option<(SocketAddr, u64)>,
    netns_inode: u32,
}

fn sing(
    stream: &mut Stream,
    listener: (TcpListener, u64),
    on_record: &mut impl FnMut(&Record),
) -> anyhow::Result<bool> {
    let (listener, cookie) = listener;
    let known = connect(&listener, cookie)?;
    drop(listener);
    let mut seen = Seen::default();
    let steps = PATIENCE.as_millis() / STEP.as_millis();
    for _ in 0..steps {
        let mut failure = Ok(());
        stream.drain(usize::MAX, |record| {
            if !known.is_own(record) {
                on_record(record);
            } else if failure.is_ok() {
                failure = seen.check(record, &known);
            }
        });
        failure?;
        if seen.complete(&known) {
            return Ok(known.client.is_some());
        }
        thread::sleep(STEP);
    }
    bail!("no record of it within {} s", PATIENCE.as_secs())
}

/// In a namespace whose loopback is down nothing can be bound to it; the wildcard can.
fn bind() -> io::Result<(TcpListener, u64)> {
    listen(Ipv4Addr::LOCALHOST.into()).or_else(|_| listen(Ipv4Addr::UNSPECIFIED.into()))
}

/// A listener, and its cookie. A socket has none before it is asked for one, and not every kernel
/// lets the program ask: so it is asked for before the record is made.
fn listen(address: IpAddr) -> io::Result<(TcpListener, u64)> {
    let family = match address {
        IpAddr::V4(_) => AddressFamily::Inet,
        IpAddr::V6(_) => AddressFamily::Inet6,
    };
    let socket = socket(family, SockType::Stream, SockFlag::SOCK_CLOEXEC, None)?;
    let cookie = socket_cookie(&socket).unwrap_or(0);
    let any_port = SockaddrStorage::from(SocketAddr::new(address, 0));
    socket::bind(socket.as_raw_fd(), &any_port)?;
    socket::listen(&socket, Backlog::MAXCONN)?;
    Ok((socket.into(), cookie))
}

fn connect(listener: &TcpListener, listener_cookie: u64) -> anyhow::Result<Known> {
    let listener = listener.local_addr()?;
    // Of this thread: the process as a whole may be in another.
    let netns_inode = fs::metadata("/proc/thread-self/ns/net").map_or(0, |meta| meta.ino());
    let client = match TcpStream::connect_timeout(&listener, PATIENCE) {
        Ok(stream) => {
            // An abortive close leaves no TIME_WAIT behind.
            let abort = libc::linger {
                l_onoff: 1,
                l_linger: 0,
            };
            setsockopt(&stream, sockopt::Linger, &abort)?;
            let cookie = socket_cookie(&stream).unwrap_or(0);
            Some((stream.local_addr()?, cookie))
        }
        Err(_) => None,
    };
    Ok(Known {
        listener,
        listener_cookie,
        client,
        netns_inode: u32::try_from(netns_inode).unwrap_or(0),
    })
}

impl Known {
    /// Whether the record is of our listener or of a connection to it. On the classic tracepoint
    /// the namespace is unknown, and the port alone must do.
    fn is_own(&self, record: &Record) -> bool {
        let port = self.listener.port();
        let here = record.netns_inode == self.netns_inode || record.has(flag::CLASSIC);
        here && (record.local_port == port || record.remote_port == port)
    }

    /// Whether the record is of our listener. The cookie says so wherever we run; the process id
    /// would only in the initial pid namespace, for the kernel knows no other. The classic
    /// tracepoint has only the port to tell.
    fn is_listener(&self, record: &Record, local_port: u16) -> bool {
        let is_ours = record.has(flag::CLASSIC) || record.cookie == self.listener_cookie;
        is_ours && local_port == self.listener.port()
    }
}

#[derive(Default)]
struct Seen {
    listen: bool,
    established: bool,
}

impl Seen {
    fn complete(&self, known: &Known) -> bool {
        self.listen && (known.client.is_none() || self.established)
    }

    fn check(&mut self, record: &Record, known: &Known) -> anyhow::Result<()> {
        let old = State::from_kernel(i64::from(record.old_state));
        let new = State::from_kernel(i64::from(record.new_state));
        let Some(tuple) = Tuple::of_record(record) else {
            return Ok(());
        };
        match (old, new) {
            (Some(State::Close), Some(State::Listen))
                if known.is_listener(record, tuple.local_port) =>
            {
                if self.listen {
                    bail!("it was recorded twice: the program does not run before its stand-in");
                }
                self.listen = true;
                facts(record, known, None)
            }
            (Some(State::SynSent), Some(State::Established)) => {
                let Some((client, cookie)) = known.client else {
                    return Ok(());
                };
                if tuple.local_port != client.port() || tuple.remote_port != known.listener.port() {
                    return Ok(());
                }
                self.established = true;
                expect("local address", tuple.local_address(), client.ip())?;
                expect(
                    "remote address",
                    tuple.remote_address(),
                    known.listener.ip(),
                )?;
                facts(record, known, Some(cookie))
            }
            _ => Ok(()),
        }
    }
}

/// What every record must carry. The classic tracepoint tells neither namespace nor cookie.
fn facts(record: &Record, known: &Known, cookie: Option<u64>) -> anyhow::Result<()> {
    if record.has(flag::CLASSIC) {
        return Ok(());
    }
    expect("namespace inode", record.netns_inode, known.netns_inode)?;
    expect("error", record.error, 0)?;
    match cookie {
        Some(cookie) if record.cookie != 0 => expect("cookie", record.cookie, cookie),
        _ => Ok(()),
    }
}

fn expect<T: PartialEq + std::fmt::Debug>(what: &str, got: T, want: T) -> anyhow::Result<()> {
    if got == want {
        return Ok(());
    }
    bail!("its {what} reads {got:?}, it is {want:?}")
}
