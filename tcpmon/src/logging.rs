//! The agent's log: one line per message on stderr, as logfmt or JSON.

use std::io::Write as _;

use env_logger::{Builder, Target};
use log::Record;
use log::kv::{Key, Value, VisitSource};

use crate::clock;
use crate::config::{LogFormat, LogLevel};

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
    let time = clock::rfc3339(clock::unix_ns());
    let level = record.level().as_str().to_ascii_lowercase();
    let message = record.args().to_string();
    let mut fields = Fields(Vec::new());
    // A visitor that collects cannot fail.
    drop(record.key_values().visit(&mut fields));
    match format {
        LogFormat::Logfmt => {
            // Quoting as JSON keeps a message on one line and its control characters harmless.
            let message = serde_json::to_string(&message).unwrap_or_default();
            let mut line = format!("time={time} level={level} msg={message}");
            for (name, value) in fields.0 {
                line.push_str(&format!(" {name}={value}"));
            }
            line
        }
        LogFormat::Json => {
            let mut line = serde_json::Map::new();
            line.insert("time".into(), time.into());
            line.insert("level".into(), level.into());
            line.insert("msg".into(), message.into());
            line.extend(fields.0);
            serde_json::Value::Object(line).to_string()
        }
    }
}

/// What a message says besides its sentence.
struct Fields(Vec<(String, serde_json::Value)>);

impl<'kvs> VisitSource<'kvs> for Fields {
    fn visit_pair(&mut self, key: Key<'kvs>, value: Value<'kvs>) -> Result<(), log::kv::Error> {
        let value = match value.to_u64() {
            Some(number) => number.into(),
            None => value.to_string().into(),
        };
        self.0.push((key.as_str().to_owned(), value));
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
                    .args(format_args!("two\nlines \u{1b}[2J"))
                    .level(log::Level::Warn)
                    .build(),
                format,
            );
            assert!(!line.contains(['\n', '\u{1b}']), "{line}");
            assert!(line.contains("warn"), "{line}");
        }
    }
}
