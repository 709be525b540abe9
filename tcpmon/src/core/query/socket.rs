//! One socket: how it came to be where it is, and what its connection is like now.

use serde::{Deserialize, Serialize};

use super::SocketRow;

/// Which socket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SocketQuestion {
    /// Its cookie. The rest of a socket, in TIME_WAIT or FIN_WAIT2, is found by that of the socket.
    pub cookie: u64,
}

/// One socket. Nothing in it is a guess: what was not seen is not there.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SocketAnswer {
    /// [`super::SCHEMA`].
    pub schema: u32,
    /// `null` when there is none, or none any more.
    pub socket: Option<SocketRow>,
    /// The transitions that led to its state, oldest first, as far back as they were seen and at most
    /// the last five.
    pub steps: Vec<StepRow>,
    /// Its connection, as the kernel described it last; `null` where it was not asked yet, or does not
    /// describe it.
    pub transport: Option<Transport>,
}

/// One transition of the past.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct StepRow {
    /// Wall-clock time, RFC 3339 with nanoseconds, UTC.
    pub time: String,
    /// Seconds ago.
    pub age_seconds: f64,
    /// State before.
    pub from: String,
    /// State after.
    pub to: String,
    /// What the edge means: `active open`, `peer closed` …
    pub reason: String,
    /// Seconds spent in the state before; `null` when its beginning was not seen.
    pub duration_seconds: Option<f64>,
}

/// What the kernel says of a connection: `struct tcp_info` and what `ss -tim` shows besides. Left out
/// is what this kernel does not tell.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Transport {
    /// Seconds since it was read.
    pub age_seconds: f64,
    /// Bytes not read by the process; for a listener connections in its accept queue.
    pub recv_queue: u32,
    /// Bytes not acknowledged by the peer; for a listener the limit of its accept queue.
    pub send_queue: u32,
    /// Which timer runs: `retransmit`, `keepalive`, `zero_window_probe` or `time_wait`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub timer: Option<String>,
    /// Milliseconds until it fires.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub timer_milliseconds: Option<u32>,
    /// Name of the congestion control.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub congestion_control: Option<String>,
    /// The rest, of full sockets alone.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub info: Option<TcpInfo>,
}

/// `struct tcp_info` (`include/uapi/linux/tcp.h`), with units. `null` is what an older kernel does not
/// tell.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct TcpInfo {
    /// Retransmissions of the oldest segment in a row, unanswered.
    pub retransmits: u8,
    /// Keepalive or window probes, unanswered.
    pub probes: u8,
    /// How often the retransmission timer was doubled.
    pub backoff: u8,
    /// Retransmission time-out, microseconds.
    pub rto_us: u32,
    /// Smoothed round trip time, microseconds.
    pub rtt_us: u32,
    /// Its variance, microseconds.
    pub rtt_variance_us: u32,
    /// The shortest round trip time, microseconds.
    pub min_rtt_us: Option<u32>,
    /// Congestion window, segments.
    pub congestion_window: u32,
    /// Slow start threshold, segments; `null` while none was found.
    pub slow_start_threshold: Option<u32>,
    /// Largest segment sent, bytes.
    pub send_mss: u32,
    /// Path MTU, bytes.
    pub path_mtu: u32,
    /// Segments sent and not acknowledged.
    pub unacknowledged: u32,
    /// Of these, held to be lost.
    pub lost: u32,
    /// Segments retransmitted in the connection's life.
    pub retransmitted_total: u32,
    /// Milliseconds since data was sent.
    pub last_data_sent_ms: u32,
    /// Milliseconds since data came in.
    pub last_data_received_ms: u32,
    /// Milliseconds since an acknowledgement came in.
    pub last_ack_received_ms: u32,
    /// Bytes acknowledged by the peer.
    pub bytes_acknowledged: Option<u64>,
    /// Bytes received.
    pub bytes_received: Option<u64>,
    /// Bytes the process wrote that were not sent yet.
    pub bytes_not_sent: Option<u32>,
    /// Bytes per second that reached the peer lately.
    pub delivery_rate: Option<u64>,
    /// Microseconds with data to send.
    pub busy_us: Option<u64>,
    /// Of these, held up by the peer's receive window.
    pub receive_window_limited_us: Option<u64>,
    /// Of these, held up by our send buffer.
    pub send_buffer_limited_us: Option<u64>,
    /// The receive window the peer announces, bytes.
    pub send_window: Option<u32>,
}
