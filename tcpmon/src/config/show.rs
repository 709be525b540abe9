//! The configuration as a commented file: the one in effect, and the example with every default.

use std::time::Duration;

use super::rules::{self, IGNORE, OVERRIDE};
use super::table::{Key, sections};
use super::{Config, Source, Sources};
use crate::core::verdict::thresholds::{Policy, Scope};
use crate::core::verdict::{Kind, Thresholds};

/// Width of the comments.
const COLUMNS: usize = 96;

/// The configuration in effect: every key, its value, and where that comes from. It can be read
/// again as a file, and is the same configuration then.
#[must_use]
pub fn show(config: &Config, sources: &Sources) -> String {
    let mut page = Page::new(
        "The configuration in effect, and where each value comes from.",
        "",
    );
    page.sections(config, |key| {
        let from = match sources.get(&key.path) {
            None => "default".into(),
            Some(Source::File(line)) => format!("file, line {line}"),
            Some(Source::Environment) => "environment".into(),
            Some(Source::Flag) => "flag".into(),
        };
        format!(" # {from}")
    });
    for list in [OVERRIDE, IGNORE] {
        page.rules(list, &config.policy);
    }
    page.text
}

/// A file with every key and its default, all commented out.
#[must_use]
pub fn example() -> String {
    let mut page = Page::new(
        "Every key of `tcpmon agent --config FILE`, with its default. A flag counts more than the \
         environment, and that more than this file. SIGHUP reads it again; what is marked \
         \"at start\" changes at the next start only. `tcpmon config check FILE` says whether it is right, \
         `tcpmon config show` what is in effect. Written by `cargo xtask docs`.",
        "#",
    );
    page.sections(&Config::default(), |_| String::new());
    let sample = sample();
    for list in [OVERRIDE, IGNORE] {
        page.rules(list, &sample);
    }
    page.text
}

/// Rules as somebody may want them.
fn sample() -> Policy {
    let mut special = Thresholds::default();
    let nanoseconds = |minutes| u64::try_from(Duration::from_mins(minutes).as_nanos());
    special.close_wait.age_ns = nanoseconds(5).unwrap_or(u64::MAX);
    special.close_wait.leak_age_ns = nanoseconds(10).unwrap_or(u64::MAX);
    let upload = Scope {
        process: Some("upload".into()),
        ..Scope::default()
    };
    let load = Scope {
        process: Some("wrk".into()),
        kind: Some(Kind::PortExhaustion),
        ..Scope::default()
    };
    Policy {
        special: vec![(upload, special)],
        ignore: vec![load],
        ..Policy::default()
    }
}

/// Help for the flag of a key: what it is for, and its default.
#[must_use]
pub fn help(path: &str) -> String {
    let mut config = Config::default();
    let sections = sections(&mut config);
    let mut keys = sections.iter().flat_map(|section| &section.keys);
    keys.find(|key| key.path == path)
        .map_or_else(String::new, |key| {
            let shown = key.shown();
            let default = match shown.trim_matches('"') {
                "" | "[]" => "none",
                default => default,
            };
            format!("{} [default: {default}]", key.doc)
        })
}

struct Page {
    text: String,
    /// Stands before each key.
    mark: &'static str,
}

impl Page {
    fn new(title: &str, mark: &'static str) -> Self {
        let text = String::new();
        let mut page = Self { text, mark };
        page.comment(title);
        page
    }

    fn sections(&mut self, config: &Config, note: impl Fn(&Key<'_>) -> String) {
        let mut copy = config.clone();
        for section in sections(&mut copy) {
            self.text.push('\n');
            self.comment(section.doc);
            if !section.name.is_empty() {
                self.line(&format!("[{}]", section.name));
            }
            for key in &section.keys {
                self.comment(key.doc);
                self.comment(&allowed(key));
                if let Some(value) = key.written() {
                    let mark = self.mark;
                    self.line(&format!("{mark}{} = {value}{}", key.name(), note(key)));
                }
            }
        }
    }

    fn rules(&mut self, list: &str, policy: &Policy) {
        let rules = rules::written(policy);
        let mut rules = rules.iter().filter(|(path, _)| *path == list).peekable();
        if rules.peek().is_some() {
            self.text.push('\n');
            self.comment(rules::doc(list));
        }
        let mark = self.mark;
        for (_, keys) in rules {
            self.line(&format!("{mark}[[{list}]]"));
            for (name, value) in keys {
                self.line(&format!("{mark}{name} = {value}"));
            }
        }
    }

    fn line(&mut self, line: &str) {
        self.text.push_str(line);
        self.text.push('\n');
    }

    fn comment(&mut self, text: &str) {
        for line in textwrap::wrap(text, COLUMNS) {
            if !line.is_empty() {
                self.line(&format!("# {line}"));
            }
        }
    }
}

/// What is allowed, and when a change takes effect.
fn allowed(key: &Key<'_>) -> String {
    let bound = key.at_most.as_deref().map_or_else(String::new, |path| {
        let name = path.rsplit('.').next().unwrap_or(path);
        format!("; no more than {name}")
    });
    let when = if key.is_live { "" } else { "; at start" };
    format!("Allowed: {}{bound}{when}", key.value.allowed())
}
