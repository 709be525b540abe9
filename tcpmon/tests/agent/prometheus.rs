//! A real Prometheus and a real Alertmanager, each a process of its own, and somebody they tell.

use std::fs::{self, File};
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::Value;
use tempfile::TempDir;

use crate::command::Running;
use crate::tools;
use crate::world::{Home, check, within};

const ANYWHERE: &str = "--web.listen-address=127.0.0.1:0";

/// A file of the repository.
pub(crate) fn shipped(path: &str) -> PathBuf {
    let package = Path::new(env!("CARGO_MANIFEST_DIR"));
    package.parent().expect("a workspace").join(path)
}

/// A server of somebody else. Dropping it ends it.
struct Server {
    _process: Running,
    address: SocketAddr,
    home: Home,
    place: TempDir,
}

impl Server {
    /// Starts it in the namespace of the calling thread, and waits until it is ready.
    fn start(mut command: Command, place: TempDir) -> Self {
        let log = place.path().join("log");
        command.stdin(Stdio::null()).stdout(Stdio::null());
        command.stderr(File::create(&log).expect("a file"));
        let mut process = Running(command.spawn().expect("it starts"));
        let address = within(30, "a server that listens", || {
            let lines = fs::read_to_string(&log).expect("UTF-8");
            let status = process.0.try_wait().expect("it is our child");
            check(status.is_none(), || format!("it ended: {lines}")).expect("it goes on");
            let address = lines.lines().find_map(|line| {
                let (_, address) = line.split_once("msg=\"Listening on\" address=")?;
                address.trim().parse().ok()
            });
            address.ok_or(lines)
        });
        let server = Self {
            _process: process,
            address,
            home: Home::here(),
            place,
        };
        within(30, "a server that is ready", || {
            let answer = server.get("/-/ready");
            check(answer.starts_with("HTTP/1.0 200"), || answer)
        });
        server
    }

    /// The whole answer. By HTTP/1.0, so that it ends where the connection does.
    fn get(&self, path: &str) -> String {
        let stream = self.home.visit(|| TcpStream::connect(self.address));
        let mut stream = stream.expect("it listens");
        let patience = Some(Duration::from_secs(30));
        stream.set_read_timeout(patience).expect("SO_RCVTIMEO");
        let request = format!("GET {path} HTTP/1.0\r\nhost: localhost\r\n\r\n");
        stream.write_all(request.as_bytes()).expect("asks");
        let mut answer = String::new();
        stream.read_to_string(&mut answer).expect("UTF-8");
        answer
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if thread::panicking() {
            let log = fs::read_to_string(self.place.path().join("log"));
            eprintln!("a server's log: {}", log.unwrap_or_default());
        }
    }
}

/// A Prometheus that scrapes one agent every second, as the job `tcpmon`, with the rules that are shipped.
pub(crate) struct Prometheus(Server);

impl Prometheus {
    /// Starts one in the namespace of the calling thread; `None` where it is not installed. Nothing is
    /// pending for longer than a second.
    pub(crate) fn start(agent: SocketAddr, alertmanager: Option<SocketAddr>) -> Option<Self> {
        let program = tools::find("prometheus")?;
        let place = TempDir::new().expect("a directory");
        for file in ["tcpmon.rules.yml", "tcpmon.alerts.yml"] {
            let text =
                fs::read_to_string(shipped("deploy/prometheus").join(file)).expect("shipped");
            fs::write(place.path().join(file), without_patience(&text)).expect("written");
        }
        let tells = alertmanager.map_or_else(String::new, |address| {
            format!(
                "alerting:\n  alertmanagers:\n  - static_configs: [{{targets: ['{address}']}}]\n"
            )
        });
        let text = format!(
            "global: {{scrape_interval: 1s, scrape_timeout: 1s, evaluation_interval: 1s}}\n\
             rule_files: [tcpmon.rules.yml, tcpmon.alerts.yml]\n\
             {tells}\
             scrape_configs:\n- job_name: tcpmon\n  static_configs: [{{targets: ['{agent}']}}]\n"
        );
        let config = place.path().join("prometheus.yml");
        fs::write(&config, text).expect("written");
        let mut command = Command::new(program);
        command.arg(ANYWHERE).arg("--config.file").arg(config);
        command
            .arg("--storage.tsdb.path")
            .arg(place.path().join("data"));
        command.args([
            "--rules.alert.for-grace-period=0s",
            "--rules.alert.resend-delay=1s",
        ]);
        Some(Self(Server::start(command, place)))
    }

    /// What it answers to `query` now: a list of series, each with its labels and its value.
    #[track_caller]
    pub(crate) fn query(&self, query: &str) -> Result<Vec<Value>, String> {
        let encoded = utf8_percent_encode(query, NON_ALPHANUMERIC);
        let answer = self.0.get(&format!("/api/v1/query?query={encoded}"));
        let (_, body) = answer.split_once("\r\n\r\n").expect("a head and a body");
        let body: Value = serde_json::from_str(body).expect("JSON");
        match body["data"]["result"].as_array() {
            Some(series) => Ok(series.clone()),
            None => Err(body.to_string()),
        }
    }
}

/// The rules of `text` with `for: 1s` wherever they wait.
fn without_patience(text: &str) -> String {
    let lines = text.lines().map(|line| match line.split_once("for: ") {
        Some((indent, _)) if indent.trim().is_empty() => format!("{indent}for: 1s\n"),
        _ => format!("{line}\n"),
    });
    lines.collect()
}

/// An Alertmanager that tells one webhook everything, a second later.
pub(crate) struct Alertmanager(Server);

impl Alertmanager {
    /// Starts one in the namespace of the calling thread; `None` where it is not installed.
    pub(crate) fn start(webhook: &Webhook) -> Option<Self> {
        let program = tools::find("prometheus-alertmanager")?;
        let place = TempDir::new().expect("a directory");
        let text = format!(
            "route: {{receiver: test, group_wait: 1s, group_interval: 1s, repeat_interval: 1h}}\n\
             receivers:\n- name: test\n  webhook_configs: [{{url: 'http://{}/'}}]\n",
            webhook.address
        );
        let config = place.path().join("alertmanager.yml");
        fs::write(&config, text).expect("written");
        let mut command = in_its_place(&program);
        command.arg(ANYWHERE).arg("--config.file").arg(config);
        command.arg("--storage.path").arg(place.path().join("data"));
        command.arg("--cluster.listen-address=");
        Some(Self(Server::start(command, place)))
    }

    pub(crate) const fn address(&self) -> SocketAddr {
        self.0.address
    }
}

/// Debian's Alertmanager looks for its templates below `/usr/share` alone: one that is unpacked elsewhere
/// sees what was unpacked with it there.
fn in_its_place(program: &Path) -> Command {
    let unpacked = tools::unpacked();
    if !program.starts_with(&unpacked) {
        return Command::new(program);
    }
    let mut command = Command::new("unshare");
    let mounts = "mount --bind \"$0\" /usr/share && exec \"$@\"";
    command.args(["--mount", "sh", "-c", mounts]);
    command.arg(unpacked.join("usr/share")).arg(program);
    command
}

/// Somebody who is told of alerts. Dropping it closes its door.
pub(crate) struct Webhook {
    address: SocketAddr,
    told: Arc<Mutex<Vec<Value>>>,
    is_over: Arc<AtomicBool>,
}

impl Webhook {
    /// Listens in the namespace of the calling thread.
    pub(crate) fn open() -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("listens");
        let webhook = Self {
            address: listener.local_addr().expect("is bound"),
            told: Arc::default(),
            is_over: Arc::default(),
        };
        let (told, is_over) = (Arc::clone(&webhook.told), Arc::clone(&webhook.is_over));
        thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                if is_over.load(Ordering::Relaxed) {
                    break;
                }
                let alerts = receive(stream);
                told.lock()
                    .unwrap_or_else(PoisonError::into_inner)
                    .extend(alerts);
            }
        });
        webhook
    }

    /// The first alert it was told of that `is_it`.
    pub(crate) fn alert(&self, is_it: impl Fn(&Value) -> bool) -> Result<Value, String> {
        let told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        let found = told.iter().find(|alert| is_it(alert));
        found.cloned().ok_or_else(|| format!("told: {told:#?}"))
    }
}

impl Drop for Webhook {
    fn drop(&mut self) {
        self.is_over.store(true, Ordering::Relaxed);
        // It waits for the next one to come.
        let _ = TcpStream::connect(self.address);
    }
}

/// The alerts of one message, which is acknowledged.
fn receive(stream: TcpStream) -> Vec<Value> {
    let mut reader = BufReader::new(stream);
    let mut length = 0;
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).expect("a line");
        match line.trim_end().split_once(": ") {
            Some((name, value)) if name.eq_ignore_ascii_case("content-length") => {
                length = value.parse().expect("a number");
            }
            None if line.trim_end().is_empty() => break,
            _ => {}
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body).expect("the whole message");
    let answer = b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\nconnection: close\r\n\r\n";
    reader.get_mut().write_all(answer).expect("it listens");
    let mut message: Value = serde_json::from_slice(&body).expect("JSON");
    match message["alerts"].take() {
        Value::Array(alerts) => alerts,
        other => panic!("no alerts: {other}"),
    }
}
