//! Random keys, clicks, sizes and data: nothing panics, nothing grows. `TCPMON_SOAK_CASES` makes it
//! longer.

use proptest::prelude::*;

use super::*;
use crate::view::tui::app::EVENTS;
use crate::view::tui::keys::{BROWSE, EDIT};

#[derive(Clone, Debug)]
enum Step {
    Browse(usize),
    Edit(usize),
    Type(char),
    Click(u16, u16),
    Resize(u16, u16),
    Data {
        sockets: usize,
        others: usize,
        matched: u64,
    },
    Failure,
    Events(usize),
    Time(u64),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        6 => (0..BROWSE.len()).prop_map(Step::Browse),
        2 => (0..EDIT.len()).prop_map(Step::Edit),
        1 => proptest::char::any().prop_map(Step::Type),
        1 => (0..200_u16, 0..70_u16).prop_map(|(x, y)| Step::Click(x, y)),
        1 => (0..200_u16, 0..70_u16).prop_map(|(x, y)| Step::Resize(x, y)),
        4 => (0..60_usize, 0..4_usize, 0..20_000_u64).prop_map(|(sockets, others, matched)| {
            Step::Data { sockets, others, matched }
        }),
        1 => Just(Step::Failure),
        1 => (0..40_usize).prop_map(Step::Events),
        2 => (0..90_u64).prop_map(Step::Time),
    ]
}

/// Sockets as they come and go, and so many of everything else.
fn churn(sockets: usize, others: usize, matched: u64) -> Picture {
    fn some<T: Clone>(rows: &mut Vec<T>, count: usize) {
        let all = rows.clone();
        *rows = all.into_iter().cycle().take(count).collect();
    }
    let mut all = snapshot(sockets, matched.max(sockets as u64));
    all.verdicts.verdicts.truncate(others);
    some(&mut all.processes.processes, others);
    some(&mut all.listeners.as_mut().unwrap().listeners, others);
    some(&mut all.destinations.as_mut().unwrap().destinations, others);
    some(&mut all.namespaces.as_mut().unwrap().namespaces, others);
    for (row, pid) in all.processes.processes.iter_mut().zip(1..) {
        row.pid = pid;
    }
    all
}

fn take(app: &mut App, open: &mut Option<u64>, step: Step) {
    let mut effects = Vec::new();
    let mut act = |app: &mut App, action| effects.extend(update(app, action));
    match step {
        Step::Browse(index) => act(app, Action::Command(BROWSE[index].command)),
        Step::Edit(index) => act(app, Action::Command(EDIT[index].command)),
        Step::Type(c) => act(app, Action::Command(Command::Stroke(Stroke::Insert(c)))),
        Step::Click(column, row) => act(app, Action::Click(column, row)),
        Step::Resize(width, height) => act(app, Action::Resize(width, height)),
        Step::Time(seconds) => {
            let now = app.now + SECOND * u32::try_from(seconds).unwrap();
            act(app, Action::Tick(now));
        }
        Step::Events(count) => happen(app, vec![fixture::event(); count], 1),
        Step::Data {
            sockets,
            others,
            matched,
        } => {
            if let Some(ticket) = open.take() {
                let result = Ok(churn(sockets, others, matched));
                let answer = Box::new(Answer { ticket, result });
                act(app, Action::Answer(answer));
            }
        }
        Step::Failure => {
            if let Some(ticket) = open.take() {
                let result = Err("gone".to_owned());
                let answer = Box::new(Answer { ticket, result });
                act(app, Action::Answer(answer));
            }
        }
    }
    if let Some(request) = asked(effects) {
        assert!(open.is_none(), "two questions at a time");
        *open = Some(request.ticket);
    }
}

fn cases() -> u32 {
    let cases = std::env::var("TCPMON_SOAK_CASES").ok();
    cases.and_then(|cases| cases.parse().ok()).unwrap_or(64)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(cases()))]

    #[test]
    fn nothing_breaks_it(steps in proptest::collection::vec(step(), 1..120)) {
        let mut app = app(100, 30);
        let mut open = None;
        for step in steps {
            take(&mut app, &mut open, step);
            if app.size.width > 0 && app.size.height > 0 {
                draw(&app);
            }
            prop_assert!(app.seen.events.len() <= EVENTS);
            prop_assert!(app.trail.len() <= 64, "{}", app.trail.len());
        }
    }
}
