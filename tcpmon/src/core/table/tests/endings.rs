//! Connections that ended otherwise than in order.

use super::*;
use crate::core::query::{EndingRow, Role};

fn refused(table: &mut Table, sock: u64, port: u16, time_ns: u64) {
    let client = Speaker::new(sock, sock, 0, port);
    client
        .by(12, "payments")
        .says(table, time_ns, State::Close, State::SynSent);
    client
        .ending(111, 0)
        .says(table, time_ns + 1, State::SynSent, State::Close);
}

fn groups(table: &Table) -> Vec<EndingRow> {
    table.endings(10 * SECOND).0
}

#[test]
fn failures_are_grouped_by_reason_destination_and_process() {
    let mut table = Table::new();
    for sock in 1..=3 {
        refused(&mut table, sock, 5432, SECOND);
    }
    refused(&mut table, 9, 6379, SECOND);
    let all = groups(&table);
    assert_eq!(all.len(), 2);
    let first = &all[0];
    assert_eq!((first.reason.as_str(), first.count), ("refused", 3));
    assert_eq!((first.address.as_str(), first.port), ("127.0.0.1", 5432));
    assert_eq!(
        (first.process.as_deref(), first.pid),
        (Some("payments"), Some(12))
    );
    assert_eq!(
        (first.role, first.netns),
        (Some(Role::Client), Some(NETNS.inode))
    );
}

#[test]
fn no_free_port_is_told_from_a_disconnect_and_an_abort() {
    let mut table = Table::new();
    for (sock, shutdown, local_port) in [(1, 0, 0), (2, 3, 40000), (3, 0, 40000)] {
        let client = Speaker::new(sock, sock, local_port, 5432);
        client.says(&mut table, 1, State::Close, State::SynSent);
        client
            .ending(0, shutdown)
            .says(&mut table, 2, State::SynSent, State::Close);
    }
    let mut reasons: Vec<String> = groups(&table).into_iter().map(|row| row.reason).collect();
    reasons.sort();
    assert_eq!(reasons.len(), 3);
    assert!(
        reasons.contains(&"no_port".to_owned()) && reasons.contains(&"aborted_by_owner".to_owned())
    );
}

#[test]
fn settings_are_doubted_once_where_a_connect_found_no_port() {
    let mut table = Table::new();
    let holder = Speaker::new(1, 1, 40000, 5432);
    holder.says(&mut table, 1, State::Close, State::SynSent);
    holder.says(&mut table, 2, State::SynSent, State::Established);
    assert_eq!(table.take_doubted_namespaces(), []);
    let client = Speaker::new(2, 2, 0, 5432);
    client.says(&mut table, 3, State::Close, State::SynSent);
    client
        .ending(0, 0)
        .says(&mut table, 4, State::SynSent, State::Close);
    assert_eq!(table.take_doubted_namespaces(), [NETNS]);
    assert_eq!(table.take_doubted_namespaces(), []);
}

#[test]
fn a_servers_peers_make_one_group_not_one_each() {
    let mut table = Table::new();
    for sock in 1..=50 {
        let child = Speaker::new(sock, sock, 80, 40000 + sock as u16).flags(0);
        child.says(&mut table, 1, State::Listen, State::SynRecv);
        child.says(&mut table, 2, State::SynRecv, State::Established);
        child
            .ending(104, 0)
            .says(&mut table, 3, State::Established, State::Close);
    }
    let all = groups(&table);
    assert_eq!((all.len(), all[0].count, all[0].port), (1, 50, 80));
    assert_eq!(all[0].role, Some(Role::Server));
}

#[test]
fn an_orderly_end_is_no_ending_to_hear_of() {
    let mut table = Table::new();
    let socket = Speaker::new(1, 1, 40000, 80);
    socket.says(&mut table, 1, State::CloseWait, State::LastAck);
    socket.says(&mut table, 2, State::LastAck, State::Close);
    assert!(groups(&table).is_empty());
}

#[test]
fn a_flood_of_destinations_is_bounded_and_forgets_the_silent_ones() {
    let mut table = Table::new();
    for port in 1..=20_000u16 {
        refused(&mut table, 1, port, u64::from(port) * 10);
    }
    let (all, forgotten) = table.endings(SECOND);
    assert!(all.len() <= 4096, "{}", all.len());
    assert_eq!(all.len() as u64 + forgotten, 20_000);
    assert!(all.iter().any(|row| row.port == 20_000), "the newest stays");
}
