//! What must hold for every file.

use super::read;
use crate::core::fsm;
use crate::core::wire::{Capture, Ground, Note, Side};

/// A capture, and the story of its connections: numbers rise, each edge begins where the one before
/// ended, and no packet is told twice.
pub fn pcap(bytes: &[u8]) -> bool {
    let Ok(reading) = read(bytes) else {
        return false;
    };
    let left_out = reading.left_out;
    let left_out = left_out.not_tcp
        + left_out.fragments
        + left_out.cut
        + left_out.malformed
        + left_out.unknown_link;
    assert_eq!(left_out + reading.packets.len() as u64, reading.total);
    let end_ns = reading.span_ns.map_or(0, |(_, last)| last);
    let capture = Capture::replay(&reading.packets, end_ns);
    let mut told = 0;
    for connection in &capture.connections {
        let packets = connection.lines.iter().filter_map(|line| line.packet);
        let numbers: Vec<u64> = packets.map(|packet| packet.number).collect();
        assert!(numbers.is_sorted_by(|a, b| a < b));
        told += numbers.len();
        let is_odd = connection
            .lines
            .iter()
            .any(|line| line.notes.contains(&Note::Unexpected));
        for side in Side::BOTH {
            let mut state = None;
            for edge in connection.moves(side) {
                let follows = edge.from.is_none() || state.is_none() || edge.from == state;
                assert!(follows || is_odd, "{edge:?}");
                if let Some(from) = edge.from {
                    assert_eq!(edge.kind, Some(fsm::edge(from, edge.to).kind));
                    assert_ne!(edge.kind, Some(fsm::EdgeKind::Unknown), "{edge:?}");
                }
                if let Ground::Packet(number) = edge.ground {
                    assert!(numbers.binary_search(&number).is_ok());
                }
                state = Some(edge.to);
            }
            let end = &connection.ends[side as usize];
            assert!(!end.states.is_empty());
        }
    }
    assert_eq!(told, reading.packets.len());
    told > 0
}
