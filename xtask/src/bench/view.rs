//! What a view costs the agent while very much happens, and how soon a key shows.

use std::thread;
use std::time::Duration;

use anyhow::{Context as _, Result, bail};

use super::agent::Agent;
use super::held::Held;
use super::report::{Report, median};
use super::screen::Screen;
use super::storm::Storm;
use super::timed;

/// Sockets that are there all the time.
const SOCKETS: u64 = 500_000;
/// Connections a second besides, ten transitions each.
const CONNECTIONS_A_SECOND: u64 = 3_000;
/// Windows with and without a view, in turn.
const PAIRS: usize = 3;
/// Length of a window: some refreshes of the view.
const WINDOW: Duration = Duration::from_secs(4);
/// Longer than everything takes: the load ends by itself.
const LONGEST_SECONDS: u64 = 600;
/// How often the help is opened or closed in each view: that always changes the screen.
const PRESSES: usize = 31;
/// Between two keys; not a divisor of a second, at which the view is drawn anyway.
const PRESS_EVERY: Duration = Duration::from_millis(73);
const CPU: &str = "process_cpu_seconds_total";
const EVENTS: &str = "tcpmon_events_total";
const LOST: &str = "tcpmon_events_lost_total";

/// What is looked at: its name, the words of the command, and the keys that lead there.
const VIEWS: [(&str, &[&str], &str); 6] = [
    ("overview", &[], "1"),
    ("sockets", &[], "2"),
    ("one socket", &[], "2\r"),
    ("destinations", &[], "5"),
    ("events, all of them", &[], "7"),
    ("a filter that nothing matches", &["dport = :1"], ""),
];

/// Measures every view, for some minutes in all.
pub(super) fn measure(report: &mut Report) -> Result<()> {
    eprintln!("holding {SOCKETS} sockets");
    let held = Held::open(SOCKETS, 1)?;
    let agent = Agent::start()?;
    agent.seeded()?;
    let storm = Storm::start(CONNECTIONS_A_SECOND, LONGEST_SECONDS)?;
    thread::sleep(WINDOW);
    let before = agent.metrics()?;
    let (seconds, ()) = timed(|| thread::sleep(WINDOW));
    let after = agent.metrics()?;
    report.add(
        "sockets",
        &format!("{:.0}", after.sum("tcpmon_sockets")),
        "held on loopback, and what comes and goes",
    );
    report.add(
        "transitions/s",
        &format!("{:.0}", after.grew(&before, EVENTS) / seconds),
        "while everything below is measured",
    );
    let mut delays = Vec::new();
    for (name, words, keys) in VIEWS {
        eprintln!("looking at {name}");
        let (row, how, mut pressed) = one(&agent, words, keys)?;
        report.add(&format!("agent, with {name}"), &row, &how);
        delays.append(&mut pressed);
    }
    delays.sort_by(f64::total_cmp);
    report.add(
        "key to frame",
        &format!("{:.1} ms", median(&delays) * 1e3),
        &format!(
            "median of {} keys in all views, from the write to the first byte of the answer; nine in ten \
             within {:.1} ms",
            delays.len(),
            delays[delays.len() * 9 / 10] * 1e3
        ),
    );
    let end = agent.metrics()?;
    report.add("events lost", &format!("{:.0}", end.sum(LOST)), "");
    storm.stop()?;
    agent.stop()?;
    drop(held);
    Ok(())
}

/// Processor time of the agent with the view and without, in turn; and how long each key took.
fn one(agent: &Agent, words: &[&str], keys: &str) -> Result<(String, String, Vec<f64>)> {
    let (mut bare, mut watched, mut own) = (Vec::new(), Vec::new(), Vec::new());
    let mut delays = Vec::new();
    for pair in 0..PAIRS {
        // The order alternates: a machine that gets slower must not favour one side.
        if pair % 2 == 0 {
            bare.push(share(agent)?);
        }
        let mut screen = Screen::open(&agent.socket(), words)?;
        screen.show(keys)?;
        let before = screen.cpu_seconds()?;
        let (seconds, with) = timed(|| share(agent));
        watched.push(with?);
        own.push((screen.cpu_seconds()? - before) / seconds);
        if pair == 0 {
            for _ in 0..PRESSES {
                thread::sleep(PRESS_EVERY);
                delays.push(screen.press("h")?.as_secs_f64());
            }
        }
        screen.close()?;
        if pair % 2 == 1 {
            bare.push(share(agent)?);
        }
    }
    if delays.is_empty() {
        bail!("no key was pressed");
    }
    let (with, without) = (median(&watched), median(&bare));
    let row = format!("{:+.2} % of a processor", (with - without) * 100.0);
    let how = format!(
        "{:.2} % with it and {:.2} % without, medians of {PAIRS} windows of {} s in turn; top itself {:.2} %",
        with * 100.0,
        without * 100.0,
        WINDOW.as_secs(),
        median(&own) * 100.0
    );
    Ok((row, how, delays))
}

/// The share of a processor that the agent uses.
fn share(agent: &Agent) -> Result<f64> {
    let before = agent.metrics()?;
    let (seconds, ()) = timed(|| thread::sleep(WINDOW));
    let after = agent.metrics().context("the agent is gone")?;
    Ok(after.grew(&before, CPU) / seconds)
}
