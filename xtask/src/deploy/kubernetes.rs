//! The manifests and the chart: both make the same objects, and Kubernetes takes them.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail};
use serde_json::Value;

use super::Missing;
use super::objects::{differences, name, normalised, read};
use super::tools::{self, Tools};
use crate::sh::{repository, sh, target_dir};

/// What kustomize builds, and the chart's values that must make the same.
const PAIRS: [(&str, Option<&str>); 3] = [
    ("base", None),
    ("overlays/host-network", Some("host-network")),
    ("overlays/prometheus-operator", Some("prometheus-operator")),
];
/// Values for which there is no kustomization: every switch.
const EVERYTHING: &str = "everything";
/// The oldest version the chart admits, and the newest whose schemas are at hand.
const VERSIONS: [&str; 2] = ["1.30.0", "1.37.0"];
/// Whose schemas are those of Kubernetes itself.
const BUILT_IN: [&str; 5] = [
    "ConfigMap",
    "DaemonSet",
    "Namespace",
    "NetworkPolicy",
    "ServiceAccount",
];

/// Renders everything, compares, and validates.
pub(super) fn check() -> Result<Missing> {
    let tools = match tools::find() {
        Ok(tools) => tools,
        Err(error) => return Ok(Some(format!("{error:#}"))),
    };
    let deploy = repository().join("deploy");
    let chart = deploy.join("helm/tcpmon");
    sh(&tools.helm)
        .args(["lint", "--quiet", "--strict"])
        .args([&chart])
        .run()?;
    let mut files = Vec::new();
    for (overlay, values) in PAIRS {
        let directory = deploy.join("kubernetes").join(overlay);
        let built = output(&tools.kubectl, &["kustomize", path(&directory)?])?;
        let templated = template(&tools, &chart, values)?;
        same(overlay, &built, &templated)?;
        files.push(keep(&overlay.replace('/', "-"), &built)?);
    }
    let everything = template(&tools, &chart, Some(EVERYTHING))?;
    files.push(keep("chart-everything", &everything)?);
    // Of the pairs both are the same: one is enough.
    for version in VERSIONS {
        sh(&tools.validate)
            .args(["--strict", "--quiet", "--kubernetes-version", version])
            .args(&files)
            .run()?;
    }
    Ok(None)
}

fn template(tools: &Tools, chart: &Path, values: Option<&str>) -> Result<String> {
    let mut words = vec!["template", "tcpmon", path(chart)?, "--namespace", "tcpmon"];
    words.extend(["--set", "namespace.create=true"]);
    let file = chart.join(format!("ci/{}-values.yaml", values.unwrap_or_default()));
    if values.is_some() {
        words.extend(["--values", path(&file)?]);
    }
    output(&tools.helm, &words)
}

/// Fails unless both are the same objects.
fn same(overlay: &str, built: &str, templated: &str) -> Result<()> {
    let built = normalised(read(built)?);
    let templated = normalised(read(templated)?);
    let names = |objects: &[Value]| -> Vec<String> { objects.iter().map(name).collect() };
    if names(&built) != names(&templated) {
        bail!(
            "{overlay}: kustomize makes {:?}, the chart {:?}",
            names(&built),
            names(&templated)
        );
    }
    let found: Vec<String> = built
        .iter()
        .zip(&templated)
        .flat_map(|(built, templated)| {
            let object = name(built);
            let different = differences(built, templated);
            different
                .into_iter()
                .map(move |what| format!("{object}{what}"))
        })
        .collect();
    if !found.is_empty() {
        bail!(
            "{overlay}: kustomize and the chart differ:\n{}",
            found.join("\n")
        );
    }
    Ok(())
}

/// Writes those objects whose schemas are at hand into a file, for the validator.
fn keep(name: &str, yaml: &str) -> Result<PathBuf> {
    let objects = read(yaml)?;
    let known = |object: &&Value| BUILT_IN.iter().any(|kind| object["kind"] == *kind);
    // JSON is YAML.
    let documents: Vec<String> = objects.iter().filter(known).map(Value::to_string).collect();
    let directory = target_dir().join("deploy");
    fs::create_dir_all(&directory)
        .with_context(|| format!("cannot make {}", directory.display()))?;
    let file = directory.join(format!("{name}.yaml"));
    fs::write(&file, documents.join("\n---\n"))
        .with_context(|| format!("cannot write {}", file.display()))?;
    Ok(file)
}

fn output(program: &Path, words: &[&str]) -> Result<String> {
    sh(program)
        .args(words)
        .stdout()
        .with_context(|| format!("`{} {}` failed", program.display(), words.join(" ")))
}

fn path(path: &Path) -> Result<&str> {
    path.to_str()
        .with_context(|| format!("{} is not UTF-8", path.display()))
}
