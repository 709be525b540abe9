//! What is logged of a change of a verdict: one line, with fields to search for.

use std::net::{IpAddr, SocketAddr};

use log::kv::Value;
use log::{Level, Record};

use crate::core::query::VerdictRow;
use crate::core::verdict::{Change, Place, Severity, Step};

/// Whom and what a verdict is about, as the line that tells of its end has it too.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct About {
    pid: Option<u32>,
    netns: Option<u32>,
    process: Option<String>,
    unit: Option<String>,
    container: Option<String>,
    port: Option<u16>,
    destination: Option<String>,
}

impl About {
    /// What the subject of `change` alone says.
    pub(super) fn of_subject(change: &Change) -> Self {
        let process = change.subject.process;
        let place = change.subject.place;
        let inode = place.netns().map(|netns| netns.inode);
        Self {
            pid: process.map(|process| process.pid),
            netns: inode.filter(|inode| *inode != 0),
            process: process.map(|process| process.name()),
            port: match place {
                Place::Service { port, .. } => Some(port),
                _ => None,
            },
            destination: match place {
                Place::Destination { .. } => Some(place.to_string()),
                _ => None,
            },
            ..Self::default()
        }
    }

    /// What is known of a verdict that stands.
    pub(super) fn of_row(row: &VerdictRow) -> Self {
        let address: Option<IpAddr> = row
            .destination_address
            .as_ref()
            .and_then(|address| address.parse().ok());
        let destination = address.zip(row.destination_port);
        Self {
            pid: row.pid,
            netns: row.netns,
            process: row.process.clone(),
            unit: row.unit.clone(),
            container: row.container.clone(),
            port: row.service_port,
            destination: destination.map(|to| SocketAddr::from(to).to_string()),
        }
    }
}

/// One line about one change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Line<'a> {
    pub(super) change: &'a Change,
    pub(super) about: &'a About,
    /// The verdict's sentence, while it stands.
    pub(super) what: Option<&'a str>,
    /// Name of the file its evidence goes to.
    pub(super) incident: Option<&'a str>,
}

impl Line<'_> {
    fn level(&self) -> Level {
        match (self.change.step, self.change.severity) {
            (Step::Ended, _) => Level::Info,
            (_, Some(Severity::Critical)) => Level::Error,
            (_, Some(Severity::Warning)) => Level::Warn,
            _ => Level::Info,
        }
    }

    fn sentence(&self) -> String {
        let subject = &self.change.subject;
        let (kind, place, severity) = (subject.kind.name(), subject.place, self.severity());
        match (self.change.step, self.what) {
            (Step::Ended, _) => {
                format!("verdict over: {kind} at {place}, at its worst {severity}")
            }
            (_, Some(what)) => what.to_owned(),
            (_, None) => format!("{kind} at {place}"),
        }
    }

    fn severity(&self) -> &'static str {
        self.change.severity.map_or("none", Severity::name)
    }

    fn fields(&self) -> Vec<(&'static str, Value<'_>)> {
        let number = |number: Option<u32>| number.map_or(Value::null(), Value::from);
        let about = self.about;
        let mut fields = vec![
            ("verdict", Value::from(self.change.subject.kind.name())),
            ("step", Value::from(self.change.step.name())),
            ("severity", Value::from(self.severity())),
            ("pid", number(about.pid)),
            ("netns", number(about.netns)),
        ];
        let texts = [
            ("process", about.process.as_deref()),
            ("unit", about.unit.as_deref()),
            ("container", about.container.as_deref()),
        ];
        let known = |(name, text): (_, Option<_>)| Some((name, Value::from(text?)));
        fields.extend(texts.into_iter().filter_map(known));
        fields.extend(about.port.map(|port| ("port", Value::from(port))));
        let texts = [
            ("destination", about.destination.as_deref()),
            ("incident", self.incident),
        ];
        fields.extend(texts.into_iter().filter_map(known));
        fields
    }

    /// Hands the line over as a record of the log.
    pub(super) fn give(&self, take: impl FnOnce(&Record<'_>)) {
        let fields = self.fields();
        take(
            &Record::builder()
                .args(format_args!("{}", self.sentence()))
                .level(self.level())
                .target(module_path!())
                .module_path(Some(module_path!()))
                .key_values(&fields.as_slice())
                .build(),
        );
    }

    /// Logs it.
    pub(super) fn log(&self) {
        if self.level() <= log::max_level() {
            self.give(|record| log::logger().log(record));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::LogFormat;
    use crate::core::facts::NetnsIdentity;
    use crate::core::table::Process;
    use crate::core::verdict::{Kind, Subject};
    use crate::logging::line_at;
    use crate::view::fixture;

    const NETNS: NetnsIdentity = NetnsIdentity {
        cookie: 1,
        inode: 4_026_531_840,
    };

    fn lines() -> Vec<String> {
        let service = Place::Service {
            netns: NETNS,
            port: 8080,
        };
        let destination = Place::Destination {
            netns: NETNS,
            source: IpAddr::from([10, 0, 0, 1]),
            address: "2001:db8::5".parse().expect("an address"),
            port: 5432,
        };
        let mut comm = [0; 16];
        comm[..9].copy_from_slice(b"a b=\"c\"\nd");
        let process = Process { pid: 77, comm };
        let change = |kind, process, place, step, severity| Change {
            subject: Subject {
                kind,
                process,
                place,
            },
            step,
            severity: Some(severity),
        };
        let leak = |step, severity| {
            let process = Some(process);
            change(Kind::CloseWaitLeak, process, service, step, severity)
        };
        let ports =
            |step, severity| change(Kind::PortExhaustion, None, destination, step, severity);
        let orphans = change(
            Kind::OrphansNearLimit,
            None,
            Place::Machine,
            Step::Eased,
            Severity::Suspicious,
        );
        let row = fixture::verdicts().verdicts.remove(0);
        let told = About::of_row(&row);
        let file = "20261121T090000.000000001Z-close_wait_leak-1234.incident.json";
        let cases = [
            (leak(Step::Began, Severity::Warning), Some(&told), None),
            (
                leak(Step::Worsened, Severity::Critical),
                Some(&told),
                Some(file),
            ),
            (leak(Step::Ended, Severity::Critical), Some(&told), None),
            (leak(Step::Ended, Severity::Warning), None, None),
            (ports(Step::Began, Severity::Critical), None, None),
            (ports(Step::Ended, Severity::Critical), None, None),
            (orphans, None, None),
        ];
        let mut lines = Vec::new();
        for (change, about, incident) in &cases {
            let of_subject = About::of_subject(change);
            let line = Line {
                change,
                about: about.unwrap_or(&of_subject),
                what: (change.step != Step::Ended).then_some(row.what.as_str()),
                incident: *incident,
            };
            for format in [LogFormat::Logfmt, LogFormat::Json] {
                line.give(|record| lines.push(line_at("2026-11-21T09:00:00Z", record, format)));
            }
        }
        lines
    }

    /// Rewrites the golden file when `UPDATE_GOLDEN` is set.
    #[test]
    fn to_the_letter() {
        let text = lines().join("\n") + "\n";
        if std::env::var_os("UPDATE_GOLDEN").is_some() {
            let path = concat!(env!("CARGO_MANIFEST_DIR"), "/src/agent/golden/lines.txt");
            std::fs::write(path, &text).expect("written");
        }
        assert_eq!(text, include_str!("golden/lines.txt"), "\n{text}");
    }

    #[test]
    fn hostile_names_end_neither_a_line_nor_a_field() {
        for line in lines() {
            assert!(
                !line.contains(|c: char| c.is_control() || c == '\u{202e}'),
                "{line:?}"
            );
            if line.starts_with('{') {
                let parsed: serde_json::Value = serde_json::from_str(&line).expect("JSON");
                assert!(parsed["verdict"].is_string(), "{line}");
                assert!(parsed.get("pid").is_some() && parsed.get("netns").is_some());
                assert_eq!(parsed.get("c"), None, "{line}");
            } else {
                let names = names_of_logfmt(&line);
                assert_eq!(
                    names[..8],
                    [
                        "time", "level", "msg", "verdict", "step", "severity", "pid", "netns"
                    ],
                    "{line}"
                );
                let known = [
                    "process",
                    "unit",
                    "container",
                    "port",
                    "destination",
                    "incident",
                ];
                assert!(
                    names[8..].iter().all(|name| known.contains(&name.as_str())),
                    "{line}"
                );
            }
        }
    }

    /// The names in a line of logfmt, read as its readers do: a value is a word or a quoted string.
    fn names_of_logfmt(line: &str) -> Vec<String> {
        let mut names = Vec::new();
        let mut rest = line;
        while let Some((name, value)) = rest.split_once('=') {
            names.push(name.to_owned());
            let end = if let Some(quoted) = value.strip_prefix('"') {
                let mut is_escaped = false;
                let close = quoted.find(|c| {
                    let closes = c == '"' && !is_escaped;
                    is_escaped = c == '\\' && !is_escaped;
                    closes
                });
                close.expect("a closing quote") + 2
            } else {
                value.find(' ').unwrap_or(value.len())
            };
            rest = value[end..].trim_start_matches(' ');
        }
        assert_eq!(rest, "", "{line}");
        names
    }
}
