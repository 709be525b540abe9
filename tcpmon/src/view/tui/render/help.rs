//! The help, made from the table of keys.

use ratatui::layout::{Rect, Size};
use ratatui::text::Line;

use super::super::app::App;
use super::super::keys::{BROWSE, Binding, EDIT};
use super::exactly;
use crate::view::format::{Charset, pad_right};

const WIDTH: u16 = 58;

const MARKS: [(&str, &str, &str); 3] = [
    ("!", "!", "a minute or more in a passing state"),
    ("≥", ">=", "at least: older than the agent"),
    ("-", "-", "unknown, or not applicable"),
];

/// Where the help stands: in the middle, as high as it needs to be.
pub(super) fn area(size: Size) -> Rect {
    let lines = u16::try_from(content(Charset::Ascii).len()).unwrap_or(u16::MAX);
    let height = lines.saturating_add(2).min(size.height);
    let width = WIDTH.min(size.width);
    let left = (size.width - width) / 2;
    Rect::new(left, (size.height - height) / 2, width, height)
}

/// The line that is the first when the last is in view.
pub(in super::super) fn last_line(size: Size) -> usize {
    content(Charset::Ascii)
        .len()
        .saturating_sub(inner_height(area(size)))
}

fn inner_height(area: Rect) -> usize {
    usize::from(area.height.saturating_sub(2))
}

/// The box.
pub(super) fn lines(app: &App, area: Rect) -> Vec<Line<'static>> {
    let charset = app.theme.charset();
    let inside = usize::from(area.width.saturating_sub(2));
    let dash = charset.pick("─", "-");
    let side = charset.pick("│", "|");
    let edge = |left: &str, title: &str, right: &str| {
        let dashes = dash.repeat(inside.saturating_sub(title.len()));
        Line::styled(format!("{left}{title}{dashes}{right}"), app.theme.strong())
    };
    let last = last_line(app.size);
    let first = app.help.unwrap_or(0).min(last);
    let more = if first < last { " Down: more " } else { "" };
    let (left, right) = (charset.pick("┌", "+"), charset.pick("┐", "+"));
    let mut lines = vec![edge(left, " tcpmon top ", right)];
    let content = content(charset);
    for text in content.iter().skip(first).take(inner_height(area)) {
        lines.push(Line::raw(format!("{side}{}{side}", exactly(text, inside))));
    }
    let (left, right) = (charset.pick("└", "+"), charset.pick("┘", "+"));
    lines.push(edge(left, more, right));
    lines
}

fn content(charset: Charset) -> Vec<String> {
    let mut lines = Vec::new();
    let entry = |keys: &str, help: &str| format!(" {} {help}", pad_right(keys, 14));
    let documented = |binding: &&Binding| !binding.help.is_empty();
    let entries = |table: &[Binding]| -> Vec<String> {
        let table = table.iter().filter(documented);
        table
            .map(|binding| entry(&binding.keys(), binding.help))
            .collect()
    };
    lines.extend(entries(BROWSE));
    lines.push(String::new());
    lines.push(" While a filter is typed".to_owned());
    lines.extend(entries(EDIT));
    lines.push(String::new());
    lines.push(" Marks".to_owned());
    for (unicode, ascii, meaning) in MARKS {
        lines.push(entry(charset.pick(unicode, ascii), meaning));
    }
    lines
}
