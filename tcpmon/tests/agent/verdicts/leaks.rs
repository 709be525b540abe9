//! Servers that forget `close()`, and the innocent around them.

use std::fs;

use tcpmon::core::query::{Actor, Confidence, VerdictRow, Verdicts};
use tcpmon::core::verdict::{Kind, Severity};

use super::healthy::Nginx;
use super::load::{Load, ask};
use super::program::{Program, name_of};
use super::stage::{Said, Scene, is, ns, seconds_between};
use crate::command::run;
use crate::place::now_ns;
use crate::tools::find;
use crate::world::{check, within};

const KIND: Kind = Kind::CloseWaitLeak;
/// When the oldest is so old, those that linger have had the time to go on after all: twice the age
/// from which on a CLOSE_WAIT lingers.
const SETTLED_S: f64 = 60.0;
/// Files a leaking server may have.
const FILES: u64 = 200;

/// What is told of a leak is what `/proc` and the clients know.
#[track_caller]
fn describes(row: &VerdictRow, pid: u32, port: u16, first_port: u16) {
    assert_eq!(
        (row.pid, row.service_port),
        (Some(pid), Some(port)),
        "{row:#?}"
    );
    assert_eq!(row.process.as_deref(), Some(&*name_of(pid)));
    assert_eq!(row.fix_by, Actor::Process);
    let oldest = row.sockets.first().expect("the oldest is shown");
    assert_eq!(oldest.state, "CLOSE_WAIT");
    assert_eq!(
        (oldest.local_port, oldest.remote_port),
        (port, first_port),
        "{row:#?}"
    );
    let fd = oldest.fd.expect("the descriptor of the oldest");
    let held = fs::read_link(format!("/proc/{pid}/fd/{fd}")).expect("it is open");
    let inode = oldest.inode.expect("it has an inode");
    assert_eq!(
        held.to_str(),
        Some(&*format!("socket:[{inode}]")),
        "{row:#?}"
    );
    let line = format!("ls -l /proc/{pid}/fd/{fd}");
    assert!(row.next.iter().any(|step| step.command == line), "{row:#?}");
}

/// Waits for the warning, which comes within two audits of when the numbers say so.
#[track_caller]
fn warned(scene: &Scene<'_>, begun_ns: u64) -> Said {
    let said = scene.awaits(SETTLED_S as u64 + 30, "a leak", |row| {
        is(row, KIND, Severity::Warning)
    });
    let after_s = seconds_between(begun_ns, said.time_ns).expect("not before it began");
    let severity = said.row.severity.name();
    scene.note(&format!(
        "{severity} after {after_s:.1} s: {}",
        said.row.what
    ));
    scene.prompt(&said, begun_ns + ns(SETTLED_S));
    said
}

/// Leaks until `accept()` fails: who, since when, and when it will fail are all told before.
fn until_emfile(scene: &Scene<'_>, style: &str, files: u64, per_second: f64) {
    let server = Program::python("server.py", &[style, "--files", &files.to_string()]);
    let (pid, port) = (server.pid(), server.port());
    let begun_ns = now_ns();
    let load = Load::start(port, per_second);
    warned(scene, begun_ns);
    let critical = scene.awaits(30, "an end in sight", |row| {
        is(row, KIND, Severity::Critical) && row.evidence.contains_key(ENDS)
    });
    let row = &critical.row;
    assert_eq!(row.evidence["max_open_files"], files as f64);
    assert!(
        (row.evidence["growth_per_second"] / per_second - 1.0).abs() < 0.2,
        "{row:#?}"
    );
    describes(row, pid, port, load.first_port());
    assert_eq!(row.confidence, Confidence::High, "{row:#?}");
    told_by_commands(scene, row);
    let takes_s = files as f64 / per_second;
    let failed_ns: u64 = server.number(takes_s as u64 + 20, "emfile");
    scene.foretold(ENDS, failed_ns, 10.0);
    scene.note(&format!(
        "{} leaked before accept() failed",
        load.answered()
    ));
    scene.only(&[KIND]);
    scene.only_on(pid);
}

const ENDS: &str = "seconds_until_no_file_is_left";

pub(super) fn until_no_file_is_left(scene: &Scene<'_>) {
    until_emfile(scene, "forgetful", FILES, 2.0);
}

pub(super) fn long_threads(scene: &Scene<'_>) {
    until_emfile(scene, "forgetful", 768, 5.0);
}

pub(super) fn long_asyncio(scene: &Scene<'_>) {
    until_emfile(scene, "asyncio", 768, 5.0);
}

/// What `tcpmon diagnose` says of a critical verdict.
fn told_by_commands(scene: &Scene<'_>, row: &VerdictRow) {
    let json = scene
        .agent()
        .client(&["diagnose", "--output", "json"])
        .succeeded();
    let answer: Verdicts = serde_json::from_str(&json).expect("verdicts");
    let same = |other: &&VerdictRow| (other.verdict, other.pid) == (row.verdict, row.pid);
    let told = answer.verdicts.iter().find(same).expect("it stands");
    assert_eq!(
        (told.severity, told.service_port),
        (row.severity, row.service_port)
    );
    let text = scene.agent().client(&["diagnose"]).succeeded();
    let who = format!(
        "{}[{}] has not closed",
        row.process.as_deref().unwrap_or_default(),
        row.pid.unwrap_or(0)
    );
    assert!(
        text.contains("CRITICAL close_wait_leak") && text.contains(&who),
        "{text}"
    );
    let check = scene.agent().client(&["diagnose", "--check"]);
    assert_eq!(check.code, Some(2), "{check:?}");
    assert!(check.stdout.starts_with("TCPMON CRITICAL - "), "{check:?}");
    assert_eq!(check.stdout.lines().count(), 1, "{check:?}");
}

/// A leak whose end is not waited for.
fn named(scene: &Scene<'_>, style: &str) {
    let server = Program::python("server.py", &[style]);
    let (pid, port) = (server.pid(), server.port());
    let begun_ns = now_ns();
    let load = Load::start(port, 1.0);
    let said = warned(scene, begun_ns);
    describes(&said.row, pid, port, load.first_port());
    scene.only(&[KIND]);
    scene.only_on(pid);
}

pub(super) fn asyncio(scene: &Scene<'_>) {
    named(scene, "asyncio");
}

pub(super) fn blocked_handlers(scene: &Scene<'_>) {
    named(scene, "blocked");
}

pub(super) fn one_worker(scene: &Scene<'_>) {
    let server = Program::python("server.py", &["prefork", "--workers", "8"]);
    let leaker: u32 = server.number(20, "leaker");
    let load = Load::start(server.port(), 16.0);
    let said = scene.awaits(90, "the worker that leaks", |row| {
        is(row, KIND, Severity::Warning)
    });
    scene.note(&said.row.what);
    assert_eq!(
        (said.row.pid, said.row.service_port),
        (Some(leaker), Some(server.port()))
    );
    assert!(load.answered() > 8 * 16, "everybody worked");
    scene.only(&[KIND]);
    scene.only_on(leaker);
}

fn behind_nginx(scene: &Scene<'_>, is_kept_alive: bool) {
    let Some(program) = find("nginx") else {
        return;
    };
    let upstream = Program::python("server.py", &["forgetful"]);
    let nginx = Nginx::in_front_of(&program, upstream.port(), is_kept_alive);
    let load = Load::getting(nginx.port(), 2.0);
    let said = scene.awaits(90, "the upstream", |row| is(row, KIND, Severity::Warning));
    scene.note(&said.row.what);
    let port = upstream.port();
    assert_eq!(
        (said.row.pid, said.row.service_port),
        (Some(upstream.pid()), Some(port))
    );
    assert!(load.answered() > 60, "nginx answered all the while");
    scene.only(&[KIND]);
    scene.only_on(upstream.pid());
}

pub(super) fn upstream(scene: &Scene<'_>) {
    behind_nginx(scene, false);
}

pub(super) fn upstream_with_keepalive(scene: &Scene<'_>) {
    behind_nginx(scene, true);
}

/// A leak a minute old, and nobody who watched it grow.
pub(super) fn without_an_agent(scene: &Scene<'_>) {
    const LEAKED: usize = 10;
    let server = Program::python("server.py", &["forgetful", "--files", "64"]);
    let port = server.port();
    let first = ask(port).expect("it answers");
    let first_port = first.local_addr().expect("is bound").port();
    drop(first);
    // The ages of sockets older than an agent are told in ticks: the oldest shall be so beyond doubt.
    within(20, "the first leaks alone", || {
        let rows = scene
            .agent()
            .ls(&format!("netns = {} and state close-wait", scene.netns));
        let is_older = rows.iter().any(|row| row.age_seconds > 0.5);
        check(is_older, || format!("{rows:?}"))
    });
    for _ in 1..LEAKED {
        ask(port).expect("it answers");
    }
    scene.awaits(90, "a leak a minute old", |row| {
        row.verdict == KIND && row.evidence["oldest_age_seconds"] >= 60.0
    });
    let ran = run(&["diagnose", "--output", "json"]);
    let answer: Verdicts = serde_json::from_str(&ran.succeeded()).expect("verdicts");
    let here = |row: &&VerdictRow| row.netns == Some(scene.netns);
    let told: Vec<_> = answer.verdicts.iter().filter(here).collect();
    let [row] = told[..] else {
        panic!("one verdict: {answer:#?}");
    };
    scene.note(&format!("{}: {}", row.severity.name(), row.what));
    assert_eq!(row.verdict, KIND);
    assert_eq!(row.evidence["lingering_sockets"], LEAKED as f64);
    describes(row, server.pid(), port, first_port);
    scene.only_on(server.pid());
}
