//! Who a process is: its name, when it began, its control group.

use std::fs;
use std::io;

use crate::source::procfs::{ProcRoot, number};

/// Clock ticks per second in `/proc/PID/stat`: `USER_HZ`, 100 wherever Rust runs
/// (`include/asm-generic/param.h`).
pub const TICKS_PER_SECOND: u64 = 100;
/// Nanoseconds of one.
pub const TICK_NS: u64 = 1_000_000_000 / TICKS_PER_SECOND;

/// The fields of `/proc/PID/stat` in use, see proc_pid_stat(5).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stat {
    /// The first thread has ended; others may live on.
    pub is_zombie: bool,
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

/// Name of the process's first thread, NUL-padded as the kernel keeps it, and when the process began:
/// nanoseconds after boot, cut to a tick.
///
/// # Errors
/// When the process is gone.
pub fn read_birth(root: &ProcRoot, pid: u32) -> io::Result<([u8; 16], u64)> {
    let bytes = fs::read(root.of(pid, "stat"))?;
    let birth = parse_stat_name(&bytes).zip(parse_stat(&bytes).map(|stat| stat.born_ns()));
    birth.ok_or_else(|| io::ErrorKind::InvalidData.into())
}

impl Stat {
    /// Start in nanoseconds after boot, cut to a tick.
    #[must_use]
    pub const fn born_ns(self) -> u64 {
        self.start_ticks.saturating_mul(TICK_NS)
    }
}

/// Parses `/proc/PID/stat`. The name in it may contain anything, parentheses and line ends too:
/// the fields begin after the last `)`.
#[must_use]
pub fn parse_stat(bytes: &[u8]) -> Option<Stat> {
    let end_of_name = bytes.iter().rposition(|byte| *byte == b')')?;
    let fields = str::from_utf8(bytes.get(end_of_name + 1..)?).ok()?;
    // The manual counts fields from 1, and field 3 is the first after the name.
    let mut fields = fields.split_ascii_whitespace();
    let is_zombie = matches!(fields.next()?, "Z" | "X");
    let user_ticks = number(fields.nth(14 - 4)?)?;
    let system_ticks = number(fields.next()?)?;
    let threads = number(fields.nth(20 - 16)?)?;
    let start_ticks = number(fields.nth(22 - 21)?)?;
    let virtual_bytes = number(fields.next()?)?;
    Some(Stat {
        is_zombie,
        user_ticks,
        system_ticks,
        threads,
        start_ticks,
        virtual_bytes,
    })
}

/// The name in `/proc/PID/stat`: between the first `(` and the last `)`, as it is
/// (`do_task_stat` in `fs/proc/array.c`).
#[must_use]
pub fn parse_stat_name(bytes: &[u8]) -> Option<[u8; 16]> {
    let start = bytes.iter().position(|byte| *byte == b'(')? + 1;
    let end = bytes.iter().rposition(|byte| *byte == b')')?;
    let mut comm = [0; 16];
    for (to, from) in comm.iter_mut().take(15).zip(bytes.get(start..end)?) {
        *to = *from;
    }
    Some(comm)
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

/// The second number in the line `Uid:` of `/proc/PID/status`: real, effective, saved, file system.
#[must_use]
pub fn parse_effective_uid(status: &str) -> Option<u32> {
    let uids = status.lines().find_map(|line| line.strip_prefix("Uid:"))?;
    number(uids.split_ascii_whitespace().nth(1)?)
}

/// The path in the link `/proc/PID/exe`, and whether the file was removed since (`d_path` in
/// `fs/d_path.c` says so at the end).
#[must_use]
pub fn parse_executable(target: &str) -> (String, bool) {
    match target.strip_suffix(" (deleted)") {
        Some(path) => (path.to_owned(), true),
        None => (target.to_owned(), false),
    }
}

/// Finds the path in `/proc/PID/cgroup` (cgroups(7)): that of systemd's own version 1 tree, which
/// containers are in where a host has both versions while version 2 shows their daemon's group; else
/// that of version 2, line `0::PATH`; where there is neither or nobody uses it, that of the first
/// controller in use, since runtimes put a container into the same group of each.
#[must_use]
pub fn parse_cgroup(text: &str) -> Option<&str> {
    let trees = text.lines().filter_map(|line| {
        let (hierarchy, rest) = line.split_once(':')?;
        let (name, path) = rest.split_once(':')?;
        let rank = match (hierarchy, name) {
            (_, "name=systemd") => 0,
            ("0", "") => 1,
            (_, name) if name.starts_with("name=") => 3,
            _ => 2,
        };
        path.starts_with('/').then_some((path == "/", rank, path))
    });
    let (_, _, path) = trees.min_by_key(|(is_root, rank, _)| (*is_root, *rank))?;
    Some(path)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const STAT: &str = "S 1 17 17 0 -1 4194560 100 0 0 0 250 50 0 0 20 0 4 0 1234 56789 42 1844";

    #[test]
    fn stat_with_any_name() {
        let expected = Stat {
            is_zombie: false,
            user_ticks: 250,
            system_ticks: 50,
            threads: 4,
            start_ticks: 1234,
            virtual_bytes: 56789,
        };
        for name in ["cat", "", "a b", "x) S 1 2 3", "((", ")", "new\nline"] {
            let text = format!("17 ({name}) {STAT}");
            assert_eq!(parse_stat(text.as_bytes()), Some(expected), "{name}");
            let read = parse_stat_name(text.as_bytes()).expect("a name");
            assert_eq!(&read[..name.len()], name.as_bytes());
            assert_eq!(read[name.len()..], [0; 16][name.len()..]);
            assert_eq!(parse_flags(text.as_bytes()), Some(4_194_560), "{name}");
        }
        let zombie = STAT.replacen('S', "Z", 1);
        let stat = parse_stat(format!("17 (cat) {zombie}").as_bytes());
        assert!(stat.expect("understood").is_zombie);
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
            assert_eq!(
                parse_stat_name(text.as_bytes()).is_some(),
                text.contains(')'),
                "{text}"
            );
        }
    }

    #[test]
    fn a_name_longer_than_the_kernels_is_cut() {
        // Of worker threads of the kernel the file says more than the name.
        let text = format!("17 (kworker/0:1-events_power) {STAT}");
        assert_eq!(
            parse_stat_name(text.as_bytes()),
            Some(*b"kworker/0:1-eve\0")
        );
        assert_eq!(parse_stat_name(b") 17 ("), None);
    }

    #[test]
    fn effective_uid() {
        let status = "Name:\tUid: 9\nUmask:\t0022\nUid:\t1000\t33\t0\t0\nGid:\t1\t2\t3\t4\n";
        assert_eq!(parse_effective_uid(status), Some(33));
        for text in [
            "",
            "Uid:",
            "Uid:\t0",
            "Uid:\t0\t-1\t0\t0",
            "Uid:\t0\t4294967296",
        ] {
            assert_eq!(parse_effective_uid(text), None, "{text}");
        }
    }

    #[test]
    fn executables() {
        for (target, path, deleted) in [
            ("/usr/bin/cat", "/usr/bin/cat", false),
            ("/usr/bin/cat (deleted)", "/usr/bin/cat", true),
            ("/opt/my app", "/opt/my app", false),
            ("/memfd:run (deleted)", "/memfd:run", true),
        ] {
            assert_eq!(parse_executable(target), (path.to_owned(), deleted));
        }
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
                Some("/docker/ab"),
            ),
            ("1:name=systemd:/docker/ab\n0::/\n", Some("/docker/ab")),
            (
                "12:cpu:/x\n1:name=systemd:/user.slice/a:b\n",
                Some("/user.slice/a:b"),
            ),
            ("1:name=systemd:/\n0::/\n", Some("/")),
            ("0::/\n", Some("/")),
            ("12:cpu:/x\n", Some("/x")),
            (
                "9:cpuset:/\n8:memory:/docker/ab\n7:pids:/docker/ab\n",
                Some("/docker/ab"),
            ),
            (
                "1:name=systemd:/\n4:memory:/docker/ab\n0::/\n",
                Some("/docker/ab"),
            ),
            (
                "1:name=openrc:/docker\n4:memory:/docker/ab\n",
                Some("/docker/ab"),
            ),
            ("3:cpu:/\n2:cpuacct:/\n", Some("/")),
            ("3:cpu\nx\n::\n0::x\n", None),
            ("", None),
        ] {
            assert_eq!(parse_cgroup(text), expected, "{text}");
        }
    }

    /// Whole files, as containers on hosts with version 1, with both, and with version 2 have them.
    #[test]
    fn cgroups_of_containers() {
        const ID: &str = "4f797c539e6c745de61a93ca3ff892358ecbcaccd8414d5db545c38428142970";
        let docker = format!("/docker/{ID}");
        let pod = format!("/kubepods/burstable/pod74c13223-5a00-11e9-b385-42010a80018d/{ID}");
        let crio = format!("/kubepods.slice/kubepods-pod1.slice/crio-{ID}.scope");
        for (text, expected) in [
            (
                format!(
                    "12:perf_event:{docker}\n5:cpu,cpuacct:{docker}\n2:net_cls,net_prio:{docker}\n\
                     1:name=systemd:{docker}\n0::/system.slice/containerd.service\n"
                ),
                docker.clone(),
            ),
            (
                format!("11:pids:{pod}\n4:memory:{pod}\n1:name=systemd:{pod}\n"),
                pod.clone(),
            ),
            (
                format!("9:cpuset:/\n8:memory:{docker}\n0::/\n"),
                docker.clone(),
            ),
            (format!("0::{crio}\n"), crio.clone()),
        ] {
            assert_eq!(parse_cgroup(&text), Some(expected.as_str()), "{text}");
        }
    }

    #[test]
    fn reads_itself() {
        let (root, pid) = (ProcRoot::default(), std::process::id());
        let (comm, born_ns) = read_birth(&root, pid).expect("it lives");
        assert_ne!(comm, [0; 16]);
        let now_ns = crate::clock::boottime_ns();
        assert!(
            0 < born_ns && born_ns <= now_ns,
            "{born_ns} and now {now_ns}"
        );
    }

    proptest! {
        #[test]
        fn any_bytes_give_an_answer(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            let _ = (parse_stat(&bytes), parse_stat_name(&bytes));
            let text = String::from_utf8_lossy(&bytes);
            let _ = (parse_cgroup(&text), parse_effective_uid(&text), parse_executable(&text));
        }

        #[test]
        fn any_name_leaves_the_start_time(name in prop::collection::vec(any::<u8>(), 0..15)) {
            let text = [b"1 (", name.as_slice(), b") ", STAT.as_bytes()].concat();
            prop_assert_eq!(parse_stat(&text).map(|stat| stat.start_ticks), Some(1234));
        }
    }
}
