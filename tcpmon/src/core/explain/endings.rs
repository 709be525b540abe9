//! Why connections end: the meaning of each [`Ending`].

use super::{Action, EndingPage, Who, change, look};
use crate::core::ending::Ending;

/// What to do about an ending that is as it should be.
const FINE: &[Action] = &[Action {
    who: Who::Nobody,
    what: "This is how connections should end.",
    commands: &[],
}];

/// An ending, what happened, how the record tells it, what to do.
const fn of(
    ending: Ending,
    meaning: &'static str,
    told_by: &'static str,
    actions: &'static [Action],
) -> EndingPage {
    EndingPage {
        ending,
        meaning,
        told_by,
        actions,
    }
}

pub(super) const fn page(ending: Ending) -> &'static EndingPage {
    match ending {
        Ending::Orderly => &ORDERLY,
        Ending::TimeWait => &TIME_WAIT,
        Ending::OrphanFinWait2 => &ORPHAN_FIN_WAIT2,
        Ending::TimeWaitRefused => &TIME_WAIT_REFUSED,
        Ending::ListenerClosed => &LISTENER_CLOSED,
        Ending::DroppedByListener => &DROPPED_BY_LISTENER,
        Ending::Refused => &REFUSED,
        Ending::Reset => &RESET,
        Ending::TimedOut => &TIMED_OUT,
        Ending::Unreachable => &UNREACHABLE,
        Ending::AbortedByOwner => &ABORTED_BY_OWNER,
        Ending::Disconnected => &DISCONNECTED,
        Ending::Killed => &KILLED,
        Ending::NoPort => &NO_PORT,
        Ending::AddressInUse => &ADDRESS_IN_USE,
        Ending::OtherError => &OTHER_ERROR,
        Ending::Unknown => &UNKNOWN,
    }
}

static ORDERLY: EndingPage = of(
    Ending::Orderly,
    "The peer closed first, then we did, and the last ACK came.",
    "LAST_ACK -> CLOSE with sk_err 0 and nothing unacknowledged.",
    FINE,
);

static TIME_WAIT: EndingPage = of(
    Ending::TimeWait,
    "We closed first and both FINs are done. The kernel keeps a minisock in TIME_WAIT for 60 s.",
    "FIN_WAIT2 -> CLOSE or CLOSING -> CLOSE with sk_err 0 and SOCK_DONE set: the peer's FIN was seen.",
    FINE,
);

static ORPHAN_FIN_WAIT2: EndingPage = of(
    Ending::OrphanFinWait2,
    "We closed first and the peer acknowledged it, but has not closed yet. The kernel keeps a FIN_WAIT2 \
        minisock for net.ipv4.tcp_fin_timeout. The first half of a normal close of ours, unless the peer's \
        FIN came with its ACK.",
    "FIN_WAIT2 -> CLOSE of an orphan with sk_err 0, SOCK_DONE clear and nothing unacknowledged.",
    &[Action {
        who: Who::Peer,
        what: "Only when they stay for the full minute: the peer does not close. Look for CLOSE_WAIT there.",
        commands: &[look("ss -tano state fin-wait-2")],
    }],
);

static TIME_WAIT_REFUSED: EndingPage = of(
    Ending::TimeWaitRefused,
    "We closed first, but net.ipv4.tcp_max_tw_buckets is reached: no minisock was made. A late segment of \
        this connection will be answered with RST.",
    "As time_wait or orphan_fin_wait2, while the namespace's count of minisocks is at its limit.",
    &[Action {
        who: Who::Operator,
        what: "See `tcpmon explain time_wait_overflow`.",
        commands: &[look("nstat -az TcpExtTCPTimeWaitOverflow")],
    }],
);

static LISTENER_CLOSED: EndingPage = of(
    Ending::ListenerClosed,
    "A program stopped listening.",
    "LISTEN -> CLOSE.",
    &[Action {
        who: Who::Nobody,
        what: "Normal when a service stops. Clients meet refusals from now on.",
        commands: &[look("ss -tlnp")],
    }],
);

static DROPPED_BY_LISTENER: EndingPage = of(
    Ending::DroppedByListener,
    "The connection was finished by the kernel, waited in the accept queue, and its listener closed before \
        accept(). The client gets a RST.",
    "ESTABLISHED -> CLOSE or CLOSE_WAIT -> CLOSE with sk_err 0, nothing shut, and no socket behind it.",
    &[Action {
        who: Who::Program,
        what: "Before a restart take the listener out of service, accept what is queued, then close. With \
            several SO_REUSEPORT listeners net.ipv4.tcp_migrate_req=1 hands the queue to another one.",
        commands: &[change(
            "sysctl -w net.ipv4.tcp_migrate_req=1",
            "Listeners of one port with different options may then get connections made for another.",
        )],
    }],
);

static REFUSED: EndingPage = of(
    Ending::Refused,
    "The peer answered our SYN with a reset: nobody listens there, or a firewall rejects.",
    "SYN_SENT -> CLOSE with sk_err 111 (ECONNREFUSED).",
    &[
        Action {
            who: Who::Peer,
            what: "Start the service, or open the port.",
            commands: &[look("ss -tlnp 'sport = :PORT'    # on the peer")],
        },
        Action {
            who: Who::Program,
            what: "Check address and port, and back off between attempts.",
            commands: &[],
        },
    ],
);

static RESET: EndingPage = of(
    Ending::Reset,
    "A RST came. The peer's program died or closed with unread data, its machine restarted, or a middlebox \
        ended the connection.",
    "Any state -> CLOSE with sk_err 104 (ECONNRESET), or 32 (EPIPE) from CLOSE_WAIT.",
    &[
        Action {
            who: Who::Peer,
            what: "Say why it resets: its logs, its crashes, the idle time-out of a load balancer.",
            commands: &[look(
                "tcpdump -ni any 'host PEER and tcp[tcpflags] & tcp-rst != 0'",
            )],
        },
        Action {
            who: Who::Program,
            what: "close() the descriptor after the error. For resets of idle connections: keep-alives \
                shorter than the time-out in between.",
            commands: &[],
        },
    ],
);

static TIMED_OUT: EndingPage = of(
    Ending::TimedOut,
    "Nothing came back: to the SYN, to data or a FIN, to keep-alive probes, or within TCP_USER_TIMEOUT.",
    "Any state -> CLOSE with sk_err 110 (ETIMEDOUT), in a timer.",
    &[
        Action {
            who: Who::Peer,
            what: "It is down, unreachable, or a firewall drops without rejecting.",
            commands: &[
                look("ip route get PEER"),
                look("nstat -az TcpExtTCPAbortOnTimeout"),
            ],
        },
        Action {
            who: Who::Program,
            what: "close() the descriptor after the error.",
            commands: &[],
        },
    ],
);

static UNREACHABLE: EndingPage = of(
    Ending::Unreachable,
    "There is no way to the peer: no route here, or a router said so by ICMP.",
    "sk_err 101 (ENETUNREACH) or 113 (EHOSTUNREACH).",
    &[Action {
        who: Who::Operator,
        what: "Mend the route, or the neighbour that does not answer.",
        commands: &[look("ip route get PEER"), look("ip neigh")],
    }],
);

static ABORTED_BY_OWNER: EndingPage = of(
    Ending::AbortedByOwner,
    "Our program closed, and the kernel reset the connection instead of closing it in order: data were \
        still unread, or SO_LINGER was 0. close() in the middle of connect() counts here, too.",
    "-> CLOSE with sk_err 0 and both directions shut, from a state that has an orderly way out.",
    &[Action {
        who: Who::Program,
        what: "Read to the end before close(), and do not set SO_LINGER 0, unless the reset is meant: the \
            peer may lose data it was already sent.",
        commands: &[look("nstat -az TcpExtTCPAbortOnClose TcpExtTCPAbortOnData")],
    }],
);

static DISCONNECTED: EndingPage = of(
    Ending::Disconnected,
    "Our program dissolved the connection and kept the socket: connect() to AF_UNSPEC, or shutdown() of a \
        half-open one.",
    "-> CLOSE with sk_err 0, not both directions shut, the socket still held.",
    &[Action {
        who: Who::Nobody,
        what: "The program did it on purpose. The same socket may connect again: its cookie and inode stay.",
        commands: &[],
    }],
);

static KILLED: EndingPage = of(
    Ending::Killed,
    "Somebody with CAP_NET_ADMIN destroyed the socket: `ss -K`, or a manager that cleans up after a network \
        change. The program gets ECONNABORTED.",
    "-> CLOSE with sk_err 103 (ECONNABORTED); the current task is the killer.",
    &[Action {
        who: Who::Operator,
        what: "Find out who runs it when you did not. The program must still close() its descriptor.",
        commands: &[],
    }],
);

static NO_PORT: EndingPage = of(
    Ending::NoPort,
    "connect() failed with EADDRNOTAVAIL: every ephemeral port towards this destination is in use. No SYN \
        was sent.",
    "SYN_SENT -> CLOSE within microseconds, sk_err 0, nothing shut, local port 0.",
    &[Action {
        who: Who::Program,
        what: "Use connections again. See `tcpmon explain port_exhaustion`.",
        commands: &[look("sysctl net.ipv4.ip_local_port_range")],
    }],
);

static ADDRESS_IN_USE: EndingPage = of(
    Ending::AddressInUse,
    "connect() failed with EADDRNOTAVAIL: the socket is bound to a port which already has a connection to \
        this destination, perhaps one in TIME_WAIT.",
    "As no_port, with the local port set.",
    &[Action {
        who: Who::Program,
        what: "Do not bind() a client to a port; or wait until the old connection has left TIME_WAIT.",
        commands: &[look("ss -tan 'sport = :PORT'")],
    }],
);

static OTHER_ERROR: EndingPage = of(
    Ending::OtherError,
    "The kernel ended the connection with an error that is none of the usual ones.",
    "-> CLOSE with another sk_err.",
    &[Action {
        who: Who::Program,
        what: "Its log has the errno: the next system call on the socket returned it.",
        commands: &[],
    }],
);

static UNKNOWN: EndingPage = of(
    Ending::Unknown,
    "tcpmon was not told: it runs on the classic tracepoint, which has no error numbers.",
    "Nothing tells it.",
    &[Action {
        who: Who::Operator,
        what: "`tcpmon doctor` says what this machine lacks for more.",
        commands: &[look("tcpmon doctor")],
    }],
);
