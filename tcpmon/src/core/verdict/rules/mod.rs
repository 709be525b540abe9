//! One file per kind of trouble: what is looked at, and from where on it is trouble. A rule reads
//! the table and its memory and has an opinion; it keeps nothing itself.

pub(super) mod accept;
pub(super) mod half_dead;
pub(super) mod kernel;
pub(super) mod leak;
pub(super) mod ports;
pub(super) mod queue;
pub(super) mod stuck;

use super::evidence::Evidence;
use super::{Severity, Thresholds};
use crate::core::table::Table;

/// What a rule looks at, and by which measure.
#[derive(Clone, Copy)]
pub(super) struct Sight<'a> {
    pub(super) table: &'a Table,
    pub(super) thresholds: &'a Thresholds,
    pub(super) now_ns: u64,
}

/// What a rule thinks of a case now.
#[derive(Clone, Debug)]
pub(super) struct Opinion {
    /// How bad it is; `None` when all is well.
    pub(super) severity: Option<Severity>,
    /// What that rests on.
    pub(super) evidence: Evidence,
}
