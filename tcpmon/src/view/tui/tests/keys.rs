//! Every key in the help does something.

use super::*;
use crate::core::recording::Control;
use crate::view::tui::app::Mode;
use crate::view::tui::keys::{BROWSE, EDIT, REPLAY, command};
use crate::view::tui::place::View;

/// In the middle of everything: what can be moved can be moved both ways, and there is a past.
fn amid() -> App {
    let mut app = app(80, 24);
    for second in 0..200 {
        tick(&mut app, SECOND * second);
        feed(&mut app, Ok(snapshot(40, 40)));
    }
    press_and_feed(&mut app, Command::View(View::Sockets));
    press(&mut app, &[Command::Sort, Command::Sort]);
    feed(&mut app, Ok(snapshot(40, 40)));
    press(&mut app, &[Command::PageDown]);
    app
}

/// All that a key could change.
fn state(app: &App) -> String {
    let level = app.level();
    format!(
        "{:?} {:?} {:?} {:?} {:?} {:?} {:?} {:?} {} {:?} {}",
        app.view,
        app.trail.len(),
        level.cursor,
        level.order,
        app.past,
        app.help,
        app.is_frozen,
        app.schedule.interval(),
        app.has_mouse,
        app.edit,
        app.scope().text,
    )
}

#[test]
fn while_browsing() {
    for binding in BROWSE {
        let mut app = amid();
        match binding.command {
            // They bring back what others took away.
            Command::Newer(_) => press(&mut app, &[Command::Older(120)]),
            Command::View(View::Sockets) => press(&mut app, &[Command::NextView]),
            Command::Back => press(&mut app, &[Command::Open]),
            _ => {}
        }
        let before = state(&app);
        let effects = update(&mut app, Action::Command(binding.command));
        let is_different = state(&app) != before || !effects.is_empty();
        assert!(is_different, "{} ({})", binding.keys(), binding.help);
    }
}

#[test]
fn while_a_recording_is_played() {
    for binding in REPLAY {
        let mut app = replayed(80, 24);
        let Command::Play(control) = binding.command else {
            panic!("{}", binding.keys());
        };
        assert_eq!(app.mode(), Mode::Replay);
        let effects = update(&mut app, Action::Command(binding.command));
        let is_asked = |effect: &Effect| matches!(effect, Effect::Control(it) if *it == control);
        assert!(effects.iter().any(is_asked), "{}", binding.keys());
    }
}

#[test]
fn keys_of_a_recording_come_first_and_the_others_stay() {
    use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};
    let press = |c| {
        command(
            BROWSE,
            &KeyEvent::new(KeyCode::Char(c), KeyModifiers::NONE),
            Mode::Replay,
        )
    };
    assert_eq!(press(' '), Some(Command::Play(Control::Toggle)));
    assert_eq!(press('f'), Some(Command::Freeze));
    assert_eq!(press('8'), Some(Command::View(View::Diagram)));
}

#[test]
fn while_a_filter_is_typed() {
    for binding in EDIT {
        let mut app = amid();
        press(&mut app, &[Command::EditFilter]);
        typed(&mut app, "pid = 1 sta");
        // So that there is something on both sides; completion needs the end of a word.
        if binding.command != Command::Complete {
            press(&mut app, &[Command::Stroke(Stroke::Left)]);
        }
        if binding.command == Command::Apply {
            press(&mut app, &[Command::Stroke(Stroke::Erase)]);
            typed(&mut app, "pid = 1");
        }
        let before = state(&app);
        let effects = update(&mut app, Action::Command(binding.command));
        let is_different = state(&app) != before || !effects.is_empty();
        assert!(is_different, "{} ({})", binding.keys(), binding.help);
    }
}

#[test]
fn a_filter_that_is_applied_elsewhere_shows_its_sockets() {
    let mut app = fed(80, 24);
    press(&mut app, &[Command::EditFilter]);
    assert_eq!(app.mode(), Mode::Edit);
    typed(&mut app, "pid = 7");
    press(&mut app, &[Command::Apply]);
    assert_eq!((app.view, app.mode()), (View::Sockets, Mode::Browse));
    assert_eq!(app.wants().sockets.unwrap().filter.to_string(), "pid = 7");
    press(&mut app, &[Command::Back]);
    assert!(app.filter.text.is_empty());
}

#[test]
fn the_mouse_finds_views_columns_and_rows() {
    let mut app = fed(100, 30);
    update(&mut app, Action::Click(15, 2));
    assert_eq!(app.view, View::Sockets);
    feed(&mut app, Ok(snapshot(40, 40)));
    update(&mut app, Action::Click(3, 4));
    assert_eq!(
        app.level().order,
        Some((0, false)),
        "a text from its beginning"
    );
    feed(&mut app, Ok(snapshot(40, 40)));
    update(&mut app, Action::Click(3, 4));
    assert_eq!(app.level().order, Some((0, true)));
    feed(&mut app, Ok(snapshot(40, 40)));
    update(&mut app, Action::Click(3, 7));
    assert_eq!(app.level().cursor.index(), 2);
    update(&mut app, Action::Click(3, 7));
    assert_eq!(app.trail.len(), 1, "a second click opens");
    update(&mut app, Action::Click(99, 99));
}
