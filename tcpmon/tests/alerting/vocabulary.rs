//! What the program exports: the metrics of `docs/metrics.md`, which is generated from it.

use std::collections::{BTreeMap, BTreeSet};

use tcpmon::core::ending::Ending;
use tcpmon::core::table::Drift;
use tcpmon::core::verdict::{Kind, Severity};
use tcpmon_common::State;

use super::promql::{next, references};
use super::repository;
use super::rules::{Record, rules};

/// Labels that Prometheus adds to every series.
pub(crate) const TARGET_LABELS: [&str; 2] = ["job", "instance"];

/// Names of metrics and recorded series, each with its labels.
pub(crate) struct Vocabulary {
    metrics: BTreeMap<String, BTreeSet<String>>,
}

impl Vocabulary {
    /// Of the program, and of the recording rules.
    pub(crate) fn load() -> Self {
        let mut metrics = BTreeMap::new();
        let text = repository::text("docs/metrics.md");
        // A list, each entry with the series first.
        let entries = text.split("\n- `").skip(1);
        for (series, kind) in entries.filter_map(|entry| entry.split_once("`,")) {
            let (series, _) = next(series).expect("a name");
            let labels = series.matchers.iter().map(|matcher| matcher.label);
            let labels: BTreeSet<String> = labels.chain(TARGET_LABELS).map(str::to_owned).collect();
            let name = series.metric;
            if kind.trim_start().starts_with("histogram") {
                let bucket = labels.iter().cloned().chain(["le".to_owned()]).collect();
                metrics.insert(format!("{name}_bucket"), bucket);
                metrics.insert(format!("{name}_sum"), labels.clone());
                metrics.insert(format!("{name}_count"), labels.clone());
            }
            metrics.insert(name.to_owned(), labels);
        }
        assert!(metrics.len() > 50, "only {} metrics", metrics.len());
        let mut vocabulary = Self { metrics };
        // In their order: a rule may build on an earlier one.
        for Record { name, expr } in rules().records {
            let parts = references(&expr);
            let known = parts
                .iter()
                .filter_map(|part| vocabulary.labels(part.metric));
            let labels = known.flatten().cloned();
            let labels = labels.chain(TARGET_LABELS.map(str::to_owned)).collect();
            vocabulary.metrics.insert(name, labels);
        }
        vocabulary
    }

    /// The labels of that metric; `None` if there is none.
    pub(crate) fn labels(&self, metric: &str) -> Option<&BTreeSet<String>> {
        self.metrics.get(metric)
    }

    /// Whether anything has this label.
    pub(crate) fn has_label(&self, label: &str) -> bool {
        self.metrics.values().any(|labels| labels.contains(label))
    }
}

/// The values that a label may have, where the program knows all of them.
pub(crate) fn closed_set(label: &str) -> Option<Vec<&'static str>> {
    let states = || State::RFC.map(State::name).to_vec();
    match label {
        "state" | "from" | "to" => Some(states()),
        "verdict" => Some(Kind::ALL.map(Kind::name).to_vec()),
        "severity" => Some(Severity::ALL.map(Severity::name).to_vec()),
        "kind" => Some(Drift::ALL.map(Drift::name).to_vec()),
        "reason" => {
            let lost = ["ring_full", "recursion", "undecodable"];
            Some([&Ending::ALL.map(Ending::name)[..], &lost].concat())
        }
        _ => None,
    }
}
