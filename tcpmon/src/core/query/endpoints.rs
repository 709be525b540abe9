//! What is served, and what is used: listeners and destinations.

use serde::{Deserialize, Serialize};

/// Rows of an answer when nobody says how many.
pub const DEFAULT_ROWS: usize = 1000;

/// The listening sockets.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Listeners {
    /// [`super::SCHEMA`].
    pub schema: u32,
    /// How many there are, shown or not.
    pub total: u64,
    /// The fullest accept queue first, then those that dropped most.
    pub listeners: Vec<ListenerRow>,
}

/// One listening socket. `null` means unknown, never zero.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ListenerRow {
    /// Socket cookie.
    pub cookie: Option<u64>,
    /// Inode of the network namespace.
    pub netns: Option<u32>,
    /// Name of the network namespace.
    pub netns_name: Option<String>,
    /// Local address; `0.0.0.0` or `::` is every address.
    pub address: String,
    /// Local port.
    pub port: u16,
    /// Process id.
    pub pid: Option<u32>,
    /// Process name. From the kernel as it is: sanitise before it reaches a terminal.
    pub process: Option<String>,
    /// Connections in its accept queue when it was last looked at, about once a second.
    pub queue: Option<u32>,
    /// The longest that queue may be.
    pub queue_limit: Option<u32>,
    /// The longest the queue was when it was looked at.
    pub queue_longest: Option<u32>,
    /// SYNs and handshakes it dropped in its life.
    pub drops: Option<u32>,
    /// Half-open connections that go to it: to its address, or to any that no other listener has. Where
    /// several share address and port, each of them shows all.
    pub half_open: u64,
    /// Sockets of connections to its port, whatever their state and whoever accepted them.
    pub connections: u64,
    /// Seconds since it listens.
    pub age_seconds: f64,
    /// It is older than the agent.
    pub age_is_lower_bound: bool,
}

/// The destinations: peers that are connected to, each with the local address used.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Destinations {
    /// [`super::SCHEMA`].
    pub schema: u32,
    /// How many there are, shown or not.
    pub total: u64,
    /// Those that hold most ports first.
    pub destinations: Vec<DestinationRow>,
}

/// One destination from one local address. `null` means unknown, never zero.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct DestinationRow {
    /// Inode of the network namespace.
    pub netns: Option<u32>,
    /// Name of the network namespace.
    pub netns_name: Option<String>,
    /// Local address.
    pub source: String,
    /// Remote address.
    pub address: String,
    /// Remote port.
    pub port: u16,
    /// Sockets towards it, those included that the kernel alone keeps.
    pub sockets: u64,
    /// Of them in TIME_WAIT.
    pub time_wait: u64,
    /// Of them those whose local port a new connection cannot have. A TIME_WAIT entry is none of
    /// them where `tcp_tw_reuse` gives its port away; it does so after `tcp_tw_reuse_delay`, so in
    /// that moment there may be more.
    pub held: u64,
    /// Ports for connections that do not choose one; `null` before the namespace's settings are known.
    pub usable: Option<u64>,
    /// Connections established since the agent knows the destination.
    pub opened_total: u64,
    /// The part of the connections that ended which this side closed first, 0 to 1.
    pub closed_here_share: Option<f64>,
    /// The median of how long connections were ESTABLISHED, in seconds.
    pub median_life_seconds: Option<f64>,
    /// Connections to that address and port, from any local address, that were refused, timed out or
    /// found no route, since the agent started.
    pub failed_total: u64,
    /// `connect()` calls that found no local port.
    pub no_port_total: u64,
    /// Process with the most sockets towards it.
    pub pid: Option<u32>,
    /// Its name. From the kernel as it is: sanitise before it reaches a terminal.
    pub process: Option<String>,
}

/// How often an edge is taken.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct EdgeRate {
    /// State before, spelled like `CLOSE_WAIT`.
    pub from: String,
    /// State after.
    pub to: String,
    /// Times per second over the last few seconds.
    pub per_second: f64,
}
