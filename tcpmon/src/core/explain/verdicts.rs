//! The verdicts: what is wrong, why, and who must mend it.

use super::{Action, VerdictPage, Who, change, look};

pub(super) static PAGES: &[VerdictPage] = &[
    VerdictPage {
        name: "close_wait_leak",
        meaning: "A program on this machine does not close connections that its peers have closed. They \
            stay in CLOSE_WAIT, accepted and held by a file descriptor, and their number does not fall.",
        linux: "CLOSE_WAIT has no timer. Each one keeps a descriptor, about 2.5 KB of kernel memory and \
            what it has buffered. At RLIMIT_NOFILE open(), socket() and accept() fail with EMFILE, and \
            the program stops serving.",
        kernel_files: &[
            "net/ipv4/tcp_input.c (tcp_fin)",
            "net/ipv4/tcp.c (tcp_close_state)",
        ],
        seen_by: &[
            look("tcpmon ls 'state close-wait and age > 5m'"),
            look("ss -tanp state close-wait"),
            look("grep 'open files' /proc/PID/limits"),
            look("ls /proc/PID/fd | wc -l"),
        ],
        why: "The program does not read the end of the stream, loses the descriptor on an error path, \
            keeps dead connections in a pool, or its thread that would close is blocked (a lock, a slow \
            call, an event loop with long work).",
        mistaken_for: "A protocol that goes on sending after the peer's FIN is in CLOSE_WAIT rightly, \
            while data flow. A few, seconds old, under load are normal.",
        actions: &[
            Action {
                who: Who::Program,
                what: "Close when read() returns 0, on every path. The file descriptors in the list and a \
                    stack trace show where.",
                commands: &[
                    look("ls -l /proc/PID/fd"),
                    change(
                        "gdb -p PID -batch -ex 'thread apply all bt'",
                        "Stops the process for a moment.",
                    ),
                ],
            },
            Action {
                who: Who::Operator,
                what: "Save the evidence, then restart the process before it reaches its limit. More \
                    descriptors buy time and nothing else.",
                commands: &[
                    look("tcpmon ls 'state close-wait' --output json > close-wait.json"),
                    change(
                        "prlimit --pid PID --nofile=65536:65536",
                        "The leak goes on and takes more memory. Programs that use select() break above \
                         descriptor 1023.",
                    ),
                    change(
                        "systemctl restart UNIT",
                        "Ends every connection of the unit.",
                    ),
                ],
            },
        ],
    },
    VerdictPage {
        name: "accept_stuck",
        meaning: "Finished connections wait in a listener's queue and nobody calls accept(). They are in \
            ESTABLISHED, or in CLOSE_WAIT when the client has given up, with inode 0 and no process.",
        linux: "The kernel finishes handshakes without the program, up to the backlog. ss -p names nobody \
            for such connections: no descriptor exists. The listener's owner is the culprit. When the \
            queue is full, `accept_queue_overflow` follows.",
        kernel_files: &[
            "net/ipv4/inet_connection_sock.c (inet_csk_accept)",
            "net/ipv4/tcp_minisocks.c (tcp_check_req)",
        ],
        seen_by: &[
            look("ss -tlnp    # Recv-Q: waiting now, Send-Q: the limit"),
            look("ss -tanp state established state close-wait 'sport = :PORT'"),
            look("tcpmon ls 'sport = :PORT'"),
        ],
        why: "The accepting thread is blocked or dead, the process is stopped or out of descriptors \
            (EMFILE in accept()), or the server has ended and a child that inherited its listener keeps \
            the port open.",
        mistaken_for: "A burst that the program works off within a second.",
        actions: &[
            Action {
                who: Who::Program,
                what: "See what the accepting thread does.",
                commands: &[
                    look("grep State /proc/PID/status"),
                    look("grep . /proc/PID/task/*/wchan"),
                    change(
                        "timeout 5 strace -f -p PID -e trace=accept,accept4,epoll_wait",
                        "Slows every system call of the process for these seconds.",
                    ),
                ],
            },
            Action {
                who: Who::Operator,
                what: "Continue the process if it was stopped, else restart it.",
                commands: &[
                    change(
                        "kill -CONT PID",
                        "It goes on where somebody stopped it, perhaps a debugger.",
                    ),
                    change(
                        "systemctl restart UNIT",
                        "Ends every connection of the unit; those in the queue get a RST.",
                    ),
                ],
            },
        ],
    },
    VerdictPage {
        name: "port_exhaustion",
        meaning: "The ephemeral ports towards one destination run out. Then connect() fails with \
            EADDRNOTAVAIL, although the network is well and other destinations work.",
        linux: "A port is used per source address, destination address and destination port. There are as \
            many as net.ipv4.ip_local_port_range has, rounded down to an even number, without \
            net.ipv4.ip_local_reserved_ports and without every port that anybody in the namespace bound \
            explicitly. TIME_WAIT keeps one for 60 s and FIN_WAIT2 minisocks for tcp_fin_timeout. By \
            default reuse from TIME_WAIT is for loopback only. 28,232 ports and 60 s of TIME_WAIT are 470 \
            new connections a second.",
        kernel_files: &[
            "net/ipv4/inet_hashtables.c (__inet_hash_connect)",
            "net/ipv4/tcp_ipv4.c (tcp_twsk_unique)",
        ],
        seen_by: &[
            look("sysctl net.ipv4.ip_local_port_range net.ipv4.ip_local_reserved_ports"),
            look("ss -tan 'dst PEER and dport = :PORT' | awk '{print $1}' | sort | uniq -c"),
            look("tcpmon ls 'dst = PEER and dport = :PORT'"),
        ],
        why: "Many short connections to one place, closed first by this side; a pool without a limit; or \
            a leak that holds ports in ESTABLISHED or CLOSE_WAIT. bind() to port 0 before connect() makes \
            it worse: such a port is exclusive for all destinations.",
        mistaken_for: "EADDRINUSE from bind() is something else, and no event tells of it.",
        actions: &[
            Action {
                who: Who::Program,
                what: "Keep connections and use them again. With bind() to an address and port 0, set \
                    IP_BIND_ADDRESS_NO_PORT.",
                commands: &[],
            },
            Action {
                who: Who::Operator,
                what: "Gain room: a wider range, reuse, or a second source or destination address.",
                commands: &[
                    change(
                        "sysctl -w net.ipv4.ip_local_port_range='15000 60999'",
                        "Automatic ports may take one that a service started later wants to listen on: \
                         name those in net.ipv4.ip_local_reserved_ports.",
                    ),
                    change(
                        "sysctl -w net.ipv4.tcp_tw_reuse=1",
                        "Does nothing without timestamps on both ends. Late segments of the old \
                         connection are then told apart by their timestamp alone.",
                    ),
                ],
            },
        ],
    },
    VerdictPage {
        name: "time_wait_overflow",
        meaning: "The limit of TIME_WAIT entries is reached: the kernel closes connections without keeping \
            them for a minute.",
        linux: "Per namespace, net.ipv4.tcp_max_tw_buckets entries of TIME_WAIT and FIN_WAIT2 minisocks \
            together. Above it none is made, TCPTimeWaitOverflow rises, and no tracepoint shows a \
            difference. Late segments are then answered with RST: a peer that lost our last ACK sees a \
            reset instead of an orderly end.",
        kernel_files: &[
            "net/ipv4/inet_timewait_sock.c (inet_twsk_alloc)",
            "net/ipv4/tcp_minisocks.c (tcp_time_wait)",
        ],
        seen_by: &[
            look("nstat -az TcpExtTCPTimeWaitOverflow"),
            look("grep TCP: /proc/net/sockstat    # tw"),
            look("sysctl net.ipv4.tcp_max_tw_buckets"),
        ],
        why: "More connections a second, closed first by this side, than the limit divided by 60 s.",
        mistaken_for: "A high count below the limit is not an error.",
        actions: &[
            Action {
                who: Who::Program,
                what: "Keep connections open longer, or let the other side close first.",
                commands: &[],
            },
            Action {
                who: Who::Operator,
                what: "Raise the limit: 100,000 entries take about 25 MB.",
                commands: &[change(
                    "sysctl -w net.ipv4.tcp_max_tw_buckets=524288",
                    "Kernel memory, about 250 bytes for each entry really made.",
                )],
            },
        ],
    },
    VerdictPage {
        name: "accept_queue_overflow",
        meaning: "A listener's accept queue fills or has overflowed: connections come faster than the \
            program accepts them. New clients wait, and some fail.",
        linux: "The limit is the smaller of the backlog given to listen() and net.core.somaxconn at that \
            time; the queue holds one more. When it is full the kernel drops SYNs and the last ACK of \
            handshakes, counts ListenOverflows and ListenDrops, and repeats SYN-ACKs. The client believes \
            it is connected. With net.ipv4.tcp_abort_on_overflow=1 it gets a RST instead.",
        kernel_files: &[
            "include/net/sock.h (sk_acceptq_is_full)",
            "net/ipv4/tcp_ipv4.c (tcp_v4_syn_recv_sock)",
            "net/ipv4/tcp_input.c (tcp_conn_request)",
        ],
        seen_by: &[
            look("ss -tlnp    # Recv-Q: waiting now, Send-Q: the limit"),
            look("nstat -az TcpExtListenOverflows TcpExtListenDrops"),
        ],
        why: "accept() is slow: work in the accepting thread, too few workers, a pause of the garbage \
            collector, a CPU quota; or the backlog is small for the bursts.",
        mistaken_for: "A flood of half-open connections is `syn_flood`. A queue that does not move at all \
            is `accept_stuck`.",
        actions: &[
            Action {
                who: Who::Program,
                what: "Accept in a loop until EAGAIN, do the work elsewhere, give listen() a larger \
                    backlog, or use several SO_REUSEPORT listeners.",
                commands: &[],
            },
            Action {
                who: Who::Operator,
                what: "Raise the cap and restart the program: the backlog is read at listen().",
                commands: &[
                    look("sysctl net.core.somaxconn"),
                    change(
                        "sysctl -w net.core.somaxconn=8192",
                        "Longer queues hide a slow program: clients wait instead of failing.",
                    ),
                ],
            },
        ],
    },
    VerdictPage {
        name: "syn_flood",
        meaning: "A listener's queue of half-open requests is full, or SYN cookies are being sent: more \
            handshakes begin than end.",
        linux: "Half-open requests are limited by the listen backlog. When it is reached and \
            net.ipv4.tcp_syncookies is 1, SYNs are answered by cookies: no request is kept, \
            TCPReqQFullDoCookies and SyncookiesSent rise, and the log says once per listener: Possible \
            SYN flooding. With 0 they are dropped and TCPReqQFullDrop rises; then \
            net.ipv4.tcp_max_syn_backlog limits unknown peers, too.",
        kernel_files: &[
            "net/ipv4/tcp_input.c (tcp_conn_request, tcp_syn_flood_action)",
            "net/ipv4/syncookies.c",
        ],
        seen_by: &[
            look("ss -tan state syn-recv | wc -l"),
            look(
                "nstat -az TcpExtSyncookiesSent TcpExtSyncookiesRecv TcpExtTCPReqQFullDoCookies \
                TcpExtTCPReqQFullDrop",
            ),
            look("dmesg | grep -i 'SYN flooding'"),
        ],
        why: "A flood with forged addresses; a burst of honest clients on a small backlog; or SYN-ACKs \
            that get lost on the way back.",
        mistaken_for: "An accept queue that is full keeps requests half-open, too: look at ListenOverflows \
            first. SyncookiesRecv close to SyncookiesSent: honest clients, and the backlog is too small.",
        actions: &[
            Action {
                who: Who::Operator,
                what: "Keep SYN cookies on. In a flood filter in front of the machine. For honest bursts \
                    raise the backlog.",
                commands: &[
                    look(
                        "sysctl net.ipv4.tcp_syncookies net.core.somaxconn net.ipv4.tcp_max_syn_backlog",
                    ),
                    change(
                        "sysctl -w net.core.somaxconn=8192",
                        "Counts only after the program calls listen() again, and only if it asks for as \
                         much.",
                    ),
                ],
            },
            Action {
                who: Who::Program,
                what: "Give listen() a larger backlog.",
                commands: &[],
            },
        ],
    },
    VerdictPage {
        name: "syn_sent_stuck",
        meaning: "Connection attempts of this machine get no answer.",
        linux: "The SYN is repeated net.ipv4.tcp_syn_retries times (6); connect() fails with ETIMEDOUT \
            after about 127 s, 131 s with net.ipv4.tcp_syn_linear_timeouts.",
        kernel_files: &["net/ipv4/tcp_timer.c (tcp_write_timeout)"],
        seen_by: &[
            look("ss -tanop state syn-sent"),
            look("tcpmon ls 'state syn-sent and age > 3s'"),
        ],
        why: "A firewall that drops, a wrong address, no way back, a peer that is down, or a peer whose \
            accept queue is full.",
        mistaken_for: "A refusal ends SYN_SENT at once, and so does a lack of ports; neither stays.",
        actions: &[
            Action {
                who: Who::Operator,
                what: "Follow the SYN: does it leave, does an answer come?",
                commands: &[
                    look("ip route get PEER"),
                    look("tcpdump -ni any 'host PEER and tcp port PORT'"),
                ],
            },
            Action {
                who: Who::Program,
                what: "Give up after seconds, not minutes, and back off.",
                commands: &[change(
                    "sysctl -w net.ipv4.tcp_syn_retries=4",
                    "Holds for every connect() of the namespace: slow or lossy paths fail sooner.",
                )],
            },
        ],
    },
    VerdictPage {
        name: "fin_wait1_stuck",
        meaning: "We closed, and the peer acknowledges neither our FIN nor the data before it.",
        linux: "Orphans are repeated net.ipv4.tcp_orphan_retries times (0 means 8: more than 100 s), held \
            sockets net.ipv4.tcp_retries2 times (15: at least 924 s). Their unsent data stay in kernel \
            memory.",
        kernel_files: &["net/ipv4/tcp_timer.c (tcp_orphan_retries, tcp_out_of_resources)"],
        seen_by: &[
            look("ss -tanom state fin-wait-1"),
            look("grep TCP: /proc/net/sockstat    # orphan, mem"),
        ],
        why: "The peer is gone without a FIN or RST, or its program does not read and its window is shut \
            (`timer:(persist,...)`). Many from few addresses: an attack that ties up memory.",
        mistaken_for: "Slow clients that still read: Send-Q shrinks.",
        actions: &[
            Action {
                who: Who::Peer,
                what: "Read, or come back.",
                commands: &[],
            },
            Action {
                who: Who::Operator,
                what: "Give up sooner, or destroy them.",
                commands: &[
                    change(
                        "sysctl -w net.ipv4.tcp_orphan_retries=3",
                        "Slow clients lose the end of what they were being sent.",
                    ),
                    change(
                        "ss -tK state fin-wait-1 dst PEER",
                        "The unsent data are lost; the peer gets a RST. Needs CONFIG_INET_DIAG_DESTROY.",
                    ),
                ],
            },
        ],
    },
    VerdictPage {
        name: "fin_wait2_stuck",
        meaning: "We closed our direction, the peer acknowledged and does not close its own, for longer \
            than an orphan may stay. A program of ours holds these sockets and waits.",
        linux: "An orphan leaves after net.ipv4.tcp_fin_timeout (60 s). A socket held after \
            shutdown(SHUT_WR) has no limit.",
        kernel_files: &[
            "net/ipv4/tcp_input.c (tcp_rcv_state_process)",
            "net/ipv4/tcp.c (__tcp_close)",
        ],
        seen_by: &[
            look("ss -tanop state fin-wait-2    # held: a process, and no timewait timer"),
            look("tcpmon ls 'state fin-wait-2 and age > 2m'"),
        ],
        why: "The peer's program leaks in CLOSE_WAIT, and ours waits for its FIN without a time-out.",
        mistaken_for: "A half-closed connection over which the peer still sends: a client that shuts its \
            sending side after the request and reads the answer, as `nc -N` does.",
        actions: &[
            Action {
                who: Who::Peer,
                what: "Close: its end of the same connection is in CLOSE_WAIT.",
                commands: &[look("ss -tanp state close-wait    # on the peer")],
            },
            Action {
                who: Who::Program,
                what: "Wait with a time-out after shutdown(SHUT_WR), then close(): from then on the kernel \
                    limits it.",
                commands: &[],
            },
        ],
    },
    VerdictPage {
        name: "closing_stuck",
        meaning: "Both sides closed at once, and the ACK of our FIN does not come.",
        linux: "As in FIN_WAIT1: net.ipv4.tcp_orphan_retries for orphans, net.ipv4.tcp_retries2 for held \
            sockets.",
        kernel_files: &["net/ipv4/tcp_timer.c (tcp_orphan_retries)"],
        seen_by: &[
            look("ss -tano state closing"),
            look("tcpmon ls 'state closing'"),
        ],
        why: "A middlebox forgot the connection when it saw the first FIN, or the peer vanished in that \
            moment.",
        mistaken_for: "One or two for an instant are normal.",
        actions: &[
            Action {
                who: Who::Peer,
                what: "Look for the firewall or NAT on the way that drops our FIN or its ACK.",
                commands: &[look(
                    "tcpdump -ni any 'host PEER and tcp[tcpflags] & (tcp-fin|tcp-rst) != 0'",
                )],
            },
            Action {
                who: Who::Operator,
                what: "They end by themselves when the retries are used up. Do nothing else.",
                commands: &[],
            },
        ],
    },
    VerdictPage {
        name: "last_ack_stuck",
        meaning: "The peer closed, then we did, and the ACK of our FIN does not come.",
        linux: "The FIN is repeated net.ipv4.tcp_orphan_retries times (0 means 8: more than 100 s). Then \
            the orphan ends with ETIMEDOUT; no program hears of it.",
        kernel_files: &["net/ipv4/tcp_timer.c (tcp_orphan_retries)"],
        seen_by: &[
            look("ss -tano state last-ack"),
            look("tcpmon ls 'state last-ack and age > 30s'"),
        ],
        why: "The peer is gone, or a firewall dropped its memory of the connection and drops the rest in \
            silence. Often the end of a CLOSE_WAIT leak: this program closed long after the peer had gone.",
        mistaken_for: "Seconds on a slow path.",
        actions: &[
            Action {
                who: Who::Program,
                what: "Close soon after the peer's FIN: then somebody is there to acknowledge.",
                commands: &[],
            },
            Action {
                who: Who::Operator,
                what: "Wait: they end by themselves. When orphans threaten the limit, give up sooner.",
                commands: &[change(
                    "sysctl -w net.ipv4.tcp_orphan_retries=3",
                    "Slow clients lose the end of what they were being sent.",
                )],
            },
        ],
    },
    VerdictPage {
        name: "orphans_near_limit",
        meaning: "The machine nears its limit of orphans: closed sockets which the kernel still works off, \
            in FIN_WAIT1, LAST_ACK and CLOSING.",
        linux: "Above net.ipv4.tcp_max_orphans a close() resets instead of closing, the log says: too many \
            orphaned sockets, and TCPAbortOnMemory rises. When an orphan's timer runs, it may count double \
            or fourfold, so it can be ended from a quarter of the limit on. Count and limit are the \
            whole machine's, and only its first namespace has the sysctl. Minisocks do not count.",
        kernel_files: &[
            "net/ipv4/tcp.c (tcp_check_oom, __tcp_close)",
            "net/ipv4/tcp_timer.c (tcp_out_of_resources)",
        ],
        seen_by: &[
            look("grep TCP: /proc/net/sockstat    # orphan, mem"),
            look("sysctl net.ipv4.tcp_max_orphans net.ipv4.tcp_mem"),
            look("nstat -az TcpExtTCPAbortOnMemory"),
        ],
        why: "Many peers vanished at once (a network fault, a restarted NAT), or many slow readers were \
            closed with data still to send.",
        mistaken_for: "FIN_WAIT2 minisocks have no process either, but count against \
            net.ipv4.tcp_max_tw_buckets.",
        actions: &[
            Action {
                who: Who::Operator,
                what: "Work them off sooner; raise the limit only when there is memory.",
                commands: &[
                    change(
                        "sysctl -w net.ipv4.tcp_orphan_retries=3",
                        "Slow clients lose the end of what they were being sent.",
                    ),
                    change(
                        "sysctl -w net.ipv4.tcp_max_orphans=262144",
                        "Kernel memory that cannot be swapped: up to 64 KB for each orphan.",
                    ),
                ],
            },
            Action {
                who: Who::Peer,
                what: "Find the network fault that made so many vanish.",
                commands: &[look(
                    "ss -tan state fin-wait-1 state last-ack | awk '{print $5}' | sort | uniq -c",
                )],
            },
        ],
    },
    VerdictPage {
        name: "half_dead",
        meaning: "An ESTABLISHED connection whose peer has acknowledged nothing for long, although data or \
            keep-alive probes are waiting for it. The other end is probably gone.",
        linux: "Data are repeated until net.ipv4.tcp_retries2 (15) is used up: at least 924 s, then \
            ETIMEDOUT. Keep-alive needs tcp_keepalive_time (7200 s) and 9 probes of 75 s. A shut window is \
            probed for as long as the peer answers, without limit.",
        kernel_files: &[
            "net/ipv4/tcp_timer.c (tcp_write_timeout, tcp_probe_timer, tcp_keepalive_timer)",
        ],
        seen_by: &[
            look("ss -tioe state established    # lastack:, unacked:, retrans:, timer:"),
            look("tcpmon ls 'state established and dst = PEER'"),
        ],
        why: "The peer lost power or network, a NAT or firewall forgot an idle connection and now drops its \
            segments, or a virtual machine was moved or frozen.",
        mistaken_for: "An idle connection with nothing outstanding is only quiet. A window of zero with \
            answered probes is a slow reader.",
        actions: &[
            Action {
                who: Who::Program,
                what: "Set TCP_USER_TIMEOUT, and keep-alives shorter than the idle time-out of what stands \
                    between; send a heartbeat in the protocol where there is one.",
                commands: &[],
            },
            Action {
                who: Who::Operator,
                what: "See whether the peer is there; destroy the connection when the program cannot.",
                commands: &[
                    look("tcpdump -ni any 'host PEER and tcp port PORT'"),
                    change(
                        "ss -tK dst PEER dport = :PORT",
                        "Every connection there ends with ECONNABORTED. Needs CONFIG_INET_DIAG_DESTROY.",
                    ),
                ],
            },
            Action {
                who: Who::Peer,
                what: "Come back, or be restarted: a restarted machine answers with RST, and that ends it.",
                commands: &[],
            },
        ],
    },
];
