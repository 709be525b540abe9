//! What the agent serves on its port, and that no answer tells too much.

use std::env;
use std::io::{ErrorKind, Write as _};
use std::process::{Command, Stdio};

use crate::net::{listener, pair};
use crate::place::in_namespace;
use crate::running::Agent;
use crate::watch::Watch;
use crate::world::in_workplace;

#[test]
fn after_the_first_audit_it_is_ready_and_every_page_answers() {
    in_namespace(|_| {
        let agent = Agent::start(&["--web.telemetry-path", "/numbers"]);
        let mut http = agent.http();
        for (path, wanted) in [
            ("/-/ready", "tcpmon is ready\n"),
            ("/-/healthy", "tcpmon is healthy\n"),
        ] {
            let page = http.get(path);
            assert_eq!((page.status, page.body.as_str()), (200, wanted));
        }
        let landing = http.get("/");
        assert_eq!(landing.status, 200);
        for path in ["/numbers", "/-/healthy", "/-/ready"] {
            let link = format!("href=\"{path}\"");
            assert!(landing.body.contains(&link), "{}", landing.body);
            assert_eq!(http.get(path).status, 200, "{path}");
        }
        assert!(http.get("/numbers").body.contains("tcpmon_rung_info"));
        let nothing = http.get("/metrics");
        assert_eq!(nothing.status, 404);
        assert_eq!(
            nothing.body,
            "there is nothing here; metrics are at /numbers\n"
        );
        let refused = http.ask("POST", "/numbers");
        assert_eq!(
            (refused.status, refused.header("allow")),
            (405, Some("GET, HEAD"))
        );
        assert_eq!(refused.body, "only GET and HEAD are understood here\n");
    });
}

#[test]
fn promtool_finds_nothing_to_say_about_the_metrics() {
    in_namespace(|_| {
        let agent = Agent::start(&[]);
        let listener = listener();
        let _pair = pair(&listener);
        let page = agent.http().get("/metrics");
        let promtool = Command::new("promtool")
            .args(["check", "metrics"])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn();
        let mut promtool = match promtool {
            Ok(promtool) => promtool,
            Err(error) if error.kind() == ErrorKind::NotFound => {
                println!("skipped, because promtool is not installed");
                assert_ne!(
                    env::var("CI").as_deref(),
                    Ok("true"),
                    "CI must have promtool"
                );
                return;
            }
            Err(error) => panic!("promtool: {error}"),
        };
        let mut input = promtool.stdin.take().expect("a pipe");
        input.write_all(page.body.as_bytes()).expect("it reads");
        drop(input);
        let output = promtool.wait_with_output().expect("it ends");
        assert!(output.status.success(), "{output:?}");
        assert!(
            output.stdout.is_empty() && output.stderr.is_empty(),
            "{output:?}"
        );
    });
}

#[test]
fn no_answer_has_a_kernel_address_in_it() {
    in_namespace(|_| {
        let agent = Agent::start(&["--log.level", "debug"]);
        in_workplace(|netns| {
            let filter = format!("netns = {netns}");
            let watch = Watch::start(&agent, &filter);
            let listener = listener();
            let (client, server) = pair(&listener);
            drop((client, server));
            let _held = pair(&listener);
            let told = watch.until_marker();
            assert!(told.len() > 10, "{told:#?}");
            let mut texts = vec![
                serde_json::to_string(&told).expect("JSON"),
                agent.http().get("/metrics").body,
                serde_json::to_string(&agent.summary()).expect("JSON"),
                agent.log().join("\n"),
            ];
            for output in ["json", "jsonl", "csv", "wide", "table"] {
                let ran = agent.client(&["ls", &filter, "--output", output]);
                texts.push(ran.succeeded());
            }
            for text in texts {
                assert_eq!(kernel_address(&text), None, "{text}");
            }
        });
    });
}

/// A number of the upper half of the address space, however it is written.
fn kernel_address(text: &str) -> Option<&str> {
    let words = text.split(|c: char| !c.is_ascii_alphanumeric());
    let mut words = words.map(|word| word.strip_prefix("0x").unwrap_or(word));
    words.find(|word| {
        let hexadecimal = word.len() == 16 && u64::from_str_radix(word, 16).is_ok_and(is_kernels);
        hexadecimal || word.parse().is_ok_and(is_kernels)
    })
}

const fn is_kernels(number: u64) -> bool {
    number >= 0xffff_0000_0000_0000
}

#[test]
fn a_kernel_address_would_be_found() {
    for text in [
        "at 0xffff888100e0a340,",
        "\"sock\":18446612682075407168}",
        "ffff888100e0a340",
    ] {
        assert!(kernel_address(text).is_some(), "{text}");
    }
    assert_eq!(kernel_address("ffff 0.25 12345678901 ffff888"), None);
}
