use std::net::{IpAddr, Ipv4Addr};

use proptest::prelude::*;

use super::*;

/// Bytes of `struct inet_diag_msg`.
const ROW_SIZE: usize = 72;

const FULL: Row = Row {
    family: 2,
    state: 1,
    timer: 0,
    retransmits: 0,
    local_port: 443,
    remote_port: 50000,
    local: address([127, 0, 0, 1]),
    remote: address([127, 0, 0, 2]),
    interface: 0,
    cookie: 0x1_0000_0002,
    expires_ms: 0,
    recv_queue: 3,
    send_queue: 4,
    uid: 1000,
    inode: 77,
    shutdown: Some(0),
    last_ack_recv_ms: None,
    cgroup_id: None,
    drops: None,
};
const REQUEST: Row = Row {
    state: 3,
    timer: 1,
    recv_queue: 0,
    send_queue: 0,
    uid: 0,
    inode: 0,
    shutdown: None,
    ..FULL
};

const fn address(ip: [u8; 4]) -> [u8; 16] {
    let [a, b, c, d] = ip;
    [a, b, c, d, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]
}

fn attribute(kind: u16, value: &[u8]) -> Vec<u8> {
    let length = u16::try_from(ATTRIBUTE_HEADER + value.len()).expect("small");
    let mut out = length.to_ne_bytes().to_vec();
    out.extend(kind.to_ne_bytes());
    out.extend(value);
    out.resize(out.len().next_multiple_of(4), 0);
    out
}

fn encode(row: &Row) -> Vec<u8> {
    let mut out = vec![row.family, row.state, row.timer, row.retransmits];
    out.extend(row.local_port.to_be_bytes());
    out.extend(row.remote_port.to_be_bytes());
    out.extend(row.local);
    out.extend(row.remote);
    out.extend(row.interface.to_ne_bytes());
    out.extend((row.cookie as u32).to_ne_bytes());
    out.extend(((row.cookie >> 32) as u32).to_ne_bytes());
    for word in [
        row.expires_ms,
        row.recv_queue,
        row.send_queue,
        row.uid,
        row.inode,
    ] {
        out.extend(word.to_ne_bytes());
    }
    assert_eq!(out.len(), ROW_SIZE);
    if let Some(shutdown) = row.shutdown {
        out.extend(attribute(INET_DIAG_SHUTDOWN, &[shutdown]));
    }
    if let Some(drops) = row.drops {
        let mut memory = [0; MEMINFO_DROPS + 4];
        memory[MEMINFO_DROPS..].copy_from_slice(&drops.to_ne_bytes());
        out.extend(attribute(INET_DIAG_SKMEMINFO, &memory));
    }
    if let Some(cgroup_id) = row.cgroup_id {
        out.extend(attribute(INET_DIAG_CGROUP_ID, &cgroup_id.to_ne_bytes()));
    }
    if let Some(last) = row.last_ack_recv_ms {
        let mut info = vec![0xaa; 248];
        info[LAST_ACK_RECV..LAST_ACK_RECV + 4].copy_from_slice(&last.to_ne_bytes());
        out.extend(attribute(INET_DIAG_INFO, &info));
    }
    out
}

fn kind(row: Row) -> Kind {
    row.fact().expect("a TCP row").kind
}

#[test]
fn a_row_built_by_hand() {
    let fact = Row::decode(&encode(&FULL))
        .and_then(|r| r.fact())
        .expect("a row");
    assert_eq!(fact.cookie, 0x1_0000_0002);
    assert_eq!((fact.state, fact.kind), (State::Established, Kind::Full));
    assert_eq!(fact.tuple.local_address(), IpAddr::V4(Ipv4Addr::LOCALHOST));
    assert_eq!(
        (fact.tuple.local_port, fact.tuple.remote_port),
        (443, 50000)
    );
    assert_eq!((fact.recv_queue, fact.send_queue), (3, Some(4)));
    assert_eq!((fact.uid, fact.inode, fact.last_ack_ms), (1000, 77, None));
}

#[test]
fn kinds() {
    let minisock = Row {
        timer: 3,
        ..REQUEST
    };
    let table = [
        ("full", FULL, Kind::Full),
        (
            "TIME_WAIT",
            Row {
                state: 6,
                ..minisock
            },
            Kind::Minisock,
        ),
        (
            "FIN_WAIT2 minisock",
            Row {
                state: 5,
                ..minisock
            },
            Kind::Minisock,
        ),
        (
            "FIN_WAIT2 orphan that is still a socket",
            Row {
                state: 5,
                inode: 0,
                timer: 2,
                ..FULL
            },
            Kind::Full,
        ),
        ("request", REQUEST, Kind::Request),
        (
            "request socket's own number",
            Row {
                state: 12,
                ..REQUEST
            },
            Kind::Request,
        ),
        (
            "fast open child nobody has accepted",
            Row {
                shutdown: Some(0),
                ..REQUEST
            },
            Kind::Full,
        ),
        (
            "simultaneous open",
            Row {
                inode: 7,
                ..REQUEST
            },
            Kind::Full,
        ),
        (
            "never accepted",
            Row {
                state: 8,
                inode: 0,
                ..FULL
            },
            Kind::Full,
        ),
    ];
    for (name, row, expected) in table {
        assert_eq!(kind(row), expected, "{name}");
    }
    assert_eq!(
        Row {
            state: 12,
            ..REQUEST
        }
        .fact()
        .map(|f| f.state),
        Some(State::SynRecv)
    );
}

#[test]
fn last_ack_is_told_only_where_it_bounds_the_age() {
    for state in State::ALL {
        let row = Row {
            state: state.number(),
            last_ack_recv_ms: Some(9),
            ..FULL
        };
        let told = [
            State::Established,
            State::FinWait2,
            State::CloseWait,
            State::Closing,
        ];
        let expected = told.contains(&state).then_some(9);
        assert_eq!(row.fact().and_then(|f| f.last_ack_ms), expected, "{state}");
    }
}

#[test]
fn other_families_and_states_are_no_fact() {
    for row in [
        Row { family: 1, ..FULL },
        Row { state: 0, ..FULL },
        Row { state: 13, ..FULL },
    ] {
        assert_eq!(row.fact(), None);
    }
    assert!(Row { family: 10, ..FULL }.fact().is_some());
}

#[test]
fn odd_attributes_are_left_out() {
    let mut bytes = encode(&Row {
        shutdown: None,
        ..FULL
    });
    bytes.extend(attribute(INET_DIAG_SHUTDOWN | 0x8000, &[3]));
    bytes.extend(attribute(INET_DIAG_INFO, &[0; 56]));
    bytes.extend([200, 0, 1, 0]);
    let row = Row::decode(&bytes).expect("a row");
    assert_eq!((row.shutdown, row.last_ack_recv_ms), (Some(3), None));
}

#[test]
fn a_row_cut_short_is_refused() {
    let bytes = encode(&FULL);
    for end in 0..bytes.len() {
        assert_eq!(
            Row::decode(&bytes[..end]).is_some(),
            end >= ROW_SIZE,
            "cut at {end}"
        );
    }
}

prop_compose! {
    fn rows()(
        head in any::<[u8; 4]>(),
        ports in any::<(u16, u16)>(),
        local in any::<[u8; 16]>(),
        remote in any::<[u8; 16]>(),
        cookie in any::<u64>(),
        words in any::<[u32; 6]>(),
        shutdown in any::<Option<u8>>(),
        last_ack_recv_ms in any::<Option<u32>>(),
        cgroup_id in any::<Option<u64>>(),
        drops in any::<Option<u32>>(),
    ) -> Row {
        let [family, state, timer, retransmits] = head;
        let (local_port, remote_port) = ports;
        let [interface, expires_ms, recv_queue, send_queue, uid, inode] = words;
        Row {
            family, state, timer, retransmits, local_port, remote_port, local, remote,
            interface, cookie, expires_ms, recv_queue, send_queue, uid, inode, shutdown,
            last_ack_recv_ms, cgroup_id, drops,
        }
    }
}

proptest! {
    #[test]
    fn rows_survive_the_round_trip(row in rows()) {
        prop_assert_eq!(Row::decode(&encode(&row)), Some(row));
    }

    #[test]
    fn any_payload_gives_an_answer(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
        let row = Row::decode(&bytes);
        prop_assert_eq!(row.is_some(), bytes.len() >= ROW_SIZE);
        let _ = row.and_then(|row| row.fact());
    }
}
