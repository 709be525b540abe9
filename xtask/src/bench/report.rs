//! The table of results.

use std::fs;

use anyhow::{Context as _, Result};

use crate::sh::repository;

/// Rows: what, how much, how it was measured.
#[derive(Default)]
pub(super) struct Report(Vec<[String; 3]>);

impl Report {
    pub(super) fn add(&mut self, what: &str, value: &str, how: &str) {
        self.0.push([what, value, how].map(Into::into));
    }

    pub(super) fn print(&self) {
        for [what, value, how] in &self.0 {
            println!("{what:36} {value:34} {how}");
        }
    }

    /// Writes docs/benchmarks.md.
    pub(super) fn write(&self) -> Result<()> {
        let path = repository().join("docs/benchmarks.md");
        let mut text = format!(
            "# Benchmarks\n\n\
             Made by `cargo xtask bench`, which needs root. Machines are noisy: compare the ratios, which \
             are measured in turn in one run, and not the absolute figures of two runs.\n\n\
             Machine: {}.\n\n\
             | what | value | how |\n|---|---|---|\n",
            machine()
        );
        for [what, value, how] in &self.0 {
            text.push_str(&format!("| {what} | {value} | {how} |\n"));
        }
        fs::write(&path, text).with_context(|| format!("cannot write {}", path.display()))?;
        println!("written to docs/benchmarks.md");
        Ok(())
    }
}

/// Processor, number of processors, kernel.
fn machine() -> String {
    let cpuinfo = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = cpuinfo
        .lines()
        .find_map(|line| line.strip_prefix("model name")?.split_once(": "))
        .map_or("unknown processor", |(_, model)| model);
    let processors = std::thread::available_parallelism().map_or(0, usize::from);
    let release = fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
    format!("{model}, {processors} processors, Linux {}", release.trim())
}

/// The median; 0 of nothing.
pub(super) fn median(values: &[f64]) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    match sorted.as_slice() {
        [] => 0.0,
        sorted if sorted.len() % 2 == 1 => sorted[sorted.len() / 2],
        sorted => f64::midpoint(sorted[sorted.len() / 2 - 1], sorted[sorted.len() / 2]),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_is_in_the_middle() {
        assert_eq!(median(&[]), 0.0);
        assert_eq!(median(&[3.0, 1.0, 2.0]), 2.0);
        assert_eq!(median(&[4.0, 1.0, 2.0, 3.0]), 2.5);
    }
}
