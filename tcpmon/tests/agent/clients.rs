//! The other commands: with the agent they are told of, and with one in their own process.

use std::io::{BufRead as _, BufReader, Read as _};
use std::panic::{self, AssertUnwindSafe};
use std::path::Path;
use std::process::{ChildStdout, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use tcpmon::config::DEFAULT_SOCKET;
use tcpmon::core::query::{EventRow, Sockets};

use crate::command::{Ran, Running, run, tcpmon};
use crate::net::{address, listener, pair};
use crate::place::in_namespace;
use crate::running::Agent;
use crate::watch::Watch;
use crate::world::{Home, check, in_workplace, within};

/// Opens and closes listeners until `body` is done: something happens all the time.
fn amid_transitions<T>(body: impl FnOnce() -> T) -> T {
    let done = AtomicBool::new(false);
    let home = Home::here();
    thread::scope(|scope| {
        scope.spawn(|| {
            home.visit(|| {
                // A few thousand at most, whatever becomes of `body`.
                for _ in 0..3000 {
                    if done.load(Ordering::Relaxed) {
                        return;
                    }
                    drop(listener());
                    thread::sleep(Duration::from_millis(10));
                }
            });
        });
        let outcome = panic::catch_unwind(AssertUnwindSafe(body));
        done.store(true, Ordering::Relaxed);
        outcome.unwrap_or_else(|reason| panic::resume_unwind(reason))
    })
}

#[track_caller]
fn three_events(ran: Ran, netns: u32) {
    let text = ran.succeeded();
    let rows: Vec<EventRow> = text
        .lines()
        .map(|line| serde_json::from_str(line).expect("an event"))
        .collect();
    assert_eq!(rows.len(), 3, "{text}");
    for row in rows {
        assert_eq!(row.socket.netns, Some(netns));
        assert!(["LISTEN", "CLOSE"].contains(&row.to.as_str()), "{row:?}");
    }
}

#[track_caller]
fn two_pictures(ran: Ran, port: u16) {
    let text = ran.succeeded();
    let lines = text.lines().filter(|line| line.contains("LISTEN"));
    let sockets = lines.filter(|line| line.contains(&format!(":{port}")));
    assert_eq!(sockets.count(), 2, "{text}");
}

#[test]
fn ls_watch_and_top_ask_the_agent() {
    in_namespace(|_| {
        let agent = Agent::start(&[]);
        in_workplace(|netns| {
            let filter = format!("netns = {netns}");
            let listener = listener();
            let port = address(&listener).port();
            let _pair = pair(&listener);
            within(5, "the connection is listed", || {
                let rows = agent.ls(&filter);
                check(rows.len() == 3, || format!("{rows:#?}"))
            });
            let watch = ["watch", &filter, "-n", "3", "--output", "jsonl"];
            three_events(amid_transitions(|| agent.client(&watch)), netns);
            let top = ["top", &filter, "--batch", "-n", "2", "-d", "0.1"];
            two_pictures(agent.client(&top), port);
        });
    });
}

#[test]
fn without_an_agent_ls_watch_and_top_bring_their_own() {
    if Path::new(DEFAULT_SOCKET).exists() {
        println!("skipped, because an agent serves this machine");
        return;
    }
    in_namespace(|_| {
        let home = Home::here();
        in_workplace(|netns| {
            let filter = format!("netns = {netns}");
            let listener = listener();
            let port = address(&listener).port();
            let _pair = pair(&listener);
            let at_home = |args: &[&str]| home.visit(|| run(args));
            let text = at_home(&["ls", &filter, "--output", "json"]).succeeded();
            let sockets: Sockets = serde_json::from_str(&text).expect("sockets");
            assert_eq!(sockets.sockets.len(), 3, "{text}");
            let watch = ["watch", &filter, "-n", "3", "--output", "jsonl"];
            three_events(amid_transitions(|| at_home(&watch)), netns);
            two_pictures(
                at_home(&["top", &filter, "--batch", "-n", "2", "-d", "0.1"]),
                port,
            );
        });
        assert!(
            !Path::new(DEFAULT_SOCKET).exists(),
            "nothing is left behind"
        );
    });
}

#[test]
fn a_reader_that_has_seen_enough_is_no_failure() {
    in_namespace(|_| {
        let agent = Agent::start(&[]);
        in_workplace(|netns| {
            // More than a pipe holds.
            let _listeners: Vec<_> = (0..400).map(|_| listener()).collect();
            let filter = format!("netns = {netns}");
            within(10, "the listeners are listed", || {
                let rows = agent.ls(&filter).len();
                check(rows == 400, || format!("{rows} rows"))
            });
            for output in ["table", "wide", "json", "jsonl", "csv"] {
                let mut command = tcpmon(&["ls", &filter, "--output", output]);
                command.arg("--socket").arg(agent.socket());
                command.stdout(Stdio::piped()).stderr(Stdio::piped());
                let mut ls = Running(command.spawn().expect("starts"));
                let mut stdout: BufReader<ChildStdout> =
                    BufReader::with_capacity(16, ls.0.stdout.take().expect("a pipe"));
                let mut first = vec![0; 8];
                stdout.read_exact(&mut first).expect("it begins");
                drop(stdout);
                assert_eq!(ls.code(), Some(0), "{output}");
                let mut words = String::new();
                let stderr = ls.0.stderr.take().expect("a pipe");
                BufReader::new(stderr).read_line(&mut words).expect("UTF-8");
                assert_eq!(words, "", "{output}");
            }
        });
    });
}

#[test]
fn watch_tells_a_transition_at_once() {
    in_namespace(|_| {
        let agent = Agent::start(&[]);
        in_workplace(|netns| {
            let watch = Watch::start(&agent, &format!("netns = {netns}"));
            let listener = listener();
            let port = address(&listener).port();
            let row = within(5, "the transition is told", || {
                watch.next().ok_or_else(|| "nothing yet".to_owned())
            });
            assert_eq!((row.from.as_str(), row.to.as_str()), ("CLOSE", "LISTEN"));
            assert_eq!(
                (row.socket.local_port, row.reason.as_str()),
                (port, "listen")
            );
            assert_eq!(row.socket.pid, Some(std::process::id()));
        });
    });
}

#[test]
fn ls_shows_the_columns_asked_for_in_the_order_asked_for() {
    in_namespace(|_| {
        let agent = Agent::start(&[]);
        in_workplace(|netns| {
            let filter = format!("netns = {netns}");
            let listeners = [listener(), listener(), listener()];
            let mut ports: Vec<u16> = listeners.iter().map(|it| address(it).port()).collect();
            ports.sort_unstable();
            within(5, "the listeners are listed", || {
                let rows = agent.ls(&filter);
                check(rows.len() == 3, || format!("{rows:#?}"))
            });
            let ls = ["ls", &filter, "-o", "local_port,state", "--output", "csv"];
            let line = |port: &u16| format!("{port},LISTEN\n");
            let risen: String = ports.iter().map(line).collect();
            let ran = agent.client(&[&ls[..], &["--sort", "local_port"]].concat());
            assert_eq!(ran.succeeded(), format!("local_port,state\n{risen}"));
            let fallen: String = ports.iter().rev().take(2).map(line).collect();
            let ran = agent.client(&[&ls[..], &["--sort=-local_port", "--limit", "2"]].concat());
            assert_eq!(ran.succeeded(), format!("local_port,state\n{fallen}"));
        });
    });
}
