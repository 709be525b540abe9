//! What Prometheus' own tools say of the rules, their tests and the examples of a configuration.

use std::path::Path;
use std::process::Command;

use tempfile::TempDir;

use super::repository;
use super::rules::{ALERTS, DIRECTORY, RECORDS};
use super::runbooks::fenced;
use super::tools;

/// Runs a tool with `words` and files; what it says must be that all is well.
#[track_caller]
fn accepts(tool: &str, words: &[&str], files: &[impl AsRef<Path>]) {
    let Some(program) = tools::find(tool) else {
        return;
    };
    let mut command = Command::new(program);
    command.args(words).args(files.iter().map(AsRef::as_ref));
    let output = command.output().expect("it starts");
    let said = [output.stdout, output.stderr].concat();
    let said = String::from_utf8_lossy(&said);
    assert!(
        output.status.success() && !said.contains("FAILED"),
        "{command:?}: {said}"
    );
}

#[test]
fn promtool_accepts_the_rules() {
    let files = [RECORDS, ALERTS].map(repository::at);
    accepts(
        "promtool",
        &["check", "rules", "--lint=all", "--lint-fatal"],
        &files,
    );
}

#[test]
fn every_alert_fires_is_silent_and_is_over_as_its_tests_say() {
    let files = repository::files(&format!("{DIRECTORY}/tests"), ".yml");
    let files: Vec<_> = files.iter().map(|path| repository::at(path)).collect();
    accepts("promtool", &["test", "rules"], &files);
}

#[test]
fn the_examples_of_a_configuration_are_right() {
    let prometheus = repository::at(&format!("{DIRECTORY}/prometheus.yml"));
    accepts("promtool", &["check", "config"], &[prometheus]);
    let alertmanager = repository::at(&format!("{DIRECTORY}/alertmanager.yml"));
    accepts("amtool", &["check-config"], &[alertmanager]);
}

#[test]
fn queries_of_the_runbooks_can_be_asked() {
    let place = TempDir::new().expect("a directory");
    let file = place.path().join("queries.yml");
    let queries = fenced("promql");
    assert!(queries.len() > 30, "only {} queries", queries.len());
    let mut text = String::from("groups:\n- name: queries\n  rules:\n");
    for (at, (_, query)) in queries.iter().enumerate() {
        text.push_str(&format!(
            "  - record: query:number:{at}\n    expr: {query:?}\n"
        ));
    }
    std::fs::write(&file, text).expect("written");
    accepts("promtool", &["check", "rules"], &[file]);
}
