//! `tcpmon diagnose --check`: the exit codes of a monitoring plugin.

use std::fmt::Write as _;
use std::fs;
use std::sync::Arc;

use tcpmon::core::verdict::Kind;
use tempfile::TempDir;

use super::load::ask;
use super::program::Program;
use crate::command::{Ran, run};
use crate::place::in_namespace;
use crate::running::Agent;
use crate::world::{check, within};

/// Nobody else is called so.
const NAME: &str = "tcpmon-codes";

/// A configuration that judges the leaks of one process, soon, and nothing else on the machine.
fn configuration() -> String {
    let mut text = String::from(
        "[verdicts]\nrise = \"0s\"\nfall = \"0s\"\n\
         [verdicts.close_wait]\nage = \"20days\"\nleak_age = \"20days\"\n",
    );
    for kind in Kind::ALL {
        if kind != Kind::CloseWaitLeak {
            let _ = write!(text, "[[verdicts.ignore]]\nverdict = \"{}\"\n", kind.name());
        }
    }
    let _ = write!(
        text,
        "[[verdicts.override]]\nprocess = \"{NAME}\"\n\
         close_wait.age = \"1s\"\nclose_wait.leak_age = \"2s\"\n"
    );
    text
}

/// Waits until the plugin ends with `code`.
#[track_caller]
fn ends_with(agent: &Agent, code: i32) -> Ran {
    within(30, "the exit code", || {
        let ran = agent.client(&["diagnose", "--check"]);
        check(ran.code == Some(code), || format!("{code} wanted: {ran:?}"))?;
        Ok(ran)
    })
}

#[test]
fn a_plugin_ends_with_what_stands() {
    in_namespace(|_| {
        let place = Arc::new(TempDir::new().expect("a directory"));
        let file = place.path().join("tcpmon.toml");
        fs::write(&file, configuration()).expect("writes");
        let file = file.to_str().expect("UTF-8");
        let agent = Agent::start_in(place.clone(), &["--config", file]);
        let quiet = ends_with(&agent, 0);
        assert!(quiet.stdout.starts_with("TCPMON OK - "), "{quiet:?}");

        let server = Program::python("server.py", &["forgetful", "--name", NAME, "--files", "40"]);
        let leak = |count| (0..count).for_each(|_| drop(ask(server.port()).expect("it serves")));
        leak(6);
        let warned = ends_with(&agent, 1);
        let who = format!(
            "TCPMON WARNING - close_wait_leak: {NAME}[{}] has not closed 6",
            server.pid()
        );
        assert!(warned.stdout.starts_with(&who), "{warned:?}");
        assert!(
            warned
                .stdout
                .trim_end()
                .ends_with("critical=0 warning=1 suspicious=0"),
            "{warned:?}"
        );

        leak(25);
        let critical = ends_with(&agent, 2);
        assert!(
            critical
                .stdout
                .starts_with("TCPMON CRITICAL - close_wait_leak: "),
            "{critical:?}"
        );

        drop(server);
        ends_with(&agent, 0);
    });
}

#[test]
fn a_plugin_without_an_agent_knows_nothing() {
    let ran = run(&[
        "diagnose",
        "--check",
        "--socket",
        "/nonexistent/tcpmon.sock",
    ]);
    assert_eq!(ran.code, Some(3), "{ran:?}");
    assert!(ran.stdout.starts_with("TCPMON UNKNOWN - "), "{ran:?}");
    assert_eq!(
        (ran.stdout.lines().count(), &*ran.stderr),
        (1, ""),
        "{ran:?}"
    );
}
