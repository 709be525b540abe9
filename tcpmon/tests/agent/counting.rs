//! Every transition is counted and told, and what is lost is known and made up for.

use std::net::{TcpListener, TcpStream};

use nix::sys::signal::Signal;
use tcpmon::core::query::{EventRow, Summary};

use crate::net::{listener, pair, read_end};
use crate::place::alone_in_namespace;
use crate::running::Agent;
use crate::ss;
use crate::watch::{Edges, Watch, edges};
use crate::world::{check, in_workplace, within};

const CONNECTIONS: u64 = 2000;
/// A watcher may be 4096 rows behind before it loses some; these are a thousand.
const AT_ONCE: u64 = 100;

/// The edges of a connection that the client closes first.
const PATH: [(&str, &str); 10] = [
    ("CLOSE", "SYN_SENT"),
    ("SYN_SENT", "ESTABLISHED"),
    ("ESTABLISHED", "FIN_WAIT1"),
    ("FIN_WAIT1", "FIN_WAIT2"),
    ("FIN_WAIT2", "CLOSE"),
    ("LISTEN", "SYN_RECV"),
    ("SYN_RECV", "ESTABLISHED"),
    ("ESTABLISHED", "CLOSE_WAIT"),
    ("CLOSE_WAIT", "LAST_ACK"),
    ("LAST_ACK", "CLOSE"),
];

/// A whole connection, from the handshake to TIME_WAIT.
fn come_and_go(listener: &TcpListener) {
    let (client, mut server) = pair(listener);
    drop(client);
    read_end(&mut server);
}

/// Edges of [`PATH`], each taken `count` times.
fn paths(count: u64) -> Edges {
    let edge = |(from, to): (&str, &str)| ((from.to_owned(), to.to_owned()), count);
    PATH.into_iter().map(edge).collect()
}

#[test]
fn every_edge_is_told_once_and_counted_once() {
    alone_in_namespace(|_| {
        let agent = Agent::start(&[]);
        in_workplace(|netns| {
            let listener = listener();
            let machine = Watch::start(&agent, "");
            let place = Watch::start(&agent, &format!("netns = {netns}"));
            // The markers of the second watch are no part of the count.
            machine.until_marker();
            place.until_marker();
            machine.until_marker();
            // One connection for both: asking is no transition.
            let mut http = agent.http();
            machine.until_marker();
            place.until_marker();
            let before = transitions(&http.get("/metrics").body);

            let ours = |row: &&EventRow| row.socket.netns == Some(netns) && is_of_connection(row);
            let (mut told, mut everywhere) = (Vec::new(), Vec::new());
            for batch in 1..=CONNECTIONS / AT_ONCE {
                for _ in 0..AT_ONCE {
                    come_and_go(&listener);
                }
                let wanted = usize::try_from(batch * AT_ONCE).expect("small") * PATH.len();
                within(10, "the transitions are told", || {
                    told.extend(std::iter::from_fn(|| place.next()).filter(is_of_connection));
                    everywhere.extend(std::iter::from_fn(|| machine.next()));
                    let seen = everywhere.iter().filter(ours).count();
                    check(told.len() >= wanted && seen >= wanted, || {
                        format!("{} and {seen} of {wanted}", told.len())
                    })
                });
            }
            let after = transitions(&http.get("/metrics").body);
            everywhere.extend(machine.until_marker());

            assert_eq!(edges(&told), paths(CONNECTIONS));
            assert_eq!(edges(everywhere.iter().filter(ours)), paths(CONNECTIONS));
            // What others did meanwhile was told too, and is at most this.
            let others = edges(
                everywhere
                    .iter()
                    .filter(|row| row.socket.netns != Some(netns)),
            );
            for (edge, count) in paths(CONNECTIONS) {
                let growth = after[&edge] - before.get(&edge).unwrap_or(&0);
                let most = count + others.get(&edge).unwrap_or(&0);
                assert!(
                    (count..=most).contains(&growth),
                    "{edge:?}: {growth} of {count}..={most}"
                );
            }
            let health = agent.summary().health;
            assert!(
                health.events_lost.values().all(|lost| *lost == 0),
                "{health:?}"
            );
            let dropped = value(
                &http.get("/metrics").body,
                "tcpmon_watch_rows_dropped_total ",
            );
            assert_eq!(dropped, Some(0));
            settled(&agent);
            ss::agree(&agent, netns);
        });
    });
}

/// Markers are listeners.
fn is_of_connection(row: &EventRow) -> bool {
    row.socket.remote_port != 0
}

#[test]
fn what_is_lost_is_counted_and_the_next_audit_makes_up_for_it() {
    alone_in_namespace(|_| {
        let agent = Agent::start(&["--ring.size", "4KiB"]);
        in_workplace(|netns| {
            let listener = listener();
            let mut held: Vec<(TcpStream, TcpStream)> = (0..20).map(|_| pair(&listener)).collect();
            within(10, "an audit has been here", || {
                let rows = agent.ls(&format!("netns = {netns}"));
                let audited = rows.iter().all(|row| row.uid.is_some());
                check(audited && rows.len() == 41, || format!("{rows:#?}"))
            });
            ss::agree(&agent, netns);
            let before = transitions(&agent.http().get("/metrics").body);
            let lost_before = lost(&agent.summary());

            agent.signal(Signal::SIGSTOP);
            for _ in 0..500 {
                come_and_go(&listener);
            }
            // The ring is full: of these the agent is told nothing.
            for (client, mut server) in held.drain(10..) {
                drop(client);
                read_end(&mut server);
            }
            held.extend((0..20).map(|_| pair(&listener)));
            agent.signal(Signal::SIGCONT);

            let rows = ss::agree(&agent, netns);
            assert!(rows.len() > 500, "{}", rows.len());
            let summary = settled(&agent);
            assert!(lost(&summary) > lost_before, "{summary:?}");
            let drift = summary.health.drift;
            for kind in ["missed", "vanished"] {
                assert!(drift[kind] >= 10, "{drift:?}");
            }
            let after = transitions(&agent.http().get("/metrics").body);
            let closed = ("LAST_ACK".to_owned(), "CLOSE".to_owned());
            let growth = after[&closed] - before.get(&closed).unwrap_or(&0);
            assert!(growth >= 510, "counted although they were lost: {growth}");
        });
    });
}

#[test]
fn a_flood_through_the_smallest_ring_leaves_nothing_unaccounted() {
    alone_in_namespace(|_| {
        let agent = Agent::start(&["--ring.size", "4KiB"]);
        in_workplace(|netns| {
            let listener = listener();
            for _ in 0..1000 {
                come_and_go(&listener);
            }
            let _held: Vec<_> = (0..20).map(|_| pair(&listener)).collect();
            ss::agree(&agent, netns);
            settled(&agent);
        });
    });
}

fn lost(summary: &Summary) -> u64 {
    summary.health.events_lost.values().sum()
}

/// Waits until nothing is under way: all that was produced has been delivered or lost.
#[track_caller]
fn settled(agent: &Agent) -> Summary {
    within(10, "produced = delivered + lost", || {
        let summary = agent.summary();
        let health = &summary.health;
        let balanced = health.events_produced == health.events_delivered + lost(&summary);
        check(balanced, || format!("{health:?}"))?;
        Ok(summary)
    })
}

/// `tcpmon_transitions_total`.
fn transitions(metrics: &str) -> Edges {
    let lines = metrics.lines().filter_map(|line| {
        let line = line.strip_prefix("tcpmon_transitions_total{from=\"")?;
        let (from, rest) = line.split_once("\",to=\"")?;
        let (to, count) = rest.split_once("\"} ")?;
        Some(((from.to_owned(), to.to_owned()), count.parse().ok()?))
    });
    lines.collect()
}

fn value(metrics: &str, name: &str) -> Option<u64> {
    let line = metrics.lines().find_map(|line| line.strip_prefix(name));
    line?.parse().ok()
}
