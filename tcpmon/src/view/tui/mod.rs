//! `tcpmon top`.
//!
//! ```text
//!  keys ──input──┐
//!  heartbeat ────┼─► Action ─► update(&mut App) ─► effects: ask, watch, leave …
//!  answers ──────┘                  │
//!                                   └─► render(&App) ─► terminal
//! ```
//! [`run`] alone waits and acts; the rest is pure, and time comes in with the heartbeat.

mod action;
mod app;
mod cursor;
mod edit;
mod events;
mod feed;
mod fetcher;
pub mod fleet;
mod history;
mod input;
mod keys;
mod page;
mod panes;
mod place;
mod render;
mod rows;
mod run;
mod schedule;
mod terminal;
mod theme;
mod update;
mod views;
mod widths;

pub use app::{ActiveFilter, TopOptions};
pub use feed::{Feed, Watch};
pub use run::run;

#[cfg(test)]
mod tests;
