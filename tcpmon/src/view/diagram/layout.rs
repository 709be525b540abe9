//! The two layouts.

use tcpmon_common::State;
use tcpmon_common::State::{
    Close, CloseWait, Closing, Established, FinWait1, FinWait2, LastAck, Listen, SynRecv, SynSent,
    TimeWait,
};

use super::{Layout, Node, Path, Text};

const fn node(state: State, column: u16, row: u16) -> Node {
    Node {
        state,
        column,
        row,
        is_repeated: false,
    }
}

const fn again(state: State, column: u16, row: u16) -> Node {
    Node {
        is_repeated: true,
        ..node(state, column, row)
    }
}

const fn text(column: u16, row: u16, words: &'static str) -> Text<'static> {
    Text { column, row, words }
}

const fn path(from: State, to: State, points: &'static [(u16, u16)], label: Text<'static>) -> Path {
    Path {
        from,
        to,
        points,
        label,
    }
}

/// What [`FULL`] leaves free once its notes are not shown: columns and rows at the upper left.
pub const FULL_TOP_LEFT: (u16, u16) = (35, 3);
/// The same: columns of its last row.
pub const FULL_BOTTOM_LEFT: u16 = 38;

/// For a terminal of 100 by 30.
pub static FULL: Layout = Layout {
    width: 100,
    height: 30,
    node_width: 22,
    has_borders: true,
    nodes: &[
        node(Close, 39, 0),
        node(Listen, 39, 5),
        node(SynRecv, 0, 10),
        node(SynSent, 78, 10),
        node(Established, 39, 14),
        node(FinWait1, 0, 18),
        node(CloseWait, 78, 18),
        node(FinWait2, 0, 23),
        node(Closing, 39, 23),
        node(LastAck, 78, 23),
        node(TimeWait, 39, 27),
        again(Close, 78, 27),
    ],
    edges: &[
        path(Close, Listen, &[(44, 2), (44, 4)], text(35, 3, "listen()")),
        path(Listen, Close, &[(48, 5), (48, 3)], text(50, 3, "close()")),
        path(
            Close,
            SynSent,
            &[(60, 1), (94, 1), (94, 9)],
            text(63, 0, "connect(): SYN out"),
        ),
        path(
            SynSent,
            Close,
            &[(84, 10), (84, 4), (59, 4), (59, 3)],
            text(62, 3, "RST, time-out, close()"),
        ),
        path(
            Listen,
            SynRecv,
            &[(39, 6), (10, 6), (10, 9)],
            text(12, 5, "SYN in, SYN+ACK out"),
        ),
        path(
            SynSent,
            SynRecv,
            &[(78, 11), (22, 11)],
            text(32, 10, "SYN in, SYN+ACK out: both at once"),
        ),
        path(
            SynRecv,
            Established,
            &[(16, 12), (16, 15), (38, 15)],
            text(19, 14, "ACK of our SYN"),
        ),
        path(
            SynSent,
            Established,
            &[(88, 12), (88, 15), (61, 15)],
            text(63, 14, "SYN+ACK in, ACK out"),
        ),
        path(
            SynRecv,
            FinWait1,
            &[(4, 12), (4, 17)],
            text(6, 16, "close(): FIN out"),
        ),
        path(
            Established,
            FinWait1,
            &[(44, 16), (44, 19), (22, 19)],
            text(24, 18, "close(): FIN out"),
        ),
        path(
            Established,
            CloseWait,
            &[(55, 16), (55, 19), (77, 19)],
            text(59, 18, "FIN in, ACK out"),
        ),
        path(
            FinWait1,
            FinWait2,
            &[(4, 20), (4, 22)],
            text(6, 22, "ACK of our FIN"),
        ),
        path(
            FinWait1,
            Closing,
            &[(16, 20), (16, 21), (50, 21), (50, 22)],
            text(26, 20, "FIN in, ACK out"),
        ),
        path(
            CloseWait,
            LastAck,
            &[(88, 20), (88, 22)],
            text(71, 21, "close(): FIN out"),
        ),
        path(
            FinWait2,
            TimeWait,
            &[(10, 25), (10, 28), (38, 28)],
            text(13, 27, "FIN in, ACK out"),
        ),
        path(
            Closing,
            TimeWait,
            &[(50, 25), (50, 26)],
            text(52, 26, "ACK of our FIN"),
        ),
        path(TimeWait, Close, &[(60, 28), (77, 28)], text(66, 27, "60 s")),
        path(
            LastAck,
            Close,
            &[(88, 25), (88, 26)],
            text(73, 26, "ACK of our FIN"),
        ),
    ],
    notes: &[
        text(0, 0, "left, below: this side closes first"),
        text(0, 1, "right, below: the peer closes first"),
        text(0, 2, "RST or time-out: any state to CLOSE"),
    ],
};

/// For a terminal of 80 by 24.
pub static COMPACT: Layout = Layout {
    width: 80,
    height: 22,
    node_width: 20,
    has_borders: false,
    nodes: &[
        node(Close, 30, 0),
        node(Listen, 30, 3),
        node(SynRecv, 0, 6),
        node(SynSent, 60, 6),
        node(Established, 30, 9),
        node(FinWait1, 0, 12),
        node(CloseWait, 60, 12),
        node(FinWait2, 0, 16),
        node(Closing, 30, 16),
        node(LastAck, 60, 16),
        node(TimeWait, 30, 19),
        again(Close, 60, 19),
    ],
    // The words stand in the lines here.
    edges: &[
        path(Close, Listen, &[(35, 1), (35, 2)], text(26, 1, "listen()")),
        path(Listen, Close, &[(39, 2), (39, 1)], text(41, 1, "close()")),
        path(
            Close,
            SynSent,
            &[(50, 0), (74, 0), (74, 5)],
            text(56, 0, " connect() "),
        ),
        path(
            SynSent,
            Close,
            &[(65, 5), (65, 2), (49, 2), (49, 1)],
            text(51, 1, "RST, time-out"),
        ),
        path(
            Listen,
            SynRecv,
            &[(29, 3), (8, 3), (8, 5)],
            text(15, 3, " SYN in "),
        ),
        path(
            SynSent,
            SynRecv,
            &[(59, 6), (20, 6)],
            text(32, 6, " SYN in: both "),
        ),
        path(
            SynRecv,
            Established,
            &[(14, 7), (14, 9), (29, 9)],
            text(18, 9, " ACK in "),
        ),
        path(
            SynSent,
            Established,
            &[(68, 7), (68, 9), (50, 9)],
            text(54, 9, " SYN+ACK in "),
        ),
        path(
            SynRecv,
            FinWait1,
            &[(4, 7), (4, 11)],
            text(6, 11, "close()"),
        ),
        path(
            Established,
            FinWait1,
            &[(35, 10), (35, 12), (20, 12)],
            text(23, 12, " close() "),
        ),
        path(
            Established,
            CloseWait,
            &[(44, 10), (44, 12), (59, 12)],
            text(48, 12, " FIN in "),
        ),
        path(
            FinWait1,
            FinWait2,
            &[(4, 13), (4, 15)],
            text(6, 15, "ACK in"),
        ),
        path(
            FinWait1,
            Closing,
            &[(14, 13), (14, 14), (39, 14), (39, 15)],
            text(22, 14, " FIN in "),
        ),
        path(
            CloseWait,
            LastAck,
            &[(70, 13), (70, 15)],
            text(62, 14, "close()"),
        ),
        path(
            FinWait2,
            TimeWait,
            &[(10, 17), (10, 19), (29, 19)],
            text(16, 19, " FIN in "),
        ),
        path(
            Closing,
            TimeWait,
            &[(39, 17), (39, 18)],
            text(41, 17, "ACK in"),
        ),
        path(
            TimeWait,
            Close,
            &[(50, 19), (59, 19)],
            text(52, 19, " 60 s "),
        ),
        path(
            LastAck,
            Close,
            &[(70, 17), (70, 18)],
            text(63, 17, "ACK in"),
        ),
    ],
    notes: &[text(
        0,
        21,
        "left: this side closes first   right: the peer does   any state: RST to CLOSE",
    )],
};
