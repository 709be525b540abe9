//! `[[verdicts.override]]` and `[[verdicts.ignore]]`: other thresholds for some, and what is not
//! judged.

use super::table::{Key, Section, thresholds};
use super::value::{Port, ProcessName, UnitName, VerdictName};
use crate::core::verdict::thresholds::{Policy, Scope};
use crate::core::verdict::{Kind, Thresholds};

/// Other thresholds for some.
pub(super) const OVERRIDE: &str = "verdicts.override";
/// What is not judged.
pub(super) const IGNORE: &str = "verdicts.ignore";

/// What both are for.
pub(super) fn doc(path: &str) -> &'static str {
    if path == OVERRIDE {
        "Other thresholds for a process, a unit, or a process in a unit: keys of close_wait, accept, \
         accept_queue and half_open, and where it is for a process alone of ports and stuck; only \
         what differs. The first override that fits counts."
    } else {
        "What is never judged: all that is given must fit."
    }
}

/// Keys of an override. Which of the thresholds it may set is checked by [`refusal`].
pub(super) fn override_keys<'a>(
    scope: &'a mut Scope,
    special: &'a mut Thresholds,
) -> Vec<Section<'a>> {
    let Scope { process, unit, .. } = scope;
    let mut sections = vec![Section {
        name: OVERRIDE.into(),
        doc: "",
        keys: who(OVERRIDE, process, unit),
    }];
    sections.extend(thresholds(OVERRIDE, special));
    sections
}

/// Keys of an ignore rule.
pub(super) fn ignore_keys(scope: &mut Scope) -> Vec<Section<'_>> {
    let Scope {
        process,
        unit,
        kind,
        port,
    } = scope;
    let mut keys = who(IGNORE, process, unit);
    keys.extend([
        Key::new(
            "verdicts.ignore.verdict",
            "Kind of verdict",
            VerdictName(kind),
        ),
        Key::new(
            "verdicts.ignore.port",
            "Port of the service or of the destination",
            Port(port),
        ),
    ]);
    vec![Section {
        name: IGNORE.into(),
        doc: "",
        keys,
    }]
}

fn who<'a>(
    rule: &str,
    process: &'a mut Option<String>,
    unit: &'a mut Option<String>,
) -> Vec<Key<'a>> {
    vec![
        Key::new(
            &format!("{rule}.process"),
            "Name of the process",
            ProcessName(process),
        ),
        Key::new(&format!("{rule}.unit"), "systemd unit", UnitName(unit)),
    ]
}

/// Why the key at `path` has no effect in an override for `scope`, if that is so.
pub(super) fn refusal(path: &str, scope: &Scope) -> Option<&'static str> {
    let key = path.strip_prefix(OVERRIDE)?.strip_prefix('.')?;
    match key.split_once('.').map(|(section, _)| section) {
        None if matches!(key, "process" | "unit") => None,
        None => Some("it is one for all: set it in [verdicts]"),
        Some("time_wait" | "orphans" | "half_dead") => {
            Some("that is not judged process by process: set it in its section above")
        }
        Some("ports" | "stuck") if scope.unit.is_some() => {
            Some("that is judged by destination, where no unit is known: name the process alone")
        }
        Some(_) => None,
    }
}

/// What is wrong with an override as a whole.
pub(super) fn check_override(scope: &Scope) -> Option<&'static str> {
    let is_empty = scope.process.is_none() && scope.unit.is_none();
    is_empty.then_some("it is for nobody in particular: give it process or unit")
}

/// What is wrong with an ignore rule as a whole.
pub(super) fn check_ignore(scope: &Scope) -> Option<&'static str> {
    if *scope == Scope::default() {
        return Some(
            "it would ignore everything: give it process, unit, verdict or port, or write \
             enabled = false in [verdicts]",
        );
    }
    let (has_process, has_unit, has_port) = known(scope.kind?);
    let missing = [
        (has_process || scope.process.is_none(), NO_PROCESS),
        (has_unit || scope.unit.is_none(), NO_UNIT),
        (has_port || scope.port.is_none(), NO_PORT),
    ];
    missing
        .into_iter()
        .find_map(|(fits, sentence)| (!fits).then_some(sentence))
}

const NO_PROCESS: &str = "it would never fit: that verdict is about no process";
const NO_UNIT: &str = "it would never fit: of that verdict no unit is known";
const NO_PORT: &str = "it would never fit: that verdict is about no port";

/// Whether process, unit and port are known of a verdict: what the judge blames, and its place.
const fn known(kind: Kind) -> (bool, bool, bool) {
    match kind {
        Kind::PortExhaustion => (true, false, true),
        Kind::TimeWaitOverflow => (true, false, false),
        Kind::OrphansNearLimit => (false, false, false),
        _ => (true, true, true),
    }
}

/// Every rule: the name of its list, and what it says.
pub(super) fn written(policy: &Policy) -> Vec<(&'static str, Vec<(String, String)>)> {
    let mut general = policy.general;
    let general = thresholds(OVERRIDE, &mut general);
    let general: Vec<_> = keys(&general, OVERRIDE).collect();
    let overrides = policy.special.iter().map(|(scope, special)| {
        let (mut scope, mut special) = (scope.clone(), *special);
        let sections = override_keys(&mut scope, &mut special);
        let differs = |key: &(String, String)| !general.contains(key);
        (
            OVERRIDE,
            keys(&sections, OVERRIDE).filter(differs).collect(),
        )
    });
    let ignores = policy.ignore.iter().map(|scope| {
        let mut scope = scope.clone();
        let sections = ignore_keys(&mut scope);
        (IGNORE, keys(&sections, IGNORE).collect())
    });
    overrides.chain(ignores).collect()
}

/// What is set, by its name below `top`.
fn keys(sections: &[Section<'_>], top: &str) -> impl Iterator<Item = (String, String)> {
    let keys = sections.iter().flat_map(|section| &section.keys);
    keys.filter_map(move |key| {
        let name = key.path.get(top.len() + 1..)?;
        Some((name.to_owned(), key.written()?))
    })
}
