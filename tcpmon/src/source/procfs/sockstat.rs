//! `/proc/PID/net/sockstat`: socket counts of the namespace of `PID` (`net/ipv4/proc.c`). Needs no
//! privilege and no change of namespace.

use std::io;

use crate::source::procfs::{ProcRoot, number};

/// The `TCP:` line. Fields the line lacks are `None`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Sockstat {
    /// IPv4 sockets of the namespace that have a port.
    pub in_use: Option<u64>,
    /// Sockets without a process. Of the whole machine.
    pub orphans: Option<u64>,
    /// TIME_WAIT and FIN_WAIT2 minisocks of the namespace, IPv6 included.
    pub minisocks: Option<u64>,
    /// TCP sockets allocated. Of the whole machine.
    pub allocated: Option<u64>,
    /// Buffer memory in pages, of the whole machine.
    pub memory_pages: Option<u64>,
}

/// The counts of the namespace of `pid`.
///
/// # Errors
/// When the process is gone.
pub fn read(root: &ProcRoot, pid: u32) -> io::Result<Sockstat> {
    root.read(&format!("{pid}/net/sockstat"))
        .map(|text| parse(&text))
}

/// Parses the file.
#[must_use]
pub fn parse(text: &str) -> Sockstat {
    let mut out = Sockstat::default();
    let line = text.lines().find_map(|line| line.strip_prefix("TCP:"));
    let mut words = line.unwrap_or_default().split_ascii_whitespace();
    while let (Some(name), Some(value)) = (words.next(), words.next()) {
        let field = match name {
            "inuse" => &mut out.in_use,
            "orphan" => &mut out.orphans,
            "tw" => &mut out.minisocks,
            "alloc" => &mut out.allocated,
            "mem" => &mut out.memory_pages,
            _ => continue,
        };
        *field = number(value);
    }
    out
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_tcp_line() {
        let text =
            "sockets: used 12\nTCP: inuse 5 orphan 0 tw 3 alloc 7 mem 423\nUDP: inuse 9 mem 0\n";
        let expected = Sockstat {
            in_use: Some(5),
            orphans: Some(0),
            minisocks: Some(3),
            allocated: Some(7),
            memory_pages: Some(423),
        };
        assert_eq!(parse(text), expected);
    }

    #[test]
    fn what_is_missing_or_odd_is_none() {
        let nothing = Sockstat::default();
        for text in [
            "",
            "TCP6: inuse 1\n",
            "TCP:",
            "TCP: tw",
            "TCP: tw x",
            "TCP: tw -1",
        ] {
            assert_eq!(parse(text), nothing, "{text}");
        }
        let some = Sockstat {
            minisocks: Some(3),
            ..nothing
        };
        assert_eq!(parse("TCP: later 1 tw 3 inuse"), some);
    }

    #[test]
    fn the_running_kernel_tells_all() {
        let stat = read(&ProcRoot::default(), std::process::id()).expect("no privilege needed");
        assert!(stat.in_use.is_some() && stat.minisocks.is_some());
        assert!(stat.orphans.is_some() && stat.allocated.is_some() && stat.memory_pages.is_some());
    }

    proptest! {
        #[test]
        fn any_text_gives_an_answer(text in "(?s).*", words in "(TCP: )?([a-z]{1,6} -?[0-9]{0,30} ?)*") {
            let _ = (parse(&text), parse(&words));
        }
    }
}
