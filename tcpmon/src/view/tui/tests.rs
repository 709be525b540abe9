//! Whole frames, to the letter. `UPDATE_GOLDEN=1 cargo test view::tui` rewrites them.

use std::path::PathBuf;
use std::time::Duration;

use ratatui::Terminal;
use ratatui::backend::TestBackend;
use ratatui::buffer::Buffer;
use ratatui::layout::Size;
use ratatui::style::{Color, Modifier};

use super::action::{Action, Answer, Command, Effect};
use super::app::{ActiveFilter, App, TopOptions};
use super::edit::Stroke;
use super::feed::Snapshot;
use super::render::render;
use super::update::update;
use crate::core::query::Sockets;
use crate::view::fixture;
use crate::view::format::{Charset, sanitise};

fn snapshot(rows: usize, matched: u64) -> Snapshot {
    let sockets = Sockets {
        matched: Some(matched),
        ..fixture::sockets(fixture::rows(rows))
    };
    Snapshot {
        summary: fixture::summary(),
        sockets,
    }
}

fn app(width: u16, height: u16) -> App {
    App::new(&TopOptions::default(), Size::new(width, height))
}

/// Asks and answers once.
fn feed(app: &mut App, result: Result<Snapshot, String>) {
    app.schedule.want();
    let asked = update(app, Action::Tick(app.now));
    let Some(Effect::Fetch(request)) = asked else {
        panic!("nothing asked");
    };
    let ticket = request.ticket;
    update(app, Action::Answer(Box::new(Answer { ticket, result })));
}

fn fed(width: u16, height: u16) -> App {
    let mut app = app(width, height);
    feed(&mut app, Ok(snapshot(40, 10_000)));
    app
}

fn press(app: &mut App, commands: &[Command]) {
    for command in commands {
        update(app, Action::Command(*command));
    }
}

fn typed(app: &mut App, text: &str) {
    for c in text.chars() {
        press(app, &[Command::Stroke(Stroke::Insert(c))]);
    }
}

fn draw(app: &App) -> Buffer {
    let backend = TestBackend::new(app.size.width, app.size.height);
    let mut terminal = Terminal::new(backend).unwrap();
    terminal.draw(|frame| render(frame, app)).unwrap();
    terminal.backend().buffer().clone()
}

fn text(buffer: &Buffer) -> String {
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
    let frame = text(&draw(app));
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR"))
        .join("src/view/tui/golden")
        .join(format!("{name}.txt"));
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        std::fs::write(&path, &frame).unwrap();
    }
    let expected = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(
        frame == expected,
        "{name} differs; it is now\n{frame}\nand was\n{expected}"
    );
}

#[test]
fn sizes() {
    for (width, height) in [(60, 12), (80, 24), (100, 30), (160, 50)] {
        golden(&format!("{width}x{height}"), &fed(width, height));
    }
}

#[test]
fn ascii() {
    let options = TopOptions {
        charset: Charset::Ascii,
        ..TopOptions::default()
    };
    let mut app = App::new(&options, Size::new(80, 24));
    feed(&mut app, Ok(snapshot(40, 40)));
    golden("ascii", &app);
    assert!(text(&draw(&app)).is_ascii());
    press(&mut app, &[Command::Help]);
    assert!(text(&draw(&app)).is_ascii());
}

#[test]
fn before_the_first_answer() {
    golden("waiting", &app(80, 24));
}

#[test]
fn no_agent() {
    let mut app = app(80, 24);
    feed(
        &mut app,
        Err("No agent answers at /run/tcpmon/tcpmon.sock.".to_owned()),
    );
    update(&mut app, Action::Tick(Duration::from_secs(7)));
    golden("no-agent", &app);
}

#[test]
fn empty() {
    let mut app = app(80, 24);
    feed(&mut app, Ok(snapshot(0, 0)));
    golden("empty", &app);
    app.filter = ActiveFilter {
        text: "pid = 1".to_owned(),
        ..ActiveFilter::default()
    };
    assert!(text(&draw(&app)).contains("no socket matches the filter"));
}

#[test]
fn help() {
    let mut app = fed(80, 24);
    press(&mut app, &[Command::Help]);
    golden("help", &app);
    press(&mut app, &[Command::Bottom]);
    golden("help-end", &app);
}

#[test]
fn selection_and_scroll() {
    let mut app = fed(80, 24);
    press(
        &mut app,
        &[Command::PageDown, Command::PageDown, Command::Up],
    );
    golden("scrolled", &app);
}

#[test]
fn lost_events_are_loud() {
    let mut app = app(80, 24);
    let mut answer = snapshot(1, 1);
    answer
        .summary
        .health
        .events_lost
        .insert("ring_full".to_owned(), 1234);
    feed(&mut app, Ok(answer));
    let buffer = draw(&app);
    let line = text(&buffer).lines().nth(1).unwrap().to_owned();
    let column = line.chars().position(|c| c == '!').unwrap();
    assert!(line.contains("! lost 1,234"), "{line}");
    let cell = &buffer[(u16::try_from(column).unwrap(), 1)];
    assert_eq!(cell.fg, Color::Red);
    assert!(cell.modifier.contains(Modifier::REVERSED));
}

#[test]
fn stale_data_stays_and_says_so() {
    let mut app = fed(80, 24);
    feed(&mut app, Err("The agent has gone away.".to_owned()));
    update(&mut app, Action::Tick(Duration::from_secs(12)));
    golden("stale", &app);
}

#[test]
fn frozen() {
    let mut app = fed(80, 24);
    press(&mut app, &[Command::Freeze]);
    update(&mut app, Action::Tick(Duration::from_secs(75)));
    golden("frozen", &app);
}

#[test]
fn limits_are_said() {
    let mut app = app(80, 24);
    let mut answer = snapshot(1, 1);
    answer.summary.health.limits = vec!["No BTF: owners are guessed.".to_owned(), "x".to_owned()];
    feed(&mut app, Ok(answer));
    let frame = text(&draw(&app));
    assert!(frame.contains("! No BTF: owners are guessed. (and 1 more: tcpmon doctor)"));
}

#[test]
fn filter_being_typed() {
    let mut app = fed(80, 24);
    press(&mut app, &[Command::EditFilter]);
    golden("filter", &app);
}

#[test]
fn filter_error() {
    let mut app = fed(80, 24);
    press(&mut app, &[Command::EditFilter]);
    typed(&mut app, "state close-wit");
    if let Some(edit) = &mut app.edit {
        let error = edit.text().parse::<crate::core::filter::Filter>();
        edit.fail(error.expect_err("there is no such state"));
    }
    golden("filter-error", &app);
}

#[test]
fn too_small() {
    for (width, height) in [(59, 24), (80, 11), (1, 1)] {
        let app = fed(width, height);
        let frame = text(&draw(&app));
        let sentence = format!("terminal too small: need 60x12, have {width}x{height}");
        assert!(sentence.starts_with(frame.trim_end()), "{frame}");
    }
}

#[test]
fn no_color_has_no_color() {
    let options = TopOptions {
        color: false,
        ..TopOptions::default()
    };
    let mut app = App::new(&options, Size::new(80, 24));
    feed(&mut app, Ok(snapshot(40, 40)));
    feed(&mut app, Err("gone".to_owned()));
    for cell in &draw(&app).content {
        assert_eq!((cell.fg, cell.bg), (Color::Reset, Color::Reset));
    }
}

/// Every string that is foreign, at every size.
#[test]
fn hostile_text_is_harmless() {
    let hostile = || fixture::HOSTILE.to_owned();
    let mut answer = snapshot(3, 3);
    for row in &mut answer.sockets.sockets {
        row.process = Some(hostile());
        row.unit = Some(hostile());
        row.state = hostile();
        row.local_address = hostile();
    }
    let summary = &mut answer.summary;
    (summary.host, summary.kernel, summary.version) = (hostile(), hostile(), hostile());
    summary.health.rung = hostile();
    summary.health.limits = vec![hostile()];
    summary.states[0].state = hostile();
    for (width, height) in [(60, 12), (80, 24), (160, 50)] {
        let mut app = app(width, height);
        app.filter.text = hostile();
        feed(&mut app, Ok(answer.clone()));
        feed(&mut app, Ok(answer.clone()));
        for row in text(&draw(&app)).lines() {
            assert_eq!(row, sanitise(row));
        }
        feed(&mut app, Err(hostile()));
        press(&mut app, &[Command::EditFilter]);
        typed(&mut app, fixture::HOSTILE);
        for row in text(&draw(&app)).lines() {
            assert_eq!(row, sanitise(row));
        }
    }
}

/// No size, state or order of keys panics or draws beyond the screen.
#[test]
fn every_size_can_be_drawn() {
    for width in 1..180 {
        for height in [1, 11, 12, 13, 19, 20, 24, 60] {
            let mut app = fed(width, height);
            press(&mut app, &[Command::Bottom, Command::EditFilter]);
            draw(&app);
            press(&mut app, &[Command::Cancel, Command::Help, Command::Down]);
            draw(&app);
        }
    }
}
