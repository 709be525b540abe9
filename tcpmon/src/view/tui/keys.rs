//! What keys do. The help and the line of hints are made from these tables.

use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};

use super::action::Command;
use super::app::Mode;
use super::edit::Stroke;
use super::place::View;
use crate::core::recording::Control;

/// Keys and what they do.
pub(super) struct Binding {
    pub(super) keys: &'static [(KeyCode, KeyModifiers)],
    pub(super) command: Command,
    /// For the help; empty where everybody knows.
    pub(super) help: &'static str,
    /// For the line of hints, if it is worth a place there.
    pub(super) hint: Option<&'static str>,
}

pub(super) const NONE: KeyModifiers = KeyModifiers::NONE;
pub(super) const CTRL: KeyModifiers = KeyModifiers::CONTROL;

/// One line for each command: keys, command, help, hint.
macro_rules! bindings {
    ($($keys:expr => $command:expr, $help:literal, $hint:expr;)*) => {
        &[$(Binding { keys: &$keys, command: $command, help: $help, hint: $hint }),*]
    };
}
pub(super) use bindings;

/// Keys while browsing; the order is that of the help.
pub(super) const BROWSE: &[Binding] = {
    use Command as C;
    use KeyCode::{BackTab, Backspace, Char, Down, End, Enter, Esc, F, Home, Left};
    use KeyCode::{PageDown, PageUp, Right, Tab, Up};
    bindings! {
        [(Char('q'), NONE), (Char('c'), CTRL)] => C::Quit, "quit", Some("quit");
        [(Char('h'), NONE), (F(1), NONE)] => C::Help, "show or hide this help", Some("help");
        [(Char('?'), NONE)] => C::Explain, "explain what is selected", Some("explain");
        [(Enter, NONE)] => C::Open, "open what is selected", Some("open");
        [(Esc, NONE), (Backspace, NONE)] => C::Back, "back; at the first page clear the filter", Some("back");
        [(Tab, NONE)] => C::NextView, "next view", None;
        [(BackTab, NONE)] => C::PreviousView, "previous view", None;
        [(Char('1'), NONE)] => C::View(View::Overview), "overview: what is wrong, states, limits", None;
        [(Char('2'), NONE)] => C::View(View::Sockets), "sockets", None;
        [(Char('3'), NONE)] => C::View(View::Processes), "processes", None;
        [(Char('4'), NONE)] => C::View(View::Listeners), "listeners and their queues", None;
        [(Char('5'), NONE)] => C::View(View::Destinations), "destinations and the ports left", None;
        [(Char('6'), NONE)] => C::View(View::Namespaces), "network namespaces", None;
        [(Char('7'), NONE)] => C::View(View::Events), "transitions as they happen", None;
        [(Char('8'), NONE)] => C::View(View::Diagram), "the state diagram", None;
        [(Up, NONE), (Char('k'), NONE)] => C::Up, "up", None;
        [(Down, NONE), (Char('j'), NONE)] => C::Down, "down", None;
        [(PageUp, NONE), (Char('u'), CTRL)] => C::PageUp, "one screen up", None;
        [(PageDown, NONE), (Char('d'), CTRL)] => C::PageDown, "one screen down", None;
        [(Home, NONE), (Char('g'), NONE)] => C::Top, "first row", None;
        [(End, NONE), (Char('G'), NONE)] => C::Bottom, "last row; from the past back to now", None;
        [(Left, NONE)] => C::Left, "sort by the column to the left", None;
        [(Right, NONE)] => C::Right, "sort by the column to the right", None;
        [(Char('s'), NONE), (F(6), NONE)] => C::Sort, "sort by the next column", Some("sort");
        [(Char('S'), NONE)] => C::Reverse, "reverse the order", None;
        [(Char('b'), NONE)] => C::Group, "processes by program, unit, container", None;
        [(Char('/'), NONE)] => C::EditFilter, "filter sockets and events", Some("filter");
        [(Char(' '), NONE), (Char('f'), NONE)] => C::Freeze, "freeze the screen, or thaw it", Some("freeze");
        [(Char('['), NONE)] => C::Older(5), "five seconds into the past", Some("past");
        [(Char(']'), NONE)] => C::Newer(5), "five seconds towards now", None;
        [(Char('{'), NONE)] => C::Older(60), "a minute into the past", None;
        [(Char('}'), NONE)] => C::Newer(60), "a minute towards now", None;
        [(Char('+'), NONE), (Char('='), NONE)] => C::Slower, "longer interval", None;
        [(Char('-'), NONE)] => C::Faster, "shorter interval", None;
        [(Char('r'), NONE), (F(5), NONE)] => C::Refresh, "refresh now", None;
        [(Char('m'), NONE)] => C::Mouse, "take the mouse, or leave it", None;
        [(Char('z'), CTRL)] => C::Suspend, "stop until the shell's fg", None;
    }
};

/// Keys that move about in a recording, in front of those of [`BROWSE`].
pub(super) const REPLAY: &[Binding] = {
    use Command::Play as P;
    use Control as C;
    use KeyCode::Char;
    bindings! {
        [(Char(' '), NONE)] => P(C::Toggle), "pause, or play on", Some("pause");
        [(Char('-'), NONE)] => P(C::Slower), "play slower", None;
        [(Char('+'), NONE), (Char('='), NONE)] => P(C::Faster), "play faster", Some("faster");
        [(Char('['), NONE)] => P(C::Back(5)), "five seconds back", Some("back 5 s");
        [(Char(']'), NONE)] => P(C::Forward(5)), "five seconds on", Some("on 5 s");
        [(Char('{'), NONE)] => P(C::Back(60)), "a minute back", None;
        [(Char('}'), NONE)] => P(C::Forward(60)), "a minute on", None;
        [(Char('<'), NONE)] => P(C::Beginning), "to the beginning", None;
        [(Char('>'), NONE)] => P(C::End), "to the end", None;
    }
};

/// Keys that are not text while a filter is typed.
pub(super) const EDIT: &[Binding] = {
    use Command as C;
    use KeyCode::{Backspace, Char, Delete, End, Enter, Esc, Home, Left, Right, Tab};
    bindings! {
        [(Enter, NONE)] => C::Apply, "apply", Some("apply");
        [(Esc, NONE)] => C::Cancel, "cancel", Some("cancel");
        [(Tab, NONE)] => C::Complete, "complete the word", Some("complete");
        [(Char('u'), CTRL)] => C::Stroke(Stroke::Erase), "erase all", Some("erase");
        [(Char('c'), CTRL)] => C::Quit, "quit", None;
        [(Backspace, NONE)] => C::Stroke(Stroke::Backspace), "", None;
        [(Delete, NONE)] => C::Stroke(Stroke::Delete), "", None;
        [(Left, NONE)] => C::Stroke(Stroke::Left), "", None;
        [(Right, NONE)] => C::Stroke(Stroke::Right), "", None;
        [(Home, NONE), (Char('a'), CTRL)] => C::Stroke(Stroke::Home), "", None;
        [(End, NONE), (Char('e'), CTRL)] => C::Stroke(Stroke::End), "", None;
    }
};

impl Binding {
    /// The first key.
    pub(super) fn key(&self) -> String {
        self.keys.first().map_or_else(String::new, name)
    }

    /// Whether the keys of another do something else than it says: all of its keys are among them.
    pub(super) fn is_hidden_by(&self, table: &[Self]) -> bool {
        let taken = |key| table.iter().any(|other| other.keys.contains(key));
        self.keys.iter().all(taken)
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
        KeyCode::BackTab => "Shift-Tab".to_owned(),
        KeyCode::F(number) => format!("F{number}"),
        other => format!("{other:?}"),
    };
    match modifiers.contains(CTRL) {
        true => format!("Ctrl-{key}"),
        false => key,
    }
}

/// What a key asks for, where `browse` are the keys that command.
pub(super) fn command(browse: &[Binding], key: &KeyEvent, mode: Mode) -> Option<Command> {
    let table = match mode {
        Mode::Browse | Mode::Replay => browse,
        Mode::Edit => EDIT,
    };
    let first = match mode {
        Mode::Replay => REPLAY,
        Mode::Browse | Mode::Edit => &[],
    };
    let bound = first.iter().chain(table).find(|binding| binding.has(key));
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
        command(BROWSE, &KeyEvent::new(code, modifiers), mode)
    }

    #[test]
    fn no_key_is_bound_twice() {
        for table in [BROWSE, REPLAY, EDIT] {
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
        let typed = |c| Some(Command::Stroke(Stroke::Insert(c)));
        for (code, modifiers, browse, edit) in [
            (Char('q'), NONE, Some(Command::Quit), typed('q')),
            (Char('c'), CTRL, Some(Command::Quit), Some(Command::Quit)),
            (Char('G'), shift, Some(Command::Bottom), typed('G')),
            (Char('?'), shift, Some(Command::Explain), typed('?')),
            (
                Char('u'),
                CTRL,
                Some(Command::PageUp),
                Some(Command::Stroke(Stroke::Erase)),
            ),
            (Char('x'), CTRL, None, None),
            (Char('x'), KeyModifiers::ALT, None, None),
            (Enter, NONE, Some(Command::Open), Some(Command::Apply)),
        ] {
            assert_eq!(press(code, modifiers, Mode::Browse), browse, "{code:?}");
            assert_eq!(press(code, modifiers, Mode::Edit), edit, "{code:?}");
        }
    }

    #[test]
    fn every_view_has_its_number() {
        for (view, digit) in View::ALL.into_iter().zip('1'..) {
            let pressed = press(KeyCode::Char(digit), NONE, Mode::Browse);
            assert_eq!(pressed, Some(Command::View(view)));
        }
    }

    #[test]
    fn names() {
        let names: Vec<String> = BROWSE.iter().map(Binding::keys).collect();
        for name in [
            "q, Ctrl-C",
            "h, F1",
            "PgUp, Ctrl-U",
            "Space, f",
            "Shift-Tab",
        ] {
            assert!(names.iter().any(|it| it == name), "{name}");
        }
    }
}
