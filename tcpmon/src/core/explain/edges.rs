//! Every edge: who causes it, in which context, and what the tracepoint shows.

use tcpmon_common::State;
use tcpmon_common::State::{
    Close, CloseWait, Closing, Established, FinWait1, FinWait2, LastAck, Listen, NewSynRecv,
    SynRecv, SynSent, TimeWait,
};

use super::EdgePage;

const PROCESS: &str = "Process context: the current task is the caller, and is recorded.";
const SOFTIRQ: &str = "Softirq, or the owner's release_sock() when it was using the socket: the current \
    task is whoever ran. On loopback it is often the peer. Nobody is named.";
const TIMER: &str = "A timer: the current task is the idle task or a bystander. Nobody is named.";
const SILENT: &str = "Nothing.";
const NEVER: &str = "Never: Linux does not take this edge.";

/// An edge, the cause, the context, what the tracepoint shows, the kernel function.
const fn page(
    from: State,
    to: State,
    cause: &'static str,
    context: &'static str,
    shown: &'static str,
    kernel: &'static str,
) -> EdgePage {
    EdgePage {
        from,
        to,
        cause,
        context,
        shown,
        kernel,
    }
}

pub(super) static PAGES: &[EdgePage] = &[
    page(
        Close,
        Listen,
        "listen().",
        PROCESS,
        "The listener's address and port. It is announced before the port is taken: when that fails, \
            LISTEN -> CLOSE follows at once.",
        "inet_csk_listen_start, net/ipv4/inet_connection_sock.c",
    ),
    page(
        Close,
        SynSent,
        "connect(), or the first write with TCP Fast Open.",
        PROCESS,
        "The destination. The local port is still 0 unless bind() chose one: ports are picked after \
            this. SYN_SENT -> CLOSE within microseconds, without an error and with port 0, means that \
            no port was free.",
        "tcp_v4_connect, net/ipv4/tcp_ipv4.c; tcp_v6_connect, net/ipv6/tcp_ipv6.c",
    ),
    page(
        Listen,
        Close,
        "close() or shutdown() of the listener, the end of its process, or `ss -K`.",
        PROCESS,
        "This first. Then every connection that nobody accepted goes to CLOSE and is reset. Request \
            sockets end in silence, some only when their timer runs.",
        "__tcp_close and tcp_disconnect, net/ipv4/tcp.c; inet_csk_listen_stop, \
            net/ipv4/inet_connection_sock.c",
    ),
    page(
        Listen,
        SynRecv,
        "The last ACK of the handshake, or the ACK of a SYN cookie; with TCP Fast Open the SYN itself.",
        SOFTIRQ,
        "The birth of the full socket, not the SYN: SYN_RECV -> ESTABLISHED follows within microseconds. \
            On kernels up to 6.12 this record still has the listener's address and cookie. The listener \
            itself stays in LISTEN.",
        "tcp_v4_syn_recv_sock, net/ipv4/tcp_ipv4.c; inet_csk_clone_lock, \
            net/ipv4/inet_connection_sock.c",
    ),
    page(
        Listen,
        SynSent,
        "In the RFC: SEND on a listening connection turns it into a client (section 3.10.2).",
        "None. Linux refuses to send on a listener.",
        NEVER,
        "tcp_sendmsg, net/ipv4/tcp.c",
    ),
    page(
        Listen,
        NewSynRecv,
        "The peer's SYN.",
        SOFTIRQ,
        "Nothing. The request socket is in sock_diag and in ss as SYN-RECV. A SYN answered by a cookie is \
            nowhere.",
        "tcp_conn_request, net/ipv4/tcp_input.c; inet_reqsk_alloc",
    ),
    page(
        NewSynRecv,
        SynRecv,
        "The last ACK of the handshake.",
        SOFTIRQ,
        "Nothing for the request. The new full socket announces LISTEN -> SYN_RECV.",
        "tcp_check_req, net/ipv4/tcp_minisocks.c",
    ),
    page(
        NewSynRecv,
        Close,
        "A RST from the peer, or no ACK after net.ipv4.tcp_synack_retries repeats of the SYN-ACK (63 s).",
        TIMER,
        SILENT,
        "reqsk_timer_handler and inet_csk_reqsk_queue_drop, net/ipv4/inet_connection_sock.c",
    ),
    page(
        SynSent,
        Established,
        "The peer's SYN and ACK.",
        SOFTIRQ,
        "The first record with the local port that was chosen.",
        "tcp_finish_connect, net/ipv4/tcp_input.c",
    ),
    page(
        SynSent,
        SynRecv,
        "A SYN without ACK: both sides connect to each other at once. Also a socket that connects to \
            itself, when the automatic port is the destination's.",
        SOFTIRQ,
        "This edge, then SYN_RECV -> ESTABLISHED.",
        "tcp_rcv_synsent_state_process, net/ipv4/tcp_input.c",
    ),
    page(
        SynSent,
        Close,
        "A RST (refused), net.ipv4.tcp_syn_retries used up, an ICMP error, close() before the answer, or \
            no free local port.",
        "Refused: softirq, on loopback inside connect(). Time-out: a timer. close() and no port: the \
            caller.",
        "sk_err tells: 111 refused, 110 timed out, 101 or 113 unreachable. 0 with both directions shut: \
            close(). 0, nothing shut, port 0: no ephemeral port.",
        "tcp_reset, net/ipv4/tcp_input.c; tcp_write_err, net/ipv4/tcp_timer.c; inet_hash_connect, \
            net/ipv4/inet_hashtables.c",
    ),
    page(
        SynRecv,
        Established,
        "The last ACK of the handshake.",
        SOFTIRQ,
        "The connection is finished here, before accept(): the program may not know of it yet.",
        "tcp_rcv_state_process, net/ipv4/tcp_input.c",
    ),
    page(
        SynRecv,
        FinWait1,
        "close() or shutdown(SHUT_WR) before the last ACK came: TCP Fast Open, simultaneous open.",
        PROCESS,
        "The same record as an active close, from SYN_RECV.",
        "tcp_close_state, net/ipv4/tcp.c",
    ),
    page(
        SynRecv,
        CloseWait,
        "The peer's FIN while the socket is in SYN_RECV (RFC 9293 section 3.10.7.4, eighth).",
        SOFTIRQ,
        "This edge. Rare.",
        "tcp_fin, net/ipv4/tcp_input.c",
    ),
    page(
        SynRecv,
        Close,
        "The new socket lost a race for its place in the table, or could not share the listener's port; \
            or a socket opened by TCP Fast Open or simultaneous open was reset, timed out or closed.",
        "A packet: softirq. A time-out: a timer. close(): the caller, who is recorded.",
        "This edge, with sk_err if there was an error. Rare.",
        "tcp_v4_syn_recv_sock, net/ipv4/tcp_ipv4.c; tcp_done, net/ipv4/tcp.c",
    ),
    page(
        SynRecv,
        Listen,
        "In the RFC: a RST returns a passive open to LISTEN (section 3.10.7.4).",
        "None. In Linux the listener never left LISTEN; the request is dropped.",
        NEVER,
        "tcp_check_req, net/ipv4/tcp_minisocks.c",
    ),
    page(
        Established,
        FinWait1,
        "close(), shutdown(SHUT_WR), or the end of the process, before the peer closed: our FIN.",
        "Process context: the current task is the closer, also when it is being killed. It may be another \
            process than the one that opened the socket.",
        "sk_shutdown 3 for close(), 2 for shutdown(SHUT_WR).",
        "tcp_close_state, net/ipv4/tcp.c",
    ),
    page(
        Established,
        CloseWait,
        "The peer's FIN.",
        SOFTIRQ,
        "No process: on loopback the current task is the peer that closed. The socket's own control \
            group is right all the same.",
        "tcp_fin, net/ipv4/tcp_input.c",
    ),
    page(
        Established,
        Close,
        "A RST from the peer, a time-out (retransmission, keep-alive, TCP_USER_TIMEOUT), close() with \
            unread data or SO_LINGER 0, connect(AF_UNSPEC), `ss -K`, or the listener closing before \
            accept().",
        "RST: softirq. Time-out: a timer. The rest: the caller.",
        "sk_err tells: 104 reset, 110 timed out, 103 `ss -K`, 0 the owner or its listener.",
        "tcp_reset, net/ipv4/tcp_input.c; tcp_write_err, net/ipv4/tcp_timer.c; __tcp_close and \
            tcp_disconnect, net/ipv4/tcp.c",
    ),
    page(
        FinWait1,
        FinWait2,
        "The ACK of our FIN.",
        SOFTIRQ,
        "After close(), FIN_WAIT2 -> CLOSE follows at once: the sequence of a normal close is FIN_WAIT1 \
            -> FIN_WAIT2 -> CLOSE, all at the ACK of our FIN, before the peer's FIN. A held socket \
            (shutdown) stays in FIN_WAIT2.",
        "tcp_rcv_state_process, net/ipv4/tcp_input.c",
    ),
    page(
        FinWait1,
        Closing,
        "The peer's FIN, which does not acknowledge ours.",
        SOFTIRQ,
        "This edge, then CLOSING -> CLOSE.",
        "tcp_fin, net/ipv4/tcp_input.c",
    ),
    page(
        FinWait1,
        TimeWait,
        "In the RFC: FIN and the ACK of our FIN in one segment (section 3.10.7.4).",
        "None as such: Linux goes through FIN_WAIT2.",
        "FIN_WAIT1 -> FIN_WAIT2 and FIN_WAIT2 -> CLOSE, microseconds apart. SOCK_DONE is set in the \
            second: TIME_WAIT begins.",
        "tcp_rcv_state_process, net/ipv4/tcp_input.c",
    ),
    page(
        FinWait1,
        Close,
        "A RST, net.ipv4.tcp_orphan_retries used up, or too many orphans.",
        "RST: softirq. Time-out: a timer. Nobody is named.",
        "sk_err 104 or 110. Never an entry into TIME_WAIT.",
        "tcp_reset, net/ipv4/tcp_input.c; tcp_write_timeout and tcp_out_of_resources, \
            net/ipv4/tcp_timer.c",
    ),
    page(
        FinWait2,
        TimeWait,
        "The peer's FIN.",
        SOFTIRQ,
        "For a minisock nothing: it changes its substate in silence, and tcpmon finds that by sock_diag. \
            For a held socket FIN_WAIT2 -> CLOSE with SOCK_DONE set.",
        "tcp_timewait_state_process, net/ipv4/tcp_minisocks.c; tcp_fin, net/ipv4/tcp_input.c",
    ),
    page(
        FinWait2,
        Close,
        "After close(): the ACK of our FIN, at once. After shutdown(SHUT_WR): the peer's FIN, a RST, a \
            later close(), or a time-out.",
        "Packets: softirq, where nobody is named. A later close(): the caller, whom this record does not \
            name either.",
        "The full socket ends here and a minisock takes over: in TIME_WAIT when SOCK_DONE is set (the \
            peer's FIN was seen), else in FIN_WAIT2. With sk_err, or followed by a reset of our own \
            (TCP_LINGER2 below 0, data after close), there is none.",
        "tcp_time_wait, net/ipv4/tcp_minisocks.c",
    ),
    page(
        Closing,
        TimeWait,
        "The ACK of our FIN.",
        SOFTIRQ,
        "CLOSING -> CLOSE instead. TIME_WAIT is never announced.",
        "tcp_time_wait, net/ipv4/tcp_minisocks.c",
    ),
    page(
        Closing,
        Close,
        "The ACK of our FIN; or a RST; or the FIN's retries used up.",
        SOFTIRQ,
        "sk_err 0: a TIME_WAIT minisock takes over. 104 or 110: the connection was aborted.",
        "tcp_rcv_state_process, net/ipv4/tcp_input.c",
    ),
    page(
        TimeWait,
        Close,
        "60 s have passed (TCP_TIMEWAIT_LEN); or early: a RST, a new SYN, reuse by connect(), `ss -K`, or \
            the end of the network namespace.",
        TIMER,
        "Nothing. tcpmon lets the entry expire by its timer and corrects itself by sock_diag.",
        "inet_twsk_kill, net/ipv4/inet_timewait_sock.c",
    ),
    page(
        CloseWait,
        LastAck,
        "close() or shutdown(SHUT_WR), or the end of the process, after the peer's FIN: our FIN.",
        "Process context: the current task is the closer, and is recorded. This names the process that \
            kept a socket in CLOSE_WAIT.",
        "sk_shutdown 3 for close().",
        "tcp_close_state, net/ipv4/tcp.c",
    ),
    page(
        CloseWait,
        Close,
        "close() with unread data or SO_LINGER 0 (this side resets), a RST from the peer, `ss -K`, or the \
            listener closing before accept().",
        "RST: softirq. The rest: the caller.",
        "sk_err 32 (EPIPE): the peer's RST. 103: `ss -K`. 0: the owner, or its listener.",
        "__tcp_close, net/ipv4/tcp.c; tcp_reset, net/ipv4/tcp_input.c",
    ),
    page(
        LastAck,
        Close,
        "The ACK of our FIN. Or a RST, or the FIN's retries used up.",
        SOFTIRQ,
        "sk_err 0: the orderly end. 104 or 110: the peer was gone.",
        "tcp_rcv_state_process, net/ipv4/tcp_input.c",
    ),
    page(
        FinWait2,
        FinWait2,
        "close() of a socket that shutdown(SHUT_WR) brought to FIN_WAIT2.",
        "Process context: the current task is the caller, but is not recorded here.",
        "Old and new state are the same; FIN_WAIT2 -> CLOSE follows, and a FIN_WAIT2 minisock remains.",
        "tcp_close_state, net/ipv4/tcp.c",
    ),
    page(
        Close,
        Close,
        "`ss -K` of a listener, after LISTEN -> CLOSE.",
        "Process context: the current task is the killer.",
        "Old and new state are the same, sk_err is 103.",
        "tcp_abort and tcp_done, net/ipv4/tcp.c",
    ),
];

#[cfg(test)]
mod tests {
    use tcpmon_common::context::{SHUTDOWN_BOTH, current_task_acts};

    use super::*;

    #[test]
    fn a_process_is_said_to_be_recorded_where_it_is() {
        for page in PAGES {
            let is_recorded = current_task_acts(page.from, page.to, 0, SHUTDOWN_BOTH);
            match page.context {
                PROCESS => assert!(is_recorded, "{}", page.name()),
                SOFTIRQ | TIMER => assert!(!is_recorded, "{}", page.name()),
                _ => {}
            }
        }
    }

    #[test]
    fn silence_and_never_are_said_of_edges_that_are_not_announced() {
        use crate::core::fsm::{Origin, is_announced};
        for page in PAGES {
            let edge = page.edge();
            let is_never = page.shown == NEVER;
            assert!(
                !(is_never || page.shown == SILENT) || !is_announced(edge),
                "{edge:?}"
            );
            assert!(!is_never || edge.origin == Origin::RfcOnly, "{edge:?}");
        }
    }
}
