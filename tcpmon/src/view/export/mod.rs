//! What Prometheus scrapes: the metrics, and the HTTP side they are served from.
//!
//! ```text
//! Snapshot ──► families (tcp, kernel, machine, stream, upkeep, process) ──┐
//! Census ──► Series: who has series of its own ──► families (sets) ───────┴─► text format 0.0.4
//! ```
//!
//! What the machine has one of has labels from closed sets, so its size is known; what there may be
//! any number of is kept within a budget.

pub mod exporter;
mod family;
pub mod http;
mod kernel;
mod machine;
pub mod metrics;
mod own;
mod page;
mod process;
pub mod reference;
mod sets;
mod stream;
mod tcp;
mod upkeep;

#[cfg(test)]
pub(crate) mod fixture;
#[cfg(test)]
mod tests;
