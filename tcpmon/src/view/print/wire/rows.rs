//! The JSON of a capture: names in `snake_case`, units in names, `null` for what is not known.

use serde::Serialize;

use super::text::{note_text, note_word};
use crate::core::query::SCHEMA;
use crate::core::wire::{Connection, Ground, Line, Move, Note, Reading, Seen, Side};

/// A capture.
#[derive(Debug, Serialize)]
pub(super) struct CaptureRow {
    schema: u32,
    packets: u64,
    tcp_packets: usize,
    not_tcp: u64,
    fragments: u64,
    cut: u64,
    malformed: u64,
    unknown_link: u64,
    duration_seconds: Option<f64>,
    /// Why reading ended before the file did.
    trouble: Option<String>,
    connections: Vec<ConnectionRow>,
}

/// One connection.
#[derive(Debug, Serialize)]
pub(super) struct ConnectionRow {
    connection: usize,
    client_address: String,
    client_port: u16,
    server_address: String,
    server_port: u16,
    opener_is_known: bool,
    from_the_beginning: bool,
    first_seconds_since_epoch: f64,
    duration_seconds: f64,
    bytes_from_client: u64,
    bytes_from_server: u64,
    repeated_from_client: u64,
    repeated_from_server: u64,
    client: EndRow,
    server: EndRow,
    lines: Vec<LineRow>,
}

/// How one side stands when the capture ends.
#[derive(Debug, Serialize)]
struct EndRow {
    /// `null` when more than one is possible.
    state: Option<&'static str>,
    possible_states: Vec<&'static str>,
    age_seconds: Option<f64>,
    age_is_lower_bound: bool,
}

/// A packet, or the end of a waiting.
#[derive(Debug, Serialize)]
struct LineRow {
    packet: Option<u64>,
    time_seconds: f64,
    /// `client` or `server`.
    from: Option<&'static str>,
    flags: Option<String>,
    sequence: Option<i64>,
    acknowledgement: Option<i64>,
    length: Option<u32>,
    client: Vec<MoveRow>,
    server: Vec<MoveRow>,
    notes: Vec<NoteRow>,
}

/// An edge.
#[derive(Debug, Serialize)]
struct MoveRow {
    /// `null`: the state is only known from here on.
    from: Option<&'static str>,
    to: &'static str,
    reason: Option<&'static str>,
    /// `packet`, `timer` or `reuse`.
    cause: &'static str,
    packet: Option<u64>,
    after_seconds: Option<f64>,
    after_is_lower_bound: bool,
}

#[derive(Debug, Serialize)]
struct NoteRow {
    kind: &'static str,
    text: String,
}

fn seconds(nanoseconds: u64) -> f64 {
    nanoseconds as f64 / 1e9
}

const fn side_name(side: Side) -> &'static str {
    match side {
        Side::Client => "client",
        Side::Server => "server",
    }
}

pub(super) fn capture(reading: &Reading, connections: Vec<ConnectionRow>) -> CaptureRow {
    CaptureRow {
        schema: SCHEMA,
        packets: reading.total,
        tcp_packets: reading.packets.len(),
        not_tcp: reading.left_out.not_tcp,
        fragments: reading.left_out.fragments,
        cut: reading.left_out.cut,
        malformed: reading.left_out.malformed,
        unknown_link: reading.left_out.unknown_link,
        duration_seconds: reading.span_ns.map(|(first, last)| seconds(last - first)),
        trouble: reading.trouble.clone(),
        connections,
    }
}

pub(super) fn connection(number: usize, told: &Connection) -> ConnectionRow {
    ConnectionRow {
        connection: number,
        client_address: told.client.ip().to_string(),
        client_port: told.client.port(),
        server_address: told.server.ip().to_string(),
        server_port: told.server.port(),
        opener_is_known: told.opener_is_known,
        from_the_beginning: told.from_the_beginning,
        first_seconds_since_epoch: seconds(told.first_ns),
        duration_seconds: seconds(told.lasted_ns),
        bytes_from_client: told.totals.bytes[0],
        bytes_from_server: told.totals.bytes[1],
        repeated_from_client: told.totals.repeated[0],
        repeated_from_server: told.totals.repeated[1],
        client: end(told, Side::Client),
        server: end(told, Side::Server),
        lines: told.lines.iter().map(line).collect(),
    }
}

fn end(told: &Connection, side: Side) -> EndRow {
    let end = &told.ends[side as usize];
    EndRow {
        state: end.known().map(tcpmon_common::State::name),
        possible_states: end.states.iter().map(|state| state.name()).collect(),
        age_seconds: end.age_ns.map(seconds),
        age_is_lower_bound: end.age_is_lower_bound,
    }
}

fn line(line: &Line) -> LineRow {
    let packet = line.packet;
    let of = |part: fn(Seen) -> i64| packet.map(part);
    let moves = |side| {
        let moves = line.moves.iter().filter(move |edge| edge.side == side);
        moves.map(edge).collect()
    };
    LineRow {
        packet: packet.map(|packet| packet.number),
        time_seconds: seconds(line.time_ns),
        from: packet.map(|packet| side_name(packet.from)),
        flags: packet.map(|packet| packet.flags.names()),
        sequence: of(|packet| packet.seq),
        acknowledgement: packet.and_then(|packet| packet.ack),
        length: packet.map(|packet| packet.length),
        client: moves(Side::Client),
        server: moves(Side::Server),
        notes: line.notes.iter().map(|note| note_row(*note)).collect(),
    }
}

fn edge(edge: &Move) -> MoveRow {
    let (cause, packet) = match edge.ground {
        Ground::Packet(number) => ("packet", Some(number)),
        Ground::Timer => ("timer", None),
        Ground::Reuse(number) => ("reuse", Some(number)),
    };
    MoveRow {
        from: edge.from.map(tcpmon_common::State::name),
        to: edge.to.name(),
        reason: edge.kind.map(crate::core::fsm::EdgeKind::name),
        cause,
        packet,
        after_seconds: edge.after_ns.map(seconds),
        after_is_lower_bound: edge.after_is_lower_bound,
    }
}

fn note_row(note: Note) -> NoteRow {
    NoteRow {
        kind: note_word(note),
        text: note_text(note),
    }
}
