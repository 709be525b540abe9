//! What a guest says on its second serial port.

use serde_json::Value;

/// The answer of `tcpmon doctor`.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Doctor {
    /// The rung, or why nothing attaches.
    pub(super) rung: Result<String, String>,
    /// Whether the iterator over open files works.
    pub(super) iterator: bool,
    /// What is not as it should be, each with what was found.
    pub(super) lacking: Vec<(String, String)>,
}

/// The result of the tests.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Tests {
    pub(super) passed: usize,
    pub(super) failed: usize,
    pub(super) ignored: usize,
    /// Of the passed ones, those that found their feature missing: why.
    pub(super) skipped: Vec<String>,
}

/// All of it.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Said {
    pub(super) release: String,
    pub(super) doctor: Option<Doctor>,
    pub(super) event: bool,
    /// `tcpmon ls` has a row for a listener that was there before.
    pub(super) listed: bool,
    pub(super) tests: Option<Tests>,
    /// Limits had to be lifted for the user without privileges.
    pub(super) memlock: bool,
    /// The status of the script.
    pub(super) status: Option<i32>,
    /// Seconds from the kernel's start to the end.
    pub(super) up: String,
}

impl Said {
    pub(super) fn parse(text: &str) -> Self {
        let mut said = Self::default();
        let mut skipped = Vec::new();
        for line in text.lines().map(str::trim) {
            if let Some(result) = line.strip_prefix("test result: ") {
                said.tests = Some(counts(result));
            } else if let Some(reason) = line.strip_prefix("skipped, because ") {
                skipped.push(reason.to_owned());
            }
            let Some((key, value)) = line.strip_prefix("@@ ").and_then(|l| l.split_once(' '))
            else {
                continue;
            };
            match key {
                "uname" => said.release = value.to_owned(),
                "doctor" => said.doctor = doctor(value),
                "event" => said.event = value.starts_with('{'),
                "listed" => said.listed = value.starts_with('{'),
                "memlock" => said.memlock = true,
                "rc" => said.status = value.parse().ok(),
                "up" => said.up = value.to_owned(),
                _ => {}
            }
        }
        if let Some(tests) = &mut said.tests {
            tests.passed = tests.passed.saturating_sub(skipped.len());
            tests.skipped = skipped;
        }
        said
    }
}

/// `ok. 63 passed; 0 failed; 1 ignored; …`.
fn counts(result: &str) -> Tests {
    let count = |what: &str| {
        let words: Vec<&str> = result.split([' ', ';']).collect();
        words
            .iter()
            .position(|word| *word == what)
            .and_then(|at| words.get(at.checked_sub(1)?)?.parse().ok())
            .unwrap_or(0)
    };
    Tests {
        passed: count("passed"),
        failed: count("failed"),
        ignored: count("ignored"),
        skipped: Vec::new(),
    }
}

fn doctor(json: &str) -> Option<Doctor> {
    let report: Value = serde_json::from_str(json).ok()?;
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let transitions = &report["transitions"];
    let rung = if transitions["works"] == true {
        let found = text(&transitions["found"]);
        Ok(found.split(',').next().unwrap_or_default().to_owned())
    } else {
        Err(text(&transitions["reason"]))
    };
    let features = report["features"].as_array()?;
    let lacking = features
        .iter()
        .filter(|feature| feature["standing"] != "ok")
        .map(|feature| (text(&feature["name"]), text(&feature["found"])))
        .collect();
    Some(Doctor {
        rung,
        iterator: report["owners"]["works"] == true,
        lacking,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_run_of_the_tests_is_read() {
        let text = "\
@@ uname 6.1.0-56-cloud-amd64\r
@@ doctor {\"features\":[{\"name\":\"BTF\",\"standing\":\"ok\",\"found\":\"x\"},\
{\"name\":\"lockdown\",\"standing\":\"limited\",\"found\":\"integrity\"}],\
\"transitions\":{\"works\":true,\"found\":\"tp_btf, proved\"},\
\"owners\":{\"works\":false,\"reason\":\"no\"}}\r
test a::b ... ok
skipped, because this kernel cannot destroy sockets
test result: ok. 63 passed; 0 failed; 1 ignored; 0 measured; 0 filtered out; finished in 9.81s\r
@@ rc 0\r
@@ up 31.40\r
";
        let said = Said::parse(text);
        assert_eq!(said.release, "6.1.0-56-cloud-amd64");
        let doctor = said.doctor.expect("an answer");
        assert_eq!(doctor.rung.as_deref(), Ok("tp_btf"));
        assert!(!doctor.iterator);
        assert_eq!(doctor.lacking, [("lockdown".into(), "integrity".into())]);
        let tests = said.tests.expect("a result");
        assert_eq!((tests.passed, tests.failed, tests.ignored), (62, 0, 1));
        assert_eq!(tests.skipped, ["this kernel cannot destroy sockets"]);
        assert_eq!((said.status, said.up.as_str()), (Some(0), "31.40"));
    }

    #[test]
    fn an_event_is_a_document_and_not_an_empty_line() {
        assert!(Said::parse("@@ event {\"schema\":1}\n").event);
        assert!(!Said::parse("@@ event \n").event);
        assert!(!Said::parse("").event);
    }

    #[test]
    fn a_guest_that_died_has_no_status() {
        assert_eq!(Said::parse("@@ uname 6.1\n").status, None);
    }
}
