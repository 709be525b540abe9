//! The table of results.

use std::fs;

use anyhow::{Context as _, Result};

use crate::sh::repository;

/// A part of docs/benchmarks.md, written by itself.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Section {
    /// What events cost.
    Events,
    /// What sockets cost that only sit there.
    Sockets,
    /// What a scrape of many processes costs.
    Scrape,
    /// What somebody costs who looks on.
    View,
}

impl Section {
    const ALL: [Self; 4] = [Self::Events, Self::Sockets, Self::Scrape, Self::View];

    const fn heading(self) -> &'static str {
        match self {
            Self::Events => "## Events",
            Self::Sockets => "## 500,000 sockets",
            Self::Scrape => "## A scrape of 2,000 processes",
            Self::View => "## tcpmon top",
        }
    }
}

/// Rows: what, how much, how it was measured.
pub(super) struct Report {
    section: Section,
    rows: Vec<[String; 3]>,
}

impl Report {
    pub(super) const fn new(section: Section) -> Self {
        Self {
            section,
            rows: Vec::new(),
        }
    }

    pub(super) fn add(&mut self, what: &str, value: &str, how: &str) {
        self.rows.push([what, value, how].map(Into::into));
    }

    /// Prints the section and, unless `print_only`, puts it into docs/benchmarks.md.
    pub(super) fn show(&self, print_only: bool) -> Result<()> {
        for [what, value, how] in &self.rows {
            println!("{what:36} {value:34} {how}");
        }
        if print_only {
            return Ok(());
        }
        let path = repository().join("docs/benchmarks.md");
        let before = fs::read_to_string(&path).unwrap_or_default();
        fs::write(&path, page(&before, self.section, &self.text()))
            .with_context(|| format!("cannot write {}", path.display()))?;
        println!("written to docs/benchmarks.md");
        Ok(())
    }

    fn text(&self) -> String {
        let mut text = format!(
            "{}\n\nMachine: {}.\n\n| what | value | how |\n|---|---|---|\n",
            self.section.heading(),
            machine()
        );
        for [what, value, how] in &self.rows {
            text.push_str(&format!("| {what} | {value} | {how} |\n"));
        }
        text
    }
}

/// The whole page: a new section, and the others as they were.
fn page(before: &str, section: Section, text: &str) -> String {
    let mut page = "# Benchmarks\n\n\
         Made by `cargo xtask bench`, which needs root. Machines are noisy: compare the ratios, which \
         are measured in turn in one run, and not the absolute figures of two runs.\n"
        .to_owned();
    for each in Section::ALL {
        let part = if each == section {
            Some(text)
        } else {
            let start = before.find(each.heading());
            start.map(|start| {
                let rest = &before[start..];
                let end = rest.find("\n## ").map_or(rest.len(), |end| end + 1);
                &rest[..end]
            })
        };
        if let Some(part) = part {
            page.push_str(&format!("\n{}\n", part.trim_end()));
        }
    }
    page
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
    fn a_section_is_replaced_and_the_other_kept() {
        let first = page("", Section::Sockets, "## 500,000 sockets\n\nold\n");
        let both = page(&first, Section::Events, "## Events\n\nfast\n");
        let new = page(&both, Section::Sockets, "## 500,000 sockets\n\nnew\n");
        assert!(new.ends_with("\n## Events\n\nfast\n\n## 500,000 sockets\n\nnew\n"));
    }

    #[test]
    fn the_median_is_in_the_middle() {
        assert_eq!(median(&[]), 0.0);
        assert_eq!(median(&[3.0, 1.0, 2.0]), 2.0);
        assert_eq!(median(&[4.0, 1.0, 2.0, 3.0]), 2.5);
    }
}
