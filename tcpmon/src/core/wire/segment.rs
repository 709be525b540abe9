//! Packets of one connection with sequence numbers counted from its beginning.

use super::connection::Side;
use super::{Flags, Packet};

/// A packet as seen within its connection. Sequence numbers are relative: the SYN is 0, the first
/// byte 1; without a SYN the first byte seen is 1. They do not wrap.
#[derive(Clone, Copy, Debug)]
pub(super) struct Segment {
    pub(super) number: u64,
    pub(super) time_ns: u64,
    pub(super) from: Side,
    pub(super) flags: Flags,
    /// The first sequence number it occupies.
    pub(super) start: i64,
    /// The one after the last: payload, SYN and FIN count.
    pub(super) end: i64,
    /// The next byte it expects of the other side.
    pub(super) ack: Option<i64>,
    pub(super) length: u32,
}

impl Segment {
    pub(super) fn has(&self, flag: Flags) -> bool {
        self.flags.has(flag)
    }

    /// A SYN that acknowledges nothing.
    pub(super) fn opens(&self) -> bool {
        self.has(Flags::SYN) && !self.has(Flags::ACK)
    }

    /// Whether it takes up sequence numbers.
    pub(super) fn occupies(&self) -> bool {
        self.end > self.start
    }

    /// Whether it acknowledges everything before `end`.
    pub(super) fn acknowledges(&self, end: i64) -> bool {
        self.ack.is_some_and(|ack| ack >= end)
    }
}

/// Sequence numbers of one side: 32 bits that wrap, made a line.
#[derive(Clone, Copy, Debug, Default)]
struct Origin {
    base: Option<u32>,
    last: i64,
}

impl Origin {
    /// How far `number` is from the beginning: the nearest to the last one looked at.
    fn relative(&mut self, number: u32) -> i64 {
        let base = *self.base.get_or_insert(number.wrapping_sub(1));
        let last = base.wrapping_add(self.last as u32);
        self.last += i64::from(number.wrapping_sub(last) as i32);
        self.last
    }
}

/// The packets of one connection, of which `client` is one side.
pub(super) fn segments(packets: &[Packet], client: std::net::SocketAddr) -> Vec<Segment> {
    let mut origins = [Origin::default(); 2];
    // Where a SYN is in the capture, it is the beginning, wherever it stands.
    for packet in packets
        .iter()
        .rev()
        .filter(|packet| packet.flags.has(Flags::SYN))
    {
        origins[Side::of(packet, client).index()].base = Some(packet.seq);
    }
    packets
        .iter()
        .map(|packet| segment(packet, client, &mut origins))
        .collect()
}

fn segment(packet: &Packet, client: std::net::SocketAddr, origins: &mut [Origin; 2]) -> Segment {
    let from = Side::of(packet, client);
    let flags = packet.flags;
    let own = &mut origins[from.index()];
    let start = match (flags.has(Flags::RST), own.base) {
        // What answers a SYN that nobody wants has no sequence of its own.
        (true, None) => 0,
        _ => own.relative(packet.seq),
    };
    let ack = flags
        .has(Flags::ACK)
        .then(|| origins[from.other().index()].relative(packet.ack));
    let controls = i64::from(flags.has(Flags::SYN)) + i64::from(flags.has(Flags::FIN));
    let occupied = match flags.has(Flags::RST) {
        true => 0,
        false => i64::from(packet.length) + controls,
    };
    Segment {
        number: packet.number,
        time_ns: packet.time_ns,
        from,
        flags,
        start,
        end: start + occupied,
        ack,
        length: packet.length,
    }
}
