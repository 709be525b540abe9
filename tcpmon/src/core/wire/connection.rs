//! What is told of one connection.

use std::net::SocketAddr;

use tcpmon_common::State;

use super::{Flags, Note, Packet};
use crate::core::fsm::EdgeKind;

/// One end of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    /// It sent the first SYN; where that was not seen, only a name.
    Client,
    /// The other.
    Server,
}

impl Side {
    /// Both.
    pub const BOTH: [Self; 2] = [Self::Client, Self::Server];

    pub(super) const fn index(self) -> usize {
        self as usize
    }

    /// The other end.
    #[must_use]
    pub const fn other(self) -> Self {
        match self {
            Self::Client => Self::Server,
            Self::Server => Self::Client,
        }
    }

    pub(super) fn of(packet: &Packet, client: SocketAddr) -> Self {
        match packet.source == client {
            true => Self::Client,
            false => Self::Server,
        }
    }
}

/// Why a state changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ground {
    /// The packet with this number.
    Packet(u64),
    /// The 60 s of TIME_WAIT are over.
    Timer,
    /// The packet with this number opens another connection with the same addresses and ports.
    Reuse(u64),
}

/// An edge of one side.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Move {
    /// Whose.
    pub side: Side,
    /// The state before; `None` when the capture does not tell: then the state is only known from
    /// here on.
    pub from: Option<State>,
    /// The state after.
    pub to: State,
    /// What the edge means, where the state before is known.
    pub kind: Option<EdgeKind>,
    /// What caused it.
    pub ground: Ground,
    /// Nanoseconds spent in the state before.
    pub after_ns: Option<u64>,
    /// The state before began earlier than the capture tells.
    pub after_is_lower_bound: bool,
}

/// A packet, or the end of a waiting, and what followed from it.
#[derive(Clone, Debug, PartialEq)]
pub struct Line {
    /// The packet; `None` for what happened without one.
    pub packet: Option<Seen>,
    /// Nanoseconds since the first packet of the connection.
    pub time_ns: u64,
    /// The edges, in order.
    pub moves: Vec<Move>,
    /// What else is to be said.
    pub notes: Vec<Note>,
}

/// A packet within its connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Seen {
    /// Number in the capture, from 1.
    pub number: u64,
    /// Who sent it.
    pub from: Side,
    /// Control bits.
    pub flags: Flags,
    /// Sequence number, relative: the SYN is 0; without one the first byte seen is 1.
    pub seq: i64,
    /// Acknowledgement number, relative to the other side's.
    pub ack: Option<i64>,
    /// Bytes of payload.
    pub length: u32,
}

/// How a side stands when the capture ends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FinalState {
    /// All states it can be in; one where it is known.
    pub states: Vec<State>,
    /// Nanoseconds in the state until the capture ends; `None` where the state is not known.
    pub age_ns: Option<u64>,
    /// The state began earlier than the capture tells.
    pub age_is_lower_bound: bool,
}

impl FinalState {
    /// The state, where it is known.
    #[must_use]
    pub fn known(&self) -> Option<State> {
        match self.states[..] {
            [state] => Some(state),
            _ => None,
        }
    }
}

/// Counts over a connection.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Totals {
    /// Packets.
    pub packets: u64,
    /// Bytes of payload sent for the first time, by [`Side`] of the sender.
    pub bytes: [u64; 2],
    /// Packets that only repeat what was sent before, by sender.
    pub repeated: [u64; 2],
}

/// What a capture tells of one connection.
#[derive(Clone, Debug, PartialEq)]
pub struct Connection {
    /// Address and port of the side that opened; where that was not seen, of one side.
    pub client: SocketAddr,
    /// The other side.
    pub server: SocketAddr,
    /// Who opened was seen.
    pub opener_is_known: bool,
    /// The capture has its beginning: a SYN.
    pub from_the_beginning: bool,
    /// When its first packet was captured, nanoseconds since the epoch.
    pub first_ns: u64,
    /// How long it lasted from the first to the last of its packets.
    pub lasted_ns: u64,
    /// Packet by packet.
    pub lines: Vec<Line>,
    /// How each [`Side`] stands at the end.
    pub ends: [FinalState; 2],
    /// Counts.
    pub totals: Totals,
}

impl Connection {
    /// Address and port of a side.
    #[must_use]
    pub const fn address(&self, side: Side) -> SocketAddr {
        match side {
            Side::Client => self.client,
            Side::Server => self.server,
        }
    }

    /// The edges of one side, in order.
    pub fn moves(&self, side: Side) -> impl Iterator<Item = &Move> {
        let moves = self.lines.iter().flat_map(|line| &line.moves);
        moves.filter(move |edge| edge.side == side)
    }
}
