//! Kubernetes objects as values, made comparable.

use anyhow::{Context as _, Result};
use serde_json::{Map, Value};

/// Labels and annotations that one of the two ways adds and the other cannot have.
const OWN: [&str; 4] = [
    "helm.sh/chart",
    "app.kubernetes.io/managed-by",
    "app.kubernetes.io/version",
    "checksum/config",
];
/// How many characters kustomize appends to the name of a generated object, with the hyphen.
const SUFFIX: usize = 11;

/// The objects of a stream of YAML documents.
pub(super) fn read(yaml: &str) -> Result<Vec<Value>> {
    let documents: Vec<Value> = serde_saphyr::from_multiple(yaml).context("this is not YAML")?;
    let is_object = |document: &Value| !document.is_null();
    Ok(documents.into_iter().filter(is_object).collect())
}

/// The objects without what differs between kustomize and Helm by nature, in an order of their own.
pub(super) fn normalised(mut objects: Vec<Value>) -> Vec<Value> {
    let generated: Vec<String> = objects
        .iter()
        .filter(|object| object["kind"] == "ConfigMap")
        .filter_map(|object| object["metadata"]["name"].as_str().map(str::to_owned))
        .filter(|name| has_suffix(name))
        .collect();
    for object in &mut objects {
        normalise(object, &generated);
    }
    objects.sort_by_key(name);
    objects
}

/// Kind and name, for sorting and for messages.
pub(super) fn name(object: &Value) -> String {
    let text = |value: &Value| value.as_str().unwrap_or("?").to_owned();
    format!(
        "{}/{}",
        text(&object["kind"]),
        text(&object["metadata"]["name"])
    )
}

/// Where two values differ, as JSON pointers with both values.
pub(super) fn differences(left: &Value, right: &Value) -> Vec<String> {
    let mut found = Vec::new();
    compare("", left, right, &mut found);
    found
}

fn has_suffix(name: &str) -> bool {
    let suffix = name.len().checked_sub(SUFFIX).and_then(|at| name.get(at..));
    let is_hash = |text: &str| {
        text.bytes()
            .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit())
    };
    suffix
        .and_then(|suffix| suffix.strip_prefix('-'))
        .is_some_and(is_hash)
}

fn normalise(value: &mut Value, generated: &[String]) {
    match value {
        Value::Object(map) => {
            map.retain(|key, _| !OWN.contains(&key.as_str()));
            map.values_mut()
                .for_each(|value| normalise(value, generated));
            map.retain(|key, value| key != "annotations" || !is_empty(value));
        }
        Value::Array(list) => list
            .iter_mut()
            .for_each(|value| normalise(value, generated)),
        Value::String(text) if generated.contains(text) => text.truncate(text.len() - SUFFIX),
        _ => {}
    }
}

fn is_empty(value: &Value) -> bool {
    value.as_object().is_some_and(Map::is_empty)
}

fn compare(place: &str, left: &Value, right: &Value, found: &mut Vec<String>) {
    match (left, right) {
        (Value::Object(left), Value::Object(right)) => {
            let mut keys: Vec<&String> = left.keys().chain(right.keys()).collect();
            keys.sort();
            keys.dedup();
            for key in keys {
                let side = |map: &Map<String, Value>| map.get(key).cloned().unwrap_or_default();
                compare(&format!("{place}/{key}"), &side(left), &side(right), found);
            }
        }
        (Value::Array(left), Value::Array(right)) if left.len() == right.len() => {
            for (index, (left, right)) in left.iter().zip(right).enumerate() {
                compare(&format!("{place}/{index}"), left, right, found);
            }
        }
        _ if left == right => {}
        _ => found.push(format!("{place}: {left} is not {right}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const KUSTOMIZE: &str = "\
kind: DaemonSet
metadata: {name: tcpmon, labels: {app: a}}
spec: {volumes: [{configMap: {name: tcpmon-mh2c2dktc8}}], tcpmon: 1}
---
kind: ConfigMap
metadata: {name: tcpmon-mh2c2dktc8}
";
    const HELM: &str = "\
---
kind: ConfigMap
metadata: {name: tcpmon, labels: {helm.sh/chart: tcpmon-1}}
---
kind: DaemonSet
metadata: {name: tcpmon, annotations: {checksum/config: abc}, labels: {app: a}}
spec: {volumes: [{configMap: {name: tcpmon}}], tcpmon: 2}
";

    #[test]
    fn what_differs_by_nature_is_left_out_and_the_rest_is_named() {
        let kustomize = normalised(read(KUSTOMIZE).unwrap());
        let helm = normalised(read(HELM).unwrap());
        let names: Vec<String> = helm.iter().map(name).collect();
        assert_eq!(names, ["ConfigMap/tcpmon", "DaemonSet/tcpmon"]);
        assert_eq!(
            differences(&kustomize[1], &helm[1]),
            ["/spec/tcpmon: 1 is not 2"]
        );
        // An empty map is left of the only label, where the other has none.
        assert_eq!(
            differences(&kustomize[0], &helm[0]),
            ["/metadata/labels: null is not {}"]
        );
    }

    #[test]
    fn a_name_with_a_hyphen_is_not_cut() {
        assert!(has_suffix("tcpmon-mh2c2dktc8"));
        assert!(!has_suffix("tcpmon"));
        assert!(!has_suffix("tcpmon-config"));
        assert!(!has_suffix("tcpmon-Configured"));
    }

    #[test]
    fn what_is_no_yaml_is_refused() {
        assert!(read("a: [").is_err());
        assert_eq!(read("---\n# nothing\n").unwrap(), [Value::Null; 0]);
    }
}
