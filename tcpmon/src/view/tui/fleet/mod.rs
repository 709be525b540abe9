//! `tcpmon top --prometheus`: the hosts of a fleet, ranked by trouble; inside one its processes, and
//! where they connect to.
//!
//! A screen of its own, since it asks another source other questions; keys, tables and colours are
//! those of the local one.

mod app;
mod asker;
mod columns;
mod keys;
mod page;
mod render;
mod run;
mod update;

pub use app::FleetOptions;
pub use asker::FleetFeed;
pub(crate) use columns::cells;
pub use run::run;

#[cfg(test)]
mod tests;
