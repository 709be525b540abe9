//! What is saved, what is left out, and how files are called.

use std::net::IpAddr;

use tcpmon_common::record::flag;
use tcpmon_common::{Record, State};

use super::*;
use crate::core::facts::NetnsIdentity;
use crate::core::table::Process;
use crate::core::verdict::Place;

const SECOND: u64 = 1_000_000_000;
const NETNS: NetnsIdentity = NetnsIdentity {
    cookie: 1,
    inode: 4_026_531_840,
};
const LOOPBACK: [u8; 16] = [127, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];

struct World {
    table: Table,
    trail: Trail,
}

impl World {
    fn new() -> Self {
        Self {
            table: Table::new(),
            trail: Trail::default(),
        }
    }

    /// A client socket of process `pid` goes through `states`, one every millisecond.
    fn client(&mut self, cookie: u64, pid: u32, to: u16, start_ns: u64, states: &[State]) {
        let mut comm = [0; 16];
        comm[..4].copy_from_slice(b"test");
        for (step, pair) in (0..).zip(states.windows(2)) {
            let record = Record {
                time_ns: start_ns + step * SECOND / 1000,
                sock: cookie,
                cookie,
                netns_cookie: NETNS.cookie,
                netns_inode: NETNS.inode,
                family: 2,
                local_port: 30_000 + (cookie % 30_000) as u16,
                remote_port: to,
                local_address: LOOPBACK,
                remote_address: LOOPBACK,
                flags: flag::HAS_SOCKET | if step == 0 { flag::TASK } else { 0 },
                pid,
                comm,
                old_state: pair[0].number(),
                new_state: pair[1].number(),
                ..Record::EMPTY
            };
            let change = self.table.apply(&record).expect("a known state");
            self.trail.note(&self.table, &record, &change);
        }
    }

    fn incident(&self, subject: &Subject, now_ns: u64) -> Incident {
        let verdict = verdict();
        let at = Circumstances {
            time: "2026-11-21T08:50:44.123456789Z".into(),
            version: "0".into(),
            host: "host".into(),
            kernel: "6.18".into(),
            health: Health::default(),
        };
        Incident::collect(&self.table, &self.trail, subject, verdict, at, now_ns)
    }
}

fn verdict() -> VerdictRow {
    let row = serde_json::json!({
        "verdict": "close_wait_leak", "severity": "critical", "what": "a leak", "since_seconds": 3.0,
        "pid": 1234, "evidence": {"lingering_sockets": 50.0}, "sockets": [], "fix_by": "process",
        "fix": "close", "next": [], "confidence": "high", "unknown": [],
    });
    serde_json::from_value(row).expect("a verdict")
}

const OPEN: [State; 3] = [State::Close, State::SynSent, State::Established];
const LEFT: [State; 4] = [
    State::Close,
    State::SynSent,
    State::Established,
    State::CloseWait,
];

fn towards(kind: Kind, port: u16, pid: Option<u32>) -> Subject {
    let mut comm = [0; 16];
    comm[..4].copy_from_slice(b"test");
    Subject {
        kind,
        process: pid.map(|pid| Process { pid, comm }),
        place: Place::Destination {
            netns: NETNS,
            source: IpAddr::from([127, 0, 0, 1]),
            address: IpAddr::from([127, 0, 0, 1]),
            port,
        },
    }
}

#[test]
fn the_subject_comes_first_and_the_rest_is_counted() {
    let mut world = World::new();
    world.client(1, 10, 80, SECOND, &OPEN);
    world.client(2, 10, 80, 2 * SECOND, &LEFT);
    world.client(3, 11, 80, 3 * SECOND, &LEFT);
    world.client(4, 10, 443, 4 * SECOND, &OPEN);
    let leak = world.incident(&towards(Kind::CloseWaitLeak, 80, Some(10)), 5 * SECOND);
    let cookies: Vec<_> = leak.sockets.iter().map(|row| row.cookie).collect();
    assert_eq!(
        cookies,
        [Some(2), Some(1)],
        "in trouble first, and of that process alone"
    );
    assert_eq!(leak.sockets_in_all, 2);
    assert_eq!(
        leak.subject_states,
        ByState::from([("ESTABLISHED", 1), ("CLOSE_WAIT", 1)])
    );
    let all = ByState::from([("ESTABLISHED", 2), ("CLOSE_WAIT", 2)]);
    assert_eq!(leak.namespace_states.as_ref(), Some(&all));
    assert_eq!(leak.machine_states, all);

    let ports = world.incident(&towards(Kind::PortExhaustion, 80, None), 5 * SECOND);
    assert_eq!(ports.sockets_in_all, 3);
    assert_eq!(
        (ports.transitions_in_all, ports.other_transitions_in_all),
        (8, 2)
    );
    let last = &ports.transitions[0];
    assert_eq!((last.from, last.to), ("ESTABLISHED", "CLOSE_WAIT"));
    assert_eq!((last.cookie, last.pid), (Some(3), None));
    assert_eq!(ports.transitions[2].pid, Some(11), "who connected");
    assert!(
        ports
            .transitions
            .is_sorted_by(|one, other| one.age_seconds <= other.age_seconds)
    );
    assert!(
        ports
            .other_transitions
            .iter()
            .all(|row| row.remote_port == 443)
    );
}

#[test]
fn only_so_many_sockets_and_the_oldest_of_them() {
    let mut world = World::new();
    let number = MOST_SOCKETS as u64 + 50;
    for cookie in 1..=number {
        world.client(
            cookie,
            10 + (cookie % 7) as u32,
            80,
            cookie * SECOND / 100,
            &OPEN,
        );
    }
    let incident = world.incident(&towards(Kind::PortExhaustion, 80, None), 60 * SECOND);
    let cookies: Vec<_> = incident
        .sockets
        .iter()
        .filter_map(|row| row.cookie)
        .collect();
    let oldest: Vec<_> = (1..=MOST_SOCKETS as u64).collect();
    assert_eq!(cookies, oldest);
    assert_eq!(incident.sockets_in_all, number);
}

#[test]
fn the_trail_forgets_the_oldest_and_says_how_far_it_reaches() {
    let mut world = World::new();
    let subject = towards(Kind::PortExhaustion, 80, None);
    world.client(1, 10, 80, SECOND, &OPEN);
    let seen = |incident: &Incident| incident.transitions.len();
    let incident = world.incident(&subject, 2 * SECOND);
    assert_eq!(
        (seen(&incident), incident.transitions_reach_seconds),
        (2, 30.0)
    );
    let incident = world.incident(&subject, 32 * SECOND);
    assert_eq!(seen(&incident), 0, "older than 30 s");
    // Two for each; the ring holds 4096.
    for cookie in 2..2 + 2048 + 10 {
        world.client(cookie, 10, 80, 40 * SECOND + cookie * SECOND / 1000, &OPEN);
    }
    let incident = world.incident(&subject, 43 * SECOND);
    assert_eq!(seen(&incident), 4096);
    assert_eq!(incident.transitions[0].cookie, Some(2 + 2048 + 9));
    let oldest = incident.transitions.last().expect("some");
    assert!((incident.transitions_reach_seconds - oldest.age_seconds).abs() < 1e-9);
    assert!(oldest.age_seconds < 3.0);
}

fn json(incident: &Incident) -> Option<Vec<u8>> {
    serde_json::to_vec(incident).ok()
}

#[test]
fn the_document_fits_or_is_none() {
    let mut world = World::new();
    for cookie in 1..=300 {
        world.client(cookie, 10, 80, cookie * SECOND / 100, &OPEN);
        world.client(1000 + cookie, 10, 443, cookie * SECOND / 100, &OPEN);
    }
    let incident = world.incident(&towards(Kind::PortExhaustion, 80, None), 5 * SECOND);
    let whole = incident.clone().within(1 << 20, json).expect("it fits");
    let parsed: serde_json::Value = serde_json::from_slice(&whole).expect("JSON");
    assert_eq!(parsed["sockets"].as_array().map(Vec::len), Some(300));
    for most in [whole.len() - 1, 100_000, 20_000] {
        let cut = incident.clone().within(most, json).expect("it fits");
        assert!(cut.len() <= most);
        let parsed: serde_json::Value = serde_json::from_slice(&cut).expect("JSON");
        let length = |name: &str| parsed[name].as_array().map_or(0, Vec::len);
        assert!(length("other_transitions") < 600);
        assert_eq!(
            length("sockets") == 300,
            length("transitions") == 600,
            "others go first"
        );
        assert_eq!(parsed["sockets_in_all"], 300);
        assert_eq!(parsed["other_transitions_in_all"], 600);
    }
    assert_eq!(incident.within(500, json), None);
}

#[test]
fn a_name_has_time_kind_and_pid_and_is_known_again() {
    let world = World::new();
    let mut incident = world.incident(&towards(Kind::PortExhaustion, 80, None), SECOND);
    let name = "20261121T085044.123456789Z-close_wait_leak-1234.incident.json";
    assert_eq!(incident.file_name(), name);
    assert!(is_file_name(name));
    incident.verdict.pid = None;
    assert!(is_file_name(&incident.file_name()));
    for foreign in [
        "notes.incident.json",
        "20261121T085044.123456789Z-my_notes-1.incident.json",
        "20261121T085044.123456789Z-close_wait_leak-me.incident.json",
        "20261121T085044.123456789Z-close_wait_leak-.incident.json",
        "20261121T085044Z-close_wait_leak-1.incident.json",
        ".20261121T085044.123456789Z-close_wait_leak-1.incident.json",
        "20261121T085044.123456789Z-close_wait_leak-1.incident.json.part",
        "",
    ] {
        assert!(!is_file_name(foreign), "{foreign}");
    }
}

#[test]
fn once_in_ten_minutes_and_only_when_it_becomes_critical() {
    let mut saved = Saved::default();
    let change = |step, severity| Change {
        subject: towards(Kind::PortExhaustion, 80, None),
        step,
        severity: Some(severity),
    };
    let began = change(Step::Began, Severity::Critical);
    assert!(saved.is_due(&began, 0));
    assert!(saved.is_due(&change(Step::Worsened, Severity::Critical), 0));
    for (step, severity) in [
        (Step::Began, Severity::Warning),
        (Step::Eased, Severity::Critical),
        (Step::Ended, Severity::Critical),
    ] {
        assert!(!saved.is_due(&change(step, severity), 0), "{step:?}");
    }
    saved.note(began.subject, SECOND);
    assert!(!saved.is_due(&began, 600 * SECOND));
    assert!(saved.is_due(&began, 601 * SECOND));
    let other = Change {
        subject: towards(Kind::PortExhaustion, 81, None),
        ..began
    };
    saved.note(began.subject, 601 * SECOND);
    assert!(saved.is_due(&other, 602 * SECOND));
}
