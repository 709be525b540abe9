//! The limits a process or a namespace can run into.

use std::io;

use crate::core::facts::{MachineFact, NamespaceLimits, PortRange};
use crate::source::procfs::{ProcRoot, number, sockstat};

/// A limit that is not set.
pub const UNLIMITED: u64 = u64::MAX;

/// `RLIMIT_NOFILE` of a process: its soft limit of open descriptors; [`UNLIMITED`].
///
/// # Errors
/// When the process is gone.
pub fn read_max_open_files(root: &ProcRoot, pid: u32) -> io::Result<Option<u64>> {
    root.read(&format!("{pid}/limits"))
        .map(|text| parse_max_open_files(&text))
}

/// The soft limit in the line `Max open files` of `/proc/PID/limits`.
#[must_use]
pub fn parse_max_open_files(text: &str) -> Option<u64> {
    let limits = text
        .lines()
        .find_map(|line| line.strip_prefix("Max open files"))?;
    match limits.split_ascii_whitespace().next()? {
        "unlimited" => Some(UNLIMITED),
        soft => number(soft),
    }
}

/// Settings of the namespace the calling thread is in: `/proc/sys/net` depends on who reads it
/// (`net_ctl_root` in `net/sysctl_net.c`). About 0.1 ms.
#[must_use]
pub fn read_namespace_limits(root: &ProcRoot) -> NamespaceLimits {
    let read = |name: &str| root.read(&format!("sys/net/{name}")).ok();
    let read_number = |name: &str| parse_setting(&read(name)?);
    NamespaceLimits {
        local_ports: read("ipv4/ip_local_port_range").and_then(|text| parse_port_range(&text)),
        reserved_ports: read("ipv4/ip_local_reserved_ports")
            .and_then(|text| parse_port_list(&text)),
        tw_reuse: read_number("ipv4/tcp_tw_reuse"),
        tw_reuse_delay_ms: read_number("ipv4/tcp_tw_reuse_delay"),
        max_minisocks: read_number("ipv4/tcp_max_tw_buckets"),
        fin_timeout_s: read_number("ipv4/tcp_fin_timeout"),
        timestamps: read_number("ipv4/tcp_timestamps"),
        max_syn_backlog: read_number("ipv4/tcp_max_syn_backlog"),
        syncookies: read_number("ipv4/tcp_syncookies"),
        somaxconn: read_number("core/somaxconn"),
        keepalive_time_s: read_number("ipv4/tcp_keepalive_time"),
        keepalive_interval_s: read_number("ipv4/tcp_keepalive_intvl"),
        keepalive_probes: read_number("ipv4/tcp_keepalive_probes"),
        retries2: read_number("ipv4/tcp_retries2"),
        syn_retries: read_number("ipv4/tcp_syn_retries"),
        orphan_retries: read_number("ipv4/tcp_orphan_retries"),
    }
}

/// What the whole machine uses now; of its limits only what every namespace is shown.
#[must_use]
pub fn read_machine(root: &ProcRoot) -> MachineFact {
    let sockets = root.read("thread-self/net/sockstat");
    let sockets = sockets
        .map(|text| sockstat::parse(&text))
        .unwrap_or_default();
    let files = root.read("sys/fs/file-nr").ok();
    let files = files.and_then(|text| parse_triple(&text));
    MachineFact {
        orphans: sockets.orphans,
        allocated: sockets.allocated,
        memory_pages: sockets.memory_pages,
        // Allocated, free and most; nothing is ever free (fs/file_table.c).
        open_files: files.map(|[open, _, _]| open),
        max_open_files: files.map(|[_, _, most]| most),
        ..MachineFact::default()
    }
}

/// `tcp_max_orphans` and `tcp_mem`, which threads in the initial network namespace alone are shown
/// (`ipv4_table` in `net/ipv4/sysctl_net_ipv4.c`).
#[must_use]
pub fn read_machine_limits(root: &ProcRoot) -> (Option<u32>, Option<[u64; 3]>) {
    let read = |name: &str| root.read(&format!("sys/net/ipv4/{name}")).ok();
    (
        read("tcp_max_orphans").and_then(|text| parse_setting(&text)),
        read("tcp_mem").and_then(|text| parse_triple(&text)),
    )
}

/// A setting that is one number.
#[must_use]
pub fn parse_setting(text: &str) -> Option<u32> {
    number(text.trim_ascii())
}

/// `LOW HIGH`, both included. `None` unless `LOW` ≤ `HIGH`.
#[must_use]
pub fn parse_port_range(text: &str) -> Option<PortRange> {
    let mut words = text.split_ascii_whitespace();
    let (low, high) = (number(words.next()?)?, number(words.next()?)?);
    (words.next().is_none() && low <= high).then_some(PortRange { low, high })
}

/// Ports and ranges of ports, `80,8080-8090`, as the kernel prints its bitmap: in ascending order,
/// none twice (`proc_do_large_bitmap` in `kernel/sysctl.c`). An empty line is an empty list.
#[must_use]
pub fn parse_port_list(text: &str) -> Option<Vec<PortRange>> {
    let text = text.trim_ascii();
    if text.is_empty() {
        return Some(Vec::new());
    }
    let ranges = text.split(',').map(|item| {
        let (low, high) = item.split_once('-').unwrap_or((item, item));
        let (low, high) = (number(low)?, number(high)?);
        (low <= high).then_some(PortRange { low, high })
    });
    let ranges: Vec<PortRange> = ranges.collect::<Option<_>>()?;
    let ascending = ranges.is_sorted_by(|before, after| before.high < after.low);
    ascending.then_some(ranges)
}

/// Three numbers, as in `tcp_mem` and `file-nr`.
#[must_use]
pub fn parse_triple(text: &str) -> Option<[u64; 3]> {
    let numbers: Option<Vec<u64>> = text.split_ascii_whitespace().map(number).collect();
    numbers?.try_into().ok()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn open_files() {
        let line = |soft: &str| {
            format!("Max processes 1 1 processes\nMax open files            {soft}  20000  files\n")
        };
        assert_eq!(parse_max_open_files(&line("1024")), Some(1024));
        assert_eq!(parse_max_open_files(&line("unlimited")), Some(UNLIMITED));
        assert_eq!(parse_max_open_files(&line("many")), None);
        assert_eq!(parse_max_open_files("Max open files"), None);
        assert_eq!(parse_max_open_files(""), None);
    }

    #[test]
    fn settings() {
        assert_eq!(parse_setting("60\n"), Some(60));
        assert_eq!(parse_setting("-1\n"), None);
        assert_eq!(parse_setting(""), None);
        let range = |low, high| PortRange { low, high };
        assert_eq!(
            parse_port_range("32768\t60999\n"),
            Some(range(32768, 60999))
        );
        assert_eq!(parse_port_range("9 9"), Some(range(9, 9)));
        for text in ["", "1", "2 1", "1 65536", "1 2 3", "a b"] {
            assert_eq!(parse_port_range(text), None, "{text}");
        }
    }

    #[test]
    fn reserved_ports() {
        let range = |low, high| PortRange { low, high };
        for (text, expected) in [
            ("\n", vec![]),
            ("", vec![]),
            ("8080\n", vec![range(8080, 8080)]),
            (
                "80,8080-8090,65535\n",
                vec![range(80, 80), range(8080, 8090), range(65535, 65535)],
            ),
            ("0-65535\n", vec![range(0, 65535)]),
        ] {
            assert_eq!(parse_port_list(text), Some(expected), "{text}");
        }
        for text in [
            ",", "80,", "80-", "-80", "90-80", "80 81", "65536", "81,80", "80-90,85", "x",
        ] {
            assert_eq!(parse_port_list(text), None, "{text}");
        }
    }

    #[test]
    fn triples() {
        assert_eq!(
            parse_triple("22887\t30519\t45774\n"),
            Some([22887, 30519, 45774])
        );
        assert_eq!(
            parse_triple("1632 0 9223372036854775807"),
            Some([1632, 0, 9_223_372_036_854_775_807])
        );
        for text in ["", "1 2", "1 2 3 4", "1 2 x", "1 2 -3"] {
            assert_eq!(parse_triple(text), None, "{text}");
        }
    }

    #[test]
    fn the_running_kernel_has_them() {
        let root = ProcRoot::default();
        assert!(
            read_max_open_files(&root, std::process::id())
                .expect("proc")
                .is_some()
        );
        let limits = read_namespace_limits(&root);
        assert!(limits.local_ports.is_some() && limits.reserved_ports.is_some());
        let unknown = NamespaceLimits {
            local_ports: None,
            reserved_ports: None,
            // Kernels before 6.14 have none.
            tw_reuse_delay_ms: None,
            ..limits.clone()
        };
        let shown = format!("{unknown:?}");
        assert_eq!(shown.matches("None").count(), 3, "{limits:#?}");
        let machine = read_machine(&root);
        assert!(machine.orphans.is_some() && machine.open_files.is_some());
        assert!(machine.max_open_files >= machine.open_files);
        let nowhere = ProcRoot("/nowhere".into());
        assert_eq!(read_namespace_limits(&nowhere), NamespaceLimits::default());
        assert_eq!(read_machine(&nowhere), MachineFact::default());
        assert_eq!(read_machine_limits(&nowhere), (None, None));
    }

    proptest! {
        #[test]
        fn any_text_gives_an_answer(text in "(?s).*", words in "(Max open files )?([0-9]{0,25}[ \t\n])*") {
            for text in [text, words] {
                let _ = (parse_max_open_files(&text), parse_setting(&text), parse_port_range(&text));
                let _ = (parse_port_list(&text), parse_triple(&text));
            }
        }

        /// Whatever ports are reserved, the kernel's text for them is understood.
        #[test]
        fn any_bitmap_is_understood(ports in prop::collection::btree_set(any::<u16>(), 0..50)) {
            let texts: Vec<String> = ports.iter().map(ToString::to_string).collect();
            let ranges = parse_port_list(&texts.join(",")).expect("the kernel's notation");
            let read: Vec<u16> = ranges.iter().map(|range| range.low).collect();
            prop_assert_eq!(read, ports.into_iter().collect::<Vec<_>>());
            prop_assert!(ranges.iter().all(|range| range.ports() == 1));
        }
    }
}
