//! What was read of a capture: packets, and what had to be left out.

use super::Packet;

/// A capture, as far as it could be read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Reading {
    /// Its TCP packets, in order.
    pub packets: Vec<Packet>,
    /// When its first and last packet of any kind were captured, nanoseconds since the epoch.
    pub span_ns: Option<(u64, u64)>,
    /// Packets of any kind.
    pub total: u64,
    /// What was left out.
    pub left_out: LeftOut,
    /// Why reading ended before the file did, in one sentence.
    pub trouble: Option<String>,
}

/// Packets that are not looked at, by reason.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LeftOut {
    /// Something else than TCP over IP.
    pub not_tcp: u64,
    /// Fragments of IP datagrams; they are not put together.
    pub fragments: u64,
    /// The capture's snap length cut the headers off.
    pub cut: u64,
    /// Headers that contradict themselves.
    pub malformed: u64,
    /// A link layer that is not known here.
    pub unknown_link: u64,
}

impl Reading {
    /// Counts a packet of any kind.
    pub fn saw(&mut self, time_ns: u64) {
        self.total += 1;
        let (first, last) = self.span_ns.unwrap_or((time_ns, time_ns));
        // A capture of several queues is not quite in order.
        self.span_ns = Some((first.min(time_ns), last.max(time_ns)));
    }
}
