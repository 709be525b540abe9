//! `tcpmon replay` on a recording, and with `--pcap` on captures that tcpdump made, to the letter.
//! `UPDATE_GOLDEN=1 cargo test --test replay` rewrites what is expected of captures;
//! `captures/README.md` says how each capture came about.

use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

/// Each capture that has a golden output beside it.
const CAPTURES: [&str; 14] = [
    "any-sll.pcap",
    "any-sll2.pcap",
    "filtered.pcap",
    "half-close.pcap",
    "http.pcap",
    "http.pcapng",
    "leak.pcap",
    "lost.pcap",
    "middle.pcap",
    "refused.pcap",
    "reset.pcap",
    "simultaneous-close.pcap",
    "simultaneous-open.pcap",
    "truncated.pcap",
];

fn captures() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/captures")
}

fn command(args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_tcpmon"));
    command.current_dir(captures()).arg("replay").args(args);
    command.env_clear().env("LANG", "C.UTF-8");
    command.stdin(Stdio::null());
    command
}

fn replay(args: &[&str]) -> Output {
    command(args).output().expect("the command starts")
}

/// Exit code, stdout and what stands on stderr.
fn told(output: &Output) -> (Option<i32>, String, String) {
    let (stdout, stderr) = (text(&output.stdout), text(&output.stderr));
    (output.status.code(), stdout, stderr.trim_end().to_owned())
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

#[test]
fn every_capture_is_told_to_the_letter() {
    for capture in CAPTURES {
        let output = replay(&["--pcap", capture]);
        assert_eq!(text(&output.stderr), "", "{capture}");
        assert_eq!(output.status.code(), Some(0), "{capture}");
        let told = text(&output.stdout);
        let golden = captures().join(format!("{capture}.txt"));
        if std::env::var_os("UPDATE_GOLDEN").is_some() {
            std::fs::write(&golden, &told).expect("written");
        }
        let expected = std::fs::read_to_string(&golden).expect("a golden output");
        assert_eq!(told, expected, "{capture}");
    }
}

/// The edges of one side in JSON, as `FROM TO`.
fn edges(connection: &serde_json::Value, side: &str) -> Vec<String> {
    let lines = connection["lines"].as_array().expect("lines");
    let moves = lines
        .iter()
        .flat_map(|line| line[side].as_array().expect("moves"));
    moves
        .map(|edge| {
            let word = |key: &str| edge[key].as_str().unwrap_or("?").to_owned();
            format!("{} {}", word("from"), word("to"))
        })
        .collect()
}

#[test]
fn an_http_request_walks_both_sides_through_the_diagram() {
    for capture in ["http.pcap", "http.pcapng"] {
        let output = replay(&["--pcap", capture, "--output", "json"]);
        let told: serde_json::Value = serde_json::from_slice(&output.stdout).expect("JSON");
        assert_eq!(
            (&told["packets"], &told["trouble"]),
            (&12.into(), &serde_json::Value::Null)
        );
        let connection = &told["connections"][0];
        let client = [
            "CLOSE SYN_SENT",
            "SYN_SENT ESTABLISHED",
            "ESTABLISHED FIN_WAIT1",
            "FIN_WAIT1 FIN_WAIT2",
            "FIN_WAIT2 TIME_WAIT",
        ];
        let server = [
            "LISTEN SYN_RECV",
            "SYN_RECV ESTABLISHED",
            "ESTABLISHED CLOSE_WAIT",
            "CLOSE_WAIT LAST_ACK",
            "LAST_ACK CLOSE",
        ];
        assert_eq!(edges(connection, "client"), client);
        assert_eq!(edges(connection, "server"), server);
        assert_eq!(connection["client"]["state"], "TIME_WAIT");
        assert_eq!(connection["lines"][10]["server"][0]["packet"], 11);
    }
}

#[test]
fn one_connection_can_be_picked_and_lines_stand_alone() {
    let output = replay(&[
        "--pcap",
        "leak.pcap",
        "--connection",
        "2",
        "--output",
        "jsonl",
    ]);
    let lines: Vec<serde_json::Value> = text(&output.stdout)
        .lines()
        .map(|line| serde_json::from_str(line).expect("JSON"))
        .collect();
    assert_eq!(lines.len(), 1);
    assert_eq!(
        (&lines[0]["connection"], &lines[0]["schema"]),
        (&2.into(), &1.into())
    );

    let output = replay(&["--pcap", "leak.pcap", "--connection", "3"]);
    assert_eq!(output.status.code(), Some(2));
    assert_eq!(
        text(&output.stderr),
        "tcpmon: there is no connection 3: the capture has 2\n"
    );
}

#[test]
fn what_is_no_capture_is_refused_in_one_sentence() {
    let dir = tempfile::tempdir().expect("a directory");
    let path = dir.path().join("file");
    let name = path.to_str().expect("a path in UTF-8");
    for (bytes, sentence) in [
        (&b""[..], "is empty"),
        (b"\x1f\x8b\x08rest", "is compressed: gunzip it first"),
        (b"#!/bin/sh\n", "is neither a pcap nor a pcapng capture"),
        (
            b"\xd4\xc3\xb2\xa1\x02\0",
            "is cut off within its header: it has no packets",
        ),
    ] {
        std::fs::write(&path, bytes).expect("written");
        let output = replay(&["--pcap", name]);
        assert_eq!(output.status.code(), Some(1), "{sentence}");
        assert_eq!(text(&output.stderr), format!("tcpmon: {name} {sentence}\n"));
        assert!(output.stdout.is_empty());
    }
    let output = replay(&["--pcap", "missing.pcap"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(text(&output.stderr).starts_with("tcpmon: cannot open missing.pcap: "));
}

#[test]
fn without_pcap_replay_says_what_it_reads() {
    let output = replay(&["http.pcap"]);
    assert_eq!(output.status.code(), Some(1));
    assert_eq!(
        text(&output.stderr),
        "tcpmon: http.pcap is a packet capture: say so with --pcap\n"
    );
}

#[test]
fn a_closed_pipe_is_no_failure() {
    for format in ["table", "json", "jsonl"] {
        let mut child = Command::new(env!("CARGO_BIN_EXE_tcpmon"))
            .current_dir(captures())
            .args(["replay", "--pcap", "http.pcap", "--output", format])
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("started");
        drop(child.stdout.take());
        let output = child.wait_with_output().expect("ended");
        assert_eq!((output.status.code(), &*output.stderr), (Some(0), &b""[..]));
    }
}

/// A file in a directory of its own.
fn file(content: &[u8]) -> (tempfile::TempDir, String) {
    let dir = tempfile::tempdir().expect("a directory");
    let path = dir.path().join("a.rec");
    std::fs::write(&path, content).expect("written");
    let name = path.to_str().expect("UTF-8").to_owned();
    (dir, name)
}

/// A recording of connections that are never closed; `cargo test replay` with `UPDATE_GOLDEN` set makes
/// it.
const LEAK: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/recordings/leak.rec");

#[test]
fn what_is_no_recording_is_said_in_one_sentence() {
    let (code, _, stderr) = told(&replay(&["/nonexistent.rec"]));
    assert_eq!(code, Some(1));
    assert!(
        stderr.contains("cannot open /nonexistent.rec: No such file"),
        "{stderr}"
    );
    let whole = std::fs::read(LEAK).expect("a recording");
    let capture = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/captures/http.pcap");
    let capture = std::fs::read(capture).expect("a capture");
    for (content, words) in [
        (&b""[..], "is empty"),
        (
            b"some text that is no recording",
            "is no recording of tcpmon",
        ),
        (&capture, "is a packet capture: say so with --pcap"),
        (&whole[..7], "is cut off before its beginning"),
        (&whole[..40], "is cut off before its beginning"),
    ] {
        let (_dir, name) = file(content);
        let (code, stdout, stderr) = told(&replay(&[&name]));
        assert_eq!((code, stdout.as_str()), (Some(1), ""), "{words}: {stderr}");
        assert!(stderr.contains(words), "{words}: {stderr}");
    }
}

#[test]
fn a_recording_is_told_by_its_moments_and_what_is_missing_is_said() {
    let events = replay(&[LEAK, "--output", "jsonl"]);
    let (code, stdout, stderr) = told(&events);
    assert_eq!((code, stderr.as_str()), (Some(0), ""));
    assert_eq!(
        stdout.lines().count(),
        150,
        "three transitions of fifty connections"
    );
    let (code, stdout, _) = told(&replay(&[LEAK, "--diagnose"]));
    assert_eq!(code, Some(0));
    assert!(stdout.starts_with("recording of web1 (Linux "), "{stdout}");
    assert!(
        stdout.contains("leaky[10] has not closed 50 connections"),
        "{stdout}"
    );
    let early = replay(&[LEAK, "--diagnose", "--at", "10s", "--output", "jsonl"]);
    assert_eq!(told(&early), (Some(0), String::new(), String::new()));
    let at = [
        LEAK,
        "--at",
        "-30s",
        "-o",
        "local_port,age",
        "--sort",
        "local_port",
    ];
    let at = [
        &at[..],
        &["--limit", "1", "--output", "csv", "state close-wait"],
    ]
    .concat();
    let (code, stdout, _) = told(&replay(&at));
    assert_eq!(
        (code, stdout.as_str()),
        (
            Some(0),
            "local_port,age_seconds,age_is_lower_bound\n40001,60.0,false\n"
        )
    );
    let (code, _, stderr) = told(&replay(&[LEAK, "--at", "2h"]));
    assert_eq!(code, Some(2));
    assert!(
        stderr.contains("which begins at 2026-01-02T03:04:05Z and is 1m30s long"),
        "{stderr}"
    );

    let whole = std::fs::read(LEAK).expect("a recording");
    let (_dir, name) = file(&whole[..whole.len() - 10]);
    let (code, stdout, stderr) = told(&replay(&[&name, "--output", "jsonl"]));
    assert_eq!((code, stdout.lines().count()), (Some(0), 150));
    assert!(stderr.contains("was cut off"), "{stderr}");
    let mut damaged = whole.clone();
    let middle = damaged.len() / 2;
    damaged[middle] ^= 1;
    let (_dir, name) = file(&damaged);
    let (code, stdout, stderr) = told(&replay(&[&name, "--at", "end", "--output", "csv"]));
    assert_eq!(code, Some(0));
    assert!(stdout.lines().count() > 1, "{stdout}");
    assert!(stderr.contains("is damaged from byte"), "{stderr}");
}

#[test]
fn flags_of_recordings_and_captures_do_not_mix() {
    for args in [
        &[LEAK, "--connection", "1"][..],
        &["--pcap", LEAK, "--at", "5s"],
        &["--pcap", LEAK, "--diagnose"],
        &["--pcap", LEAK, "dport = :80"],
        &["--pcap", LEAK, "-o", "state"],
        &[LEAK, "--at", "soon"],
        &[LEAK, "--speed", "3"],
        &[LEAK, "-o", "colour"],
        &[LEAK, "state", "close-wit"],
    ] {
        let output = replay(args);
        assert_eq!(output.status.code(), Some(2), "{args:?}: {output:?}");
        assert!(output.stdout.is_empty() && !output.stderr.is_empty());
    }
}

#[test]
fn a_full_disk_and_a_closed_pipe_end_a_replay() {
    let full = std::fs::File::options()
        .write(true)
        .open("/dev/full")
        .expect("opens");
    let mut replaying = command(&[LEAK, "--output", "csv"]);
    let output = replaying.stdout(full).output().expect("the command starts");
    let (code, _, stderr) = told(&output);
    assert_eq!(code, Some(1));
    assert!(
        stderr.starts_with("tcpmon: cannot write to standard output: No space left"),
        "{stderr}"
    );
    let mut replaying = command(&[LEAK, "--output", "jsonl"]);
    let mut child = replaying
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("starts");
    drop(child.stdout.take());
    let output = child.wait_with_output().expect("it ends");
    assert_eq!(told(&output), (Some(0), String::new(), String::new()));
}
