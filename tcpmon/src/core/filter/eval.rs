//! Whether a socket matches an expression.

use std::net::IpAddr;

use tcpmon_common::State;

use super::ast::{End, Endpoint, Expr, Field, Relation, Test};

/// What a filter asks of a socket. Each method is called only where the answer depends on it, so
/// what is costly to find out is best found out in the method.
///
/// `None` is unknown: no comparison with it matches, not even `!=`.
pub trait Subject {
    /// The state; a request socket may answer either of its names.
    fn state(&self) -> State;
    /// Local address; IPv4-mapped is as good as IPv4.
    fn local_address(&self) -> IpAddr;
    /// Local port.
    fn local_port(&self) -> u16;
    /// Remote address; IPv4-mapped is as good as IPv4.
    fn remote_address(&self) -> IpAddr;
    /// Remote port.
    fn remote_port(&self) -> u16;
    /// Name of the process.
    fn process(&self) -> Option<&str>;
    /// Process id.
    fn pid(&self) -> Option<u32>;
    /// systemd unit, with its suffix.
    fn unit(&self) -> Option<&str>;
    /// Container id, in full.
    fn container(&self) -> Option<&str>;
    /// Inode of the network namespace.
    fn netns(&self) -> Option<u32>;
    /// Name of the network namespace.
    fn netns_name(&self) -> Option<&str>;
    /// Nanoseconds since the socket entered its state.
    fn age_ns(&self) -> u64;
}

impl Expr {
    pub(super) fn matches(&self, subject: &impl Subject) -> bool {
        match self {
            Self::And(terms) => terms.iter().all(|term| term.matches(subject)),
            Self::Or(terms) => terms.iter().any(|term| term.matches(subject)),
            Self::Not(inner) => !inner.matches(subject),
            Self::Test(test) => test.matches(subject),
        }
    }
}

impl Test {
    fn matches(&self, subject: &impl Subject) -> bool {
        match self {
            Self::State { equal, states } => states.contains(subject.state()) == *equal,
            Self::Port {
                end,
                comparison,
                port,
            } => comparison.holds(end.port(subject), *port),
            Self::Endpoint {
                end,
                equal,
                endpoint,
            } => endpoint.matches(*end, subject) == *equal,
            Self::Text {
                field,
                relation,
                value,
            } => field
                .of(subject)
                .is_some_and(|known| field.holds(*relation, known, value)),
            Self::Pid { comparison, pid } => subject
                .pid()
                .is_some_and(|known| comparison.holds(known, *pid)),
            Self::Netns { equal, inode } => subject
                .netns()
                .is_some_and(|known| (known == *inode) == *equal),
            Self::Age { comparison, ns } => comparison.holds(subject.age_ns(), *ns),
        }
    }
}

impl End {
    fn port(self, subject: &impl Subject) -> u16 {
        match self {
            Self::Local => subject.local_port(),
            Self::Remote => subject.remote_port(),
        }
    }

    fn address(self, subject: &impl Subject) -> IpAddr {
        match self {
            Self::Local => subject.local_address(),
            Self::Remote => subject.remote_address(),
        }
    }
}

impl Endpoint {
    fn matches(self, end: End, subject: &impl Subject) -> bool {
        match self {
            Self::Port(port) => end.port(subject) == port,
            Self::Network(network) => network.contains(end.address(subject)),
            Self::Both(network, port) => {
                end.port(subject) == port && network.contains(end.address(subject))
            }
        }
    }
}

impl Field {
    fn of(self, subject: &impl Subject) -> Option<&str> {
        match self {
            Self::Process => subject.process(),
            Self::Unit => subject.unit(),
            Self::Container => subject.container(),
            Self::Netns => subject.netns_name(),
        }
    }

    pub(super) fn holds(self, relation: Relation, known: &str, value: &str) -> bool {
        match relation {
            Relation::Is => self.names(known, value),
            Relation::IsNot => !self.names(known, value),
            Relation::Contains => known.contains(value),
        }
    }

    /// Whether `value` is a name of what is known as `known`.
    fn names(self, known: &str, value: &str) -> bool {
        match self {
            Self::Process => known == value || is_truncated(known, value),
            Self::Unit | Self::Netns => {
                known.strip_suffix(".service") == Some(value) || known == value
            }
            Self::Container => known.starts_with(value),
        }
    }
}

/// Whether `known` is what the kernel keeps of the name `value`: its first 15 bytes
/// (`TASK_COMM_LEN` of `include/linux/sched.h`, less the NUL).
fn is_truncated(known: &str, value: &str) -> bool {
    const KEPT: usize = 15;
    known.len() == KEPT && value.len() > KEPT && value.starts_with(known)
}
