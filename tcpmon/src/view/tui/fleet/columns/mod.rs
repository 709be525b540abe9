//! The columns of each kind of row.

mod destinations;
mod hosts;
mod processes;

use super::super::rows::{Listed, Spec};
use crate::core::fleet::Host;
use crate::view::column::UNKNOWN;
use crate::view::format::{Charset, count, sanitise_bounded};

pub(super) use hosts::{presence, skew};

/// No name needs more.
const LONGEST: usize = 128;
/// Columns of a higher rank are for those who want all.
const NARROW: u8 = 3;

/// The table of hosts as text: titles first, and which columns hold numbers.
pub(crate) fn cells(
    hosts: &[Host],
    is_wide: bool,
    charset: Charset,
) -> (Vec<Vec<String>>, Vec<bool>) {
    let columns: Vec<&Spec<Host>> = Host::COLUMNS
        .iter()
        .filter(|spec| is_wide || spec.rank <= NARROW)
        .collect();
    let mut lines = vec![columns.iter().map(|spec| spec.title.to_owned()).collect()];
    for host in hosts {
        lines.push(
            columns
                .iter()
                .map(|spec| (spec.cell)(host, charset))
                .collect(),
        );
    }
    (lines, columns.iter().map(|spec| spec.is_number).collect())
}

/// A name that may be unknown; safe for a terminal.
fn name(name: Option<&str>, charset: Charset) -> String {
    match name.filter(|name| !name.is_empty()) {
        Some(name) => sanitise_bounded(name, LONGEST, charset),
        None => UNKNOWN.to_owned(),
    }
}

/// A number that may be unknown.
fn number(number: Option<u64>) -> String {
    number.map_or_else(|| UNKNOWN.to_owned(), count)
}

/// A share from 0 to 1; what is little is not nothing.
fn percent(share: Option<f64>) -> String {
    match share.filter(|share| share.is_finite()) {
        Some(share) if share > 0.0 && share < 0.01 => "<1%".to_owned(),
        Some(share) => format!("{:.0}%", share * 100.0),
        None => UNKNOWN.to_owned(),
    }
}
