//! From a verdict to the descriptor, and back.

use super::*;
use crate::core::query::PastMoment;
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

#[test]
fn the_past_before_the_command_is_the_agents() {
    let mut app = app(100, 30);
    assert!(app.wants().history);
    let mut first = snapshot(0, 0);
    let past = |age: u32| PastMoment {
        age_seconds: age.into(),
        events_per_second: 7.0,
        states: [(age.into(), 1.5, Some(90.0), false); 11],
        edges: Vec::new(),
    };
    first.history = Some((0..900).rev().map(past).collect());
    feed(&mut app, Ok(first));
    assert!(!app.wants().history, "once is enough");
    let line = |app: &App, name: &str| {
        let shown = frame(app);
        let line = shown.lines().find(|line| line.contains(name));
        line.expect("a state").to_owned()
    };
    let course = line(&app, "LISTEN");
    assert!(course.contains("███"), "five minutes at once: {course}");
    press(&mut app, &[Command::Older(60)]);
    let shown = frame(&app);
    assert!(shown.contains("PAST 1m00s ago"), "{shown}");
    assert!(line(&app, "CLOSE_WAIT").contains(" 60 "), "{shown}");
    assert!(
        shown.contains("The verdicts of then are not kept"),
        "{shown}"
    );
    press(&mut app, &[Command::View(View::Processes)]);
    assert!(frame(&app).contains("The processes of then are not kept"));
}

#[test]
fn what_came_for_another_view_still_tells_of_the_machine() {
    let mut app = app(100, 30);
    let first = tick(&mut app, Duration::ZERO).expect("a question");
    press(&mut app, &[Command::View(View::Events)]);
    answer(&mut app, first.ticket, Ok(snapshot(3, 3)));
    assert!(frame(&app).contains("web-1.example.net"), "{}", frame(&app));
    // Had the agent died just then: what came is old, not missing.
    tick(&mut app, SECOND * 60);
    let shown = frame(&app);
    assert!(
        shown.contains("STALE 60s") || shown.contains("STALE 1m00s"),
        "{shown}"
    );
}

#[test]
fn a_socket_shows_how_it_came_to_be_and_what_its_connection_is_like() {
    let mut app = fed(100, 30);
    press_and_feed(&mut app, Command::View(View::Sockets));
    press_and_feed(&mut app, Command::Open);
    assert!(frame(&app).contains("  lines 1-26 of "), "{}", frame(&app));
    update(&mut app, Action::Resize(100, 60));
    assert!(!frame(&app).contains("  lines 1-"));
    let question = app.wants().socket;
    assert!(question.is_some_and(|question| question.cookie > 0));
    let shown = frame(&app);
    for expected in [
        "03:00:01.000  LISTEN → SYN_RECV: passive open",
        "03:02:04.500  ESTABLISHED → CLOSE_WAIT: passive close after 2m03s",
        "SYN_RECV → ESTABLISHED: established after 104µs",
        "1.5ms ± 750µs, at best 900µs",
        "517 bytes",
        "2 segments in all",
    ] {
        assert!(shown.contains(expected), "{expected} in {shown}");
    }
}

#[test]
fn a_click_on_a_verdict_opens_it() {
    let mut app = fed(100, 30);
    let rule = frame(&app)
        .lines()
        .position(|line| line.contains("what is wrong"));
    let row = u16::try_from(rule.expect("a rule") + 1).expect("on the screen");
    update(&mut app, Action::Click(30, row));
    let Place::Verdict(_) = &app.level().place else {
        panic!("another place");
    };
}

#[test]
fn processes_stand_together_by_program_unit_and_container() {
    let mut app = fed(100, 30);
    press(&mut app, &[Command::Group]);
    assert_eq!(app.view, View::Processes);
    assert!(
        frame(&app).contains("processes by program"),
        "{}",
        frame(&app)
    );
    feed(&mut app, Ok(snapshot(40, 40)));
    assert!(app.rows().count() > 0);
    press(&mut app, &[Command::Open]);
    let filter = app.scope().text.clone();
    assert!(filter.starts_with("proc = "), "{filter}");
    press(&mut app, &[Command::Back, Command::Group]);
    assert!(frame(&app).contains("processes by unit"));
    press(&mut app, &[Command::Group]);
    assert!(frame(&app).contains("processes by container"));
    press(&mut app, &[Command::Group]);
    assert!(frame(&app).contains("── processes ─"), "{}", frame(&app));
}

#[test]
fn names_that_are_there_complete_a_filter() {
    let mut app = fed(100, 30);
    press(&mut app, &[Command::EditFilter]);
    let name = fixture::processes().processes[0].process.clone();
    typed(&mut app, "proc = ");
    typed(&mut app, &name[..2]);
    press(&mut app, &[Command::Complete]);
    let edit = app.edit.as_ref().expect("still typed");
    assert!(
        edit.text().starts_with(&format!("proc = {name}")),
        "{}",
        edit.text()
    );
}
