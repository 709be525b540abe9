//! The policy of a recording: thresholds by name, so that another release, which has others, takes those
//! that it knows.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::core::verdict::fields::{Field, Value};
use crate::core::verdict::thresholds::Scope;
use crate::core::verdict::{Kind, Policy, Thresholds};

/// Thresholds by the names of their fields, joined by dots.
type Numbers = BTreeMap<String, f64>;

#[derive(Serialize, Deserialize)]
struct Text {
    enabled: bool,
    general: Numbers,
    special: Vec<(ScopeText, Numbers)>,
    ignore: Vec<ScopeText>,
}

#[derive(Serialize, Deserialize)]
struct ScopeText {
    process: Option<String>,
    unit: Option<String>,
    kind: Option<Kind>,
    port: Option<u16>,
}

/// The policy as JSON.
#[must_use]
pub fn to_text(policy: &Policy) -> String {
    let special = policy.special.iter();
    let text = Text {
        enabled: policy.enabled,
        general: numbers(&policy.general),
        special: special
            .map(|(scope, thresholds)| (scope_text(scope), numbers(thresholds)))
            .collect(),
        ignore: policy.ignore.iter().map(scope_text).collect(),
    };
    serde_json::to_string(&text).unwrap_or_default()
}

/// The policy that `text` says; `None` when it says none. What it does not say is as by default.
#[must_use]
pub fn from_text(text: &str) -> Option<Policy> {
    let text: Text = serde_json::from_str(text).ok()?;
    Some(Policy {
        enabled: text.enabled,
        general: thresholds(&text.general),
        special: text
            .special
            .into_iter()
            .map(|(scope, numbers)| (scope_of(scope), thresholds(&numbers)))
            .collect(),
        ignore: text.ignore.into_iter().map(scope_of).collect(),
    })
}

fn scope_text(scope: &Scope) -> ScopeText {
    ScopeText {
        process: scope.process.clone(),
        unit: scope.unit.clone(),
        kind: scope.kind,
        port: scope.port,
    }
}

fn scope_of(text: ScopeText) -> Scope {
    Scope {
        process: text.process,
        unit: text.unit,
        kind: text.kind,
        port: text.port,
    }
}

fn numbers(thresholds: &Thresholds) -> Numbers {
    let mut thresholds = *thresholds;
    let mut numbers = Numbers::new();
    visit(thresholds.fields(), "", &mut |name, value| {
        let number = match value {
            // Exact up to 2^53: a hundred days in nanoseconds, and any count.
            Value::U64(value) => **value as f64,
            Value::U32(value) => f64::from(**value),
            Value::U8(value) => f64::from(**value),
            Value::Share(value) => **value,
            Value::Group(_) => return,
        };
        numbers.insert(name.to_owned(), number);
    });
    numbers
}

fn thresholds(numbers: &Numbers) -> Thresholds {
    let mut thresholds = Thresholds::default();
    visit(thresholds.fields(), "", &mut |name, value| {
        let Some(number) = numbers.get(name).filter(|number| number.is_finite()) else {
            return;
        };
        // A cast of a float stays within the bounds of the type.
        match value {
            Value::U64(value) => **value = (*number as u64).min(super::MAX_TIME_NS),
            Value::U32(value) => **value = *number as u32,
            Value::U8(value) => **value = *number as u8,
            Value::Share(value) => **value = *number,
            Value::Group(_) => {}
        }
    });
    thresholds
}

fn visit(fields: Vec<Field<'_>>, above: &str, see: &mut dyn FnMut(&str, &mut Value<'_>)) {
    for Field {
        name, mut value, ..
    } in fields
    {
        let name = match above {
            "" => name.to_owned(),
            _ => format!("{above}.{name}"),
        };
        match value {
            Value::Group(fields) => visit(fields, &name, see),
            _ => see(&name, &mut value),
        }
    }
}
