//! Golden frames.

use ratatui::style::{Color, Modifier};

use super::*;
use crate::view::format::Charset;
use crate::view::tui::app::ActiveFilter;
use crate::view::tui::edit::FilterEdit;
use crate::view::tui::history::SPAN;
use crate::view::tui::place::View;

const SIZES: [(u16, u16); 3] = [(80, 24), (100, 30), (160, 50)];

fn in_view(view: View, options: &TopOptions, (width, height): (u16, u16)) -> App {
    let mut app = App::new(options, Size::new(width, height));
    feed(&mut app, Ok(snapshot(40, 10_000)));
    press_and_feed(&mut app, Command::View(view));
    if view == View::Events {
        happen(&mut app, vec![fixture::event(); 3], 12);
    }
    app
}

#[test]
fn every_view_at_every_size() {
    let plain = TopOptions {
        color: false,
        ..TopOptions::default()
    };
    for view in View::ALL {
        for size in SIZES {
            let name = format!("{}-{}x{}", view.name().to_lowercase(), size.0, size.1);
            let coloured = in_view(view, &TopOptions::default(), size);
            let plain = in_view(view, &plain, size);
            golden(&name, &plain);
            assert_eq!(
                frame(&coloured),
                frame(&plain),
                "colour is never all that tells"
            );
            same_as_golden(&format!("{name}-styles"), &styles(&coloured, &plain));
        }
    }
}

/// One letter for each colour and weight that is not ordinary.
fn marks(app: &App) -> Vec<String> {
    let buffer = draw(app);
    let mark = |cell: &ratatui::buffer::Cell| match (cell.fg, cell.modifier) {
        (Color::Red, _) => 'r',
        (Color::Yellow, _) => 'y',
        (Color::Green, _) => 'g',
        (Color::Cyan, _) => 'c',
        (Color::Blue, _) => 'b',
        (_, modifier) if modifier.contains(Modifier::REVERSED) => '#',
        (Color::DarkGray, _) => '.',
        (_, modifier) if modifier.contains(Modifier::BOLD) => '*',
        _ => ' ',
    };
    let rows = buffer.area.rows().map(|row| {
        let marks: String = row
            .columns()
            .map(|cell| mark(&buffer[(cell.x, cell.y)]))
            .collect();
        marks.trim_end().to_owned()
    });
    rows.collect()
}

/// Each line of the screen, and below it how it looks with colours (`+`) and without (`-`).
fn styles(coloured: &App, plain: &App) -> String {
    let mut text = String::new();
    let looks = marks(coloured).into_iter().zip(marks(plain));
    for (line, (on, off)) in frame(coloured).lines().zip(looks) {
        text.push_str(&format!(" {line}\n"));
        for (sign, marks) in [('+', on), ('-', off)] {
            if !marks.is_empty() {
                text.push_str(&format!("{sign}{marks}\n"));
            }
        }
    }
    text
}

#[test]
fn no_color_has_no_color() {
    let options = TopOptions {
        color: false,
        ..TopOptions::default()
    };
    for view in View::ALL {
        let mut app = in_view(view, &options, (100, 30));
        feed(&mut app, Err("gone".to_owned()));
        for cell in &draw(&app).content {
            assert_eq!((cell.fg, cell.bg), (Color::Reset, Color::Reset), "{view:?}");
        }
    }
}

#[test]
fn ascii_is_ascii_in_every_view() {
    let options = TopOptions {
        charset: Charset::Ascii,
        ..TopOptions::default()
    };
    for view in View::ALL {
        for size in SIZES {
            let mut app = in_view(view, &options, size);
            assert!(frame(&app).is_ascii(), "{view:?}: {}", frame(&app));
            press(&mut app, &[Command::Open]);
            assert!(frame(&app).is_ascii(), "{view:?}: {}", frame(&app));
            press(&mut app, &[Command::Open]);
            assert!(frame(&app).is_ascii(), "{view:?}: {}", frame(&app));
        }
    }
    golden("diagram-ascii", &in_view(View::Diagram, &options, (80, 24)));
    let mut app = in_view(View::Overview, &options, (80, 24));
    press(&mut app, &[Command::Help]);
    assert!(frame(&app).is_ascii());
}

#[test]
fn narrow_terminals_have_a_reduced_form() {
    for view in [View::Overview, View::Sockets, View::Diagram] {
        let app = in_view(view, &TopOptions::default(), (60, 12));
        golden(&format!("{}-60x12", view.name().to_lowercase()), &app);
    }
}

#[test]
fn a_recording_says_that_it_is_one() {
    for size in SIZES {
        let app = replayed(size.0, size.1);
        golden(&format!("replay-{}x{}", size.0, size.1), &app);
    }
    let mut app = replayed(100, 50);
    press(&mut app, &[Command::Help]);
    golden("replay-help", &app);
    let mut narrow = replayed(60, 12);
    assert!(frame(&narrow).contains("recording of"));
    play(
        &mut narrow,
        Some(Playback {
            is_seeking: true,
            ..playback(9)
        }),
    );
    assert!(frame(&narrow).contains("SEEKING"));
}

#[test]
fn going_back_forgets_what_was_seen_later() {
    let mut app = replayed(80, 24);
    press_and_feed(&mut app, Command::View(View::Events));
    happen(&mut app, vec![fixture::event(); 3], 12);
    app.has_history = true;
    for second in 100..110 {
        play(&mut app, Some(playback(second)));
        feed(&mut app, Ok(snapshot(4, 4)));
    }
    let course = |app: &App| app.history.span();
    let at = |seconds| SPAN + SECOND * seconds;
    assert_eq!(course(&app), Some((at(95), at(109))));
    assert!(!app.wants().history);
    let back = Playback {
        turns: 1,
        ..playback(20)
    };
    play(&mut app, Some(back));
    assert_eq!(course(&app), None);
    assert!(app.wants().history, "what was before is asked for");
    assert_eq!(app.rows().count(), 0, "its events were later");
    feed(&mut app, Ok(snapshot(4, 4)));
    assert_eq!(course(&app), Some((at(20), at(20))));
}

#[test]
fn too_small() {
    for (width, height) in [(59, 24), (80, 11), (1, 1)] {
        let app = fed(width, height);
        let have = format!("need 60x12, have {width}x{height}");
        for (line, whole) in frame(&app).lines().zip(["terminal too small:", &have]) {
            assert!(whole.starts_with(line), "{line}");
        }
    }
}

/// The terminal has another size already, and the news of it is not here yet.
#[test]
fn a_frame_of_another_size_than_the_terminal_breaks_nothing() {
    for view in View::ALL {
        for size in SIZES {
            let mut app = in_view(view, &TopOptions::default(), size);
            for depth in 0..4 {
                for (width, height) in [(1, 1), (200, 1), (1, 90), (50, 3), (80, 12), (300, 90)] {
                    for is_typed in [false, true] {
                        app.edit = is_typed.then(FilterEdit::default);
                        app.help = (depth == 3).then_some(0);
                        let backend = TestBackend::new(width, height);
                        let mut terminal = Terminal::new(backend).unwrap();
                        terminal.draw(|frame| render(frame, &app)).unwrap();
                    }
                }
                (app.edit, app.help) = (None, None);
                press(&mut app, &[Command::Open]);
            }
        }
    }
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
    tick(&mut app, SECOND * 7);
    golden("no-agent", &app);
}

#[test]
fn nothing_is_wrong() {
    let mut app = app(80, 24);
    let mut calm = snapshot(0, 0);
    calm.verdicts.verdicts.clear();
    feed(&mut app, Ok(calm.clone()));
    golden("calm", &app);
    press(&mut app, &[Command::View(View::Sockets)]);
    feed(&mut app, Ok(calm.clone()));
    assert!(frame(&app).contains("  none\n"));
    app.filter = "pid = 1".parse::<ActiveFilter>().unwrap();
    feed(&mut app, Ok(calm));
    assert!(frame(&app).contains("no socket matches the filter"));
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
fn lost_events_are_loud() {
    let mut app = app(80, 24);
    let mut answer = snapshot(1, 1);
    let lost = &mut answer.summary.health.events_lost;
    lost.insert("ring_full".to_owned(), 1234);
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
    tick(&mut app, SECOND * 12);
    golden("stale", &app);
}

#[test]
fn frozen() {
    let mut app = fed(80, 24);
    press(&mut app, &[Command::Freeze]);
    tick(&mut app, SECOND * 75);
    golden("frozen", &app);
}

#[test]
fn limits_are_said() {
    let mut app = app(80, 24);
    let mut answer = snapshot(1, 1);
    answer.summary.health.limits = vec!["No BTF: owners are guessed.".to_owned(), "x".to_owned()];
    feed(&mut app, Ok(answer));
    let sentence = "! No BTF: owners are guessed. (and 1 more: tcpmon doctor)";
    assert!(frame(&app).contains(sentence));
}

#[test]
fn a_filter_is_checked_while_it_is_typed() {
    let mut app = in_view(View::Sockets, &TopOptions::default(), (80, 24));
    press(&mut app, &[Command::EditFilter]);
    golden("filter", &app);
    typed(&mut app, "state close-wit and pid = 1");
    golden("filter-error", &app);
    press(&mut app, &[Command::Stroke(Stroke::Erase)]);
    typed(&mut app, "state c");
    golden("filter-candidates", &app);
}
