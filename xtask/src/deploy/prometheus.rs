//! What Prometheus reads: rules that join with kube-state-metrics, and scrape configurations within
//! those of the OpenTelemetry collector.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail};
use serde_json::Value;

use super::{Missing, objects};
use crate::sh::{repository, sh, target_dir};
use crate::tools;

const NO_PROMTOOL: &str = "promtool is missing (`cargo xtask setup --tests`)";
const RULES: &str = "deploy/prometheus/kubernetes.rules.yml";
const TESTS: &str = "deploy/prometheus/kubernetes.rules.test.yml";
const DOCUMENT: &str = "docs/kubernetes.md";
const COLLECTORS: &str = "deploy/otel";
const SCRAPES: &str = "/receivers/prometheus/config";

/// The rules are right, give what their tests say, and are what the document shows.
pub(super) fn rules() -> Result<Missing> {
    let Some(promtool) = tools::find("promtool") else {
        return Ok(Some(NO_PROMTOOL.into()));
    };
    let root = repository();
    sh(&promtool)
        .args(["check", "rules"])
        .args([root.join(RULES)])
        .run()?;
    sh(&promtool)
        .args(["test", "rules"])
        .args([root.join(TESTS)])
        .run()?;
    let document = text(&root.join(DOCUMENT))?;
    let shown = queries(&document);
    let rules = expressions(&text(&root.join(RULES))?)?;
    for (sort, ours, theirs) in [("query", &shown, &rules), ("rule", &rules, &shown)] {
        if let Some(lonely) = ours.iter().find(|one| !theirs.contains(one)) {
            bail!("a {sort} is only in one of {DOCUMENT} and {RULES}: {lonely}");
        }
    }
    Ok(None)
}

/// Every collector's configuration is YAML, and what its Prometheus receiver gets is right.
pub(super) fn collector() -> Result<Missing> {
    let Some(promtool) = tools::find("promtool") else {
        return Ok(Some(NO_PROMTOOL.into()));
    };
    let directory = target_dir().join("deploy");
    fs::create_dir_all(&directory)
        .with_context(|| format!("cannot make {}", directory.display()))?;
    for file in yaml_files(&repository().join(COLLECTORS))? {
        let documents = objects::read(&text(&file)?).with_context(|| file.display().to_string())?;
        let scrapes = documents
            .first()
            .and_then(|document| document.pointer(SCRAPES));
        let mut scrapes = scrapes
            .with_context(|| format!("{} has no {SCRAPES}", file.display()))?
            .clone();
        without_discovery(&mut scrapes);
        let alone = directory.join(file.file_name().context("a file without a name")?);
        fs::write(&alone, scrapes.to_string())
            .with_context(|| format!("cannot write {}", alone.display()))?;
        // Of files it names, certificates and passwords, only the user has.
        sh(&promtool)
            .args(["check", "config", "--syntax-only"])
            .args([&alone])
            .run()?;
    }
    Ok(None)
}

/// Takes out what Debian's promtool is built without.
fn without_discovery(scrapes: &mut Value) {
    let jobs = scrapes["scrape_configs"].as_array_mut();
    for job in jobs.into_iter().flatten().filter_map(Value::as_object_mut) {
        job.remove("kubernetes_sd_configs");
    }
}

/// The blocks of a document that are marked as PromQL, one line each.
fn queries(document: &str) -> Vec<String> {
    let blocks = document.split("\n```promql\n").skip(1);
    blocks
        .filter_map(|rest| rest.split_once("\n```").map(|(query, _)| one_line(query)))
        .collect()
}

fn expressions(rules: &str) -> Result<Vec<String>> {
    let documents = objects::read(rules)?;
    let list = |value: &Value, key: &str| value[key].as_array().cloned().unwrap_or_default();
    let groups = documents
        .iter()
        .flat_map(|document| list(document, "groups"));
    let rules = groups.flat_map(|group| list(&group, "rules"));
    rules
        .map(|rule| {
            rule["expr"]
                .as_str()
                .map(one_line)
                .context("a rule without expr")
        })
        .collect()
}

fn one_line(query: &str) -> String {
    query.split_whitespace().collect::<Vec<_>>().join(" ")
}

fn yaml_files(directory: &Path) -> Result<Vec<PathBuf>> {
    let entries =
        fs::read_dir(directory).with_context(|| format!("cannot list {}", directory.display()))?;
    let mut files: Vec<PathBuf> = entries
        .flatten()
        .map(|entry| entry.path())
        .filter(|path| {
            path.extension()
                .is_some_and(|extension| extension == "yaml")
        })
        .collect();
    files.sort();
    match files.is_empty() {
        true => bail!("{} has no configuration", directory.display()),
        false => Ok(files),
    }
}

fn text(path: &Path) -> Result<String> {
    fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn queries_of_a_document_are_its_promql_blocks() {
        let document = "a\n```promql\nsum(\n  up\n)\n```\n```\nup\n```\n```promql\nup\n```\n";
        assert_eq!(queries(document), ["sum( up )", "up"]);
    }

    #[test]
    fn expressions_of_rules_are_read() {
        let rules =
            "groups:\n- name: a\n  rules:\n  - record: b\n    expr: |\n      sum(\n        up)\n";
        assert_eq!(expressions(rules).unwrap(), ["sum( up)"]);
        assert!(expressions("groups: [{rules: [{record: b}]}]").is_err());
    }
}
