//! Everything that is named exists.

use tcpmon::core::verdict::{Kind, Severity};

use super::promql::{groupings, references};
use super::repository;
use super::rules::{ALERTS, DIRECTORY, RECORDS, rules};
use super::runbooks::PAGES;
use super::vocabulary::{TARGET_LABELS, Vocabulary, closed_set};

/// Every file that names metrics.
fn files() -> Vec<String> {
    let mut files = vec![RECORDS.to_owned(), ALERTS.to_owned()];
    files.extend(repository::files(&format!("{DIRECTORY}/tests"), ".yml"));
    files.extend(repository::files(PAGES, ".md"));
    files.extend(repository::files("deploy/grafana/dashboards", ".json"));
    files
}

#[test]
fn every_metric_label_and_value_that_is_named_exists() {
    let vocabulary = Vocabulary::load();
    let mut wrong = Vec::new();
    for path in files() {
        // In JSON quotes are escaped.
        let text = repository::text(&path).replace("\\\"", "\"");
        for reference in references(&text) {
            let metric = reference.metric;
            let Some(labels) = vocabulary.labels(metric) else {
                wrong.push(format!("{path}: there is no metric {metric}"));
                continue;
            };
            for matcher in reference.matchers {
                let label = matcher.label;
                if !labels.contains(label) {
                    wrong.push(format!("{path}: {metric} has no label {label}"));
                }
                let known = closed_set(label).unwrap_or_else(|| matcher.values.clone());
                let strange = matcher.values.iter().filter(|value| !known.contains(value));
                wrong.extend(
                    strange.map(|value| format!("{path}: {label} of {metric} is never {value}")),
                );
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn every_label_that_is_grouped_by_exists() {
    let vocabulary = Vocabulary::load();
    let exprs = rules().records.into_iter().map(|record| record.expr);
    let exprs = exprs.chain(rules().alerts.into_iter().map(|alert| alert.expr));
    for expr in exprs {
        for label in groupings(&expr) {
            let is_known = TARGET_LABELS.contains(&label) || vocabulary.has_label(label);
            assert!(is_known, "{label}: {expr}");
        }
    }
}

/// Except those that are only suspicious: nobody is told of them.
#[test]
fn every_kind_of_verdict_raises_an_alert() {
    let alerts = rules().alerts;
    for kind in Kind::ALL {
        let relays = alerts.iter().filter(|alert| {
            let references = references(&alert.expr);
            let mut matchers = references.iter().flat_map(|reference| &reference.matchers);
            matchers
                .any(|matcher| matcher.label == "verdict" && matcher.values.contains(&kind.name()))
        });
        let severities: Vec<_> = relays
            .map(|alert| alert.labels["severity"].as_str())
            .collect();
        assert!(
            severities.contains(&Severity::Warning.name()),
            "{}: {severities:?}",
            kind.name()
        );
    }
}
