//! Aligned columns. Everything foreign has been made harmless cell by cell.

use std::io;

use super::choose::Columns;
use crate::core::query::{EventRow, Health, SocketRow, StateSummary, Summary};
use crate::view::attention::stands_out;
use crate::view::column::{Column, UNKNOWN};
use crate::view::format::{
    Charset, age, count, pad_left, pad_right, rate, sanitise_bounded, sanitise_for, width,
};

const GAP: &str = "  ";
/// No foreign sentence needs more.
const LONGEST_LINE: usize = 512;

/// Prints a line per socket.
pub(super) fn sockets(
    out: &mut dyn io::Write,
    rows: &[SocketRow],
    columns: &[Column],
    charset: Charset,
) -> io::Result<()> {
    let mut lines = vec![columns.iter().map(|c| c.title().to_owned()).collect()];
    for row in rows {
        lines.push(columns.iter().map(|c| c.cell(row, charset)).collect());
    }
    let right: Vec<bool> = columns.iter().map(|c| c.is_number()).collect();
    aligned(out, &lines, &right)
}

/// Prints a line per socket, with the columns that were asked for.
pub(super) fn picked_sockets(
    out: &mut dyn io::Write,
    rows: &[SocketRow],
    columns: &Columns,
    charset: Charset,
) -> io::Result<()> {
    let mut lines = vec![columns.0.iter().map(|choice| choice.title()).collect()];
    for row in rows {
        let cells = columns
            .0
            .iter()
            .map(|choice| choice.socket_cell(row, charset));
        lines.push(cells.collect());
    }
    let right: Vec<bool> = columns.0.iter().map(|choice| choice.is_number()).collect();
    aligned(out, &lines, &right)
}

/// Prints the headings of events, or one of them, with the columns that were asked for.
pub(super) fn picked_event(
    out: &mut dyn io::Write,
    event: Option<&EventRow>,
    columns: &Columns,
    charset: Charset,
) -> io::Result<()> {
    let cells = columns.0.iter().map(|choice| match event {
        Some(event) => choice.event_cell(event, charset),
        None => choice.title(),
    });
    let cells: Vec<String> = cells.collect();
    let widths: Vec<usize> = columns
        .0
        .iter()
        .map(|choice| choice.event_width())
        .collect();
    let right: Vec<bool> = columns.0.iter().map(|choice| choice.is_number()).collect();
    line(out, &cells, &widths, &right)
}

fn namespaces(number: u64) -> String {
    match number {
        1 => "1 network namespace".to_owned(),
        number => format!("{} network namespaces", count(number)),
    }
}

/// Prints how the machine is, then a line per state.
pub(super) fn summary(
    out: &mut dyn io::Write,
    summary: &Summary,
    charset: Charset,
) -> io::Result<()> {
    let safe = |text: &str| sanitise_bounded(text, LONGEST_LINE, charset);
    writeln!(
        out,
        "tcpmon {} on {}, Linux {}, up {}, {}",
        safe(&summary.version),
        safe(&summary.host),
        safe(&summary.kernel),
        age(summary.uptime_seconds, false, charset),
        namespaces(summary.namespaces),
    )?;
    health(out, &summary.health, charset)?;
    for limit in &summary.health.limits {
        writeln!(out, "limit: {}", safe(limit))?;
    }
    writeln!(out)?;
    let titles = ["STATE", "SOCKETS", "ENTERED", "RATE", "OLDEST", ""];
    let mut lines = vec![titles.map(str::to_owned).to_vec()];
    lines.extend(
        summary
            .states
            .iter()
            .map(|state| state_cells(state, charset)),
    );
    aligned(out, &lines, &[false, true, true, true, true, false])
}

fn health(out: &mut dyn io::Write, health: &Health, charset: Charset) -> io::Result<()> {
    let lost: u64 = health.events_lost.values().sum();
    write!(
        out,
        "events {} by {}, {} read, {} lost",
        rate(health.events_per_second),
        sanitise_for(&health.rung, charset),
        count(health.events_delivered),
        count(lost),
    )?;
    for (reason, number) in health.events_lost.iter().filter(|(_, number)| **number > 0) {
        write!(
            out,
            " ({} {})",
            sanitise_for(reason, charset),
            count(*number)
        )?;
    }
    match health.last_audit_age_seconds {
        Some(seconds) => writeln!(out, ", audited {} ago", age(seconds, false, charset)),
        None => writeln!(out, ", not audited yet"),
    }
}

fn state_cells(state: &StateSummary, charset: Charset) -> Vec<String> {
    let bound = state.oldest_is_lower_bound;
    let oldest = state.oldest_age_seconds;
    let mark = oldest.is_some_and(|seconds| stands_out(&state.state, seconds));
    vec![
        sanitise_for(&state.state, charset),
        count(state.sockets),
        count(state.entered_total),
        rate(state.entered_per_second),
        oldest.map_or_else(
            || UNKNOWN.to_owned(),
            |seconds| age(seconds, bound, charset),
        ),
        if mark { "!" } else { "" }.to_owned(),
    ]
}

/// A column of a line per event.
#[derive(Clone, Copy, Debug)]
pub(super) enum EventColumn {
    Time,
    Edge,
    After,
    Reason,
    Socket(Column),
}

/// What is shown of an event.
pub(super) const EVENT_NARROW: [EventColumn; 8] = [
    EventColumn::Time,
    EventColumn::Edge,
    EventColumn::After,
    EventColumn::Socket(Column::Local),
    EventColumn::Socket(Column::Remote),
    EventColumn::Socket(Column::Process),
    EventColumn::Socket(Column::Pid),
    EventColumn::Reason,
];

/// What else is known of an event.
pub(super) const EVENT_WIDE: [EventColumn; 12] = [
    EventColumn::Time,
    EventColumn::Edge,
    EventColumn::After,
    EventColumn::Socket(Column::Local),
    EventColumn::Socket(Column::Remote),
    EventColumn::Socket(Column::Process),
    EventColumn::Socket(Column::Pid),
    EventColumn::Socket(Column::Netns),
    EventColumn::Socket(Column::Owner),
    EventColumn::Socket(Column::Cookie),
    EventColumn::Socket(Column::Unit),
    EventColumn::Reason,
];

impl EventColumn {
    /// Those that are not of the socket.
    pub(super) const OWN: [Self; 4] = [Self::Time, Self::Edge, Self::After, Self::Reason];

    pub(super) const fn title(self) -> &'static str {
        match self {
            Self::Time => "TIME",
            Self::Edge => "TRANSITION",
            Self::After => "AFTER",
            Self::Reason => "REASON",
            Self::Socket(column) => column.title(),
        }
    }

    /// Lines come one by one, so that widths are fixed: what most values need. A longer one pushes
    /// the rest to the right.
    pub(super) const fn width(self) -> usize {
        match self {
            Self::Time => 30,
            Self::Edge => 26,
            Self::After | Self::Socket(Column::Pid) => 7,
            Self::Socket(Column::Local | Column::Remote) => 21,
            Self::Socket(Column::Process) => 15,
            Self::Socket(Column::Netns | Column::Cookie) => 10,
            Self::Socket(Column::Owner) => 8,
            Self::Socket(_) => 20,
            Self::Reason => 0,
        }
    }

    pub(super) const fn is_number(self) -> bool {
        match self {
            Self::After => true,
            Self::Socket(column) => column.is_number(),
            _ => false,
        }
    }

    pub(super) fn cell(self, event: &EventRow, charset: Charset) -> String {
        let safe = |text: &str| sanitise_bounded(text, LONGEST_LINE, charset);
        match self {
            Self::Time => safe(&event.time),
            Self::Edge => {
                let arrow = charset.pick("→", "->");
                format!("{} {arrow} {}", safe(&event.from), safe(&event.to))
            }
            Self::After => event.duration_seconds.map_or_else(
                || UNKNOWN.to_owned(),
                |seconds| age(seconds, false, charset),
            ),
            Self::Reason => safe(&event.reason),
            Self::Socket(column) => column.cell(&event.socket, charset),
        }
    }
}

/// Prints the headings of events.
pub(super) fn event_header(out: &mut dyn io::Write, columns: &[EventColumn]) -> io::Result<()> {
    let cells: Vec<String> = columns.iter().map(|c| c.title().to_owned()).collect();
    event_line(out, columns, &cells)
}

/// Prints one event.
pub(super) fn event(
    out: &mut dyn io::Write,
    event: &EventRow,
    columns: &[EventColumn],
    charset: Charset,
) -> io::Result<()> {
    let cells: Vec<String> = columns.iter().map(|c| c.cell(event, charset)).collect();
    event_line(out, columns, &cells)
}

fn event_line(
    out: &mut dyn io::Write,
    columns: &[EventColumn],
    cells: &[String],
) -> io::Result<()> {
    let widths: Vec<usize> = columns.iter().map(|column| column.width()).collect();
    let right: Vec<bool> = columns.iter().map(|column| column.is_number()).collect();
    line(out, cells, &widths, &right)
}

/// Prints all lines, each column as wide as its widest cell.
pub(super) fn aligned(
    out: &mut dyn io::Write,
    lines: &[Vec<String>],
    right: &[bool],
) -> io::Result<()> {
    let mut widths = vec![0; right.len()];
    for cells in lines {
        for (widest, cell) in widths.iter_mut().zip(cells) {
            *widest = width(cell).max(*widest);
        }
    }
    lines
        .iter()
        .try_for_each(|cells| line(out, cells, &widths, right))
}

fn line(
    out: &mut dyn io::Write,
    cells: &[String],
    widths: &[usize],
    right: &[bool],
) -> io::Result<()> {
    let mut text = String::new();
    for ((cell, wide), is_right) in cells.iter().zip(widths).zip(right) {
        text.push_str(&match is_right {
            true => pad_left(cell, *wide),
            false => pad_right(cell, *wide),
        });
        text.push_str(GAP);
    }
    writeln!(out, "{}", text.trim_end())
}
