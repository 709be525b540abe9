//! `tcpmon record` and `tcpmon replay`, with a real agent and real sockets: what is played again is what
//! was there.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use tcpmon::config::DEFAULT_SOCKET;
use tcpmon::core::query::{EventRow, SocketRow, Sockets, VerdictRow, Verdicts};
use tcpmon::core::verdict::Kind;
use tempfile::TempDir;

use crate::command::{Ran, Running, run, tcpmon};
use crate::net::{address, listener, pair};
use crate::place::in_namespace;
use crate::planted::{impatient, leak};
use crate::running::Agent;
use crate::screen::text;
use crate::tmux::Terminal;
use crate::world::{check, in_workplace, within};

/// A recorder that runs. Dropping it ends it.
struct Recorder {
    process: Running,
    file: PathBuf,
}

impl Recorder {
    /// Starts one, and waits until all that the agent knew is in the file.
    fn start(agent: &Agent, file: &Path, filter: &str) -> Self {
        let mut command = tcpmon(&["record", text(file), filter]);
        command.arg("--socket").arg(agent.socket());
        command.stdout(Stdio::null()).stderr(Stdio::piped());
        let recorder = Self {
            process: Running(command.spawn().expect("the command starts")),
            file: file.to_owned(),
        };
        within(20, "a recording that has begun", || {
            let ran = run(&["replay", text(file), "--at", "end", "--output", "json"]);
            check(
                ran.code == Some(0) && ran.stderr.contains("was cut off"),
                || format!("{ran:?}"),
            )
        });
        recorder
    }

    /// Ends it; what it said.
    fn end(mut self, signal: Signal, code: i32) -> String {
        let pid = i32::try_from(self.process.0.id()).expect("a process id");
        kill(Pid::from_raw(pid), signal).expect("it lives");
        self.ended(code)
    }

    fn ended(&mut self, code: i32) -> String {
        assert_eq!(self.process.code(), Some(code));
        let stderr = self.process.0.stderr.take().expect("a pipe");
        let said = std::io::read_to_string(stderr).expect("UTF-8");
        assert_eq!(said.lines().count(), 1, "{said}");
        said
    }
}

fn replay(file: &Path, args: &[&str]) -> Ran {
    run(&[&["replay", text(file)], args].concat())
}

/// The sockets of a recording at a moment of it.
fn sockets(file: &Path, at: &str, filter: &str) -> Vec<SocketRow> {
    let ran = replay(file, &["--at", at, "--output", "json", filter]);
    assert_eq!(ran.code, Some(0), "{ran:?}");
    let answer: Sockets = serde_json::from_str(&ran.stdout).expect("sockets");
    answer.sockets
}

fn leaks(verdicts: Verdicts, pid: u32) -> Option<VerdictRow> {
    let mut rows = verdicts.verdicts.into_iter();
    rows.find(|row| row.verdict == Kind::CloseWaitLeak && row.pid == Some(pid))
}

/// All that does not change from one moment to the next.
fn identity(row: &SocketRow) -> impl Ord + std::fmt::Debug + use<> {
    (
        row.cookie,
        row.state.clone(),
        (row.local_port, row.remote_port),
        (row.pid, row.process.clone(), row.fd),
        (row.age_is_lower_bound, row.accepted, row.kind.clone()),
        (row.netns, row.cgroup.clone(), row.unit.clone()),
    )
}

#[test]
fn a_leak_is_told_again_as_it_was() {
    in_namespace(|_| {
        let place = TempDir::new().expect("a directory");
        let file = place.path().join("leak.rec");
        let agent = impatient(&place, "leaky");
        in_workplace(|netns| {
            let filter = format!("netns = {netns}");
            // Before the recording: connections that linger, one that is over, one that is open.
            let (leaky, _) = leak("leaky", 12);
            let listener = listener();
            let (client, server) = pair(&listener);
            drop(client);
            drop(server);
            let (_client, _server) = pair(&listener);
            within(20, "owners and states are known", || {
                let rows = agent.ls(&filter);
                let in_state = |state| rows.iter().filter(|row| row.state == state).count();
                let is_known = rows
                    .iter()
                    .all(|row| row.kind != "full" || row.fd.is_some());
                let counts = (
                    in_state("CLOSE_WAIT"),
                    in_state("TIME_WAIT"),
                    in_state("ESTABLISHED"),
                );
                check(is_known && counts == (12, 1, 2), || format!("{rows:#?}"))
            });
            let recorder = Recorder::start(&agent, &file, &filter);
            let mode = fs::metadata(&file)
                .expect("it is there")
                .permissions()
                .mode();
            assert_eq!(mode & 0o777, 0o600);
            // During it: a connection is opened, and its peer leaves.
            let (client, _half_closed) = pair(&listener);
            let port = client.local_addr().expect("bound").port();
            drop(client);
            let live = within(30, "the verdict of the agent", || {
                let found = leaks(agent.api("/v1/verdicts"), leaky.pid());
                found.ok_or_else(|| "nothing is wrong yet".to_owned())
            });
            // As of the last tick, which is at most a second ago.
            let told = within(30, "the verdict of the recording", || {
                let ran = replay(&recorder.file, &["--diagnose", "--output", "json"]);
                let verdicts = serde_json::from_str(&ran.stdout).map_err(|_| format!("{ran:?}"))?;
                leaks(verdicts, leaky.pid()).ok_or_else(|| "nothing is wrong yet".to_owned())
            });
            let live_again = leaks(agent.api("/v1/verdicts"), leaky.pid()).expect("it stands");
            let about = |row: &VerdictRow| {
                let sockets: Vec<_> = row.sockets.iter().map(identity).collect();
                format!("{:?} {:?} {sockets:?}", row.severity, row.service_port)
            };
            assert_eq!(about(&told), about(&live_again), "{live:#?}");
            assert_eq!((told.fix, told.next), (live_again.fix, live_again.next));
            let words = |what: &str| what.split(", the oldest").next().map(ToOwned::to_owned);
            assert_eq!(words(&told.what), words(&live_again.what));

            let expected = within(20, "the recording has caught up", || {
                let mut live = agent.ls(&filter);
                let mut told = sockets(&recorder.file, "end", "");
                live.sort_by_key(|row| row.cookie);
                told.sort_by_key(|row| row.cookie);
                let is_same = live.iter().map(identity).eq(told.iter().map(identity));
                check(is_same, || format!("{live:#?}\n{told:#?}"))?;
                for (live, told) in live.iter().zip(&told) {
                    // One was asked for later than the other, and that is all.
                    check((live.age_seconds - told.age_seconds).abs() < 20.0, || {
                        format!("{live:#?}\n{told:#?}")
                    })?;
                }
                Ok(told.len())
            });
            assert!(expected >= 18, "{expected}");
            let said = recorder.end(Signal::SIGINT, 0);
            assert!(
                said.starts_with("tcpmon: recorded ") && said.contains("transitions"),
                "{said}"
            );

            let events = replay(
                &file,
                &[
                    "--output",
                    "jsonl",
                    &format!("sport = :{port} or dport = :{port}"),
                ],
            );
            let events: Vec<EventRow> = events
                .succeeded()
                .lines()
                .map(|line| serde_json::from_str(line).expect("an event"))
                .collect();
            let edges: Vec<(&str, &str)> =
                events.iter().map(|row| (&*row.from, &*row.to)).collect();
            // At CLOSE -> SYN_SENT it has no port yet that could match.
            for edge in [
                ("SYN_SENT", "ESTABLISHED"),
                ("SYN_RECV", "ESTABLISHED"),
                ("ESTABLISHED", "CLOSE_WAIT"),
            ] {
                assert!(edges.contains(&edge), "{edge:?} in {edges:?}");
            }
            let at_first = sockets(&file, "start", &format!("sport = :{port}"));
            assert!(at_first.is_empty(), "{at_first:#?}");
            assert_eq!(sockets(&file, "start", "state close-wait").len(), 12);
            let heading = replay(&file, &["--diagnose"]).succeeded();
            assert!(heading.starts_with("recording of "), "{heading}");
            assert!(
                heading.contains("has not closed 12 connections"),
                "{heading}"
            );
            on_the_screen(&file, leaky.pid());
        });
    });
}

fn on_the_screen(file: &Path, pid: u32) {
    let words = [
        env!("CARGO_BIN_EXE_tcpmon"),
        "replay",
        text(file),
        "--speed",
        "max",
    ];
    let Some(terminal) = Terminal::start((100, 30), &words) else {
        return;
    };
    let sentence = format!("leaky[{pid}] has not closed 12 connections");
    terminal.shows(&["recording of ", "END ", "Z", &sentence]);
    terminal.press(&["<"]);
    // What had begun before the recording is judged anew.
    terminal.shows(&["PAUSED max", "0ms of "]);
    terminal.hides(&sentence);
    terminal.press(&["-", "-", "Space"]);
    terminal.shows(&["PLAYING 32x"]);
    terminal.shows(&["END ", &sentence]);
    terminal.press(&["h"]);
    terminal.shows(&["tcpmon replay"]);
    terminal.press(&["q"]);
}

#[test]
fn an_agent_that_dies_leaves_a_recording_that_is_complete() {
    in_namespace(|_| {
        let place = TempDir::new().expect("a directory");
        let file = place.path().join("short.rec");
        let mut agent = Agent::start(&[]);
        in_workplace(|netns| {
            let _listener = listener();
            let mut recorder = Recorder::start(&agent, &file, &format!("netns = {netns}"));
            let question = ["--at", "end", "--output", "jsonl", "state listening"];
            let told = || replay(&file, &question).stdout.lines().count();
            within(20, "the recording has what was there", || {
                check(told() == 1, || format!("{} listeners", told()))
            });
            agent.signal(Signal::SIGKILL);
            assert_eq!(agent.code(), None);
            let said = recorder.ended(1);
            assert!(said.contains("has what came before"), "{said}");
            assert_eq!(replay(&file, &question).succeeded().lines().count(), 1);
        });
    });
}

#[test]
fn what_cannot_be_written_is_said_in_one_sentence() {
    in_namespace(|_| {
        let place = TempDir::new().expect("a directory");
        let agent = Agent::start(&[]);
        let client = |args: &[&str]| agent.client(&[&["record"], args].concat());
        let nowhere = place.path().join("no/such/directory.rec");
        let said = client(&[text(&nowhere)]).failed(1);
        assert!(
            said.contains("cannot make") && said.contains("No such file"),
            "{said}"
        );
        let said = client(&["/dev/full", "--force"]).failed(1);
        assert!(
            said.contains("cannot write /dev/full: No space left"),
            "{said}"
        );
        let there = place.path().join("there.rec");
        fs::write(&there, "mine").expect("written");
        let said = client(&[text(&there)]).failed(1);
        assert!(
            said.contains("is there already") && said.contains("--force"),
            "{said}"
        );
        assert_eq!(fs::read(&there).expect("read"), b"mine");
        // Large enough for the beginning alone.
        let ran = client(&[text(&there), "--force", "--max-size", "64KiB", "-d", "1s"]);
        assert_eq!(ran.code, Some(0), "{ran:?}");
        assert!(fs::metadata(&there).expect("there").len() <= 64 << 10);
        assert!(
            replay(&there, &["--at", "end", "--output", "json"])
                .succeeded()
                .contains("sockets")
        );
    });
}

#[test]
fn without_an_agent_record_brings_its_own() {
    if Path::new(DEFAULT_SOCKET).exists() {
        println!("skipped, because an agent serves this machine");
        return;
    }
    in_namespace(|_| {
        let place = TempDir::new().expect("a directory");
        let file = place.path().join("own.rec");
        let listener = listener();
        let ran = run(&["record", text(&file), "-d", "2s"]);
        assert_eq!(ran.code, Some(0), "{ran:?}");
        assert!(ran.stderr.contains("--duration ended it"), "{ran:?}");
        let filter = format!("sport = :{}", address(&listener).port());
        let rows = sockets(&file, "end", &filter);
        assert_eq!(rows.len(), 1, "{rows:#?}");
        assert_eq!(rows[0].pid, Some(std::process::id()));
    });
}
