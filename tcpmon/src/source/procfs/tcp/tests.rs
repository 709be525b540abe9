use std::fs;

use proptest::prelude::*;

use super::*;

const HEADING: &str = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  \
                       timeout inode                                                     \n";

/// Addresses in these tests are written as a little-endian machine does.
#[cfg(target_endian = "little")]
#[test]
fn rows_of_every_kind() {
    let listener = "   0: 0100007F:1F90 00000000:0000 0A 00000000:00000003 00:00000000 00000000  1000        0 12345 1 \
                    0000000000000000 100 0 0 10 0\n";
    let row = parse(listener, Family::Ipv4).expect("a row");
    assert_eq!(
        (row.state, row.kind, row.cookie),
        (State::Listen, Kind::Full, 0)
    );
    assert_eq!(row.tuple.local[..4], [127, 0, 0, 1]);
    assert_eq!((row.tuple.local_port, row.tuple.remote_port), (8080, 0));
    assert_eq!((row.recv_queue, row.send_queue), (3, None));
    assert_eq!((row.uid, row.inode), (1000, 12345));

    let established = "   1: 0100007F:1F90 0200007F:9C40 01 0000000A:00000014 01:00000015 00000000     0        0 7 4 \
                       0000000000000000 20 4 30 10 -1\n";
    let row = parse(established, Family::Ipv4).expect("a row");
    assert_eq!((row.state, row.kind), (State::Established, Kind::Full));
    assert_eq!((row.recv_queue, row.send_queue), (20, Some(10)));
    assert_eq!(row.tuple.remote[..4], [127, 0, 0, 2]);
    assert_eq!((row.timer, row.unanswered), (Timer::Retransmit, 0));
    // Retransmissions are hexadecimal, probes decimal.
    for (timer, told) in [
        ("00", (Timer::None, 0)),
        ("01", (Timer::Retransmit, 10)),
        ("02", (Timer::Keepalive, 12)),
        ("04", (Timer::ZeroWindowProbe, 12)),
    ] {
        let silent = established.replace(
            " 01:00000015 00000000     0        0 ",
            &format!(" {timer}:00000015 0000000A     0       12 "),
        );
        let row = parse(&silent, Family::Ipv4).expect("a row");
        assert_eq!((row.timer, row.unanswered), told);
    }

    let time_wait = "   2: 0100007F:9C40 0100007F:1F90 06 00000000:00000000 03:0000176F 00000000     0        0 0 3 \
                     0000000000000000\n";
    let row = parse(time_wait, Family::Ipv4).expect("a row");
    assert_eq!((row.state, row.kind), (State::TimeWait, Kind::Minisock));
    assert_eq!(row.expires_ms, 59_990);

    let orphan = time_wait.replace(" 06 ", " 05 ");
    let row = parse(&orphan, Family::Ipv4).expect("a row");
    assert_eq!((row.state, row.kind), (State::FinWait2, Kind::Minisock));
    let held = orphan
        .replace(" 03:", " 02:")
        .replace(" 0 0 3 ", " 0 99 3 ");
    let row = parse(&held, Family::Ipv4).expect("a row");
    assert_eq!((row.state, row.kind), (State::FinWait2, Kind::Full));

    let request = "   3: 0100007F:1F90 0100007F:9C42 03 00000000:00000000 01:00000063 00000000     0        0 0 1 \
                   0000000000000000\n";
    let row = parse(request, Family::Ipv4).expect("a row");
    assert_eq!((row.state, row.kind), (State::SynRecv, Kind::Request));
    let child = request.replace(" 0 0 1 ", " 0 88 1 ");
    assert_eq!(
        parse(&child, Family::Ipv4).map(|row| row.kind),
        Some(Kind::Full)
    );
}

#[cfg(target_endian = "little")]
#[test]
fn ipv6_addresses_are_four_numbers() {
    let line = "   0: 0000000000000000FFFF00000100007F:1F90 B80D0120000000000000000001000000:0050 01 \
                00000000:00000000 00:00000000 00000000     0        0 5 1 0000000000000000\n";
    let row = parse(line, Family::Ipv6).expect("a row");
    assert_eq!(row.tuple.local_address().to_string(), "::ffff:127.0.0.1");
    assert_eq!(row.tuple.remote_address().to_string(), "2001:db8::1");
    assert_eq!(parse(line, Family::Ipv4), None);
}

#[test]
fn what_is_no_row_is_none() {
    let row = "0: 0100007F:1F90 00000000:0000 0A 00000000:00000000 00:00000000 00000000 0 0 1 1";
    assert!(parse(row, Family::Ipv4).is_some());
    for (from, to) in [
        ("0:", "0"),
        ("0100007F:", "0100007:"),
        (":1F90", ":F90"),
        ("0A", "0D"),
        ("0A", "+1"),
        (" 00:00000000", " 00"),
        (" 0 0 1 1", " 0 0"),
        (" 0 0 1 1", " 0 0 -1 1"),
    ] {
        let odd = row.replacen(from, to, 1);
        assert_eq!(parse(&odd, Family::Ipv4), None, "{odd}");
    }
    assert_eq!(parse(HEADING, Family::Ipv4), None);
    assert_eq!(parse("", Family::Ipv4), None);
}

#[test]
fn without_ipv6_there_is_no_second_table_and_listeners_come_first() {
    let proc = tempfile::tempdir().expect("a directory");
    let net = proc.path().join("thread-self/net");
    fs::create_dir_all(&net).expect("a directory");
    let line = |state: &str, port: &str| {
        format!(
            "0: 0100007F:{port} 00000000:0000 {state} 00000000:00000001 00:00000000 00000000 0 0 1 1\n"
        )
    };
    let lines = [
        ("0A", "0001"),
        ("0A", "0002"),
        ("01", "0003"),
        ("0A", "0004"),
    ];
    let text: String = lines
        .iter()
        .map(|(state, port)| line(state, port))
        .collect();
    fs::write(net.join("tcp"), format!("{HEADING}{text}")).expect("a file");
    let root = ProcRoot(proc.path().to_path_buf());
    let ports = |rows: &[DumpRow]| {
        rows.iter()
            .map(|row| row.tuple.local_port)
            .collect::<Vec<_>>()
    };
    // Nothing after the first connection is read.
    assert_eq!(ports(&own_listeners(&root).expect("read")), [1, 2]);
    let mut all = Vec::new();
    let established = StateSet::of(&[State::Established]);
    dump_own(&root, established, &mut |rows| all.extend_from_slice(rows)).expect("read");
    assert_eq!(ports(&all), [3]);
}

#[test]
fn the_running_kernels_own_listener_is_there() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("loopback");
    let port = listener.local_addr().expect("an address").port();
    let rows = own_listeners(&ProcRoot::default()).expect("proc");
    let row = rows.iter().find(|row| row.tuple.local_port == port);
    assert_eq!(row.map(|row| row.inode != 0), Some(true));
}

proptest! {
    #[test]
    fn any_line_gives_an_answer(line in ".*", hex in "[0-9A-F:. ]{0,120}") {
        for family in [Family::Ipv4, Family::Ipv6] {
            let _ = (parse(&line, family), parse(&hex, family));
        }
    }
}
