//! A server that is well, under load.

use std::env;
use std::fs;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use tempfile::TempDir;

use super::program::Program;
use super::stage::Scene;
use crate::net::{ANY_PORT, address};
use crate::tools::{find, unpacked};
use crate::world::{check, within};

/// How long a healthy server is under load, in seconds.
const SECONDS: &str = "TCPMON_HEALTHY_SECONDS";
const DEFAULT_SECONDS: u64 = 60;

/// A web server.
pub(super) struct Nginx {
    port: u16,
    _program: Program,
    _place: TempDir,
}

impl Nginx {
    /// One that answers by itself.
    pub(super) fn start(program: &Path) -> Self {
        Self::with(program, "", "return 200 'pong\\n';")
    }

    /// One that asks another server. With keep-alive it hangs up after each second question or after a
    /// second without one.
    pub(super) fn in_front_of(program: &Path, upstream: u16, is_kept_alive: bool) -> Self {
        let (keep, header) = if is_kept_alive {
            (
                "keepalive 4; keepalive_timeout 1s; keepalive_requests 2;",
                "proxy_http_version 1.1; proxy_set_header Connection '';",
            )
        } else {
            ("", "")
        };
        let upstream = format!("upstream behind {{ server 127.0.0.1:{upstream}; {keep} }}");
        Self::with(
            program,
            &upstream,
            &format!("proxy_pass http://behind; {header}"),
        )
    }

    fn with(program: &Path, upstream: &str, answer: &str) -> Self {
        let place = TempDir::new().expect("a directory");
        // It wants to be told a port; nobody else is in this namespace who could take it meanwhile.
        let port = address(&TcpListener::bind(ANY_PORT).expect("listens")).port();
        let temporary = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
            .map(|kind| format!("{kind}_temp_path {kind};"))
            .concat();
        let text = format!(
            "daemon off; user root; worker_processes 2; pid nginx.pid;\n\
             events {{ worker_connections 512; }}\n\
             http {{ access_log off; {temporary} {upstream}\n\
             server {{ listen 127.0.0.1:{port}; location / {{ {answer} }} }} }}\n"
        );
        let file = place.path().join("nginx.conf");
        fs::write(&file, text).expect("writes");
        let mut command = Command::new(program);
        command
            .args(["-e", "stderr"])
            .arg("-p")
            .arg(place.path())
            .arg("-c")
            .arg(&file);
        let program = Program::start(command);
        within(10, "nginx listens", || {
            let pid = fs::read_to_string(place.path().join("nginx.pid"));
            check(pid.is_ok(), || format!("{pid:?}"))
        });
        Self {
            port,
            _program: program,
            _place: place,
        }
    }

    pub(super) const fn port(&self) -> u16 {
        self.port
    }
}

/// Starts `wrk`: so many connections, each asking again after a pause.
fn wrk(
    program: &Path,
    script: &Path,
    port: u16,
    connections: &str,
    seconds: u64,
    more: &[&str],
) -> Program {
    let mut command = Command::new(program);
    command.args(["--threads", "1", "--connections", connections]);
    command
        .args(["--duration", &format!("{seconds}s"), "--script"])
        .arg(script)
        .args(more);
    command
        .arg(format!("http://127.0.0.1:{port}/"))
        .stderr(Stdio::inherit());
    if let Some(libraries) = libraries_of(program) {
        command.env("LD_LIBRARY_PATH", libraries);
    }
    Program::start(command)
}

/// Where a program that was unpacked has the libraries that were unpacked with it.
fn libraries_of(program: &Path) -> Option<PathBuf> {
    if !program.starts_with(unpacked()) {
        return None;
    }
    let entries = fs::read_dir(program.ancestors().nth(2)?.join("lib")).ok()?;
    let mut places = entries.flatten().map(|entry| entry.path());
    places.find(|place| place.to_string_lossy().ends_with("-linux-gnu"))
}

/// With keep-alive and without, at once: nothing is wrong at any moment, and nothing is suspicious.
pub(super) fn nginx_and_wrk(scene: &Scene<'_>) {
    let (Some(nginx), Some(wrk_program)) = (find("nginx"), find("wrk")) else {
        return;
    };
    let longer = env::var(SECONDS).ok();
    let seconds = longer.as_ref().map_or(DEFAULT_SECONDS, |seconds| {
        let seconds = seconds.parse();
        seconds.unwrap_or_else(|_| panic!("{SECONDS}: a number"))
    });
    let server = Nginx::start(&nginx);
    let place = TempDir::new().expect("a directory");
    // A connection asks at most twenty times a second. What is closed stays in TIME_WAIT for a minute,
    // and all agents of this machine look at it: 60 a second among other tests, 500 in a run alone.
    let script = place.path().join("pace.lua");
    fs::write(&script, "function delay() return 50 end\n").expect("writes");
    let start = |connections: &str, more: &[&str]| {
        wrk(
            &wrk_program,
            &script,
            server.port(),
            connections,
            seconds,
            more,
        )
    };
    let kept = start("25", &[]);
    let closing = if longer.is_some() { "25" } else { "3" };
    let closed = start(closing, &["--header", "Connection: close"]);
    for (wrk, way) in [(&kept, "kept alive"), (&closed, "closed each time")] {
        let asked = wrk.says(seconds + 30, "Requests/sec:");
        let per_second: f64 = asked.parse().expect("a rate");
        scene.note(&format!(
            "{way}: {per_second} requests per second for {seconds} s"
        ));
        assert!(per_second > 20.0, "{way}: {per_second}");
    }
    // What is left of it is well, too.
    let audits = scene.agent().audits();
    within(30, "two more audits", || {
        let now = scene.agent().audits();
        check(now >= audits + 2, || format!("{now}"))
    });
    scene.only(&[]);
}
