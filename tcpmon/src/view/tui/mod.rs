//! `tcpmon top`.
//!
//! ```text
//!  keys ──input──┐
//!  heartbeat ────┼─► Action ─► update(&mut App) ─► Effect: ask the feed, leave
//!  answers ──────┘                  │
//!                                   └─► render(&App) ─► terminal
//! ```
//! [`run`] alone waits and acts; the rest is pure, and time comes in with the heartbeat.

mod action;
mod app;
mod cursor;
mod edit;
mod feed;
mod fetcher;
mod input;
mod panes;
mod render;
mod run;
mod schedule;
mod terminal;
mod theme;
mod update;
mod widths;

pub use app::{ActiveFilter, TopOptions};
pub use feed::{Feed, Snapshot};
pub use run::run;

#[cfg(test)]
mod tests;
