//! What is said of verdicts where anybody may read it: no address.

use std::net::{IpAddr, SocketAddr};

use crate::core::query::{VerdictRow, Verdicts};
use crate::core::verdict::Severity;
use crate::view::format::{Charset, count, sanitise_bounded};

/// Columns of a sentence at most: a name in it is what somebody chose.
const COLUMNS: usize = 400;

/// The sentence of a verdict without the addresses in it.
pub(super) fn sentence(row: &VerdictRow) -> String {
    let mut what = row.what.clone();
    let parsed = |address: &Option<String>| address.as_deref()?.parse::<IpAddr>().ok();
    if let (Some(address), Some(port)) = (parsed(&row.destination_address), row.destination_port) {
        let endpoint = SocketAddr::new(address, port).to_string();
        what = what.replace(&endpoint, &format!("one destination, port {port},"));
        // At the end of a clause the comma is one too many.
        what = what.replace(",;", ";").replace(",:", ":");
    }
    if let Some(source) = &row.source_address {
        what = what.replace(&format!("from {source} "), "");
    }
    if has_address(&what) {
        // Whatever it is, it is not for everybody.
        what = match &row.process {
            Some(process) if !has_address(process) => format!("{}: {process}", row.verdict.name()),
            _ => row.verdict.name().to_owned(),
        };
    }
    sanitise_bounded(&what, COLUMNS, Charset::Unicode)
}

/// Whether a word of `text` is an IP address, with a port or without.
pub(super) fn has_address(text: &str) -> bool {
    let is_between = |c: char| c.is_whitespace() || "(),;/=\"'".contains(c);
    text.split(is_between).any(|word| {
        let word = word.trim_end_matches(['.', ':']);
        let bare = word.trim_start_matches('[').split([']', '%']).next();
        let is_address = |word: &str| word.parse::<IpAddr>().is_ok();
        is_address(word) || bare.is_some_and(is_address) || word.parse::<SocketAddr>().is_ok()
    })
}

/// The page in one line.
pub(super) fn headline(verdicts: &Verdicts) -> String {
    if verdicts.judged_age_seconds.is_none() {
        return "Nothing has been judged yet.".into();
    }
    let number = |severity: Severity| {
        let rows = verdicts.verdicts.iter();
        rows.filter(|row| row.severity == severity).count()
    };
    let worst_first = Severity::ALL.into_iter().rev();
    let counts: Vec<String> = worst_first
        .filter(|severity| number(*severity) > 0)
        .map(|severity| format!("{} {}", count(number(severity) as u64), severity.name()))
        .collect();
    match counts.as_slice() {
        [] => "Nothing is wrong.".into(),
        counts => format!("What is wrong: {}.", counts.join(", ")),
    }
}
