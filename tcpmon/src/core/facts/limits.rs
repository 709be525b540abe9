//! Limits of namespaces and of the machine: what a connection can run into. They are JSON as they
//! are: `null` is unknown.

use serde::{Deserialize, Serialize};

/// Ports from `low` to `high`, both included.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PortRange {
    /// The lowest.
    pub low: u16,
    /// The highest; not below `low`.
    pub high: u16,
}

impl PortRange {
    /// How many ports that is.
    #[must_use]
    pub const fn ports(self) -> u32 {
        self.high as u32 - self.low as u32 + 1
    }

    /// What both have.
    fn shared(self, other: Self) -> Option<Self> {
        let (low, high) = (self.low.max(other.low), self.high.min(other.high));
        (low <= high).then_some(Self { low, high })
    }
}

/// The settings of a network namespace that limit its connections, from `/proc/sys/net` read inside
/// it (`net/ipv4/sysctl_net_ipv4.c`, `net/core/sysctl_net_core.c`). `None` where the kernel does not
/// have one, does not have one per namespace, or hides it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct NamespaceLimits {
    /// `ip_local_port_range`: the ports of connections that do not choose one.
    pub local_ports: Option<PortRange>,
    /// `ip_local_reserved_ports`: ports that are chosen for no connection, in ascending order.
    /// Empty when there are none.
    pub reserved_ports: Option<Vec<PortRange>>,
    /// `tcp_tw_reuse`: whether a new connection may take over a TIME_WAIT entry's ports; 0 never,
    /// 1 with timestamps, 2 on loopback alone.
    pub tw_reuse: Option<u32>,
    /// `tcp_tw_reuse_delay` in milliseconds: how old such an entry is at least. Since Linux 6.14;
    /// before, it is a second.
    pub tw_reuse_delay_ms: Option<u32>,
    /// `tcp_max_tw_buckets`: most minisocks; beyond, connections end without TIME_WAIT.
    pub max_minisocks: Option<u32>,
    /// `tcp_fin_timeout` in seconds: how long an orphan waits for the peer's FIN.
    pub fin_timeout_s: Option<u32>,
    /// `tcp_timestamps`: 0 off, 1 on, 2 on without a random offset.
    pub timestamps: Option<u32>,
    /// `tcp_max_syn_backlog`: half-open connections of a listener without SYN cookies.
    pub max_syn_backlog: Option<u32>,
    /// `tcp_syncookies`: 0 never, 1 when a queue is full, 2 always.
    pub syncookies: Option<u32>,
    /// `somaxconn`: upper bound of every listener's accept queue.
    pub somaxconn: Option<u32>,
    /// `tcp_keepalive_time` in seconds: silence before the first probe.
    pub keepalive_time_s: Option<u32>,
    /// `tcp_keepalive_intvl` in seconds: between probes.
    pub keepalive_interval_s: Option<u32>,
    /// `tcp_keepalive_probes`: probes without an answer that end a connection.
    pub keepalive_probes: Option<u32>,
    /// `tcp_retries2`: retransmissions that end an established connection.
    pub retries2: Option<u32>,
    /// `tcp_syn_retries`: retransmissions of a SYN.
    pub syn_retries: Option<u32>,
    /// `tcp_orphan_retries`: retransmissions that end an orphan; 0 stands for 8
    /// (`tcp_orphan_retries()` in `net/ipv4/tcp_timer.c`).
    pub orphan_retries: Option<u32>,
}

impl NamespaceLimits {
    /// Ports for connections that do not choose one: of an odd number the last is never used, and
    /// reserved ones are not (`__inet_hash_connect` of `net/ipv4/inet_hashtables.c`).
    #[must_use]
    pub fn ephemeral_ports(&self) -> Option<u32> {
        let ports = self.local_ports?.ports() & !1;
        Some(ports.saturating_sub(self.reserved_local_ports().unwrap_or(0)))
    }

    /// Whether a new connection may take over the port of a TIME_WAIT entry (`tcp_twsk_unique` of
    /// `net/ipv4/tcp_ipv4.c`): with timestamps, and not at all, everywhere or on loopback alone.
    #[must_use]
    pub fn reuses_time_wait(&self, is_loopback: bool) -> bool {
        let is_allowed = match self.tw_reuse {
            Some(1) => true,
            Some(2) => is_loopback,
            _ => false,
        };
        is_allowed && self.timestamps != Some(0)
    }

    /// Reserved ports within `ip_local_port_range`; `None` while one of the two is unknown.
    #[must_use]
    pub fn reserved_local_ports(&self) -> Option<u32> {
        let (local, reserved) = (self.local_ports?, self.reserved_ports.as_ref()?);
        let shared = reserved.iter().filter_map(|range| range.shared(local));
        Some(shared.map(PortRange::ports).sum())
    }
}

/// What the machine has one of, for all namespaces together. `None` where it could not be read:
/// settings of the machine are shown in the initial network namespace alone.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct MachineFact {
    /// `tcp_max_orphans`: connections without a process; beyond, they are reset.
    pub max_orphans: Option<u32>,
    /// Connections without a process now (`/proc/net/sockstat`).
    pub orphans: Option<u64>,
    /// TCP sockets allocated now.
    pub allocated: Option<u64>,
    /// Buffer memory of TCP now, in pages.
    pub memory_pages: Option<u64>,
    /// `tcp_mem` in pages: low, pressure, high.
    pub memory_limits_pages: Option<[u64; 3]>,
    /// Open files now, of all processes (`fs.file-nr`).
    pub open_files: Option<u64>,
    /// Most open files of all processes (`fs.file-max`).
    pub max_open_files: Option<u64>,
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn range(low: u16, high: u16) -> PortRange {
        PortRange { low, high }
    }

    #[test]
    fn reserved_ports_count_within_the_range_alone() {
        let limits = |local, reserved: &[PortRange]| NamespaceLimits {
            local_ports: local,
            reserved_ports: Some(reserved.to_vec()),
            ..NamespaceLimits::default()
        };
        let local = Some(range(32768, 60999));
        for (reserved, expected) in [
            (vec![], 0),
            (vec![range(80, 80)], 0),
            (vec![range(40000, 40000)], 1),
            (vec![range(32000, 32770), range(60000, 65535)], 3 + 1000),
            (vec![range(0, 65535)], 28232),
        ] {
            let limits = limits(local, &reserved);
            assert_eq!(
                limits.reserved_local_ports(),
                Some(expected),
                "{reserved:?}"
            );
        }
        assert_eq!(limits(None, &[]).reserved_local_ports(), None);
        assert_eq!(NamespaceLimits::default().reserved_local_ports(), None);
        assert_eq!(range(0, 65535).ports(), 65536);
    }
}
