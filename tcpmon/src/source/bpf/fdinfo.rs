//! What the kernel tells about a loaded program in `/proc/self/fdinfo/FD`
//! (`bpf_prog_show_fdinfo` in `kernel/bpf/syscall.c`).

use std::os::fd::{AsRawFd as _, BorrowedFd};
use std::{fs, io};

/// Run-time figures of a program.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ProgramStats {
    /// Kernel's id of the program.
    pub id: u32,
    /// Nanoseconds spent; 0 unless `kernel.bpf_stats_enabled`.
    pub run_time_ns: u64,
    /// Runs; 0 unless `kernel.bpf_stats_enabled`.
    pub run_count: u64,
    /// Events the kernel did not run the program for, because it was running already on that CPU.
    /// 0 on kernels that do not count them (before 5.12).
    pub recursion_misses: u64,
    /// Instructions the verifier walked; kernels before 5.16 do not tell.
    pub verified_instructions: Option<u64>,
}

impl ProgramStats {
    /// Reads the figures of the program behind `fd`.
    ///
    /// # Errors
    ///
    /// `/proc` is not mounted.
    pub(super) fn read(fd: BorrowedFd<'_>) -> io::Result<Self> {
        let text = fs::read_to_string(format!("/proc/self/fdinfo/{}", fd.as_raw_fd()))?;
        Ok(Self::parse(&text))
    }

    pub(super) fn parse(text: &str) -> Self {
        let mut stats = Self::default();
        for line in text.lines() {
            let Some((key, value)) = line.split_once(':') else {
                continue;
            };
            let value = value.trim().parse().unwrap_or(0);
            match key {
                "prog_id" => stats.id = u32::try_from(value).unwrap_or(0),
                "run_time_ns" => stats.run_time_ns = value,
                "run_cnt" => stats.run_count = value,
                "recursion_misses" => stats.recursion_misses = value,
                "verified_insns" => stats.verified_instructions = Some(value),
                _ => {}
            }
        }
        stats
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_the_figures_and_ignores_the_rest() {
        let text = "pos:\t0\nprog_type:\t26\nprog_tag:\tdeadbeef\nprog_id:\t7\nrun_time_ns:\t120\n\
                    run_cnt:\t3\nrecursion_misses:\t1\nverified_insns:\t456\njunk\n";
        let expected = ProgramStats {
            id: 7,
            run_time_ns: 120,
            run_count: 3,
            recursion_misses: 1,
            verified_instructions: Some(456),
        };
        assert_eq!(ProgramStats::parse(text), expected);
        assert_eq!(ProgramStats::parse(""), ProgramStats::default());
    }
}
