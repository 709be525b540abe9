//! The story of one connection: what happened, put in order, and the edges that follow.

use std::net::SocketAddr;

use tcpmon_common::State;

use super::arrivals::{Arrival, When, Wire};
use super::connection::{Connection, FinalState, Ground, Line, Move, Seen, Side, Totals};
use super::endpoint::{Endpoint, Happening, SYNCHRONISED};
use super::notes::{self, BothSent, Note};
use super::segment::{Segment, segments};
use super::{Flags, Packet, TIME_WAIT_NS};
use crate::core::fsm;

/// The packet that opens another connection between the same addresses and ports.
#[derive(Clone, Copy, Debug)]
pub(super) struct Successor {
    pub(super) number: u64,
    pub(super) time_ns: u64,
}

/// Tells what the packets of one connection say.
pub(super) fn tell(
    packets: &[Packet],
    client: SocketAddr,
    opener_is_known: bool,
    successor: Option<Successor>,
    end_ns: u64,
) -> Connection {
    let segments = segments(packets, client);
    let wire = Wire::new(&segments);
    let has_syn = wire.first(Side::Client, Flags::SYN).is_some();
    let mut told = Told::new(&segments, wire, has_syn);
    let happenings = happenings(wire);
    let mut next = 0;
    for (index, segment) in segments.iter().enumerate() {
        told.begin(index, segment);
        while let Some(event) = happenings.get(next).filter(|event| event.at <= index) {
            told.happen(event);
            next += 1;
        }
        told.end(index);
    }
    told.wait(successor, end_ns);
    let first = packets.first();
    let server = first.map_or(client, |packet| match packet.source == client {
        true => packet.destination,
        false => packet.source,
    });
    Connection {
        client,
        server,
        opener_is_known,
        from_the_beginning: has_syn,
        first_ns: told.first_ns,
        lasted_ns: told.last_ns.saturating_sub(told.first_ns),
        ends: told.ends(end_ns),
        lines: told.lines,
        totals: told.totals,
    }
}

/// Something that happens to one side.
struct Event {
    /// Index of the packet with which it shows.
    at: usize,
    when: When,
    happening: Happening,
    side: Side,
    /// Index of the packet that caused it.
    by: usize,
}

/// Everything that happens, in order.
fn happenings(wire: Wire<'_>) -> Vec<Event> {
    let resets = Side::BOTH.map(|side| wire.reset_by(side));
    let mut events = Vec::new();
    let mut sent = BothSent::default();
    for (index, segment) in wire.segments.iter().enumerate() {
        let is_new = sent[segment.from.index()].is_new(segment);
        sent[segment.from.index()].take(segment, &mut Totals::default(), &mut Vec::new());
        let own = sending(wire, resets, index, segment, is_new);
        events.extend(own.into_iter().map(|(side, happening)| Event {
            at: index,
            when: When::Sending,
            happening,
            side,
            by: index,
        }));
    }
    for side in Side::BOTH {
        let other = side.other();
        let arrivals = [
            (
                side,
                Happening::SynAcked,
                wire.acknowledged(side, Flags::SYN),
            ),
            (
                side,
                Happening::FinAcked,
                wire.acknowledged(side, Flags::FIN),
            ),
            (other, Happening::GotSyn, wire.arrived(side, Flags::SYN)),
            (other, Happening::GotFin, wire.arrived(side, Flags::FIN)),
            (side, Happening::GotRst, wire.reset_of(side)),
        ];
        let arrivals = arrivals
            .into_iter()
            .filter_map(|(side, happening, arrival)| {
                let Arrival { by, at, when } = arrival?;
                Some(Event {
                    at,
                    when,
                    happening,
                    side,
                    by,
                })
            });
        events.extend(arrivals);
    }
    events.sort_by_key(|event| (event.at, event.when, event.happening));
    events
}

/// What the sending of a packet says of both sides.
fn sending(
    wire: Wire<'_>,
    resets: [Option<usize>; 2],
    index: usize,
    segment: &Segment,
    is_new: bool,
) -> Vec<(Side, Happening)> {
    let side = segment.from;
    let is_first = |flag| wire.first(side, flag) == Some(index);
    if segment.has(Flags::RST) {
        let ends = resets[side.index()] == Some(index);
        return ends
            .then_some((side, Happening::SentRst))
            .into_iter()
            .collect();
    }
    let mut all = Vec::new();
    if segment.opens() {
        all.extend(is_first(Flags::SYN).then_some((side, Happening::SentSyn)));
        return all;
    }
    if segment.has(Flags::SYN) {
        // Again, it says nothing that was not known.
        all.extend(is_new.then_some((side, Happening::SentSynAck)));
        return all;
    }
    if segment.has(Flags::ACK) {
        all.push((side, Happening::SentAck));
    }
    if is_new {
        all.push((side.other(), Happening::PeerStillOpen));
        all.push((side, Happening::SentData));
    }
    if segment.has(Flags::FIN) && is_first(Flags::FIN) {
        all.push((side, Happening::SentFin));
    }
    all
}

/// When a side entered its state.
#[derive(Clone, Copy, Debug)]
struct Entry {
    time_ns: u64,
    is_lower_bound: bool,
}

/// The story as far as it is told.
struct Told<'a> {
    segments: &'a [Segment],
    wire: Wire<'a>,
    resets: [Option<usize>; 2],
    first_ns: u64,
    last_ns: u64,
    endpoints: [Endpoint; 2],
    entries: [Option<Entry>; 2],
    sent: BothSent,
    totals: Totals,
    lines: Vec<Line>,
}

impl<'a> Told<'a> {
    fn new(segments: &'a [Segment], wire: Wire<'a>, has_syn: bool) -> Self {
        let answered = wire.first(Side::Server, Flags::SYN).is_some();
        let endpoints = match (has_syn, answered) {
            (true, _) => [Endpoint::opener(), Endpoint::addressed()],
            (false, true) => [Endpoint::opening(), Endpoint::answering()],
            (false, false) => [Endpoint::new(SYNCHRONISED); 2],
        };
        Self {
            segments,
            wire,
            resets: Side::BOTH.map(|side| wire.reset_by(side)),
            first_ns: segments.first().map_or(0, |segment| segment.time_ns),
            last_ns: segments.last().map_or(0, |segment| segment.time_ns),
            endpoints,
            entries: [None; 2],
            sent: BothSent::default(),
            totals: Totals::default(),
            lines: Vec::new(),
        }
    }

    fn begin(&mut self, index: usize, segment: &Segment) {
        let mut notes = Vec::new();
        self.totals.packets += 1;
        if let Some(ack) = segment.ack.filter(|_| !segment.has(Flags::RST)) {
            notes::other(&mut self.sent, segment.from).acknowledged(ack, &mut notes);
        }
        self.sent[segment.from.index()].take(segment, &mut self.totals, &mut notes);
        notes.extend(self.remarks(index, segment));
        self.lines.push(Line {
            packet: Some(Seen {
                number: segment.number,
                from: segment.from,
                flags: segment.flags,
                seq: segment.start,
                ack: segment.ack,
                length: segment.length,
            }),
            // A capture of several queues is not quite in order.
            time_ns: segment.time_ns.saturating_sub(self.first_ns),
            moves: Vec::new(),
            notes,
        });
    }

    /// What only the rest of the connection tells of a packet.
    fn remarks(&self, index: usize, segment: &Segment) -> Vec<Note> {
        let side = segment.from;
        let mut notes = Vec::new();
        if segment.has(Flags::RST) {
            match self.resets[side.index()] {
                None => notes.push(Note::ResetIgnored),
                Some(_) if self.wire.only_answers_a_syn(side, index) => notes.push(Note::Refused),
                Some(_) => {}
            }
            return notes;
        }
        if segment.has(Flags::FIN) && self.wire.first(side, Flags::FIN) == Some(index) {
            notes.push(Note::Closes);
        }
        for flag in [Flags::SYN, Flags::FIN] {
            let is_last = segment.has(flag) && self.wire.last(side, flag) == Some(index);
            let other = side.other();
            let refused = self
                .wire
                .first(other, Flags::RST)
                .is_some_and(|reset| reset > index);
            if is_last && !refused && self.wire.arrived(side, flag).is_none() {
                notes.push(Note::Unanswered);
            }
        }
        notes
    }

    fn happen(&mut self, event: &Event) {
        let side = event.side.index();
        let before = self.endpoints[side].states;
        let outcome = self.endpoints[side].meet(event.happening);
        let after = self.endpoints[side].states;
        let Some(line) = self.lines.last_mut() else {
            return;
        };
        if !outcome.fits && !line.notes.contains(&Note::Unexpected) {
            line.notes.push(Note::Unexpected);
        }
        if before == after {
            return;
        }
        let time_ns = line.time_ns;
        let entry = self.entries[side].take();
        let Some(to) = after.known() else {
            return;
        };
        let from = outcome.from.filter(|from| *from != to);
        self.entries[side] = Some(Entry {
            time_ns,
            is_lower_bound: from.is_none(),
        });
        let entry = entry.filter(|_| from.is_some());
        line.moves.push(Move {
            side: event.side,
            from,
            to,
            kind: from.map(|from| fsm::edge(from, to).kind),
            ground: Ground::Packet(self.segments[event.by].number),
            after_ns: entry.map(|entry| time_ns.saturating_sub(entry.time_ns)),
            after_is_lower_bound: entry.is_some_and(|entry| entry.is_lower_bound),
        });
    }

    /// After a packet: a FIN that comes again makes TIME_WAIT begin anew (`tcp_timewait_state_process`).
    fn end(&mut self, index: usize) {
        let segment = &self.segments[index];
        let other = segment.from.other();
        let is_repeated =
            segment.has(Flags::FIN) && self.wire.first(segment.from, Flags::FIN) != Some(index);
        let waits = self.endpoints[other.index()].states.known() == Some(State::TimeWait);
        if let Some(entry) = self.entries[other.index()]
            .as_mut()
            .filter(|_| is_repeated && waits)
        {
            entry.time_ns = segment
                .time_ns
                .saturating_sub(self.first_ns)
                .max(entry.time_ns);
        }
    }

    /// What happens without a packet: the end of TIME_WAIT.
    fn wait(&mut self, successor: Option<Successor>, end_ns: u64) {
        let relative = |time_ns: u64| time_ns.saturating_sub(self.first_ns);
        let successor = successor.map(|next| (relative(next.time_ns), Ground::Reuse(next.number)));
        let end_ns = relative(end_ns);
        let mut overs: Vec<(u64, Side, Ground)> = Vec::new();
        for side in Side::BOTH {
            let waits = self.endpoints[side.index()].states.known() == Some(State::TimeWait);
            let Some(entry) = self.entries[side.index()].filter(|_| waits) else {
                continue;
            };
            let timer = (entry.time_ns.saturating_add(TIME_WAIT_NS), Ground::Timer);
            let over = [
                Some(timer).filter(|(time_ns, _)| *time_ns <= end_ns),
                successor,
            ];
            let over = over
                .into_iter()
                .flatten()
                .min_by_key(|(time_ns, _)| *time_ns);
            overs.extend(over.map(|(time_ns, ground)| (time_ns, side, ground)));
        }
        overs.sort_by_key(|(time_ns, ..)| *time_ns);
        for (time_ns, side, ground) in overs {
            let entry = self.entries[side.index()].take();
            self.endpoints[side.index()].meet(Happening::WaitOver);
            self.entries[side.index()] = Some(Entry {
                time_ns,
                is_lower_bound: false,
            });
            let edge = Move {
                side,
                from: Some(State::TimeWait),
                to: State::Close,
                kind: Some(fsm::edge(State::TimeWait, State::Close).kind),
                ground,
                after_ns: entry.map(|entry| time_ns.saturating_sub(entry.time_ns)),
                after_is_lower_bound: entry.is_some_and(|entry| entry.is_lower_bound),
            };
            self.lines.push(Line {
                packet: None,
                time_ns,
                moves: vec![edge],
                notes: Vec::new(),
            });
        }
    }

    fn ends(&self, end_ns: u64) -> [FinalState; 2] {
        let end_ns = end_ns.saturating_sub(self.first_ns);
        Side::BOTH.map(|side| {
            let states: Vec<State> = self.endpoints[side.index()].states.iter().collect();
            let entry = self.entries[side.index()].filter(|_| states.len() == 1);
            FinalState {
                states,
                age_ns: entry.map(|entry| end_ns.saturating_sub(entry.time_ns)),
                age_is_lower_bound: entry.is_some_and(|entry| entry.is_lower_bound),
            }
        })
    }
}
