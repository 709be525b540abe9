//! What the kernel counts itself, per network namespace, summed over all of them.

use anyhow::Result;

use super::family::{Family, counter};
use crate::core::facts::KernelEvent;
use crate::core::snapshot::Snapshot;

pub(super) fn families(snapshot: &Snapshot) -> Result<Vec<Family>> {
    let totals = snapshot.totals.kernel_events;
    KernelEvent::ALL
        .into_iter()
        .zip(totals)
        .map(|(event, total)| {
            let name = format!("tcpmon_{}_total", event.name());
            counter(&name, help(event), total as f64)
        })
        .collect()
}

const fn help(event: KernelEvent) -> &'static str {
    match event {
        KernelEvent::ListenOverflows => {
            "Handshakes the kernel dropped because an accept queue was full (ListenOverflows)."
        }
        KernelEvent::ListenDrops => {
            "SYNs and handshakes dropped at listeners, overflows included (ListenDrops)."
        }
        KernelEvent::SyncookiesSent => "SYN cookies sent (SyncookiesSent).",
        KernelEvent::SyncookiesReceived => "Connections made from a SYN cookie (SyncookiesRecv).",
        KernelEvent::SyncookiesFailed => "SYN cookies that were not ours (SyncookiesFailed).",
        KernelEvent::RequestQueueCookies => {
            "SYN cookies sent because the queue of half-open connections was full \
             (TCPReqQFullDoCookies)."
        }
        KernelEvent::RequestQueueDrops => {
            "SYNs dropped because the queue of half-open connections was full (TCPReqQFullDrop)."
        }
        KernelEvent::TimeWaitOverflow => {
            "Connections closed without TIME_WAIT because of tcp_max_tw_buckets \
             (TCPTimeWaitOverflow)."
        }
        KernelEvent::TimeWaitRecycled => {
            "TIME_WAIT entries that a new connection took over (TWRecycled)."
        }
        KernelEvent::TimeWaitKilled => {
            "TIME_WAIT and FIN_WAIT2 entries that ended before their time (TWKilled)."
        }
        KernelEvent::AbortsOnMemory => {
            "Orphans reset because there were too many or too little memory (TCPAbortOnMemory)."
        }
    }
}
