//! A scrape: one snapshot and one census as text.

use std::sync::Mutex;

use anyhow::{Context as _, Result};
use prometheus::core::{Collector, Desc};
use prometheus::proto::MetricFamily;
use prometheus::{Encoder as _, Registry, TextEncoder};

use super::family::Family;
use super::{kernel, machine, own, process, sets, stream, tcp, upkeep};
use crate::core::census::Census;
use crate::core::series::{Budget, Series};
use crate::core::snapshot::Snapshot;

/// What [`Renderer::render`] returns, as a `Content-Type`.
pub const CONTENT_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

/// Renders one scrape after the other, and remembers what must stay the same from one to the next.
#[derive(Debug, Default)]
pub struct Renderer {
    series: Series,
    took_ns: u64,
}

impl Renderer {
    /// The metrics in the text format 0.0.4, sorted by name and labels, within the budget.
    ///
    /// # Errors
    ///
    /// Two metrics share a name, or one has a name Prometheus does not allow.
    pub fn render(
        &mut self,
        snapshot: &Snapshot,
        census: &Census,
        budget: Budget,
    ) -> Result<Vec<u8>> {
        encode(self.families(snapshot, census, budget)?)
    }

    /// How long the last scrape took, in nanoseconds, for the next to tell.
    pub const fn took(&mut self, nanoseconds: u64) {
        self.took_ns = nanoseconds;
    }

    pub(super) fn families(
        &mut self,
        snapshot: &Snapshot,
        census: &Census,
        budget: Budget,
    ) -> Result<Vec<Family>> {
        let mut families = tcp::families(snapshot)?;
        families.extend(kernel::families(snapshot)?);
        families.extend(machine::families(snapshot)?);
        families.extend(stream::families(snapshot)?);
        families.extend(upkeep::families(snapshot)?);
        families.extend(process::families(snapshot)?);
        let machine = count(&families) + own::SERIES;
        let room = u64::from(budget.limit).saturating_sub(machine);
        let sets = self.series.take(census, budget.labels, room);
        families.extend(sets::families(&sets, budget.labels)?);
        let others = count(&families);
        families.extend(own::families(&sets, budget, others, self.took_ns)?);
        Ok(families)
    }
}

fn count(families: &[Family]) -> u64 {
    families.iter().map(Family::count).sum()
}

fn encode(families: Vec<Family>) -> Result<Vec<u8>> {
    // A registry per scrape: nothing of an earlier one can linger, and scrapes never meet.
    let registry = Registry::new();
    registry
        .register(Box::new(Scrape::new(families)))
        .context("cannot register the metrics")?;
    let mut text = Vec::new();
    TextEncoder::new()
        .encode(&registry.gather(), &mut text)
        .context("cannot encode the metrics")?;
    Ok(text)
}

/// The families of one scrape, to be collected once.
struct Scrape {
    descs: Vec<Desc>,
    families: Mutex<Vec<MetricFamily>>,
}

impl Scrape {
    fn new(families: Vec<Family>) -> Self {
        let families = families.into_iter();
        let (descs, families) = families.map(|family| (family.desc, family.series)).unzip();
        Self {
            descs,
            families: Mutex::new(families),
        }
    }
}

impl Collector for Scrape {
    fn desc(&self) -> Vec<&Desc> {
        self.descs.iter().collect()
    }

    fn collect(&self) -> Vec<MetricFamily> {
        // There are tens of thousands of labels in them: they are moved, not copied.
        self.families
            .lock()
            .map(|mut families| std::mem::take(&mut *families))
            .unwrap_or_default()
    }
}
