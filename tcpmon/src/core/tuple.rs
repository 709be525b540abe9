//! The addresses and ports of a socket.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use serde::{Deserialize, Serialize};
use tcpmon_common::Record;

/// `AF_INET` of `include/linux/socket.h`.
pub const AF_INET: u8 = 2;
/// `AF_INET6` of `include/linux/socket.h`.
pub const AF_INET6: u8 = 10;

/// Address family of the *socket*: an IPv6 socket may carry IPv4-mapped addresses.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[repr(u8)]
pub enum Family {
    /// `AF_INET`.
    Ipv4,
    /// `AF_INET6`.
    Ipv6,
}

impl Family {
    /// The family of a kernel `AF_*` number; `None` for anything but IPv4 and IPv6.
    #[must_use]
    pub const fn from_kernel(number: u8) -> Option<Self> {
        match number {
            AF_INET => Some(Self::Ipv4),
            AF_INET6 => Some(Self::Ipv6),
            _ => None,
        }
    }

    /// `ipv4` or `ipv6`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Ipv4 => "ipv4",
            Self::Ipv6 => "ipv6",
        }
    }

    /// An address of this family from sixteen bytes in network order (IPv4: the first four).
    #[must_use]
    pub fn address(self, bytes: [u8; 16]) -> IpAddr {
        match self {
            Self::Ipv4 => {
                let [a, b, c, d, ..] = bytes;
                IpAddr::V4(Ipv4Addr::new(a, b, c, d))
            }
            Self::Ipv6 => IpAddr::V6(Ipv6Addr::from(bytes)),
        }
    }
}

/// Local and remote end of a socket. Sixteen raw bytes per address keep a socket small.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Tuple {
    /// Family of the socket.
    pub family: Family,
    /// Local port, host order; 0 before the kernel has chosen one.
    pub local_port: u16,
    /// Remote port, host order; 0 for a listener.
    pub remote_port: u16,
    /// Local address, network order.
    pub local: [u8; 16],
    /// Remote address, network order.
    pub remote: [u8; 16],
}

impl Tuple {
    /// Nothing known: all zero.
    pub const UNKNOWN: Self = Self {
        family: Family::Ipv4,
        local_port: 0,
        remote_port: 0,
        local: [0; 16],
        remote: [0; 16],
    };

    /// The tuple of a ring record; `None` when its family is not IP.
    #[must_use]
    pub fn of_record(record: &Record) -> Option<Self> {
        Some(Self {
            family: Family::from_kernel(record.family)?,
            local_port: record.local_port,
            remote_port: record.remote_port,
            local: record.local_address,
            remote: record.remote_address,
        })
    }

    /// The local address.
    #[must_use]
    pub fn local_address(&self) -> IpAddr {
        self.family.address(self.local)
    }

    /// The remote address.
    #[must_use]
    pub fn remote_address(&self) -> IpAddr {
        self.family.address(self.remote)
    }
}
