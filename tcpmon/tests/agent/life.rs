//! How the agent ends, begins again, and changes its settings.

use std::fs;
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::Stdio;

use aya::programs::loaded_programs;
use nix::sys::signal::Signal;
use tcpmon::core::query::Verdicts;

use crate::command::{Running, run, tcpmon};
use crate::net::{ANY_PORT, address, listener, pair, read_end};
use crate::place::{in_namespace, in_silent_namespace, without_flood};
use crate::running::Agent;
use crate::world::{check, in_workplace, within};

/// Ids of the programs a process holds.
fn programs_of(pid: u32) -> Vec<u32> {
    let mut ids = Vec::new();
    let fds = fs::read_dir(format!("/proc/{pid}/fdinfo")).expect("it lives");
    for fd in fds.flatten() {
        // A descriptor may be closed meanwhile.
        let text = fs::read_to_string(fd.path()).unwrap_or_default();
        let numbers = text
            .lines()
            .filter_map(|line| line.strip_prefix("prog_id:"));
        ids.extend(numbers.map(|id| id.trim().parse::<u32>().expect("an id")));
    }
    ids.sort_unstable();
    ids.dedup();
    ids
}

/// The kernel frees programs some time after their last user has gone.
fn gone(ids: &[u32]) {
    within(10, "the programs are gone", || {
        let loaded = loaded_programs().filter_map(|program| Some(program.ok()?.id()));
        let left: Vec<u32> = loaded.filter(|id| ids.contains(id)).collect();
        check(left.is_empty(), || format!("{left:?} of {ids:?}"))
    });
}

fn names(directory: &Path) -> Vec<String> {
    let entries = fs::read_dir(directory).expect("a directory").flatten();
    entries
        .map(|entry| entry.file_name().to_string_lossy().into_owned())
        .collect()
}

#[test]
fn sigterm_and_sigint_leave_nothing_behind() {
    in_namespace(|_| {
        for signal in [Signal::SIGTERM, Signal::SIGINT] {
            let mut agent = Agent::start(&[]);
            let ids = programs_of(agent.pid());
            assert!(!ids.is_empty());
            assert_eq!(names(agent.place().path()), ["tcpmon.sock"]);
            agent.signal(signal);
            assert_eq!(agent.code(), Some(0), "{:#?}", agent.log());
            agent.logged("stopped: the ring is drained and nothing is left attached");
            assert!(names(agent.place().path()).is_empty());
            gone(&ids);
        }
    });
}

#[test]
fn after_kill_9_nothing_is_attached_and_the_next_agent_takes_over_the_socket() {
    in_namespace(|_| {
        let mut agent = Agent::start(&[]);
        let ids = programs_of(agent.pid());
        agent.signal(Signal::SIGKILL);
        assert_eq!(agent.code(), None);
        gone(&ids);
        assert!(agent.socket().exists());
        let sentence = agent.client(&["ls"]).failed(3);
        assert!(
            sentence.contains(agent.socket().to_str().expect("UTF-8")),
            "{sentence}"
        );
        let successor = Agent::start_in(agent.place(), &[]);
        assert!(!successor.client(&["ls"]).succeeded().is_empty());
    });
}

#[test]
fn sighup_takes_over_a_good_file_and_leaves_the_old_settings_for_a_bad_one() {
    in_namespace(|_| {
        let place = tempfile::tempdir().expect("a directory");
        let path = place.path().join("tcpmon.toml");
        let write = |text: &str| fs::write(&path, text).expect("written");
        write("[audit]\ninterval = \"1h\"\n");
        let agent = Agent::start(&["--config", path.to_str().expect("UTF-8")]);
        let audits = |agent: &Agent| {
            let age = agent.summary().health.last_audit_age_seconds;
            age.expect("one was made")
        };
        let is_chatty = |agent: &Agent| {
            agent.client(&["ls"]).succeeded();
            agent.log().iter().any(|line| line.contains("level=debug"))
        };
        assert!(!is_chatty(&agent));

        write("[log]\nlevel = \"debug\"\n[audit]\ninterval = \"1s\"\n[ring]\nsize = \"16KiB\"\n");
        agent.signal(Signal::SIGHUP);
        let line = agent.logged("configuration reloaded");
        for change in ["log.level", "audit.interval"] {
            assert!(line.contains(change), "{line}");
        }
        agent.logged("ring.size changes at the next start only");
        assert!(is_chatty(&agent));
        let mut last = audits(&agent);
        for _ in 0..2 {
            within(10, "another audit", || {
                let age = audits(&agent);
                let is_new = age < last;
                last = age;
                check(is_new, || format!("the last is {age} s old"))
            });
        }

        write("[audit]\ninterval = \"soon\"\n");
        agent.signal(Signal::SIGHUP);
        let line = agent.logged("the old configuration stays");
        assert!(line.contains("tcpmon.toml:2:12: "), "{line}");
        assert_eq!(agent.http().get("/-/ready").status, 200);
        assert!(!agent.client(&["ls"]).succeeded().is_empty());
    });
}

#[test]
fn sighup_takes_over_how_verdicts_are_found_and_says_what_has_changed() {
    in_namespace(|_| {
        let place = tempfile::tempdir().expect("a directory");
        let path = place.path().join("tcpmon.toml");
        let write = |text: &str| fs::write(&path, text).expect("written");
        write("");
        let agent = Agent::start(&["--config", path.to_str().expect("UTF-8")]);

        write(
            "[verdicts.close_wait]\nleak = 7\n[[verdicts.override]]\nprocess = \"nginx\"\n\
             close_wait.leak = 9\n",
        );
        agent.signal(Signal::SIGHUP);
        let line = agent.logged("configuration reloaded");
        let changes = "verdicts.close_wait.leak 5 -> 7, verdicts.override no rule -> 1 rule";
        assert!(line.contains(changes), "{line}");

        write("[verdicts.close_wait]\nleak = 8\nage = \"3m\"\n");
        agent.signal(Signal::SIGHUP);
        let line = agent.logged("the old configuration stays");
        let reason = "tcpmon.toml:3:7: verdicts.close_wait.age is \\\"3m\\\": it must be not above";
        assert!(
            line.contains("level=error") && line.contains(reason),
            "{line}"
        );

        // The next is compared with what is in effect: the 8 was never.
        write("[verdicts.close_wait]\nleak = 6\n");
        agent.signal(Signal::SIGHUP);
        let line = agent.logged("verdicts.override 1 rule -> no rule");
        assert!(line.contains("verdicts.close_wait.leak 7 -> 6"), "{line}");
    });
}

#[test]
fn sighup_changes_what_is_judged_at_the_next_evaluation() {
    in_namespace(|_| {
        let place = tempfile::tempdir().expect("a directory");
        let path = place.path().join("tcpmon.toml");
        let write = |text: &str| fs::write(&path, text).expect("written");
        write("");
        let agent = Agent::start(&["--config", path.to_str().expect("UTF-8")]);
        let service = listener();
        let port = address(&service).port();
        let left: Vec<_> = (0..3).map(|_| unclosed(&service)).collect();
        let stands = || {
            let answer: Verdicts = agent.api("/v1/verdicts");
            let mut ports = answer.verdicts.iter().map(|verdict| verdict.service_port);
            ports.any(|found| found == Some(port))
        };
        // They are young: by default nothing is said for 30 s.
        assert!(!stands());

        let soon = "[verdicts]\nrise = \"0s\"\nfall = \"0s\"\n[verdicts.close_wait]\n\
                    age = \"10ms\"\nleak_age = \"10ms\"\nleak = 3\n";
        write(soon);
        agent.signal(Signal::SIGHUP);
        within(20, "a verdict", || check(stands(), || "none stands".into()));

        // What was too old is not, when somebody thinks again.
        write(&soon.replace("10ms", "1h"));
        agent.signal(Signal::SIGHUP);
        within(20, "its end", || check(!stands(), || "it stands".into()));

        write(soon);
        agent.signal(Signal::SIGHUP);
        within(20, "the verdict again", || {
            check(stands(), || "none stands".into())
        });
        write(&format!("{soon}[[verdicts.ignore]]\nport = {port}\n"));
        agent.signal(Signal::SIGHUP);
        within(20, "its end", || check(!stands(), || "it stands".into()));

        write(soon);
        agent.signal(Signal::SIGHUP);
        within(20, "the verdict again", || {
            check(stands(), || "none stands".into())
        });
        write(&soon.replacen('\n', "\nenabled = false\n", 1));
        agent.signal(Signal::SIGHUP);
        within(20, "the end of all", || {
            let answer: Verdicts = agent.api("/v1/verdicts");
            check(answer.verdicts.is_empty(), || {
                format!("{:#?}", answer.verdicts)
            })
        });
        drop(left);
    });
}

/// A connection whose peer has hung up, and that nobody closes.
fn unclosed(service: &TcpListener) -> TcpStream {
    let (client, mut server) = pair(service);
    drop(client);
    read_end(&mut server);
    server
}

#[test]
fn a_second_agent_on_the_same_socket_refuses_and_the_first_goes_on() {
    in_namespace(|_| {
        let agent = Agent::start(&[]);
        let socket = agent.socket();
        let socket = socket.to_str().expect("UTF-8");
        let second = [
            "agent",
            "--web.listen-address",
            "127.0.0.1:0",
            "--log.level",
            "error",
        ];
        let sentence = run(&[&second[..], &["--socket", socket]].concat()).failed(1);
        let wanted = format!("another agent is listening on {socket}: stop it or choose --socket");
        assert!(sentence.ends_with(&wanted), "{sentence}");
        assert!(!agent.client(&["ls"]).succeeded().is_empty());
    });
}

#[test]
fn a_taken_port_is_refused_and_leaves_no_socket() {
    in_namespace(|_| {
        let taken: TcpListener = listener();
        let port = address(&taken).to_string();
        let place = tempfile::tempdir().expect("a directory");
        let socket = place.path().join("tcpmon.sock");
        let socket = socket.to_str().expect("UTF-8");
        let sentence = run(&["agent", "--web.listen-address", &port, "--socket", socket]).failed(1);
        assert!(
            sentence.contains(&format!("cannot listen on {port}")),
            "{sentence}"
        );
        assert!(names(place.path()).is_empty());
    });
}

#[test]
fn it_starts_where_loopback_is_down() {
    let _others = without_flood();
    in_silent_namespace(|_| {
        let socket = tempfile::tempdir().expect("a directory");
        let path = socket.path().join("tcpmon.sock");
        // Nobody can reach a port here; the local API needs none.
        assert!(TcpStream::connect(ANY_PORT).is_err());
        let mut command = tcpmon(&["agent", "--web.listen-address", "127.0.0.1:0"]);
        command.arg("--socket").arg(&path).stderr(Stdio::null());
        let _agent = Running(command.spawn().expect("starts"));
        in_workplace(|netns| {
            let listener = listener();
            let path = path.to_str().expect("UTF-8");
            within(10, "it answers", || {
                let filter = format!("netns = {netns}");
                let ran = run(&["ls", &filter, "--output", "jsonl", "--socket", path]);
                let port = format!("\"local_port\":{},", address(&listener).port());
                check(ran.stdout.contains(&port), || format!("{ran:?}"))
            });
        });
    });
}
