//! The states before a connection and with one: LISTEN, SYN_SENT, SYN_RECV, ESTABLISHED, CLOSE.

use tcpmon_common::State;

use super::super::{Action, StatePage, Variant, Who, change, look};

pub(super) static LISTEN: StatePage = StatePage {
    state: State::Listen,
    rfc_name: "LISTEN",
    meaning: "A program waits for connections on a port. No connection is involved: one socket in LISTEN \
        serves any number of them.",
    rfc: "RFC 9293 sections 3.3.2 and 3.10.1: entered by a passive OPEN. In the RFC the listening \
        connection itself becomes SYN-RECEIVED, and a reset sends it back to LISTEN.",
    linux: "The listener never leaves LISTEN when a SYN comes: each connection gets a socket of its own. \
        It keeps two queues. Half-open requests wait for the last ACK of the handshake; finished \
        connections wait in the accept queue for accept(). Both are limited by the backlog: the smaller \
        of what listen() asked for and net.core.somaxconn at that moment.",
    kernel_files: &[
        "net/ipv4/inet_connection_sock.c (inet_csk_listen_start)",
        "net/ipv4/af_inet.c (inet_listen)",
        "include/net/sock.h (sk_acceptq_is_full)",
    ],
    variants: &[],
    in_ss: "LISTEN",
    listed_by: &[look("ss -tlnp"), look("tcpmon ls 'state listening'")],
    listing: "On a listener Recv-Q is the length of the accept queue now, Send-Q its limit. Recv-Q above \
        zero for seconds means that accept() is too slow. The queue holds one more than the limit.",
    piles_up: "It does not. Listeners are as many as programs opened. With SO_REUSEPORT several share a \
        port, and one that nobody serves any more still gets its share of the connections.",
    actions: &[
        Action {
            who: Who::Nobody,
            what: "LISTEN is a state to be in for ever.",
            commands: &[],
        },
        Action {
            who: Who::Program,
            what: "When the accept queue fills: accept faster. See `tcpmon explain accept_queue_overflow`.",
            commands: &[look("nstat -az TcpExtListenOverflows TcpExtListenDrops")],
        },
    ],
};

pub(super) static SYN_SENT: StatePage = StatePage {
    state: State::SynSent,
    rfc_name: "SYN-SENT",
    meaning: "We sent a SYN and nothing came back yet. It lasts one round trip, milliseconds, when the \
        peer is there.",
    rfc: "RFC 9293 sections 3.5 and 3.10.1: entered by an active OPEN. A SYN with an ACK leads to \
        ESTABLISHED, a SYN alone to SYN-RECEIVED, a reset to CLOSED (section 3.10.7.3).",
    linux: "The kernel repeats the SYN net.ipv4.tcp_syn_retries times (default 6) and then gives up with \
        ETIMEDOUT: after about 127 s, or 131 s on kernels that have net.ipv4.tcp_syn_linear_timeouts. A \
        refusal (RST) ends it at once. The state is entered before a local port is chosen: when none is \
        free, connect() fails with EADDRNOTAVAIL and the socket is back in CLOSE within microseconds, \
        without having sent anything.",
    kernel_files: &[
        "net/ipv4/tcp_ipv4.c (tcp_v4_connect)",
        "net/ipv4/tcp_input.c (tcp_rcv_synsent_state_process)",
        "net/ipv4/tcp_timer.c (tcp_write_timeout)",
    ],
    variants: &[Variant {
        name: "TCP Fast Open, deferred (TCP_FASTOPEN_CONNECT)",
        text: "connect() returns at once and the SYN goes out with the first write. Until then SYN_SENT \
            has sent nothing.",
    }],
    in_ss: "SYN-SENT",
    listed_by: &[
        look("ss -tanop state syn-sent"),
        look("tcpmon ls 'state syn-sent and age > 3s'"),
    ],
    listing: "The peer's address tells where the SYNs vanish. `timer:(on,...,N)` ends in the number of \
        retransmissions.",
    piles_up: "SYNs are dropped on the way or at the peer: a firewall that drops instead of rejecting, a \
        wrong address or route, a machine that is down, or a peer whose accept queue is full. Many \
        destinations at once: the fault is on this side, or the program is scanning.",
    actions: &[
        Action {
            who: Who::Operator,
            what: "Find out where the SYN stops. When SYNs leave and nothing returns, look at firewalls \
                and routes on the way, then at the peer's listen queue.",
            commands: &[
                look("ip route get PEER"),
                look("tcpdump -ni any 'host PEER and tcp port PORT'"),
            ],
        },
        Action {
            who: Who::Program,
            what: "Use a connect time-out of a few seconds (non-blocking connect and poll, or \
                TCP_USER_TIMEOUT) and back off between attempts.",
            commands: &[change(
                "sysctl -w net.ipv4.tcp_syn_retries=4",
                "Holds for every connect() of the namespace: slow or lossy paths fail sooner.",
            )],
        },
        Action {
            who: Who::Peer,
            what: "Accept faster when its accept queue overflows: SYNs are dropped then.",
            commands: &[],
        },
    ],
};

pub(super) static SYN_RECV: StatePage = StatePage {
    state: State::SynRecv,
    rfc_name: "SYN-RECEIVED",
    meaning: "A SYN came and was answered with SYN and ACK. The last ACK of the handshake is missing: the \
        connection is half-open.",
    rfc: "RFC 9293 sections 3.5 and 3.10.7: entered from LISTEN by a SYN, and from SYN-SENT when both \
        sides sent a SYN at once. The ACK leads to ESTABLISHED.",
    linux: "What waits here is nearly always a request socket, not a full one. It repeats the SYN-ACK \
        net.ipv4.tcp_synack_retries times (default 5) and is dropped after 63 s. When the last ACK \
        comes, the full socket is made and is ESTABLISHED within microseconds. When the queue of \
        requests is full, net.ipv4.tcp_syncookies=1 (the default) answers without remembering anything: \
        such connections are in no list until their ACK comes.",
    kernel_files: &[
        "net/ipv4/tcp_input.c (tcp_conn_request)",
        "net/ipv4/inet_connection_sock.c (reqsk_timer_handler)",
        "net/ipv4/tcp_minisocks.c (tcp_check_req)",
        "net/ipv4/syncookies.c",
    ],
    variants: &[
        Variant {
            name: "NEW_SYN_RECV, the request socket",
            text: "The kernel's number 12. It has no file descriptor, no inode and no process; it belongs \
                to the listener. No tracepoint tells of its birth, its time-out or its death by RST. ss \
                and tcpmon count it as SYN_RECV.",
        },
        Variant {
            name: "TCP_DEFER_ACCEPT",
            text: "The listener asked to be bothered only when data come. The bare ACK is ignored, and a \
                client that connects and says nothing stays half-open.",
        },
        Variant {
            name: "The full socket in SYN_RECV",
            text: "Seen for longer than an instant in two cases only: TCP Fast Open, where the program \
                may accept and even close it before the last ACK; and simultaneous open.",
        },
    ],
    in_ss: "SYN-RECV",
    listed_by: &[
        look("ss -tano state syn-recv"),
        look("tcpmon ls 'state syn-recv'"),
    ],
    listing: "The timer's last number is that of repeated SYN-ACKs. Many source addresses, each once, all \
        with repeats: a flood. Few addresses of your own clients: the way back loses packets, or the \
        accept queue is full.",
    piles_up: "The clients' last ACK does not arrive, or is thrown away. A flood with forged addresses; \
        asymmetric routes or a firewall that drops the SYN-ACK; or a full accept queue: then the ACK is \
        dropped on purpose, the request stays, and the client already believes it is connected.",
    actions: &[
        Action {
            who: Who::Operator,
            what: "First see whether the accept queue is full: that is `accept_queue_overflow`, not a \
                flood.",
            commands: &[
                look("ss -tln"),
                look(
                    "nstat -az TcpExtListenOverflows TcpExtTCPReqQFullDoCookies TcpExtTCPReqQFullDrop",
                ),
            ],
        },
        Action {
            who: Who::Operator,
            what: "In a flood keep SYN cookies on, and filter in front of the machine.",
            commands: &[
                look("sysctl net.ipv4.tcp_syncookies"),
                change(
                    "sysctl -w net.ipv4.tcp_syncookies=1",
                    "Only connections that come while the queue is full lose TCP options, unless the \
                     client uses timestamps.",
                ),
            ],
        },
    ],
};

pub(super) static ESTABLISHED: StatePage = StatePage {
    state: State::Established,
    rfc_name: "ESTABLISHED",
    meaning: "Data can flow both ways. The normal state of a connection, for as long as both sides want.",
    rfc: "RFC 9293 sections 3.3.2 and 3.10.7.4. The RFC demands no traffic on an idle connection; \
        keep-alives are optional and off by default (section 3.8.4).",
    linux: "Nothing ends an idle connection: without SO_KEEPALIVE the kernel never notices that the peer \
        is gone. With it the first probe goes out after net.ipv4.tcp_keepalive_time (7200 s), and after \
        9 unanswered probes 75 s apart the connection ends with ETIMEDOUT. Unacknowledged data are \
        repeated until net.ipv4.tcp_retries2 (15) is used up: at least 924 s. TCP_USER_TIMEOUT replaces \
        both limits for one socket.",
    kernel_files: &[
        "net/ipv4/tcp_input.c (tcp_finish_connect, tcp_rcv_state_process)",
        "net/ipv4/tcp_timer.c (tcp_keepalive_timer, tcp_write_timeout)",
    ],
    variants: &[Variant {
        name: "ESTABLISHED, not accepted yet",
        text: "The kernel finishes the handshake without the program. Until accept() the connection sits \
            in the listener's queue: no file descriptor, inode 0, no process in `ss -p`. Data are \
            acknowledged meanwhile. If this lasts, the listener's owner is stuck: `accept_stuck`.",
    }],
    in_ss: "ESTAB",
    listed_by: &[
        look("ss -tanop state established"),
        look("ss -tie state established"),
        look("tcpmon ls 'state established and proc = NAME'"),
    ],
    listing: "Send-Q above zero that does not shrink: the peer acknowledges nothing, or its window is \
        shut. Recv-Q above zero that does not shrink: this program does not read. In `ss -tie`, lastack \
        and lastrcv are the milliseconds since the peer last acknowledged and last sent data.",
    piles_up: "A pool without a limit, a server without an idle time-out, or peers that vanished without \
        a FIN (power, NAT entry expired, cable) on sockets without keep-alives.",
    actions: &[
        Action {
            who: Who::Program,
            what: "Bound the pool, close what is idle, and set SO_KEEPALIVE with TCP_KEEPIDLE, \
                TCP_KEEPINTVL and TCP_KEEPCNT; set TCP_USER_TIMEOUT where a dead peer must be noticed \
                while data wait.",
            commands: &[look(
                "ss -tan state established | awk 'NR>1 {print $4}' | sort | uniq -c | sort -n",
            )],
        },
        Action {
            who: Who::Operator,
            what: "Shorten the kernel's keep-alive times when the program sets SO_KEEPALIVE and nothing \
                else.",
            commands: &[change(
                "sysctl -w net.ipv4.tcp_keepalive_time=600",
                "Only sockets with SO_KEEPALIVE obey; each idle one then costs a packet every ten \
                 minutes.",
            )],
        },
    ],
};

pub(super) static CLOSE: StatePage = StatePage {
    state: State::Close,
    rfc_name: "CLOSED",
    meaning: "No connection. A new socket begins here and every connection ends here.",
    rfc: "RFC 9293 section 3.3.2: CLOSED is fictional, the absence of a connection record.",
    linux: "A real state, spelled CLOSE (7). A socket is in it after socket(), and again after its \
        connection ended while the program still has the descriptor open. When the tracepoint announces \
        `-> CLOSE` the full socket is finished, but the connection may live on as a minisock in \
        FIN_WAIT2 or TIME_WAIT: see these edges. sk_err then says how it ended: 0, or an error number.",
    kernel_files: &[
        "net/ipv4/tcp.c (tcp_set_state, tcp_done, tcp_disconnect)",
        "net/ipv4/af_inet.c (inet_sk_set_state)",
    ],
    variants: &[Variant {
        name: "CLOSE with the descriptor open",
        text: "After a reset or a time-out the program still holds the descriptor until it calls close(). \
            Such a socket is in no list of ss and in no sock_diag dump; only the tables of open files \
            have it.",
    }],
    in_ss: "UNCONN",
    listed_by: &[look("ls -l /proc/PID/fd"), look("cat /proc/net/sockstat")],
    listing: "Links named socket:[INODE] whose inode no `ss -tanpe` line shows: sockets without a \
        connection. In sockstat, `alloc` far above the sum of what ss lists hints at the same; that \
        number is for the whole machine.",
    piles_up: "The program ignores errors: read() or write() told it that the connection is gone, and it \
        kept the descriptor. In the end open() and accept() fail with EMFILE.",
    actions: &[Action {
        who: Who::Program,
        what: "close() the descriptor after every error, also ECONNRESET, EPIPE and ETIMEDOUT.",
        commands: &[
            look("grep 'open files' /proc/PID/limits"),
            look("ls /proc/PID/fd | wc -l"),
        ],
    }],
};
