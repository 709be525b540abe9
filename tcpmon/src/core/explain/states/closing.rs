//! The states of a connection that ends: FIN_WAIT1, FIN_WAIT2, CLOSING, TIME_WAIT where this side closed
//! first, CLOSE_WAIT and LAST_ACK where the peer did.

use tcpmon_common::State;

use super::super::{Action, StatePage, Variant, Who, change, look};

pub(super) static FIN_WAIT1: StatePage = StatePage {
    state: State::FinWait1,
    rfc_name: "FIN-WAIT-1",
    meaning: "This side closed first. Our FIN is sent, or waits behind data not yet sent, and is not \
        acknowledged. It lasts one round trip.",
    rfc: "RFC 9293 section 3.6, case 1: entered by CLOSE. The ACK of our FIN leads to FIN-WAIT-2, the \
        peer's FIN to CLOSING, both in one segment to TIME-WAIT.",
    linux: "After close() the socket is an orphan: no process, only the kernel. The FIN is repeated \
        net.ipv4.tcp_orphan_retries times (default 0, which means 8: more than 100 s). Then it ends with \
        ETIMEDOUT, unseen by anybody. After \
        shutdown(SHUT_WR) the program still holds it, and net.ipv4.tcp_retries2 applies: at least 924 s. \
        RST, time-out or lack of memory end it at once; that is FIN_WAIT1 -> CLOSE, never a way into \
        TIME_WAIT.",
    kernel_files: &[
        "net/ipv4/tcp.c (__tcp_close, tcp_shutdown)",
        "net/ipv4/tcp_timer.c (tcp_orphan_retries, tcp_out_of_resources)",
        "net/ipv4/tcp_input.c (tcp_rcv_state_process)",
    ],
    variants: &[],
    in_ss: "FIN-WAIT-1",
    listed_by: &[
        look("ss -tano state fin-wait-1"),
        look("tcpmon ls 'state fin-wait-1 and age > 30s'"),
    ],
    listing: "Send-Q of 1 is the FIN alone; more is data in front of it. `timer:(persist,...)` says that \
        the peer's window is shut; `timer:(on,...)` that nothing comes back.",
    piles_up: "The peer vanished, or reads so slowly that our last data and the FIN cannot leave. Each \
        such socket keeps its unsent data in kernel memory and counts against \
        net.ipv4.tcp_max_orphans.",
    actions: &[
        Action {
            who: Who::Peer,
            what: "Read its data, or come back. When the window is shut the peer's program is stuck.",
            commands: &[],
        },
        Action {
            who: Who::Operator,
            what: "When orphans threaten the limit, give up sooner.",
            commands: &[
                look("grep orphan /proc/net/sockstat"),
                change(
                    "sysctl -w net.ipv4.tcp_orphan_retries=3",
                    "Slow clients lose the end of what they were being sent.",
                ),
            ],
        },
        Action {
            who: Who::Program,
            what: "Set TCP_USER_TIMEOUT before close() when the last data may be given up early.",
            commands: &[],
        },
    ],
};

pub(super) static FIN_WAIT2: StatePage = StatePage {
    state: State::FinWait2,
    rfc_name: "FIN-WAIT-2",
    meaning: "This side closed first and the peer acknowledged it. The peer has not closed: its FIN is \
        missing.",
    rfc: "RFC 9293 section 3.6: the RFC has no limit here, since the peer may go on sending for as long \
        as it likes. Its FIN leads to TIME-WAIT.",
    linux: "Two things share the name. After shutdown(SHUT_WR) a process holds the socket and Linux waits \
        without limit. After close() nobody holds it: the kernel frees the full socket at the ACK of our \
        FIN and keeps a minisock for net.ipv4.tcp_fin_timeout (default 60 s). The tracepoint says \
        FIN_WAIT2 -> CLOSE at that moment; the connection lives on in silence. Data from the peer are \
        answered with RST, since nobody can read them.",
    kernel_files: &[
        "net/ipv4/tcp_input.c (tcp_rcv_state_process)",
        "net/ipv4/tcp_minisocks.c (tcp_time_wait, tcp_timewait_state_process)",
        "net/ipv4/tcp.c (tcp_fin_time, __tcp_close)",
    ],
    variants: &[
        Variant {
            name: "The orphan, a FIN_WAIT2 minisock",
            text: "No process, no inode, about 250 bytes. In ss it has `timer:(timewait,...)`. It is \
                counted in `tw` of /proc/net/sockstat and against net.ipv4.tcp_max_tw_buckets. Its port \
                is never reused by connect() while it lives.",
        },
        Variant {
            name: "A tcp_fin_timeout above 60",
            text: "The full socket stays for the time beyond 60 s, then becomes a minisock for as long \
                again: tcp_fin_timeout=62 is 2 s and 2 s.",
        },
        Variant {
            name: "TCP_LINGER2 below 0",
            text: "No minisock: the connection is reset when its FIN is acknowledged.",
        },
    ],
    in_ss: "FIN-WAIT-2",
    listed_by: &[
        look("ss -tanop state fin-wait-2"),
        look("tcpmon ls 'state fin-wait-2 and age > 1m'"),
    ],
    listing: "`timer:(timewait,...)` and no process: an orphan, gone within a minute. A process in the \
        line: held after shutdown(); that one can stay for ever.",
    piles_up: "The peer does not close: its program leaks in CLOSE_WAIT, or it is busy. Held ones pile up \
        when our program shut its sending side and then waits for a peer that never ends.",
    actions: &[
        Action {
            who: Who::Peer,
            what: "Close. Look for CLOSE_WAIT on the other machine: the same connection, the other end.",
            commands: &[look("ss -tanp state close-wait    # on the peer")],
        },
        Action {
            who: Who::Program,
            what: "After shutdown(SHUT_WR) wait with a time-out, then close().",
            commands: &[],
        },
        Action {
            who: Who::Operator,
            what: "Orphans leave by themselves. tcp_fin_timeout shortens exactly this state and nothing \
                else: it has no effect on TIME_WAIT.",
            commands: &[change(
                "sysctl -w net.ipv4.tcp_fin_timeout=20",
                "Peers that answer later than that meet a RST.",
            )],
        },
    ],
};

pub(super) static CLOSING: StatePage = StatePage {
    state: State::Closing,
    rfc_name: "CLOSING",
    meaning: "Both sides closed at the same moment. The peer's FIN is here; the ACK of ours is missing. \
        Rare, and over in a round trip.",
    rfc: "RFC 9293 section 3.6, case 3: simultaneous close. The ACK of our FIN leads to TIME-WAIT.",
    linux: "As in FIN_WAIT1 the FIN is repeated: net.ipv4.tcp_orphan_retries for an orphan, \
        net.ipv4.tcp_retries2 for a held socket. At the ACK the tracepoint says CLOSING -> CLOSE and a \
        TIME_WAIT minisock remains.",
    kernel_files: &[
        "net/ipv4/tcp_input.c (tcp_fin, tcp_rcv_state_process)",
        "net/ipv4/tcp_timer.c (tcp_orphan_retries)",
    ],
    variants: &[],
    in_ss: "CLOSING",
    listed_by: &[
        look("ss -tano state closing"),
        look("tcpmon ls 'state closing'"),
    ],
    listing: "Send-Q and the timer, as in FIN_WAIT1.",
    piles_up: "The peer sent its FIN and vanished before it acknowledged ours, or a middlebox dropped the \
        connection's state at the first FIN and now drops the rest. More than a few is a network fault.",
    actions: &[
        Action {
            who: Who::Peer,
            what: "Acknowledge our FIN. Look for a firewall or NAT that forgets connections too early.",
            commands: &[look(
                "tcpdump -ni any 'host PEER and tcp[tcpflags] & (tcp-fin|tcp-rst) != 0'",
            )],
        },
        Action {
            who: Who::Nobody,
            what: "Each one ends by itself when its retries are used up.",
            commands: &[],
        },
    ],
};

pub(super) static TIME_WAIT: StatePage = StatePage {
    state: State::TimeWait,
    rfc_name: "TIME-WAIT",
    meaning: "The connection is over and this side closed first. The pair of addresses and ports is kept \
        for a minute, so that late segments do no harm and a lost last ACK can be repeated.",
    rfc: "RFC 9293 sections 3.3.2 and 3.6.1: two maximum segment lifetimes. The RFC takes 2 minutes for \
        one; a new SYN may reopen the connection early.",
    linux: "Fixed at 60 s: TCP_TIMEWAIT_LEN, a constant of the source. No sysctl changes it. \
        net.ipv4.tcp_fin_timeout does not: that one is for FIN_WAIT2, and the advice to lower it \
        against TIME_WAIT is a common error. tcp_tw_recycle is gone since Linux 4.12. What remains of \
        the connection is a minisock of about 250 bytes without process, inode or file descriptor. It \
        ends early by a RST from the peer (unless net.ipv4.tcp_rfc1337=1), by a new SYN, or by reuse. No \
        tracepoint ever names TIME_WAIT: tcpmon derives the entry from FIN_WAIT2 -> CLOSE and \
        CLOSING -> CLOSE and compares it with sock_diag and the kernel's own count.",
    kernel_files: &[
        "include/net/tcp.h (TCP_TIMEWAIT_LEN)",
        "net/ipv4/tcp_minisocks.c (tcp_time_wait, tcp_timewait_state_process)",
        "net/ipv4/inet_timewait_sock.c (inet_twsk_alloc, inet_twsk_kill)",
        "net/ipv4/tcp_ipv4.c (tcp_twsk_unique)",
    ],
    variants: &[
        Variant {
            name: "Reuse by connect()",
            text: "With timestamps and after one second, an automatic port in TIME_WAIT may be taken \
                again for the same destination: net.ipv4.tcp_tw_reuse=1 everywhere, 2 (the default) on \
                loopback only.",
        },
        Variant {
            name: "The bucket limit",
            text: "At net.ipv4.tcp_max_tw_buckets the kernel makes no entry and closes at once. The \
                counter TCPTimeWaitOverflow rises: `time_wait_overflow`.",
        },
        Variant {
            name: "With the descriptor open",
            text: "After shutdown(SHUT_WR) and the peer's FIN the minisock exists while the program still \
                holds a socket in CLOSE.",
        },
    ],
    in_ss: "TIME-WAIT",
    listed_by: &[
        look("ss -tano state time-wait"),
        look("tcpmon ls 'state time-wait'"),
        look("grep TCP: /proc/net/sockstat"),
    ],
    listing: "`timer:(timewait,43sec,0)` is the time left. ss has no process here: the closer is gone. \
        tcpmon remembers who closed when it saw it. `tw` in sockstat counts FIN_WAIT2 minisocks, too.",
    piles_up: "Many short connections that this side closes first: rate times 60 s. 500 a second are \
        30,000 entries. On a server that is harmless: memory is 8 MB, and ports of accepted connections \
        cost nothing. On a client each one blocks one port towards one destination: `port_exhaustion`.",
    actions: &[
        Action {
            who: Who::Nobody,
            what: "On a server: leave it. A high count is not an error.",
            commands: &[],
        },
        Action {
            who: Who::Program,
            what: "On a client: keep connections and use them again (HTTP keep-alive, a pool). Or let the \
                other side close first. Do not use SO_LINGER 0: it resets instead of closing, and the \
                peer may lose data.",
            commands: &[],
        },
        Action {
            who: Who::Operator,
            what: "On a client short of ports: more ports, or reuse.",
            commands: &[
                look(
                    "sysctl net.ipv4.ip_local_port_range net.ipv4.tcp_tw_reuse net.ipv4.tcp_timestamps",
                ),
                change(
                    "sysctl -w net.ipv4.tcp_tw_reuse=1",
                    "Does nothing without timestamps on both ends. Late segments of the old connection \
                     are then told apart by their timestamp alone.",
                ),
                change(
                    "sysctl -w net.ipv4.ip_local_port_range='15000 60999'",
                    "Automatic ports may then take one that a service started later wants to listen \
                     on: name those in net.ipv4.ip_local_reserved_ports.",
                ),
            ],
        },
    ],
};

pub(super) static CLOSE_WAIT: StatePage = StatePage {
    state: State::CloseWait,
    rfc_name: "CLOSE-WAIT",
    meaning: "The peer has closed. This side has not: the kernel waits for our program to call close(). \
        Only our program can end it.",
    rfc: "RFC 9293 section 3.6, case 2: entered by the peer's FIN. This side may go on sending; its \
        CLOSE leads to LAST-ACK. There is no time limit.",
    linux: "No timer: a socket in CLOSE_WAIT stays until the program closes it or dies. Only SO_KEEPALIVE \
        or data in flight can find out that the peer is gone altogether. read() returns 0 to tell of the \
        FIN, and poll() reports POLLIN and POLLRDHUP. Writing to a peer that has really gone brings a \
        RST: then CLOSE_WAIT -> CLOSE with EPIPE, and the descriptor is still open.",
    kernel_files: &[
        "net/ipv4/tcp_input.c (tcp_fin, tcp_reset)",
        "net/ipv4/tcp.c (tcp_close_state)",
    ],
    variants: &[Variant {
        name: "CLOSE_WAIT, not accepted",
        text: "The client connected, gave up and closed before our program called accept(). Inode 0, no \
            file descriptor, no process in `ss -p`. The culprit is the listener's owner: `accept_stuck`. \
            tcpmon names it; ss cannot.",
    }],
    in_ss: "CLOSE-WAIT",
    listed_by: &[
        look("tcpmon ls 'state close-wait and age > 5m'"),
        look("ss -tanp state close-wait"),
    ],
    listing: "The process and the number behind fd= hold it. Recv-Q above 0: the program never read to \
        the end; 1 is the FIN alone. Recv-Q 0: it read the end and kept the descriptor. No process: see \
        the variant. With hundreds of thousands of sockets `ss -p` takes minutes.",
    piles_up: "A bug in this program: it does not read the end of the stream, forgets a descriptor on an \
        error path, keeps dead connections in a pool, or the thread that should close is blocked. The \
        network cannot cause it and no sysctl mends it. It grows until EMFILE.",
    actions: &[
        Action {
            who: Who::Program,
            what: "close() when read() returns 0, on every path. A pool must test a connection before it \
                hands it out and drop what is closed.",
            commands: &[
                look("ls -l /proc/PID/fd | grep socket: | wc -l"),
                change(
                    "gdb -p PID -batch -ex 'thread apply all bt'",
                    "Stops the process for a moment.",
                ),
            ],
        },
        Action {
            who: Who::Operator,
            what: "Restart the process for relief: that closes everything it holds. Save the list of \
                sockets first; it is the evidence.",
            commands: &[
                look("tcpmon ls 'state close-wait' --output json > close-wait.json"),
                change(
                    "ss -tK state close-wait dst PEER",
                    "Ends the connections but not the leak: the descriptors stay open. The program gets \
                     ECONNABORTED. Needs CONFIG_INET_DIAG_DESTROY.",
                ),
            ],
        },
    ],
};

pub(super) static LAST_ACK: StatePage = StatePage {
    state: State::LastAck,
    rfc_name: "LAST-ACK",
    meaning: "The peer closed first, then we did. Our FIN is sent; its ACK is missing. It lasts one round \
        trip.",
    rfc: "RFC 9293 section 3.6, case 2: entered from CLOSE-WAIT by CLOSE. The ACK leads to CLOSED \
        without TIME-WAIT.",
    linux: "After close() an orphan. The FIN is repeated net.ipv4.tcp_orphan_retries times (default 0, \
        which means 8: more than 100 s), then the socket ends with ETIMEDOUT. After shutdown(SHUT_WR) it \
        is held, and net.ipv4.tcp_retries2 applies.",
    kernel_files: &[
        "net/ipv4/tcp_input.c (tcp_rcv_state_process)",
        "net/ipv4/tcp_timer.c (tcp_orphan_retries)",
    ],
    variants: &[],
    in_ss: "LAST-ACK",
    listed_by: &[
        look("ss -tano state last-ack"),
        look("tcpmon ls 'state last-ack and age > 30s'"),
    ],
    listing: "Send-Q of 1 is the FIN alone; more is data the peer never acknowledged.",
    piles_up: "The peer is gone: it closed, and its machine or a NAT forgot the connection without \
        answering. Typical after a long CLOSE_WAIT: the peer's FIN_WAIT2 lasts 60 s, so a program that \
        closes its leaked sockets late meets nobody. A peer that is up answers with RST, and LAST_ACK \
        ends at once.",
    actions: &[
        Action {
            who: Who::Nobody,
            what: "Each one ends by itself in a few minutes.",
            commands: &[],
        },
        Action {
            who: Who::Peer,
            what: "A firewall that drops late segments instead of rejecting them makes LAST_ACK long.",
            commands: &[],
        },
        Action {
            who: Who::Operator,
            what: "Only when orphans threaten the limit:",
            commands: &[
                look("grep orphan /proc/net/sockstat"),
                change(
                    "sysctl -w net.ipv4.tcp_orphan_retries=3",
                    "Slow clients lose the end of what they were being sent.",
                ),
            ],
        },
    ],
};
