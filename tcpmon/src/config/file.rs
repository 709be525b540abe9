//! Reading the configuration file: TOML, every key optional, none unknown. What is refused is named
//! with its place, what was found and what is allowed.

use std::collections::BTreeMap;
use std::ops::Range;
use std::path::Path;

use toml::Value as Toml;
use toml::de::{DeTable, DeValue};

use super::Config;
use super::rules::{self, IGNORE, OVERRIDE};
use super::table::{Key, Section, sections};
use crate::core::verdict::thresholds::{Policy, Scope};
use crate::failure::Failure;
use crate::view::format::sanitise;

/// A file no configuration comes near; a larger one is something else.
const LARGEST: u64 = 1 << 20;
/// So much of what was found is shown.
const SHOWN: usize = 40;

/// What a file sets: the key, and the line it is on.
pub(super) type Lines = BTreeMap<String, usize>;

/// Puts the file at `path` over `config`.
///
/// # Errors
///
/// It cannot be read, or is not such a file; the sentence has path, line, column and reason.
pub(super) fn read(path: &Path, config: &mut Config) -> Result<Lines, Failure> {
    let unreadable = |error: std::io::Error| {
        Failure::usage(format!(
            "cannot read the configuration {}: {error}",
            path.display()
        ))
    };
    let length = std::fs::metadata(path).map_err(unreadable)?.len();
    if length > LARGEST {
        return Err(Failure::usage(format!(
            "the configuration {} has {length} bytes: that is no configuration",
            path.display()
        )));
    }
    let text = std::fs::read_to_string(path).map_err(unreadable)?;
    parse(&path.display().to_string(), &text, config)
}

/// Puts `text`, from the file called `name`, over `config`.
pub(super) fn parse(name: &str, text: &str, config: &mut Config) -> Result<Lines, Failure> {
    let reader = Reader { name, text };
    let table = DeTable::parse(text).map_err(|error| {
        let start = error.span().map_or(0, |span| span.start);
        reader.at(start, &error.message().replace('\n', " "))
    })?;
    let mut given = Given::default();
    let mut keys = sections(config);
    reader.read(table.get_ref(), "", &mut keys, &mut given)?;
    reader.check_bounds(&keys, &given)?;
    drop(keys);
    reader.read_overrides(&given.overrides, &mut config.policy)?;
    reader.read_ignores(&given.ignores, &mut config.policy)?;
    let spans = given.spans.into_iter();
    Ok(spans
        .map(|(path, span)| (path, reader.place(span.start).0))
        .collect())
}

/// What a table of the file sets.
#[derive(Default)]
struct Given<'t, 'i> {
    /// Key and place of its value.
    spans: BTreeMap<String, Range<usize>>,
    overrides: Vec<(Range<usize>, &'t DeTable<'i>)>,
    ignores: Vec<(Range<usize>, &'t DeTable<'i>)>,
}

struct Reader<'a> {
    name: &'a str,
    text: &'a str,
}

impl Reader<'_> {
    /// Reads `table`, which is the section called `section`.
    fn read<'t, 'i>(
        &self,
        table: &'t DeTable<'i>,
        section: &str,
        sections: &mut [Section<'_>],
        given: &mut Given<'t, 'i>,
    ) -> Result<(), Failure> {
        let mut entries: Vec<_> = table.iter().collect();
        entries.sort_by_key(|(name, _)| name.span().start);
        for (name, value) in entries {
            let path = join(section, name.get_ref());
            let span = value.span();
            if path == OVERRIDE {
                given.overrides = self.rules(&path, value.get_ref(), span)?;
            } else if path == IGNORE {
                given.ignores = self.rules(&path, value.get_ref(), span)?;
            } else if let Some(key) = find(sections, &path) {
                self.take(key, value.get_ref(), &span)?;
                given.spans.insert(path, span);
            } else if is_section(sections, &path) {
                let DeValue::Table(table) = value.get_ref() else {
                    return Err(self.refuse(&path, &span, &format!("a table, [{path}]")));
                };
                self.read(table, &path, sections, given)?;
            } else {
                let start = name.span().start;
                return Err(self.at(start, &unknown(section, name.get_ref(), sections)));
            }
        }
        Ok(())
    }

    fn take(
        &self,
        key: &mut Key<'_>,
        value: &DeValue<'_>,
        span: &Range<usize>,
    ) -> Result<(), Failure> {
        let taken = plain(value).and_then(|value| key.value.read(&value));
        taken.ok_or_else(|| self.refuse(&key.path, span, &key.value.allowed()))
    }

    /// The tables of the list called `path`.
    fn rules<'t, 'i>(
        &self,
        path: &str,
        value: &'t DeValue<'i>,
        span: Range<usize>,
    ) -> Result<Vec<(Range<usize>, &'t DeTable<'i>)>, Failure> {
        let allowed = || format!("a list of tables, each below its own [[{path}]]");
        let DeValue::Array(rules) = value else {
            return Err(self.refuse(path, &span, &allowed()));
        };
        let rules = rules.iter().map(|rule| match rule.get_ref() {
            DeValue::Table(table) => Ok((rule.span(), table)),
            _ => Err(self.refuse(path, &rule.span(), &allowed())),
        });
        rules.collect()
    }

    fn read_overrides(
        &self,
        tables: &[(Range<usize>, &DeTable<'_>)],
        policy: &mut Policy,
    ) -> Result<(), Failure> {
        for (span, table) in tables {
            let (mut scope, mut special) = (Scope::default(), policy.general);
            let mut given = Given::default();
            let mut keys = rules::override_keys(&mut scope, &mut special);
            self.read(table, OVERRIDE, &mut keys, &mut given)?;
            self.check_bounds(&keys, &given)?;
            drop(keys);
            for (path, span) in &given.spans {
                if let Some(reason) = rules::refusal(path, &scope) {
                    return Err(self.at(span.start, &format!("{path} has no effect: {reason}")));
                }
            }
            self.check_rule(OVERRIDE, span, rules::check_override(&scope))?;
            policy.special.push((scope, special));
        }
        Ok(())
    }

    fn read_ignores(
        &self,
        tables: &[(Range<usize>, &DeTable<'_>)],
        policy: &mut Policy,
    ) -> Result<(), Failure> {
        for (span, table) in tables {
            let mut scope = Scope::default();
            let mut keys = rules::ignore_keys(&mut scope);
            self.read(table, IGNORE, &mut keys, &mut Given::default())?;
            drop(keys);
            self.check_rule(IGNORE, span, rules::check_ignore(&scope))?;
            policy.ignore.push(scope);
        }
        Ok(())
    }

    fn check_rule(
        &self,
        path: &str,
        span: &Range<usize>,
        wrong: Option<&'static str>,
    ) -> Result<(), Failure> {
        wrong.map_or(Ok(()), |wrong| {
            Err(self.at(
                span.start,
                &format!("this rule of {path} is refused: {wrong}"),
            ))
        })
    }

    /// Whether no key of the table that was read exceeds the one it must not exceed.
    fn check_bounds(&self, sections: &[Section<'_>], given: &Given<'_, '_>) -> Result<(), Failure> {
        let all = || sections.iter().flat_map(|section| &section.keys);
        for low in all() {
            let high = all().find(|key| low.at_most.as_ref() == Some(&key.path));
            let Some(high) = high.filter(|high| low.value.number() > high.value.number()) else {
                continue;
            };
            let of = |key: &Key<'_>| format!("{}, which is {}", key.path, key.shown());
            // At least one of them is in the file: the defaults keep the bound.
            let (key, allowed) = match (given.spans.get(&low.path), given.spans.get(&high.path)) {
                (None, Some(_)) => (high, format!("not below {}", of(low))),
                _ => (low, format!("not above {}", of(high))),
            };
            let span = given.spans.get(&key.path).cloned().unwrap_or_default();
            return Err(self.refuse(&key.path, &span, &allowed));
        }
        Ok(())
    }

    fn refuse(&self, path: &str, span: &Range<usize>, allowed: &str) -> Failure {
        let found = self.text.get(span.clone()).unwrap_or_default();
        let line = found.lines().next().unwrap_or_default();
        let mut shown: String = line.chars().take(SHOWN).collect();
        if shown.len() < found.len() {
            shown.push('…');
        }
        self.at(span.start, &refusal(path, &shown, allowed))
    }

    fn at(&self, offset: usize, what: &str) -> Failure {
        let (line, column) = self.place(offset);
        // It repeats words of the file, which need not be fit for a terminal.
        let what = sanitise(what);
        Failure::usage(format!("{}:{line}:{column}: {what}", self.name))
    }

    /// Line and column, from 1, of a byte offset.
    fn place(&self, offset: usize) -> (usize, usize) {
        let before = self.text.get(..offset).unwrap_or(self.text);
        let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
        (
            before.matches('\n').count() + 1,
            before[line_start..].chars().count() + 1,
        )
    }
}

/// The sentence on a value that is not allowed.
pub(super) fn refusal(path: &str, found: &str, allowed: &str) -> String {
    format!("{path} is {found}: it must be {allowed}")
}

fn find<'s, 'a>(sections: &'s mut [Section<'a>], path: &str) -> Option<&'s mut Key<'a>> {
    let mut keys = sections.iter_mut().flat_map(|section| &mut section.keys);
    keys.find(|key| key.path == path)
}

fn is_section(sections: &[Section<'_>], path: &str) -> bool {
    let mut names = sections.iter().map(|section| section.name.as_str());
    names.any(|name| below(name, path).is_some() || name == path)
}

/// What the part of `path` directly below `section` is called.
fn below<'p>(path: &'p str, section: &str) -> Option<&'p str> {
    let rest = if section.is_empty() {
        path
    } else {
        path.strip_prefix(section)?.strip_prefix('.')?
    };
    rest.split('.').next().filter(|name| !name.is_empty())
}

fn unknown(section: &str, name: &str, sections: &[Section<'_>]) -> String {
    let keys = sections.iter().flat_map(|section| &section.keys);
    let paths = keys.map(|key| key.path.as_str());
    let names = paths.chain([OVERRIDE, IGNORE]);
    let known = names.filter_map(|path| below(path, section));
    let nearest = known.min_by_key(|known| strsim::damerau_levenshtein(known, name));
    format!(
        "there is no key {}: the nearest is {}",
        join(section, name),
        nearest.unwrap_or("none")
    )
}

fn join(section: &str, name: &str) -> String {
    if section.is_empty() {
        name.to_owned()
    } else {
        format!("{section}.{name}")
    }
}

/// A value that is no table, and no list of lists.
fn plain(value: &DeValue<'_>) -> Option<Toml> {
    match value {
        DeValue::String(text) => Some(Toml::String(text.clone().into_owned())),
        DeValue::Integer(number) => i64::from_str_radix(number.as_str(), number.radix())
            .ok()
            .map(Toml::Integer),
        DeValue::Float(number) => number.as_str().parse().ok().map(Toml::Float),
        DeValue::Boolean(is_true) => Some(Toml::Boolean(*is_true)),
        DeValue::Array(items) => {
            let items = items.iter().map(|item| match item.get_ref() {
                DeValue::Array(_) => None,
                item => plain(item),
            });
            items.collect::<Option<_>>().map(Toml::Array)
        }
        DeValue::Datetime(_) | DeValue::Table(_) => None,
    }
}
