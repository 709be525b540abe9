//! Comma-separated values as RFC 4180 has them, but with `\n` as the other Unix tools. The columns
//! are the fields of the JSON rows.

use std::io;

use crate::core::query::{EventRow, SocketRow, StateSummary, VerdictRow};
use crate::view::column::{netns_name_word, owner_name, role_name};
use crate::view::format::sanitise;

/// A column: its name, its value. An unknown value is empty.
pub(super) type Field<R> = (&'static str, fn(&R) -> String);

pub(super) static SOCKET: [Field<SocketRow>; 33] = [
    ("cookie", |row| optional(row.cookie)),
    ("netns", |row| optional(row.netns)),
    ("family", |row| sanitise(&row.family)),
    ("state", |row| sanitise(&row.state)),
    ("local_address", |row| sanitise(&row.local_address)),
    ("local_port", |row| row.local_port.to_string()),
    ("remote_address", |row| sanitise(&row.remote_address)),
    ("remote_port", |row| row.remote_port.to_string()),
    ("age_seconds", |row| decimal(Some(row.age_seconds))),
    ("age_is_lower_bound", |row| {
        row.age_is_lower_bound.to_string()
    }),
    ("inode", |row| optional(row.inode)),
    ("pid", |row| optional(row.pid)),
    ("process", |row| text(row.process.as_deref())),
    ("fd", |row| optional(row.fd)),
    ("owner_source", |row| {
        optional(row.owner_source.map(owner_name))
    }),
    ("cgroup", |row| text(row.cgroup.as_deref())),
    ("unit", |row| text(row.unit.as_deref())),
    ("container", |row| text(row.container.as_deref())),
    ("role", |row| optional(row.role.map(role_name))),
    ("kind", |row| sanitise(&row.kind)),
    ("accepted", |row| optional(row.accepted)),
    ("connection_age_seconds", |row| {
        decimal(row.connection_age_seconds)
    }),
    ("remaining_seconds", |row| decimal(row.remaining_seconds)),
    ("uid", |row| optional(row.uid)),
    ("recv_queue", |row| optional(row.recv_queue)),
    ("send_queue", |row| optional(row.send_queue)),
    ("accept_queue_longest", |row| {
        optional(row.accept_queue_longest)
    }),
    ("half_open", |row| optional(row.half_open)),
    ("drops", |row| optional(row.drops)),
    ("netns_name", |row| text(row.netns_name.as_deref())),
    ("holders", |row| optional(row.holders)),
    ("pod_uid", |row| text(row.pod_uid.as_deref())),
    ("netns_name_source", |row| {
        optional(row.netns_name_source.map(netns_name_word))
    }),
];

/// The fields of an event before those of its socket.
pub(super) static EVENT: [Field<EventRow>; 5] = [
    ("time", |event| sanitise(&event.time)),
    ("from", |event| sanitise(&event.from)),
    ("to", |event| sanitise(&event.to)),
    ("reason", |event| sanitise(&event.reason)),
    ("duration_seconds", |event| decimal(event.duration_seconds)),
];

const STATE: [Field<StateSummary>; 6] = [
    ("state", |row| sanitise(&row.state)),
    ("sockets", |row| row.sockets.to_string()),
    ("entered_total", |row| row.entered_total.to_string()),
    ("entered_per_second", |row| {
        decimal(Some(row.entered_per_second))
    }),
    ("oldest_age_seconds", |row| decimal(row.oldest_age_seconds)),
    ("oldest_is_lower_bound", |row| {
        row.oldest_is_lower_bound.to_string()
    }),
];

/// Prints the header and a line per socket.
pub(super) fn sockets(out: &mut dyn io::Write, rows: &[SocketRow]) -> io::Result<()> {
    line(out, names(&SOCKET))?;
    rows.iter()
        .try_for_each(|row| line(out, values(&SOCKET, row)))
}

/// What a field says of a socket; `None` when there is no such field.
pub(super) fn socket_value(name: &str, row: &SocketRow) -> Option<String> {
    let (_, value) = SOCKET.iter().find(|(known, _)| *known == name)?;
    Some(value(row))
}

fn event_value(name: &str, event: &EventRow) -> String {
    let own = EVENT.iter().find(|(known, _)| *known == name);
    own.map(|(_, value)| value(event))
        .or_else(|| socket_value(name, &event.socket))
        .unwrap_or_default()
}

/// Prints the header and a line per socket, with these fields.
pub(super) fn picked_sockets(
    out: &mut dyn io::Write,
    rows: &[SocketRow],
    fields: &[&str],
) -> io::Result<()> {
    picked_header(out, fields)?;
    let cell = |name: &&str, row| socket_value(name, row).unwrap_or_default();
    rows.iter()
        .try_for_each(|row| line(out, fields.iter().map(|name| cell(name, row))))
}

/// Prints a header with these fields.
pub(super) fn picked_header(out: &mut dyn io::Write, fields: &[&str]) -> io::Result<()> {
    line(out, fields.iter().map(|name| (*name).to_owned()))
}

/// Prints one event with these fields.
pub(super) fn picked_event(
    out: &mut dyn io::Write,
    event: &EventRow,
    fields: &[&str],
) -> io::Result<()> {
    line(out, fields.iter().map(|name| event_value(name, event)))
}

/// Prints the header and a line per state.
pub(super) fn states(out: &mut dyn io::Write, rows: &[StateSummary]) -> io::Result<()> {
    line(out, names(&STATE))?;
    rows.iter()
        .try_for_each(|row| line(out, values(&STATE, row)))
}

const VERDICT: [Field<VerdictRow>; 18] = [
    ("verdict", |row| row.verdict.name().to_owned()),
    ("severity", |row| row.severity.name().to_owned()),
    ("since_seconds", |row| decimal(Some(row.since_seconds))),
    ("pid", |row| optional(row.pid)),
    ("process", |row| text(row.process.as_deref())),
    ("executable", |row| text(row.executable.as_deref())),
    ("user", |row| text(row.user.as_deref())),
    ("unit", |row| text(row.unit.as_deref())),
    ("container", |row| text(row.container.as_deref())),
    ("netns", |row| optional(row.netns)),
    ("netns_name", |row| text(row.netns_name.as_deref())),
    ("service_port", |row| optional(row.service_port)),
    ("source_address", |row| text(row.source_address.as_deref())),
    ("destination_address", |row| {
        text(row.destination_address.as_deref())
    }),
    ("destination_port", |row| optional(row.destination_port)),
    ("what", |row| sanitise(&row.what)),
    ("fix", |row| sanitise(&row.fix)),
    ("next", |row| {
        text(row.next.first().map(|step| step.command.as_str()))
    }),
];

/// Prints the header and a line per verdict.
pub(super) fn verdicts(out: &mut dyn io::Write, rows: &[VerdictRow]) -> io::Result<()> {
    line(out, names(&VERDICT))?;
    rows.iter()
        .try_for_each(|row| line(out, values(&VERDICT, row)))
}

/// Prints the header of events.
pub(super) fn event_header(out: &mut dyn io::Write) -> io::Result<()> {
    line(out, names(&EVENT).chain(names(&SOCKET)))
}

/// Prints one event.
pub(super) fn event(out: &mut dyn io::Write, event: &EventRow) -> io::Result<()> {
    line(
        out,
        values(&EVENT, event).chain(values(&SOCKET, &event.socket)),
    )
}

/// Prints the header and a line per row.
pub(super) fn rows<R>(out: &mut dyn io::Write, fields: &[Field<R>], rows: &[R]) -> io::Result<()> {
    line(out, names(fields))?;
    rows.iter()
        .try_for_each(|row| line(out, values(fields, row)))
}

fn names<R>(fields: &[Field<R>]) -> impl Iterator<Item = String> {
    fields.iter().map(|(name, _)| (*name).to_owned())
}

fn values<R>(fields: &[Field<R>], row: &R) -> impl Iterator<Item = String> {
    fields.iter().map(move |(_, value)| value(row))
}

fn line(out: &mut dyn io::Write, cells: impl Iterator<Item = String>) -> io::Result<()> {
    let cells: Vec<String> = cells.map(quoted).collect();
    writeln!(out, "{}", cells.join(","))
}

/// RFC 4180: quotes around what holds a separator or a quote, quotes inside doubled. Line breaks
/// have become escapes before.
fn quoted(cell: String) -> String {
    match cell.contains([',', '"', '\n', '\r']) {
        true => format!("\"{}\"", cell.replace('"', "\"\"")),
        false => cell,
    }
}

pub(super) fn optional<V: ToString>(value: Option<V>) -> String {
    value.map_or_else(String::new, |value| value.to_string())
}

pub(super) fn text(value: Option<&str>) -> String {
    value.map_or_else(String::new, sanitise)
}

/// As in JSON: the shortest text that gives the number back, nothing for what is no number.
pub(super) fn decimal(value: Option<f64>) -> String {
    match value {
        Some(number) if number.is_finite() => format!("{number:?}"),
        _ => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use serde::Serialize;

    use super::*;
    use crate::core::netns::NameSource;
    use crate::view::fixture;

    /// The keys of a JSON object without nested objects, in the order they are written.
    fn keys(row: &impl Serialize) -> Vec<String> {
        let json = serde_json::to_string(row).unwrap();
        let parts = json
            .split("\":")
            .map(|part| part.rsplit('"').next().unwrap());
        let mut keys: Vec<String> = parts.map(str::to_owned).collect();
        keys.pop();
        keys
    }

    /// JSON leaves these out where there are none.
    fn with_rare_fields(row: SocketRow) -> SocketRow {
        SocketRow {
            accept_queue_longest: Some(0),
            half_open: Some(0),
            drops: Some(0),
            netns_name: Some(String::new()),
            holders: Some(0),
            pod_uid: Some(String::new()),
            netns_name_source: Some(NameSource::Host),
            ..row
        }
    }

    #[test]
    fn columns_are_the_json_fields() {
        let socket: Vec<String> = names(&SOCKET).collect();
        assert_eq!(socket, keys(&with_rare_fields(fixture::unknown())));
        let states: Vec<String> = names(&STATE).collect();
        assert_eq!(states, keys(&fixture::summary().states[0]));
        let mut event: Vec<String> = names(&EVENT).collect();
        event.extend(socket);
        let mut row = fixture::event();
        row.time.clear();
        row.socket = with_rare_fields(row.socket);
        assert_eq!(event, keys(&row));
    }

    #[test]
    fn quoting() {
        for (cell, expected) in [
            ("plain", "plain"),
            ("", ""),
            ("a,b", "\"a,b\""),
            ("say \"hi\"", "\"say \"\"hi\"\"\""),
            (" blank ", " blank "),
        ] {
            assert_eq!(quoted(cell.to_owned()), expected);
        }
    }
}
