//! From a verdict to the descriptor, and back.

use super::*;
use crate::view::tui::place::{Place, View};

#[test]
fn a_verdict_leads_to_its_oldest_socket_in_three_keys() {
    let mut app = fed(100, 30);
    for (name, command) in [
        ("walk-1-verdict", Command::Open),
        ("walk-2-sockets", Command::Open),
        ("walk-3-socket", Command::Open),
    ] {
        press_and_feed(&mut app, command);
        golden(name, &app);
    }
    let shown = frame(&app);
    for expected in [
        "fd 10",
        "/proc/1200/fd/10",
        "it holds the descriptor",
        "close_wait_leak",
    ] {
        assert!(shown.contains(expected), "{expected} in {shown}");
    }
    assert!(shown.contains("Overview › close_wait_leak › its sockets ›"));
    press(&mut app, &[Command::Back, Command::Back, Command::Back]);
    assert!(app.trail.is_empty() && app.view == View::Overview);
}

#[test]
fn the_sockets_of_a_verdict_are_asked_for_by_a_filter() {
    let mut app = fed(80, 24);
    press_and_feed(&mut app, Command::Open);
    press(&mut app, &[Command::Open]);
    let question = app.wants().sockets.unwrap();
    let filter = question.filter.to_string();
    assert_eq!(
        filter,
        "state close-wait and sport = :8080 and netns = 4026531840 and pid = 1234"
    );
    assert_eq!(app.scope().filter, question.filter);
}

#[test]
fn every_row_of_every_view_opens() {
    for view in View::ALL {
        let mut app = fed(100, 30);
        press_and_feed(&mut app, Command::View(view));
        happen(&mut app, vec![fixture::event()], 0);
        press_and_feed(&mut app, Command::Open);
        assert_eq!(app.trail.len(), 1, "{view:?}");
        if let Place::Sockets(scope) = &app.trail[0].place {
            assert!(!scope.filter.text.is_empty(), "{view:?}");
        }
    }
}

#[test]
fn a_socket_that_is_gone_stays_and_says_so() {
    let mut app = fed(100, 30);
    press_and_feed(&mut app, Command::View(View::Sockets));
    press_and_feed(&mut app, Command::Open);
    tick(&mut app, SECOND);
    feed(&mut app, Ok(snapshot(0, 0)));
    tick(&mut app, SECOND * 4);
    let shown = frame(&app);
    assert!(shown.contains("It is gone since 3.0s"), "{shown}");
    assert!(shown.contains("fd 10"));
}

#[test]
fn a_socket_shows_the_transitions_seen_meanwhile() {
    let mut app = fed(100, 30);
    press_and_feed(&mut app, Command::View(View::Sockets));
    press_and_feed(&mut app, Command::Open);
    assert!(app.watching.1.is_some());
    happen(&mut app, vec![fixture::event()], 0);
    let shown = frame(&app);
    assert!(
        shown.contains("03:04:05.678  ESTABLISHED → CLOSE_WAIT: peer closed after 3.5s"),
        "{shown}"
    );
    press(&mut app, &[Command::Back]);
    assert_eq!(app.watching.1, None, "nobody looks any more");
}

#[test]
fn the_book_is_one_key_away() {
    let mut app = fed(100, 30);
    press(&mut app, &[Command::View(View::Diagram), Command::Explain]);
    let shown = frame(&app);
    assert!(
        shown.contains("ESTABLISHED") && shown.contains("Meaning"),
        "{shown}"
    );
    press(&mut app, &[Command::Back, Command::Down, Command::Open]);
    let filter = app.scope().text.clone();
    assert!(filter.starts_with("state = "), "{filter}");
}

#[test]
fn a_selection_follows_its_verdict() {
    let mut app = app(100, 30);
    let mut two = snapshot(0, 0);
    let mut other = two.verdicts.verdicts[0].clone();
    other.pid = Some(99);
    two.verdicts.verdicts.push(other);
    feed(&mut app, Ok(two.clone()));
    press(&mut app, &[Command::Down]);
    two.verdicts.verdicts.reverse();
    two.verdicts.verdicts.push(two.verdicts.verdicts[1].clone());
    two.verdicts.verdicts[2].pid = Some(100);
    feed(&mut app, Ok(two));
    press(&mut app, &[Command::Open]);
    let Place::Verdict(row) = &app.level().place else {
        panic!("another place");
    };
    assert_eq!(row.pid, Some(99));
}

#[test]
fn the_past_is_shown_with_its_age_and_end_is_now() {
    let mut app = app(100, 30);
    for second in 0..30 {
        tick(&mut app, SECOND * second);
        let mut then = snapshot(0, 0);
        then.summary.states[8].sockets = 100 + u64::from(second);
        feed(&mut app, Ok(then));
    }
    press(&mut app, &[Command::Older(5), Command::Older(5)]);
    let shown = frame(&app);
    assert!(shown.contains("PAST 10.0s ago"), "{shown}");
    assert!(shown.contains("CLOSE_WAIT       119"), "{shown}");
    golden("past", &app);
    press(&mut app, &[Command::View(View::Processes)]);
    assert!(frame(&app).contains("payments"), "processes are kept");
    press(&mut app, &[Command::View(View::Listeners)]);
    assert!(frame(&app).contains("Of the past only"));
    press(&mut app, &[Command::Newer(5), Command::Newer(5)]);
    assert_eq!(app.past, None);
    press(&mut app, &[Command::Older(60), Command::Bottom]);
    assert_eq!(app.past, None);
}
