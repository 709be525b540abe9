//! Whole frames, to the letter. `UPDATE_GOLDEN=1 cargo test view::tui` rewrites them.

use std::time::Duration;

use ratatui::Terminal;
use ratatui::backend::TestBackend;
use ratatui::layout::Size;

use super::super::action::{Action, Command};
use super::super::edit::Stroke;
use super::super::tests::same_as_golden;
use super::app::{App, FleetOptions};
use super::asker::{Answered, Asked};
use super::render::render;
use super::update::{Effect, receive, update};
use crate::core::fleet::{
    Answers, Course, Fleet, Labels, Matchers, Presence, Question, Sample, Topic, hosts, inside,
};
use crate::view::fixture;
use crate::view::format::{Charset, sanitise};

const SIZES: [(u16, u16); 3] = [(80, 24), (100, 30), (160, 50)];

fn labels(text: &str) -> Labels {
    let pairs = text.split_whitespace().filter_map(|it| it.split_once('='));
    pairs
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .collect()
}

/// The answers about forty hosts, some of them in trouble.
fn answers() -> Answers {
    let mut answers = Answers::default();
    let mut say = |topic: Topic, text: String, value: f64| {
        let labels = labels(&text);
        answers
            .0
            .entry(topic)
            .or_default()
            .push(Sample { labels, value });
    };
    for number in 1..=40 {
        let host = format!("job=tcpmon instance=web-{number:02}");
        let of = |more: &str| format!("{host} {more}");
        let n = f64::from(number);
        say(
            Topic::LastSeen,
            host.clone(),
            if number == 40 { 1490.0 } else { 3.0 },
        );
        if number == 40 {
            continue;
        }
        say(
            Topic::Up,
            host.clone(),
            if number == 39 { 0.0 } else { 1.0 },
        );
        if number == 39 {
            continue;
        }
        say(
            Topic::Agent,
            of("version=0.1.0 revision=abc"),
            3.0 + n / 10.0,
        );
        say(Topic::Sockets, host.clone(), 1000.0 + n);
        let close_wait = if number == 17 { 318.0 } else { n };
        say(Topic::PileUps, of("state=CLOSE_WAIT"), close_wait);
        say(Topic::PileUps, of("state=TIME_WAIT"), 500.0 * n);
        say(
            Topic::Headroom,
            host.clone(),
            if number == 23 { 0.004 } else { 0.9 },
        );
        say(
            Topic::Lost,
            host.clone(),
            if number == 31 { 1234.5 } else { 0.0 },
        );
        say(
            Topic::Drift,
            host.clone(),
            if number == 31 { 2.0 } else { 0.0 },
        );
        say(
            Topic::Clock,
            host.clone(),
            if number == 8 { 92.4 } else { 0.004 },
        );
        say(Topic::ScrapeDuration, host.clone(), 0.012);
    }
    let leak = "job=tcpmon instance=web-17 verdict=close_wait_leak severity=critical";
    let ports = "job=tcpmon instance=web-23 verdict=port_exhaustion severity=critical";
    let stuck = "job=tcpmon instance=web-17 verdict=half_dead severity=warning";
    for text in [leak, ports] {
        say(Topic::Verdicts, text.to_owned(), 1.0);
    }
    say(Topic::Verdicts, stuck.to_owned(), 3.0);
    say(
        Topic::Culprits,
        format!("{leak} process=payments unit=payments.service"),
        1.0,
    );
    say(Topic::Culprits, format!("{ports} process=crawler"), 1.0);
    for (who, state, number) in [
        (
            "process=payments unit=payments.service",
            "CLOSE_WAIT",
            312.0,
        ),
        (
            "process=payments unit=payments.service",
            "ESTABLISHED",
            88.0,
        ),
        ("process=nginx unit=nginx.service", "ESTABLISHED", 410.0),
        ("process=nginx unit=nginx.service", "LISTEN", 4.0),
        (
            "process=worker container=0123456789abcdef",
            "ESTABLISHED",
            12.0,
        ),
    ] {
        say(
            Topic::Processes,
            format!("__name__=tcpmon_process_sockets {who} state={state}"),
            number,
        );
    }
    let payments = "process=payments unit=payments.service";
    for (name, number) in [("open_files", 412.0), ("max_open_files", 1024.0)] {
        say(
            Topic::Processes,
            format!("__name__=tcpmon_process_{name} {payments}"),
            number,
        );
    }
    let verdict = "verdict=close_wait_leak severity=critical";
    say(
        Topic::Processes,
        format!("__name__=tcpmon_process_verdicts {payments} {verdict}"),
        1.0,
    );
    say(
        Topic::OldestCloseWait,
        format!("{payments} state=CLOSE_WAIT"),
        5025.0,
    );
    for (to, used, headroom, waiting, failures) in [
        (
            "process=payments netns=host remote_port=5432",
            27_900.0,
            0.011,
            27_000.0,
            1.5,
        ),
        (
            "process=payments netns=host remote_port=443 remote_address=2001:db8::7",
            14.0,
            0.99,
            3.0,
            0.0,
        ),
        ("process= netns=host remote_port=53", 2.0, 0.99, 2.0, 0.0),
    ] {
        for (name, number) in [
            ("ports_used", used),
            ("ports_usable", 28_232.0),
            ("port_headroom_ratio", headroom),
            ("time_wait_sockets", waiting),
        ] {
            say(
                Topic::Destinations,
                format!("__name__=tcpmon_destination_{name} {to}"),
                number,
            );
        }
        say(Topic::ConnectFailures, to.to_owned(), failures);
    }
    answers
}

/// What a server with those answers says to a question.
fn fleet(question: &Question) -> Fleet {
    let answers = answers();
    let mut fleet = Fleet {
        hosts: hosts(&answers),
        queries: 12,
        ..Fleet::default()
    };
    if let Some(target) = &question.scope.host {
        fleet.hosts.retain(|host| host.labels == *target);
        let mut found = inside(&answers, target);
        let points = (0..60).map(|minute| (f64::from(minute) * 60.0, f64::from(minute) * 5.0));
        found.course = Some(Course {
            labels: Labels::new(),
            points: points.collect(),
        });
        (fleet.inside, fleet.queries) = (Some(found), 17);
    }
    fleet
}

fn options() -> FleetOptions {
    FleetOptions {
        server: "http://prometheus:9090".to_owned(),
        chosen: "job=\"tcpmon\"".parse().unwrap(),
        interval: Duration::from_secs(10),
        color: true,
        charset: Charset::Unicode,
        mouse: false,
    }
}

fn asked(effects: Vec<Effect>) -> Option<Asked> {
    effects.into_iter().find_map(|effect| match effect {
        Effect::Ask(asked) => Some(asked),
        _ => None,
    })
}

/// Does something, and brings the answers to what that asks.
fn act(app: &mut App, action: Action, server: &dyn Fn(&Question) -> Result<Fleet, String>) {
    let mut open = asked(update(app, action));
    while let Some(Asked { ticket, question }) = open {
        let result = server(&question);
        open = asked(receive(app, Answered { ticket, result }));
    }
}

fn press(app: &mut App, commands: &[Command]) {
    for command in commands {
        act(app, Action::Command(*command), &|question| {
            Ok(fleet(question))
        });
    }
}

fn begun(options: FleetOptions, (width, height): (u16, u16)) -> App {
    let mut app = App::new(options, Size::new(width, height));
    act(&mut app, Action::Tick(Duration::ZERO), &|question| {
        Ok(fleet(question))
    });
    app
}

fn frame(app: &App) -> String {
    let backend = TestBackend::new(app.size.width, app.size.height);
    let mut terminal = Terminal::new(backend).unwrap();
    terminal.draw(|frame| render(frame, app)).unwrap();
    let buffer = terminal.backend().buffer().clone();
    let mut text = String::new();
    for row in buffer.area.rows() {
        let cells = row.columns().map(|cell| buffer[(cell.x, cell.y)].symbol());
        text.push_str(cells.collect::<String>().trim_end());
        text.push('\n');
    }
    text
}

#[track_caller]
fn golden(name: &str, app: &App) {
    same_as_golden(&format!("fleet-{name}"), &frame(app));
}

#[test]
fn from_the_hosts_to_a_destination_at_every_size() {
    for size in SIZES {
        let name = |what: &str| format!("{what}-{}x{}", size.0, size.1);
        let mut app = begun(options(), size);
        golden(&name("hosts"), &app);
        press(&mut app, &[Command::Open]);
        golden(&name("host"), &app);
        press(&mut app, &[Command::Open]);
        golden(&name("process"), &app);
        press(&mut app, &[Command::Open]);
        golden(&name("destination"), &app);
        press(&mut app, &[Command::Open, Command::Bottom]);
        golden(&name("destination"), &app);
        press(&mut app, &[Command::Back, Command::Back, Command::Back]);
        golden(&name("hosts"), &app);
    }
}

#[test]
fn ascii_is_ascii_and_no_color_has_none() {
    let plain = FleetOptions {
        charset: Charset::Ascii,
        color: false,
        ..options()
    };
    for size in [SIZES[0], SIZES[1], SIZES[2], (60, 12)] {
        let mut app = begun(plain.clone(), size);
        for _ in 0..4 {
            assert!(frame(&app).is_ascii(), "{}", frame(&app));
            press(&mut app, &[Command::Open]);
        }
        press(&mut app, &[Command::Help]);
        assert!(frame(&app).is_ascii(), "{}", frame(&app));
    }
}

#[test]
fn before_the_first_answer_and_without_one() {
    let mut app = App::new(options(), Size::new(80, 24));
    assert!(frame(&app).contains("waiting for the first answer"));
    let refuse =
        |_: &Question| Err("no Prometheus server answers at http://prometheus:9090".into());
    act(&mut app, Action::Tick(Duration::from_secs(31)), &refuse);
    golden("no-server", &app);
}

#[test]
fn a_server_that_goes_away_leaves_old_data_that_says_so() {
    let mut app = begun(options(), (80, 24));
    let refuse = |_: &Question| Err("it is gone".into());
    act(&mut app, Action::Tick(Duration::from_secs(31)), &refuse);
    let text = frame(&app);
    assert!(
        text.contains("STALE 31s") && text.contains("! it is gone"),
        "{text}"
    );
    assert!(text.contains("payments"), "{text}");
}

#[test]
fn what_could_not_be_found_out_is_said() {
    let mut app = App::new(options(), Size::new(80, 24));
    let noted = |question: &Question| {
        let notes = vec!["the query timed out".to_owned(), "more".to_owned()];
        Ok(Fleet {
            notes,
            ..fleet(question)
        })
    };
    act(&mut app, Action::Tick(Duration::ZERO), &noted);
    assert!(frame(&app).contains("! the query timed out (and 1 more like it)"));
}

#[test]
fn a_host_is_looked_for_by_what_it_has() {
    let mut app = begun(options(), (80, 24));
    press(&mut app, &[Command::EditFilter]);
    for c in "PAYments".chars() {
        press(&mut app, &[Command::Stroke(Stroke::Insert(c))]);
    }
    assert!(frame(&app).contains("find: PAYments"));
    press(&mut app, &[Command::Apply]);
    let text = frame(&app);
    assert!(
        text.contains("1-1 of 1 ─ with PAYments") && text.contains("web-17"),
        "{text}"
    );
    press(&mut app, &[Command::Back]);
    assert!(frame(&app).contains(" of 40"), "{}", frame(&app));
}

#[test]
fn the_order_is_by_trouble_until_another_is_wished() {
    let mut app = begun(options(), (160, 50));
    let first = |app: &App| frame(app).lines().nth(5).unwrap().to_owned();
    assert!(first(&app).contains("web-17"), "{}", first(&app));
    press(&mut app, &[Command::Sort, Command::Reverse]);
    assert!(first(&app).contains("web-40"), "{}", first(&app));
    press(&mut app, &[Command::Left]);
    assert!(first(&app).contains("web-17"), "{}", first(&app));
}

#[test]
fn a_click_selects_opens_and_sorts() {
    let mut app = begun(options(), (100, 30));
    let click = |app: &mut App, column, row| {
        act(app, Action::Click(column, row), &|question| {
            Ok(fleet(question))
        });
    };
    click(&mut app, 5, 6);
    assert!(frame(&app).lines().nth(6).unwrap().starts_with('▸'));
    click(&mut app, 5, 6);
    assert!(frame(&app).contains("Hosts › web-23"), "{}", frame(&app));
    press(&mut app, &[Command::Back]);
    click(&mut app, 3, 4);
    assert!(frame(&app).contains("HOST▲"), "{}", frame(&app));
    for (column, row) in [(0, 0), (99, 29), (200, 200), (0, 3)] {
        click(&mut app, column, row);
    }
}

#[test]
fn frozen_asks_nothing() {
    let mut app = begun(options(), (80, 24));
    press(&mut app, &[Command::Freeze]);
    assert!(asked(update(&mut app, Action::Tick(Duration::from_secs(75)))).is_none());
    assert!(frame(&app).contains("FROZEN 1m15s"), "{}", frame(&app));
}

#[test]
fn help_is_complete() {
    let mut app = begun(options(), (80, 24));
    press(&mut app, &[Command::Help]);
    golden("help", &app);
}

#[test]
fn a_small_terminal_has_a_reduced_form_and_a_smaller_one_says_so() {
    golden("hosts-60x12", &begun(options(), (60, 12)));
    let app = begun(options(), (59, 12));
    assert!(frame(&app).contains("need 60x12, have 59x12"));
}

/// Every foreign string.
fn hostile(question: &Question, name: &str) -> Fleet {
    let mut fleet = fleet(question);
    for host in &mut fleet.hosts {
        let named = || Some(name.to_owned());
        (host.version, host.culprit) = (named(), named());
        host.labels.insert("zone".to_owned(), name.to_owned());
        host.labels.insert("instance".to_owned(), name.to_owned());
        for standing in host.verdicts.iter_mut().flatten() {
            standing.verdict = name.to_owned();
            standing.count = u64::MAX;
        }
        host.presence = Presence::Up;
    }
    fleet.hosts.truncate(3);
    if let Some(inside) = &mut fleet.inside {
        for process in &mut inside.processes {
            process.id.process = name.to_owned();
            process.id.unit = Some(name.to_owned());
            process.states.insert(name.to_owned(), u64::MAX);
        }
        for destination in &mut inside.destinations {
            destination.process = name.to_owned();
            destination.netns = name.to_owned();
            destination.remote_port = name.to_owned();
            destination.remote_address = Some(name.to_owned());
        }
        for (_, value) in &mut inside.course.as_mut().unwrap().points {
            *value = f64::INFINITY;
        }
    }
    fleet.notes = vec![name.to_owned()];
    fleet
}

#[test]
fn nothing_foreign_reaches_the_terminal() {
    let long = format!("{}\x1b[31m", "x".repeat(10_000));
    for name in [fixture::HOSTILE, "日本語プロセス名前\u{202e}", &long] {
        for size in [SIZES[0], SIZES[2], (60, 12)] {
            let mut app = App::new(
                FleetOptions {
                    server: name.to_owned(),
                    chosen: Matchers::default(),
                    ..options()
                },
                Size::new(size.0, size.1),
            );
            let server = |question: &Question| Ok(hostile(question, name));
            act(&mut app, Action::Tick(Duration::ZERO), &server);
            for _ in 0..4 {
                for row in frame(&app).lines() {
                    assert_eq!(row, sanitise(row));
                }
                act(&mut app, Action::Command(Command::Open), &server);
            }
            assert_eq!(app.trail.len(), 3, "all the way");
            let refuse = |_: &Question| Err(name.to_owned());
            act(&mut app, Action::Command(Command::Refresh), &refuse);
            for row in frame(&app).lines() {
                assert_eq!(row, sanitise(row));
            }
        }
    }
}
