//! The only place that reads a clock. Everything else takes time as an argument.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use nix::time::{ClockId, clock_gettime};

/// Nanoseconds since boot, suspend included: the clock of ring records (`bpf_ktime_get_boot_ns`).
#[must_use]
pub fn boottime_ns() -> u64 {
    read(ClockId::CLOCK_BOOTTIME)
}

/// Processor time the calling thread has used, in nanoseconds.
#[must_use]
pub fn thread_cpu_ns() -> u64 {
    read(ClockId::CLOCK_THREAD_CPUTIME_ID)
}

/// Wall-clock nanoseconds since 1970.
#[must_use]
pub fn unix_ns() -> u64 {
    read(ClockId::CLOCK_REALTIME)
}

/// Wall-clock time of a `CLOCK_BOOTTIME` instant, given both clocks now. Steps of the wall clock
/// move it; ages never depend on it.
#[must_use]
pub fn unix_ns_of(boottime_ns: u64) -> u64 {
    let age_ns = self::boottime_ns().saturating_sub(boottime_ns);
    unix_ns().saturating_sub(age_ns)
}

/// Wall-clock nanoseconds as RFC 3339 in UTC with nanoseconds.
#[must_use]
pub fn rfc3339(unix_ns: u64) -> String {
    let time: SystemTime = UNIX_EPOCH + Duration::from_nanos(unix_ns);
    humantime::format_rfc3339_nanos(time).to_string()
}

/// Seconds since 1970 as RFC 3339 in UTC.
#[must_use]
pub fn rfc3339_seconds(unix_s: u64) -> String {
    let time: SystemTime = UNIX_EPOCH + Duration::from_secs(unix_s);
    humantime::format_rfc3339_seconds(time).to_string()
}

fn read(clock: ClockId) -> u64 {
    // These clocks exist on every Linux that has eBPF; zero would show as an absurd age.
    clock_gettime(clock).map_or(0, |time| {
        let seconds = u64::try_from(time.tv_sec()).unwrap_or(0);
        let nanoseconds = u64::try_from(time.tv_nsec()).unwrap_or(0);
        seconds * 1_000_000_000 + nanoseconds
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn boot_time_runs_forwards_and_is_not_wall_time() {
        let before = boottime_ns();
        assert!(before > 0);
        assert!(boottime_ns() >= before);
        assert!(unix_ns() > before);
    }

    #[test]
    fn wall_time_is_written_as_rfc_3339() {
        assert_eq!(rfc3339(1_000_000_001), "1970-01-01T00:00:01.000000001Z");
    }
}
