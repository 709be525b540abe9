//! A fleet as a Prometheus-compatible server knows it: the hosts with an agent, what is wrong on
//! each, and inside one of them its processes and destinations.
//!
//! ```text
//! matchers ─► queries (PromQL) ─► what the server answers ─► hosts, ranked by trouble
//!                                                        └─► one host: processes, destinations
//! ```
//! Nothing here sends a query. How many there are does not depend on how many hosts there are, and
//! every age is taken by the server's own clock.

mod host;
mod inside;
mod matcher;
mod queries;
mod series;

pub use host::{Host, Presence, STALE_SECONDS, Skew, Standing, Trouble, hosts};
pub use inside::{Destination, Inside, Process, ProcessId, inside};
pub use matcher::{MatchError, Matcher, Matchers};
pub use queries::{
    Answers, COURSE_SECONDS, COURSE_STEP_SECONDS, LOOKBACK, RATE_WINDOW, Rules, Scope, Topic,
    WINDOW,
};
pub use series::{Course, Labels, Sample};

/// What to look at.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Question {
    /// Which hosts, or which one closely.
    pub scope: Scope,
    /// Whose course to tell on that host; `None`: that of all its processes.
    pub process: Option<ProcessId>,
}

/// A fleet at one moment.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Fleet {
    /// Its hosts, those in the most trouble first.
    pub hosts: Vec<Host>,
    /// The host that was looked at closely.
    pub inside: Option<Inside>,
    /// How many queries that took.
    pub queries: usize,
    /// What could not be found out, a sentence each.
    pub notes: Vec<String>,
}

#[cfg(test)]
mod tests;
