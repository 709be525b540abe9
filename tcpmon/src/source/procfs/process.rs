//! Who a process is: its name, when it began, its control group.

use std::fs;
use std::io;

use crate::source::procfs::{ProcRoot, number};

/// Clock ticks per second in `/proc/PID/stat`: `USER_HZ`, 100 wherever Rust runs
/// (`include/asm-generic/param.h`).
pub const TICKS_PER_SECOND: u64 = 100;

/// The fields of `/proc/PID/stat` in use, see proc_pid_stat(5).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stat {
    /// User time in ticks.
    pub user_ticks: u64,
    /// System time in ticks.
    pub system_ticks: u64,
    /// Threads.
    pub threads: u64,
    /// Start, in ticks after boot. With the pid it names a process for as long as the machine
    /// runs: pids are reused.
    pub start_ticks: u64,
    /// Size of the address space in bytes.
    pub virtual_bytes: u64,
}

/// Name of the process's first thread, NUL-padded as the kernel keeps it.
///
/// # Errors
/// When the process is gone.
pub fn read_comm(root: &ProcRoot, pid: u32) -> io::Result<[u8; 16]> {
    fs::read(root.of(pid, "comm")).map(|bytes| parse_comm(&bytes))
}

/// The first line, 15 bytes at most.
#[must_use]
pub fn parse_comm(bytes: &[u8]) -> [u8; 16] {
    let mut comm = [0; 16];
    let name = bytes
        .split(|byte| *byte == b'\n')
        .next()
        .unwrap_or_default();
    for (to, from) in comm.iter_mut().take(15).zip(name) {
        *to = *from;
    }
    comm
}

/// When the process began, in ticks after boot.
///
/// # Errors
/// When the process is gone, or its file is not understood.
pub fn read_start_ticks(root: &ProcRoot, pid: u32) -> io::Result<u64> {
    let bytes = fs::read(root.of(pid, "stat"))?;
    parse_stat(&bytes)
        .map(|stat| stat.start_ticks)
        .ok_or_else(|| io::Error::new(io::ErrorKind::InvalidData, format!("/proc/{pid}/stat")))
}

/// Parses `/proc/PID/stat`. The name in it may contain anything, parentheses and line ends too:
/// the fields begin after the last `)`.
#[must_use]
pub fn parse_stat(bytes: &[u8]) -> Option<Stat> {
    let end_of_name = bytes.iter().rposition(|byte| *byte == b')')?;
    let fields = str::from_utf8(bytes.get(end_of_name + 1..)?).ok()?;
    // The manual counts fields from 1, and field 3 is the first after the name.
    let mut fields = fields.split_ascii_whitespace();
    let user_ticks = number(fields.nth(14 - 3)?)?;
    let system_ticks = number(fields.next()?)?;
    let threads = number(fields.nth(20 - 16)?)?;
    let start_ticks = number(fields.nth(22 - 21)?)?;
    let virtual_bytes = number(fields.next()?)?;
    Some(Stat {
        user_ticks,
        system_ticks,
        threads,
        start_ticks,
        virtual_bytes,
    })
}

/// What the kernel has marked the process with, `PF_…` of `include/linux/sched.h`; `None` when it is
/// gone.
#[must_use]
pub fn read_flags(root: &ProcRoot, pid: u32) -> Option<u64> {
    parse_flags(&fs::read(root.of(pid, "stat")).ok()?)
}

fn parse_flags(stat: &[u8]) -> Option<u64> {
    let end_of_name = stat.iter().rposition(|byte| *byte == b')')?;
    let fields = str::from_utf8(stat.get(end_of_name + 1..)?).ok()?;
    number(fields.split_ascii_whitespace().nth(9 - 3)?)
}

/// Path of the process's control group.
///
/// # Errors
/// When the process is gone.
pub fn read_cgroup(root: &ProcRoot, pid: u32) -> io::Result<Option<String>> {
    let text = root.read(&format!("{pid}/cgroup"))?;
    Ok(parse_cgroup(&text).map(str::to_owned))
}

/// Finds the path in `/proc/PID/cgroup` (cgroups(7)): that of version 2, line `0::PATH`; that of
/// systemd's own version 1 tree where version 2 is absent or nobody uses it.
#[must_use]
pub fn parse_cgroup(text: &str) -> Option<&str> {
    let v2 = text.lines().find_map(|line| line.strip_prefix("0::"));
    let v1 = text.lines().find_map(|line| {
        let (_hierarchy, rest) = line.split_once(':')?;
        rest.strip_prefix("name=systemd:")
    });
    let used = |path: &&str| !path.is_empty() && *path != "/";
    v2.filter(used).or(v1.filter(used)).or(v2).or(v1)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const STAT: &str = "S 1 17 17 0 -1 4194560 100 0 0 0 250 50 0 0 20 0 4 0 1234 56789 42 1844";

    #[test]
    fn stat_with_any_name() {
        let expected = Stat {
            user_ticks: 250,
            system_ticks: 50,
            threads: 4,
            start_ticks: 1234,
            virtual_bytes: 56789,
        };
        for name in ["cat", "", "a b", "x) S 1 2 3", "((", ")", "new\nline"] {
            let text = format!("17 ({name}) {STAT}");
            assert_eq!(parse_stat(text.as_bytes()), Some(expected), "{name}");
            assert_eq!(parse_flags(text.as_bytes()), Some(4_194_560), "{name}");
        }
        let text = [b"17 (\xff\xfe) ".as_slice(), STAT.as_bytes()].concat();
        assert_eq!(parse_stat(&text), Some(expected));
    }

    #[test]
    fn stat_cut_short_is_none() {
        for text in [
            "",
            "17",
            "17 (cat",
            "17 (cat)",
            "17 (cat) S 1 17 17 0 -1 4194560 100",
        ] {
            assert_eq!(parse_stat(text.as_bytes()), None, "{text}");
        }
    }

    #[test]
    fn comm_is_cut_and_padded() {
        assert_eq!(parse_comm(b"cat\n"), *b"cat\0\0\0\0\0\0\0\0\0\0\0\0\0");
        assert_eq!(parse_comm(b"kworker/0:1-events\n"), *b"kworker/0:1-eve\0");
        assert_eq!(parse_comm(b""), [0; 16]);
    }

    #[test]
    fn cgroups() {
        for (text, expected) in [
            (
                "0::/system.slice/nginx.service\n",
                Some("/system.slice/nginx.service"),
            ),
            (
                "1:name=systemd:/docker/ab\n0::/user.slice\n",
                Some("/user.slice"),
            ),
            ("1:name=systemd:/docker/ab\n0::/\n", Some("/docker/ab")),
            (
                "12:cpu:/x\n1:name=systemd:/user.slice/a:b\n",
                Some("/user.slice/a:b"),
            ),
            ("1:name=systemd:/\n0::/\n", Some("/")),
            ("0::/\n", Some("/")),
            ("12:cpu:/x\n", None),
            ("", None),
        ] {
            assert_eq!(parse_cgroup(text), expected, "{text}");
        }
    }

    #[test]
    fn reads_itself() {
        let (root, pid) = (ProcRoot::default(), std::process::id());
        assert_ne!(read_comm(&root, pid).expect("comm"), [0; 16]);
        assert!(read_start_ticks(&root, pid).expect("stat") > 0);
        assert!(read_cgroup(&root, pid).is_ok());
    }

    proptest! {
        #[test]
        fn any_bytes_give_an_answer(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            let _ = (parse_comm(&bytes), parse_stat(&bytes));
            let _ = parse_cgroup(&String::from_utf8_lossy(&bytes));
        }

        #[test]
        fn any_name_leaves_the_start_time(name in prop::collection::vec(any::<u8>(), 0..15)) {
            let text = [b"1 (", name.as_slice(), b") ", STAT.as_bytes()].concat();
            prop_assert_eq!(parse_stat(&text).map(|stat| stat.start_ticks), Some(1234));
        }
    }
}
