//! The limits a process or a namespace can run into.

use std::io;
use std::ops::RangeInclusive;

use crate::source::procfs::{ProcRoot, number};

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

/// Settings of a namespace. `None` where the kernel does not have one or hides it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NetnsSettings {
    /// `ip_local_port_range`: ports for connections that do not choose one.
    pub local_ports: Option<RangeInclusive<u16>>,
    /// `tcp_max_tw_buckets`: most minisocks; beyond, connections end without TIME_WAIT.
    pub max_minisocks: Option<u32>,
    /// `tcp_fin_timeout` in seconds: life of a FIN_WAIT2 minisock.
    pub fin_timeout_s: Option<u32>,
    /// `somaxconn`: upper bound of every listener's accept queue.
    pub somaxconn: Option<u32>,
    /// `tcp_max_syn_backlog`: half-open connections of a listener without SYN cookies.
    pub max_syn_backlog: Option<u32>,
}

/// Settings of the namespace the calling thread is in: `/proc/sys/net` depends on who reads it
/// (`net_ctl_root` in `net/sysctl_net.c`).
#[must_use]
pub fn read_netns_settings(root: &ProcRoot) -> NetnsSettings {
    let read = |name: &str| root.read(&format!("sys/net/{name}")).ok();
    let read_number = |name: &str| parse_setting(&read(name)?);
    NetnsSettings {
        local_ports: read("ipv4/ip_local_port_range").and_then(|text| parse_port_range(&text)),
        max_minisocks: read_number("ipv4/tcp_max_tw_buckets"),
        fin_timeout_s: read_number("ipv4/tcp_fin_timeout"),
        somaxconn: read_number("core/somaxconn"),
        max_syn_backlog: read_number("ipv4/tcp_max_syn_backlog"),
    }
}

/// A setting that is one number.
#[must_use]
pub fn parse_setting(text: &str) -> Option<u32> {
    number(text.trim_ascii())
}

/// `LOW HIGH`, both included. `None` unless `LOW` ≤ `HIGH`.
#[must_use]
pub fn parse_port_range(text: &str) -> Option<RangeInclusive<u16>> {
    let mut words = text.split_ascii_whitespace();
    let range = number(words.next()?)?..=number(words.next()?)?;
    (words.next().is_none() && !range.is_empty()).then_some(range)
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
        assert_eq!(parse_port_range("32768\t60999\n"), Some(32768..=60999));
        assert_eq!(parse_port_range("9 9"), Some(9..=9));
        for text in ["", "1", "2 1", "1 65536", "1 2 3", "a b"] {
            assert_eq!(parse_port_range(text), None, "{text}");
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
        let settings = read_netns_settings(&root);
        assert!(settings.local_ports.is_some() && settings.fin_timeout_s.is_some());
        let nowhere = ProcRoot("/nowhere".into());
        assert_eq!(read_netns_settings(&nowhere), NetnsSettings::default());
    }

    proptest! {
        #[test]
        fn any_text_gives_an_answer(text in "(?s).*", words in "(Max open files )?([0-9]{0,25}[ \t\n])*") {
            for text in [text, words] {
                let _ = (parse_max_open_files(&text), parse_setting(&text), parse_port_range(&text));
            }
        }
    }
}
