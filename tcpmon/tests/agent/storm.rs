//! More than an agent that does not even run can take: all of it is accounted for, and the next
//! audit makes up for it.

use std::net::{TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;

use nix::sys::signal::Signal;

use crate::dice::setting;
use crate::net::{abort, listener, pair, read_end, read_reset};
use crate::place::{alone_in_namespace, now_ns};
use crate::running::Agent;
use crate::ss;
use crate::world::{Home, check, in_workplace, within};

const WORKERS: u64 = 2;
/// Every so many end in order and leave a TIME_WAIT entry: more would only make `ss` slow.
const IN_ORDER: u64 = 8;
/// Every so many a new listener, or there would be no free ports.
const PER_LISTENER: u64 = 5000;
const SECOND_NS: u64 = 1_000_000_000;

/// Connections as fast as they can be made.
fn work(connections: u64, done: &AtomicU64) {
    let mut at = listener();
    for number in 1..=connections {
        let (client, mut server) = pair(&at);
        if number % IN_ORDER == 0 {
            drop(client);
            read_end(&mut server);
        } else {
            abort(client);
            read_reset(&mut server);
        }
        done.fetch_add(1, Ordering::Relaxed);
        if number % PER_LISTENER == 0 {
            at = listener();
        }
    }
}

/// Connections that are there all the time, of which some end when nobody looks.
fn held(listener: &TcpListener) -> Vec<(TcpStream, TcpStream)> {
    (0..100).map(|_| pair(listener)).collect()
}

#[test]
fn a_storm_past_a_stopped_agent_is_accounted_for_and_made_up_for_by_one_audit() {
    let connections = setting("TCPMON_STORM_CONNECTIONS", 20_000);
    let pause_s = setting("TCPMON_STORM_PAUSE_SECONDS", 1);
    alone_in_namespace(|_| {
        let agent = Agent::start(&[]);
        in_workplace(|netns| {
            let place = Home::here();
            let listener = listener();
            let mut old = held(&listener);
            ss::agree(&agent, netns);
            let done = AtomicU64::new(0);
            let began_ns = now_ns();
            let new = thread::scope(|scope| {
                for _ in 0..WORKERS {
                    scope.spawn(|| place.visit(|| work(connections / WORKERS, &done)));
                }
                within(120, "half the storm", || {
                    let done = done.load(Ordering::Relaxed);
                    check(done >= connections / 2, || format!("{done} so far"))
                });
                agent.signal(Signal::SIGSTOP);
                let awake_ns = now_ns() + pause_s * SECOND_NS;
                for (client, mut server) in old.drain(50..) {
                    drop(client);
                    read_end(&mut server);
                }
                let new = held(&listener);
                within(pause_s + 5, "the pause is over", || {
                    check(now_ns() >= awake_ns, || "not yet".into())
                });
                agent.signal(Signal::SIGCONT);
                new
            });
            let stormed_ns = now_ns();
            let (looks, equal_ns) = equal_after_one_audit(&agent, netns);
            let health = agent.summary().health;
            println!(
                "{connections} connections in {:.1} s, {pause_s} s of them unseen; \
                 equal {:.2} s later, at look {looks}; produced {}, delivered {}, lost {:?}, \
                 drift {:?}",
                (stormed_ns - began_ns) as f64 / 1e9,
                (equal_ns - stormed_ns) as f64 / 1e9,
                health.events_produced,
                health.events_delivered,
                health.events_lost,
                health.drift
            );
            assert!(health.events_produced >= connections * 6, "{health:?}");
            drop((old, new));
        });
    });
}

/// Rings of which the larger is the default, and either far too small for what comes.
const RINGS: [&str; 2] = ["64KiB", "8MiB"];
/// Two workers make some 20,000 connections a second on two processors: this ends a churn nobody ends.
const MOST: u64 = 4_000_000;
/// Those of a worker that may leave a TIME_WAIT entry.
const MOST_IN_ORDER: u64 = 1000;
/// Connections made before the agent is stopped, and after it goes on.
const AROUND: u64 = 4000;
/// Transitions of an aborted connection at both ends, and of one that ends in order.
const ABORTED: u64 = 6;
const ENDED: u64 = 10;

/// Connections as fast as they can be made, until `over`; counts them and their transitions.
fn churn(over: &AtomicBool, done: &AtomicU64, transitions: &AtomicU64) {
    let mut at = listener();
    let mut in_order = 0;
    for number in 1..=MOST / WORKERS {
        if over.load(Ordering::Relaxed) {
            return;
        }
        let (client, mut server) = pair(&at);
        let count = if number % 128 == 0 && in_order < MOST_IN_ORDER {
            in_order += 1;
            drop(client);
            read_end(&mut server);
            ENDED
        } else {
            abort(client);
            read_reset(&mut server);
            ABORTED
        };
        drop(server);
        transitions.fetch_add(count, Ordering::Relaxed);
        done.fetch_add(1, Ordering::Relaxed);
        if number % PER_LISTENER == 0 {
            at = listener();
        }
    }
}

/// Waits for [`AROUND`] more connections.
fn go_on(done: &AtomicU64) {
    let enough = done.load(Ordering::Relaxed) + AROUND;
    within(60, "more connections", || {
        let done = done.load(Ordering::Relaxed);
        check(done >= enough, || format!("{done} of {enough}"))
    });
}

#[test]
fn an_agent_stopped_under_full_churn_has_the_exact_table_after_one_audit() {
    let stop_s = setting("TCPMON_STORM_STOP_SECONDS", 5);
    for ring in RINGS {
        alone_in_namespace(|_| {
            let agent = Agent::start(&["--ring.size", ring]);
            in_workplace(|netns| {
                let outcome = stop_under_churn(&agent, netns, stop_s);
                println!("ring {ring}, {stop_s} s stopped: {outcome}");
            });
        });
    }
}

/// Returns what happened, in words.
fn stop_under_churn(agent: &Agent, netns: u32, stop_s: u64) -> String {
    let place = Home::here();
    let listener = listener();
    let mut old = held(&listener);
    ss::agree(agent, netns);
    let (over, done, transitions) = (AtomicBool::new(false), AtomicU64::new(0), AtomicU64::new(0));
    let (new, unseen) = thread::scope(|scope| {
        for _ in 0..WORKERS {
            scope.spawn(|| place.visit(|| churn(&over, &done, &transitions)));
        }
        go_on(&done);
        agent.signal(Signal::SIGSTOP);
        let (awake_ns, before) = (now_ns() + stop_s * SECOND_NS, done.load(Ordering::Relaxed));
        for (client, mut server) in old.drain(50..) {
            drop(client);
            read_end(&mut server);
        }
        let new = held(&listener);
        within(stop_s + 5, "the stop is over", || {
            check(now_ns() >= awake_ns, || "not yet".into())
        });
        let unseen = done.load(Ordering::Relaxed) - before;
        agent.signal(Signal::SIGCONT);
        go_on(&done);
        over.store(true, Ordering::Relaxed);
        (new, unseen)
    });
    let calm_ns = now_ns();
    let (looks, equal_ns) = equal_after_one_audit(agent, netns);
    let health = agent.summary().health;
    let outcome = format!(
        "{} connections, {unseen} of them meanwhile; equal {:.2} s \
         after the churn, at look {looks}; produced {}, delivered {}, lost {:?}, drift {:?}",
        done.load(Ordering::Relaxed),
        (equal_ns - calm_ns) as f64 / 1e9,
        health.events_produced,
        health.events_delivered,
        health.events_lost,
        health.drift
    );
    let lost = health.events_lost["ring_full"];
    assert!(
        lost > unseen,
        "the ring was full nearly all the time: {health:?}"
    );
    // The tracepoint sees the whole machine.
    let made = transitions.load(Ordering::Relaxed);
    assert!(health.events_produced >= made, "{made}: {health:?}");
    drop((old, new));
    outcome
}

/// Looks until the agent and `ss` agree, and tells how often that was and when. An audit that has
/// begun after the storm is the last chance: the second that ends, for the first may have begun
/// before.
#[track_caller]
fn equal_after_one_audit(agent: &Agent, netns: u32) -> (u32, u64) {
    within(30, "produced = delivered + lost", || {
        let health = agent.summary().health;
        let known = health.events_delivered + health.events_lost.values().sum::<u64>();
        check(health.events_produced == known, || format!("{health:?}"))
    });
    let last = agent.audits() + 2;
    let mut looks = 0;
    let equal = within(60, "one audit", || {
        looks += 1;
        let audits = agent.audits();
        match ss::compare(agent, netns) {
            Ok(_) => Ok(Ok(now_ns())),
            Err(complaint) if audits >= last => Ok(Err(complaint)),
            Err(complaint) => Err(complaint),
        }
    });
    let equal_ns = equal.unwrap_or_else(|complaint| panic!("after an audit: {complaint}"));
    (looks, equal_ns)
}
