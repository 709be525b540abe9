//! The views: what each lists, and what it shows of it.

pub(super) mod destinations;
pub(super) mod diagram;
pub(super) mod events;
pub(super) mod explain;
mod groups;
pub(super) mod listeners;
pub(super) mod namespaces;
pub(super) mod overview;
pub(super) mod process;
pub(super) mod processes;
pub(super) mod socket;
pub(super) mod sockets;
mod transport;
pub(super) mod verdict;

pub(super) use groups::{GroupRow, Grouping};
use ratatui::text::Line;

use super::app::{ActiveFilter, App};
use super::place::{Place, Scope};
use crate::view::column::UNKNOWN;
use crate::view::format::{Charset, age, count, sanitise_bounded};

/// The text of a page; nothing where there are rows instead.
pub(super) fn page(app: &App) -> Vec<Line<'static>> {
    let (theme, columns) = (app.theme, app.size.width);
    let level = app.level();
    let mut lines = match &level.place {
        Place::Verdict(row) => verdict::page(row, theme, columns),
        Place::Explain(topic) => explain::page(*topic, theme, columns),
        Place::Process(row) => process::page(row, theme, columns),
        Place::Socket(known) => {
            let verdicts = app
                .data
                .as_ref()
                .map(|data| &data.snapshot.verdicts.verdicts);
            let verdicts = verdicts.map_or(&[][..], Vec::as_slice);
            socket::page(known, &app.seen, verdicts, theme, columns)
        }
        Place::View(_) | Place::Sockets(_) => return Vec::new(),
    };
    if let Some(since) = level.gone {
        let ago = age(
            app.now.saturating_sub(since).as_secs_f64(),
            false,
            theme.charset(),
        );
        let word = match &level.place {
            Place::Verdict(_) => "This is over",
            _ => "It is gone",
        };
        let words = format!("{word} since {ago}; what follows is what was known last.");
        lines.insert(0, Line::styled(words, theme.trouble()));
    }
    lines
}

/// No name needs more.
const LONGEST: usize = 128;

/// A name that may be unknown; safe for a terminal.
fn name(name: Option<&str>, charset: Charset) -> String {
    match name.filter(|name| !name.is_empty()) {
        Some(name) => sanitise_bounded(name, LONGEST, charset),
        None => UNKNOWN.to_owned(),
    }
}

/// A count in six columns at most: longer ones are rounded down.
fn short_count(number: u64) -> String {
    match number {
        0..100_000 => count(number),
        100_000..10_000_000 => format!("{}k", number / 1000),
        _ => format!("{}M", number / 1_000_000),
    }
}

/// A number that may be unknown.
fn number(number: Option<u64>) -> String {
    number.map_or_else(|| UNKNOWN.to_owned(), count)
}

/// How long something took, in seconds: on loopback often less than a millisecond.
fn lasted(seconds: f64, charset: Charset) -> String {
    match seconds {
        brief if (0.0..0.000_999_5).contains(&brief) => {
            format!("{:.0}{}s", brief * 1e6, charset.pick("µ", "u"))
        }
        short if (0.0..0.009_95).contains(&short) => format!("{:.1}ms", short * 1e3),
        _ => age(seconds, false, charset),
    }
}

/// A share from 0 to 1.
fn percent(share: Option<f64>) -> String {
    match share.filter(|share| share.is_finite()) {
        Some(share) => format!("{:.0}%", share * 100.0),
        None => UNKNOWN.to_owned(),
    }
}

/// The sockets that match a filter made here.
fn sockets_of(title: String, conditions: &[Option<String>]) -> Option<Place> {
    let given: Vec<&str> = conditions.iter().flatten().map(String::as_str).collect();
    let filter: ActiveFilter = given.join(" and ").parse().ok()?;
    Some(Place::Sockets(Scope { title, filter }))
}

fn in_netns(netns: Option<u32>) -> Option<String> {
    Some(format!("netns = {}", netns?))
}

fn of_pid(pid: Option<u32>) -> Option<String> {
    Some(format!("pid = {}", pid?))
}
