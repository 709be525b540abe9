use super::*;

fn lines(path: &str, text: &str) -> Vec<usize> {
    findings(path, text)
        .iter()
        .map(|found| found.line)
        .collect()
}

fn is_clean(path: &str, text: &str) -> bool {
    lines(path, text).is_empty()
}

#[test]
fn a_finding_reads_as_path_line_sentence() {
    let found = findings("tcpmon/src/view/row.rs", "\nuse crate::source::Fact;");
    assert_eq!(
        found[0].to_string(),
        "tcpmon/src/view/row.rs:2: crate::source::Fact: sources and views never import each other"
    );
}

#[test]
fn core_imports_neither_sources_nor_views() {
    let file = "tcpmon/src/core/table.rs";
    assert!(is_clean(
        file,
        "use crate::core::tuple::Tuple;\nuse super::query;"
    ));
    assert_eq!(lines(file, "use crate::source::Fact;"), [1]);
    assert_eq!(lines(file, "use crate::{\n core::query,\n agent,\n};"), [3]);
    assert_eq!(lines(file, "use super::super::view::Row;"), [1]);
    assert_eq!(lines(file, "fn f(row: crate::view::Row) {}"), [1]);
}

#[test]
fn core_does_no_input_or_output_and_reads_no_clock() {
    let file = "tcpmon/src/core/filter/mod.rs";
    assert!(is_clean(file, "use std::{time::Duration, net::IpAddr};"));
    assert!(is_clean(
        file,
        "/// Unlike `std::fs::read`.\nconst WHY: &str = \"tokio::spawn\";"
    ));
    for bad in [
        "use tokio::sync::mpsc;",
        "use aya;",
        "use ratatui::text::Line;",
        "use prometheus::Registry;",
        "use axum::Router;",
        "use hyper::Request;",
        "use nix::unistd::Uid;",
        "fn f() { libc::getuid() }",
        "use std::fs;",
        "use std::{net::{IpAddr, TcpStream}};",
        "use std::net::*;",
        "use std::time::Instant;",
        "use std::time::{Duration, SystemTime};",
        "fn f(now: time::Instant) {}",
    ] {
        assert_eq!(lines(file, bad), [1], "{bad}");
    }
}

#[test]
fn sources_and_views_do_not_know_each_other() {
    let bad_source = "use crate::view::format;";
    let bad_view = "use crate::source::procfs;";
    assert_eq!(lines("tcpmon/src/source/procfs.rs", bad_source), [1]);
    assert_eq!(lines("tcpmon/src/view/format.rs", bad_view), [1]);
    assert!(is_clean("tcpmon/src/view/format.rs", bad_source));
    assert!(is_clean("tcpmon/src/source/procfs.rs", bad_view));
    assert!(is_clean(
        "tcpmon/src/agent.rs",
        "use crate::{source, view};"
    ));
}

#[test]
fn libraries_stay_where_they_belong() {
    for (code, home, stranger) in [
        ("use aya::Ebpf;", "source/bpf/load.rs", "agent.rs"),
        (
            "use aya_log::EbpfLogger;",
            "source/bpf.rs",
            "source/procfs.rs",
        ),
        ("use ratatui::Frame;", "view/tui/screen.rs", "view/print.rs"),
        ("use crossterm::event;", "view/tui/input.rs", "cli/top.rs"),
        (
            "use prometheus::Registry;",
            "view/export/mod.rs",
            "view/api.rs",
        ),
    ] {
        assert!(is_clean(&format!("tcpmon/src/{home}"), code), "{code}");
        assert_eq!(
            lines(&format!("tcpmon/src/{stranger}"), code),
            [1],
            "{code}"
        );
        assert!(is_clean("tcpmon/tests/kernel.rs", code), "{code}");
    }
}

#[test]
fn a_name_that_only_begins_alike_is_free() {
    assert!(is_clean(
        "tcpmon/src/agent.rs",
        "use ayaz::X;\nuse crate::prometheus_text::Y;"
    ));
    assert_eq!(lines("tcpmon/src/source/bpf_old.rs", "use aya::Ebpf;"), [1]);
}

#[test]
fn only_the_clock_reads_time() {
    let now = "let now = Instant::now();";
    assert!(is_clean("tcpmon/src/clock.rs", now));
    assert_eq!(lines("tcpmon/src/agent.rs", now), [1]);
    assert_eq!(
        lines("tcpmon/src/agent.rs", "std::time::SystemTime::now();"),
        [1]
    );
    assert_eq!(
        lines("tcpmon/src/agent.rs", "use nix::time::clock_gettime;"),
        [1]
    );
    assert!(is_clean(
        "tcpmon/src/agent.rs",
        "fn f(now: Instant) {} // not Instant::now()"
    ));
    assert!(is_clean("xtask/src/test.rs", now));
}

#[test]
fn unsafe_says_why_it_is_sound() {
    let good = "// SAFETY: one thread.\nunsafe { f() }";
    let far = format!("// SAFETY: one thread.{}unsafe {{ f() }}", "\n".repeat(7));
    assert!(is_clean("tcpmon/build.rs", good));
    assert_eq!(lines("tcpmon/build.rs", "unsafe { f() }"), [1]);
    assert_eq!(lines("tcpmon/build.rs", &far), [8]);
    assert!(is_clean("tcpmon-ebpf/src/main.rs", "unsafe { f() }"));
    assert!(is_clean(
        "xtask/src/a.rs",
        "// unsafe\n#![deny(unsafe_code)]"
    ));
}

#[test]
fn nothing_depends_on_a_place_outside() {
    for place in ELSEWHERE {
        assert_eq!(
            lines("README.md", &format!("\nsee {place}a")),
            [2],
            "{place}"
        );
        assert_eq!(
            lines("deploy/x.toml", &format!("dir=\"{place}\"")),
            [1],
            "{place}"
        );
    }
    let inner = format!("https://example.org{}a", ELSEWHERE[0]);
    assert!(is_clean("README.md", &inner));
}

#[test]
fn nothing_is_left_unfinished() {
    for word in UNFINISHED {
        assert_eq!(lines("docs/states.md", &format!("a\n{word}: b")), [2]);
        assert!(is_clean("docs/states.md", &format!("a{word}S")));
    }
    assert_eq!(lines("tcpmon/src/a.rs", "fn f() { todo!() }"), [1]);
    assert_eq!(
        lines("tcpmon/src/a.rs", "fn f() { unimplemented!(\"x\") }"),
        [1]
    );
    assert!(is_clean("tcpmon/src/a.rs", "let todo = 1; // todo!"));
}

#[test]
fn lines_and_files_stay_short() {
    let wide = "é".repeat(MAX_COLUMNS);
    assert!(is_clean("xtask/src/a.rs", &wide));
    assert_eq!(lines("xtask/src/a.rs", &format!("\n{wide}é")), [2]);
    assert!(is_clean("README.md", &format!("{wide}é")));
    let tall = "\n".repeat(MAX_LINES);
    assert!(is_clean("xtask/src/a.rs", &tall));
    assert_eq!(
        lines("xtask/src/a.rs", &format!("{tall}\n")),
        [MAX_LINES + 1]
    );
    assert!(is_clean("docs/a.md", &format!("{tall}\n")));
}

#[test]
fn a_path_upwards_is_followed() {
    let up = |file, path: &'static str| absolute(file, path.split("::").collect()).join("::");
    assert_eq!(
        up("tcpmon/src/core/filter/mod.rs", "super::query"),
        "crate::core::query"
    );
    assert_eq!(
        up("tcpmon/src/core/tuple.rs", "super::super::view"),
        "crate::view"
    );
    assert_eq!(
        up("tcpmon/src/agent.rs", "super::super::super::a"),
        "crate::a"
    );
    assert_eq!(up("tcpmon/src/lib.rs", "crate::a"), "crate::a");
}

#[test]
fn inputs_for_decoders_name_no_machine_and_are_else_free() {
    let file = "fuzz/corpus/cgroup/v2";
    assert!(is_clean(
        file,
        concat!("0::/system.slice\nTO", "DO\u{fffd}")
    ));
    assert_eq!(lines(file, concat!("ok\n0::/ho", "me/somebody")), [2]);
    assert_eq!(lines(file, concat!("\u{fffd} /wo", "rk/x")), [1]);
    assert!(is_clean("docs/x.md", concat!("/ho", "me/you")));
    assert!(is_corpus(file) && !is_corpus("fuzz/fuzz_targets/row.rs"));
}
