//! The rule files, and their unit tests, as data.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde::de::DeserializeOwned;

use super::repository;

pub(crate) const DIRECTORY: &str = "deploy/prometheus";
pub(crate) const RECORDS: &str = "deploy/prometheus/tcpmon.rules.yml";
pub(crate) const ALERTS: &str = "deploy/prometheus/tcpmon.alerts.yml";

/// What the two files have.
pub(crate) struct Rules {
    pub(crate) records: Vec<Record>,
    pub(crate) alerts: Vec<Alert>,
}

pub(crate) struct Record {
    pub(crate) name: String,
    pub(crate) expr: String,
}

#[derive(Debug)]
pub(crate) struct Alert {
    pub(crate) name: String,
    pub(crate) expr: String,
    pub(crate) pending: Option<String>,
    pub(crate) labels: BTreeMap<String, String>,
    pub(crate) annotations: BTreeMap<String, String>,
}

#[derive(Deserialize)]
struct File {
    groups: Vec<Group>,
}

#[derive(Deserialize)]
struct Group {
    rules: Vec<Rule>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Rule {
    record: Option<String>,
    alert: Option<String>,
    expr: String,
    #[serde(rename = "for")]
    pending: Option<String>,
    #[serde(default)]
    labels: BTreeMap<String, String>,
    #[serde(default)]
    annotations: BTreeMap<String, String>,
}

/// A file of unit tests.
#[derive(Deserialize)]
pub(crate) struct Tests {
    pub(crate) tests: Vec<Test>,
}

#[derive(Deserialize)]
pub(crate) struct Test {
    pub(crate) name: String,
    pub(crate) alert_rule_test: Vec<Check>,
}

/// That an alert fires at a time, or does not.
#[derive(Deserialize)]
pub(crate) struct Check {
    pub(crate) alertname: String,
    #[serde(default)]
    pub(crate) exp_alerts: Vec<Expected>,
}

#[derive(Deserialize)]
pub(crate) struct Expected {
    pub(crate) exp_labels: BTreeMap<String, String>,
}

/// The recording rules and alerts that are shipped.
pub(crate) fn rules() -> Rules {
    let mut all = Rules {
        records: Vec::new(),
        alerts: Vec::new(),
    };
    for path in [RECORDS, ALERTS] {
        let groups = yaml::<File>(path).groups.into_iter();
        groups
            .flat_map(|group| group.rules)
            .for_each(|rule| match rule {
                Rule {
                    record: Some(name),
                    alert: None,
                    expr,
                    ..
                } => all.records.push(Record { name, expr }),
                Rule {
                    record: None,
                    alert: Some(name),
                    expr,
                    pending,
                    labels,
                    annotations,
                } => all.alerts.push(Alert {
                    name,
                    expr,
                    pending,
                    labels,
                    annotations,
                }),
                _ => panic!("{path}: a rule records or alerts"),
            });
    }
    assert!(!all.records.is_empty() && !all.alerts.is_empty());
    all
}

/// The unit tests of the alerts, by file.
pub(crate) fn unit_tests() -> Vec<(String, Vec<Test>)> {
    let paths = repository::files(&format!("{DIRECTORY}/tests"), ".yml");
    let tests = paths.into_iter().map(|path| {
        let Tests { tests } = yaml(&path);
        (path, tests)
    });
    tests.collect()
}

#[track_caller]
fn yaml<T: DeserializeOwned>(path: &str) -> T {
    serde_saphyr::from_str(&repository::text(path))
        .unwrap_or_else(|error| panic!("{path}: {error}"))
}

#[test]
fn an_alert_says_how_bad_since_when_who_and_where_to_read_on() {
    for alert in rules().alerts {
        let name = &alert.name;
        assert!(alert.pending.is_some(), "{name} fires at once");
        let severity = alert.labels.get("severity").map(String::as_str);
        let known = ["critical", "warning", "info"];
        assert!(
            severity.is_some_and(|severity| known.contains(&severity)),
            "{name}: {severity:?}"
        );
        for part in ["summary", "description"] {
            let text = alert
                .annotations
                .get(part)
                .unwrap_or_else(|| panic!("{name} has no {part}"));
            assert!(
                text.ends_with(['.', '?']) && !text.contains('\n'),
                "{name}: {part}: {text:?}"
            );
        }
        let is_about_a_host = name != "TcpmonAbsent";
        let summary = &alert.annotations["summary"];
        assert_eq!(
            summary.contains("$labels.instance"),
            is_about_a_host,
            "{name}: {summary}"
        );
        let page = format!("docs/runbooks/{name}.md");
        assert_eq!(alert.annotations.get("runbook_url"), Some(&page), "{name}");
    }
}

/// In one of its tests it is silent, then fires, then is silent again; with every severity it has.
#[test]
fn every_alert_is_tested_silent_firing_and_over() {
    let tests = unit_tests();
    for Alert { name, labels, .. } in rules().alerts {
        let severity = &labels["severity"];
        let fires = |check: &Check| {
            let mut expected = check.exp_alerts.iter();
            expected.any(|alert| alert.exp_labels.get("severity") == Some(severity))
        };
        let is_whole = |test: &Test| {
            let of_it = test
                .alert_rule_test
                .iter()
                .filter(|check| check.alertname == name);
            let course: Vec<bool> = of_it.map(fires).collect();
            let first = course.iter().position(|fires| *fires);
            let last = course.iter().rposition(|fires| *fires);
            first.is_some_and(|first| first > 0) && last.is_some_and(|last| last + 1 < course.len())
        };
        let has_one = tests.iter().flat_map(|(_, tests)| tests).any(is_whole);
        assert!(
            has_one,
            "{name}, severity {severity}: no test sees it come and go"
        );
        let (_, healthy) = tests
            .iter()
            .find(|(path, _)| path.ends_with("/healthy.yml"))
            .expect("a file");
        let is_silent = |test: &Test| {
            test.alert_rule_test
                .iter()
                .any(|check| check.alertname == name)
        };
        assert!(
            healthy.iter().any(is_silent),
            "{name} is not among those that are silent on a healthy host"
        );
    }
}

#[test]
fn unit_tests_have_names_of_their_own() {
    for (path, tests) in unit_tests() {
        let mut names: Vec<_> = tests.iter().map(|test| &test.name).collect();
        names.sort();
        assert!(
            names.windows(2).all(|pair| pair[0] != pair[1]),
            "{path}: {names:#?}"
        );
    }
}

#[test]
fn recorded_series_say_their_level_metric_and_operation() {
    let mut seen = Vec::new();
    for Record { name, .. } in rules().records {
        let parts: Vec<&str> = name.split(':').collect();
        let is_right = matches!(parts[..], [level, metric, operation]
            if !level.is_empty() && metric.starts_with("tcpmon_") && !operation.is_empty());
        assert!(is_right, "{name}");
        assert!(!seen.contains(&name), "{name} is recorded twice");
        seen.push(name);
    }
}
