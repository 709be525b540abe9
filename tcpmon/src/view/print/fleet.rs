//! The hosts of a fleet as text.

use std::io;

use serde::Serialize;

use super::csv::{self, Field, decimal, optional, text};
use super::{OutputFormat, json, jsonl, table};
use crate::core::fleet::{Fleet, Host};
use crate::core::query::SCHEMA;
use crate::core::verdict::Severity;
use crate::view::format::{Charset, sanitise_bounded};
use crate::view::tui::fleet::cells;

/// No note needs more.
const LONGEST: usize = 512;

const HOST: [Field<Host>; 18] = [
    ("instance", |host| text(Some(host.name()))),
    ("job", |host| {
        text(host.labels.get("job").map(String::as_str))
    }),
    ("presence", |host| word(&host.presence)),
    ("trouble", |host| word(&host.trouble)),
    ("age_seconds", |host| decimal(host.age_seconds)),
    ("version", |host| text(host.version.as_deref())),
    ("critical", |host| optional(host.count(Severity::Critical))),
    ("warning", |host| optional(host.count(Severity::Warning))),
    ("worst_verdict", |host| {
        text(host.worst().map(|standing| standing.verdict.as_str()))
    }),
    ("culprit", |host| text(host.culprit.as_deref())),
    ("sockets", |host| optional(host.sockets)),
    ("close_wait", |host| optional(host.close_wait)),
    ("time_wait", |host| optional(host.time_wait)),
    ("port_headroom_ratio", |host| {
        decimal(host.port_headroom_ratio)
    }),
    ("events_lost", |host| decimal(host.events_lost)),
    ("drift", |host| decimal(host.drift)),
    ("clock_ahead_at_least_seconds", |host| {
        decimal(host.clock_skew.map(|skew| skew.at_least_seconds))
    }),
    ("clock_ahead_at_most_seconds", |host| {
        decimal(host.clock_skew.map(|skew| skew.at_most_seconds))
    }),
];

/// The word that JSON has for it.
fn word(value: &impl Serialize) -> String {
    match serde_json::to_value(value) {
        Ok(serde_json::Value::String(word)) => word,
        _ => String::new(),
    }
}

#[derive(Serialize)]
struct Document<'a> {
    schema: u32,
    notes: &'a [String],
    hosts: &'a [Host],
}

/// Prints the hosts, those in the most trouble first.
pub fn fleet(
    out: &mut dyn io::Write,
    fleet: &Fleet,
    format: OutputFormat,
    charset: Charset,
) -> io::Result<()> {
    let hosts = &fleet.hosts;
    match format {
        OutputFormat::Table | OutputFormat::Wide => {
            let (lines, right) = cells(hosts, format == OutputFormat::Wide, charset);
            table::aligned(out, &lines, &right)?;
            fleet.notes.iter().try_for_each(|note| {
                writeln!(out, "note: {}", sanitise_bounded(note, LONGEST, charset))
            })
        }
        OutputFormat::Json => {
            let document = Document {
                schema: SCHEMA,
                notes: &fleet.notes,
                hosts,
            };
            json::document(out, &document)
        }
        OutputFormat::Jsonl => jsonl::rows(out, SCHEMA, hosts),
        OutputFormat::Csv => csv::rows(out, &HOST, hosts),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::fleet::{Answers, Sample, Topic, hosts};

    fn one() -> Fleet {
        let labels = [
            ("job", "tcpmon"),
            ("instance", "web,\x1b[2J\"1"),
            ("version", "1"),
        ];
        let labels = labels.map(|(name, value)| (name.to_owned(), value.to_owned()));
        let agent = Sample {
            labels: labels.into(),
            value: 2.5,
        };
        let answers = Answers([(Topic::Agent, vec![agent])].into());
        Fleet {
            hosts: hosts(&answers),
            notes: vec!["a\nnote".to_owned()],
            ..Fleet::default()
        }
    }

    fn printed(format: OutputFormat) -> String {
        let mut out = Vec::new();
        fleet(&mut out, &one(), format, Charset::Unicode).unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn every_form_has_the_host_and_nothing_that_acts_on_a_terminal() {
        for format in [
            OutputFormat::Table,
            OutputFormat::Wide,
            OutputFormat::Json,
            OutputFormat::Jsonl,
            OutputFormat::Csv,
        ] {
            let text = printed(format);
            assert!(text.contains("[2J"), "{text}");
            assert!(text.chars().all(|c| c == '\n' || !c.is_control()), "{text}");
        }
        assert!(printed(OutputFormat::Table).ends_with("note: a\\x0anote\n"));
    }

    #[test]
    fn unknown_is_empty_or_null() {
        let csv = printed(OutputFormat::Csv);
        let line = csv.lines().nth(1).unwrap();
        assert_eq!(
            line,
            "\"web,\\x1b[2J\"\"1\",tcpmon,up,none,2.5,1,,,,,,,,,,,,"
        );
        let json: serde_json::Value = serde_json::from_str(&printed(OutputFormat::Json)).unwrap();
        let host = &json["hosts"][0];
        assert_eq!(host["labels"]["instance"], "web,\x1b[2J\"1");
        assert!(host["sockets"].is_null() && host["verdicts"].is_null());
        assert_eq!(host["age_seconds"], 2.5);
    }
}
