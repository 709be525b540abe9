//! The TCP state machine: every edge of RFC 9293 and of Linux, and what it means.
//!
//! Source: RFC 9293 section 3.3.2 (the diagram) and section 3.10; `tcp_set_state` and
//! `inet_sk_set_state` and their callers in `net/ipv4/`.

use tcpmon_common::State;
use tcpmon_common::State::{
    Close, CloseWait, Closing, Established, FinWait1, FinWait2, LastAck, Listen, NewSynRecv,
    SynRecv, SynSent, TimeWait,
};

/// Who knows an edge.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Origin {
    /// In the RFC's diagram, and announced by Linux.
    Rfc,
    /// In the RFC, but Linux does it in silence: minisocks and request sockets have no tracepoint.
    RfcSilent,
    /// In the RFC, but Linux never takes it.
    RfcOnly,
    /// Linux only: announced where the RFC has another edge or none.
    Linux,
    /// Linux only, and silent.
    LinuxSilent,
    /// The state did not change (`close()` of a half-closed socket, `ss -K` of a listener).
    SelfLoop,
    /// Not in the RFC and not in Linux: events were lost, or the kernel is new to us.
    Unknown,
}

/// What an edge means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EdgeKind {
    /// `listen()`.
    Listening,
    /// The listener is gone.
    ListenerClosed,
    /// `connect()`: our SYN goes out.
    ActiveOpen,
    /// A SYN came in.
    PassiveOpen,
    /// Both sides sent a SYN at once.
    SimultaneousOpen,
    /// The handshake is complete.
    Established,
    /// The handshake failed, or was given up.
    OpenFailed,
    /// Our FIN goes out first.
    ActiveClose,
    /// The peer's FIN came first.
    PassiveClose,
    /// Both sides sent a FIN at once.
    SimultaneousClose,
    /// The peer acknowledged our FIN.
    FinAcknowledged,
    /// Our FIN goes out after the peer's.
    LastFin,
    /// The connection ended in order.
    Closed,
    /// What is left of the connection is a minisock: TIME_WAIT, or FIN_WAIT2 without a process.
    HandedOver,
    /// Both FINs are done; the waiting begins.
    WaitBegins,
    /// The waiting is over.
    WaitEnds,
    /// The connection ended by a reset, an error, a time-out or the owner's abort.
    Aborted,
    /// A half-open request became a full socket.
    RequestCompleted,
    /// A half-open request was dropped.
    RequestDropped,
    /// The state did not change.
    SelfLoop,
    /// None of the above.
    Unknown,
}

impl EdgeKind {
    /// The phrase users read.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Listening => "listen",
            Self::ListenerClosed => "listener closed",
            Self::ActiveOpen => "active open",
            Self::PassiveOpen => "passive open",
            Self::SimultaneousOpen => "simultaneous open",
            Self::Established => "established",
            Self::OpenFailed => "open failed",
            Self::ActiveClose => "active close",
            Self::PassiveClose => "passive close",
            Self::SimultaneousClose => "simultaneous close",
            Self::FinAcknowledged => "FIN acknowledged",
            Self::LastFin => "last FIN",
            Self::Closed => "closed",
            Self::HandedOver => "handed over to a minisock",
            Self::WaitBegins => "wait begins",
            Self::WaitEnds => "wait ends",
            Self::Aborted => "aborted",
            Self::RequestCompleted => "request completed",
            Self::RequestDropped => "request dropped",
            Self::SelfLoop => "no change",
            Self::Unknown => "unknown edge",
        }
    }
}

/// An edge of the diagram.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Edge {
    /// State before.
    pub from: State,
    /// State after.
    pub to: State,
    /// What it means.
    pub kind: EdgeKind,
    /// Who knows it.
    pub origin: Origin,
}

const fn known(from: State, to: State, kind: EdgeKind, origin: Origin) -> Edge {
    Edge {
        from,
        to,
        kind,
        origin,
    }
}

/// Every edge there is, self-loops aside.
pub const EDGES: &[Edge] = &[
    known(Close, Listen, EdgeKind::Listening, Origin::Rfc),
    known(Close, SynSent, EdgeKind::ActiveOpen, Origin::Rfc),
    known(Listen, Close, EdgeKind::ListenerClosed, Origin::Rfc),
    known(Listen, SynRecv, EdgeKind::PassiveOpen, Origin::Rfc),
    // A listener that sends becomes a client (RFC 9293 section 3.10.2); Linux refuses.
    known(Listen, SynSent, EdgeKind::ActiveOpen, Origin::RfcOnly),
    known(
        Listen,
        NewSynRecv,
        EdgeKind::PassiveOpen,
        Origin::LinuxSilent,
    ),
    known(
        NewSynRecv,
        SynRecv,
        EdgeKind::RequestCompleted,
        Origin::LinuxSilent,
    ),
    known(
        NewSynRecv,
        Close,
        EdgeKind::RequestDropped,
        Origin::LinuxSilent,
    ),
    known(SynSent, Established, EdgeKind::Established, Origin::Rfc),
    known(SynSent, SynRecv, EdgeKind::SimultaneousOpen, Origin::Rfc),
    known(SynSent, Close, EdgeKind::OpenFailed, Origin::Rfc),
    known(SynRecv, Established, EdgeKind::Established, Origin::Rfc),
    // close() before the last ACK of the handshake: TCP Fast Open and simultaneous open.
    known(SynRecv, FinWait1, EdgeKind::ActiveClose, Origin::Rfc),
    // tcp_fin() accepts a FIN here (RFC 9293 section 3.10.7.4, eighth).
    known(SynRecv, CloseWait, EdgeKind::PassiveClose, Origin::Rfc),
    known(SynRecv, Close, EdgeKind::OpenFailed, Origin::Linux),
    // A reset returns a passive open to LISTEN; in Linux the listener never left it.
    known(SynRecv, Listen, EdgeKind::OpenFailed, Origin::RfcOnly),
    known(Established, FinWait1, EdgeKind::ActiveClose, Origin::Rfc),
    known(Established, CloseWait, EdgeKind::PassiveClose, Origin::Rfc),
    known(Established, Close, EdgeKind::Aborted, Origin::Rfc),
    known(FinWait1, FinWait2, EdgeKind::FinAcknowledged, Origin::Rfc),
    known(FinWait1, Closing, EdgeKind::SimultaneousClose, Origin::Rfc),
    // FIN and ACK in one segment; Linux goes through FIN_WAIT2 within microseconds.
    known(FinWait1, TimeWait, EdgeKind::WaitBegins, Origin::RfcOnly),
    known(FinWait1, Close, EdgeKind::Aborted, Origin::Rfc),
    known(FinWait2, TimeWait, EdgeKind::WaitBegins, Origin::RfcSilent),
    known(FinWait2, Close, EdgeKind::HandedOver, Origin::Linux),
    known(Closing, TimeWait, EdgeKind::WaitBegins, Origin::RfcSilent),
    known(Closing, Close, EdgeKind::HandedOver, Origin::Linux),
    known(TimeWait, Close, EdgeKind::WaitEnds, Origin::RfcSilent),
    known(CloseWait, LastAck, EdgeKind::LastFin, Origin::Rfc),
    known(CloseWait, Close, EdgeKind::Aborted, Origin::Rfc),
    known(LastAck, Close, EdgeKind::Closed, Origin::Rfc),
];

/// Rows and columns are the kernel's state numbers.
const SIDE: usize = State::ALL.len() + 1;

const INDEX: [[Option<(EdgeKind, Origin)>; SIDE]; SIDE] = {
    let mut index = [[None; SIDE]; SIDE];
    let mut at = 0;
    while at < EDGES.len() {
        let edge = EDGES[at];
        index[edge.from as usize][edge.to as usize] = Some((edge.kind, edge.origin));
        at += 1;
    }
    index
};

/// The edge from one state to another. Total: what is in no diagram is [`EdgeKind::Unknown`].
#[must_use]
pub const fn edge(from: State, to: State) -> Edge {
    if from as u8 == to as u8 {
        return known(from, to, EdgeKind::SelfLoop, Origin::SelfLoop);
    }
    match INDEX[from as usize][to as usize] {
        Some((kind, origin)) => known(from, to, kind, origin),
        None => known(from, to, EdgeKind::Unknown, Origin::Unknown),
    }
}

/// Whether the kernel announces this edge on the tracepoint.
#[must_use]
pub const fn is_announced(edge: Edge) -> bool {
    matches!(edge.origin, Origin::Rfc | Origin::Linux)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_of_the_144_pairs_has_one_meaning() {
        let mut known_pairs = 0;
        for from in State::ALL {
            for to in State::ALL {
                let edge = edge(from, to);
                assert_eq!((edge.from, edge.to), (from, to));
                let listed = EDGES
                    .iter()
                    .filter(|e| e.from == from && e.to == to)
                    .count();
                match edge.origin {
                    Origin::SelfLoop => assert_eq!((from == to, listed), (true, 0)),
                    Origin::Unknown => assert_eq!((from == to, listed), (false, 0)),
                    _ => {
                        known_pairs += 1;
                        assert_eq!(listed, 1, "{from} -> {to} is listed once");
                    }
                }
            }
        }
        assert_eq!(known_pairs, EDGES.len());
    }

    #[test]
    fn the_diagram_of_rfc_9293_is_complete() {
        // Section 3.3.2, figure 5, edge by edge.
        for (from, to) in [
            (Close, Listen),
            (Close, SynSent),
            (Listen, Close),
            (Listen, SynRecv),
            (Listen, SynSent),
            (SynSent, Close),
            (SynSent, SynRecv),
            (SynSent, Established),
            (SynRecv, Listen),
            (SynRecv, FinWait1),
            (SynRecv, Established),
            (Established, FinWait1),
            (Established, CloseWait),
            (FinWait1, FinWait2),
            (FinWait1, Closing),
            (FinWait1, TimeWait),
            (CloseWait, LastAck),
            (FinWait2, TimeWait),
            (Closing, TimeWait),
            (LastAck, Close),
            (TimeWait, Close),
        ] {
            let origin = edge(from, to).origin;
            assert!(
                matches!(origin, Origin::Rfc | Origin::RfcSilent | Origin::RfcOnly),
                "{from} -> {to} is in the RFC"
            );
        }
    }

    #[test]
    fn linux_never_announces_time_wait_nor_request_sockets() {
        for edge in EDGES.iter().filter(|edge| is_announced(**edge)) {
            for state in [edge.from, edge.to] {
                assert!(!matches!(state, TimeWait | NewSynRecv), "{edge:?}");
            }
        }
    }

    #[test]
    fn nothing_leads_from_close_but_opening() {
        let openings = EDGES.iter().filter(|edge| edge.from == Close);
        assert!(
            openings
                .clone()
                .all(|edge| matches!(edge.kind, EdgeKind::Listening | EdgeKind::ActiveOpen))
        );
        assert_eq!(openings.count(), 2);
    }
}
