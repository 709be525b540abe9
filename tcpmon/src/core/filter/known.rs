//! Whether any of many sockets can match, by what is the same for all of them: where none can, none
//! has to be looked at.

use std::net::IpAddr;

use tcpmon_common::State;

use super::ast::{Comparison, End, Endpoint, Expr, Field, Network, Test};

/// What is known to be the same for all of some sockets. `None` where they differ or may differ.
#[derive(Clone, Copy, Debug, Default)]
pub struct Known<'a> {
    /// State.
    pub state: Option<State>,
    /// Name and id of the process; `Some(None)` where the process of none is known.
    pub process: Option<Option<(&'a str, u32)>>,
    /// Inode of the network namespace; `Some(None)` where that of none is known.
    pub netns: Option<Option<u32>>,
    /// Name of the network namespace; `Some(None)` where it has none that is known.
    pub netns_name: Option<Option<&'a str>>,
    /// Local address; IPv4 for IPv4-mapped ones.
    pub local_address: Option<IpAddr>,
    /// Local port.
    pub local_port: Option<u16>,
    /// Remote address; IPv4 for IPv4-mapped ones.
    pub remote_address: Option<IpAddr>,
    /// Remote port.
    pub remote_port: Option<u16>,
    /// The least and the most nanoseconds in the state.
    pub age_ns: Option<(u64, u64)>,
}

impl Expr {
    /// Whether a socket of which this is known can match, whatever else it is like.
    pub(super) fn can_hold(&self, known: &Known<'_>) -> bool {
        match self {
            Self::And(terms) => terms.iter().all(|term| term.can_hold(known)),
            Self::Or(terms) => terms.iter().any(|term| term.can_hold(known)),
            Self::Not(inner) => inner.can_fail(known),
            Self::Test(test) => test.decided(known).unwrap_or(true),
        }
    }

    /// Whether a socket of which this is known can fail to match.
    fn can_fail(&self, known: &Known<'_>) -> bool {
        match self {
            Self::And(terms) => terms.iter().any(|term| term.can_fail(known)),
            Self::Or(terms) => terms.iter().all(|term| term.can_fail(known)),
            Self::Not(inner) => inner.can_hold(known),
            Self::Test(test) => test.decided(known).is_none_or(|holds| !holds),
        }
    }
}

impl Test {
    /// Whether it holds, where what is known decides that.
    fn decided(&self, known: &Known<'_>) -> Option<bool> {
        match self {
            Self::State { equal, states } => {
                known.state.map(|state| states.contains(state) == *equal)
            }
            Self::Port {
                end,
                comparison,
                port,
            } => end
                .known_port(known)
                .map(|known| comparison.holds(known, *port)),
            Self::Endpoint {
                end,
                equal,
                endpoint,
            } => Some(endpoint.decided(*end, known)? == *equal),
            Self::Text {
                field,
                relation,
                value,
            } => {
                let name = field.known(known)?;
                Some(name.is_some_and(|name| field.holds(*relation, name, value)))
            }
            Self::Pid { comparison, pid } => {
                let process = known.process?;
                Some(process.is_some_and(|(_, known)| comparison.holds(known, *pid)))
            }
            Self::Netns { equal, inode } => {
                let netns = known.netns?;
                Some(netns.is_some_and(|known| (known == *inode) == *equal))
            }
            Self::Age { comparison, ns } => comparison.holds_between(known.age_ns?, *ns),
        }
    }
}

impl Field {
    /// The name, where it is the same for all; `Some(None)` where none has one that is known.
    fn known<'a>(self, known: &Known<'a>) -> Option<Option<&'a str>> {
        match self {
            Self::Process => Some(known.process?.map(|(name, _)| name)),
            Self::Netns => known.netns_name,
            Self::Unit | Self::Container => None,
        }
    }
}

impl Comparison {
    /// Whether all from the least to the most compare alike, and how.
    fn holds_between(self, (least, most): (u64, u64), right: u64) -> Option<bool> {
        // What is between the two does not matter to an order.
        let is_order = !matches!(self, Self::Eq | Self::Ne);
        let holds = self.holds(least, right);
        (is_order && holds == self.holds(most, right)).then_some(holds)
    }
}

impl End {
    const fn known_port(self, known: &Known<'_>) -> Option<u16> {
        match self {
            Self::Local => known.local_port,
            Self::Remote => known.remote_port,
        }
    }

    const fn known_address(self, known: &Known<'_>) -> Option<IpAddr> {
        match self {
            Self::Local => known.local_address,
            Self::Remote => known.remote_address,
        }
    }
}

impl Endpoint {
    fn decided(self, end: End, known: &Known<'_>) -> Option<bool> {
        let is_port = |port| end.known_port(known).map(|known| known == port);
        let is_in = |network| within(network, end.known_address(known)?);
        match self {
            Self::Port(port) => is_port(port),
            Self::Network(network) => is_in(network),
            Self::Both(network, port) => match (is_in(network), is_port(port)) {
                (Some(false), _) | (_, Some(false)) => Some(false),
                (Some(true), Some(true)) => Some(true),
                _ => None,
            },
        }
    }
}

/// Whether sockets with this address, or with its IPv4-mapped form, are in the network.
fn within(network: Network, address: IpAddr) -> Option<bool> {
    let may_be_mapped = address.is_ipv4() && network.address().is_ipv6();
    (!may_be_mapped).then(|| network.contains(address))
}
