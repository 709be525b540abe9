//! What a server answers: series with their labels.

use std::collections::BTreeMap;

/// Names and values. An empty value is the same as none.
pub type Labels = BTreeMap<String, String>;

/// One series at one moment.
#[derive(Clone, Debug, PartialEq)]
pub struct Sample {
    /// Its labels, `__name__` among them where the query kept it.
    pub labels: Labels,
    /// Its value; may be no number.
    pub value: f64,
}

/// One series over some time.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Course {
    /// Its labels.
    pub labels: Labels,
    /// Seconds since 1970 and the value, oldest first. Steps without a value are missing.
    pub points: Vec<(f64, f64)>,
}

impl Sample {
    /// The name of its metric, where the query kept it.
    pub(super) fn name(&self) -> &str {
        self.labels.get("__name__").map_or("", String::as_str)
    }

    /// A value that says something.
    pub(super) fn known(&self) -> Option<f64> {
        self.value.is_finite().then_some(self.value)
    }

    /// A count.
    pub(super) fn count(&self) -> Option<u64> {
        // The cast saturates; a negative count is none.
        self.known()
            .filter(|value| *value >= 0.0)
            .map(|value| value.round() as u64)
    }

    /// A label that the agent gave, of a series from a target with the labels `target`.
    ///
    /// Where the target has a label of that name, Prometheus renames the agent's to `exported_…`
    /// (unless `honor_labels` is set), and an empty one is gone.
    pub(super) fn own(&self, target: &Labels, name: &str) -> Option<&str> {
        let renamed = self.labels.get(&format!("exported_{name}"));
        let plain = self
            .labels
            .get(name)
            .filter(|value| target.get(name) != Some(*value));
        let value = renamed.or(plain)?;
        Some(value.as_str()).filter(|value| !value.is_empty())
    }
}
