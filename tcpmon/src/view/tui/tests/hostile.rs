//! Every string that is foreign, in every view, at every size.

use super::*;
use crate::view::format::sanitise;
use crate::view::tui::place::View;

/// Names that try everything: escape sequences, another direction, double width, ten kilobytes.
fn names() -> [String; 4] {
    [
        fixture::HOSTILE.to_owned(),
        "日本語プロセス名前".repeat(9),
        format!("{}\x1b[31m", "x".repeat(10_000)),
        "\u{202e}gpj.exe\u{202c}\u{200b}e\u{301}".repeat(40),
    ]
}

fn hostile(name: &str) -> Picture {
    let named = || name.to_owned();
    let mut all = snapshot(3, 3);
    for row in &mut all.sockets.as_mut().unwrap().sockets {
        (row.process, row.unit) = (Some(named()), Some(named()));
        (row.state, row.kind) = (named(), named());
        (row.local_address, row.netns_name) = (named(), Some(named()));
    }
    let summary = &mut all.summary;
    (summary.host, summary.kernel, summary.version) = (named(), named(), named());
    summary.health.rung = named();
    summary.health.limits = vec![named()];
    summary.states[0].state = named();
    for row in &mut all.verdicts.verdicts {
        (row.what, row.fix, row.process) = (named(), named(), Some(named()));
        row.next[0].command = named();
        row.evidence.insert(named(), f64::NAN);
    }
    for row in &mut all.processes.processes {
        (row.process, row.executable, row.user) = (named(), Some(named()), Some(named()));
        (row.unit, row.cgroup) = (Some(named()), Some(named()));
        row.states.insert(named(), 3);
    }
    for row in &mut all.listeners.as_mut().unwrap().listeners {
        (row.process, row.address) = (Some(named()), named());
    }
    for row in &mut all.destinations.as_mut().unwrap().destinations {
        (row.process, row.address, row.source) = (Some(named()), named(), named());
    }
    for row in &mut all.namespaces.as_mut().unwrap().namespaces {
        row.name = Some(named());
    }
    all
}

#[track_caller]
fn assert_harmless(app: &App) {
    for row in frame(app).lines() {
        assert_eq!(row, sanitise(row));
    }
}

#[test]
fn nothing_foreign_reaches_the_terminal() {
    for name in names() {
        for (width, height) in [(60, 12), (80, 24), (160, 50)] {
            for view in View::ALL {
                let mut app = app(width, height);
                app.filter.text = name.clone();
                feed(&mut app, Ok(hostile(&name)));
                press(&mut app, &[Command::View(view)]);
                feed(&mut app, Ok(hostile(&name)));
                let mut event = fixture::event();
                (event.time, event.from, event.reason) = (name.clone(), name.clone(), name.clone());
                event.socket.process = Some(name.clone());
                happen(&mut app, vec![event], 1);
                assert_harmless(&app);
                for _ in 0..3 {
                    press(&mut app, &[Command::Open]);
                    feed(&mut app, Ok(hostile(&name)));
                    assert_harmless(&app);
                }
                feed(&mut app, Err(name.clone()));
                press(&mut app, &[Command::EditFilter]);
                typed(&mut app, fixture::HOSTILE);
                assert_harmless(&app);
            }
        }
    }
}
