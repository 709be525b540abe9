//! The help, made from the table of keys.

use ratatui::layout::{Rect, Size};
use ratatui::text::Line;

use super::super::app::App;
use super::super::keys::{BROWSE, Binding, EDIT, REPLAY};
use super::super::theme::Theme;
use super::exactly;
use crate::view::format::{Charset, pad_right};

const WIDTH: u16 = 58;

/// What a help says.
pub(in super::super) struct Help {
    pub(in super::super) title: &'static str,
    pub(in super::super) browse: &'static [Binding],
    /// Keys that come before those.
    pub(in super::super) first: &'static [Binding],
    /// A mark, the same in ASCII, and what it means.
    pub(in super::super) marks: [(&'static str, &'static str, &'static str); 3],
}

/// The help of `tcpmon top`.
const TOP: Help = Help {
    title: " tcpmon top ",
    browse: BROWSE,
    first: &[],
    marks: [
        ("!", "!", "a minute or more in a passing state"),
        ("≥", ">=", "at least: older than the agent"),
        ("-", "-", "unknown, or not applicable"),
    ],
};

/// That of `tcpmon replay`.
const TAPE: Help = Help {
    title: " tcpmon replay ",
    first: REPLAY,
    ..TOP
};

/// The help of what is shown.
pub(in super::super) const fn of(app: &App) -> &'static Help {
    match app.playback {
        Some(_) => &TAPE,
        None => &TOP,
    }
}

impl Help {
    /// Where the help stands: in the middle, as high as it needs to be.
    pub(in super::super) fn area(&self, size: Size) -> Rect {
        let lines = self.content(Charset::Ascii).len();
        let lines = u16::try_from(lines).unwrap_or(u16::MAX);
        let height = lines.saturating_add(2).min(size.height);
        let width = WIDTH.min(size.width);
        let left = (size.width - width) / 2;
        Rect::new(left, (size.height - height) / 2, width, height)
    }

    /// The line that is the first when the last is in view.
    pub(in super::super) fn last_line(&self, size: Size) -> usize {
        let inner = usize::from(self.area(size).height.saturating_sub(2));
        self.content(Charset::Ascii).len().saturating_sub(inner)
    }

    /// The box, with line `first` on top.
    pub(in super::super) fn lines(
        &self,
        theme: Theme,
        size: Size,
        first: usize,
    ) -> Vec<Line<'static>> {
        let (charset, area) = (theme.charset(), self.area(size));
        let inside = usize::from(area.width.saturating_sub(2));
        let dash = charset.pick("─", "-");
        let side = charset.pick("│", "|");
        let edge = |left: &str, title: &str, right: &str| {
            let dashes = dash.repeat(inside.saturating_sub(title.len()));
            Line::styled(format!("{left}{title}{dashes}{right}"), theme.strong())
        };
        let last = self.last_line(size);
        let first = first.min(last);
        let more = if first < last { " Down: more " } else { "" };
        let (left, right) = (charset.pick("┌", "+"), charset.pick("┐", "+"));
        let mut lines = vec![edge(left, self.title, right)];
        let inner = usize::from(area.height.saturating_sub(2));
        for text in self.content(charset).iter().skip(first).take(inner) {
            lines.push(Line::raw(format!("{side}{}{side}", exactly(text, inside))));
        }
        let (left, right) = (charset.pick("└", "+"), charset.pick("┘", "+"));
        lines.push(edge(left, more, right));
        lines
    }

    fn content(&self, charset: Charset) -> Vec<String> {
        let mut lines = Vec::new();
        let entry = |keys: &str, help: &str| format!(" {} {help}", pad_right(keys, 14));
        let documented = |binding: &&Binding| !binding.help.is_empty();
        let entries = |table: &[Binding], first: &[Binding]| -> Vec<String> {
            let reachable = |binding: &&Binding| !binding.is_hidden_by(first);
            let table = table.iter().filter(documented).filter(reachable);
            table
                .map(|binding| entry(&binding.keys(), binding.help))
                .collect()
        };
        lines.extend(entries(self.first, &[]));
        if !self.first.is_empty() {
            lines.push(String::new());
        }
        lines.extend(entries(self.browse, self.first));
        lines.push(String::new());
        lines.push(" While a filter is typed".to_owned());
        lines.extend(entries(EDIT, &[]));
        lines.push(String::new());
        lines.push(" Marks".to_owned());
        for (unicode, ascii, meaning) in self.marks {
            lines.push(entry(charset.pick(unicode, ascii), meaning));
        }
        lines
    }
}
