//! The agent's log: one line per message on stderr, as logfmt or JSON.

use std::io::Write as _;

use env_logger::{Builder, Target};
use log::Record;
use log::kv::{Key, Value, VisitSource, VisitValue};
use serde_json::Value as Json;

use crate::clock;
use crate::config::{LogFormat, LogLevel};
use crate::view::format::is_hazardous;

/// Starts logging to stderr. Later calls only change the level.
pub fn start(level: LogLevel, format: LogFormat) {
    let mut builder = Builder::new();
    builder
        .filter_level(log::LevelFilter::Warn)
        .filter_module("tcpmon", log::LevelFilter::Debug)
        .filter_module("aya", log::LevelFilter::Warn)
        .target(Target::Stderr)
        .format(move |out, record| writeln!(out, "{}", line(record, format)));
    // A second start finds the first logger in place, which is as good.
    if builder.try_init().is_err() {
        log::debug!("logging has started already");
    }
    set_level(level);
}

/// Another level from now on.
pub fn set_level(level: LogLevel) {
    log::set_max_level(level.filter());
}

fn line(record: &Record<'_>, format: LogFormat) -> String {
    line_at(&clock::rfc3339(clock::unix_ns()), record, format)
}

/// The line of a message, as of `time`.
pub(crate) fn line_at(time: &str, record: &Record<'_>, format: LogFormat) -> String {
    let level = record.level().as_str().to_ascii_lowercase();
    let message = record.args().to_string();
    let mut fields = Fields(Vec::new());
    // A visitor that collects cannot fail.
    drop(record.key_values().visit(&mut fields));
    let line = match format {
        LogFormat::Logfmt => {
            let message = Json::from(message);
            let mut line = format!("time={time} level={level} msg={message}");
            for (name, value) in fields.0 {
                line.push_str(&format!(" {name}={}", logfmt(&value)));
            }
            line
        }
        LogFormat::Json => {
            let mut line = serde_json::Map::new();
            line.insert("time".into(), time.into());
            line.insert("level".into(), level.into());
            line.insert("msg".into(), message.into());
            line.extend(fields.0);
            Json::Object(line).to_string()
        }
    };
    harmless(&line)
}

/// A value as logfmt has it: bare where it is one plain word, else quoted as in JSON, which keeps it on
/// one line; `-` for what is not known.
fn logfmt(value: &Json) -> String {
    match value {
        Json::Null => "-".into(),
        Json::String(text) if is_plain(text) => text.clone(),
        other => other.to_string(),
    }
}

fn is_plain(text: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_graphic() && !b"\"=\\".contains(&byte);
    !text.is_empty() && text != "-" && text.bytes().all(plain)
}

/// Writes what JSON leaves as it is and a terminal does not (C1 controls, marks that reorder text) as
/// JSON's escapes: such a character can only be within a quoted string.
fn harmless(line: &str) -> String {
    let mut safe = String::with_capacity(line.len());
    for c in line.chars() {
        if is_hazardous(c) {
            let mut units = [0; 2];
            for unit in c.encode_utf16(&mut units) {
                safe.push_str(&format!("\\u{unit:04x}"));
            }
        } else {
            safe.push(c);
        }
    }
    safe
}

/// What a message says besides its sentence.
struct Fields(Vec<(String, Json)>);

impl<'kvs> VisitSource<'kvs> for Fields {
    fn visit_pair(&mut self, key: Key<'kvs>, value: Value<'kvs>) -> Result<(), log::kv::Error> {
        let mut visitor = One(Json::Null);
        value.visit(&mut visitor)?;
        self.0.push((key.as_str().to_owned(), visitor.0));
        Ok(())
    }
}

/// One value of a field.
struct One(Json);

impl<'v> VisitValue<'v> for One {
    fn visit_any(&mut self, value: Value<'_>) -> Result<(), log::kv::Error> {
        self.0 = value.to_string().into();
        Ok(())
    }

    fn visit_null(&mut self) -> Result<(), log::kv::Error> {
        self.0 = Json::Null;
        Ok(())
    }

    fn visit_u64(&mut self, value: u64) -> Result<(), log::kv::Error> {
        self.0 = value.into();
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_stays_one_harmless_line() {
        for format in [LogFormat::Logfmt, LogFormat::Json] {
            let line = line(
                &Record::builder()
                    .args(format_args!("two\nlines \u{1b}[2J\u{9b}2J\u{202e}"))
                    .level(log::Level::Warn)
                    .build(),
                format,
            );
            assert!(
                !line.contains(['\n', '\u{1b}', '\u{9b}', '\u{202e}']),
                "{line}"
            );
            assert!(line.contains("\\u009b2J\\u202e"), "{line}");
            assert!(line.contains("warn"), "{line}");
        }
    }

    #[test]
    fn a_value_of_logfmt_ends_where_it_ends() {
        for (value, text) in [
            (Json::from("nginx.service"), "nginx.service"),
            (Json::from("10.0.0.5:5432"), "10.0.0.5:5432"),
            (Json::from("a b"), "\"a b\""),
            (Json::from("a=b"), "\"a=b\""),
            (Json::from("say \"x\""), r#""say \"x\"""#),
            (Json::from(r"a\b"), r#""a\\b""#),
            (Json::from("line\nbreak"), r#""line\nbreak""#),
            (Json::from("é"), "\"é\""),
            (Json::from(""), "\"\""),
            (Json::from("-"), "\"-\""),
            (Json::from(7_u64), "7"),
            (Json::Null, "-"),
        ] {
            assert_eq!(logfmt(&value), text);
        }
    }
}
