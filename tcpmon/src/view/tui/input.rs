//! What keys do. The help and the footer are made from the same table.

use crossterm::event::{Event, KeyCode, KeyEvent, KeyEventKind, KeyModifiers, MouseEventKind};

use super::action::{Action, Command};
use super::app::Mode;
use super::edit::Stroke;

/// Keys and what they do.
pub(super) struct Binding {
    keys: &'static [(KeyCode, KeyModifiers)],
    command: Command,
    /// For the help.
    pub(super) help: &'static str,
    /// For the footer, if it is worth a place there.
    pub(super) hint: Option<&'static str>,
}

const NONE: KeyModifiers = KeyModifiers::NONE;
const CTRL: KeyModifiers = KeyModifiers::CONTROL;

const fn bind(
    keys: &'static [(KeyCode, KeyModifiers)],
    command: Command,
    help: &'static str,
    hint: Option<&'static str>,
) -> Binding {
    Binding {
        keys,
        command,
        help,
        hint,
    }
}

/// Keys while browsing; the order is that of the help.
pub(super) const BROWSE: [Binding; 15] = {
    use KeyCode::{Char, Down, End, Esc, F, Home, PageDown, PageUp, Up};
    [
        bind(
            &[(Char('q'), NONE), (Char('c'), CTRL)],
            Command::Quit,
            "quit",
            Some("quit"),
        ),
        bind(
            &[(Char('?'), NONE), (F(1), NONE), (Char('h'), NONE)],
            Command::Help,
            "show or hide this help",
            Some("help"),
        ),
        bind(
            &[(Up, NONE), (Char('k'), NONE)],
            Command::Up,
            "one socket up",
            None,
        ),
        bind(
            &[(Down, NONE), (Char('j'), NONE)],
            Command::Down,
            "one socket down",
            None,
        ),
        bind(
            &[(PageUp, NONE), (Char('u'), CTRL)],
            Command::PageUp,
            "one screen up",
            None,
        ),
        bind(
            &[(PageDown, NONE), (Char('d'), CTRL)],
            Command::PageDown,
            "one screen down",
            None,
        ),
        bind(
            &[(Char('g'), NONE), (Home, NONE)],
            Command::Top,
            "first socket",
            None,
        ),
        bind(
            &[(Char('G'), NONE), (End, NONE)],
            Command::Bottom,
            "last socket",
            None,
        ),
        bind(
            &[(Char('/'), NONE)],
            Command::EditFilter,
            "filter the sockets",
            Some("filter"),
        ),
        bind(
            &[(Esc, NONE)],
            Command::Escape,
            "hide the help, or clear the filter",
            None,
        ),
        bind(
            &[(Char('s'), NONE)],
            Command::Sort,
            "oldest or newest first",
            Some("sort"),
        ),
        bind(
            &[(Char(' '), NONE), (Char('f'), NONE)],
            Command::Freeze,
            "freeze the screen, or thaw it",
            Some("freeze"),
        ),
        bind(
            &[(Char('+'), NONE), (Char('='), NONE)],
            Command::Slower,
            "longer interval",
            None,
        ),
        bind(
            &[(Char('-'), NONE)],
            Command::Faster,
            "shorter interval",
            None,
        ),
        bind(
            &[(Char('r'), NONE)],
            Command::Refresh,
            "refresh now",
            Some("refresh"),
        ),
    ]
};

/// Keys that are not text while a filter is typed.
pub(super) const EDIT: [Binding; 11] = {
    use KeyCode::{Backspace, Char, Delete, End, Enter, Esc, Home, Left, Right};
    [
        bind(&[(Enter, NONE)], Command::Apply, "apply", Some("apply")),
        bind(&[(Esc, NONE)], Command::Cancel, "cancel", Some("cancel")),
        bind(
            &[(Char('u'), CTRL)],
            Command::Stroke(Stroke::Erase),
            "erase all",
            Some("erase"),
        ),
        bind(&[(Char('c'), CTRL)], Command::Quit, "quit", None),
        bind(
            &[(Backspace, NONE)],
            Command::Stroke(Stroke::Backspace),
            "",
            None,
        ),
        bind(&[(Delete, NONE)], Command::Stroke(Stroke::Delete), "", None),
        bind(&[(Left, NONE)], Command::Stroke(Stroke::Left), "", None),
        bind(&[(Right, NONE)], Command::Stroke(Stroke::Right), "", None),
        bind(&[(Home, NONE)], Command::Stroke(Stroke::Home), "", None),
        bind(&[(End, NONE)], Command::Stroke(Stroke::End), "", None),
        bind(
            &[(Char('a'), CTRL)],
            Command::Stroke(Stroke::Home),
            "",
            None,
        ),
    ]
};

impl Binding {
    /// The first key.
    pub(super) fn key(&self) -> String {
        self.keys.first().map_or_else(String::new, name)
    }

    /// All keys.
    pub(super) fn keys(&self) -> String {
        let names: Vec<String> = self.keys.iter().map(name).collect();
        names.join(", ")
    }

    fn has(&self, key: &KeyEvent) -> bool {
        // Terminals differ in whether they report the shift key beside the character it made.
        let modifiers = key.modifiers.difference(KeyModifiers::SHIFT);
        self.keys.contains(&(key.code, modifiers))
    }
}

fn name((code, modifiers): &(KeyCode, KeyModifiers)) -> String {
    let key = match code {
        KeyCode::Char(' ') => "Space".to_owned(),
        KeyCode::Char(c) if modifiers.contains(CTRL) => c.to_ascii_uppercase().to_string(),
        KeyCode::Char(c) => c.to_string(),
        KeyCode::PageUp => "PgUp".to_owned(),
        KeyCode::PageDown => "PgDn".to_owned(),
        KeyCode::F(number) => format!("F{number}"),
        other => format!("{other:?}"),
    };
    match modifiers.contains(CTRL) {
        true => format!("Ctrl-{key}"),
        false => key,
    }
}

/// What an event of the terminal asks for.
pub(super) fn action(event: &Event, mode: Mode) -> Option<Action> {
    match event {
        Event::Key(key) if key.kind != KeyEventKind::Release => {
            command(key, mode).map(Action::Command)
        }
        Event::Resize(width, height) => Some(Action::Resize(*width, *height)),
        Event::Mouse(mouse) => match mouse.kind {
            MouseEventKind::ScrollUp => Some(Action::Command(Command::Up)),
            MouseEventKind::ScrollDown => Some(Action::Command(Command::Down)),
            _ => None,
        },
        _ => None,
    }
}

fn command(key: &KeyEvent, mode: Mode) -> Option<Command> {
    let table: &[Binding] = match mode {
        Mode::Browse => &BROWSE,
        Mode::Edit => &EDIT,
    };
    let bound = table.iter().find(|binding| binding.has(key));
    match (bound, mode, key.code) {
        (Some(binding), _, _) => Some(binding.command),
        (None, Mode::Edit, KeyCode::Char(c))
            if !key.modifiers.intersects(CTRL | KeyModifiers::ALT) =>
        {
            Some(Command::Stroke(Stroke::Insert(c)))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn press(code: KeyCode, modifiers: KeyModifiers, mode: Mode) -> Option<Command> {
        command(&KeyEvent::new(code, modifiers), mode)
    }

    #[test]
    fn no_key_is_bound_twice() {
        for table in [&BROWSE[..], &EDIT[..]] {
            let keys: Vec<_> = table.iter().flat_map(|binding| binding.keys).collect();
            for (index, key) in keys.iter().enumerate() {
                assert!(!keys[..index].contains(key), "{key:?}");
            }
        }
    }

    #[test]
    fn keys_mean_what_the_mode_says() {
        use KeyCode::{Char, Enter};
        let shift = KeyModifiers::SHIFT;
        for (code, modifiers, browse, edit) in [
            (
                Char('q'),
                NONE,
                Some(Command::Quit),
                Some(Command::Stroke(Stroke::Insert('q'))),
            ),
            (Char('c'), CTRL, Some(Command::Quit), Some(Command::Quit)),
            (
                Char('G'),
                shift,
                Some(Command::Bottom),
                Some(Command::Stroke(Stroke::Insert('G'))),
            ),
            (
                Char('?'),
                shift,
                Some(Command::Help),
                Some(Command::Stroke(Stroke::Insert('?'))),
            ),
            (
                Char('u'),
                CTRL,
                Some(Command::PageUp),
                Some(Command::Stroke(Stroke::Erase)),
            ),
            (Char('x'), CTRL, None, None),
            (Char('x'), KeyModifiers::ALT, None, None),
            (Enter, NONE, None, Some(Command::Apply)),
        ] {
            assert_eq!(press(code, modifiers, Mode::Browse), browse, "{code:?}");
            assert_eq!(press(code, modifiers, Mode::Edit), edit, "{code:?}");
        }
    }

    #[test]
    fn releasing_a_key_does_nothing() {
        let mut key = KeyEvent::new(KeyCode::Char('q'), NONE);
        key.kind = KeyEventKind::Release;
        assert!(action(&Event::Key(key), Mode::Browse).is_none());
    }

    #[test]
    fn names() {
        let names: Vec<String> = BROWSE.iter().map(Binding::keys).collect();
        assert_eq!(names[0], "q, Ctrl-C");
        assert_eq!(names[1], "?, F1, h");
        assert_eq!(names[4], "PgUp, Ctrl-U");
        assert_eq!(names[11], "Space, f");
    }
}
