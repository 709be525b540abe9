//! The result of a run: a summary to read at once, and docs/kernels.md.

use std::fs;

use anyhow::{Context as _, Result, bail};

use super::guest::Said;
use super::ladder::Variant;
use crate::sh::{repository, sh};

/// What one boot gave.
struct Boot {
    variant: Variant,
    said: Said,
    failure: Option<String>,
}

/// All boots of one kernel.
struct Row {
    series: &'static str,
    boots: Vec<Boot>,
    /// Why there are none.
    skipped: Option<String>,
}

/// All kernels.
#[derive(Default)]
pub(super) struct Report {
    rows: Vec<Row>,
}

impl Report {
    pub(super) fn skip(&mut self, series: &'static str, reason: &str) {
        self.rows.push(Row {
            series,
            boots: Vec::new(),
            skipped: Some(reason.to_owned()),
        });
    }

    pub(super) fn add(
        &mut self,
        series: &'static str,
        variant: Variant,
        said: Said,
        failure: Option<String>,
    ) {
        let boot = Boot {
            variant,
            said,
            failure,
        };
        println!("{}", boot.line(series));
        match self.rows.iter_mut().find(|row| row.series == series) {
            Some(row) => row.boots.push(boot),
            None => self.rows.push(Row {
                series,
                boots: vec![boot],
                skipped: None,
            }),
        }
    }

    /// The kernels that were skipped, each with the reason.
    pub(super) fn skipped(&self) -> Vec<String> {
        let skipped = |row: &Row| {
            let reason = row.skipped.as_ref()?;
            Some(format!("Linux {}: {reason}", row.series))
        };
        self.rows.iter().filter_map(skipped).collect()
    }

    /// One line per boot, and one per kernel that was skipped.
    pub(super) fn summary(&self) -> String {
        let mut lines = vec![String::from("==> kernels")];
        for row in &self.rows {
            if let Some(reason) = &row.skipped {
                lines.push(format!("skipped Linux {}, because {reason}", row.series));
            }
            lines.extend(row.boots.iter().map(|boot| boot.line(row.series)));
        }
        lines.join("\n")
    }

    /// Fails when a boot did.
    pub(super) fn outcome(&self) -> Result<()> {
        let boots = || self.rows.iter().flat_map(|row| &row.boots);
        let failed = boots().filter(|boot| boot.failure.is_some()).count();
        if failed > 0 {
            bail!("{failed} of {} boots failed", boots().count());
        }
        Ok(())
    }

    /// Writes docs/kernels.md.
    pub(super) fn write(&self) -> Result<()> {
        let date = sh("date").args(["-u", "+%Y-%m-%d"]).stdout();
        let path = repository().join("docs/kernels.md");
        if let Some(dir) = path.parent() {
            fs::create_dir_all(dir).with_context(|| format!("cannot create {}", dir.display()))?;
        }
        let text = self.document(date.unwrap_or_default().trim());
        fs::write(&path, text).with_context(|| format!("cannot write {}", path.display()))
    }

    fn document(&self, date: &str) -> String {
        let rows: Vec<String> = self.rows.iter().map(Row::table_line).collect();
        let mut text = format!("{HEAD}Measured on {date}.\n\n{TABLE}{}\n", rows.join("\n"));
        self.tests_skipped(&mut text);
        self.capabilities(&mut text);
        text
    }

    fn tests_skipped(&self, text: &mut String) {
        text.push_str("\n## Tests a kernel has nothing to show in\n\n");
        let mut none = true;
        for row in &self.rows {
            let tests = row
                .said(Variant::Suite)
                .and_then(|said| said.tests.as_ref());
            for reason in tests.iter().flat_map(|tests| &tests.skipped) {
                none = false;
                text.push_str(&format!("- {}: {reason}\n", row.series));
            }
        }
        if none {
            text.push_str("None.\n");
        }
    }

    fn capabilities(&self, text: &mut String) {
        text.push_str(CAPABILITIES);
        for row in &self.rows {
            let Some(said) = row.said(Variant::Capabilities) else {
                continue;
            };
            let lacking = said.doctor.iter().flat_map(|doctor| &doctor.lacking);
            let lacking: Vec<String> = lacking
                .map(|(name, found)| format!("{name}: {found}"))
                .collect();
            text.push_str(&format!("- {}: {}\n", row.series, lacking.join("; ")));
        }
    }
}

impl Row {
    fn boot(&self, variant: Variant) -> Option<&Boot> {
        self.boots.iter().find(|boot| boot.variant == variant)
    }

    fn said(&self, variant: Variant) -> Option<&Said> {
        self.boot(variant).map(|boot| &boot.said)
    }

    fn table_line(&self) -> String {
        let Some(suite) = self.boot(Variant::Suite) else {
            let reason = self.skipped.as_deref().unwrap_or("not run");
            return format!("| {} | skipped, because {reason} |||||||||", self.series);
        };
        let doctor = suite.said.doctor.as_ref();
        let rung = doctor.and_then(|doctor| doctor.rung.as_deref().ok());
        let cells = [
            suite.said.release.clone(),
            rung.unwrap_or("none").to_owned(),
            suite.tests(),
            yes_no(rung == Some("tp_btf")).into(),
            yes_no(doctor.is_some_and(|doctor| doctor.iterator)).into(),
            self.rung(Variant::NoBtf),
            self.rung(Variant::NoTracefs),
            self.rung(Variant::Lockdown),
            self.rung(Variant::NoSockDiag),
            self.rung(Variant::Capabilities),
        ];
        format!("| {} |", cells.join(" | "))
    }

    /// The rung a variant reached and fired on.
    fn rung(&self, variant: Variant) -> String {
        let Some(boot) = self.boot(variant) else {
            return "not run".into();
        };
        if let Some(failure) = &boot.failure {
            return format!("fails: {}", failure.lines().next().unwrap_or_default());
        }
        let rung = boot.rung();
        if boot.said.memlock {
            format!("{rung}, with RLIMIT_MEMLOCK raised")
        } else {
            rung
        }
    }
}

impl Boot {
    fn line(&self, series: &str) -> String {
        let name = self.variant.name();
        let head = format!("Linux {series:5} {name:12}");
        if let Some(failure) = &self.failure {
            return format!(" failed {head} {failure}");
        }
        let said = &self.said;
        let what = match self.variant {
            Variant::Suite => format!("{}, {}", self.rung(), self.tests()),
            _ => format!("{}, fires", self.rung()),
        };
        format!("     ok {head} {what} ({}, {} s)", said.release, said.up)
    }

    fn rung(&self) -> String {
        let doctor = self.said.doctor.as_ref();
        let rung = doctor.and_then(|doctor| doctor.rung.clone().ok());
        rung.unwrap_or_else(|| "none".into())
    }

    fn tests(&self) -> String {
        match &self.said.tests {
            None => "no result".into(),
            Some(tests) => format!(
                "{} passed, {} failed, {} skipped, {} ignored",
                tests.passed,
                tests.failed,
                tests.skipped.len(),
                tests.ignored
            ),
        }
    }
}

const fn yes_no(yes: bool) -> &'static str {
    if yes { "yes" } else { "no" }
}

const HEAD: &str = "\
# Kernels

Written by `cargo xtask vm --write`: Debian's cloud kernels under emulation, each booted once for the
kernel tests and once for each thing taken away from it. There `tcpmon doctor` must reach the rung
named, its canary must prove it, and `tcpmon watch` must see a connection; without sock_diag `tcpmon ls`
must list a listener that was there before. Function only: emulation says nothing about speed; \
tests during which the kernel skipped the program, which it counts, are run
once more. The one test ignored is the body of the helper processes.

";

const TABLE: &str = "\
| kernel | rung | kernel tests | makes cookies | `iter/task_file` | BTF hidden | no tracefs | \
`lockdown=confidentiality` | no sock_diag | CAP_BPF and CAP_PERFMON only |
|---|---|---|---|---|---|---|---|---|---|
";

const CAPABILITIES: &str = "
## What is missing with CAP_BPF and CAP_PERFMON only

Not root, `perf_event_paranoid=3`; in the words of `tcpmon doctor`:

";

#[cfg(test)]
mod tests {
    use super::super::guest::{Doctor, Tests};
    use super::*;

    fn said(rung: &str) -> Said {
        Said {
            release: "6.1.0-56-cloud-amd64".into(),
            doctor: Some(Doctor {
                rung: Ok(rung.into()),
                iterator: true,
                lacking: vec![("/proc".into(), "hidden".into())],
            }),
            event: true,
            tests: Some(Tests {
                passed: 60,
                failed: 0,
                ignored: 1,
                skipped: vec!["it cannot".into()],
            }),
            ..Said::default()
        }
    }

    #[test]
    fn the_document_has_what_was_measured_and_nothing_else() {
        let mut report = Report::default();
        report.add("6.1", Variant::Suite, said("tp_btf"), None);
        report.add("6.1", Variant::NoBtf, said("tracepoint"), None);
        let memlock = Said {
            memlock: true,
            ..said("tp_btf")
        };
        report.add("6.1", Variant::Capabilities, memlock, None);
        report.skip("7.2", "it is offline");
        let text = report.document("2026-01-02");
        let line = "| 6.1.0-56-cloud-amd64 | tp_btf | 60 passed, 0 failed, 1 skipped, 1 ignored | \
                    yes | yes | tracepoint | not run | not run | not run | tp_btf, with RLIMIT_MEMLOCK raised |";
        assert!(text.contains(line), "{text}");
        assert!(text.contains("Measured on 2026-01-02."));
        assert!(text.contains("| 7.2 | skipped, because it is offline |"));
        assert!(text.contains("- 6.1: it cannot\n"));
        assert!(text.contains("- 6.1: /proc: hidden\n"));
        report.outcome().expect("a skipped kernel is no failure");
        assert_eq!(report.skipped(), ["Linux 7.2: it is offline"]);
    }

    #[test]
    fn a_failed_boot_fails_the_run() {
        let mut report = Report::default();
        report.add("6.1", Variant::Suite, said("tp_btf"), None);
        let failure = Some("it panicked".into());
        report.add("6.1", Variant::Lockdown, Said::default(), failure);
        let error = report.outcome().expect_err("one failed");
        assert_eq!(error.to_string(), "1 of 2 boots failed");
        assert!(
            report
                .summary()
                .contains(" failed Linux 6.1   lockdown     it panicked")
        );
    }
}
