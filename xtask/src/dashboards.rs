//! Dashboards for Grafana, from a short description of each: what is asked, in which unit, how wide.
//! Places, ids and everything else a dashboard's JSON wants follow from that.

use serde_json::{Value, json};

mod board;
mod fleet;
mod host;
mod layout;
mod panel;
mod process;

use board::Dashboard;

/// Each dashboard: its file, and its text.
pub(crate) fn all() -> [(&'static str, String); 3] {
    [
        (
            "deploy/grafana/dashboards/fleet.json",
            text(&fleet::dashboard()),
        ),
        (
            "deploy/grafana/dashboards/host.json",
            text(&host::dashboard()),
        ),
        (
            "deploy/grafana/dashboards/process.json",
            text(&process::dashboard()),
        ),
    ]
}

fn text(dashboard: &Dashboard) -> String {
    format!("{:#}\n", dashboard.json())
}

/// What every query is sent to: the variable, so that a dashboard fits every Grafana.
fn datasource() -> Value {
    json!({ "type": "prometheus", "uid": "${datasource}" })
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::fs;

    use super::*;
    use crate::sh::repository;

    fn panels(dashboard: &Value) -> &Vec<Value> {
        dashboard["panels"].as_array().expect("panels")
    }

    fn parsed() -> Vec<(&'static str, Value)> {
        let all = all().into_iter();
        all.map(|(path, text)| (path, serde_json::from_str(&text).expect("JSON")))
            .collect()
    }

    fn number(value: &Value) -> u64 {
        value
            .as_u64()
            .unwrap_or_else(|| panic!("{value} is no number"))
    }

    #[test]
    fn the_files_are_what_cargo_xtask_docs_writes() {
        for (path, text) in all() {
            let file = fs::read_to_string(repository().join(path)).unwrap_or_default();
            assert!(file == text, "{path} is stale: run `cargo xtask docs`");
        }
    }

    #[test]
    fn ids_are_unique_and_panels_do_not_overlap() {
        for (path, dashboard) in parsed() {
            let mut ids = BTreeSet::new();
            let mut taken = BTreeSet::new();
            for panel in panels(&dashboard) {
                assert!(ids.insert(number(&panel["id"])), "{path}: {}", panel["id"]);
                let place = &panel["gridPos"];
                let [x, y, w, h] = ["x", "y", "w", "h"].map(|side| number(&place[side]));
                assert!(w > 0 && h > 0 && x + w <= 24, "{path}: {place}");
                for cell in (x..x + w).flat_map(|x| (y..y + h).map(move |y| (x, y))) {
                    assert!(
                        taken.insert(cell),
                        "{path}: {} overlaps at {cell:?}",
                        panel["title"]
                    );
                }
            }
        }
    }

    #[test]
    fn panels_have_a_unit_a_description_and_the_variable_for_a_datasource() {
        for (path, dashboard) in parsed() {
            let shown = panels(&dashboard)
                .iter()
                .filter(|panel| panel["type"] != "row");
            for panel in shown {
                let title = panel["title"].as_str().expect("a title");
                let what = format!("{path}: {title}");
                assert!(!title.is_empty(), "{path}");
                let unit = &panel["fieldConfig"]["defaults"]["unit"];
                assert!(unit.as_str().is_some_and(|unit| !unit.is_empty()), "{what}");
                let description = panel["description"].as_str().expect("a description");
                assert!(description.ends_with('.'), "{what}: {description}");
                assert_eq!(panel["datasource"], datasource(), "{what}");
                let targets = panel["targets"].as_array().expect("queries");
                assert!(!targets.is_empty(), "{what}");
                for target in targets {
                    assert_eq!(target["datasource"], datasource(), "{what}");
                }
            }
        }
    }

    #[test]
    fn variables_that_are_used_are_declared() {
        for (path, dashboard) in parsed() {
            let variables = dashboard["templating"]["list"]
                .as_array()
                .expect("variables");
            let names: Vec<_> = variables
                .iter()
                .filter_map(|variable| variable["name"].as_str())
                .collect();
            assert_eq!(names.first(), Some(&"datasource"), "{path}");
            for panel in panels(&dashboard) {
                for target in panel["targets"].as_array().into_iter().flatten() {
                    let expr = target["expr"].as_str().expect("a query");
                    for used in expr.split('$').skip(1) {
                        let end = used.find(|c: char| !c.is_alphanumeric() && c != '_');
                        let used = &used[..end.unwrap_or(used.len())];
                        assert!(
                            used.starts_with("__") || names.contains(&used),
                            "{path}: ${used}: {expr}"
                        );
                    }
                }
            }
        }
    }

    #[test]
    fn uids_are_fixed_and_differ() {
        let uids = parsed()
            .iter()
            .map(|(_, dashboard)| dashboard["uid"].to_string())
            .collect::<BTreeSet<_>>();
        let want = ["\"tcpmon-fleet\"", "\"tcpmon-host\"", "\"tcpmon-process\""];
        assert_eq!(uids, want.map(str::to_owned).into());
    }
}
