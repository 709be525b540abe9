//! Actions and what they lead to.

use std::time::Duration;

use super::*;
use crate::core::query::Sockets;
use crate::view::fixture;
use crate::view::tui::app::{Mode, TopOptions};
use crate::view::tui::edit::Stroke;
use crate::view::tui::feed::Snapshot;

const SECOND: Duration = Duration::from_secs(1);

fn snapshot(rows: usize, matched: Option<u64>) -> Snapshot {
    let sockets = Sockets {
        matched,
        ..fixture::sockets(fixture::rows(rows))
    };
    Snapshot {
        summary: fixture::summary(),
        sockets,
    }
}

/// 12 rows are visible on 80x24.
fn app() -> App {
    App::new(&TopOptions::default(), Size::new(80, 24))
}

fn tick(app: &mut App, now: Duration) -> Option<Request> {
    fetch(update(app, Action::Tick(now)))
}

fn press(app: &mut App, command: Command) -> Option<Request> {
    fetch(update(app, Action::Command(command)))
}

fn fetch(effect: Option<Effect>) -> Option<Request> {
    match effect {
        Some(Effect::Fetch(request)) => Some(request),
        Some(Effect::Quit) => panic!("left"),
        None => None,
    }
}

fn answer(app: &mut App, ticket: u64, result: Result<Snapshot, String>) -> Option<Request> {
    fetch(update(
        app,
        Action::Answer(Box::new(Answer { ticket, result })),
    ))
}

/// Has asked once, been answered, and has 24 of `matched` rows.
fn fed(matched: Option<u64>) -> App {
    let mut app = app();
    let request = tick(&mut app, Duration::ZERO).unwrap();
    answer(&mut app, request.ticket, Ok(snapshot(24, matched)));
    app
}

#[test]
fn quits() {
    let effect = update(&mut app(), Action::Command(Command::Quit));
    assert!(matches!(effect, Some(Effect::Quit)));
}

#[test]
fn asks_for_what_the_screen_can_show() {
    let mut app = app();
    assert_eq!(app.visible_rows(), 12);
    let request = tick(&mut app, Duration::ZERO).unwrap();
    assert_eq!(request.question.limit, Some(24));
    assert_eq!(request.question.sort, Sort::Age);
}

#[test]
fn asks_at_every_interval_but_never_twice() {
    let mut app = app();
    let first = tick(&mut app, Duration::ZERO).unwrap();
    assert!(tick(&mut app, SECOND * 5).is_none());
    let second = answer(&mut app, first.ticket, Ok(snapshot(24, Some(24))));
    assert!(second.is_some());
    answer(&mut app, second.unwrap().ticket, Ok(snapshot(24, Some(24))));
    assert!(tick(&mut app, SECOND * 11 / 2).is_none());
    assert!(tick(&mut app, SECOND * 6).is_some());
}

#[test]
fn a_failure_keeps_the_data_and_is_retried() {
    let mut app = fed(Some(24));
    let request = tick(&mut app, SECOND).unwrap();
    answer(&mut app, request.ticket, Err("no agent".to_owned()));
    assert_eq!(app.rows().len(), 24);
    assert_eq!(app.error.as_deref(), Some("no agent"));
    assert!(app.is_stale());
    let request = tick(&mut app, SECOND * 2).unwrap();
    assert_eq!(app.data_age(), Some(SECOND * 2));
    answer(&mut app, request.ticket, Ok(snapshot(24, Some(24))));
    assert_eq!((app.error.as_deref(), app.is_stale()), (None, false));
}

#[test]
fn an_agent_that_does_not_answer_makes_the_data_stale() {
    let mut app = fed(Some(24));
    tick(&mut app, SECOND).unwrap();
    tick(&mut app, SECOND * 3);
    assert!(!app.is_stale());
    tick(&mut app, SECOND * 4);
    assert!(app.is_stale());
}

#[test]
fn freezing_takes_nothing_new() {
    let mut app = fed(Some(10_000));
    let under_way = tick(&mut app, SECOND).unwrap();
    assert!(press(&mut app, Command::Freeze).is_none());
    assert!(answer(&mut app, under_way.ticket, Ok(snapshot(1, Some(1)))).is_none());
    assert_eq!(app.rows().len(), 24);
    assert!(tick(&mut app, SECOND * 60).is_none());
    assert!(press(&mut app, Command::Bottom).is_none());
    assert_eq!(
        app.cursor.index(),
        23,
        "a frozen screen ends where its rows end"
    );
    assert!(!app.is_stale());
    assert!(press(&mut app, Command::Freeze).is_some());
}

#[test]
fn freezing_waits_for_something_to_show() {
    let mut app = app();
    press(&mut app, Command::Freeze);
    assert!(!app.is_frozen);
}

#[test]
fn a_wish_is_granted_while_frozen() {
    let mut app = fed(Some(24));
    press(&mut app, Command::Freeze);
    let request = press(&mut app, Command::Refresh).unwrap();
    answer(&mut app, request.ticket, Ok(snapshot(3, Some(3))));
    assert_eq!((app.rows().len(), app.is_frozen), (3, true));
}

#[test]
fn moves() {
    for (commands, index, offset) in [
        (&[Command::Up][..], 0, 0),
        (&[Command::Down], 1, 0),
        (&[Command::PageDown], 12, 1),
        (&[Command::PageDown, Command::PageUp], 0, 0),
        (&[Command::Bottom], 29, 18),
        (&[Command::Bottom, Command::Top], 0, 0),
        (&[Command::Bottom, Command::Down], 29, 18),
    ] {
        let mut app = fed(Some(30));
        for command in commands {
            press(&mut app, *command);
        }
        let place = (app.cursor.index(), app.cursor.offset());
        assert_eq!(place, (index, offset), "{commands:?}");
    }
}

#[test]
fn scrolling_beyond_the_loaded_rows_asks_for_more() {
    let mut app = fed(Some(30));
    assert!(press(&mut app, Command::PageDown).is_none());
    let request = press(&mut app, Command::Bottom).unwrap();
    assert_eq!(request.question.limit, Some(18 + 24));
    answer(&mut app, request.ticket, Ok(snapshot(30, Some(30))));
    assert_eq!(app.cursor.index(), 29);
}

#[test]
fn the_end_of_uncounted_rows_is_reached_step_by_step() {
    let mut app = fed(None);
    let request = press(&mut app, Command::Bottom).unwrap();
    assert_eq!(app.cursor.index(), 35);
    answer(&mut app, request.ticket, Ok(snapshot(30, Some(30))));
    assert_eq!(app.cursor.index(), 29);
}

#[test]
fn scrolling_has_an_end() {
    let mut app = fed(Some(5_000_000));
    let request = press(&mut app, Command::Bottom).unwrap();
    assert_eq!(request.question.limit, Some(10_000 + 12));
}

#[test]
fn sorting_begins_at_the_top_and_forgets_what_was_asked() {
    let mut app = fed(Some(24));
    press(&mut app, Command::Bottom);
    let old = tick(&mut app, SECOND).unwrap();
    assert!(
        press(&mut app, Command::Sort).is_none(),
        "one question at a time"
    );
    assert_eq!(app.cursor.index(), 0);
    let new = answer(&mut app, old.ticket, Ok(snapshot(1, Some(1)))).unwrap();
    assert_eq!(
        app.rows().len(),
        24,
        "the old answer is not in the new order"
    );
    assert_eq!(new.question.sort, Sort::Newest);
    answer(&mut app, new.ticket, Ok(snapshot(2, Some(2))));
    assert_eq!(app.rows().len(), 2);
}

#[test]
fn a_filter_is_applied_only_if_it_is_one() {
    let mut app = fed(Some(24));
    press(&mut app, Command::EditFilter);
    assert_eq!(app.mode(), Mode::Edit);
    for c in "state (".chars() {
        press(&mut app, Command::Stroke(Stroke::Insert(c)));
    }
    assert!(press(&mut app, Command::Apply).is_none());
    assert_eq!(app.mode(), Mode::Edit);
    assert!(app.edit.as_ref().unwrap().error.is_some());
    press(&mut app, Command::Stroke(Stroke::Erase));
    assert!(app.edit.as_ref().unwrap().error.is_none());
    assert!(
        press(&mut app, Command::Apply).is_none(),
        "nothing has changed"
    );
    assert_eq!(app.mode(), Mode::Browse);
}

#[test]
fn cancelling_keeps_the_filter() {
    let mut app = fed(Some(24));
    app.filter.text = "pid = 1".to_owned();
    press(&mut app, Command::EditFilter);
    assert_eq!(app.edit.as_ref().unwrap().text(), "pid = 1");
    press(&mut app, Command::Stroke(Stroke::Erase));
    press(&mut app, Command::Cancel);
    assert_eq!(
        (app.mode(), app.filter.text.as_str()),
        (Mode::Browse, "pid = 1")
    );
}

#[test]
fn escape_hides_the_help_then_clears_the_filter() {
    let mut app = fed(Some(24));
    app.filter.text = "pid = 1".to_owned();
    press(&mut app, Command::Help);
    assert!(press(&mut app, Command::Escape).is_none());
    assert_eq!((app.help, app.filter.text.as_str()), (None, "pid = 1"));
    assert!(press(&mut app, Command::Escape).is_some());
    assert_eq!(app.filter.text, "");
    assert!(press(&mut app, Command::Escape).is_none());
}

#[test]
fn help_scrolls_instead_of_the_table() {
    let mut app = fed(Some(24));
    update(&mut app, Action::Resize(60, 12));
    press(&mut app, Command::Help);
    press(&mut app, Command::Down);
    assert_eq!((app.help, app.cursor.index()), (Some(1), 0));
    press(&mut app, Command::Bottom);
    press(&mut app, Command::Up);
    press(&mut app, Command::Top);
    assert_eq!(app.help, Some(0));
}

#[test]
fn a_larger_screen_asks_for_what_it_lacks() {
    let mut app = fed(Some(10_000));
    let request = fetch(update(&mut app, Action::Resize(80, 60))).unwrap();
    assert_eq!(request.question.limit, Some(48 * 2));
}

#[test]
fn the_selection_stays_on_the_screen_when_it_shrinks() {
    let mut app = fed(Some(24));
    for _ in 0..11 {
        press(&mut app, Command::Down);
    }
    update(&mut app, Action::Resize(60, 12));
    let visible = app.visible_rows();
    assert_eq!(
        (app.cursor.index(), app.cursor.offset()),
        (11, 12 - visible)
    );
}

#[test]
fn intervals() {
    let mut app = fed(Some(24));
    press(&mut app, Command::Slower);
    assert_eq!(app.schedule.interval(), SECOND * 2);
    press(&mut app, Command::Faster);
    press(&mut app, Command::Faster);
    assert_eq!(app.schedule.interval(), SECOND / 2);
}
