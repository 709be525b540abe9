//! `tcpmon replay --pcap` on captures that tcpdump made, to the letter. `UPDATE_GOLDEN=1 cargo test
//! --test replay` rewrites what is expected; `captures/README.md` says how each capture came about.

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

fn replay(args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_tcpmon"))
        .current_dir(captures())
        .arg("replay")
        .args(args)
        .env_clear()
        .env("LANG", "C.UTF-8")
        .stdin(Stdio::null())
        .output()
        .expect("the command starts")
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
    assert_eq!(output.status.code(), Some(2));
    assert_eq!(
        text(&output.stderr),
        "tcpmon: replay reads packet captures only: say so with --pcap\n"
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
