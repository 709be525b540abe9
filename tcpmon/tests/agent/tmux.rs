//! A terminal whose keys a test presses and whose screen it reads.

use std::env;
use std::path::Path;
use std::process::{Command, Stdio};

use tempfile::TempDir;

use crate::world::{check, within};

/// A server of tmux of its own, with one window. Dropping it ends what runs in it.
pub(crate) struct Terminal {
    place: TempDir,
}

impl Terminal {
    /// Runs `words` in a terminal of this size; `None` where there is no tmux, which CI must have.
    pub(crate) fn start((width, height): (u16, u16), words: &[&str]) -> Option<Self> {
        if Command::new("tmux").arg("-V").output().is_err() {
            eprintln!("skipped, because tmux is not installed");
            assert_ne!(env::var("CI").as_deref(), Ok("true"), "CI must have tmux");
            return None;
        }
        let place = TempDir::new().expect("a directory");
        let terminal = Self { place };
        let (width, height) = (width.to_string(), height.to_string());
        let session = ["new-session", "-d", "-x", &width, "-y", &height];
        terminal.tell(&[&session[..], words].concat());
        Some(terminal)
    }

    fn tmux(&self) -> Command {
        let mut command = Command::new("tmux");
        command.args(["-u", "-f", "/dev/null", "-S"]);
        command.arg(self.place.path().join("tmux"));
        let path = env::var_os("PATH").unwrap_or_default();
        command.env_clear().env("PATH", path).stdin(Stdio::null());
        command.env("LC_ALL", "C.UTF-8").env("SHELL", "/bin/sh");
        command
    }

    fn tell(&self, words: &[&str]) -> String {
        let output = self.tmux().args(words).output().expect("tmux starts");
        assert!(output.status.success(), "{words:?}: {output:?}");
        String::from_utf8(output.stdout).expect("UTF-8")
    }

    /// Presses keys, by the names that tmux has for them.
    pub(crate) fn press(&self, keys: &[&str]) {
        self.tell(&[&["send-keys"], keys].concat());
    }

    /// As [`Terminal::press`], where the program may have ended.
    pub(crate) fn try_press(&self, keys: &[&str]) {
        let words = [&["send-keys"], keys].concat();
        let _ = self.tmux().args(words).output();
    }

    /// Types characters as they are.
    pub(crate) fn type_text(&self, text: &str) {
        self.tell(&["send-keys", "-l", text]);
    }

    /// The process id of what was started in it.
    pub(crate) fn pid(&self) -> u32 {
        let pid = self.tell(&["display-message", "-p", "#{pane_pid}"]);
        pid.trim().parse().expect("a process id")
    }

    pub(crate) fn resize(&self, width: u16, height: u16) {
        let (width, height) = (width.to_string(), height.to_string());
        self.tell(&["resize-window", "-x", &width, "-y", &height]);
    }

    /// What is on the screen.
    pub(crate) fn screen(&self) -> String {
        self.tell(&["capture-pane", "-p"])
    }

    /// Waits until all of `parts` are on the screen, and returns it.
    #[track_caller]
    pub(crate) fn shows(&self, parts: &[&str]) -> String {
        within(30, &format!("{parts:?} on the screen"), || {
            let screen = self.screen();
            let is_there = parts.iter().all(|part| screen.contains(part));
            check(is_there, || format!("\n{screen}"))?;
            Ok(screen)
        })
    }

    /// Waits until `part` is no longer on the screen.
    #[track_caller]
    pub(crate) fn hides(&self, part: &str) {
        within(30, &format!("{part} gone from the screen"), || {
            let screen = self.screen();
            check(!screen.contains(part), || format!("\n{screen}"))
        });
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        // It may have ended with its last program.
        let _ = self.tmux().arg("kill-server").output();
    }
}

/// Keeps a screen for the documentation, where somebody wants that.
pub(crate) fn keep(name: &str, screen: &str) {
    if let Some(dir) = env::var_os("TCPMON_WRITE_FRAMES") {
        let lines: Vec<&str> = screen.lines().map(str::trim_end).collect();
        let text = lines.join("\n") + "\n";
        std::fs::write(Path::new(&dir).join(name), text).expect("written");
    }
}
