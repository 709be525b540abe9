//! How sockets came to be in their states.

use super::*;
use crate::core::table::Step;

fn told(table: &Table, cookie: u64) -> Vec<(u64, State, State, Option<u64>)> {
    let id = table.socket_with(cookie).expect("it is there");
    let steps = table.steps(id).into_iter();
    let tell = |step: Step| {
        let Step {
            time_ns,
            edge,
            duration_ns,
        } = step;
        (
            time_ns / SECOND,
            edge.from,
            edge.to,
            duration_ns.map(|it| it / SECOND),
        )
    };
    steps.map(tell).collect()
}

#[test]
fn a_client_tells_its_whole_life() {
    use State::{Close, Established, FinWait1, FinWait2, SynSent, TimeWait};
    let mut table = Table::new();
    let client = Speaker::new(100, 7, 40000, 80);
    client.says(&mut table, SECOND, Close, SynSent);
    client.says(&mut table, 2 * SECOND, SynSent, Established);
    client.says(&mut table, 5 * SECOND, Established, FinWait1);
    client.says(&mut table, 6 * SECOND, FinWait1, FinWait2);
    let last = client.flags(flag::FIN_SEEN).ending(0, 3);
    last.says(&mut table, 8 * SECOND, FinWait2, Close);
    assert_eq!(
        told(&table, 7),
        [
            (1, Close, SynSent, None),
            (2, SynSent, Established, Some(1)),
            (5, Established, FinWait1, Some(3)),
            (6, FinWait1, FinWait2, Some(1)),
            (8, FinWait2, TimeWait, Some(2)),
        ]
    );
}

#[test]
fn what_was_not_seen_is_not_told() {
    let mut table = Table::new();
    audit(
        &mut table,
        SECOND,
        StateSet::LIVE,
        &[row(7, State::Established, 40000, 80)],
    );
    assert_eq!(told(&table, 7), []);
    let known = Speaker::new(100, 7, 40000, 80);
    known.says(&mut table, 3 * SECOND, State::Established, State::CloseWait);
    let steps = [(3, State::Established, State::CloseWait, None)];
    assert_eq!(
        told(&table, 7),
        steps,
        "how long it was established is unknown"
    );
    // Records were lost: between what is known and what is said now lies something.
    known.says(&mut table, 4 * SECOND, State::FinWait1, State::FinWait2);
    let steps = [(4, State::FinWait1, State::FinWait2, None)];
    assert_eq!(told(&table, 7), steps);
}

#[test]
fn a_socket_is_found_by_its_cookie_with_and_without_those_of_dumps() {
    let mut table = Table::new();
    let sockets: Vec<DumpRow> = (1..=50)
        .map(|cookie| row(cookie, State::Established, 40000 + cookie as u16, 80))
        .collect();
    audit(&mut table, SECOND, StateSet::LIVE, &sockets);
    for have in [true, false] {
        table.set_dumps_have_cookies(have);
        let id = table.socket_with(33).expect("it is there");
        assert_eq!(table.whereabouts(id).1.local_port, 40033);
        assert_eq!((table.socket_with(0), table.socket_with(99)), (None, None));
    }
}
