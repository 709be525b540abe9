//! What a verdict is about.

use std::fmt;
use std::net::{IpAddr, SocketAddr};

use super::Kind;
use crate::core::facts::NetnsIdentity;
use crate::core::table::Process;

/// Where the trouble is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Place {
    /// A local port others connect to.
    Service {
        /// Namespace.
        netns: NetnsIdentity,
        /// Local port.
        port: u16,
    },
    /// A peer we connect to.
    Destination {
        /// Namespace.
        netns: NetnsIdentity,
        /// Local address.
        source: IpAddr,
        /// Remote address.
        address: IpAddr,
        /// Remote port.
        port: u16,
    },
    /// A whole network namespace.
    Namespace(NetnsIdentity),
    /// The whole machine.
    Machine,
}

impl Place {
    /// The namespace; `None` for the machine.
    #[must_use]
    pub const fn netns(&self) -> Option<NetnsIdentity> {
        match self {
            Self::Service { netns, .. }
            | Self::Destination { netns, .. }
            | Self::Namespace(netns) => Some(*netns),
            Self::Machine => None,
        }
    }

    /// Port of the service or of the destination.
    #[must_use]
    pub const fn port(&self) -> Option<u16> {
        match self {
            Self::Service { port, .. } | Self::Destination { port, .. } => Some(*port),
            Self::Namespace(_) | Self::Machine => None,
        }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Service { port, .. } => write!(f, "port {port}"),
            Self::Destination { address, port, .. } => SocketAddr::new(*address, *port).fmt(f),
            Self::Namespace(_) => f.write_str("this namespace"),
            Self::Machine => f.write_str("this machine"),
        }
    }
}

/// What a verdict is about: stays the same while its numbers change.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Subject {
    /// Kind of trouble.
    pub kind: Kind,
    /// Whose sockets, where the trouble is one process's.
    pub process: Option<Process>,
    /// Where.
    pub place: Place,
}

impl Subject {
    /// The same trouble without a process.
    pub(super) const fn of_nobody(self) -> Self {
        Self {
            process: None,
            ..self
        }
    }

    /// An order of all subjects, so that equal facts give equal lists.
    pub(super) fn order(&self) -> impl Ord + use<> {
        let netns = self.place.netns().unwrap_or_default();
        let peer = match self.place {
            Place::Destination {
                source, address, ..
            } => Some((address, source)),
            Place::Service { .. } | Place::Namespace(_) | Place::Machine => None,
        };
        let process = self.process.map(|process| (process.pid, process.comm));
        (
            self.kind,
            process,
            netns.inode,
            netns.cookie,
            self.place.port(),
            peer,
        )
    }
}
