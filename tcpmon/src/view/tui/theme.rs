//! Colours and weights. Whatever a colour says, a character says as well.

use ratatui::style::{Color, Modifier, Style};

use crate::core::verdict::Severity;
use crate::view::format::Charset;

/// How things look.
#[derive(Clone, Copy, Debug)]
pub(super) struct Theme {
    /// `false`: only what a monochrome terminal has.
    color: bool,
    charset: Charset,
}

impl Theme {
    pub(super) const fn new(color: bool, charset: Charset) -> Self {
        Self { color, charset }
    }

    pub(super) const fn charset(self) -> Charset {
        self.charset
    }

    /// What is worth finding first.
    pub(super) const fn strong(self) -> Style {
        Style::new().add_modifier(Modifier::BOLD)
    }

    /// Headings of columns.
    pub(super) const fn heading(self) -> Style {
        self.colored(Color::Cyan).add_modifier(Modifier::BOLD)
    }

    /// What may be overlooked.
    pub(super) const fn quiet(self) -> Style {
        self.colored(Color::DarkGray)
    }

    /// A socket or state that stands out; beside a `!`.
    pub(super) const fn trouble(self) -> Style {
        self.colored(Color::Yellow).add_modifier(Modifier::BOLD)
    }

    /// The screen cannot be trusted: events are lost, data is old, the agent fails.
    pub(super) const fn alarm(self) -> Style {
        self.colored(Color::Red)
            .add_modifier(Modifier::BOLD)
            .add_modifier(Modifier::REVERSED)
    }

    /// A verdict; beside its word.
    pub(super) const fn severity(self, severity: Severity) -> Style {
        let color = match severity {
            Severity::Critical => Color::Red,
            Severity::Warning => Color::Yellow,
            Severity::Suspicious => Color::Cyan,
        };
        self.colored(color).add_modifier(Modifier::BOLD)
    }

    /// A command that can be copied; behind a `$`.
    pub(super) const fn command(self) -> Style {
        self.colored(Color::Cyan)
    }

    /// An edge that is taken; beside its rate.
    pub(super) const fn lit(self) -> Style {
        self.colored(Color::Green).add_modifier(Modifier::BOLD)
    }

    /// The selected row; beside its mark.
    pub(super) const fn selected(self) -> Style {
        Style::new().add_modifier(Modifier::REVERSED)
    }

    /// The screen is frozen, or shows the past, by wish.
    pub(super) const fn frozen(self) -> Style {
        self.colored(Color::Blue).add_modifier(Modifier::REVERSED)
    }

    const fn colored(self, color: Color) -> Style {
        match self.color {
            true => Style::new().fg(color),
            false => Style::new(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_color_is_no_color() {
        let theme = Theme::new(false, Charset::Unicode);
        for style in [
            theme.strong(),
            theme.heading(),
            theme.quiet(),
            theme.trouble(),
            theme.alarm(),
            theme.command(),
            theme.lit(),
            theme.severity(Severity::Critical),
            theme.selected(),
            theme.frozen(),
        ] {
            assert_eq!((style.fg, style.bg), (None, None));
        }
    }
}
