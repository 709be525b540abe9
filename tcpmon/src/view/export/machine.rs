//! What the machine has one of, as far as it could be read.

use anyhow::Result;

use super::family::{Family, counter, gauge};
use crate::core::snapshot::Snapshot;

pub(super) fn families(snapshot: &Snapshot) -> Result<Vec<Family>> {
    let machine = &snapshot.machine;
    let mut families = vec![counter(
        "tcpmon_ending_groups_forgotten_total",
        "Groups of connections that ended otherwise than in order and were silent so long that others \
         took their place: while it grows, what is counted of endings and failures is a lower bound.",
        snapshot.endings_forgotten as f64,
    )?];
    if let Some(orphans) = machine.orphans {
        families.push(gauge(
            "tcpmon_orphan_sockets",
            "Connections that no process holds and that are not in TIME_WAIT, of the namespace the \
             agent runs in.",
            orphans as f64,
        )?);
    }
    if let Some(limit) = machine.max_orphans {
        families.push(gauge(
            "tcpmon_orphan_sockets_limit",
            "Most of these the kernel keeps; beyond, they are reset (tcp_max_orphans).",
            f64::from(limit),
        )?);
    }
    Ok(families)
}
