//! Answers for tests of views.

use std::collections::BTreeMap;

use tcpmon_common::State;

use crate::core::facts::{MachineFact, NamespaceLimits, PortRange};
use crate::core::netns::NameSource;
use crate::core::query::{
    Actor, Confidence, DestinationRow, Destinations, EdgeRate, EndingRow, Endings, EventRow,
    Health, ListenerRow, Listeners, NamespaceRow, Namespaces, NetnsView, NextStep, OwnerSource,
    PastVerdict, Picture, ProcessAnswer, ProcessRow, Processes, Role, SCHEMA, SocketAnswer,
    SocketRow, Sockets, StateSummary, StepRow, Summary, TcpInfo, Transport, VerdictRow, Verdicts,
    Wants,
};
use crate::core::recording::Header;
use crate::core::verdict::{Kind, Severity};
use crate::mailbox::Batch;

/// A process name that tries everything: clear the screen, reorder, ring, break the line.
pub(crate) const HOSTILE: &str = "\x1b[2J\u{202e}\u{9b}1m\x07\r\n";

/// A socket of which nothing but the tuple is known.
pub(crate) fn unknown() -> SocketRow {
    SocketRow {
        cookie: None,
        netns: None,
        family: "ipv4".to_owned(),
        state: "CLOSE_WAIT".to_owned(),
        local_address: "10.0.3.17".to_owned(),
        local_port: 8080,
        remote_address: "192.0.2.44".to_owned(),
        remote_port: 50_312,
        age_seconds: 125.0,
        age_is_lower_bound: true,
        inode: None,
        pid: None,
        process: None,
        fd: None,
        owner_source: None,
        cgroup: None,
        unit: None,
        container: None,
        role: None,
        kind: "full".to_owned(),
        accepted: None,
        connection_age_seconds: None,
        remaining_seconds: None,
        uid: None,
        recv_queue: None,
        send_queue: None,
        accept_queue_longest: None,
        half_open: None,
        drops: None,
        netns_name: None,
        holders: None,
        pod_uid: None,
        netns_name_source: None,
    }
}

/// A socket of which all is known.
pub(crate) fn known() -> SocketRow {
    SocketRow {
        cookie: Some(0x1f3a),
        netns: Some(4_026_531_840),
        inode: Some(48_213),
        pid: Some(1234),
        process: Some("payments".to_owned()),
        fd: Some(17),
        owner_source: Some(OwnerSource::FdTable),
        cgroup: Some("/system.slice/payments.service".to_owned()),
        unit: Some("payments.service".to_owned()),
        role: Some(Role::Server),
        accepted: Some(true),
        uid: Some(1000),
        recv_queue: Some(1),
        send_queue: Some(14_480),
        netns_name: Some("host".to_owned()),
        netns_name_source: Some(NameSource::Host),
        age_seconds: 11_520.5,
        age_is_lower_bound: false,
        ..unknown()
    }
}

/// The answer that holds `rows` and no more.
pub(crate) fn sockets(rows: Vec<SocketRow>) -> Sockets {
    Sockets {
        schema: SCHEMA,
        matched: Some(rows.len() as u64),
        sockets: rows,
    }
}

/// `count` different sockets, oldest first, of many kinds.
pub(crate) fn rows(count: usize) -> Vec<SocketRow> {
    const STATES: [&str; 6] = [
        "CLOSE_WAIT",
        "LISTEN",
        "ESTABLISHED",
        "CLOSE_WAIT",
        "FIN_WAIT2",
        "TIME_WAIT",
    ];
    let state = |i: usize| match STATES[i % STATES.len()] {
        "TIME_WAIT" if age(i) > 60.0 => "ESTABLISHED",
        state => state,
    };
    (0..count).map(|i| row(i, state(i))).collect()
}

fn age(i: usize) -> f64 {
    30_000.0 / 1.5_f64.powi(i32::try_from(i).unwrap())
}

fn row(i: usize, state: &str) -> SocketRow {
    let number = u32::try_from(i).unwrap();
    let listens = state == "LISTEN";
    let is_held = state != "TIME_WAIT";
    let is_v6 = i % 7 == 4;
    let (local, remote) = match (is_v6, listens) {
        (_, true) => ("0.0.0.0", "0.0.0.0"),
        (true, _) => ("2001:db8::17", "2001:db8:85a3::8a2e:370:7334"),
        (false, _) => ("10.0.3.17", "192.0.2.44"),
    };
    SocketRow {
        cookie: Some(0x1000 + u64::from(number)),
        family: if is_v6 { "ipv6" } else { "ipv4" }.to_owned(),
        state: state.to_owned(),
        local_address: local.to_owned(),
        local_port: if i.is_multiple_of(2) { 443 } else { 8080 },
        remote_address: remote.to_owned(),
        remote_port: if listens {
            0
        } else {
            50_000 + u16::try_from(i).unwrap()
        },
        age_seconds: age(i),
        age_is_lower_bound: i < 3,
        pid: is_held.then_some(1200 + number),
        process: is_held.then(|| ["payments", "nginx", "postgres"][i % 3].to_owned()),
        fd: is_held.then_some(10 + number),
        unit: is_held.then(|| ["payments", "nginx", "postgresql"][i % 3].to_owned() + ".service"),
        ..known()
    }
}

/// A busy, healthy machine.
pub(crate) fn summary() -> Summary {
    let facts = |state: State| match state {
        State::Listen => (12, 12, 0.0, Some(11_520.0), true),
        State::SynSent => (1, 8_123, 0.2, Some(0.012), false),
        State::SynRecv => (3, 91_230, 12.5, Some(0.004), false),
        State::Established => (1_234, 99_353, 12.7, Some(11_519.0), true),
        State::FinWait2 => (7, 41_870, 3.1, Some(42.0), false),
        State::TimeWait => (8_420, 41_863, 140.3, Some(59.9), false),
        State::CloseWait => (318, 9_011, 0.01, Some(10_300.0), false),
        State::Close => (2, 90_001, 31_234.0, None, false),
        _ => (0, 0, 0.0, None, false),
    };
    let states = State::RFC.into_iter().map(|state| {
        let (sockets, entered_total, entered_per_second, oldest, bound) = facts(state);
        StateSummary {
            state: state.name().to_owned(),
            sockets,
            entered_total,
            entered_per_second,
            oldest_age_seconds: oldest,
            oldest_is_lower_bound: bound,
        }
    });
    Summary {
        schema: SCHEMA,
        version: "0.1.0".to_owned(),
        host: "web-1.example.net".to_owned(),
        kernel: "6.12.9-amd64".to_owned(),
        uptime_seconds: 11_520.0,
        states: states.collect(),
        edges: [
            ("SYN_RECV", "ESTABLISHED", 12.5),
            ("ESTABLISHED", "CLOSE_WAIT", 0.2),
            ("FIN_WAIT2", "TIME_WAIT", 140.3),
            ("TIME_WAIT", "CLOSE", 139.0),
        ]
        .map(|(from, to, per_second)| EdgeRate {
            from: from.to_owned(),
            to: to.to_owned(),
            per_second,
        })
        .into(),
        namespaces: 3,
        health: Health {
            rung: "tp_btf".to_owned(),
            events_produced: 421_000,
            events_delivered: 421_000,
            events_lost: BTreeMap::from([("ring_full".to_owned(), 0)]),
            events_per_second: 31_234.0,
            drift: BTreeMap::new(),
            last_audit_age_seconds: Some(4.2),
            limits: Vec::new(),
        },
    }
}

/// A connection that its peer has closed.
pub(crate) fn event() -> EventRow {
    EventRow {
        time: "2026-01-02T03:04:05.678901234Z".to_owned(),
        from: "ESTABLISHED".to_owned(),
        to: "CLOSE_WAIT".to_owned(),
        reason: "peer closed".to_owned(),
        duration_seconds: Some(3.5),
        left_out: 0,
        socket: known(),
    }
}

/// How a recording begins.
pub(crate) fn recording_header() -> Header {
    Header {
        version: "0.1.0".to_owned(),
        host: "web1".to_owned(),
        kernel: "6.12.0".to_owned(),
        rung: "tp_btf".to_owned(),
        began_ns: 7_000_000_000,
        began_unix_ns: 1_767_323_045_000_000_000,
        ..Header::default()
    }
}

/// An item of it.
pub(crate) fn batch() -> Batch {
    let mut payload = Vec::new();
    let item = crate::core::recording::Item::Gap(3);
    crate::core::recording::append(&mut payload, &item).unwrap();
    Batch {
        payload,
        to_ns: 8_000_000_000,
    }
}

pub(crate) fn endings() -> Endings {
    Endings {
        schema: SCHEMA,
        forgotten: 0,
        endings: vec![EndingRow {
            reason: "refused".to_owned(),
            count: 3,
            last_age_seconds: 1.5,
            role: Some(Role::Client),
            address: "192.0.2.44".to_owned(),
            port: 5432,
            pid: Some(1234),
            process: Some("payments".to_owned()),
            netns: Some(4_026_531_840),
        }],
    }
}

pub(crate) fn namespaces() -> Namespaces {
    Namespaces {
        schema: SCHEMA,
        namespaces: vec![NamespaceRow {
            netns: Some(4_026_531_840),
            name: Some("blue".to_owned()),
            name_source: Some(NameSource::IpNetns),
            known_from: NetnsView::Dumps,
            sockets: 12,
            minisocks: 4,
            kernel: [("listen_drops".to_owned(), 2)].into(),
            limits: Some(NamespaceLimits {
                local_ports: Some(PortRange {
                    low: 32_768,
                    high: 60_999,
                }),
                reserved_ports: Some(Vec::new()),
                tw_reuse: Some(2),
                ..NamespaceLimits::default()
            }),
        }],
        machine: MachineFact {
            max_orphans: Some(16_384),
            orphans: Some(7),
            ..MachineFact::default()
        },
    }
}

/// A process with a leak, near its limit of open files.
pub(crate) fn processes() -> Processes {
    Processes {
        schema: SCHEMA,
        sockets_without_process: 3,
        processes: vec![ProcessRow {
            pid: 1234,
            process: "payments".to_owned(),
            presence: Some("seen".to_owned()),
            facts_age_seconds: Some(2.5),
            age_seconds: Some(11_700.25),
            executable: Some("/opt/payments/bin/payments".to_owned()),
            executable_deleted: false,
            uid: Some(1000),
            user: Some("payments".to_owned()),
            cgroup: Some("/system.slice/payments.service".to_owned()),
            unit: Some("payments.service".to_owned()),
            container: None,
            pod_uid: None,
            threads: Some(12),
            fd_open: Some(1_000),
            fd_limit: Some(1_024),
            sockets: 905,
            states: [("CLOSE_WAIT".to_owned(), 900), ("LISTEN".to_owned(), 5)].into(),
            oldest_close_wait_age_seconds: Some(10_300.0),
            oldest_close_wait_is_lower_bound: true,
        }],
    }
}

/// A leak of a process that calls itself something hostile, and one that is over.
pub(crate) fn verdicts() -> Verdicts {
    let numbers = [
        ("lingering_sockets", 50.0),
        ("growth_per_second", 0.2),
        ("oldest_age_seconds", 250.5),
    ];
    Verdicts {
        schema: SCHEMA,
        judged_age_seconds: Some(0.4),
        verdicts: vec![VerdictRow {
            verdict: Kind::CloseWaitLeak,
            severity: Severity::Critical,
            what: format!(
                "pay{HOSTILE}ments[1234] has not closed 50 connections on port 8080 whose peer hung \
                 up, the oldest ≥4m10s ago; 12 a minute more; 974 of 1,024 files open, none left in 4m"
            ),
            since_seconds: 130.0,
            pid: Some(1234),
            process: Some(format!("pay{HOSTILE}ments")),
            executable: Some("/usr/bin/payments".into()),
            user: Some("www-data".into()),
            unit: Some("payments.service".into()),
            container: Some("0123456789abcdef".repeat(4)),
            netns: Some(4_026_531_840),
            netns_name: Some("blue".into()),
            service_port: Some(8080),
            source_address: None,
            destination_address: None,
            destination_port: None,
            evidence: numbers.map(|(name, value)| (name.to_owned(), value)).into(),
            sockets: vec![known(), unknown()],
            fix_by: Actor::Process,
            fix: "the handler returns without close()".into(),
            next: vec![NextStep {
                command: "ls -l /proc/1234/fd/17".into(),
                why: "the oldest of them".into(),
            }],
            confidence: Confidence::High,
            unknown: vec!["nothing that matters".into()],
        }],
        past: vec![PastVerdict {
            verdict: Kind::PortExhaustion,
            worst: Severity::Warning,
            lasted_seconds: 90.0,
            ended_age_seconds: 3700.0,
            pid: None,
            process: None,
            netns: Some(4_026_531_840),
            place: "10.0.0.5:5432".into(),
        }],
    }
}

/// A listener in trouble and one at rest.
pub(crate) fn listeners() -> Listeners {
    let full = ListenerRow {
        cookie: Some(0x77),
        netns: Some(4_026_531_840),
        netns_name: Some("host".to_owned()),
        address: "0.0.0.0".to_owned(),
        port: 8080,
        pid: Some(1234),
        process: Some("payments".to_owned()),
        queue: Some(129),
        queue_limit: Some(128),
        queue_longest: Some(129),
        drops: Some(4_711),
        half_open: 12,
        connections: 905,
        age_seconds: 11_520.0,
        age_is_lower_bound: true,
    };
    let calm = ListenerRow {
        cookie: Some(0x78),
        address: "::".to_owned(),
        port: 443,
        pid: Some(900),
        process: Some("nginx".to_owned()),
        queue: Some(0),
        queue_limit: Some(511),
        queue_longest: Some(3),
        drops: Some(0),
        half_open: 1,
        connections: 320,
        age_is_lower_bound: false,
        ..full.clone()
    };
    Listeners {
        schema: SCHEMA,
        total: 2,
        listeners: vec![full, calm],
    }
}

/// A destination that runs out of ports and one of which little is known.
pub(crate) fn destinations() -> Destinations {
    let busy = DestinationRow {
        netns: Some(4_026_531_840),
        netns_name: Some("host".to_owned()),
        source: "10.0.3.17".to_owned(),
        address: "10.0.0.5".to_owned(),
        port: 5432,
        sockets: 27_110,
        time_wait: 26_900,
        held: 27_110,
        usable: Some(28_232),
        opened_total: 91_000,
        closed_here_share: Some(0.98),
        median_life_seconds: Some(0.012),
        failed_total: 3,
        no_port_total: 17,
        pid: Some(1234),
        process: Some("payments".to_owned()),
    };
    let quiet = DestinationRow {
        netns_name: None,
        address: "2001:db8:85a3::8a2e:370:7334".to_owned(),
        source: "2001:db8::17".to_owned(),
        port: 443,
        sockets: 2,
        time_wait: 0,
        held: 2,
        usable: None,
        opened_total: 2,
        closed_here_share: None,
        median_life_seconds: None,
        failed_total: 0,
        no_port_total: 0,
        pid: None,
        process: None,
        ..busy.clone()
    };
    Destinations {
        schema: SCHEMA,
        total: 2,
        destinations: vec![busy, quiet],
    }
}

/// The answer about `pid`, if it is that process.
pub(crate) fn process(pid: u32) -> ProcessAnswer {
    let mut processes = processes().processes.into_iter();
    ProcessAnswer {
        schema: SCHEMA,
        process: processes.find(|process| process.pid == pid),
        command_line: Some(vec!["payments".to_owned(), "--serve".to_owned()]),
        command_line_truncated: false,
    }
}

/// All of a screen, with as much of each as is asked for.
pub(crate) fn picture(wants: &Wants) -> Picture {
    Picture {
        schema: SCHEMA,
        summary: summary(),
        verdicts: verdicts(),
        processes: processes(),
        sockets: wants
            .sockets
            .as_ref()
            .map(|question| sockets(rows(question.limit.unwrap_or(3)))),
        socket: None,
        listeners: wants.listeners.map(|_| listeners()),
        destinations: wants.destinations.map(|_| destinations()),
        namespaces: wants.namespaces.then(namespaces),
        history: wants.history.then(Vec::new),
    }
}

/// A leaked socket that was accepted, and what the kernel says of it.
pub(crate) fn socket_answer() -> SocketAnswer {
    let step = |time: &str, from: &str, to: &str, reason: &str, duration_seconds| StepRow {
        time: format!("2026-01-02T03:{time}Z"),
        age_seconds: 125.5,
        from: from.to_owned(),
        to: to.to_owned(),
        reason: reason.to_owned(),
        duration_seconds,
    };
    SocketAnswer {
        schema: SCHEMA,
        socket: Some(known()),
        steps: vec![
            step(
                "00:01.000111222",
                "LISTEN",
                "SYN_RECV",
                "passive open",
                None,
            ),
            step(
                "00:01.000215222",
                "SYN_RECV",
                "ESTABLISHED",
                "established",
                Some(0.000_104),
            ),
            step(
                "02:04.500111222",
                "ESTABLISHED",
                "CLOSE_WAIT",
                "passive close",
                Some(123.5),
            ),
        ],
        transport: Some(Transport {
            age_seconds: 0.1,
            recv_queue: 517,
            send_queue: 0,
            timer: Some("keepalive".to_owned()),
            timer_milliseconds: Some(7_000_000),
            congestion_control: Some("cubic".to_owned()),
            info: Some(TcpInfo {
                rto_us: 204_000,
                rtt_us: 1_500,
                rtt_variance_us: 750,
                min_rtt_us: Some(900),
                congestion_window: 10,
                send_mss: 1448,
                path_mtu: 1500,
                retransmitted_total: 2,
                last_data_sent_ms: 126_000,
                last_data_received_ms: 125_600,
                last_ack_received_ms: 125_500,
                bytes_acknowledged: Some(1_234_567),
                bytes_received: Some(89_012),
                bytes_not_sent: Some(0),
                delivery_rate: Some(12_500_000),
                busy_us: Some(250_000),
                receive_window_limited_us: Some(50_000),
                send_buffer_limited_us: Some(0),
                send_window: Some(65_535),
                ..TcpInfo::default()
            }),
        }),
    }
}
