//! A census in parts tells the same as one made at once, whatever comes and goes in between.

use std::collections::BTreeMap;

use super::*;
use crate::core::census::Census;
use crate::core::verdict::Place;

fn client(sock: u64, port: u16) -> Speaker {
    Speaker::new(sock, sock, 30_000 + sock as u16, port).by(port.into(), "client")
}

/// Connects a process of its own, by the number of the port, to that port.
fn connect(table: &mut Table, sock: u64, port: u16) {
    let client = client(sock, port);
    client.says(table, sock, State::Close, State::SynSent);
    client.says(table, sock, State::SynSent, State::Established);
}

fn count_in_parts(
    table: &mut Table,
    budget: usize,
    mut meanwhile: impl FnMut(&mut Table),
) -> Census {
    let mut counting = table.begin_census(SECOND, SECOND);
    while table.count_on(&mut counting, budget) {
        meanwhile(table);
    }
    counting.census
}

/// Sockets by the port of the destination: each group must be there once.
fn sockets(census: &Census) -> BTreeMap<u16, u32> {
    let mut sockets = BTreeMap::new();
    for group in &census.groups {
        let Place::Destination { port, .. } = group.place else {
            panic!("all of them connect: {group:?}");
        };
        let count = census.states_of(group).iter().map(|state| state.sockets);
        let before = sockets.insert(port, count.sum());
        assert_eq!(before, None, "port {port} twice");
    }
    sockets
}

#[test]
fn in_parts_as_at_once() {
    let mut table = Table::new();
    for sock in 1..=60 {
        connect(&mut table, sock, 100 + (sock % 20) as u16);
    }
    let whole = sockets(&table.census(SECOND, SECOND));
    assert_eq!(whole, (100..120).map(|port| (port, 3)).collect());
    for budget in [1, 3, 19, 20, 21, usize::MAX] {
        let parts = count_in_parts(&mut table, budget, |_| {});
        assert_eq!(sockets(&parts), whole, "{budget} at a time");
    }
}

#[test]
fn who_stays_is_counted_once_while_others_come_and_go() {
    let mut table = Table::new();
    for sock in 1..=40 {
        connect(&mut table, sock, 100 + (sock % 20) as u16);
    }
    let mut number = 0;
    let census = count_in_parts(&mut table, 2, |table| {
        number += 1;
        // One that has been counted, or will be, goes with both its sockets; another comes.
        let port = 100 + 2 * number as u16;
        for sock in (1..=40).filter(|sock| 100 + (sock % 20) as u16 == port) {
            client(sock, port).says(table, 100 + number, State::Established, State::Close);
        }
        connect(table, 1000 + number, 500 + number as u16);
    });
    assert!(number > 5, "it was not in parts");
    let counted = sockets(&census);
    for port in (101..120).step_by(2) {
        assert_eq!(
            counted.get(&port),
            Some(&2),
            "port {port} stayed: {counted:?}"
        );
    }
}

#[test]
fn of_an_empty_table() {
    let mut table = Table::new();
    let census = count_in_parts(&mut table, 10, |_| {});
    assert!(census.groups.is_empty() && census.states.is_empty());
}
