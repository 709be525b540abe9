//! What is printed, to the letter.

use super::*;
use crate::view::fixture;

fn sockets_as(format: OutputFormat, charset: Charset) -> String {
    let answer = fixture::sockets(vec![fixture::known(), fixture::unknown()]);
    let mut out = Vec::new();
    sockets(&mut out, &answer, format, charset).unwrap();
    String::from_utf8(out).unwrap()
}

fn events_as(format: OutputFormat) -> String {
    let mut printer = EventPrinter::new(format, Charset::Unicode);
    let mut out = Vec::new();
    for _ in 0..2 {
        printer.print(&mut out, &fixture::event()).unwrap();
    }
    String::from_utf8(out).unwrap()
}

#[test]
fn table() {
    assert_eq!(
        sockets_as(OutputFormat::Table, Charset::Unicode),
        "\
STATE          AGE  LOCAL           REMOTE            PROCESS    PID  FD
CLOSE_WAIT   3h12m  10.0.3.17:8080  192.0.2.44:50312  payments  1234  17
CLOSE_WAIT  ≥2m05s  10.0.3.17:8080  192.0.2.44:50312  -            -   -
"
    );
}

#[test]
fn wide() {
    let lines = [
        "STATE           AGE  LOCAL           REMOTE            PROCESS    PID  FD       NETNS  ",
        "NAMESPACE  ROLE    OWNER     UNIT/CONTAINER    INODE  COOKIE  RECV-Q  SEND-Q\n",
        "CLOSE_WAIT    3h12m  10.0.3.17:8080  192.0.2.44:50312  payments  1234  17  4026531840  ",
        "host       server  fd_table  payments.service  48213    1f3a       1   14480\n",
        "CLOSE_WAIT  >=2m05s  10.0.3.17:8080  192.0.2.44:50312  -            -   -           -  ",
        "-          -       -         -                     -       -       -       -\n",
    ];
    let printed = sockets_as(OutputFormat::Wide, Charset::Ascii);
    assert_eq!(printed, lines.concat());
}

#[test]
fn no_sockets_is_a_heading() {
    let mut out = Vec::new();
    let answer = fixture::sockets(Vec::new());
    sockets(&mut out, &answer, OutputFormat::Table, Charset::Unicode).unwrap();
    assert_eq!(out, b"STATE  AGE  LOCAL  REMOTE  PROCESS  PID  FD\n");
}

#[test]
fn json() {
    let printed = sockets_as(OutputFormat::Json, Charset::Unicode);
    assert_eq!(printed.lines().count(), 1);
    assert!(printed.starts_with(
        r#"{"schema":1,"matched":2,"sockets":[{"cookie":7994,"netns":4026531840,"family":"ipv4","#
    ));
    let answer: Sockets = serde_json::from_str(&printed).unwrap();
    assert_eq!(answer.sockets, [fixture::known(), fixture::unknown()]);
}

#[test]
fn jsonl() {
    let printed = sockets_as(OutputFormat::Jsonl, Charset::Unicode);
    let lines: Vec<&str> = printed.lines().collect();
    assert_eq!(
        lines[1],
        concat!(
            r#"{"schema":1,"cookie":null,"netns":null,"family":"ipv4","state":"CLOSE_WAIT","#,
            r#""local_address":"10.0.3.17","local_port":8080,"remote_address":"192.0.2.44","#,
            r#""remote_port":50312,"age_seconds":125.0,"age_is_lower_bound":true,"inode":null,"#,
            r#""pid":null,"process":null,"fd":null,"owner_source":null,"cgroup":null,"#,
            r#""unit":null,"container":null,"role":null,"kind":"full","accepted":null,"#,
            r#""connection_age_seconds":null,"remaining_seconds":null,"uid":null,"#,
            r#""recv_queue":null,"send_queue":null}"#,
        )
    );
    let row: crate::core::query::SocketRow = serde_json::from_str(lines[0]).unwrap();
    assert_eq!(row, fixture::known());
}

#[test]
fn csv() {
    let printed = sockets_as(OutputFormat::Csv, Charset::Unicode);
    let lines: Vec<&str> = printed.lines().collect();
    assert!(lines[0].starts_with("cookie,netns,family,state,local_address,local_port,"));
    assert_eq!(
        &lines[1..],
        [
            "7994,4026531840,ipv4,CLOSE_WAIT,10.0.3.17,8080,192.0.2.44,50312,11520.5,false,48213,\
             1234,payments,17,fd_table,/system.slice/payments.service,payments.service,,server,\
             full,true,,,1000,1,14480,,,,host,,,host",
            ",,ipv4,CLOSE_WAIT,10.0.3.17,8080,192.0.2.44,50312,125.0,true,,,,,,,,,,full,,,,,,,,,,,,,",
        ]
    );
}

#[test]
fn summary_table() {
    let mut answer = fixture::summary();
    answer.health.events_lost.insert("decode".to_owned(), 7);
    answer.health.limits = vec!["Owners are guessed: no BPF iterators.".to_owned()];
    let mut out = Vec::new();
    summary(&mut out, &answer, OutputFormat::Table, Charset::Unicode).unwrap();
    assert_eq!(
        String::from_utf8(out).unwrap(),
        "\
tcpmon 0.1.0 on web-1.example.net, Linux 6.12.9-amd64, up 3h12m, 3 network namespaces
events 31.2k/s by tp_btf, 421,000 read, 7 lost (decode 7), audited 4.2s ago
limit: Owners are guessed: no BPF iterators.

STATE        SOCKETS  ENTERED     RATE  OLDEST
LISTEN            12       12      0/s  ≥3h12m
SYN_SENT           1    8,123    0.2/s    12ms
SYN_RECV           3   91,230   12.5/s     4ms
ESTABLISHED    1,234   99,353   12.7/s  ≥3h11m
FIN_WAIT1          0        0      0/s       -
FIN_WAIT2          7   41,870    3.1/s   42.0s
CLOSING            0        0      0/s       -
TIME_WAIT      8,420   41,863    140/s   59.9s
CLOSE_WAIT       318    9,011   <0.1/s   2h51m  !
LAST_ACK           0        0      0/s       -
CLOSE              2   90,001  31.2k/s       -
"
    );
}

#[test]
fn summary_csv() {
    let mut out = Vec::new();
    summary(
        &mut out,
        &fixture::summary(),
        OutputFormat::Csv,
        Charset::Unicode,
    )
    .unwrap();
    let printed = String::from_utf8(out).unwrap();
    let lines: Vec<&str> = printed.lines().collect();
    assert_eq!(lines.len(), 12);
    assert_eq!(
        lines[0],
        "state,sockets,entered_total,entered_per_second,oldest_age_seconds,oldest_is_lower_bound"
    );
    assert_eq!(lines[1], "LISTEN,12,12,0.0,11520.0,true");
    assert_eq!(lines[5], "FIN_WAIT1,0,0,0.0,,false");
}

#[test]
fn event_table() {
    let line = "2026-01-02T03:04:05.678901234Z  ESTABLISHED → CLOSE_WAIT       3.5s  \
                10.0.3.17:8080         192.0.2.44:50312       payments            1234  \
                peer closed\n";
    let header = "TIME                            TRANSITION                    AFTER  \
                  LOCAL                  REMOTE                 PROCESS              PID  \
                  REASON\n";
    assert_eq!(
        events_as(OutputFormat::Table),
        [header, line, line].concat()
    );
}

#[test]
fn event_json_is_a_document_per_line() {
    for format in [OutputFormat::Json, OutputFormat::Jsonl] {
        let printed = events_as(format);
        assert_eq!(printed.lines().count(), 2);
        for line in printed.lines() {
            assert!(line.starts_with(
                r#"{"schema":1,"time":"2026-01-02T03:04:05.678901234Z","from":"ESTABLISHED","#
            ));
            let event: EventRow = serde_json::from_str(line).unwrap();
            assert_eq!(event, fixture::event());
        }
    }
}

#[test]
fn event_csv_has_one_header() {
    let printed = events_as(OutputFormat::Csv);
    let lines: Vec<&str> = printed.lines().collect();
    assert_eq!(lines.len(), 3);
    assert!(lines[0].starts_with("time,from,to,reason,duration_seconds,cookie,"));
    assert!(lines[2].starts_with(
        "2026-01-02T03:04:05.678901234Z,ESTABLISHED,CLOSE_WAIT,peer closed,3.5,7994,"
    ));
}

/// Every string of an answer, in every format: nothing that a terminal would obey.
#[test]
fn hostile_text_is_harmless() {
    let hostile = || Some(fixture::HOSTILE.to_owned());
    let mut row = fixture::known();
    (row.process, row.unit, row.container, row.cgroup) =
        (hostile(), hostile(), hostile(), hostile());
    row.local_address = fixture::HOSTILE.to_owned();
    row.state = fixture::HOSTILE.to_owned();
    let mut event = fixture::event();
    event.reason = fixture::HOSTILE.to_owned();
    event.socket = row.clone();
    let mut about = fixture::summary();
    about.host = fixture::HOSTILE.to_owned();
    about.health.limits = vec![fixture::HOSTILE.to_owned()];
    about
        .health
        .events_lost
        .insert(fixture::HOSTILE.to_owned(), 1);
    for format in OutputFormat::value_variants() {
        let mut out = Vec::new();
        let answer = fixture::sockets(vec![row.clone()]);
        sockets(&mut out, &answer, *format, Charset::Unicode).unwrap();
        summary(&mut out, &about, *format, Charset::Unicode).unwrap();
        let mut printer = EventPrinter::new(*format, Charset::Unicode);
        printer.print(&mut out, &event).unwrap();
        for line in String::from_utf8(out).unwrap().lines() {
            assert_eq!(line, crate::view::format::sanitise(line), "{format:?}");
        }
    }
}

#[test]
fn separators_in_names_do_not_make_columns() {
    let mut row = fixture::known();
    row.process = Some("a,\"b\"".to_owned());
    let mut out = Vec::new();
    sockets(
        &mut out,
        &fixture::sockets(vec![row]),
        OutputFormat::Csv,
        Charset::Unicode,
    )
    .unwrap();
    assert!(
        String::from_utf8(out)
            .unwrap()
            .contains(",1234,\"a,\"\"b\"\"\",17,")
    );
}
