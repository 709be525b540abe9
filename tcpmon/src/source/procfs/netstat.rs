//! `/proc/PID/net/netstat`: event counters of the namespace of `PID`, since it was made
//! (`net/ipv4/proc.c`, names of `snmp4_net_list`). Needs no privilege.

use std::io;

use crate::core::facts::{KernelEvent, KernelEvents};
use crate::source::procfs::{ProcRoot, number};

/// Counters of the `TcpExt:` lines. `None` where the kernel does not have the counter.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TcpExt {
    /// `TW`: minisocks that ended in time. With `TWKilled`, those that were made and did not live
    /// on.
    pub time_wait: Option<u64>,
    /// `TWRecycled`: TIME_WAIT entries a new connection took over.
    pub time_wait_recycled: Option<u64>,
    /// `TWKilled`: minisocks ended before their time.
    pub time_wait_killed: Option<u64>,
    /// `TCPTimeWaitOverflow`: connections closed without TIME_WAIT at `tcp_max_tw_buckets`.
    pub time_wait_overflow: Option<u64>,
    /// `ListenOverflows`: connections dropped because an accept queue was full.
    pub listen_overflows: Option<u64>,
    /// `ListenDrops`: all SYNs and connections dropped at listeners, overflows included.
    pub listen_drops: Option<u64>,
    /// `SyncookiesSent`.
    pub syncookies_sent: Option<u64>,
    /// `SyncookiesRecv`: connections made from a cookie.
    pub syncookies_received: Option<u64>,
    /// `SyncookiesFailed`: cookies that were not ours.
    pub syncookies_failed: Option<u64>,
    /// `TCPReqQFullDoCookies`: cookies sent because the queue of half-open connections was full.
    pub request_queue_full_cookies: Option<u64>,
    /// `TCPReqQFullDrop`: SYNs dropped because that queue was full.
    pub request_queue_full_drops: Option<u64>,
    /// `TCPAbortOnMemory`: orphans reset because there were too many, or too little memory.
    pub aborts_on_memory: Option<u64>,
}

/// The counters of the namespace of `pid`.
///
/// # Errors
/// When the process is gone.
pub fn read(root: &ProcRoot, pid: u32) -> io::Result<TcpExt> {
    root.read(&format!("{pid}/net/netstat"))
        .map(|text| parse(&text))
}

/// The counters of the namespace of the calling thread.
///
/// # Errors
/// When `/proc` is not mounted.
pub fn read_own(root: &ProcRoot) -> io::Result<TcpExt> {
    root.read("thread-self/net/netstat")
        .map(|text| parse(&text))
}

/// Parses the file: a line of names, then a line of numbers.
#[must_use]
pub fn parse(text: &str) -> TcpExt {
    let mut out = TcpExt::default();
    let mut lines = text.lines().filter_map(|line| line.strip_prefix("TcpExt:"));
    let (Some(names), Some(values)) = (lines.next(), lines.next()) else {
        return out;
    };
    let names = names.split_ascii_whitespace();
    for (name, value) in names.zip(values.split_ascii_whitespace()) {
        if let Some(field) = out.field(name) {
            *field = number(value);
        }
    }
    out
}

impl TcpExt {
    /// The counters the table keeps.
    #[must_use]
    pub fn events(&self) -> KernelEvents {
        KernelEvent::ALL.map(|event| match event {
            KernelEvent::ListenOverflows => self.listen_overflows,
            KernelEvent::ListenDrops => self.listen_drops,
            KernelEvent::SyncookiesSent => self.syncookies_sent,
            KernelEvent::SyncookiesReceived => self.syncookies_received,
            KernelEvent::SyncookiesFailed => self.syncookies_failed,
            KernelEvent::RequestQueueCookies => self.request_queue_full_cookies,
            KernelEvent::RequestQueueDrops => self.request_queue_full_drops,
            KernelEvent::TimeWaitOverflow => self.time_wait_overflow,
            KernelEvent::TimeWaitRecycled => self.time_wait_recycled,
            KernelEvent::TimeWaitKilled => self.time_wait_killed,
            KernelEvent::AbortsOnMemory => self.aborts_on_memory,
        })
    }

    fn field(&mut self, name: &str) -> Option<&mut Option<u64>> {
        Some(match name {
            "TW" => &mut self.time_wait,
            "TWRecycled" => &mut self.time_wait_recycled,
            "TWKilled" => &mut self.time_wait_killed,
            "TCPTimeWaitOverflow" => &mut self.time_wait_overflow,
            "ListenOverflows" => &mut self.listen_overflows,
            "ListenDrops" => &mut self.listen_drops,
            "SyncookiesSent" => &mut self.syncookies_sent,
            "SyncookiesRecv" => &mut self.syncookies_received,
            "SyncookiesFailed" => &mut self.syncookies_failed,
            "TCPReqQFullDoCookies" => &mut self.request_queue_full_cookies,
            "TCPReqQFullDrop" => &mut self.request_queue_full_drops,
            "TCPAbortOnMemory" => &mut self.aborts_on_memory,
            _ => return None,
        })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn pairs_names_with_numbers() {
        let text = "TcpExt: SyncookiesSent Other TW TWKilled ListenDrops\n\
                    TcpExt: 1 2 3 x\n\
                    IpExt: TW\n\
                    IpExt: 9\n";
        let expected = TcpExt {
            syncookies_sent: Some(1),
            time_wait: Some(3),
            ..TcpExt::default()
        };
        assert_eq!(parse(text), expected);
    }

    #[test]
    fn half_a_file_is_nothing() {
        for text in ["", "TcpExt:", "TcpExt: TW", "IpExt: TW\nIpExt: 1"] {
            assert_eq!(parse(text), TcpExt::default(), "{text}");
        }
    }

    #[test]
    fn the_running_kernel_has_them() {
        let stat = read(&ProcRoot::default(), std::process::id()).expect("no privilege needed");
        assert!(stat.time_wait.is_some() && stat.time_wait_killed.is_some());
        assert!(stat.time_wait_recycled.is_some() && stat.time_wait_overflow.is_some());
        assert!(stat.listen_overflows.is_some() && stat.listen_drops.is_some());
        assert!(stat.request_queue_full_drops.is_some() && stat.aborts_on_memory.is_some());
    }

    proptest! {
        #[test]
        fn any_text_gives_an_answer(text in "(?s).*", lines in "(TcpExt:( (TW|TWKilled|[0-9]{0,25}))*\n){0,4}") {
            let _ = (parse(&text), parse(&lines));
        }
    }
}
