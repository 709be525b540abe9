//! What the kernel program and the agent agree on: the TCP states, the layout of a ring record,
//! and the layout of the per-CPU counters.
//!
//! No `std`, no allocation, no `unsafe`: the same code runs in the kernel and in the agent, and its
//! tests run on the host.

#![no_std]

pub mod context;
pub mod counter;
pub mod holder;
pub mod record;
pub mod state;

pub use counter::Counters;
pub use holder::Holder;
pub use record::Record;
pub use state::State;
