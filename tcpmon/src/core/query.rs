//! Questions to the table and their answers. The answers are the JSON of the local API: names in
//! `snake_case`, units in names, `schema` once per document.

mod endpoints;
mod picture;
mod processes;
mod socket;
mod verdicts;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::core::facts::{MachineFact, NamespaceLimits};
use crate::core::filter::Filter;
use crate::core::netns::NameSource;
pub use endpoints::{DEFAULT_ROWS, DestinationRow, Destinations, EdgeRate, ListenerRow, Listeners};
pub use picture::{PastMoment, Picture, Wants};
pub use processes::{ProcessAnswer, ProcessRow, Processes};
pub use socket::{SocketAnswer, SocketQuestion, StepRow, TcpInfo, Transport};
pub use verdicts::{Actor, Confidence, NextStep, PastVerdict, VerdictRow, Verdicts};

/// Version of the JSON shape; raised when a field changes its meaning or goes away.
pub const SCHEMA: u32 = 1;

/// How rows are ordered.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Sort {
    /// Oldest in its state first.
    #[default]
    Age,
    /// Newest in its state first.
    Newest,
}

/// Which sockets to show.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct SocketsQuestion {
    /// Only sockets that match; an empty filter matches all.
    pub filter: Filter,
    /// Order of the rows.
    pub sort: Sort,
    /// At most so many rows; `None` for all.
    pub limit: Option<usize>,
}

/// How the agent came to know the process of a socket.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OwnerSource {
    /// The process was seen calling `connect()`.
    Connect,
    /// The process was seen calling `listen()`.
    Listen,
    /// The process was seen closing the socket.
    Close,
    /// Nobody has been seen with it; the listener's process is assumed.
    Listener,
    /// The process holds the socket in its file descriptor table.
    FdTable,
}

/// Which side opened the connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// We connected.
    Client,
    /// We were connected to, or we listen.
    Server,
}

/// One socket as users see it. `null` means unknown or not applicable, never zero. What only few
/// sockets have is left out elsewhere.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SocketRow {
    /// Socket cookie, what `ss -e` shows as `sk:` in hexadecimal.
    pub cookie: Option<u64>,
    /// Inode of the network namespace.
    pub netns: Option<u32>,
    /// `ipv4` or `ipv6`: the family of the socket.
    pub family: String,
    /// State, spelled like `CLOSE_WAIT`.
    pub state: String,
    /// Local address.
    pub local_address: String,
    /// Local port.
    pub local_port: u16,
    /// Remote address.
    pub remote_address: String,
    /// Remote port.
    pub remote_port: u16,
    /// Seconds since the socket entered its state.
    pub age_seconds: f64,
    /// The socket is older than the agent: it has been in its state for at least `age_seconds`.
    pub age_is_lower_bound: bool,
    /// Inode of the socket.
    pub inode: Option<u64>,
    /// Process id.
    pub pid: Option<u32>,
    /// Process name. From the kernel as it is: sanitise before it reaches a terminal.
    pub process: Option<String>,
    /// File descriptor number in that process.
    pub fd: Option<u32>,
    /// How the process is known.
    pub owner_source: Option<OwnerSource>,
    /// Path of the control group: that of the socket, or of its process where that says more.
    pub cgroup: Option<String>,
    /// systemd unit.
    pub unit: Option<String>,
    /// Container id.
    pub container: Option<String>,
    /// Which side opened the connection.
    pub role: Option<Role>,
    /// `full`, `minisock` (closed, kept by the kernel alone) or `request` (half-open).
    pub kind: String,
    /// The process has accepted or created it; `false`: still in the accept queue.
    pub accepted: Option<bool>,
    /// Seconds since the connection was opened, where that was seen: our SYN, or the last ACK of the
    /// peer's handshake.
    pub connection_age_seconds: Option<f64>,
    /// Seconds until a minisock's timer ends it.
    pub remaining_seconds: Option<f64>,
    /// User id of the creator.
    pub uid: Option<u32>,
    /// Bytes not read yet; for a listener the length of its accept queue. As of the last audit.
    pub recv_queue: Option<u32>,
    /// Bytes not acknowledged; for a listener the limit of its accept queue. As of the last audit.
    pub send_queue: Option<u32>,
    /// For a listener, the longest its accept queue was when it was looked at, about once a second.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub accept_queue_longest: Option<u32>,
    /// For a listener, half-open connections that go to it; where several share its address and port,
    /// all of theirs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub half_open: Option<u64>,
    /// For a listener, SYNs and handshakes it dropped in its life.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub drops: Option<u32>,
    /// Name of the network namespace: `host`, its name among `ip netns list`, or the pod, container
    /// or service that lives in it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub netns_name: Option<String>,
    /// Processes that hold the socket, as of the last scan; left out when it is one, or none is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub holders: Option<u32>,
    /// Uid of the Kubernetes pod; left out elsewhere.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pod_uid: Option<String>,
    /// What kind of name that is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub netns_name_source: Option<NameSource>,
}

/// Answer to [`SocketsQuestion`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Sockets {
    /// [`SCHEMA`].
    pub schema: u32,
    /// How many sockets match; `null` when the limit ended the search before it was known.
    pub matched: Option<u64>,
    /// The rows.
    pub sockets: Vec<SocketRow>,
}

/// Connections that ended otherwise than in order, by how, towards whom and whose.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Endings {
    /// [`SCHEMA`].
    pub schema: u32,
    /// Groups that were silent so long that others took their place.
    pub forgotten: u64,
    /// The most frequent first.
    pub endings: Vec<EndingRow>,
}

/// One group of endings.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct EndingRow {
    /// How they ended: `refused`, `reset`, `timed_out`, `no_port` …
    pub reason: String,
    /// How many, since the agent started.
    pub count: u64,
    /// Seconds since the last.
    pub last_age_seconds: f64,
    /// Which side opened; `null` for sockets older than the agent.
    pub role: Option<Role>,
    /// For a server its own address, else the peer's.
    pub address: String,
    /// For a server its own port, else the peer's.
    pub port: u16,
    /// Process id.
    pub pid: Option<u32>,
    /// Process name. From the kernel as it is: sanitise before it reaches a terminal.
    pub process: Option<String>,
    /// Inode of the network namespace, which may be gone.
    pub netns: Option<u32>,
}

/// The network namespaces of the machine.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Namespaces {
    /// [`SCHEMA`].
    pub schema: u32,
    /// Those with the most sockets first.
    pub namespaces: Vec<NamespaceRow>,
    /// What all of them share.
    pub machine: MachineFact,
}

/// How a network namespace is seen.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum NetnsView {
    /// The stream, and dumps that compare the table with the kernel's own list.
    Dumps,
    /// The stream alone: it has not been looked into yet, was not found, or may not be entered.
    /// Sockets older than the agent are not known until they change.
    Stream,
}

/// One network namespace.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct NamespaceRow {
    /// Inode, as `/proc/PID/ns/net` shows it; `null` for sockets the kernel did not place.
    pub netns: Option<u32>,
    /// `host`, its name among `ip netns list`, or the pod, container or service that lives in it;
    /// `null` when nothing but the inode is known.
    pub name: Option<String>,
    /// What kind of name that is.
    pub name_source: Option<NameSource>,
    /// Where the knowledge of its sockets comes from.
    pub known_from: NetnsView,
    /// Sockets in it, minisocks included.
    pub sockets: u64,
    /// TIME_WAIT and FIN_WAIT2 minisocks in it.
    pub minisocks: u64,
    /// The kernel's own counters since the namespace was made; left out is what it does not count.
    pub kernel: BTreeMap<String, u64>,
    /// Its settings; `null` before they were read, or where it cannot be entered.
    pub limits: Option<NamespaceLimits>,
}

/// One state in the summary.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct StateSummary {
    /// State, spelled like `CLOSE_WAIT`.
    pub state: String,
    /// Sockets in it now.
    pub sockets: u64,
    /// Sockets that ever entered it since the agent started.
    pub entered_total: u64,
    /// Entries per second over the last few seconds.
    pub entered_per_second: f64,
    /// Age of the oldest; `null` when there is none.
    pub oldest_age_seconds: Option<f64>,
    /// The oldest is older than the agent.
    pub oldest_is_lower_bound: bool,
}

/// How the agent gets its events, and how well.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Health {
    /// `tp_btf`, `tracepoint` or `sock_diag`: the rung of the feature ladder.
    pub rung: String,
    /// Transitions the kernel program counted.
    pub events_produced: u64,
    /// Records read from the ring.
    pub events_delivered: u64,
    /// Records lost, by reason.
    pub events_lost: BTreeMap<String, u64>,
    /// Transitions per second over the last few seconds.
    pub events_per_second: f64,
    /// Corrections made to the table by audits, by kind.
    pub drift: BTreeMap<String, u64>,
    /// Seconds since the last audit ended; `null` before the first.
    pub last_audit_age_seconds: Option<f64>,
    /// What limits the view, one sentence each; empty when nothing does.
    pub limits: Vec<String>,
}

/// The machine at a glance.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Summary {
    /// [`SCHEMA`].
    pub schema: u32,
    /// Version of the agent.
    pub version: String,
    /// Host name.
    pub host: String,
    /// Kernel release.
    pub kernel: String,
    /// Seconds since the agent started.
    pub uptime_seconds: f64,
    /// Every state, in the order of [`tcpmon_common::State::RFC`].
    pub states: Vec<StateSummary>,
    /// Edges taken in the last few seconds, in the order of a connection's life; those never taken are
    /// left out.
    #[serde(default)]
    pub edges: Vec<EdgeRate>,
    /// Network namespaces with sockets.
    pub namespaces: u64,
    /// State of the machinery.
    pub health: Health,
}

/// One transition as `watch` shows it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct EventRow {
    /// Wall-clock time, RFC 3339 with nanoseconds, UTC.
    pub time: String,
    /// State before.
    pub from: String,
    /// State after. The tracepoint says `CLOSE` where the connection lives on as a minisock.
    pub to: String,
    /// What the edge means: `active open`, `reset by peer` …
    pub reason: String,
    /// Seconds spent in the state before; `null` when its beginning was not seen.
    pub duration_seconds: Option<f64>,
    /// Transitions before this one that matched too and are not shown, because there were more than
    /// were asked for or than the watcher took.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub left_out: u64,
    /// The socket after the transition.
    #[serde(flatten)]
    pub socket: SocketRow,
}

#[expect(
    clippy::trivially_copy_pass_by_ref,
    reason = "serde calls it with a reference"
)]
const fn is_zero(number: &u64) -> bool {
    *number == 0
}
