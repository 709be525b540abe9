//! Local ports that run out.

use tcpmon::core::query::VerdictRow;
use tcpmon::core::verdict::{Kind, Severity};

use super::program::Program;
use super::stage::{PROMPT_S, Scene, is, seconds_between};
use crate::place::Namespace;

const KIND: Kind = Kind::PortExhaustion;
const ENDS: &str = "seconds_until_no_port_is_left";

/// Two servers in a namespace where clients have this range of ports, and may not take over what is in
/// TIME_WAIT.
fn servers(range: &str) -> [Program; 2] {
    let servers = [(); 2].map(|()| Program::python("server.py", &["careful"]));
    for server in &servers {
        // The range of the servers' own ports is that of before.
        server.port();
    }
    let here = Namespace::current();
    here.set("ipv4/ip_local_port_range", range);
    here.set("ipv4/tcp_tw_reuse", "0");
    servers
}

/// It is about this process's connections to this port.
#[track_caller]
fn blames(row: &VerdictRow, client: &Program, port: u16) {
    assert_eq!(
        row.destination_address.as_deref(),
        Some("127.0.0.1"),
        "{row:#?}"
    );
    assert_eq!(
        (row.pid, row.destination_port),
        (Some(client.pid()), Some(port)),
        "{row:#?}"
    );
    assert_eq!(row.process.as_deref(), Some(&*client.name()));
}

/// Every verdict here was on this destination.
#[track_caller]
fn only_to(scene: &Scene<'_>, port: u16) {
    for said in scene.said() {
        assert_eq!(said.row.destination_port, Some(port), "{said:#?}");
    }
}

pub(super) fn slowly(scene: &Scene<'_>) {
    let [spent, spared] = servers("20000 20399").map(|server| (server.port(), server));
    let client = Program::python(
        "client.py",
        &[
            "spend",
            &format!("127.0.0.1:{}=8", spent.0),
            &format!("127.0.0.1:{}=1", spared.0),
        ],
    );
    let said = scene.awaits(60, "ports that will run out", |row| {
        is(row, KIND, Severity::Warning) && row.evidence.contains_key(ENDS)
    });
    assert_eq!(
        said.row.severity,
        Severity::Warning,
        "a warning comes first: {:#?}",
        said.row
    );
    blames(&said.row, &client, spent.0);
    assert_eq!(said.row.evidence["ports_usable"], 400.0, "{:#?}", said.row);
    scene.note(&said.row.what);
    let refused = client.says(90, "refused");
    let (port, refused_ns) = refused.split_once(' ').expect("a port and a time");
    assert_eq!(port.parse(), Ok(spent.0));
    let refused_ns: u64 = refused_ns.parse().expect("a time");
    assert!(said.time_ns < refused_ns, "foretold");
    scene.foretold(ENDS, refused_ns, 10.0);
    ran_out(scene, &client, spent.0, refused_ns);
    only_to(scene, spent.0);
}

/// The verdict after `connect()` failed.
#[track_caller]
fn ran_out(scene: &Scene<'_>, client: &Program, port: u16, refused_ns: u64) {
    let said = scene.awaits(30, "ports that ran out", |row| {
        is(row, KIND, Severity::Critical) && row.evidence["failed_connects_in_a_minute"] > 0.0
    });
    blames(&said.row, client, port);
    let after_s = seconds_between(refused_ns, said.time_ns).expect("not before it happened");
    scene.note(&format!(
        "named {after_s:.1} s after the first failure: {}",
        said.row.what
    ));
    assert!(after_s <= PROMPT_S, "{after_s}");
    scene.only(&[KIND]);
}

pub(super) fn at_once(scene: &Scene<'_>) {
    let [spent, spared] = servers("20000 20063").map(|server| (server.port(), server));
    let client = Program::python(
        "client.py",
        &[
            "spend",
            &format!("127.0.0.1:{}=40", spent.0),
            &format!("127.0.0.1:{}=0.5", spared.0),
        ],
    );
    let refused = client.says(60, "refused");
    let (_, refused_ns) = refused.split_once(' ').expect("a port and a time");
    ran_out(scene, &client, spent.0, refused_ns.parse().expect("a time"));
    only_to(scene, spent.0);
}
