//! The terminal, borrowed: whoever opens it gives it back, by leaving or by panicking.

use std::fs::File;
use std::io::{IsTerminal as _, stdin, stdout};

use anyhow::{Context as _, ensure};
use crossterm::event::{DisableMouseCapture, EnableMouseCapture};
use crossterm::execute;
use crossterm::style::force_color_output;
use ratatui::DefaultTerminal;
use ratatui::layout::Size;

use super::app::App;
use super::render;

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
        if mouse {
            execute!(stdout(), EnableMouseCapture).context("cannot read the mouse")?;
            screen.has_mouse = true;
        }
        Ok(screen)
    }

    pub(super) fn size(&self) -> anyhow::Result<Size> {
        self.terminal
            .size()
            .context("cannot read the size of the terminal")
    }

    pub(super) fn draw(&mut self, app: &App) -> anyhow::Result<()> {
        let drawn = self.terminal.draw(|frame| render::render(frame, app));
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
