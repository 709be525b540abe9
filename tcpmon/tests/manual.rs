//! Completions and manual pages, read by the programs they are for where these are installed.

use std::io::Write as _;
use std::process::{Command, Output, Stdio};

fn tcpmon(args: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_tcpmon"));
    command.args(args).env_clear().output().expect("started")
}

fn printed(args: &[&str]) -> Vec<u8> {
    let output = tcpmon(args);
    assert!(output.status.success(), "{args:?}: {output:?}");
    assert!(
        output.stderr.is_empty() && !output.stdout.is_empty(),
        "{args:?}"
    );
    output.stdout
}

/// What `program` says of `input`; `None`, told in one line, where it is not installed.
fn judged(program: &str, args: &[&str], input: &[u8]) -> Option<Output> {
    let mut child = match Command::new(program)
        .args(args)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
    {
        Ok(child) => child,
        Err(error) => {
            eprintln!("skipped, because {program} cannot be started: {error}");
            return None;
        }
    };
    let mut stdin = child.stdin.take().expect("a pipe");
    stdin.write_all(input).expect("written");
    drop(stdin);
    Some(child.wait_with_output().expect("ended"))
}

#[test]
fn every_shell_understands_its_completions() {
    for (shell, program, args) in [
        ("bash", "bash", &["-n"][..]),
        ("zsh", "zsh", &["-n"]),
        ("fish", "fish", &["--no-execute"]),
    ] {
        let script = printed(&["completions", shell]);
        let text = String::from_utf8_lossy(&script).into_owned();
        for word in ["replay", "completions", "all-packets", "jsonl"] {
            assert!(text.contains(word), "{shell}: {word}");
        }
        if let Some(output) = judged(program, args, &script) {
            assert!(output.status.success(), "{shell}: {output:?}");
            assert!(output.stderr.is_empty(), "{shell}: {output:?}");
        }
    }
    assert_eq!(tcpmon(&["completions", "tcsh"]).status.code(), Some(2));
}

#[test]
fn every_command_has_a_page_that_groff_reads_without_a_word() {
    let dir = tempfile::tempdir().expect("a directory");
    let target = dir.path().to_str().expect("a path in UTF-8");
    let output = tcpmon(&["man", "--directory", target]);
    assert!(output.status.success(), "{output:?}");
    let pages = std::fs::read_dir(target).expect("listed");
    let pages: Vec<_> = pages.map(|page| page.expect("an entry").path()).collect();
    let has = |name: &str| pages.iter().any(|page| page.ends_with(name));
    for name in [
        "tcpmon.1",
        "tcpmon-ls.1",
        "tcpmon-replay.1",
        "tcpmon-config-check.1",
    ] {
        assert!(has(name), "{name} in {pages:?}");
    }
    for page in &pages {
        let text = std::fs::read(page).expect("read");
        let Some(output) = judged("groff", &["-ww", "-man", "-Tutf8", "-k"], &text) else {
            return;
        };
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(
            output.status.success() && said.is_empty(),
            "{page:?}: {said}"
        );
    }
    assert_eq!(
        printed(&["man", "ls"]),
        std::fs::read(dir.path().join("tcpmon-ls.1")).expect("read")
    );
}

#[test]
fn a_page_of_no_command_is_refused_with_those_there_are() {
    let output = tcpmon(&["man", "lsof"]);
    assert_eq!(output.status.code(), Some(2));
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(
        said.starts_with("tcpmon: tcpmon has no command lsof: it has agent, top, ls"),
        "{said}"
    );
}

#[test]
fn every_command_ends_its_help_with_examples() {
    let help = String::from_utf8(printed(&["--help"])).expect("UTF-8");
    let commands = help.split("Commands:").nth(1).expect("commands");
    let names = commands
        .lines()
        .skip(1)
        .take_while(|line| !line.trim().is_empty())
        .filter(|line| !line.starts_with("   "))
        .filter_map(|line| line.split_whitespace().next());
    let mut count = 0;
    for name in names {
        let help = String::from_utf8(printed(&[name, "--help"])).expect("UTF-8");
        let examples = help.split("Examples:\n").nth(1).expect(name);
        assert!(
            examples.contains(&format!("tcpmon {name}")),
            "{name}: {examples}"
        );
        count += 1;
    }
    assert!(count >= 11, "{count} commands");
}
