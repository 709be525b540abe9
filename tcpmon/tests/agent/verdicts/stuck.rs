//! Servers that stop accepting, and peers that stop answering.

use std::net::TcpStream;

use socket2::Socket;
use tcpmon::core::query::{Actor, VerdictRow};
use tcpmon::core::verdict::{Kind, Severity};

use super::load::ask;
use super::network::{FAR, Link, NOBODY};
use super::program::Program;
use super::stage::{PROMPT_S, Said, Scene, is, seconds_between};
use crate::net::{begin_connect, socket};
use crate::place::now_ns;

/// The first in an accept queue waits suspiciously long, and too long.
const SUSPICIOUS_S: f64 = 10.0;
const STUCK_S: f64 = 30.0;
/// So long a verdict stands after its last reason, and a moment.
const FADES_S: f64 = 30.0 + 5.0;

/// A server that has stopped accepting, with two connections served.
fn deaf(backlog: &str) -> Program {
    let server = Program::python("server.py", &["deaf", "--after", "2", "--backlog", backlog]);
    for _ in 0..2 {
        ask(server.port()).expect("it still serves");
    }
    server
}

/// Connections that nobody accepts.
fn waiting(port: u16, count: usize) -> Vec<TcpStream> {
    let connect = |_| TcpStream::connect(("127.0.0.1", port)).expect("the kernel takes it");
    (0..count).map(connect).collect()
}

/// Waits for the verdict on the listener; it comes when the numbers say so.
#[track_caller]
fn named(scene: &Scene<'_>, server: &Program, since_ns: u64, least: Severity) -> Said {
    let said = scene.awaits(60, "a server that does not accept", |row| {
        is(row, Kind::AcceptStuck, least)
    });
    let row = &said.row;
    assert_eq!(
        (row.pid, row.service_port),
        (Some(server.pid()), Some(server.port())),
        "{row:#?}"
    );
    assert_eq!(row.process.as_deref(), Some(&*server.name()));
    assert_eq!(row.fix_by, Actor::Process);
    let suspected = scene.awaits(1, "a suspicion", |row| row.verdict == Kind::AcceptStuck);
    let after_s =
        |said: &Said| seconds_between(since_ns, said.time_ns).expect("not before it began");
    let (first_s, named_s) = (after_s(&suspected), after_s(&said));
    scene.note(&format!(
        "suspected after {first_s:.1} s, named after {named_s:.1} s: {}",
        row.what
    ));
    assert!(
        first_s <= SUSPICIOUS_S + PROMPT_S && named_s <= STUCK_S + PROMPT_S,
        "{first_s} {named_s}"
    );
    said
}

pub(super) fn deaf_to_peers_that_stay(scene: &Scene<'_>) {
    let server = deaf("64");
    let since_ns = now_ns();
    let _waiting = waiting(server.port(), 6);
    let said = named(scene, &server, since_ns, Severity::Warning);
    assert_eq!(said.row.evidence["waiting_connections"], 6.0);
    assert_eq!(said.row.evidence["hung_up_connections"], 0.0);
    scene.only(&[Kind::AcceptStuck]);
}

pub(super) fn deaf_to_peers_that_hang_up(scene: &Scene<'_>) {
    let server = deaf("64");
    let since_ns = now_ns();
    drop(waiting(server.port(), 6));
    let said = named(scene, &server, since_ns, Severity::Warning);
    assert_eq!(said.row.evidence["waiting_connections"], 6.0);
    assert_eq!(said.row.evidence["hung_up_connections"], 6.0);
    assert!(
        said.row.what.contains("6 of the peers have hung up"),
        "{}",
        said.row.what
    );
    scene.only(&[Kind::AcceptStuck]);
}

pub(super) fn deaf_with_a_full_queue(scene: &Scene<'_>) {
    const BACKLOG: usize = 4;
    let server = deaf(&BACKLOG.to_string());
    let since_ns = now_ns();
    // The queue takes one more than its backlog.
    let _waiting = waiting(server.port(), BACKLOG + 1);
    // One more, which is dropped and tried again.
    let turned_away: Socket = socket();
    let port = server.port();
    begin_connect(&turned_away, ([127, 0, 0, 1], port).into());
    named(scene, &server, since_ns, Severity::Critical);
    // In its first seconds a queue that is full may be one that is emptied too slowly.
    scene.only(&[Kind::AcceptStuck, Kind::AcceptQueueOverflow]);
    let said = scene.said();
    let of = |kind| said.iter().filter(move |said| said.row.verdict == kind);
    let stuck_ns = of(Kind::AcceptStuck)
        .map(|said| said.time_ns)
        .min()
        .expect("it was said");
    for said in of(Kind::AcceptQueueOverflow) {
        assert_eq!(said.row.severity, Severity::Suspicious, "{said:#?}");
        let since_s = seconds_between(stuck_ns, said.time_ns).unwrap_or(0.0);
        assert!(
            since_s <= FADES_S,
            "{since_s} s after its cause was named: {said:#?}"
        );
    }
}

/// A verdict on connections to the far end blames the peer and says whose connections they are.
#[track_caller]
fn blames_the_peer(row: &VerdictRow, client: &Program, address: &str, port: u16) {
    assert_eq!(
        row.destination_address.as_deref(),
        Some(address),
        "{row:#?}"
    );
    assert_eq!(
        (row.pid, row.destination_port),
        (Some(client.pid()), Some(port)),
        "{row:#?}"
    );
    assert_eq!(row.process.as_deref(), Some(&*client.name()));
    assert_ne!(row.fix_by, Actor::Process, "{row:#?}");
}

pub(super) fn dead_peer(scene: &Scene<'_>) {
    let link = Link::make();
    let port = link.server.port();
    let client = Program::python("client.py", &["talk", &format!("{FAR}:{port}"), "4"]);
    client.says(20, "talking");
    link.silence();
    let since_ns = now_ns();
    let said = scene.awaits(90, "a peer that fell silent", |row| {
        is(row, Kind::HalfDead, Severity::Warning)
    });
    let after_s = seconds_between(since_ns, said.time_ns).expect("not before it began");
    scene.note(&format!("named after {after_s:.1} s: {}", said.row.what));
    blames_the_peer(&said.row, &client, FAR, port);
    assert_eq!(
        said.row.evidence["silent_connections"], 4.0,
        "{:#?}",
        said.row
    );
    scene.only(&[Kind::HalfDead]);
}

pub(super) fn nobody_answers(scene: &Scene<'_>) {
    let _link = Link::make();
    let since_ns = now_ns();
    let client = Program::python("client.py", &["call", &format!("{NOBODY}:9"), "5"]);
    let said = scene.awaits(60, "a peer that is not there", |row| {
        is(row, Kind::SynSentStuck, Severity::Warning)
    });
    let after_s = seconds_between(since_ns, said.time_ns).expect("not before it began");
    scene.note(&format!("named after {after_s:.1} s: {}", said.row.what));
    blames_the_peer(&said.row, &client, NOBODY, 9);
    assert!(after_s <= 10.0 + 2.0 + PROMPT_S, "{after_s}");
    scene.only(&[Kind::SynSentStuck]);
}
