//! What the agent itself costs: the values of the `process_*` metrics.

use std::fs;
use std::io;

use crate::core::snapshot::ProcessUsage;
use crate::source::procfs::process::{Stat, TICKS_PER_SECOND, parse_stat};
use crate::source::procfs::{ProcRoot, limits, number};

/// Reads the calling process.
///
/// # Errors
/// When `/proc` is not mounted, or not understood.
pub fn read(root: &ProcRoot) -> io::Result<ProcessUsage> {
    let stat = parse_stat(&fs::read(root.0.join("self/stat"))?).ok_or_else(|| odd("self/stat"))?;
    let resident = parse_resident_bytes(&root.read("self/status")?);
    let boot = parse_boot_time(&root.read("stat")?).ok_or_else(|| odd("stat"))?;
    // Listing the directory takes a descriptor of its own.
    let open_fds = fs::read_dir(root.0.join("self/fd"))?
        .count()
        .saturating_sub(1);
    let max_fds = limits::parse_max_open_files(&root.read("self/limits")?);
    let Stat {
        user_ticks,
        system_ticks,
        threads,
        start_ticks,
        virtual_bytes,
        is_zombie: _,
    } = stat;
    Ok(ProcessUsage {
        cpu_seconds: seconds(user_ticks.saturating_add(system_ticks)),
        resident_bytes: resident.ok_or_else(|| odd("self/status"))?,
        virtual_bytes,
        open_fds: open_fds as u64,
        max_fds: max_fds.filter(|limit| *limit != limits::UNLIMITED),
        start_time_seconds: boot as f64 + seconds(start_ticks),
        threads,
    })
}

/// `VmRSS` of `/proc/PID/status` in bytes. `statm` counts in pages, whose size differs.
#[must_use]
pub fn parse_resident_bytes(status: &str) -> Option<u64> {
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmRSS:"))?;
    let kib: u64 = number(line.trim_ascii().strip_suffix("kB")?.trim_ascii())?;
    kib.checked_mul(1024)
}

/// `btime` of `/proc/stat`: boot, in seconds since the epoch.
#[must_use]
pub fn parse_boot_time(stat: &str) -> Option<u64> {
    let line = stat.lines().find_map(|line| line.strip_prefix("btime "))?;
    number(line.trim_ascii())
}

fn seconds(ticks: u64) -> f64 {
    ticks as f64 / TICKS_PER_SECOND as f64
}

fn odd(file: &str) -> io::Error {
    io::Error::new(
        io::ErrorKind::InvalidData,
        format!("/proc/{file} is not understood"),
    )
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn resident_memory() {
        let status = "Name:\tcat\nVmSize:\t    9 kB\nVmRSS:\t    1824 kB\n";
        assert_eq!(parse_resident_bytes(status), Some(1824 * 1024));
        for odd in [
            "",
            "VmRSS:",
            "VmRSS: 1 MB",
            "VmRSS: kB",
            "VmRSS: 18446744073709551615 kB",
        ] {
            assert_eq!(parse_resident_bytes(odd), None, "{odd}");
        }
    }

    #[test]
    fn boot_time() {
        assert_eq!(
            parse_boot_time("cpu 1 2\nbtime 1700000000\n"),
            Some(1_700_000_000)
        );
        assert_eq!(parse_boot_time("btime x"), None);
        assert_eq!(parse_boot_time(""), None);
    }

    #[test]
    fn reads_itself() {
        let own = read(&ProcRoot::default()).expect("proc");
        assert!(own.resident_bytes > 0 && own.virtual_bytes >= own.resident_bytes);
        assert!(own.open_fds >= 3 && own.threads >= 1 && own.cpu_seconds >= 0.0);
        assert!(own.max_fds.is_some() && own.start_time_seconds > 1.6e9);
    }

    proptest! {
        #[test]
        fn any_text_gives_an_answer(text in "(?s).*", line in "(VmRSS:|btime )[ \t]*[0-9]{0,25}( kB)?") {
            for text in [text, line] {
                let _ = (parse_resident_bytes(&text), parse_boot_time(&text));
            }
        }
    }
}
