//! The command as a user meets it: each error is one sentence with its exit code. No privilege and
//! no kernel program is needed here.

use std::io::ErrorKind;
use std::io::Read as _;
use std::os::unix::process::CommandExt as _;
use std::process::{Command, Output, Stdio};

/// `nobody`: what a test that runs as root uses to have no privilege.
const NOBODY: u32 = 65534;

fn tcpmon(args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_tcpmon"));
    command.args(args).env_clear().stdin(Stdio::null());
    command
}

fn run(args: &[&str]) -> Output {
    tcpmon(args).output().expect("the command starts")
}

/// Exit code, stdout and the one line on stderr.
fn outcome(output: &Output) -> (Option<i32>, String, String) {
    let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(stderr.lines().count() <= 1, "one sentence, not: {stderr}");
    (
        output.status.code(),
        String::from_utf8_lossy(&output.stdout).into_owned(),
        stderr.trim_end().to_owned(),
    )
}

fn is_root() -> bool {
    nix::unistd::geteuid().is_root()
}

/// The command without any privilege, whoever runs the test. The binary may lie where `nobody`
/// cannot read, so it is copied.
fn as_nobody(args: &[&str]) -> (Output, tempfile::TempDir) {
    let dir = tempfile::tempdir().expect("a directory");
    let copy = dir.path().join("tcpmon");
    std::fs::copy(env!("CARGO_BIN_EXE_tcpmon"), &copy).expect("copied");
    let mut command = Command::new(&copy);
    command.args(args).env_clear().stdin(Stdio::null());
    if is_root() {
        let open = std::os::unix::fs::PermissionsExt::from_mode(0o755);
        std::fs::set_permissions(dir.path(), open).expect("opened");
        command.uid(NOBODY).gid(NOBODY);
    }
    // A child that another test forks meanwhile holds the copy open for writing for a moment.
    let output = loop {
        match command.output() {
            Err(error) if error.kind() == ErrorKind::ExecutableFileBusy => std::thread::yield_now(),
            outcome => break outcome.expect("the command starts"),
        }
    };
    (output, dir)
}

#[test]
fn without_a_command_help_is_shown_and_it_is_a_usage_error() {
    let output = run(&[]);
    assert_eq!(output.status.code(), Some(2));
    let text = String::from_utf8_lossy(&output.stderr);
    for command in ["agent", "top", "ls", "watch", "explain", "doctor"] {
        assert!(text.contains(command), "{command} is in {text}");
    }
}

#[test]
fn help_and_version_go_to_stdout() {
    for args in [&["--help"][..], &["ls", "--help"], &["--version"]] {
        let output = run(args);
        assert_eq!(output.status.code(), Some(0), "{args:?}");
        assert!(
            output.stderr.is_empty() && !output.stdout.is_empty(),
            "{args:?}"
        );
    }
}

#[test]
fn a_bad_filter_names_the_place_and_matches_nothing() {
    for command in ["ls", "top", "watch"] {
        let (code, stdout, stderr) = outcome(&run(&[command, "state", "close-wit"]));
        assert_eq!(code, Some(2), "{command}: {stderr}");
        assert!(
            stderr.contains("close-wit") && stderr.contains("position 7"),
            "{stderr}"
        );
        assert!(stdout.is_empty());
    }
}

#[test]
fn a_missing_agent_is_named_and_has_its_own_exit_code() {
    for args in [
        &["ls", "--socket", "/nonexistent/tcpmon.sock"][..],
        &["watch", "--socket", "/nonexistent/tcpmon.sock"],
        &[
            "top",
            "--batch",
            "-n",
            "1",
            "--socket",
            "/nonexistent/tcpmon.sock",
        ],
    ] {
        let (code, stdout, stderr) = outcome(&run(args));
        assert_eq!(code, Some(3), "{args:?}: {stderr}");
        assert!(stderr.contains("/nonexistent/tcpmon.sock"), "{stderr}");
        assert!(stdout.is_empty());
    }
}

#[test]
fn without_privilege_the_agent_says_what_is_missing() {
    let (output, _dir) = as_nobody(&["agent", "--web.listen-address", "127.0.0.1:0"]);
    let (code, _, stderr) = outcome(&output);
    assert_eq!(code, Some(4), "{stderr}");
    assert!(
        stderr.contains("CAP_BPF") || stderr.contains("built without"),
        "{stderr}"
    );
}

#[test]
fn without_privilege_and_without_agent_no_command_can_start_one() {
    let (output, _dir) = as_nobody(&["ls"]);
    let (code, stdout, stderr) = outcome(&output);
    // An agent may be running on this machine, and then it answers or refuses; one that ran has left
    // a directory behind that `nobody` may not look into.
    if !std::path::Path::new("/run/tcpmon").exists() {
        assert_eq!(code, Some(3), "{stderr}");
        assert!(stdout.is_empty());
        assert!(stderr.contains("no agent answers"), "{stderr}");
    }
}

#[test]
fn a_taken_port_is_named_before_anything_is_attached() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = taken.local_addr().expect("its address").to_string();
    let (code, _, stderr) = outcome(&run(&["agent", "--web.listen-address", &address]));
    assert_eq!(code, Some(1), "{stderr}");
    assert!(
        stderr.contains(&address) && stderr.contains("--web.listen-address"),
        "{stderr}"
    );
}

#[test]
fn a_configuration_that_cannot_be_used_is_refused_with_its_place() {
    let dir = tempfile::tempdir().expect("a directory");
    let missing = dir.path().join("missing.toml");
    let bad = dir.path().join("bad.toml");
    std::fs::write(&bad, "[web]\nlisten-address = \"everywhere\"\n").expect("written");
    for (path, wanted) in [(&missing, "missing.toml"), (&bad, "bad.toml:2:18")] {
        let path = path.to_str().expect("a path in UTF-8");
        let (code, _, stderr) = outcome(&run(&["agent", "--config", path]));
        assert_eq!(code, Some(2), "{stderr}");
        assert!(stderr.contains(wanted), "{stderr}");
    }
}

#[test]
fn values_out_of_range_are_refused() {
    for args in [
        &["agent", "--ring.size", "5000"][..],
        &["agent", "--audit.interval", "10ms"],
        &["agent", "--web.telemetry-path", "metrics"],
        &["agent", "--log.level", "loud"],
        &["top", "--interval", "0"],
        &["ls", "--limit", "-1"],
    ] {
        assert_eq!(run(args).status.code(), Some(2), "{args:?}");
    }
}

#[test]
fn help_into_a_closed_pipe_is_no_failure() {
    let mut child = tcpmon(&["--help"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("started");
    drop(child.stdout.take());
    let mut stderr = String::new();
    let mut pipe = child.stderr.take().expect("stderr");
    pipe.read_to_string(&mut stderr).expect("read");
    assert_eq!(child.wait().expect("ended").code(), Some(0), "{stderr}");
    assert!(stderr.is_empty(), "{stderr}");
}

#[test]
fn explain_needs_neither_agent_nor_terminal() {
    for (args, part) in [
        (&["explain"][..], "[   ESTABLISHED    ]"),
        (&["explain", "close-wait"], "ss -tanp state close-wait"),
        (&["explain", "SYN-RECEIVED"], "SYN_RECV"),
        (
            &["explain", "fin-wait-2,time-wait"],
            "FIN_WAIT2 -> TIME_WAIT",
        ),
        (&["explain", "fin", "wait", "2"], "FIN_WAIT2"),
        (&["explain", "syn-flood"], "syncookies"),
        (&["explain", "ending", "time-wait"], "SOCK_DONE"),
        (
            &["explain", "half_dead", "--output", "json"],
            "\"kind\":\"verdict\"",
        ),
    ] {
        let (code, stdout, stderr) = outcome(&run(args));
        assert_eq!(code, Some(0), "{args:?}: {stderr}");
        assert!(stdout.contains(part), "{args:?}: {stdout}");
        // No locale, no terminal: seven bits and no escapes.
        assert!(stdout.is_ascii() && !stdout.contains('\x1b'), "{args:?}");
    }
    let args = ["explain", "last-ack", "--color", "always"];
    assert!(outcome(&run(&args)).1.contains("\x1b[1m"));
}

#[test]
fn explain_draws_with_the_characters_of_the_locale() {
    let output = tcpmon(&["explain"])
        .env("LANG", "C.UTF-8")
        .output()
        .expect("started");
    assert!(String::from_utf8_lossy(&output.stdout).contains('\u{25bc}'));
}

#[test]
fn explain_answers_an_unknown_word_with_the_nearest_and_a_usage_error() {
    for (words, part) in [
        (&["close-wit"][..], "CLOSE_WAIT"),
        (&["syn-flod"], "syn_flood"),
        (&["TIME_WAIT -> LISTEN"], "from TIME_WAIT lead: CLOSE"),
        (&["FIN_WAIT2", "-"], "quotes"),
        (&["\x1b[2J"], "tcpmon explain"),
        (&[""], "tcpmon explain"),
        (&["close-wait", "--output", "csv"], ""),
    ] {
        let args = [&["explain"], words].concat();
        let output = run(&args);
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{words:?}: {stderr}");
        assert!(
            stderr.contains(part) && !stderr.contains('\x1b'),
            "{words:?}: {stderr}"
        );
        assert!(output.stdout.is_empty(), "{words:?}");
    }
    outcome(&run(&["explain", "close-wit"]));
}

#[test]
fn explain_into_a_closed_pipe_is_no_failure() {
    for format in ["table", "json", "markdown"] {
        let mut child = tcpmon(&["explain", "--output", format])
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("started");
        drop(child.stdout.take());
        let mut stderr = String::new();
        let mut pipe = child.stderr.take().expect("stderr");
        pipe.read_to_string(&mut stderr).expect("read");
        assert_eq!(child.wait().expect("ended").code(), Some(0), "{stderr}");
        assert!(stderr.is_empty(), "{stderr}");
    }
}

#[test]
fn docs_states_is_what_explain_says() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/states.md");
    let written = std::fs::read_to_string(path).expect("docs/states.md can be read");
    let (_, said, _) = outcome(&run(&["explain", "--output", "markdown"]));
    let is_current = written == said;
    assert!(
        is_current,
        "docs/states.md is stale: run `cargo xtask docs` and commit it"
    );
}

#[test]
fn docs_metrics_is_what_the_program_exports() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/metrics.md");
    let written = std::fs::read_to_string(path).expect("docs/metrics.md can be read");
    let (code, said, _) = outcome(&run(&["explain", "metrics"]));
    assert_eq!(code, Some(0));
    assert!(
        written == said,
        "docs/metrics.md is stale: run `cargo xtask docs` and commit it"
    );
}

#[test]
fn doctor_says_for_everything_that_is_not_well_what_to_do() {
    let output = run(&["doctor", "--json"]);
    let report: serde_json::Value = serde_json::from_slice(&output.stdout).expect("JSON");
    let features = report["features"].as_array().expect("features");
    assert!(features.len() > 5);
    for feature in features {
        let is_well = feature["standing"] == "ok";
        let fix = feature["fix"].as_str().expect("a text");
        assert_eq!(is_well, fix.is_empty(), "{feature}");
    }
    let works = report["transitions"]["works"].as_bool().expect("a verdict");
    assert_eq!(output.status.code(), Some(if works { 0 } else { 4 }));
}

#[test]
fn a_configuration_is_checked_before_it_is_used() {
    let dir = tempfile::tempdir().expect("a directory");
    let path = dir.path().join("tcpmon.toml");
    let file = path.to_str().expect("a path in UTF-8");
    std::fs::write(&path, "[verdicts.close_wait]\nage = \"45s\"\n").expect("written");
    let (code, stdout, stderr) = outcome(&run(&["config", "check", file]));
    assert_eq!((code, &*stdout, &*stderr), (Some(0), "ok\n", ""));

    std::fs::write(&path, "[verdicts.close_wait]\naeg = \"45s\"\n").expect("written");
    let (code, stdout, stderr) = outcome(&run(&["config", "check", file]));
    assert_eq!((code, &*stdout), (Some(2), ""));
    assert_eq!(
        stderr,
        format!("tcpmon: {file}:2:1: there is no key verdicts.close_wait.aeg: the nearest is age")
    );
}

#[test]
fn the_configuration_in_effect_says_where_each_value_comes_from_and_can_be_read_again() {
    let dir = tempfile::tempdir().expect("a directory");
    let path = dir.path().join("tcpmon.toml");
    let file = path.to_str().expect("a path in UTF-8");
    let text = "[audit]\ninterval = \"7s\"\n[log]\nformat = \"json\"\n\
                [[verdicts.override]]\nprocess = \"nginx\"\nclose_wait.age = \"1m\"\n";
    std::fs::write(&path, text).expect("written");
    let args = ["config", "show", "--config", file, "--log.level", "debug"];
    let shown = tcpmon(&args)
        .env("TCPMON_RING_SIZE", "64KiB")
        .env("TCPMON_LOG_FORMAT", "logfmt")
        .output();
    let (code, shown, stderr) = outcome(&shown.expect("the command starts"));
    assert_eq!((code, &*stderr), (Some(0), ""));
    for line in [
        "interval = \"7s\" # file, line 2",
        "level = \"debug\" # flag",
        "format = \"logfmt\" # environment",
        "size = \"64KiB\" # environment",
        "leak = 5 # default",
        "close_wait.age = \"1m\"",
    ] {
        assert!(shown.lines().any(|found| found == line), "{line}: {shown}");
    }

    std::fs::write(&path, &shown).expect("written");
    let (_, again, _) = outcome(&run(&["config", "show", "--config", file]));
    let without_source = |text: &str| {
        let lines = text
            .lines()
            .map(|line| line.split(" # ").next().unwrap_or_default().to_owned());
        lines.collect::<Vec<_>>()
    };
    assert_eq!(without_source(&again), without_source(&shown));
}

#[test]
fn the_example_of_a_configuration_is_what_the_program_prints() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../deploy/tcpmon.toml");
    let written = std::fs::read_to_string(path).expect("deploy/tcpmon.toml can be read");
    let (code, example, _) = outcome(&run(&["config", "example"]));
    assert_eq!(code, Some(0));
    assert!(
        written == example,
        "deploy/tcpmon.toml is stale: run `cargo xtask docs` and commit it"
    );
}

#[test]
fn an_unknown_column_is_answered_with_those_there_are() {
    for (args, known) in [
        (&["ls", "-o", "state,proces"][..], "process, pid"),
        (&["ls", "--sort", "oldest"], "newest"),
        (&["watch", "-o", "when"], "time, transition, after, reason"),
    ] {
        let (code, stdout, stderr) = outcome(&run(args));
        assert_eq!((code, &*stdout), (Some(2), ""), "{args:?}: {stderr}");
        let asked = args[2].rsplit(',').next().unwrap_or_default();
        let asked = format!("there is no column {asked:?}: there are ");
        assert!(
            stderr.contains(&asked) && stderr.contains(known),
            "{stderr}"
        );
    }
    let (code, _, stderr) = outcome(&run(&["ls", "--follow", "-d", "1ms"]));
    assert_eq!(
        (code, &*stderr),
        (Some(2), "tcpmon: --interval: at least 100ms")
    );
}

#[test]
fn what_cannot_be_recorded_is_said_before_an_agent_is_asked() {
    let dir = tempfile::tempdir().expect("a directory");
    let path = dir.path().join("a.rec");
    std::fs::write(&path, "mine").expect("written");
    let name = path.to_str().expect("UTF-8").to_owned();
    let (code, _, stderr) = outcome(&run(&["record", &name]));
    assert_eq!(code, Some(1), "{stderr}");
    assert!(
        stderr.ends_with("is there already: choose another name, or replace it with --force"),
        "{stderr}"
    );
    assert_eq!(std::fs::read(&name).expect("read"), b"mine");
    let (code, _, stderr) = outcome(&run(&["record", "/"]));
    assert_eq!(code, Some(1));
    assert!(
        stderr.contains("/ is there already") || stderr.contains("/ is a directory"),
        "{stderr}"
    );
    for (args, words) in [
        (
            &["record", "new.rec", "state close-wait"][..],
            "leave state and age out",
        ),
        (
            &["record", "new.rec", "age > 5m"],
            "leave state and age out",
        ),
        (&["record", "new.rec", "dprt = 5"], "position"),
        (
            &["record", "new.rec", "--max-size", "1KiB"],
            "at least 64 KiB",
        ),
        (&["record", "new.rec", "-d", "soon"], "--duration"),
    ] {
        let output = run(args);
        assert_eq!(output.status.code(), Some(2), "{args:?}: {output:?}");
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert!(stderr.contains(words), "{args:?}: {stderr}");
    }
    let (code, _, stderr) = outcome(&run(&["record", "new.rec", "--socket", "/nonexistent/s"]));
    assert_eq!(code, Some(3), "{stderr}");
    assert!(!std::path::Path::new("new.rec").exists());
}

/// A file of `deploy/`.
fn deployed(file: &str) -> String {
    format!("{}/../deploy/{file}", env!("CARGO_MANIFEST_DIR"))
}

#[test]
fn the_unit_starts_an_agent_as_it_means_to() {
    let unit = std::fs::read_to_string(deployed("tcpmon.service")).expect("readable");
    let values = |key: &str| -> Vec<&str> {
        let lines = unit.lines().filter_map(|line| line.strip_prefix(key));
        lines.collect()
    };
    let start = values("ExecStart=");
    let (program, words) = start[0].split_once(' ').expect("words");
    assert_eq!(program, "/usr/bin/tcpmon");
    // The same flags, but for the file, which is where a package puts it.
    let words = words.replace("/etc/tcpmon/tcpmon.toml", &deployed("tcpmon.toml"));
    let words: Vec<&str> = words.split(' ').skip(1).collect();
    let mut command = tcpmon(&["config", "show"]);
    command.args(words);
    for assignment in values("Environment=") {
        let (name, value) = assignment.split_once('=').expect("an assignment");
        command.env(name, value);
    }
    let (code, stdout, stderr) = outcome(&command.output().expect("the command starts"));
    assert_eq!((code, stderr.as_str()), (Some(0), ""));
    let expected = "directory = \"/var/lib/tcpmon/incidents\"";
    assert!(stdout.contains(expected), "{stdout}");
}

#[test]
fn the_configuration_of_the_manifests_is_right() {
    let file = deployed("kubernetes/base/tcpmon.toml");
    let (code, stdout, stderr) = outcome(&run(&["config", "check", &file]));
    assert_eq!(
        (code, stdout.as_str(), stderr.as_str()),
        (Some(0), "ok\n", "")
    );
}
