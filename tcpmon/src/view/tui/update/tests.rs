//! Actions and what they lead to.

use std::time::Duration;

use super::*;
use crate::core::query::Picture;
use crate::core::query::Sort;
use crate::view::tui::action::{Answer, Batch};
use crate::view::tui::app::TopOptions;
use crate::view::tui::tests::snapshot;

const SECOND: Duration = Duration::from_secs(1);

/// With sockets on the screen, of which 18 are visible.
fn app() -> App {
    let mut app = App::new(&TopOptions::default(), Size::new(80, 24));
    app.view = View::Sockets;
    app
}

fn fetch(effects: Vec<Effect>) -> Option<Request> {
    effects.into_iter().find_map(|effect| match effect {
        Effect::Fetch(request) => Some(request),
        Effect::Quit => panic!("left"),
        _ => None,
    })
}

fn tick(app: &mut App, now: Duration) -> Option<Request> {
    fetch(update(app, Action::Tick(now)))
}

fn press(app: &mut App, command: Command) -> Option<Request> {
    fetch(update(app, Action::Command(command)))
}

fn answer(app: &mut App, ticket: u64, result: Result<Picture, String>) -> Option<Request> {
    let answer = Box::new(Answer { ticket, result });
    fetch(update(app, Action::Answer(answer)))
}

/// Has asked once, been answered, and has 36 of `matched` rows.
fn fed(matched: u64) -> App {
    let mut app = app();
    let request = tick(&mut app, Duration::ZERO).unwrap();
    answer(&mut app, request.ticket, Ok(snapshot(36, matched)));
    app
}

#[test]
fn quits() {
    let effects = update(&mut app(), Action::Command(Command::Quit));
    assert!(matches!(effects[..], [Effect::Quit]));
}

#[test]
fn asks_for_what_the_screen_can_show() {
    let mut app = app();
    assert_eq!(app.visible_rows(), 18);
    let sockets = tick(&mut app, Duration::ZERO).unwrap().wants.sockets;
    let question = sockets.unwrap();
    assert_eq!((question.limit, question.sort), (Some(36), Sort::Age));
}

#[test]
fn asks_for_nothing_that_is_not_shown() {
    for view in View::ALL {
        let mut app = App::new(&TopOptions::default(), Size::new(80, 24));
        app.view = view;
        let wants = tick(&mut app, Duration::ZERO).unwrap().wants;
        assert_eq!(wants.sockets.is_some(), view == View::Sockets);
        let queues = matches!(view, View::Overview | View::Listeners);
        assert_eq!(wants.listeners.is_some(), queues, "{view:?}");
        let limits = matches!(view, View::Overview | View::Namespaces);
        assert_eq!(wants.namespaces, limits, "{view:?}");
    }
}

#[test]
fn asks_at_every_interval_but_never_twice() {
    let mut app = app();
    let first = tick(&mut app, Duration::ZERO).unwrap();
    assert!(tick(&mut app, SECOND * 5).is_none());
    let second = answer(&mut app, first.ticket, Ok(snapshot(24, 24)));
    answer(&mut app, second.unwrap().ticket, Ok(snapshot(24, 24)));
    assert!(tick(&mut app, SECOND * 11 / 2).is_none());
    assert!(tick(&mut app, SECOND * 6).is_some());
}

#[test]
fn a_failure_keeps_the_data_and_is_retried() {
    let mut app = fed(36);
    let request = tick(&mut app, SECOND).unwrap();
    answer(&mut app, request.ticket, Err("no agent".to_owned()));
    assert_eq!(app.rows().count(), 36);
    assert_eq!(app.error.as_deref(), Some("no agent"));
    assert!(app.is_stale());
    let request = tick(&mut app, SECOND * 2).unwrap();
    assert_eq!(app.data_age(), Some(SECOND * 2));
    answer(&mut app, request.ticket, Ok(snapshot(36, 36)));
    assert_eq!((app.error.as_deref(), app.is_stale()), (None, false));
}

#[test]
fn an_agent_that_does_not_answer_makes_the_data_stale() {
    let mut app = fed(36);
    tick(&mut app, SECOND).unwrap();
    tick(&mut app, SECOND * 3);
    assert!(!app.is_stale());
    tick(&mut app, SECOND * 4);
    assert!(app.is_stale());
}

#[test]
fn freezing_takes_nothing_new() {
    let mut app = fed(10_000);
    let under_way = tick(&mut app, SECOND).unwrap();
    assert!(press(&mut app, Command::Freeze).is_none());
    assert!(answer(&mut app, under_way.ticket, Ok(snapshot(1, 1))).is_none());
    assert_eq!(app.rows().count(), 36);
    assert!(tick(&mut app, SECOND * 60).is_none());
    assert!(press(&mut app, Command::Bottom).is_none());
    assert_eq!(app.level().cursor.index(), 35, "it ends where its rows end");
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
    let mut app = fed(36);
    press(&mut app, Command::Freeze);
    let request = press(&mut app, Command::Refresh).unwrap();
    answer(&mut app, request.ticket, Ok(snapshot(3, 3)));
    assert_eq!((app.rows().count(), app.is_frozen), (3, true));
}

#[test]
fn scrolling_beyond_what_is_there_asks_for_more() {
    let mut app = fed(10_000);
    assert!(press(&mut app, Command::PageDown).is_none());
    let request = press(&mut app, Command::PageDown).unwrap();
    let limit = request.wants.sockets.unwrap().limit;
    assert_eq!(limit, Some(app.level().cursor.offset() + 36));
}

#[test]
fn an_order_of_the_screen_is_of_many_and_one_by_age_is_the_agents() {
    let mut app = fed(10_000);
    let limit = |request: Request| request.wants.sockets.unwrap();
    let by_state = limit(press(&mut app, Command::Sort).unwrap());
    assert_eq!((by_state.limit, by_state.sort), (Some(500), Sort::Age));
    let mut app = fed(10_000);
    let newest = limit(press(&mut app, Command::Reverse).unwrap());
    assert_eq!((newest.limit, newest.sort), (Some(36), Sort::Newest));
}

#[test]
fn rows_are_in_the_order_that_is_asked_for() {
    let mut app = fed(36);
    let request = press(&mut app, Command::Sort).unwrap();
    answer(&mut app, request.ticket, Ok(snapshot(36, 36)));
    let states = |app: &App| -> Vec<String> {
        let charset = app.theme.charset();
        let shown = app.level().shown.iter();
        shown.map(|row| app.rows().cell(*row, 0, charset)).collect()
    };
    let ascending = states(&app);
    assert!(ascending.is_sorted() && ascending.len() == 36);
    press(&mut app, Command::Reverse);
    assert!(states(&app).iter().rev().is_sorted());
}

#[test]
fn a_selection_follows_its_socket() {
    let mut app = fed(36);
    for _ in 0..5 {
        press(&mut app, Command::Down);
    }
    let request = tick(&mut app, SECOND).unwrap();
    let mut fewer = snapshot(36, 36);
    fewer.sockets.as_mut().unwrap().sockets.drain(..3);
    answer(&mut app, request.ticket, Ok(fewer));
    assert_eq!(app.level().cursor.index(), 2);
}

#[test]
fn views_keep_their_place() {
    let mut app = fed(36);
    press(&mut app, Command::Down);
    press(&mut app, Command::NextView);
    press(&mut app, Command::PreviousView);
    assert_eq!((app.view, app.level().cursor.index()), (View::Sockets, 1));
}

#[test]
fn an_answer_for_another_place_is_not_shown() {
    let mut app = fed(36);
    let before = tick(&mut app, SECOND).unwrap();
    press(&mut app, Command::View(View::Listeners));
    press(&mut app, Command::View(View::Sockets));
    let next = answer(&mut app, before.ticket, Ok(snapshot(3, 3)));
    assert_eq!(app.rows().count(), 0, "it is not known yet");
    answer(&mut app, next.unwrap().ticket, Ok(snapshot(5, 5)));
    assert_eq!(app.rows().count(), 5);
}

#[test]
fn what_happened_in_another_view_is_not_shown() {
    let mut app = fed(36);
    let effects = update(&mut app, Action::Command(Command::View(View::Events)));
    assert!(
        effects
            .iter()
            .any(|it| matches!(it, Effect::Watch(1, Some(_))))
    );
    let batch = |watch| Batch {
        watch,
        events: vec![crate::view::fixture::event()],
        skipped: 0,
    };
    update(&mut app, Action::Batch(batch(0)));
    assert_eq!(app.rows().count(), 0);
    update(&mut app, Action::Batch(batch(1)));
    assert_eq!(app.rows().count(), 1);
    let effects = update(&mut app, Action::Command(Command::NextView));
    assert!(
        effects
            .iter()
            .any(|it| matches!(it, Effect::Watch(2, None)))
    );
}

#[test]
fn stopping_and_going_on_are_effects() {
    let mut app = fed(36);
    let effects = update(&mut app, Action::Command(Command::Suspend));
    assert!(matches!(effects[..], [Effect::Suspend]));
    let effects = update(&mut app, Action::Resumed);
    assert!(matches!(effects[0], Effect::Retake));
    let effects = update(&mut app, Action::Command(Command::Mouse));
    assert!(effects.iter().any(|it| matches!(it, Effect::Mouse(true))));
}
