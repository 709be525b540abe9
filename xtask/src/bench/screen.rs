//! `tcpmon top` in a pseudo-terminal.

use std::fs::{self, File};
use std::io::{Read as _, Write as _};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{self, Receiver};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};
use nix::pty::{Winsize, openpty};

/// A frame that takes longer never comes.
const PATIENCE: Duration = Duration::from_secs(10);
/// Ticks a second of the times in `/proc/PID/stat`: `USER_HZ`, which is 100 on all platforms of Linux.
const TICKS: f64 = 100.0;

/// A screen somebody looks at. Killed when dropped.
pub(super) struct Screen {
    child: Child,
    keyboard: File,
    /// When something was drawn.
    drawn: Receiver<Instant>,
}

impl Screen {
    /// Opens one of 100 by 30 on the agent at `socket`.
    pub(super) fn open(socket: &Path, words: &[&str]) -> Result<Self> {
        let size = Winsize {
            ws_row: 30,
            ws_col: 100,
            ws_xpixel: 0,
            ws_ypixel: 0,
        };
        let pty = openpty(&size, None).context("cannot make a pseudo-terminal")?;
        let child = Command::new(super::tcpmon())
            .arg("top")
            .args(words)
            .arg("--socket")
            .arg(socket)
            .env("TERM", "xterm-256color")
            .env("LC_ALL", "C.UTF-8")
            .stdin(Stdio::from(pty.slave.try_clone()?))
            .stdout(Stdio::from(pty.slave.try_clone()?))
            .stderr(Stdio::from(pty.slave))
            .spawn()
            .context("cannot start `tcpmon top`")?;
        let keyboard = File::from(pty.master);
        let mut display = keyboard.try_clone()?;
        let (draw, drawn) = mpsc::channel();
        // Ends with the program: then the terminal has no other end.
        thread::spawn(move || {
            let mut bytes = [0; 1 << 16];
            while display.read(&mut bytes).is_ok_and(|length| length > 0) {
                #[expect(clippy::disallowed_methods, reason = "a benchmark reads the clock")]
                let now = Instant::now();
                if draw.send(now).is_err() {
                    return;
                }
            }
        });
        let screen = Self {
            child,
            keyboard,
            drawn,
        };
        screen.next("nothing was drawn")?;
        Ok(screen)
    }

    /// Presses the keys that lead to a view, and lets its first answer come.
    pub(super) fn show(&mut self, keys: &str) -> Result<()> {
        for key in keys.chars() {
            thread::sleep(Duration::from_millis(1500));
            self.press(&key.to_string())?;
        }
        thread::sleep(Duration::from_millis(1500));
        Ok(())
    }

    /// Presses a key; how long it took until something was drawn.
    pub(super) fn press(&mut self, key: &str) -> Result<Duration> {
        while self.drawn.try_recv().is_ok() {}
        #[expect(clippy::disallowed_methods, reason = "a benchmark reads the clock")]
        let pressed = Instant::now();
        self.keyboard.write_all(key.as_bytes())?;
        let drawn = self.next("a key changed nothing")?;
        Ok(drawn.saturating_duration_since(pressed))
    }

    fn next(&self, complaint: &'static str) -> Result<Instant> {
        self.drawn.recv_timeout(PATIENCE).context(complaint)
    }

    /// Processor time the program has used.
    pub(super) fn cpu_seconds(&self) -> Result<f64> {
        let stat = fs::read_to_string(format!("/proc/{}/stat", self.child.id()))?;
        // The name, in parentheses, may hold anything; utime and stime are the 14th and 15th field.
        let (_, rest) = stat.rsplit_once(')').context("a stat without a name")?;
        let mut times = rest.split_whitespace().skip(11).take(2);
        let mut next = || times.next().and_then(|time| time.parse::<f64>().ok());
        match (next(), next()) {
            (Some(user), Some(system)) => Ok((user + system) / TICKS),
            _ => bail!("a stat without times"),
        }
    }

    /// Leaves it as its user would.
    pub(super) fn close(mut self) -> Result<()> {
        self.keyboard.write_all(b"q")?;
        let status = self.child.wait()?;
        if !status.success() {
            bail!("`tcpmon top` ended with {status}");
        }
        Ok(())
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        // It has ended already unless something went wrong.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}
