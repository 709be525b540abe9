//! Runs other programs, saying which.

use std::ffi::{OsStr, OsString};
use std::os::unix::fs::MetadataExt as _;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::{env, fs};

use anyhow::{Context as _, Result, bail};

/// A program to run, with its arguments and environment.
pub(crate) struct Sh {
    words: Vec<OsString>,
    variables: Vec<(OsString, OsString)>,
    directory: Option<PathBuf>,
    path: Option<OsString>,
    root: bool,
    online: bool,
}

/// Begins a command.
pub(crate) fn sh(program: impl AsRef<OsStr>) -> Sh {
    Sh {
        words: vec![program.as_ref().into()],
        variables: Vec::new(),
        directory: None,
        path: None,
        root: false,
        online: false,
    }
}

/// Begins a cargo command at the root of the repository.
pub(crate) fn cargo(args: &[&str]) -> Sh {
    sh("cargo").args(args).dir(&repository())
}

impl Sh {
    pub(crate) fn args(mut self, args: impl IntoIterator<Item = impl AsRef<OsStr>>) -> Self {
        self.words
            .extend(args.into_iter().map(|arg| arg.as_ref().into()));
        self
    }

    pub(crate) fn env(mut self, name: impl AsRef<OsStr>, value: impl AsRef<OsStr>) -> Self {
        self.variables
            .push((name.as_ref().into(), value.as_ref().into()));
        self
    }

    pub(crate) fn dir(mut self, directory: &Path) -> Self {
        self.directory = Some(directory.into());
        self
    }

    /// Where to look for programs. Not echoed: it is long and says nothing about the command.
    pub(crate) fn search(mut self, path: OsString) -> Self {
        self.path = Some(path);
        self
    }

    /// Asks for root: `sudo` stands in front where this process is not root and there is one.
    pub(crate) fn root(mut self) -> Self {
        self.root = true;
        self
    }

    /// Says that the command downloads, so that its failure asks about the network.
    pub(crate) fn downloads(mut self) -> Self {
        self.online = true;
        self
    }

    /// Echoes the command, runs it, and fails unless it succeeds.
    pub(crate) fn run(self) -> Result<()> {
        let sudo = self.needs_sudo();
        let shown = self.shown(sudo);
        println!("+ {shown}");
        let status = self
            .command(sudo)
            .status()
            .with_context(|| format!("cannot run `{shown}`"))?;
        if status.success() {
            return Ok(());
        }
        let hint = if self.online {
            " (it downloads: is this machine online?)"
        } else {
            ""
        };
        bail!("`{shown}` failed with {status}{hint}");
    }

    /// What the command prints, without echo; `None` when it cannot run or fails.
    pub(crate) fn stdout(self) -> Option<String> {
        String::from_utf8(self.bytes()?).ok()
    }

    /// As [`Sh::stdout`], whatever it is that is printed.
    pub(crate) fn bytes(self) -> Option<Vec<u8>> {
        let output = self
            .command(false)
            .stderr(Stdio::null())
            .stdin(Stdio::null())
            .output()
            .ok()?;
        output.status.success().then_some(output.stdout)
    }

    /// Echoes the command and becomes it, so that its exit status and signals are the caller's.
    pub(crate) fn exec(self) -> Result<()> {
        let sudo = self.needs_sudo();
        eprintln!("+ {}", self.shown(sudo));
        let error = self.command(sudo).exec();
        Err(error).with_context(|| format!("cannot run `{}`", self.shown(sudo)))
    }

    fn needs_sudo(&self) -> bool {
        self.root && !is_root() && in_path("sudo").is_some()
    }

    fn command(&self, sudo: bool) -> Command {
        let words = self.argv(sudo);
        let mut command = Command::new(&words[0]);
        command.args(&words[1..]);
        command.envs(self.variables.iter().map(|(name, value)| (name, value)));
        if let Some(path) = &self.path {
            command.env("PATH", path);
        }
        if let Some(directory) = &self.directory {
            command.current_dir(directory);
        }
        command
    }

    /// The words to run. `sudo` clears the environment, so `env` sets it again behind it.
    fn argv(&self, sudo: bool) -> Vec<OsString> {
        if !sudo {
            return self.words.clone();
        }
        let mut words = vec!["sudo".into()];
        if !self.variables.is_empty() {
            words.push("env".into());
            words.extend(self.assignments());
        }
        words.extend(self.words.iter().cloned());
        words
    }

    fn assignments(&self) -> impl Iterator<Item = OsString> {
        self.variables.iter().map(|(name, value)| {
            let mut word = name.clone();
            word.push("=");
            word.push(value);
            word
        })
    }

    fn shown(&self, sudo: bool) -> String {
        let mut words = if sudo {
            Vec::new()
        } else {
            self.assignments().collect()
        };
        words.extend(self.argv(sudo));
        let words: Vec<String> = words.iter().map(|word| quoted(word)).collect();
        words.join(" ")
    }
}

/// A word as a shell would need it, so that an echoed command can be pasted.
fn quoted(word: &OsStr) -> String {
    let word = word.to_string_lossy();
    let plain = |c: char| c.is_alphanumeric() || "-_./=:,+@%".contains(c);
    if !word.is_empty() && word.chars().all(plain) {
        word.into_owned()
    } else {
        format!("'{}'", word.replace('\'', r"'\''"))
    }
}

/// Whether this process runs as root.
pub(crate) fn is_root() -> bool {
    fs::metadata("/proc/self").is_ok_and(|metadata| metadata.uid() == 0)
}

/// Whether [`Sh::root`] gives root: this process has it, or there is `sudo` to ask.
pub(crate) fn can_be_root() -> bool {
    is_root() || in_path("sudo").is_some()
}

/// The first program of that name on `PATH`.
pub(crate) fn in_path(program: &str) -> Option<PathBuf> {
    env::split_paths(&env::var_os("PATH")?)
        .map(|dir| dir.join(program))
        .find(|path| path.is_file())
}

/// The root of the repository.
pub(crate) fn repository() -> PathBuf {
    let mut path = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
    path.pop();
    path
}

/// Where cargo puts what it builds.
pub(crate) fn target_dir() -> PathBuf {
    target_dir_of(&repository(), env::var_os("CARGO_TARGET_DIR"))
}

fn target_dir_of(repository: &Path, variable: Option<OsString>) -> PathBuf {
    match variable {
        // A relative one counts from where cargo is run: every cargo of ours runs at the root.
        Some(dir) if !dir.is_empty() => repository.join(dir),
        _ => repository.join("target"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_is_echoed_with_its_environment() {
        let command = sh("cargo").args(["test", "--test=a b"]).env("CI", "true");
        assert_eq!(command.shown(false), "CI=true cargo test '--test=a b'");
    }

    #[test]
    fn sudo_gets_the_environment_through_env() {
        let command = sh("apt-get").args(["update"]).env("A", "1").root();
        assert_eq!(command.shown(true), "sudo env A=1 apt-get update");
        let command = sh("apt-get").args(["update"]).root();
        assert_eq!(command.shown(true), "sudo apt-get update");
    }

    #[test]
    fn an_echoed_word_can_be_pasted() {
        assert_eq!(quoted(OsStr::new("it's")), r"'it'\''s'");
        assert_eq!(quoted(OsStr::new("")), "''");
        assert_eq!(quoted(OsStr::new("a=b/c.d")), "a=b/c.d");
    }

    #[test]
    fn the_error_names_the_command() {
        let error = sh("false").args(["--really"]).run().unwrap_err();
        assert_eq!(
            error.to_string(),
            "`false --really` failed with exit status: 1"
        );
        let error = sh("false").downloads().run().unwrap_err();
        assert_eq!(
            error.to_string(),
            "`false` failed with exit status: 1 (it downloads: is this machine online?)"
        );
        let error = sh("no-such-program").run().unwrap_err();
        assert_eq!(error.to_string(), "cannot run `no-such-program`");
    }

    #[test]
    fn the_target_directory_can_be_elsewhere() {
        let root = Path::new("/repo");
        let dir = |variable: &str| target_dir_of(root, Some(variable.into()));
        assert_eq!(target_dir_of(root, None), Path::new("/repo/target"));
        assert_eq!(dir(""), Path::new("/repo/target"));
        assert_eq!(dir("/tmp/out"), Path::new("/tmp/out"));
        assert_eq!(dir("out"), Path::new("/repo/out"));
    }
}
