//! Handshakes that are never finished, and many that are.

use std::thread;
use std::time::Duration;

use tcpmon::core::query::Actor;
use tcpmon::core::verdict::{Kind, Severity};

use super::load::ask;
use super::network::{FAR, Link, NEAR, ip};
use super::program::Program;
use super::stage::{PROMPT_S, Scene, is, seconds_between};
use crate::place::{Namespace, now_ns};

const BACKLOG: &str = "16";

pub(super) fn of_syns(scene: &Scene<'_>) {
    let link = Link::make();
    ip(&format!("route add 10.77.0.0/16 via {FAR}"));
    let here = Namespace::current();
    here.set("ipv4/tcp_syncookies", "1");
    here.set("ipv4/conf/near0/rp_filter", "0");
    let server = Program::python(
        "server.py",
        &["careful", "--address", "0.0.0.0", "--backlog", BACKLOG],
    );
    let port = server.port();
    let since_ns = now_ns();
    let flood =
        link.over_there(|| Program::python("flood.py", &[NEAR, &port.to_string(), "3000", "150"]));
    let said = scene.awaits(40, "a flood", |row| {
        is(row, Kind::SynFlood, Severity::Warning)
    });
    let row = &said.row;
    let after_s = seconds_between(since_ns, said.time_ns).expect("not before it began");
    scene.note(&format!("named after {after_s:.1} s: {}", row.what));
    assert_eq!(
        (row.pid, row.service_port),
        (Some(server.pid()), Some(port)),
        "{row:#?}"
    );
    assert_ne!(row.fix_by, Actor::Process, "{row:#?}");
    assert!(after_s <= 2.0 * PROMPT_S, "{after_s}");
    flood.says(40, "flooded");
    scene.only(&[Kind::SynFlood]);
}

/// A hundred clients at the same moment, five times; every one is served.
pub(super) fn of_clients(scene: &Scene<'_>) {
    const CLIENTS: usize = 100;
    let server = Program::python("server.py", &["careful", "--backlog", BACKLOG]);
    let port = server.port();
    for _ in 0..5 {
        thread::scope(|scope| {
            for _ in 0..CLIENTS {
                scope.spawn(move || ask(port).expect("it serves"));
            }
        });
        // The pause is part of the load.
        thread::sleep(Duration::from_secs(2));
    }
    let said = scene.said();
    if let Some(last) = said.last() {
        scene.note(&format!("{} times: {}", said.len(), last.row.what));
    }
    // The accept queue did overflow.
    scene.only(&[Kind::AcceptQueueOverflow]);
}
