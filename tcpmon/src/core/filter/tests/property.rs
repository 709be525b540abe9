//! What holds for every filter and for every input.

use std::net::IpAddr;

use proptest::prelude::*;
use tcpmon_common::State;

use crate::core::filter::ast::{
    Comparison, End, Endpoint, Expr, Field, Network, Relation, States, Test as Comparing,
};
use crate::core::filter::check::any_text;
use crate::core::filter::{Filter, MAX_LENGTH};

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
    let fields = vec![Field::Process, Field::Unit, Field::Container];
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

proptest! {
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
