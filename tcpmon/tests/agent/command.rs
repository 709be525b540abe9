//! The `tcpmon` command, run to its end.

use std::io::Read;
use std::process::{Child, Command, Stdio};
use std::thread;

use crate::world::within;

/// Longer than any command of these tests takes.
const PATIENCE_S: u64 = 30;

/// The command, with nothing in its environment that could change what it does.
pub(crate) fn tcpmon(args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_tcpmon"));
    command.args(args).env_clear().stdin(Stdio::null());
    command
}

/// What a command printed, and how it ended.
#[derive(Debug)]
pub(crate) struct Ran {
    pub(crate) code: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Ran {
    /// Its output, if it succeeded without a word on stderr.
    #[track_caller]
    pub(crate) fn succeeded(self) -> String {
        assert_eq!(self.code, Some(0), "{self:?}");
        assert_eq!(self.stderr, "", "{self:?}");
        self.stdout
    }

    /// The one sentence it failed with.
    #[track_caller]
    pub(crate) fn failed(self, code: i32) -> String {
        assert_eq!(self.code, Some(code), "{self:?}");
        assert_eq!(self.stderr.lines().count(), 1, "{self:?}");
        self.stderr.trim_end().to_owned()
    }
}

/// Runs `tcpmon` with `args`; a command that does not end is killed, and the test fails.
pub(crate) fn run(args: &[&str]) -> Ran {
    finish(tcpmon(args))
}

/// As [`run`], for a command that is made ready already.
pub(crate) fn finish(mut command: Command) -> Ran {
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = Running(command.spawn().expect("the command starts"));
    let stdout = child.0.stdout.take().expect("a pipe");
    let stderr = child.0.stderr.take().expect("a pipe");
    thread::scope(|scope| {
        let stdout = scope.spawn(|| text(stdout));
        let stderr = scope.spawn(|| text(stderr));
        let code = child.code();
        Ran {
            code,
            stdout: stdout.join().expect("no panic"),
            stderr: stderr.join().expect("no panic"),
        }
    })
}

fn text(mut pipe: impl Read) -> String {
    let mut text = String::new();
    pipe.read_to_string(&mut text).expect("UTF-8");
    text
}

/// A child that does not outlive this.
pub(crate) struct Running(pub(crate) Child);

impl Running {
    /// Waits for its end; the exit code, `None` after a signal. Kills what does not end, so that
    /// nobody waits for its output.
    #[track_caller]
    pub(crate) fn code(&mut self) -> Option<i32> {
        let child = &mut self.0;
        let mut looks = 0;
        let status = within(PATIENCE_S + 1, "the end of a command", || {
            looks += 1;
            if looks == PATIENCE_S * 100 {
                child.kill().expect("it is our child");
            }
            let status = child.try_wait().expect("it is our child");
            status.ok_or_else(|| "it still runs".into())
        });
        status.code()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}
