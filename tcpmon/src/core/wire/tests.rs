//! Stories that no capture beside the tests tells.

use tcpmon_common::State;

use super::*;

const SYN: Flags = Flags::SYN;
const ACK: Flags = Flags::ACK;
const FIN: Flags = Flags::FIN.and(Flags::ACK);
const RST: Flags = Flags::RST.and(Flags::ACK);
const SYN_ACK: Flags = Flags::SYN.and(Flags::ACK);
const MS: u64 = 1_000_000;

/// Writes a capture packet by packet; sequence numbers begin just before they wrap.
#[derive(Default)]
struct Script {
    packets: Vec<Packet>,
    time_ns: u64,
}

impl Script {
    /// A packet a millisecond after the one before; `seq` and `ack` count from the SYN.
    fn packet(mut self, from: Side, flags: Flags, seq: u32, ack: u32, length: u32) -> Self {
        let ends = [([10, 0, 0, 1], 40000).into(), ([10, 0, 0, 2], 80).into()];
        let origins = [u32::MAX - 2, u32::MAX];
        let side = from as usize;
        self.time_ns += MS;
        self.packets.push(Packet {
            number: self.packets.len() as u64 + 1,
            time_ns: self.time_ns,
            source: ends[side],
            destination: ends[1 - side],
            seq: origins[side].wrapping_add(seq),
            ack: origins[1 - side].wrapping_add(ack),
            flags,
            length,
        });
        self
    }

    fn client(self, flags: Flags, seq: u32, ack: u32, length: u32) -> Self {
        self.packet(Side::Client, flags, seq, ack, length)
    }

    fn server(self, flags: Flags, seq: u32, ack: u32, length: u32) -> Self {
        self.packet(Side::Server, flags, seq, ack, length)
    }

    fn opened(self) -> Self {
        self.client(SYN, 0, 0, 0)
            .server(SYN_ACK, 0, 1, 0)
            .client(ACK, 1, 1, 0)
    }

    fn closed(self) -> Self {
        self.client(FIN, 1, 1, 0)
            .server(FIN, 1, 2, 0)
            .client(ACK, 2, 2, 0)
    }

    fn after(mut self, ns: u64) -> Self {
        self.time_ns += ns;
        self
    }

    fn tell(&self) -> Capture {
        Capture::replay(&self.packets, self.time_ns)
    }
}

/// The edges of a side as `FROM TO packet`.
fn edges(told: &Connection, side: Side) -> Vec<String> {
    let edges = told.moves(side).map(|edge| {
        let from = edge.from.map_or("?", State::name);
        let ground = match edge.ground {
            Ground::Packet(number) => number.to_string(),
            Ground::Timer => "timer".to_owned(),
            Ground::Reuse(number) => format!("reuse {number}"),
        };
        format!("{from} {} {ground}", edge.to)
    });
    edges.collect()
}

fn last(told: &Connection, side: Side) -> String {
    edges(told, side).pop().expect("an edge")
}

fn state(told: &Connection, side: Side) -> Option<State> {
    told.ends[side as usize].known()
}

#[test]
fn sequence_numbers_wrap_without_being_noticed() {
    let capture = Script::default()
        .opened()
        .client(ACK, 1, 1, 5)
        .server(ACK, 1, 6, 9)
        .client(ACK, 6, 10, 0)
        .tell();
    let [told] = &capture.connections[..] else {
        panic!("one connection");
    };
    assert_eq!(told.totals.bytes, [5, 9]);
    assert!(
        told.lines.iter().all(|line| line.notes.is_empty()),
        "{:?}",
        told.lines
    );
}

#[test]
fn time_wait_ends_after_60_seconds_if_the_capture_is_that_long() {
    let closed = || Script::default().opened().closed();
    let told = &closed().after(TIME_WAIT_NS - 2 * MS).tell().connections[0];
    assert_eq!(state(told, Side::Client), Some(State::TimeWait));
    let told = &closed().after(TIME_WAIT_NS).tell().connections[0];
    assert_eq!(last(told, Side::Client), "TIME_WAIT CLOSE timer");
    let line = told.lines.last().unwrap();
    assert_eq!(
        (line.packet, line.moves[0].after_ns),
        (None, Some(TIME_WAIT_NS))
    );
}

#[test]
fn a_fin_that_comes_again_makes_time_wait_begin_anew() {
    let told = &Script::default()
        .opened()
        .closed()
        .after(30_000 * MS)
        .server(FIN, 1, 2, 0)
        .client(ACK, 2, 2, 0)
        .after(40_000 * MS)
        .tell()
        .connections[0];
    assert_eq!(state(told, Side::Client), Some(State::TimeWait));
    assert_eq!(last(told, Side::Server), "LAST_ACK CLOSE 8");
}

#[test]
fn a_new_connection_with_the_same_ports_ends_time_wait() {
    let capture = Script::default()
        .opened()
        .closed()
        .client(SYN, 5000, 0, 0)
        .server(SYN_ACK, 9000, 5001, 0)
        .tell();
    assert_eq!(capture.connections.len(), 2);
    assert_eq!(
        last(&capture.connections[0], Side::Client),
        "TIME_WAIT CLOSE reuse 7"
    );
    assert_eq!(
        state(&capture.connections[1], Side::Server),
        Some(State::SynRecv)
    );
}

#[test]
fn a_reset_ends_each_state() {
    let opened = || Script::default().opened();
    for (script, client, server) in [
        // The listener stays; what was half open goes.
        (
            Script::default()
                .client(SYN, 0, 0, 0)
                .server(SYN_ACK, 0, 1, 0)
                .client(RST, 1, 1, 0),
            "SYN_SENT CLOSE 3",
            "SYN_RECV CLOSE 3",
        ),
        (
            opened().server(RST, 1, 1, 0),
            "ESTABLISHED CLOSE 4",
            "ESTABLISHED CLOSE 4",
        ),
        (
            opened().client(FIN, 1, 1, 0).server(RST, 1, 2, 0),
            "FIN_WAIT1 CLOSE 5",
            "CLOSE_WAIT CLOSE 5",
        ),
        // A process that has closed does not take what still comes.
        (
            opened()
                .client(FIN, 1, 1, 0)
                .server(ACK, 1, 2, 0)
                .server(ACK, 1, 2, 9)
                .client(RST, 2, 0, 0),
            "FIN_WAIT2 CLOSE 7",
            "CLOSE_WAIT CLOSE 7",
        ),
        (
            opened()
                .client(FIN, 1, 1, 0)
                .server(FIN, 1, 2, 0)
                .client(RST, 2, 2, 0),
            "TIME_WAIT CLOSE 6",
            "LAST_ACK CLOSE 6",
        ),
    ] {
        let told = &script.tell().connections[0];
        assert_eq!(last(told, Side::Client), client, "{told:#?}");
        assert_eq!(last(told, Side::Server), server, "{told:#?}");
    }
}

#[test]
fn a_reset_after_which_its_sender_goes_on_ends_nothing() {
    let told = &Script::default()
        .opened()
        .server(RST, 1, 1, 0)
        .client(ACK, 1, 1, 3)
        .server(ACK, 1, 4, 0)
        .tell()
        .connections[0];
    assert_eq!(told.lines[3].notes, [Note::ResetIgnored]);
    assert_eq!(state(told, Side::Client), Some(State::Established));
    assert_eq!(state(told, Side::Server), Some(State::Established));
}

#[test]
fn a_fin_that_overtakes_data_arrives_with_them() {
    let told = &Script::default()
        .opened()
        .client(FIN, 6, 1, 0)
        .server(ACK, 1, 1, 0)
        .client(ACK, 1, 1, 5)
        .server(ACK, 1, 7, 0)
        .tell()
        .connections[0];
    assert_eq!(told.lines[3].notes, [Note::Gap(5), Note::Closes]);
    assert_eq!(told.lines[5].notes, [Note::FillsGap]);
    assert_eq!(last(told, Side::Server), "ESTABLISHED CLOSE_WAIT 6");
}

#[test]
fn what_the_capture_lacks_is_said_and_does_not_stop_the_story() {
    // The server's FIN was not captured; that it came shows in what is acknowledged.
    let told = &Script::default()
        .opened()
        .client(FIN, 1, 1, 0)
        .client(ACK, 2, 2, 0)
        .tell()
        .connections[0];
    assert_eq!(told.lines[4].notes, [Note::NotCaptured(1)]);
    assert_eq!(state(told, Side::Client), Some(State::FinWait1));
}

#[test]
fn in_the_middle_nothing_is_known_but_what_packets_tell() {
    let told = &Script::default().client(ACK, 1, 1, 0).tell().connections[0];
    assert!(!told.from_the_beginning && !told.opener_is_known);
    assert_eq!(
        (state(told, Side::Client), state(told, Side::Server)),
        (None, None)
    );
    assert!(edges(told, Side::Client).is_empty());

    // A FIN alone: its sender closed, first or last.
    let told = &Script::default()
        .client(FIN, 1, 1, 0)
        .server(ACK, 1, 2, 0)
        .tell()
        .connections[0];
    let possible = |side: Side| &told.ends[side as usize].states[..];
    assert_eq!(possible(Side::Client), [State::FinWait2, State::Close]);
}

#[test]
fn a_capture_that_begins_with_the_answer_knows_who_opened() {
    let told = &Script::default()
        .server(SYN_ACK, 0, 1, 0)
        .client(ACK, 1, 1, 0)
        .tell()
        .connections[0];
    assert!(told.opener_is_known && !told.from_the_beginning);
    assert_eq!(edges(told, Side::Client), ["SYN_SENT ESTABLISHED 1"]);
    assert_eq!(edges(told, Side::Server), ["SYN_RECV ESTABLISHED 2"]);
}
