//! The parsed form of a filter. Every value of these types can be written down and read back.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use tcpmon_common::State;

/// A condition on a socket.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Expr {
    /// All of at least two conditions.
    And(Vec<Self>),
    /// Any of at least two conditions.
    Or(Vec<Self>),
    /// The opposite.
    Not(Box<Self>),
    /// One comparison.
    Test(Test),
}

impl Expr {
    /// Whether a state or an age is in it.
    pub(super) fn changes_with_time(&self) -> bool {
        match self {
            Self::And(terms) | Self::Or(terms) => terms.iter().any(Self::changes_with_time),
            Self::Not(inner) => inner.changes_with_time(),
            Self::Test(test) => matches!(test, Test::State { .. } | Test::Age { .. }),
        }
    }
}

/// One comparison of a property of a socket with a value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Test {
    /// In (or not in) a set of states.
    State { equal: bool, states: States },
    /// The port of one end.
    Port {
        end: End,
        comparison: Comparison,
        port: u16,
    },
    /// Address, port or both of one end.
    Endpoint {
        end: End,
        equal: bool,
        endpoint: Endpoint,
    },
    /// A name; never empty.
    Text {
        field: Field,
        relation: Relation,
        value: String,
    },
    /// The process id.
    Pid { comparison: Comparison, pid: u32 },
    /// The inode of the network namespace.
    Netns { equal: bool, inode: u32 },
    /// Nanoseconds in the state; never compared with `=` or `!=`.
    Age { comparison: Comparison, ns: u64 },
}

/// Which end of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum End {
    /// Ours.
    Local,
    /// The peer's.
    Remote,
}

/// A property of a socket that is a name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Field {
    /// Name of the process.
    Process,
    /// systemd unit.
    Unit,
    /// Container id.
    Container,
    /// Name of the network namespace.
    Netns,
}

/// How numbers are compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Comparison {
    Eq,
    Ne,
    Lt,
    Le,
    Gt,
    Ge,
}

impl Comparison {
    pub(super) const fn symbol(self) -> &'static str {
        match self {
            Self::Eq => "=",
            Self::Ne => "!=",
            Self::Lt => "<",
            Self::Le => "<=",
            Self::Gt => ">",
            Self::Ge => ">=",
        }
    }

    pub(super) fn holds<T: Ord>(self, left: T, right: T) -> bool {
        match self {
            Self::Eq => left == right,
            Self::Ne => left != right,
            Self::Lt => left < right,
            Self::Le => left <= right,
            Self::Gt => left > right,
            Self::Ge => left >= right,
        }
    }
}

/// How names are compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Relation {
    Is,
    IsNot,
    Contains,
}

impl Relation {
    pub(super) const fn symbol(self) -> &'static str {
        match self {
            Self::Is => "=",
            Self::IsNot => "!=",
            Self::Contains => "~",
        }
    }
}

/// One state or one of the groups of `ss`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum States {
    /// A folded state.
    One(State),
    /// Every state.
    All,
    /// All but listening and closed.
    Connected,
    /// Connected but for syn-sent.
    Synchronized,
    /// What the kernel keeps in less than a full socket: time-wait and syn-recv.
    Bucket,
    /// What is not bucket.
    Big,
}

impl States {
    pub(super) const GROUPS: [Self; 5] = [
        Self::All,
        Self::Connected,
        Self::Synchronized,
        Self::Bucket,
        Self::Big,
    ];

    /// The word of `ss`.
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::One(state) => state.ss_name(),
            Self::All => "all",
            Self::Connected => "connected",
            Self::Synchronized => "synchronized",
            Self::Bucket => "bucket",
            Self::Big => "big",
        }
    }

    pub(super) fn contains(self, state: State) -> bool {
        let state = state.folded();
        let connected = !matches!(state, State::Listen | State::Close);
        let bucket = matches!(state, State::TimeWait | State::SynRecv);
        match self {
            Self::One(one) => one == state,
            Self::All => true,
            Self::Connected => connected,
            Self::Synchronized => connected && state != State::SynSent,
            Self::Bucket => bucket,
            Self::Big => !bucket,
        }
    }
}

/// What `src` and `dst` compare with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Endpoint {
    /// Any address, this port.
    Port(u16),
    /// An address in this network, any port.
    Network(Network),
    /// An address in this network and this port.
    Both(Network, u16),
}

/// A network: an address with the bits after the prefix zero.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Network {
    address: IpAddr,
    length: u8,
}

impl Network {
    /// The network of `address`; `None` when `length` exceeds the bits of its family.
    ///
    /// An IPv4-mapped IPv6 network is the IPv4 network: one peer has both spellings, depending on
    /// the family of the socket it is seen through.
    pub(super) fn new(address: IpAddr, length: u8) -> Option<Self> {
        match address {
            IpAddr::V4(v4) => Self::v4(v4, length),
            IpAddr::V6(_) if length > 128 => None,
            IpAddr::V6(v6) => match (v6.to_ipv4_mapped(), length.checked_sub(96)) {
                (Some(v4), Some(length)) => Self::v4(v4, length),
                _ => Some(Self {
                    address: Ipv6Addr::from_bits(keep_v6(v6, length)).into(),
                    length,
                }),
            },
        }
    }

    fn v4(address: Ipv4Addr, length: u8) -> Option<Self> {
        (length <= 32).then(|| Self {
            address: Ipv4Addr::from_bits(keep_v4(address, length)).into(),
            length,
        })
    }

    /// The first address.
    pub(super) const fn address(self) -> IpAddr {
        self.address
    }

    /// Bits of the prefix; `None` when the network is a single address.
    pub(super) const fn length(self) -> Option<u8> {
        match (self.address, self.length) {
            (IpAddr::V4(_), 32) | (IpAddr::V6(_), 128) => None,
            (_, length) => Some(length),
        }
    }

    pub(super) fn contains(self, address: IpAddr) -> bool {
        match (self.address, address) {
            (IpAddr::V4(network), IpAddr::V4(v4)) => keep_v4(v4, self.length) == network.to_bits(),
            (IpAddr::V4(network), IpAddr::V6(v6)) => v6
                .to_ipv4_mapped()
                .is_some_and(|v4| keep_v4(v4, self.length) == network.to_bits()),
            (IpAddr::V6(network), IpAddr::V6(v6)) => keep_v6(v6, self.length) == network.to_bits(),
            (IpAddr::V6(_), IpAddr::V4(_)) => false,
        }
    }
}

/// The first `length` bits of `address`, the rest zero.
fn keep_v4(address: Ipv4Addr, length: u8) -> u32 {
    let host_bits = 32_u32.saturating_sub(length.into());
    address.to_bits() & u32::MAX.checked_shl(host_bits).unwrap_or(0)
}

/// The first `length` bits of `address`, the rest zero.
fn keep_v6(address: Ipv6Addr, length: u8) -> u128 {
    let host_bits = 128_u32.saturating_sub(length.into());
    address.to_bits() & u128::MAX.checked_shl(host_bits).unwrap_or(0)
}
