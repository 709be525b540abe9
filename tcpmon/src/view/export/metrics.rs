//! A scrape: one snapshot as text.

use anyhow::{Context as _, Result};
use prometheus::core::{Collector, Desc};
use prometheus::proto::MetricFamily;
use prometheus::{Encoder as _, Registry, TextEncoder};

use super::family::Family;
use super::{kernel, process, stream, tcp, upkeep};
use crate::core::snapshot::Snapshot;

/// What [`render`] returns, as a `Content-Type`.
pub const CONTENT_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

/// The metrics of `snapshot` in the text format 0.0.4, sorted by name and labels.
///
/// # Errors
///
/// Two metrics share a name, or one has a name Prometheus does not allow.
pub fn render(snapshot: &Snapshot) -> Result<Vec<u8>> {
    // A registry per scrape: nothing of an earlier one can linger, and scrapes never meet.
    let registry = Registry::new();
    registry
        .register(Box::new(Scrape::new(snapshot)?))
        .context("cannot register the metrics")?;
    let mut text = Vec::new();
    TextEncoder::new()
        .encode(&registry.gather(), &mut text)
        .context("cannot encode the metrics")?;
    Ok(text)
}

/// The families of one snapshot.
struct Scrape(Vec<Family>);

impl Scrape {
    fn new(snapshot: &Snapshot) -> Result<Self> {
        let mut families = tcp::families(snapshot)?;
        families.extend(kernel::families(snapshot)?);
        families.extend(stream::families(snapshot)?);
        families.extend(upkeep::families(snapshot)?);
        families.extend(process::families(snapshot)?);
        Ok(Self(families))
    }
}

impl Collector for Scrape {
    fn desc(&self) -> Vec<&Desc> {
        self.0.iter().map(|family| &family.desc).collect()
    }

    fn collect(&self) -> Vec<MetricFamily> {
        self.0.iter().map(|family| family.series.clone()).collect()
    }
}
