//! One metric with all its series, ready to be encoded.

use std::collections::HashMap;

use anyhow::{Context as _, Result};
use prometheus::core::Desc;
use prometheus::proto::{
    Bucket, Counter, Gauge, Histogram, LabelPair, Metric, MetricFamily, MetricType,
};

use crate::core::histogram::{self, BOUNDS_SECONDS};
use crate::core::series::{LabelSet, Member};

/// A metric: its description, which the registry checks, and its series.
pub(super) struct Family {
    pub(super) desc: Desc,
    pub(super) series: MetricFamily,
    /// The set it belongs to; `None` for what the machine has one of.
    pub(super) set: Option<LabelSet>,
}

impl Family {
    fn new(
        kind: MetricType,
        name: &str,
        help: &str,
        labels: &[&str],
        series: Vec<Metric>,
    ) -> Result<Self> {
        let labels = labels.iter().map(|label| (*label).to_owned()).collect();
        let desc = Desc::new(name.to_owned(), help.to_owned(), labels, HashMap::new())
            .with_context(|| format!("cannot describe the metric {name}"))?;
        let mut family = MetricFamily::default();
        family.set_field_type(kind);
        family.set_name(name.to_owned());
        family.set_help(help.to_owned());
        family.set_metric(series);
        Ok(Self {
            desc,
            series: family,
            set: None,
        })
    }

    /// Series as a server counts them: a histogram is one per bucket, and two more.
    pub(super) fn count(&self) -> u64 {
        let metrics = self.series.get_metric();
        let count = metrics.iter().map(|metric| {
            if self.series.get_field_type() == MetricType::HISTOGRAM {
                metric.get_histogram().get_bucket().len() as u64 + 3
            } else {
                1
            }
        });
        count.sum()
    }
}

/// A set of metrics with a series per member.
#[derive(Clone, Copy)]
pub(super) struct Set<'a> {
    pub(super) set: LabelSet,
    /// Names of the labels of its members.
    pub(super) labels: &'a [&'a str],
}

impl Set<'_> {
    /// A gauge with a series per member and set of further label values.
    pub(super) fn gauges<'m, const N: usize>(
        self,
        name: &str,
        help: &str,
        labels: [&str; N],
        samples: impl IntoIterator<Item = (&'m Member, [&'m str; N], f64)>,
    ) -> Result<Family> {
        self.family(MetricType::GAUGE, (name, help), labels, samples)
    }

    /// A counter with a series per member and set of further label values.
    pub(super) fn counters<'m, const N: usize>(
        self,
        name: &str,
        help: &str,
        labels: [&str; N],
        samples: impl IntoIterator<Item = (&'m Member, [&'m str; N], u64)>,
    ) -> Result<Family> {
        let samples = samples.into_iter();
        let samples = samples.map(|(member, values, count)| (member, values, count as f64));
        self.family(MetricType::COUNTER, (name, help), labels, samples)
    }

    fn family<'m, const N: usize>(
        self,
        kind: MetricType,
        (name, help): (&str, &str),
        labels: [&str; N],
        samples: impl IntoIterator<Item = (&'m Member, [&'m str; N], f64)>,
    ) -> Result<Family> {
        let names: Vec<&str> = self.labels.iter().copied().chain(labels).collect();
        let series = samples.into_iter().map(|(member, values, value)| {
            let values = member.iter().map(String::as_str).chain(values);
            let mut metric = labels_of(names.iter().copied().zip(values));
            if kind == MetricType::COUNTER {
                let mut counter = Counter::default();
                counter.set_value(value);
                metric.set_counter(counter);
            } else {
                let mut gauge = Gauge::default();
                gauge.set_value(value);
                metric.set_gauge(gauge);
            }
            metric
        });
        let series = series.collect();
        Ok(Family {
            set: Some(self.set),
            ..Family::new(kind, name, help, &names, series)?
        })
    }
}

/// A gauge without labels.
pub(super) fn gauge(name: &str, help: &str, value: f64) -> Result<Family> {
    gauges(name, help, [], [([] as [&str; 0], value)])
}

/// A gauge with a series per set of label values.
pub(super) fn gauges<const N: usize, V: Into<String>>(
    name: &str,
    help: &str,
    labels: [&str; N],
    samples: impl IntoIterator<Item = ([V; N], f64)>,
) -> Result<Family> {
    let series = samples.into_iter().map(|(values, value)| {
        let mut gauge = Gauge::default();
        gauge.set_value(value);
        let mut metric = labelled(labels, values);
        metric.set_gauge(gauge);
        metric
    });
    Family::new(MetricType::GAUGE, name, help, &labels, series.collect())
}

/// A counter without labels.
pub(super) fn counter(name: &str, help: &str, value: f64) -> Result<Family> {
    let mut counter = Counter::default();
    counter.set_value(value);
    let mut metric = Metric::default();
    metric.set_counter(counter);
    Family::new(MetricType::COUNTER, name, help, &[], vec![metric])
}

/// A counter with a series per set of label values.
pub(super) fn counters<const N: usize, V: Into<String>>(
    name: &str,
    help: &str,
    labels: [&str; N],
    samples: impl IntoIterator<Item = ([V; N], u64)>,
) -> Result<Family> {
    let samples = samples.into_iter();
    let samples = samples.map(|(values, value)| (values, value as f64));
    float_counters(name, help, labels, samples)
}

/// The same of what is not a whole number, such as seconds.
pub(super) fn float_counters<const N: usize, V: Into<String>>(
    name: &str,
    help: &str,
    labels: [&str; N],
    samples: impl IntoIterator<Item = ([V; N], f64)>,
) -> Result<Family> {
    let series = samples.into_iter().map(|(values, value)| {
        let mut counter = Counter::default();
        counter.set_value(value);
        let mut metric = labelled(labels, values);
        metric.set_counter(counter);
        metric
    });
    Family::new(MetricType::COUNTER, name, help, &labels, series.collect())
}

/// A histogram with a series per set of label values.
pub(super) fn histograms<const N: usize, V: Into<String>>(
    name: &str,
    help: &str,
    labels: [&str; N],
    samples: impl IntoIterator<Item = ([V; N], histogram::Histogram)>,
) -> Result<Family> {
    let series = samples.into_iter().map(|(values, value)| {
        let mut metric = labelled(labels, values);
        metric.set_histogram(cumulative(&value));
        metric
    });
    Family::new(MetricType::HISTOGRAM, name, help, &labels, series.collect())
}

/// Nanoseconds in the base unit. Whole seconds apart: since 1970 there have been more nanoseconds
/// than a float can tell apart.
pub(super) const fn seconds(nanoseconds: u64) -> f64 {
    const SECOND: u64 = 1_000_000_000;
    (nanoseconds / SECOND) as f64 + (nanoseconds % SECOND) as f64 / 1e9
}

fn cumulative(durations: &histogram::Histogram) -> Histogram {
    let mut below = 0;
    // The bucket without a bound is the count, which the encoder writes by itself.
    let buckets = BOUNDS_SECONDS.iter().zip(durations.buckets);
    let buckets = buckets.map(|(bound, count)| {
        below += count;
        let mut bucket = Bucket::default();
        bucket.set_upper_bound(*bound);
        bucket.set_cumulative_count(below);
        bucket
    });
    let mut histogram = Histogram::default();
    histogram.set_bucket(buckets.collect());
    histogram.set_sample_count(durations.count());
    histogram.set_sample_sum(seconds(durations.sum_ns));
    histogram
}

fn labelled<const N: usize, V: Into<String>>(labels: [&str; N], values: [V; N]) -> Metric {
    labels_of(labels.into_iter().zip(values))
}

fn labels_of<'a, V: Into<String>>(pairs: impl Iterator<Item = (&'a str, V)>) -> Metric {
    let pairs = pairs.map(|(name, value)| {
        let mut pair = LabelPair::default();
        pair.set_name(name.to_owned());
        pair.set_value(value.into());
        pair
    });
    Metric::from_label(pairs.collect())
}
