//! The views, or the way from one to what was opened in it.

use ratatui::layout::Rect;
use ratatui::text::{Line, Span};

use super::super::app::App;
use super::super::panes::Panes;
use super::super::place::View;
use super::super::views::{self, diagram};
use crate::view::format::{sanitise_bounded, width};

/// Columns of a step of the way.
const STEP: usize = 40;

pub(super) fn line(app: &App, panes: Panes) -> Line<'static> {
    let columns = usize::from(panes.tabs.width);
    if panes.tabs.width < app.size.width {
        return diagram::title(columns);
    }
    if !app.trail.is_empty() {
        return way(app, columns);
    }
    let mut spans = Vec::new();
    for (view, text) in tabs(columns) {
        spans.push(match view == app.view {
            true => Span::styled(text, app.theme.selected()),
            false => Span::raw(text),
        });
    }
    Line::from(spans)
}

/// The texts of the views, as long as fits.
fn tabs(columns: usize) -> impl Iterator<Item = (View, String)> {
    let text = |view: View, name: &str| format!(" {} {name} ", view as usize + 1);
    let long: usize = View::ALL
        .iter()
        .map(|view| text(*view, view.name()).len())
        .sum();
    View::ALL.into_iter().map(move |view| {
        let name = if long <= columns {
            view.name()
        } else {
            view.short_name()
        };
        (view, text(view, name))
    })
}

/// The view whose text is at a column of the screen.
pub(in super::super) fn tab_at(app: &App, area: Rect, column: u16) -> Option<View> {
    if !app.trail.is_empty() || area.width < app.size.width {
        return None;
    }
    let mut end = usize::from(area.x);
    let mut tabs = tabs(area.width.into());
    let found = tabs.find(|(_, text)| {
        end += text.len();
        usize::from(column) < end
    });
    found.map(|(view, _)| view)
}

/// `Overview › close_wait_leak › its sockets`; the beginning goes first where it is too long.
fn way(app: &App, columns: usize) -> Line<'static> {
    let charset = app.theme.charset();
    let separator = charset.pick(" › ", " > ");
    let steps = std::iter::once(app.view.name().to_owned()).chain(
        app.trail
            .iter()
            .map(|level| sanitise_bounded(&level.place.title(), STEP, charset)),
    );
    let mut steps: Vec<String> = steps.collect();
    let position = position(app);
    let room = columns.saturating_sub(2 + width(&position));
    while steps.len() > 1 && width(&steps.join(separator)) > room {
        steps.remove(0);
    }
    let last = steps.pop().unwrap_or_default();
    let before: String = steps
        .iter()
        .map(|step| format!("{step}{separator}"))
        .collect();
    let used = 1 + width(&before) + width(&last) + width(&position);
    let gap = " ".repeat(columns.saturating_sub(used));
    Line::from(vec![
        Span::styled(format!(" {before}"), app.theme.quiet()),
        Span::styled(last, app.theme.strong()),
        Span::raw(gap),
        Span::styled(position, app.theme.quiet()),
    ])
}

/// Which lines of a page are shown, where there are more: `lines 1-25 of 40`.
fn position(app: &App) -> String {
    let level = app.level();
    let visible = app.visible_rows();
    if !level.place.is_page() {
        return String::new();
    }
    let lines = views::page(app).len();
    match lines > visible {
        true => {
            let last = (level.scroll + visible).min(lines);
            format!("  lines {}-{last} of {lines}", level.scroll + 1)
        }
        false => String::new(),
    }
}
