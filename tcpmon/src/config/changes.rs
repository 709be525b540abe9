//! What differs between two configurations.

use super::Config;
use super::rules::{self, IGNORE, OVERRIDE};
use super::table::sections;
use crate::core::verdict::Policy;

/// What differs, key by key.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Changes {
    /// What changes at once, with both values.
    pub live: Vec<String>,
    /// Keys that change at the next start only.
    pub at_start: Vec<String>,
}

/// What differs between `old` and `new`.
#[must_use]
pub fn changes(old: &Config, new: &Config) -> Changes {
    let (mut before, mut after) = (old.clone(), new.clone());
    let (before, after) = (sections(&mut before), sections(&mut after));
    let keys = before.iter().flat_map(|section| &section.keys);
    let mut changes = Changes::default();
    for (before, after) in keys.zip(after.iter().flat_map(|section| &section.keys)) {
        if before.value.write() == after.value.write() {
            continue;
        }
        if before.is_live {
            let (from, to) = (before.shown(), after.shown());
            changes.live.push(format!("{} {from} -> {to}", before.path));
        } else {
            changes.at_start.push(before.path.clone());
        }
    }
    for list in [OVERRIDE, IGNORE] {
        let (before, after) = (of(&old.policy, list), of(&new.policy, list));
        if before != after {
            let (from, to) = (count(before.len()), count(after.len()));
            let how = if from == to {
                "other rules".into()
            } else {
                format!("{from} -> {to}")
            };
            changes.live.push(format!("{list} {how}"));
        }
    }
    changes
}

/// The rules of a list, as they are written.
fn of(policy: &Policy, list: &str) -> Vec<Vec<(String, String)>> {
    let rules = rules::written(policy).into_iter();
    let rules = rules.filter(|(path, _)| *path == list);
    rules.map(|(_, keys)| keys).collect()
}

fn count(rules: usize) -> String {
    match rules {
        0 => "no rule".into(),
        1 => "1 rule".into(),
        _ => format!("{rules} rules"),
    }
}
