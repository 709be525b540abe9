//! What is under the mouse.

use ratatui::layout::Position;

use super::super::action::Command;
use super::super::app::App;
use super::super::place::{Place, View};
use super::super::render::{column_at, tab_at};
use super::super::views::{self, diagram};
use super::{go_to, moving, obey};

/// Lines of a table above its rows: what is shown, and the headings.
const ABOVE: u16 = 2;

pub(super) fn click(app: &mut App, column: u16, row: u16) {
    let at = Position::new(column, row);
    let Some(panes) = app
        .panes()
        .filter(|_| app.help.is_none() && app.edit.is_none())
    else {
        return;
    };
    if panes.tabs.contains(at) {
        if let Some(view) = tab_at(app, panes.tabs, column) {
            go_to(app, view);
        }
        return;
    }
    if !panes.body.contains(at) {
        return;
    }
    match &app.level().place {
        Place::View(View::Diagram) => {
            let state = diagram::state_at(panes.body, at);
            if state == Some(app.picked) {
                obey(app, Command::Open);
            } else if let Some(state) = state {
                app.picked = state;
            }
        }
        Place::View(View::Overview) => {
            if let Some(line) = views::overview::verdict_at(app, panes.body, row) {
                click_row(app, line);
            }
        }
        Place::View(_) | Place::Sockets(_) => {
            let line = row - panes.body.y;
            if line + 1 == ABOVE {
                if let Some(column) = column_at(app, column) {
                    moving::sort_by_column(app, column);
                }
            } else if let Some(line) = line.checked_sub(ABOVE) {
                click_row(app, usize::from(line));
            }
        }
        _ => {}
    }
}

/// Selects a row; opens the one that is selected.
fn click_row(app: &mut App, line: usize) {
    let index = app.level().cursor.offset() + line;
    if index >= app.level().shown.len() {
        return;
    }
    match index == app.level().cursor.index() {
        true => obey(app, Command::Open),
        false => moving::select(app, index),
    }
}
