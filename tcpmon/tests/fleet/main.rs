//! `tcpmon top --prometheus` before a real Prometheus that scrapes a simulated fleet: every document
//! is rendered by the program itself from a table of its own.

#[expect(dead_code, reason = "the measurement counts what is served")]
mod exporter;
mod hosts;
#[expect(dead_code, reason = "the measurement looks at its files")]
mod prometheus;
#[path = "../judge/world/mod.rs"]
#[expect(
    dead_code,
    unused_imports,
    reason = "the scenarios of the judge use more of it"
)]
mod simulated;
#[expect(dead_code, reason = "the measurement counts what is served")]
mod stage;
#[path = "../agent/tmux.rs"]
#[expect(
    dead_code,
    reason = "the walk through the local screen uses more of it"
)]
mod tmux;
#[path = "../common/tools.rs"]
mod tools;
#[path = "../common/waiting.rs"]
mod world;

use std::process::{Command, Output};

use serde_json::Value;

use prometheus::{Prometheus, Target};
use stage::{AHEAD, DOWN, EXHAUSTING, LEAKING, SKEWED, Stage, name};
use tmux::{Terminal, keep};
use world::{check, within};

const TOP: &str = env!("CARGO_BIN_EXE_tcpmon");
const HOSTS: u64 = 200;
/// What Prometheus waits between two scrapes.
const INTERVAL: u64 = 10;
/// Machines that test many things at once are slow.
const PATIENCE: [&str; 2] = ["--prometheus.timeout", "60s"];

fn top(words: &[&str]) -> Output {
    let output = Command::new(TOP)
        .arg("top")
        .args(PATIENCE)
        .args(words)
        .output();
    output.expect("it starts")
}

/// The hosts as the program tells them, or its complaint.
fn hosts(url: &str) -> Result<Vec<Value>, String> {
    let output = top(&["--prometheus", url, "--output", "json"]);
    if !output.status.success() {
        return Err(String::from_utf8_lossy(&output.stderr).into_owned());
    }
    let document: Value = serde_json::from_slice(&output.stdout).map_err(|it| it.to_string())?;
    match &document["hosts"] {
        Value::Array(hosts) => Ok(hosts.clone()),
        other => Err(format!("no hosts: {other}")),
    }
}

fn named<'a>(hosts: &'a [Value], name: &str) -> &'a Value {
    let is_it = |host: &&Value| host["labels"]["instance"] == name;
    hosts.iter().find(is_it).unwrap_or(&Value::Null)
}

/// Waits until every host has been scraped, and what can be told of it is told.
fn when_complete(url: &str) -> Vec<Value> {
    within(400, "the whole fleet", || {
        let hosts = hosts(url)?;
        let up = hosts.iter().filter(|host| host["presence"] == "up").count();
        let is_number = |host: &Value, key: &str| host[key].is_number();
        // Each is a query of its own, and the second scrape of a host may fall between them.
        let rates = hosts
            .iter()
            .filter(|host| {
                ["drift", "events_lost"]
                    .iter()
                    .all(|key| is_number(host, key))
            })
            .count();
        check((hosts.len(), up) == (200, 199) && rates == 199, || {
            format!("{} hosts, {up} up, {rates} with rates", hosts.len())
        })?;
        Ok(hosts)
    })
}

#[test]
fn two_hundred_hosts_are_ranked_by_trouble_and_none_is_forgotten() {
    let stage = Stage::set(HOSTS, tcpmon::clock::unix_ns).expect("a fleet");
    let started = Prometheus::start(&stage.targets, INTERVAL, false).expect("it starts");
    let Some(prometheus) = started else {
        return;
    };
    let url = prometheus.url();
    let hosts = when_complete(&url);

    let first: Vec<_> = hosts[..3]
        .iter()
        .map(|host| &host["labels"]["instance"])
        .collect();
    let [leaking, exhausting, down] = [LEAKING, EXHAUSTING, DOWN].map(name);
    assert!(
        first[..2].contains(&&Value::from(leaking.clone())),
        "{first:?}"
    );
    assert!(
        first[..2].contains(&&Value::from(exhausting.clone())),
        "{first:?}"
    );
    assert_eq!(first[2], &Value::from(down.clone()), "{first:?}");

    let leaking = named(&hosts, &leaking);
    assert_eq!(
        leaking["verdicts"][0]["verdict"], "close_wait_leak",
        "{leaking}"
    );
    assert_eq!(leaking["culprit"], "payments", "{leaking}");
    assert!(leaking["close_wait"].as_u64() > Some(100), "{leaking}");
    let exhausting = named(&hosts, &exhausting);
    assert_eq!(
        exhausting["verdicts"][0]["verdict"], "port_exhaustion",
        "{exhausting}"
    );
    assert_eq!(exhausting["culprit"], "crawler", "{exhausting}");
    assert!(
        exhausting["port_headroom_ratio"].as_f64() < Some(0.2),
        "{exhausting}"
    );
    let down = named(&hosts, &down);
    assert_eq!(
        (&down["presence"], &down["verdicts"]),
        (&Value::from("down"), &Value::Null)
    );

    clocks(&hosts);
    calm(&hosts);
    prints(&url);
    vanishes(&prometheus, &stage.targets);
    on_the_screen(&url);
}

/// One clock is wrong, by what it was set; of no other that is claimed.
fn clocks(hosts: &[Value]) {
    for host in hosts.iter().filter(|host| host["presence"] == "up") {
        let skew = &host["clock_skew"];
        let least = skew["at_least_seconds"].as_f64().expect("known");
        let most = skew["at_most_seconds"].as_f64().expect("known");
        let truth = match host["labels"]["instance"] == name(SKEWED) {
            true => AHEAD as f64,
            false => 0.0,
        };
        // Prometheus moves the stamp of a scrape by up to two milliseconds onto its grid.
        assert!((least - 0.002..=most + 0.002).contains(&truth), "{host}");
    }
}

/// Nothing is said of those that are well.
fn calm(hosts: &[Value]) {
    let calm = hosts
        .iter()
        .filter(|host| host["trouble"] == "none")
        .count();
    assert_eq!(
        calm, 196,
        "all but the leak, the ports, the clock and the one that is down"
    );
    for host in hosts.iter().filter(|host| host["trouble"] == "none") {
        assert_eq!(host["verdicts"], Value::Array(Vec::new()), "{host}");
        assert!(host["sockets"].as_u64() > Some(10), "{host}");
        assert_eq!(host["events_lost"], 0.0, "{host}");
        assert_eq!(host["version"], env!("CARGO_PKG_VERSION"));
    }
}

fn prints(url: &str) {
    let output = top(&["--prometheus", url, "--batch", "-n", "1"]);
    assert!(output.status.success(), "{output:?}");
    let text = String::from_utf8(output.stdout).expect("UTF-8");
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!(lines.len(), 201, "{text}");
    assert!(
        lines[0].starts_with("HOST") && lines[3].contains("DOWN"),
        "{text}"
    );

    let chosen = "instance=~\"web-01.\"";
    let output = top(&[
        "--prometheus",
        url,
        "--prometheus.match",
        chosen,
        "--output",
        "jsonl",
    ]);
    assert_eq!(
        output.stdout.iter().filter(|byte| **byte == b'\n').count(),
        10
    );

    let output = top(&[
        "--prometheus",
        url,
        "--prometheus.match",
        "job=\"x\"",
        "--batch",
    ]);
    assert_eq!(output.status.code(), Some(3));
    let sentence = String::from_utf8_lossy(&output.stderr);
    assert!(
        sentence.contains("no data of a tcpmon agent that matches job=\"x\""),
        "{sentence}"
    );
}

/// A host that is taken from the targets is not forgotten.
fn vanishes(prometheus: &Prometheus, targets: &[Target]) {
    let gone = name(100);
    let left = targets.iter().filter(|target| target.instance != gone);
    let left: Vec<Target> = left.cloned().collect();
    prometheus.retarget(&left).expect("written");
    let host = within(240, "a host that is gone", || {
        let hosts = hosts(&prometheus.url())?;
        let host = named(&hosts, &gone).clone();
        check(host["presence"] == "vanished", || host.to_string())?;
        Ok(host)
    });
    assert_eq!(host["trouble"], "vanished");
    // Known to within a minute, and not at all of a host that was there for less.
    let age = &host["age_seconds"];
    assert!(age.is_null() || age.as_f64() > Some(0.0), "{host}");
}

/// From the list to the destination, as a user goes.
fn on_the_screen(url: &str) {
    let words = [&[TOP, "top", "--prometheus", url][..], &PATIENCE].concat();
    let Some(terminal) = Terminal::start((120, 32), &words) else {
        return;
    };
    let screen = terminal.shows(&["200 hosts", "! 1 down", "web-017", "close_wait_leak"]);
    keep("fleet-hosts.txt", &screen);
    assert!(
        screen
            .lines()
            .nth(2)
            .is_some_and(|line| line.contains("Hosts")),
        "{screen}"
    );
    terminal.press(&["/"]);
    for key in name(LEAKING).chars() {
        terminal.press(&[&key.to_string()]);
    }
    terminal.press(&["Enter"]);
    terminal.shows(&["1-1 of 1"]);
    terminal.press(&["Enter"]);
    let screen = terminal.shows(&[
        "Hosts › web-017",
        "CRITICAL close_wait_leak",
        "nginx",
        "now",
    ]);
    keep("fleet-host.txt", &screen);
    terminal.press(&["Enter"]);
    let screen = terminal.shows(&["web-017 › payments", "*:5432", "files open"]);
    keep("fleet-process.txt", &screen);
    terminal.press(&["Enter"]);
    let screen = terminal.shows(&[
        "payments to *:5432",
        "tcpmon ls 'dport = :5432 and proc = payments'",
    ]);
    keep("fleet-destination.txt", &screen);
    terminal.press(&["q"]);
}
