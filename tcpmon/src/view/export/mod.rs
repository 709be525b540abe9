//! What Prometheus scrapes: the metrics, and the HTTP side they are served from.
//!
//! ```text
//! Snapshot ──► families (tcp, kernel, stream, upkeep, process) ──► Registry ──► text format 0.0.4
//! ```
//!
//! Every label comes from a closed set, so the size of a scrape does not depend on the machine.

mod family;
pub mod http;
mod kernel;
pub mod metrics;
mod page;
mod process;
mod stream;
mod tcp;
mod upkeep;

#[cfg(test)]
pub(crate) mod fixture;
#[cfg(test)]
mod tests;
