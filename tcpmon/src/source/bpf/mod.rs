//! The kernel programs: load, prove, drain.
//!
//! Everything of aya stays in this folder. What comes out are [`tcpmon_common::Record`]s,
//! [`tcpmon_common::Counters`] and [`Holder`](tcpmon_common::Holder)s.

mod btf;
pub mod canary;
mod fdinfo;
#[cfg(any(test, fuzzing))]
pub mod fuzz;
pub mod holders;
mod load;
mod object;
mod offsets;
mod stream;
pub mod tracepoint;

pub use fdinfo::ProgramStats;
pub use load::{Attach, Options, Rung};
pub use object::is_embedded;
pub use offsets::{BTF_PATH, missing_fields};
pub use stream::{Drained, Skips, Stream};
