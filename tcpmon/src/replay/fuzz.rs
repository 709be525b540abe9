//! What must hold for every recording, and for everything that one can tell.

use std::io::Cursor;

use tcpmon_common::State;

use super::{Tape, World};
use crate::core::query::SocketsQuestion;
use crate::core::recording::{Header, Items};
use crate::source::recording::Reader;

/// A file: what can be read of it is played, and again from the beginning with the same outcome.
pub fn recording(bytes: &[u8]) -> bool {
    let Ok(reader) = Reader::open(Cursor::new(bytes)) else {
        return false;
    };
    let is_whole = reader.trouble().is_none();
    assert_eq!(is_whole, reader.end().is_some());
    let mut tape = Tape::new(reader);
    let first = play(&mut tape);
    tape.rewind();
    assert_eq!(play(&mut tape), first);
    first.0 > 0
}

fn play(tape: &mut Tape<Cursor<&[u8]>>) -> (usize, usize, u64) {
    let mut world = World::new(tape.header().clone());
    let mut items = 0;
    while let Some(item) = tape.next_until(u64::MAX) {
        world.apply(item);
        items += 1;
    }
    agrees(&world);
    (items, world.table().len(), world.now_ns())
}

/// Items one after another, as they are in a frame, and what they make of a table and its judge.
pub fn replay(bytes: &[u8]) -> bool {
    let mut world = World::new(Header::default());
    let mut told = 0;
    for item in Items::new(bytes).map_while(Result::ok) {
        if let Some(change) = world.apply(item) {
            assert!(!world.event(&change).from.is_empty());
        }
        told += 1;
    }
    agrees(&world);
    told > 0
}

/// Whatever was told, the answers agree with each other.
pub(super) fn agrees(world: &World) {
    let table = world.table();
    let in_states: u64 = State::RFC
        .into_iter()
        .map(|state| table.in_state(state))
        .sum();
    assert_eq!(in_states, table.len() as u64);
    let rows = world.sockets(&SocketsQuestion::default()).sockets;
    assert_eq!(rows.len(), table.len());
    let summary = world.summary();
    let summed: u64 = summary.states.iter().map(|state| state.sockets).sum();
    assert_eq!(summed, in_states);
    let placed: u64 = world
        .namespaces()
        .namespaces
        .iter()
        .map(|it| it.sockets)
        .sum();
    assert_eq!(placed, in_states);
    assert!(world.processes(None).processes.len() <= table.len());
    assert!(world.verdicts().verdicts.len() <= table.len() + 64);
}
