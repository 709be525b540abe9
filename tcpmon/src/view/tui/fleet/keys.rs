//! What keys do here. Those that the local screen has too do the same.

use crossterm::event::KeyCode;

use super::super::action::Command as C;
use super::super::keys::{Binding, CTRL, NONE, bindings};
use super::super::render::Help;

/// Keys while browsing; the order is that of the help.
pub(super) const BROWSE: &[Binding] = {
    use KeyCode::Up;
    use KeyCode::{Backspace, Char, Down, End, Enter, Esc, F, Home, Left, PageDown, PageUp, Right};
    bindings! {
        [(Char('q'), NONE), (Char('c'), CTRL)] => C::Quit, "quit", Some("quit");
        [(Char('h'), NONE), (F(1), NONE), (Char('?'), NONE)] => C::Help, "show or hide this help", Some("help");
        [(Enter, NONE)] => C::Open, "host, its process, its destination", Some("open");
        [(Esc, NONE), (Backspace, NONE)] => C::Back, "back; at the hosts show all of them", Some("back");
        [(Up, NONE), (Char('k'), NONE)] => C::Up, "up", None;
        [(Down, NONE), (Char('j'), NONE)] => C::Down, "down", None;
        [(PageUp, NONE), (Char('u'), CTRL)] => C::PageUp, "one screen up", None;
        [(PageDown, NONE), (Char('d'), CTRL)] => C::PageDown, "one screen down", None;
        [(Home, NONE), (Char('g'), NONE)] => C::Top, "first row", None;
        [(End, NONE), (Char('G'), NONE)] => C::Bottom, "last row", None;
        [(Left, NONE)] => C::Left, "sort by the column to the left", None;
        [(Right, NONE)] => C::Right, "sort by the column to the right", None;
        [(Char('s'), NONE), (F(6), NONE)] => C::Sort, "sort by the next column", Some("sort");
        [(Char('S'), NONE)] => C::Reverse, "reverse the order", None;
        [(Char('/'), NONE)] => C::EditFilter, "find hosts by a label or a verdict", Some("find");
        [(Char(' '), NONE), (Char('f'), NONE)] => C::Freeze, "freeze the screen, or thaw it", Some("freeze");
        [(Char('+'), NONE), (Char('='), NONE)] => C::Slower, "longer interval", None;
        [(Char('-'), NONE)] => C::Faster, "shorter interval", None;
        [(Char('r'), NONE), (F(5), NONE)] => C::Refresh, "ask the server now", Some("refresh");
        [(Char('m'), NONE)] => C::Mouse, "take the mouse, or leave it", None;
        [(Char('z'), CTRL)] => C::Suspend, "stop until the shell's fg", None;
    }
};

/// The help.
pub(super) const HELP: Help = Help {
    title: " tcpmon top --prometheus ",
    browse: BROWSE,
    first: &[],
    marks: [
        ("!", "!", "a warning or worse, or nobody watches it"),
        ("<", "<", "of a clock: it may be right, or so far off"),
        ("-", "-", "unknown, or not applicable"),
    ],
};

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_key_is_bound_twice() {
        let keys: Vec<_> = BROWSE.iter().flat_map(|binding| binding.keys).collect();
        for (index, key) in keys.iter().enumerate() {
            assert!(!keys[..index].contains(key), "{key:?}");
        }
    }
}
