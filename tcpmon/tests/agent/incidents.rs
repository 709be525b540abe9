//! A verdict that becomes critical: its line, and the file with its evidence.

use std::fs;
use std::io::{ErrorKind, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::os::unix::fs::{PermissionsExt as _, chown};
use std::path::{Path, PathBuf};

use nix::mount::{MsFlags, mount};
use nix::sched::{CloneFlags, unshare};
use serde_json::Value;
use tcpmon::core::incident::is_file_name;
use tcpmon::core::query::Verdicts;
use tcpmon::core::verdict::{Kind, Severity};

use crate::net::{address, listener};
use crate::place::{Namespace, in_namespace};
use crate::running::Agent;
use crate::world::{check, in_workplace, within};

/// A user who is not the agent's.
const NOBODY: u32 = 65534;
const KIND: &str = "port_exhaustion";
/// Sockets a destination must have to be looked at, and some.
const PORTS: u16 = 12;

/// Connections that take every port towards a listener.
struct Exhausted {
    to: SocketAddr,
    _held: Vec<TcpStream>,
    _listener: TcpListener,
}

impl Exhausted {
    /// Takes all ports of the calling thread's namespace.
    fn here() -> Self {
        let listener = listener();
        let to = address(&listener);
        let range = format!("20000 {}", 20_000 + PORTS - 1);
        Namespace::current().set("ipv4/ip_local_port_range", &range);
        let held = (0..PORTS).map(|_| TcpStream::connect(to).expect("a port is left"));
        Self {
            to,
            _held: held.collect(),
            _listener: listener,
        }
    }

    /// Once more, in vain.
    fn try_again(&self) {
        let error = TcpStream::connect(self.to).expect_err("no port is left");
        assert_eq!(error.kind(), ErrorKind::AddrNotAvailable);
    }

    /// The line of the verdict on it. What failed before the judge knew the destination is old to it,
    /// so connections fail until there is a verdict.
    fn line(&self, agent: &Agent) -> String {
        let destination = format!("destination={}", self.to);
        within(30, "a critical verdict", || {
            self.try_again();
            let lines = agent.log();
            let line = lines.iter().find(|line| {
                line.contains(&format!(" verdict={KIND} ")) && line.contains(&destination)
            });
            line.cloned().ok_or_else(|| format!("{lines:#?}"))
        })
    }
}

/// The value of a field of logfmt that is one plain word.
fn field<'a>(line: &'a str, name: &str) -> Option<&'a str> {
    let (_, rest) = line.split_once(&format!(" {name}="))?;
    rest.split(' ').next()
}

fn arguments(directory: &Path) -> [&str; 2] {
    let directory = directory.to_str().expect("UTF-8");
    ["--incident.directory", directory]
}

fn files(directory: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(directory).expect("a directory").flatten();
    entries.map(|entry| entry.path()).collect()
}

#[test]
fn the_evidence_of_a_critical_verdict_is_saved() {
    in_namespace(|_| {
        let place = tempfile::tempdir().expect("a directory");
        let agent = Agent::start(&arguments(place.path()));
        in_workplace(|netns| {
            let exhausted = Exhausted::here();
            let to = format!(" destination={} ", exhausted.to);
            let line = exhausted.line(&agent);
            let this = std::process::id().to_string();
            assert!(line.contains("level=error"), "{line}");
            assert_eq!(field(&line, "step"), Some("began"), "{line}");
            assert_eq!(field(&line, "severity"), Some("critical"), "{line}");
            assert_eq!(field(&line, "pid"), Some(this.as_str()), "{line}");
            assert_eq!(
                field(&line, "netns"),
                Some(netns.to_string().as_str()),
                "{line}"
            );
            let name = field(&line, "incident").expect(&line);
            assert!(is_file_name(name), "{name}");
            assert!(
                name.ends_with(&format!("Z-{KIND}-{this}.incident.json")),
                "{name}"
            );

            let path = place.path().join(name);
            within(10, "it is written", || {
                check(path.exists(), || format!("{:#?}", agent.log()))
            });
            // Tests that run side by side have verdicts of their own, and this agent sees them.
            within(10, "it is counted", || {
                let written = agent.metric("tcpmon_incidents_written_total");
                check(written > 0, || format!("{written}"))
            });
            let about = fs::metadata(&path).expect("it is there");
            assert_eq!(about.permissions().mode() & 0o7777, 0o640);
            let text = fs::read_to_string(&path).expect("UTF-8");
            let incident: Value = serde_json::from_str(&text).expect("JSON");
            it_says_what_happened(&incident, &exhausted, netns);
            assert_eq!(agent.metric("tcpmon_incident_write_errors_total"), 0);

            let answer: Verdicts = agent.api("/v1/verdicts");
            let here = |row: &&_| -> bool {
                let row: &&tcpmon::core::query::VerdictRow = row;
                row.netns == Some(netns) && row.verdict == Kind::PortExhaustion
            };
            let row = answer.verdicts.iter().find(here).expect("it stands");
            assert_eq!(row.severity, Severity::Critical);
            assert_eq!(incident["verdict"]["destination_port"], exhausted.to.port());
            let told = agent.log();
            let told = told.iter().filter(|line| line.contains(&to));
            assert_eq!(told.count(), 1, "one change, one line: {:#?}", agent.log());
        });
    });
}

fn it_says_what_happened(incident: &Value, exhausted: &Exhausted, netns: u32) {
    assert_eq!(incident["schema"], 1);
    assert_eq!(incident["verdict"]["verdict"], KIND);
    assert_eq!(incident["verdict"]["netns"], netns);
    let number = u64::from(PORTS);
    assert_eq!(incident["subject_states"]["ESTABLISHED"], number);
    assert_eq!(incident["namespace_states"]["ESTABLISHED"], 2 * number);
    let machine = incident["machine_states"]["ESTABLISHED"].as_u64();
    assert!(machine >= Some(2 * number), "{machine:?}");
    assert_eq!(incident["sockets_in_all"], number);
    let rows = |name: &str| incident[name].as_array().expect(name);
    assert_eq!(rows("sockets").len(), usize::from(PORTS));
    for row in rows("sockets") {
        assert_eq!(row["remote_port"], exhausted.to.port(), "{row}");
        assert_eq!(row["state"], "ESTABLISHED", "{row}");
    }
    assert!(incident["health"]["rung"].is_string() && incident["health"]["drift"].is_object());
    let transitions = rows("transitions");
    let failed = transitions.iter().filter(|row| row["ending"] == "no_port");
    assert!(failed.count() > 0, "{transitions:#?}");
    let this = std::process::id();
    assert!(
        transitions
            .iter()
            .any(|row| row["to"] == "SYN_SENT" && row["pid"] == this)
    );
    let ages = transitions.iter().map(|row| row["age_seconds"].as_f64());
    assert!(ages.is_sorted(), "the last first");
}

#[test]
fn a_full_disk_costs_a_line_and_a_count_and_not_the_agent() {
    in_namespace(|_| {
        let place = tempfile::tempdir().expect("a directory");
        // Seen by this thread and its children alone, and gone with them.
        unshare(CloneFlags::CLONE_NEWNS).expect("root may make a namespace");
        const NONE: Option<&str> = None;
        let private = MsFlags::MS_REC | MsFlags::MS_PRIVATE;
        mount(NONE, "/", NONE, private, NONE).expect("root may mount");
        mount(
            NONE,
            place.path(),
            Some("tmpfs"),
            MsFlags::empty(),
            Some("size=64k"),
        )
        .expect("tmpfs");
        let agent = Agent::start(&arguments(place.path()));
        let ballast = place.path().join("ballast");
        let mut file = fs::File::create(&ballast).expect("made");
        let error = loop {
            if let Err(error) = file.write_all(&[0; 4096]) {
                break error;
            }
        };
        assert_eq!(error.kind(), ErrorKind::StorageFull);
        in_workplace(|_| {
            let exhausted = Exhausted::here();
            let line = exhausted.line(&agent);
            let name = field(&line, "incident").expect(&line);
            let failure = within(10, "why it is not saved", || {
                let lines = agent.log();
                let wanted = format!("\" incident={name}");
                let line = lines.iter().find(|line| line.ends_with(&wanted));
                line.cloned().ok_or_else(|| format!("{lines:#?}"))
            });
            assert!(failure.contains("No space left on device"), "{failure}");
            within(10, "it is counted", || {
                let errors = agent.metric("tcpmon_incident_write_errors_total");
                check(errors > 0, || format!("{errors}"))
            });
            assert_eq!(agent.metric("tcpmon_incidents_written_total"), 0);
            within(10, "nothing half done stays, nothing was removed", || {
                let files = files(place.path());
                check(files == [ballast.as_path()], || format!("{files:?}"))
            });
            let answer: Verdicts = agent.api("/v1/verdicts");
            assert!(answer.judged_age_seconds.is_some());
        });
    });
}

#[test]
fn a_directory_that_cannot_be_used_is_said_at_the_start() {
    in_namespace(|_| {
        let place = tempfile::tempdir().expect("a directory");
        let missing = place.path().join("missing");
        // Of somebody else: the agent is root without the capability to write to it.
        let theirs = place.path().join("theirs");
        fs::create_dir(&theirs).expect("made");
        fs::set_permissions(&theirs, fs::Permissions::from_mode(0o700)).expect("chmod");
        chown(&theirs, Some(NOBODY), Some(NOBODY)).expect("root may give it away");
        for (directory, why) in [
            (&missing, "No such file or directory"),
            (&theirs, "Permission denied"),
        ] {
            let agent = Agent::start(&arguments(directory));
            let line = agent.logged("incidents cannot be saved in");
            assert!(line.contains("level=error") && line.contains(why), "{line}");
            assert!(line.contains("--incident.directory"), "{line}");
            assert_eq!(agent.http().get("/-/healthy").status, 200);
        }
        assert!(!missing.exists() && files(&theirs).is_empty());
    });
}
