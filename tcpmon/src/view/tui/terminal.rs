//! The terminal, borrowed: whoever opens it gives it back, by leaving or by panicking.

use std::fs::File;
use std::io::{IsTerminal as _, stdin, stdout};

use anyhow::{Context as _, ensure};
use crossterm::cursor::Hide;
use crossterm::event::{DisableMouseCapture, EnableMouseCapture};
use crossterm::execute;
use crossterm::style::force_color_output;
use crossterm::terminal::{EnterAlternateScreen, enable_raw_mode};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use ratatui::layout::Size;
use ratatui::{DefaultTerminal, Frame};

/// The screen while `top` runs.
pub(super) struct Screen {
    terminal: DefaultTerminal,
    has_mouse: bool,
}

impl Screen {
    /// Takes the terminal over. From here on a panic restores it before it is reported.
    pub(super) fn open(color: bool, mouse: bool) -> anyhow::Result<Self> {
        ensure!(
            stdout().is_terminal(),
            "standard output is not a terminal: use --batch"
        );
        // Keys come from there when standard input is something else.
        ensure!(
            stdin().is_terminal() || File::open("/dev/tty").is_ok(),
            "there is no terminal to read keys from: use --batch"
        );
        // `color` has been decided with NO_COLOR in mind; the library must not decide again.
        force_color_output(color);
        let terminal = match ratatui::try_init() {
            Ok(terminal) => terminal,
            Err(error) => {
                // It may have come half the way.
                drop(ratatui::try_restore());
                return Err(error).context("cannot take over the terminal");
            }
        };
        let mut screen = Self {
            terminal,
            has_mouse: false,
        };
        screen.take_mouse(mouse)?;
        Ok(screen)
    }

    /// Takes the mouse, or leaves it to the terminal, which selects text with it.
    pub(super) fn take_mouse(&mut self, take: bool) -> anyhow::Result<()> {
        match take {
            true => execute!(stdout(), EnableMouseCapture),
            false if self.has_mouse => execute!(stdout(), DisableMouseCapture),
            false => Ok(()),
        }
        .context("cannot take the mouse")?;
        self.has_mouse = take;
        Ok(())
    }

    /// Gives the terminal back and stops, as the shell expects of Ctrl-Z; whoever lets the program go
    /// on finds it as it was.
    pub(super) fn suspend(&mut self) -> anyhow::Result<()> {
        let mouse = self.has_mouse;
        self.take_mouse(false)?;
        drop(ratatui::try_restore());
        // All processes of the job, as the terminal would do it. Of SIGTSTP we take notice ourselves.
        kill(Pid::from_raw(0), Signal::SIGSTOP).context("cannot stop")?;
        self.has_mouse = mouse;
        self.retake()
    }

    /// Takes the terminal over again, whatever somebody did to it meanwhile.
    pub(super) fn retake(&mut self) -> anyhow::Result<()> {
        enable_raw_mode().context("cannot take over the terminal again")?;
        execute!(stdout(), EnterAlternateScreen, Hide).context("cannot draw")?;
        self.take_mouse(self.has_mouse)?;
        self.terminal.clear().context("cannot draw")
    }

    pub(super) fn size(&self) -> anyhow::Result<Size> {
        self.terminal
            .size()
            .context("cannot read the size of the terminal")
    }

    pub(super) fn draw(&mut self, draw: impl FnOnce(&mut Frame<'_>)) -> anyhow::Result<()> {
        let drawn = self.terminal.draw(draw);
        drawn.map(drop).context("cannot draw")
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        // The terminal may be gone; there is nobody left to tell.
        if self.has_mouse {
            drop(execute!(stdout(), DisableMouseCapture));
        }
        drop(ratatui::try_restore());
    }
}
