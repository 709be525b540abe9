//! The sockets of one namespace: entered, listed and left, in one place.

use std::io;

use crate::core::facts::{DumpRow, NetnsIdentity, StateSet};
use crate::core::query::Transport;
use crate::core::tuple::Tuple;
use crate::source::netns::{self, Discovered};
use crate::source::procfs::{ProcRoot, tcp};
use crate::source::sockdiag::{DumpError, Dumper};
use crate::source::sockopt;

/// Where sockets are listed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Listing {
    /// `NETLINK_SOCK_DIAG`; [`Listing::Proc`] once the kernel turns out not to have it.
    #[default]
    SockDiag,
    /// `/proc/net/tcp` and `/proc/net/tcp6`.
    Proc,
}

impl Listing {
    /// Whether rows carry cookies.
    #[must_use]
    pub const fn has_cookies(self) -> bool {
        matches!(self, Self::SockDiag)
    }

    /// What a view by this cannot have, for the agent's health.
    #[must_use]
    pub const fn limit(self) -> Option<&'static str> {
        match self {
            Self::SockDiag => None,
            Self::Proc => Some(
                "no sock_diag (modprobe tcp_diag): sockets are listed from /proc/net/tcp and known by \
                 addresses and inode alone; accept queue limits, drops, cgroups and ages of sockets \
                 older than the agent are unknown, and under load a socket may be missed for one audit",
            ),
        }
    }
}

/// Why a namespace could not be listed.
#[derive(Debug)]
pub(super) enum Failure {
    /// The namespace ended meanwhile.
    Gone,
    /// Nobody listens any more.
    Closed,
    /// The kernel has no sock_diag for TCP.
    NoSockDiag,
    Problem(String),
}

impl From<DumpError> for Failure {
    fn from(error: DumpError) -> Self {
        match error {
            DumpError::Unsupported => Self::NoSockDiag,
            other => Self::Problem(format!("a sock_diag dump failed: {other}")),
        }
    }
}

/// Lists the sockets of the namespace the thread is in.
pub(super) enum Lister<'a> {
    SockDiag(Dumper),
    Proc(&'a ProcRoot),
}

impl<'a> Lister<'a> {
    /// Enters `namespace`, has `look` list what it wants, and leaves.
    pub(super) fn visit<T>(
        root: &'a ProcRoot,
        listing: Listing,
        namespace: &Discovered,
        look: impl FnOnce(&mut Self, NetnsIdentity) -> Result<T, Failure>,
    ) -> Result<T, Failure> {
        let entered = netns::enter(namespace).map_err(|error| not_entered(&error))?;
        let mut lister = match listing {
            Listing::SockDiag => Self::SockDiag(open()?),
            Listing::Proc => Self::Proc(root),
        };
        let netns = NetnsIdentity {
            cookie: sockopt::netns_cookie().unwrap_or(0),
            inode: namespace.inode,
        };
        let outcome = look(&mut lister, netns);
        drop(entered);
        outcome
    }

    /// Lists the sockets in `states`, some thousands at a time.
    pub(super) fn dump(
        &mut self,
        states: StateSet,
        with_info: bool,
        on_rows: &mut dyn FnMut(&[DumpRow]),
    ) -> Result<(), Failure> {
        match self {
            Self::SockDiag(dumper) => {
                dumper.dump(states, with_info, on_rows)?;
            }
            Self::Proc(root) => tcp::dump_own(root, states, on_rows).map_err(unreadable)?,
        }
        Ok(())
    }

    /// What the kernel says of one socket; `/proc` says no more than the table has already.
    pub(super) fn describe(
        &mut self,
        tuple: Tuple,
        cookie: u64,
    ) -> Result<Option<Transport>, Failure> {
        match self {
            Self::SockDiag(dumper) => Ok(dumper.describe(tuple, cookie)?),
            Self::Proc(_) => Ok(None),
        }
    }

    /// Lists the listeners, with their queues and, where that is told, what they dropped.
    pub(super) fn listeners(&mut self) -> Result<Vec<DumpRow>, Failure> {
        let mut rows = Vec::new();
        match self {
            Self::SockDiag(dumper) => {
                dumper.dump_listeners(&mut |chunk| rows.extend_from_slice(chunk))?;
            }
            Self::Proc(root) => rows = tcp::own_listeners(root).map_err(unreadable)?,
        }
        Ok(rows)
    }
}

fn open() -> Result<Dumper, Failure> {
    Dumper::open().map_err(|error| match error.raw_os_error() {
        Some(libc::EPROTONOSUPPORT) => Failure::NoSockDiag,
        _ => Failure::Problem(format!("cannot open a sock_diag socket: {error}")),
    })
}

fn not_entered(error: &io::Error) -> Failure {
    match error.kind() {
        io::ErrorKind::NotFound => Failure::Gone,
        io::ErrorKind::PermissionDenied => Failure::Problem(
            "no permission to enter other network namespaces (CAP_SYS_ADMIN): their existing \
             sockets are unknown until they change"
                .into(),
        ),
        _ => Failure::Problem(format!("cannot enter a network namespace: {error}")),
    }
}

fn unreadable(error: io::Error) -> Failure {
    Failure::Problem(format!("cannot read /proc/net/tcp: {error}"))
}
