//! Programs of others, as processes of their own.

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;

use crate::command::Running;
use crate::world::within;

/// A program that runs, with all its children. Dropping it ends them.
pub(super) struct Program {
    process: Running,
    lines: Arc<Mutex<Vec<String>>>,
}

impl Program {
    /// Starts it in the namespace of the calling thread.
    pub(super) fn start(mut command: Command) -> Self {
        command
            .process_group(0)
            .stdin(Stdio::null())
            .stdout(Stdio::piped());
        let mut process = Running(
            command
                .spawn()
                .unwrap_or_else(|error| panic!("{command:?}: {error}")),
        );
        let lines = Arc::<Mutex<Vec<String>>>::default();
        let writer = Arc::clone(&lines);
        let output = BufReader::new(process.0.stdout.take().expect("a pipe"));
        // Ends with the program.
        thread::spawn(move || {
            for line in output.lines().map_while(Result::ok) {
                writer
                    .lock()
                    .unwrap_or_else(PoisonError::into_inner)
                    .push(line);
            }
        });
        Self { process, lines }
    }

    /// Starts one of the programs beside this file.
    pub(super) fn python(script: &str, args: &[&str]) -> Self {
        let beside = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/agent/verdicts/programs");
        let mut command = Command::new("python3");
        command.arg(beside.join(script)).args(args);
        Self::start(command)
    }

    pub(super) fn pid(&self) -> u32 {
        self.process.0.id()
    }

    /// Its name, as the kernel has it.
    pub(super) fn name(&self) -> String {
        name_of(self.pid())
    }

    /// What follows `word` in the line it begins, once there is one.
    #[track_caller]
    pub(super) fn says(&self, seconds: u64, word: &str) -> String {
        within(seconds, word, || {
            let lines = self.lines.lock().unwrap_or_else(PoisonError::into_inner);
            let rest = lines.iter().find_map(|line| line.strip_prefix(word));
            rest.map(|rest| rest.trim().to_owned())
                .ok_or_else(|| format!("{lines:?}"))
        })
    }

    /// The number that follows `word`.
    #[track_caller]
    pub(super) fn number<T: std::str::FromStr<Err: std::fmt::Debug>>(
        &self,
        seconds: u64,
        word: &str,
    ) -> T {
        self.says(seconds, word).parse().expect("a number")
    }

    /// The port it listens on.
    #[track_caller]
    pub(super) fn port(&self) -> u16 {
        self.number(20, "port")
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        let group = Pid::from_raw(i32::try_from(self.pid()).expect("a process id"));
        // It may have ended already.
        let _ = killpg(group, Signal::SIGKILL);
    }
}

/// Name of a process.
pub(super) fn name_of(pid: u32) -> String {
    let name = fs::read_to_string(format!("/proc/{pid}/comm")).expect("it runs");
    name.trim_end().to_owned()
}
