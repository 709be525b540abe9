//! A capture for people: a line per packet, what it made of each side, and how both stand at the end.

use std::io;

use tcpmon_common::State;

use super::WireLook;
use crate::core::wire::{
    Connection, FinalState, Ground, Line, Move, Note, Reading, Seen, Side, TIME_WAIT_NS,
};
use crate::view::format::{Charset, age, count};
use crate::view::print::table;

/// More packets in a row that change nothing are one line.
const LONGEST_RUN: usize = 8;

const TITLES: [&str; 6] = ["#", "TIME", "PACKET", "CLIENT", "SERVER", ""];
const RIGHT: [bool; 6] = [true, true, false, false, false, false];

pub(super) fn capture(
    out: &mut dyn io::Write,
    reading: &Reading,
    connections: &[(usize, &Connection)],
    look: WireLook,
) -> io::Result<()> {
    for (position, (number, told)) in connections.iter().enumerate() {
        if position > 0 {
            writeln!(out)?;
        }
        writeln!(out, "{}", heading(*number, told, look.charset))?;
        for sentence in caveats(told) {
            writeln!(out, "{sentence}")?;
        }
        writeln!(out)?;
        table::aligned(out, &lines(told, look), &RIGHT)?;
        writeln!(out)?;
        for side in Side::BOTH {
            let end = &told.ends[side as usize];
            writeln!(out, "{}  {}", side_name(side), standing(end, look.charset))?;
        }
    }
    let sentences = left_out(reading);
    if !sentences.is_empty() && !connections.is_empty() {
        writeln!(out)?;
    }
    sentences
        .iter()
        .try_for_each(|sentence| writeln!(out, "{sentence}"))
}

const fn side_name(side: Side) -> &'static str {
    match side {
        Side::Client => "client",
        Side::Server => "server",
    }
}

fn plural(number: u64, one: &str) -> String {
    match number {
        1 => format!("1 {one}"),
        number => format!("{} {one}s", count(number)),
    }
}

fn seconds(nanoseconds: u64) -> f64 {
    nanoseconds as f64 / 1e9
}

fn lasted(nanoseconds: u64, is_lower_bound: bool, charset: Charset) -> String {
    match nanoseconds {
        0..1_000_000 if !is_lower_bound => {
            format!("{} µs", nanoseconds / 1000).replace('µ', charset.pick("µ", "u"))
        }
        _ => age(seconds(nanoseconds), is_lower_bound, charset),
    }
}

fn heading(number: usize, told: &Connection, charset: Charset) -> String {
    let [there, back] = told.totals.bytes.map(|bytes| plural(bytes, "byte"));
    let repeated: u64 = told.totals.repeated.iter().sum();
    let repeated = match repeated {
        0 => String::new(),
        repeated => format!(", {} sent again", count(repeated)),
    };
    format!(
        "connection {number}: client {}, server {}; {} in {}, {there} to the server, {back} back{repeated}",
        told.client,
        told.server,
        plural(told.totals.packets, "packet"),
        lasted(told.lasted_ns, false, charset),
    )
}

fn caveats(told: &Connection) -> Vec<&'static str> {
    let mut sentences = Vec::new();
    if !told.from_the_beginning {
        sentences.push(
            "The capture begins in the middle: a state is not known until a packet tells it; \
             sequence numbers count from the first seen.",
        );
    }
    if !told.opener_is_known {
        sentences.push("Who opened the connection was not seen: the side with the lower port is called the server.");
    }
    sentences
}

/// The lines of the table, the heading among them.
fn lines(told: &Connection, look: WireLook) -> Vec<Vec<String>> {
    let mut lines = vec![TITLES.map(str::to_owned).to_vec()];
    let mut rest = &told.lines[..];
    while let Some(line) = rest.first() {
        let run = rest.iter().take_while(|line| is_quiet(line)).count();
        if run > LONGEST_RUN && !look.all_packets {
            lines.push(folded(&rest[..run], look.charset));
            rest = &rest[run..];
            continue;
        }
        lines.push(cells(line, look.charset));
        rest = &rest[1..];
    }
    lines
}

/// Nothing changed with it, and it says nothing of SYN, FIN or RST.
fn is_quiet(line: &Line) -> bool {
    let is_plain = |note: &Note| {
        matches!(
            note,
            Note::SentAgain(None)
                | Note::FillsGap
                | Note::Gap(_)
                | Note::KeepAlive
                | Note::NotCaptured(_)
        )
    };
    line.moves.is_empty() && line.notes.iter().all(is_plain)
}

/// Many packets on one line, with a count of what was said of them.
fn folded(run: &[Line], charset: Charset) -> Vec<String> {
    let packets = run.iter().filter_map(|line| line.packet);
    let bytes = |side: Side| {
        let own = packets.clone().filter(|packet| packet.from == side);
        own.map(|packet| u64::from(packet.length)).sum::<u64>()
    };
    let with = |test: fn(&Note) -> bool| {
        run.iter()
            .filter(|line| line.notes.iter().any(test))
            .count() as u64
    };
    let notes = [
        (
            with(|note| matches!(note, Note::SentAgain(_))),
            "sent again",
        ),
        (with(|note| matches!(note, Note::FillsGap)), "out of order"),
        (
            with(|note| matches!(note, Note::NotCaptured(_))),
            "for bytes not captured",
        ),
        (with(|note| matches!(note, Note::KeepAlive)), "keep-alive"),
    ];
    let notes: Vec<String> = notes
        .into_iter()
        .filter(|(number, _)| *number > 0)
        .map(|(number, what)| format!("{} {what}", count(number)))
        .collect();
    let dots = charset.pick("…", "...");
    let time_ns = run.last().map_or(0, |line| line.time_ns);
    let text = format!(
        "{dots} {} that change nothing: {} {}, {} {}",
        plural(run.len() as u64, "packet"),
        charset.pick("→", "->"),
        plural(bytes(Side::Client), "byte"),
        charset.pick("←", "<-"),
        plural(bytes(Side::Server), "byte"),
    );
    vec![
        dots.to_owned(),
        time(time_ns),
        text,
        String::new(),
        String::new(),
        notes.join(", "),
    ]
}

/// Seconds since the first packet, to the microsecond.
fn time(nanoseconds: u64) -> String {
    format!(
        "{}.{:06}",
        nanoseconds / 1_000_000_000,
        nanoseconds % 1_000_000_000 / 1000
    )
}

fn cells(line: &Line, charset: Charset) -> Vec<String> {
    let number = line.packet.map(|packet| packet.number);
    let mut notes: Vec<String> = line
        .moves
        .iter()
        .filter_map(|edge| remark(edge, charset))
        .collect();
    notes.extend(line.notes.iter().map(|note| note_text(*note)));
    vec![
        number.map_or_else(|| "-".to_owned(), |number| number.to_string()),
        time(line.time_ns),
        line.packet
            .map_or_else(|| "no packet".to_owned(), |packet| shown(packet, charset)),
        chain(line, Side::Client, charset),
        chain(line, Side::Server, charset),
        notes.join("; "),
    ]
}

fn shown(packet: Seen, charset: Charset) -> String {
    let arrow = match packet.from {
        Side::Client => charset.pick("→", "->"),
        Side::Server => charset.pick("←", "<-"),
    };
    let flags = packet.flags.names();
    let mut text = format!("{arrow} {flags} seq {}", packet.seq);
    if let Some(ack) = packet.ack {
        text.push_str(&format!(" ack {ack}"));
    }
    if packet.length > 0 {
        text.push_str(&format!(" len {}", packet.length));
    }
    text
}

/// `ESTABLISHED → FIN_WAIT1`; `? →` where the state before is not known; `(by 5)` where another
/// packet than that of the line caused it.
fn chain(line: &Line, side: Side, charset: Charset) -> String {
    let arrow = charset.pick("→", "->");
    let own = line.packet.map(|packet| Ground::Packet(packet.number));
    let mut text = String::new();
    let mut last = None;
    for edge in line.moves.iter().filter(|edge| edge.side == side) {
        if last.is_none() || last != edge.from {
            if !text.is_empty() {
                text.push_str(", ");
            }
            text.push_str(edge.from.map_or("?", State::name));
        }
        text.push_str(&format!(" {arrow} {}", edge.to));
        if let Ground::Packet(number) = edge.ground
            && own != Some(edge.ground)
        {
            text.push_str(&format!(" (by {number})"));
        }
        last = Some(edge.to);
    }
    text
}

/// What an edge says beyond itself.
fn remark(edge: &Move, charset: Charset) -> Option<String> {
    let side = side_name(edge.side);
    match (edge.ground, edge.from, edge.after_ns) {
        (Ground::Timer, ..) => Some(format!("{side}: the 60 s of TIME_WAIT are over")),
        (Ground::Reuse(number), ..) => Some(format!(
            "{side}: packet {number} opens another connection in its place"
        )),
        (_, Some(State::CloseWait), Some(after)) => Some(format!(
            "{side}: CLOSE_WAIT lasted {}",
            lasted(after, edge.after_is_lower_bound, charset)
        )),
        _ => None,
    }
}

/// The word of a note in JSON.
pub(super) const fn note_word(note: Note) -> &'static str {
    match note {
        Note::SentAgain(_) => "sent_again",
        Note::Gap(_) => "gap",
        Note::FillsGap => "fills_gap",
        Note::NotCaptured(_) => "not_captured",
        Note::KeepAlive => "keep_alive",
        Note::Refused => "refused",
        Note::ResetIgnored => "reset_ignored",
        Note::Unexpected => "unexpected",
        Note::Unanswered => "unanswered",
        Note::Closes => "closes",
    }
}

/// What a note says.
pub(super) fn note_text(note: Note) -> String {
    match note {
        Note::SentAgain(Some(first)) => {
            format!("packet {first} sent again: it, or its answer, was lost or late")
        }
        Note::SentAgain(None) => {
            "sent again: lost or late the first time, or its answer was".to_owned()
        }
        Note::Gap(bytes) => format!(
            "{} before it not seen yet: lost, late or not captured",
            plural(bytes, "byte")
        ),
        Note::FillsGap => "late: out of order, or sent again after a loss".to_owned(),
        Note::NotCaptured(bytes) => format!(
            "acknowledges {} that the capture lacks",
            plural(bytes, "byte")
        ),
        Note::KeepAlive => "keep-alive".to_owned(),
        Note::Refused => "refused: nobody listens there, or a firewall says so".to_owned(),
        Note::ResetIgnored => {
            "its sender goes on after this reset: it may be somebody else's".to_owned()
        }
        Note::Unexpected => "does not fit what came before".to_owned(),
        Note::Unanswered => "nobody answers: whether it arrived is not known".to_owned(),
        Note::Closes => "close(), or shutdown() for writing".to_owned(),
    }
}

/// How a side stands when the capture ends.
fn standing(end: &FinalState, charset: Charset) -> String {
    let Some(state) = end.known() else {
        let names: Vec<&str> = end.states.iter().map(|state| state.name()).collect();
        return format!("not known when the capture ends: {}", names.join(" or "));
    };
    let bound = end.age_is_lower_bound;
    let since = end.age_ns.map(|age_ns| lasted(age_ns, bound, charset));
    match (state, since) {
        (State::Close, _) => "CLOSE".to_owned(),
        (State::TimeWait, Some(since)) => format!(
            "still in TIME_WAIT when the capture ends, {since} of {} s",
            TIME_WAIT_NS / 1_000_000_000
        ),
        (State::CloseWait, Some(since)) => format!(
            "still in CLOSE_WAIT when the capture ends, for {since}: its process has not closed"
        ),
        (State::FinWait2, Some(since)) => format!(
            "still in FIN_WAIT2 when the capture ends, for {since}, unless its process has closed: \
             then Linux drops it after net.ipv4.tcp_fin_timeout, 60 s by default"
        ),
        (state, Some(since)) => format!("still in {state} when the capture ends, for {since}"),
        (state, None) => state.name().to_owned(),
    }
}

/// What was left out, a sentence each.
pub(super) fn left_out(reading: &Reading) -> Vec<String> {
    let left_out = reading.left_out;
    let mut sentences: Vec<String> = [
        (left_out.not_tcp, "not TCP over IP"),
        (left_out.fragments, "a fragment of an IP datagram, which is not put together"),
        (left_out.cut, "cut off before the end of the TCP flags: capture with a larger snap length (tcpdump -s)"),
        (left_out.malformed, "malformed, or without a time or interface"),
        (left_out.unknown_link, "of a link layer that is not known here"),
    ]
    .into_iter()
    .filter(|(number, _)| *number > 0)
    .map(|(number, what)| format!("{} left out: {what}", plural(number, "packet")))
    .collect();
    sentences.extend(
        reading
            .trouble
            .iter()
            .map(|trouble| format!("The file: {trouble}.")),
    );
    sentences
}
