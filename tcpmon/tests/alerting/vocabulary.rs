//! What the program exports: the metrics of the golden scrape, which has a series of every one.

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

/// A label that series have only where the configuration asks for it.
pub(crate) const REMOTE_ADDRESS: &str = "remote_address";

/// Names of metrics and recorded series, each with its labels.
pub(crate) struct Vocabulary {
    metrics: BTreeMap<String, BTreeSet<String>>,
}

impl Vocabulary {
    /// Of the program, and of the recording rules.
    pub(crate) fn load() -> Self {
        let scrape = repository::text("tcpmon/src/view/export/golden/scrape.prom");
        let mut metrics = BTreeMap::<String, BTreeSet<String>>::new();
        for line in scrape.lines().filter(|line| !line.starts_with('#')) {
            let (series, _) = next(line).expect("a name");
            let labels = metrics.entry(series.metric.to_owned()).or_default();
            labels.extend(TARGET_LABELS.map(str::to_owned));
            labels.extend(
                series
                    .matchers
                    .iter()
                    .map(|matcher| matcher.label.to_owned()),
            );
        }
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
        let mut sets = self.metrics.values();
        label == REMOTE_ADDRESS || sets.any(|labels| labels.contains(label))
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
