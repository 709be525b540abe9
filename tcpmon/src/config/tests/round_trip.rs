//! What is shown is read again as the same.

use proptest::prelude::*;
use toml::Value as Toml;

use super::super::table::{Key, Section};
use super::*;
use crate::core::verdict::Thresholds;
use crate::core::verdict::thresholds::Scope;

/// Gives each key a value made of one of `numbers`, as far as it takes one.
fn fill(sections: &mut [Section<'_>], numbers: &[u64], may_set: impl Fn(&str) -> bool) {
    let keys = sections.iter_mut().flat_map(|section| &mut section.keys);
    for (key, number) in keys.zip(numbers) {
        if !may_set(&key.path) {
            continue;
        }
        let duration = Duration::from_nanos(number % 7_200_000_000_000);
        let values = [
            Toml::String(humantime::format_duration(duration).to_string()),
            Toml::Integer(i64::try_from(number % 20).unwrap()),
            Toml::Float(*number as f64 / u64::MAX as f64),
            Toml::Boolean(number % 2 == 0),
        ];
        // A value out of range leaves what was there.
        let _ = values.iter().find_map(|value| key.value.read(value));
    }
    keep_bounds(sections);
}

fn keep_bounds(sections: &mut [Section<'_>]) {
    for section in sections {
        for index in 0..section.keys.len() {
            let key: &Key<'_> = &section.keys[index];
            let mut others = section.keys.iter();
            let above = others.position(|other| Some(&other.path) == key.at_most.as_ref());
            if let Some(above) = above
                && key.value.number() > section.keys[above].value.number()
            {
                let low = section.keys[index].value.write().expect("a value");
                section.keys[above]
                    .value
                    .read(&low)
                    .expect("the same range");
            }
        }
    }
}

fn thresholds(mut from: Thresholds, numbers: &[u64], scope: &Scope) -> Thresholds {
    let mut scope_copy = scope.clone();
    let mut sections = rules::override_keys(&mut scope_copy, &mut from);
    fill(&mut sections, numbers, |path| {
        path.matches('.').count() > 2 && rules::refusal(path, scope).is_none()
    });
    drop(sections);
    from
}

fn scopes() -> impl Strategy<Value = Scope> {
    let name = "[a-z \"\\\\#é]{1,6}";
    let unit = "[a-z@-]{1,9}\\.(service|scope)";
    (prop::option::of(name), prop::option::of(unit)).prop_filter_map(
        "for somebody",
        |(process, unit)| {
            let is_somebody = process.is_some() || unit.is_some();
            is_somebody.then(|| Scope {
                process,
                unit,
                ..Scope::default()
            })
        },
    )
}

fn numbers() -> impl Strategy<Value = Vec<u64>> {
    prop::collection::vec(any::<u64>(), 60)
}

proptest! {
    #[test]
    fn any_configuration_shown_and_read_is_the_same(
        general in numbers(),
        special in prop::collection::vec((scopes(), numbers()), 0..3),
        ignored in prop::collection::vec((scopes(), prop::option::of(1..u16::MAX)), 0..3),
    ) {
        let mut config = Config::default();
        fill(&mut table::sections(&mut config), &general, |_| true);
        let general = config.policy.general;
        config.policy.special = special
            .into_iter()
            .map(|(scope, numbers)| {
                let special = thresholds(general, &numbers, &scope);
                (scope, special)
            })
            .collect();
        config.policy.ignore = ignored
            .into_iter()
            .map(|(scope, port)| Scope { port, kind: Some(Kind::CloseWaitLeak), ..scope })
            .collect();
        let text = show(&config, &Sources::new());
        prop_assert_eq!(parse(&text), Ok(config), "{}", text);
    }
}

#[test]
fn each_value_shown_has_its_source() {
    let sources = Sources::from([
        ("audit.interval".into(), Source::File(3)),
        ("ring.size".into(), Source::Environment),
        ("socket".into(), Source::Flag),
    ]);
    let text = show(&Config::default(), &sources);
    for line in [
        "socket = \"/run/tcpmon/tcpmon.sock\" # flag",
        "interval = \"5s\" # file, line 3",
        "size = \"8MiB\" # environment",
        "critical_share = 0.8 # default",
    ] {
        assert!(text.lines().any(|shown| shown == line), "{line}: {text}");
    }
}

#[test]
fn the_example_has_every_key_and_says_nothing_itself() {
    let text = example();
    assert_eq!(parsed(&text), Config::default());
    let mut config = parsed(&uncommented());
    assert_eq!(config.policy.special.len(), 1);
    assert_eq!(config.policy.ignore.len(), 1);
    config.policy.special.clear();
    config.policy.ignore.clear();
    assert_eq!(config, Config::default());
    for section in table::sections(&mut config) {
        for key in section.keys {
            let line = format!("#{} = {}", key.name(), key.shown());
            assert!(text.lines().any(|shown| shown == line), "{line}");
        }
    }
    assert!(text.lines().all(|line| line.chars().count() <= 120));
}

/// The example with no key commented out: they have no space behind the mark, comments have one.
fn uncommented() -> String {
    let text = example();
    let lines = text.lines().map(|line| match line.strip_prefix('#') {
        Some(key) if !key.starts_with(' ') => key,
        _ => line,
    });
    lines.collect::<Vec<_>>().join("\n")
}

/// Where something is put, for how many characters.
fn edit() -> impl Strategy<Value = (prop::sample::Index, usize, String)> {
    let put = "[a-z0-9_.=\"\\[\\]{}#, \n-]{0,12}";
    (any::<prop::sample::Index>(), 0..40_usize, put)
}

proptest! {
    /// Somebody edits the file: it is the configuration it shows, or it is refused at a place in it.
    #[test]
    fn an_edited_file_is_read_or_refused(
        edits in prop::collection::vec(edit(), 1..4),
    ) {
        let lines = uncommented();
        let lines = lines.lines().filter(|line| !line.starts_with('#'));
        let mut text: Vec<char> = lines.collect::<Vec<_>>().join("\n").chars().collect();
        for (place, length, put) in edits {
            let start = place.index(text.len() + 1);
            let end = (start + length).min(text.len());
            text.splice(start..end, put.chars());
        }
        let text: String = text.into_iter().collect();
        fuzz::config(text.as_bytes());
    }
}
