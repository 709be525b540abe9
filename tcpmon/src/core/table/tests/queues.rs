//! Accept queues, and the kernel's own counters.

use super::*;
use crate::core::facts::{KernelEvent, KernelEvents, NamespaceFact};
use crate::core::netns::{NameSource, NetnsName};
use crate::core::query::NetnsView;

fn listener(table: &mut Table) {
    Speaker::new(1, 1, 80, 0).says(table, 1, State::Close, State::Listen);
}

fn measured(length: u32, drops: u32) -> DumpRow {
    DumpRow {
        recv_queue: length,
        send_queue: Some(128),
        drops: Some(drops),
        ..row(1, State::Listen, 80, 0)
    }
}

#[test]
fn the_longest_queue_is_remembered_and_drops_are_told() {
    let mut table = Table::new();
    listener(&mut table);
    for (length, drops) in [(3, 0), (90, 2), (1, 5)] {
        table.measure_queues(NETNS, &[measured(length, drops)]);
    }
    let row = &rows(&table, 2)[0];
    assert_eq!((row.recv_queue, row.send_queue), (Some(1), Some(128)));
    assert_eq!((row.accept_queue_longest, row.drops), (Some(90), Some(5)));
}

#[test]
fn a_listener_nobody_knows_yet_is_left_to_the_audit() {
    let mut table = Table::new();
    table.measure_queues(NETNS, &[measured(3, 0)]);
    assert!(table.is_empty());
}

#[test]
fn a_listener_on_a_reused_slot_has_no_queue_of_the_one_before() {
    let mut table = Table::new();
    listener(&mut table);
    table.measure_queues(NETNS, &[measured(90, 2)]);
    let gone = Speaker::new(1, 1, 80, 0).ending(0, 3);
    gone.says(&mut table, 2, State::Listen, State::Close);
    Speaker::new(1, 2, 443, 0).says(&mut table, 3, State::Close, State::Listen);
    let row = &rows(&table, 4)[0];
    assert_eq!(
        (row.local_port, row.accept_queue_longest, row.drops),
        (443, None, None)
    );
}

#[test]
fn half_open_connections_are_counted_for_their_listener_alone() {
    let mut table = Table::new();
    listener(&mut table);
    let request = |cookie, port| DumpRow {
        kind: Kind::Request,
        inode: 0,
        ..row(cookie, State::SynRecv, port, 40000)
    };
    let listening = row(1, State::Listen, 80, 0);
    let all = [listening, request(7, 80), request(8, 80), request(9, 443)];
    audit(&mut table, SECOND, StateSet::LIVE, &all);
    let all = rows(&table, SECOND);
    let listener = all.iter().find(|row| row.state == "LISTEN").expect("it");
    assert_eq!(listener.half_open, Some(2));
    let others = all.iter().filter(|row| row.state != "LISTEN");
    assert!(others.clone().all(|row| row.half_open.is_none()));
}

fn events(overflows: Option<u64>) -> KernelEvents {
    let mut events = KernelEvents::default();
    events[KernelEvent::ListenOverflows as usize] = overflows;
    events
}

fn read(table: &mut Table, cookie: u64, overflows: Option<u64>) {
    table.describe_namespace(NamespaceFact {
        identity: NetnsIdentity { cookie, inode: 7 },
        name: None,
        events: events(overflows),
        limits: None,
    });
}

#[test]
fn counters_of_namespaces_are_summed_from_the_first_reading_on() {
    let mut table = Table::new();
    let total = |table: &Table| table.totals().kernel_events[KernelEvent::ListenOverflows as usize];
    read(&mut table, 1, Some(1000));
    assert_eq!(total(&table), 0, "what was before the agent is not counted");
    read(&mut table, 1, Some(1004));
    read(&mut table, 2, Some(50));
    read(&mut table, 2, Some(53));
    assert_eq!(total(&table), 7);
    // A namespace that is gone takes nothing back, and one that does not tell adds nothing.
    read(&mut table, 1, None);
    read(&mut table, 1, Some(1004));
    assert_eq!(total(&table), 7);
}

#[test]
fn sockets_have_the_name_of_their_namespace() {
    let mut table = Table::new();
    listener(&mut table);
    table.describe_namespace(NamespaceFact {
        identity: NETNS,
        name: Some(NetnsName {
            text: "blue".into(),
            source: NameSource::IpNetns,
        }),
        events: KernelEvents::default(),
        limits: None,
    });
    let row = &rows(&table, 2)[0];
    assert_eq!(row.netns_name.as_deref(), Some("blue"));
    assert_eq!(row.netns_name_source, Some(NameSource::IpNetns));
    let netns = &table.namespace_rows()[0];
    assert_eq!(netns.name.as_deref(), Some("blue"));
    assert_eq!(netns.name_source, Some(NameSource::IpNetns));
}

#[test]
fn a_namespace_nobody_has_looked_into_is_known_from_the_stream() {
    let mut table = Table::new();
    listener(&mut table);
    let view = |table: &Table| table.namespace_rows()[0].known_from;
    assert_eq!(view(&table), NetnsView::Stream);
    audit(
        &mut table,
        SECOND,
        StateSet::LIVE,
        &[row(1, State::Listen, 80, 0)],
    );
    assert_eq!(view(&table), NetnsView::Dumps);
}

/// What the last record told is over when a sweep has looked: by the kernel's own count, or by a
/// dump where that cannot be read.
#[test]
fn a_count_of_minisocks_that_is_out_of_date_is_replaced_by_a_reading_or_a_dump() {
    for reading in [true, false] {
        let mut table = Table::new();
        let mut socket = Speaker::new(1, 7, 40000, 80);
        socket.record.minisocks = 3;
        socket.says(&mut table, SECOND, State::SynSent, State::Established);
        assert_eq!(table.minisock_namespaces().count(), 1);
        if reading {
            table.count_minisocks(NETNS, 0);
        } else {
            audit(&mut table, 2 * SECOND, StateSet::MINISOCKS, &[]);
        }
        assert_eq!(table.minisock_namespaces().count(), 0, "{reading}");
        // Another record may tell otherwise again.
        socket.says(&mut table, 3 * SECOND, State::Established, State::CloseWait);
        assert_eq!(table.minisock_namespaces().count(), 1);
    }
}
