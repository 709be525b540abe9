//! The state machine run over packets: what a capture says of both endpoints of a connection.
//!
//! A packet tells what its *sender* did. What its receiver made of it is only known when the
//! receiver answers, so that the whole connection is looked at before any edge is claimed: the
//! arrival of a SYN or FIN is taken from the packet that acknowledges it, and placed at the last
//! transmission that can have caused it. What nobody answered may not have arrived, and moves nobody.
//! The last acknowledgement of a side is taken to have arrived unless what it acknowledges is sent
//! again; so is a reset, after the last packet of the side it is sent to.
//!
//! An endpoint is in one of a set of states; when one is left, it is known. A capture that begins in
//! the middle begins with all that are possible.
//!
//! Source: RFC 9293 section 3.10.7; for what Linux does otherwise, [`crate::core::fsm`].

mod arrivals;
mod connection;
mod endpoint;
mod grouping;
mod notes;
mod reading;
mod segment;
mod story;

use std::net::SocketAddr;

pub use connection::{Connection, FinalState, Ground, Line, Move, Seen, Side, Totals};
pub use grouping::Capture;
pub use notes::Note;
pub use reading::{LeftOut, Reading};

/// How long Linux keeps TIME_WAIT: `TCP_TIMEWAIT_LEN` of `include/net/tcp.h`, 60 s.
pub const TIME_WAIT_NS: u64 = 60_000_000_000;

/// The control bits of a segment (RFC 9293 section 3.1) that matter here.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Flags(u8);

impl Flags {
    /// No more data from the sender.
    pub const FIN: Self = Self(0x01);
    /// Synchronise sequence numbers.
    pub const SYN: Self = Self(0x02);
    /// Reset the connection.
    pub const RST: Self = Self(0x04);
    /// Push.
    pub const PSH: Self = Self(0x08);
    /// The acknowledgement number counts.
    pub const ACK: Self = Self(0x10);

    /// The low byte of the flags in a TCP header.
    #[must_use]
    pub const fn from_byte(byte: u8) -> Self {
        Self(byte)
    }

    /// Both sets of bits.
    #[must_use]
    pub const fn and(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// Whether a bit is set.
    #[must_use]
    pub const fn has(self, flag: Self) -> bool {
        self.0 & flag.0 == flag.0
    }

    /// `SYN ACK`; empty when none of the known bits is set.
    #[must_use]
    pub fn names(self) -> String {
        let known = [
            (Self::SYN, "SYN"),
            (Self::FIN, "FIN"),
            (Self::RST, "RST"),
            (Self::PSH, "PSH"),
            (Self::ACK, "ACK"),
        ];
        let set: Vec<&str> = known
            .into_iter()
            .filter_map(|(flag, name)| self.has(flag).then_some(name))
            .collect();
        set.join(" ")
    }
}

/// What is known of one packet: the facts a capture gives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Packet {
    /// Number in the capture, from 1, as other tools count.
    pub number: u64,
    /// Nanoseconds since the epoch.
    pub time_ns: u64,
    /// Who sent it.
    pub source: SocketAddr,
    /// Whom it is for.
    pub destination: SocketAddr,
    /// Sequence number.
    pub seq: u32,
    /// Acknowledgement number; means nothing without [`Flags::ACK`].
    pub ack: u32,
    /// Control bits.
    pub flags: Flags,
    /// Bytes of payload, captured or not.
    pub length: u32,
}

#[cfg(test)]
mod tests;
