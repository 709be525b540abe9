//! What the terminal reports, as actions.

use crossterm::event::{Event, KeyEventKind, MouseButton, MouseEventKind};

use super::action::{Action, Command};
use super::app::Mode;
use super::keys::{Binding, command};

/// What an event of the terminal asks for, where `browse` are the keys that command.
pub(super) fn action(browse: &[Binding], event: &Event, mode: Mode) -> Option<Action> {
    match event {
        Event::Key(key) if key.kind != KeyEventKind::Release => {
            command(browse, key, mode).map(Action::Command)
        }
        Event::Resize(width, height) => Some(Action::Resize(*width, *height)),
        Event::Mouse(mouse) => match mouse.kind {
            MouseEventKind::ScrollUp => Some(Action::Command(Command::Up)),
            MouseEventKind::ScrollDown => Some(Action::Command(Command::Down)),
            MouseEventKind::Down(MouseButton::Left) => Some(Action::Click(mouse.column, mouse.row)),
            _ => None,
        },
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};

    use super::*;
    use crate::view::tui::keys::BROWSE;

    #[test]
    fn releasing_a_key_does_nothing() {
        let mut key = KeyEvent::new(KeyCode::Char('q'), KeyModifiers::NONE);
        assert!(action(BROWSE, &Event::Key(key), Mode::Browse).is_some());
        key.kind = KeyEventKind::Release;
        assert!(action(BROWSE, &Event::Key(key), Mode::Browse).is_none());
    }
}
