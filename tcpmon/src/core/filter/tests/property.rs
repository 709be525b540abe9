//! What holds for every filter and for every input.

use std::net::IpAddr;

use proptest::prelude::*;
use tcpmon_common::State;

use crate::core::filter::ast::{
    Comparison, End, Endpoint, Expr, Field, Network, Relation, States, Test as Comparing,
};
use crate::core::filter::check::any_text;
use crate::core::filter::{Filter, Known, MAX_LENGTH, Subject};

fn number() -> impl Strategy<Value = Comparison> {
    use Comparison::{Eq, Ge, Gt, Le, Lt, Ne};
    prop::sample::select(vec![Eq, Ne, Lt, Le, Gt, Ge])
}

fn end() -> impl Strategy<Value = End> {
    prop::sample::select(vec![End::Local, End::Remote])
}

fn network() -> impl Strategy<Value = Network> {
    (any::<IpAddr>(), any::<u8>()).prop_map(|(address, length)| {
        let bits = if address.is_ipv4() { 32 } else { 128 };
        Network::new(address, length % (bits + 1)).expect("in range")
    })
}

fn endpoint() -> impl Strategy<Value = Endpoint> {
    prop_oneof![
        any::<u16>().prop_map(Endpoint::Port),
        network().prop_map(Endpoint::Network),
        (network(), any::<u16>()).prop_map(|(network, port)| Endpoint::Both(network, port)),
    ]
}

fn name() -> impl Strategy<Value = String> {
    prop_oneof![
        "(?s).{1,12}",
        "[a-z0-9_.@:/\\\\-]{1,12}",
        prop::sample::select(vec!["and", "OR", "not", "eq", "GE", "~", "'", "\"", "\\"])
            .prop_map(str::to_owned),
    ]
}

fn comparing() -> impl Strategy<Value = Comparing> {
    use prop::sample::select;
    let one = State::RFC.into_iter().map(States::One);
    let states: Vec<_> = one.chain(States::GROUPS).collect();
    let fields = vec![Field::Process, Field::Unit, Field::Container, Field::Netns];
    let relations = vec![Relation::Is, Relation::IsNot, Relation::Contains];
    let order = number().prop_filter("=", |c| !matches!(c, Comparison::Eq | Comparison::Ne));
    prop_oneof![
        (any::<bool>(), select(states))
            .prop_map(|(equal, states)| Comparing::State { equal, states }),
        (end(), number(), any::<u16>()).prop_map(|(end, comparison, port)| Comparing::Port {
            end,
            comparison,
            port
        }),
        (end(), any::<bool>(), endpoint()).prop_map(|(end, equal, endpoint)| {
            Comparing::Endpoint {
                end,
                equal,
                endpoint,
            }
        }),
        (select(fields), select(relations), name()).prop_map(|(field, relation, value)| {
            Comparing::Text {
                field,
                relation,
                value,
            }
        }),
        (number(), any::<u32>()).prop_map(|(comparison, pid)| Comparing::Pid { comparison, pid }),
        (any::<bool>(), any::<u32>()).prop_map(|(equal, inode)| Comparing::Netns { equal, inode }),
        (order, any::<u64>()).prop_map(|(comparison, ns)| Comparing::Age { comparison, ns }),
    ]
}

fn expr() -> impl Strategy<Value = Expr> {
    comparing()
        .prop_map(Expr::Test)
        .prop_recursive(6, 24, 4, |inner| {
            let terms = || prop::collection::vec(inner.clone(), 2..4);
            prop_oneof![
                terms().prop_map(Expr::And),
                terms().prop_map(Expr::Or),
                inner.clone().prop_map(|e| Expr::Not(Box::new(e))),
            ]
        })
}

/// Pieces of the language in any order come closer to it than any characters do.
fn scraps() -> impl Strategy<Value = String> {
    let pieces = vec![
        "state", "exclude", "sport", "dst", "proc", "pid", "age", "netns", "=", "!=", "<", ">=",
        "~", "!", "(", ")", "and", "or", "not", "||", "closed", "big", ":443", "10/8", "[::1]:2",
        "'a b'", "\"", "\\", "5", "5m", "net:[1]", "ü",
    ];
    let spaced = (
        prop::sample::select(pieces),
        prop::sample::select(vec!["", " "]),
    );
    prop::collection::vec(spaced, 0..16).prop_map(|pieces| {
        pieces
            .into_iter()
            .map(|(piece, space)| piece.to_owned() + space)
            .collect()
    })
}

/// A socket, of which all is known that can be of many at once.
#[derive(Clone, Debug)]
struct Socket {
    state: State,
    local: (IpAddr, u16),
    remote: (IpAddr, u16),
    process: Option<(String, u32)>,
    netns: Option<u32>,
    netns_name: Option<String>,
    age_ns: u64,
}

impl Subject for Socket {
    fn state(&self) -> State {
        self.state
    }
    fn local_address(&self) -> IpAddr {
        self.local.0
    }
    fn local_port(&self) -> u16 {
        self.local.1
    }
    fn remote_address(&self) -> IpAddr {
        self.remote.0
    }
    fn remote_port(&self) -> u16 {
        self.remote.1
    }
    fn process(&self) -> Option<&str> {
        self.process.as_ref().map(|(name, _)| name.as_str())
    }
    fn pid(&self) -> Option<u32> {
        self.process.as_ref().map(|(_, pid)| *pid)
    }
    fn unit(&self) -> Option<&str> {
        None
    }
    fn container(&self) -> Option<&str> {
        None
    }
    fn netns(&self) -> Option<u32> {
        self.netns
    }
    fn netns_name(&self) -> Option<&str> {
        self.netns_name.as_deref()
    }
    fn age_ns(&self) -> u64 {
        self.age_ns
    }
}

fn socket() -> impl Strategy<Value = Socket> {
    let mapped = any::<std::net::Ipv4Addr>().prop_map(|it| it.to_ipv6_mapped().into());
    let end = || (prop_oneof![any::<IpAddr>(), mapped.clone()], any::<u16>());
    let state = prop::sample::select(State::RFC.to_vec());
    let process = prop::option::of((name(), any::<u32>()));
    (
        state,
        end(),
        end(),
        process,
        prop::option::of(any::<u32>()),
        prop::option::of(name()),
        any::<u64>(),
    )
        .prop_map(
            |(state, local, remote, process, netns, netns_name, age_ns)| Socket {
                state,
                local,
                remote,
                process,
                netns,
                netns_name,
                age_ns,
            },
        )
}

impl Socket {
    /// What is said of it to those who ask for many: some of what is true, by the bits of `told`.
    fn known(&self, told: u16, around_ns: u64) -> Known<'_> {
        let is_told = |bit: u16| told & (1 << bit) != 0;
        let process = self
            .process
            .as_ref()
            .map(|(name, pid)| (name.as_str(), *pid));
        let age_ns = (
            self.age_ns.saturating_sub(around_ns),
            self.age_ns.saturating_add(around_ns),
        );
        Known {
            state: is_told(0).then_some(self.state),
            process: is_told(1).then_some(process),
            netns: is_told(2).then_some(self.netns),
            local_address: is_told(3).then_some(self.local.0.to_canonical()),
            local_port: is_told(4).then_some(self.local.1),
            remote_address: is_told(5).then_some(self.remote.0.to_canonical()),
            remote_port: is_told(6).then_some(self.remote.1),
            age_ns: is_told(7).then_some(age_ns),
            netns_name: is_told(8).then_some(self.netns_name.as_deref()),
        }
    }
}

proptest! {
    #[test]
    fn what_matches_is_never_said_to_be_impossible(
        root in expr(), socket in socket(), told in any::<u16>(), around_ns in any::<u64>()
    ) {
        let known = socket.known(told, around_ns);
        let opposite = Filter { root: Some(Expr::Not(Box::new(root.clone()))) };
        let filter = Filter { root: Some(root) };
        prop_assert!(filter.can_match(&known) || !filter.matches(&socket));
        prop_assert!(opposite.can_match(&known) || !opposite.matches(&socket));
    }

    #[test]
    fn what_is_printed_parses_to_the_same(root in expr()) {
        let filter = Filter { root: Some(root) };
        let printed = filter.to_string();
        prop_assume!(printed.len() <= MAX_LENGTH);
        prop_assert_eq!(printed.parse(), Ok(filter));
    }

    #[test]
    fn no_bytes_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        any_text(&String::from_utf8_lossy(&bytes));
    }

    #[test]
    fn no_text_panics(text in "(?s).{0,60}") {
        any_text(&text);
    }

    #[test]
    fn no_scraps_panic(text in scraps()) {
        any_text(&text);
    }
}
