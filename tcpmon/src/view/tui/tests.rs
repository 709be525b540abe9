//! Whole frames, to the letter. `UPDATE_GOLDEN=1 cargo test view::tui` rewrites them.

mod frames;
mod hostile;
mod keys;
mod soak;
mod walk;

use std::path::PathBuf;
use std::time::Duration;

use ratatui::Terminal;
use ratatui::backend::TestBackend;
use ratatui::buffer::Buffer;
use ratatui::layout::Size;

use super::action::{Action, Answer, Batch, Command, Effect, Request};
use super::app::{App, TopOptions};
use super::edit::Stroke;
use super::render::render;
use super::update::{play, update};
use crate::core::query::{EventRow, Picture, SCHEMA, SocketAnswer, Sockets};
use crate::core::recording::{Playback, Speed};
use crate::view::fixture;

const SECOND: Duration = Duration::from_secs(1);

/// Everything there is, with so many sockets.
pub(super) fn snapshot(rows: usize, matched: u64) -> Picture {
    let mut verdicts = fixture::verdicts();
    for row in &mut verdicts.verdicts {
        row.what = row.what.replace(fixture::HOSTILE, "");
        row.process = row
            .process
            .take()
            .map(|name| name.replace(fixture::HOSTILE, ""));
    }
    let oldest = fixture::rows(rows.min(1)).pop();
    Picture {
        schema: SCHEMA,
        summary: fixture::summary(),
        verdicts,
        processes: fixture::processes(),
        sockets: Some(Sockets {
            matched: Some(matched),
            ..fixture::sockets(fixture::rows(rows))
        }),
        socket: Some(SocketAnswer {
            socket: oldest,
            ..fixture::socket_answer()
        }),
        listeners: Some(fixture::listeners()),
        destinations: Some(fixture::destinations()),
        namespaces: Some(fixture::namespaces()),
        history: None,
    }
}

fn app(width: u16, height: u16) -> App {
    App::new(&TopOptions::default(), Size::new(width, height))
}

/// The question among effects.
fn asked(effects: Vec<Effect>) -> Option<Request> {
    effects.into_iter().find_map(|effect| match effect {
        Effect::Fetch(request) => Some(request),
        _ => None,
    })
}

fn answer(app: &mut App, ticket: u64, result: Result<Picture, String>) -> Option<Request> {
    let answer = Box::new(Answer { ticket, result });
    asked(update(app, Action::Answer(answer)))
}

fn tick(app: &mut App, now: Duration) -> Option<Request> {
    asked(update(app, Action::Tick(now)))
}

/// Asks and answers once.
fn feed(app: &mut App, result: Result<Picture, String>) {
    app.schedule.forget();
    app.schedule.answered(0);
    app.schedule.want();
    let request = tick(app, app.now).expect("a question");
    answer(app, request.ticket, result);
}

fn fed(width: u16, height: u16) -> App {
    let mut app = app(width, height);
    feed(&mut app, Ok(snapshot(40, 10_000)));
    app
}

/// A recording, so many seconds after its beginning.
fn playback(seconds: u64) -> Playback {
    Playback {
        position_ns: seconds * 1_000_000_000,
        length_ns: 300 * 1_000_000_000,
        clock: "2026-01-02T03:04:05Z".to_owned(),
        speed: Speed::NATURAL.faster(),
        is_playing: true,
        is_seeking: false,
        turns: 0,
    }
}

fn replayed(width: u16, height: u16) -> App {
    let mut app = app(width, height);
    play(&mut app, Some(playback(95)));
    feed(&mut app, Ok(snapshot(40, 10_000)));
    app
}

fn press(app: &mut App, commands: &[Command]) {
    for command in commands {
        update(app, Action::Command(*command));
    }
}

/// Presses and then brings what was asked for.
fn press_and_feed(app: &mut App, command: Command) {
    press(app, &[command]);
    feed(app, Ok(snapshot(40, 10_000)));
}

fn typed(app: &mut App, text: &str) {
    for c in text.chars() {
        press(app, &[Command::Stroke(Stroke::Insert(c))]);
    }
}

/// Brings transitions of what is watched.
fn happen(app: &mut App, events: Vec<EventRow>, skipped: u64) {
    let watch = app.watching.0;
    let batch = Batch {
        watch,
        events,
        skipped,
    };
    update(app, Action::Batch(batch));
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

/// What is on the screen.
fn frame(app: &App) -> String {
    text(&draw(app))
}

#[track_caller]
fn golden(name: &str, app: &App) {
    same_as_golden(name, &frame(app));
}

#[track_caller]
pub(super) fn same_as_golden(name: &str, frame: &str) {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR"))
        .join("src/view/tui/golden")
        .join(format!("{name}.txt"));
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, frame).unwrap();
    }
    let expected = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(
        frame == expected,
        "{name} differs; it is now\n{frame}\nand was\n{expected}"
    );
}
