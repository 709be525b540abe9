use tcpmon_common::State;
use tokio::sync::mpsc::{Receiver, channel};

use super::*;
use crate::core::recording::Items;

const SECOND: u64 = 1_000_000_000;

fn record(number: u64, from: State, to: State) -> Record {
    Record {
        time_ns: SECOND,
        sock: 0xffff_8880_0000_0000 | number,
        cookie: number,
        netns_cookie: 1,
        netns_inode: 7,
        family: 2,
        local_port: number as u16,
        remote_port: 5432,
        old_state: from.number(),
        new_state: to.number(),
        ..Record::EMPTY
    }
}

/// A table with so many connections under way.
fn table(sockets: u64) -> Table {
    let mut table = Table::new();
    for number in 1..=sockets {
        table.apply(&record(number, State::Close, State::SynSent));
    }
    table
}

fn tick(second: u64) -> Tick {
    Tick {
        now_ns: second * SECOND,
        unix_ns: second * SECOND,
        produced: 1000 + second,
        ..Tick::default()
    }
}

fn begin(
    recorders: &mut Recorders,
    table: &Table,
    filter: &str,
    capacity: usize,
) -> Receiver<Batch> {
    let (batches, receiver) = channel(capacity);
    let beginning = Beginning {
        table,
        policy: &Policy::default(),
        tick: tick(0),
    };
    recorders.add(filter.parse().unwrap(), batches, &beginning);
    receiver
}

/// What was handed over so far.
fn told(receiver: &mut Receiver<Batch>) -> Vec<Item> {
    let mut items = Vec::new();
    while let Ok(batch) = receiver.try_recv() {
        items.extend(Items::new(&batch.payload).map(Result::unwrap));
    }
    items
}

fn planted(items: &[Item]) -> usize {
    let sockets = items.iter().filter(|item| matches!(item, Item::Socket(_)));
    sockets.count()
}

#[test]
fn what_is_known_is_told_in_parts_and_then_what_happens() {
    let sockets = 2 * PLANT_BUDGET as u64 + 3;
    let mut table = table(sockets);
    let mut recorders = Recorders::default();
    let mut receiver = begin(&mut recorders, &table, "", 256);
    let mut parts = 0;
    while recorders.plants() {
        recorders.plant_on(&table, SECOND);
        parts += 1;
    }
    assert_eq!(parts, 3);
    let spoken = record(1, State::SynSent, State::Established);
    let change = table.apply(&spoken).unwrap();
    recorders.record(&table, &spoken, &change);
    recorders.tick(tick(4));
    let items = told(&mut receiver);
    assert_eq!(planted(&items) as u64, sockets);
    assert!(matches!(items[0], Item::Policy(_)));
    let end = &items[items.len() - 3..];
    let [Item::Planted { .. }, Item::Record(told), Item::Tick(now)] = end else {
        panic!("{end:#?}");
    };
    assert_eq!((now.produced, now.now_ns), (4, 4 * SECOND));
    // The number that stands for the socket is one, and leads nowhere.
    let same = items.iter().filter_map(|item| match item {
        Item::Socket(known) if known.cookie == 1 => Some(known.sock),
        _ => None,
    });
    assert_eq!(same.collect::<Vec<_>>(), [told.sock]);
    assert_ne!(told.sock, spoken.sock);
    assert_ne!(told.sock >> 47, spoken.sock >> 47);
}

#[test]
fn two_recordings_have_different_numbers_for_a_socket() {
    let table = table(1);
    let mut recorders = Recorders::default();
    let mut receivers = [(); 2].map(|()| begin(&mut recorders, &table, "", 256));
    recorders.plant_on(&table, SECOND);
    recorders.tick(tick(1));
    let numbers = receivers.each_mut().map(|receiver| {
        let items = told(receiver);
        let known = items.into_iter().find_map(|item| match item {
            Item::Socket(known) => Some(known.sock),
            _ => None,
        });
        known.unwrap()
    });
    assert_ne!(numbers[0], numbers[1]);
}

#[test]
fn only_what_matches_is_told() {
    let mut table = table(9);
    let mut recorders = Recorders::default();
    let mut receiver = begin(&mut recorders, &table, "sport = :3 or sport = :4", 256);
    recorders.plant_on(&table, SECOND);
    for number in 1..=9 {
        let record = record(number, State::SynSent, State::Established);
        let change = table.apply(&record).unwrap();
        recorders.record(&table, &record, &change);
    }
    recorders.tick(tick(1));
    let items = told(&mut receiver);
    assert_eq!(planted(&items), 2);
    let records = items.iter().filter_map(|item| match item {
        Item::Record(record) => Some(record.local_port),
        _ => None,
    });
    assert_eq!(records.collect::<Vec<_>>(), [3, 4]);
}

#[test]
fn who_is_too_slow_misses_a_batch_and_is_told_so() {
    let table = table(0);
    let mut recorders = Recorders::default();
    let mut receiver = begin(&mut recorders, &table, "", 1);
    recorders.tick(tick(1));
    recorders.tick(tick(2));
    recorders.tick(tick(3));
    assert!(!told(&mut receiver).is_empty());
    recorders.tick(tick(4));
    let items = told(&mut receiver);
    assert_eq!(items[0], Item::Gap(2), "two ticks");
    assert_eq!(items.len(), 2);
    recorders.tick(tick(5));
    assert_eq!(told(&mut receiver).len(), 1, "the gap is told once");
}

#[test]
fn who_has_gone_is_forgotten() {
    let table = table(1);
    let mut recorders = Recorders::default();
    drop(begin(&mut recorders, &table, "", 4));
    assert!(!recorders.is_empty());
    recorders.tick(tick(1));
    assert!(recorders.is_empty());
}

#[test]
fn a_large_table_waits_for_a_recorder_that_is_slow() {
    let table = table(4 * PLANT_BUDGET as u64);
    let mut recorders = Recorders::default();
    let mut receiver = begin(&mut recorders, &table, "", RESERVED + 1);
    let mut items = Vec::new();
    for second in 1..100 {
        while recorders.plants() {
            recorders.plant_on(&table, SECOND);
        }
        recorders.tick(tick(second));
        items.extend(told(&mut receiver));
    }
    assert_eq!(planted(&items), 4 * PLANT_BUDGET);
    assert!(!items.iter().any(|item| matches!(item, Item::Gap(_))));
}
