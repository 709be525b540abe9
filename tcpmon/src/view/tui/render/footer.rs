//! The last lines: the keys, what the user should know, the filter being typed.

use ratatui::layout::Rect;
use ratatui::text::Line;

use super::super::app::{App, Mode};
use super::super::edit::FilterEdit;
use super::super::keys::{BROWSE, Binding, EDIT, REPLAY};
use super::{exactly, join};
use crate::view::format::{sanitise_bounded, width};

const PROMPT: &str = "filter: ";
const EXAMPLE: &str = "e.g. state close-wait and dport = :443 and age > 5m";

/// One line, two with a notice, three with the filter being typed.
pub(super) fn lines(app: &App, area: Rect) -> Vec<Line<'static>> {
    let columns = usize::from(area.width);
    if let Some(edit) = &app.edit {
        return editing(app, edit, columns);
    }
    let replay = match app.mode() {
        Mode::Replay => REPLAY,
        Mode::Browse | Mode::Edit => &[],
    };
    let keys = Line::styled(hints_after(replay, BROWSE, columns), app.theme.quiet());
    let Some(notice) = app.notice().filter(|_| area.height > 1) else {
        return vec![keys];
    };
    let style = match app.error {
        Some(_) => app.theme.alarm(),
        None => app.theme.trouble(),
    };
    let room = columns.saturating_sub(2);
    let notice = sanitise_bounded(&notice, room, app.theme.charset());
    vec![Line::styled(format!("! {notice}"), style), keys]
}

fn editing(app: &App, edit: &FilterEdit, columns: usize) -> Vec<Line<'static>> {
    let (text, _, caret) = edit.view(room(columns));
    let prompt = Line::styled(format!("{PROMPT}{text}"), app.theme.strong());
    let keys = Line::styled(hints(EDIT, columns), app.theme.quiet());
    let Some(error) = edit.error.as_ref().filter(|_| !edit.is_unfinished()) else {
        let words = match edit.text().is_empty() {
            true => EXAMPLE.to_owned(),
            false => edit.candidates(&app.names()).join(" "),
        };
        let words = sanitise_bounded(&words, columns, app.theme.charset());
        let words = format!("{:indent$}{words}", "", indent = width(PROMPT));
        let words = Line::styled(exactly(&words, columns), app.theme.quiet());
        return vec![prompt, words, keys];
    };
    let mut message = error.message.clone();
    if let Some(advice) = error.advice() {
        message.push_str(&format!(" ({advice})"));
    }
    let message = sanitise_bounded(&message, columns, app.theme.charset());
    let caret = caret.map_or_else(String::new, |column| {
        format!("{:indent$}^", "", indent = width(PROMPT) + column)
    });
    vec![
        prompt,
        Line::styled(caret, app.theme.trouble()),
        Line::styled(message, app.theme.trouble()),
    ]
}

/// The column of the cursor while a filter is typed.
pub(super) fn cursor(app: &App, area: Rect) -> Option<u16> {
    let columns = usize::from(area.width);
    let (_, column, _) = app.edit.as_ref()?.view(room(columns));
    u16::try_from(width(PROMPT) + column).ok()
}

const fn room(columns: usize) -> usize {
    columns.saturating_sub(PROMPT.len())
}

/// Keys and what they do, as many as fit.
pub(in super::super) fn hints(table: &[Binding], columns: usize) -> String {
    hints_after(&[], table, columns)
}

/// The same, with those of `first` before them; keys that these take are left out.
fn hints_after(first: &[Binding], table: &[Binding], columns: usize) -> String {
    let table = table.iter().filter(|binding| !binding.is_hidden_by(first));
    let hints = first.iter().chain(table).filter_map(|binding| {
        let hint = binding.hint?;
        Some(format!("{} {hint}", binding.key()))
    });
    join(&hints.collect::<Vec<_>>(), "  ", columns)
}
