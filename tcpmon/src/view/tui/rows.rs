//! Tables of any kind of row: one list of columns per kind says what they are called, what they show
//! and how they are ordered.

use std::cmp::Ordering;

use super::place::{Order, Place};
use crate::core::explain::Topic;
use crate::view::format::{Charset, width};

/// A column of a table of `R`.
pub(super) struct Spec<R> {
    pub(super) title: &'static str,
    /// What most values need.
    pub(super) usual: usize,
    /// Less than this says nothing; such a column is not cut but left out.
    pub(super) least: usize,
    /// Columns of the highest rank are left out first; those of rank 0 never.
    pub(super) rank: u8,
    /// Numbers stand right-aligned, and the largest come first.
    pub(super) is_number: bool,
    /// What it says; safe for a terminal.
    pub(super) cell: fn(&R, Charset) -> String,
    pub(super) order: fn(&R, &R) -> Ordering,
}

/// A kind of row.
pub(super) trait Listed: Sized + 'static {
    const COLUMNS: &'static [Spec<Self>];

    /// What stays the same from one snapshot to the next.
    fn identity(&self) -> String;

    /// Whether it deserves a second look.
    fn stands_out(&self) -> bool;

    /// What opening it shows.
    fn open(&self) -> Option<Place>;

    /// What there is to read about it.
    fn topic(&self) -> Option<Topic> {
        None
    }
}

/// A column without its kind of row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Head {
    pub(super) title: &'static str,
    pub(super) usual: usize,
    pub(super) least: usize,
    pub(super) rank: u8,
    pub(super) is_number: bool,
}

/// Rows of one kind, whichever.
pub(super) trait Rows {
    fn count(&self) -> usize;
    fn heads(&self) -> Vec<Head>;
    fn cell(&self, row: usize, column: usize, charset: Charset) -> String;
    fn identity(&self, row: usize) -> Option<String>;
    fn stands_out(&self, row: usize) -> bool;
    fn open(&self, row: usize) -> Option<Place>;
    fn topic(&self, row: usize) -> Option<Topic>;
    /// The indexes of the rows in this order. One that is not asked for is that of the answer.
    fn sorted(&self, order: Order) -> Vec<usize>;
    /// Makes room for the rows among `widths`.
    fn grow(&self, widths: &mut Vec<usize>, charset: Charset);
}

/// The widest a column grows, whatever a name holds.
const WIDEST: usize = 47;

impl<R: Listed> Rows for Vec<R> {
    fn count(&self) -> usize {
        self.len()
    }

    fn heads(&self) -> Vec<Head> {
        let heads = R::COLUMNS.iter().map(|spec| Head {
            title: spec.title,
            usual: spec.usual,
            least: spec.least,
            rank: spec.rank,
            is_number: spec.is_number,
        });
        heads.collect()
    }

    fn cell(&self, row: usize, column: usize, charset: Charset) -> String {
        match (self.get(row), R::COLUMNS.get(column)) {
            (Some(row), Some(spec)) => (spec.cell)(row, charset),
            _ => String::new(),
        }
    }

    fn identity(&self, row: usize) -> Option<String> {
        self.get(row).map(R::identity)
    }

    fn stands_out(&self, row: usize) -> bool {
        self.get(row).is_some_and(R::stands_out)
    }

    fn open(&self, row: usize) -> Option<Place> {
        self.get(row)?.open()
    }

    fn topic(&self, row: usize) -> Option<Topic> {
        self.get(row)?.topic()
    }

    fn sorted(&self, order: Order) -> Vec<usize> {
        let mut indexes: Vec<usize> = (0..self.len()).collect();
        if let Some((column, descending)) = order
            && let Some(spec) = R::COLUMNS.get(column)
        {
            indexes.sort_by(|one, other| {
                let ascending = (spec.order)(&self[*one], &self[*other]);
                if descending {
                    ascending.reverse()
                } else {
                    ascending
                }
            });
        }
        indexes
    }

    fn grow(&self, widths: &mut Vec<usize>, charset: Charset) {
        widths.resize(R::COLUMNS.len(), 0);
        for (spec, widest) in R::COLUMNS.iter().zip(widths) {
            let least = spec.usual.max(spec.title.len() + 1);
            let cells = self.iter().map(|row| width(&(spec.cell)(row, charset)));
            *widest = cells
                .fold((*widest).max(least), usize::max)
                .min(WIDEST.max(least));
        }
    }
}

/// Compares what may be unknown: that comes before everything known.
pub(super) fn by_number<R>(of: impl Fn(&R) -> Option<f64>) -> impl Fn(&R, &R) -> Ordering {
    move |one, other| {
        let (one, other) = (of(one), of(other));
        one.unwrap_or(f64::NEG_INFINITY)
            .total_cmp(&other.unwrap_or(f64::NEG_INFINITY))
    }
}
