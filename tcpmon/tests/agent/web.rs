//! `--web.config.file` with an agent that gives up its privileges.

use std::fs;
use std::net::TcpStream;
use std::os::fd::OwnedFd;
use std::os::unix::fs::{PermissionsExt as _, chown};
use std::process::{Command, Stdio};

use tempfile::TempDir;

use crate::command::{Running, run};
use crate::http::Http;
use crate::net::{address, listener};
use crate::place::in_namespace;
use crate::running::Agent;

/// Somebody who is not root.
const SOMEBODY: u32 = 12345;

#[test]
fn what_may_not_be_read_again_stays_as_it_was_and_that_is_said() {
    in_namespace(|_| {
        let place = TempDir::new().expect("a directory");
        let file = place.path().join("web.yml");
        let text = "http_server_config:\n  headers:\n    X-Frame-Options: sameorigin\n";
        fs::write(&file, text).expect("written");
        // Root may read it as long as it has CAP_DAC_OVERRIDE.
        fs::set_permissions(&file, fs::Permissions::from_mode(0o400)).expect("permissions");
        chown(&file, Some(SOMEBODY), Some(SOMEBODY)).expect("root may");
        let agent = Agent::start(&["--web.config.file", file.to_str().expect("UTF-8")]);
        let line = agent.logged("what was read at the start stays in use");
        assert!(
            line.contains("web.yml: cannot be read: Permission denied"),
            "{line}"
        );
        let mut http = agent.http();
        for _ in 0..3 {
            let page = http.get("/");
            assert_eq!(
                (page.status, page.header("x-frame-options")),
                (200, Some("sameorigin"))
            );
        }
        let lines = agent.log();
        let said = lines.iter().filter(|line| line.contains("stays in use"));
        assert_eq!(said.count(), 1, "{lines:#?}");
    });
}

#[test]
fn a_file_that_cannot_be_used_is_refused_before_anything_is_attached() {
    let place = TempDir::new().expect("a directory");
    let file = place.path().join("web.yml");
    fs::write(&file, "tls_server_config:\n  min_version: TLS10\n").expect("written");
    let file = file.to_str().expect("UTF-8");
    let sentence = run(&[
        "agent",
        "--web.listen-address",
        "127.0.0.1:0",
        "--web.config.file",
        file,
    ])
    .failed(2);
    assert!(
        sentence.contains("web.yml:2: TLS10 is not supported here"),
        "{sentence}"
    );
}

#[test]
fn it_listens_on_every_address_it_is_given() {
    in_namespace(|_| {
        let agent = Agent::start(&["--web.listen-address", "[::1]:0", "--web.page=false"]);
        let line = agent.logged("listening: metrics=");
        assert_eq!(line.matches("http://").count(), 2, "{line}");
        assert!(
            line.contains("http://[::1]:") && line.contains("http://127.0.0.1:"),
            "{line}"
        );
        assert!(!agent.http().get("/").body.contains("<svg"));
    });
}

#[test]
fn sockets_that_the_service_manager_passes_are_served() {
    /// As systemd does it: the socket is descriptor 3, and the variables name this process.
    const PASS: &str = "exec 3<&0; LISTEN_PID=$$ LISTEN_FDS=1 exec \"$0\" \"$@\"";
    in_namespace(|_| {
        let place = TempDir::new().expect("a directory");
        let listener = listener();
        let address = address(&listener);
        let mut command = Command::new("/bin/sh");
        command.args(["-c", PASS, env!("CARGO_BIN_EXE_tcpmon")]);
        command.args(["agent", "--web.systemd-socket", "--socket"]);
        command.arg(place.path().join("tcpmon.sock")).env_clear();
        command.stdin(OwnedFd::from(listener)).stderr(Stdio::null());
        let _agent = Running(command.spawn().expect("it starts"));
        // It listens already; the answer comes when the agent does.
        let stream = TcpStream::connect(address).expect("it listens");
        let page = Http::new(stream).get("/-/healthy");
        assert_eq!(
            (page.status, page.body.as_str()),
            (200, "tcpmon is healthy\n")
        );
    });
}
