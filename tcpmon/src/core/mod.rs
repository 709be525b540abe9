//! The pure middle: no input or output, no clock, no threads. Time comes in as an argument.
//!
//! Facts come in through [`facts`] (and ring records), the [`table`] holds the truth, questions and
//! answers are in [`query`]. All facts in their order are a
//! [`recording`].

pub mod census;
pub mod cgroup;
pub mod course;
pub mod ending;
pub mod explain;
pub mod facts;
pub mod filter;
pub mod fleet;
pub mod fsm;
pub mod histogram;
pub mod incident;
pub mod limit;
pub mod lives;
pub mod netns;
pub mod query;
pub mod recording;
pub mod series;
pub mod snapshot;
pub mod table;
pub mod tuple;
pub mod verdict;
pub mod wire;
