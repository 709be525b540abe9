//! What others make of a scrape: the parser of Python's client library, and the agent of
//! VictoriaMetrics.

use std::env;
use std::fs;
use std::io::{BufRead as _, BufReader, ErrorKind, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use serde_json::Value;
use tempfile::TempDir;

use crate::command::Running;
use crate::http::Http;
use crate::place::in_namespace;
use crate::running::Agent;
use crate::world::{check, within};

/// Quotes, a backslash, the end of a line, a brace, an escape sequence, and a byte that is no UTF-8.
const NAME: &[u8] = b"e\"v\\i\nl}\x1b[1m\xff";
/// The same as a label has it.
const LABEL: &str = "e\"v\\i\\u{a}l}\\u{1b}[1m\u{fffd}";

/// A server that is called [`NAME`]; ends with its input.
const SERVER: &str = "\
import socket, sys
open('/proc/self/comm', 'wb').write(bytes.fromhex(sys.argv[1]))
server = socket.create_server(('127.0.0.1', 0))
print('listening', flush=True)
sys.stdin.read()
";

/// Prints the number of samples, and as JSON the processes that have some.
const PARSER: &str = "\
import json, sys
from prometheus_client.parser import text_string_to_metric_families
families = list(text_string_to_metric_families(sys.stdin.buffer.read().decode()))
samples = [sample for family in families for sample in family.samples]
names = sorted({sample.labels.get('process', '') for sample in samples})
print(json.dumps({'samples': len(samples), 'processes': names}))
";

/// Where `cargo xtask setup --tests` puts what is not on the machine.
fn tools() -> PathBuf {
    Path::new(env!("CARGO_TARGET_TMPDIR"))
        .parent()
        .expect("a target directory")
        .join("tools")
}

/// Why a test is skipped; in CI it must not be.
fn is_missing(what: &str) -> String {
    let is_ci = env::var("CI").as_deref() == Ok("true");
    assert!(!is_ci, "CI must have {what}");
    format!("skipped, because {what} is not installed: `cargo xtask setup --tests` does that")
}

fn server() -> Running {
    let name: String = NAME.iter().map(|byte| format!("{byte:02x}")).collect();
    let mut server = Command::new("python3")
        .args(["-c", SERVER, &name])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("python3 starts");
    let mut line = String::new();
    let stdout = server.stdout.take().expect("a pipe");
    BufReader::new(stdout).read_line(&mut line).expect("a line");
    assert_eq!(line, "listening\n");
    Running(server)
}

/// The scrape, once the server has series of its own.
fn scrape_with_server(agent: &Agent) -> String {
    let escaped = LABEL.replace('\\', "\\\\").replace('"', "\\\"");
    let series = format!("\ntcpmon_process_sockets{{process=\"{escaped}\",");
    within(30, "series of the server", || {
        let page = agent.http().get("/metrics").body;
        check(page.contains(&series), || page.clone()).map(|()| page)
    })
}

#[test]
fn pythons_client_reads_what_the_agent_writes() {
    let library = tools().join("python");
    if !library.join("prometheus_client").is_dir() {
        println!("{}", is_missing("prometheus_client"));
        return;
    }
    in_namespace(|_| {
        let agent = Agent::start(&[]);
        let _server = server();
        let page = scrape_with_server(&agent);
        let mut parser = Command::new("python3")
            .args(["-c", PARSER])
            .env("PYTHONPATH", &library)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("python3 starts");
        let mut stdin = parser.stdin.take().expect("a pipe");
        stdin.write_all(page.as_bytes()).expect("it reads");
        drop(stdin);
        let output = parser.wait_with_output().expect("it ends");
        assert!(output.status.success(), "{output:?}");
        let read: Value = serde_json::from_slice(&output.stdout).expect("JSON");
        assert_eq!(read["samples"].as_u64(), Some(series(&page)));
        let processes = read["processes"].as_array().expect("names");
        assert!(processes.contains(&Value::from(LABEL)), "{processes:?}");
    });
}

/// Series the scrape says it has; as many as it has lines.
fn series(page: &str) -> u64 {
    let mut lines = page.lines();
    let said = lines.find_map(|line| line.strip_prefix("tcpmon_series "));
    let said: u64 = said.expect("the metric").parse().expect("a number");
    let lines = page.lines().filter(|line| !line.starts_with('#')).count();
    assert_eq!(said, lines as u64);
    said
}

#[test]
fn vmagent_takes_as_many_series_as_there_are() {
    in_namespace(|_| {
        let agent = Agent::start(&[]);
        let _server = server();
        scrape_with_server(&agent);
        let place = TempDir::new().expect("a directory");
        let Some(vmagent) = vmagent(&agent, place.path()) else {
            println!("{}", is_missing("vmagent"));
            return;
        };
        let _vmagent = Running(vmagent);
        within(60, "as many samples as series", || {
            let target = target().ok_or("it has not scraped yet")?;
            let samples = target["lastSamplesScraped"].as_u64();
            let is_up = target["health"] == "up" && target["lastError"] == "";
            check(
                is_up && samples == Some(agent.metric("tcpmon_series")),
                || target.to_string(),
            )
        });
    });
}

/// Its page of targets. The namespace is the test's own, so any port is free.
const PAGES: &str = "127.0.0.1:8429";

fn vmagent(agent: &Agent, place: &Path) -> Option<Child> {
    let config = place.join("scrape.yml");
    let text = format!(
        "scrape_configs:\n- job_name: tcpmon\n  scrape_interval: 1s\n  static_configs:\n  \
         - targets: [\"{}\"]\n",
        agent.address()
    );
    fs::write(&config, text).expect("written");
    // Nobody takes what it sends: it keeps that until it ends.
    let started = Command::new("vmagent")
        .arg(format!("-promscrape.config={}", config.display()))
        .arg(format!("-remoteWrite.tmpDataPath={}", place.display()))
        .args(["-remoteWrite.url=http://127.0.0.1:1/"])
        .arg(format!("-httpListenAddr={PAGES}"))
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn();
    match started {
        Ok(child) => Some(child),
        Err(error) if error.kind() == ErrorKind::NotFound => None,
        Err(error) => panic!("vmagent: {error}"),
    }
}

fn target() -> Option<Value> {
    let stream = std::net::TcpStream::connect(PAGES).ok()?;
    let page = Http::new(stream).get("/api/v1/targets");
    let answer: Value = serde_json::from_str(&page.body).ok()?;
    let target = answer["data"]["activeTargets"].as_array()?.first()?;
    (target["health"] != "unknown").then(|| target.clone())
}
