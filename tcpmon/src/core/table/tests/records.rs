//! The stream alone.

use super::*;
use crate::core::ending::Ending;
use crate::core::fsm::EdgeKind;
use crate::core::query::{Role, Sort};
use crate::core::table::Drift;

#[test]
fn a_client_that_closes_first_ends_in_time_wait_and_is_timed() {
    let mut table = Table::new();
    let client = Speaker::new(100, 7, 40000, 80).by(12, "curl");
    client.says(&mut table, SECOND, State::Close, State::SynSent);
    let client = client.silent();
    client.says(&mut table, 2 * SECOND, State::SynSent, State::Established);
    client.by(12, "curl").ending(0, 3).says(
        &mut table,
        5 * SECOND,
        State::Established,
        State::FinWait1,
    );
    client.says(&mut table, 6 * SECOND, State::FinWait1, State::FinWait2);
    let change = client.flags(flag::FIN_SEEN).ending(0, 3).says(
        &mut table,
        7 * SECOND,
        State::FinWait2,
        State::Close,
    );

    assert_eq!(change.ending, Some(Ending::TimeWait));
    assert_eq!(change.duration_ns, Some(SECOND));
    let all = rows(&table, 17 * SECOND);
    assert_eq!(all.len(), 1);
    let socket = &all[0];
    assert_eq!(
        (socket.state.as_str(), socket.kind.as_str()),
        ("TIME_WAIT", "minisock")
    );
    assert_eq!(
        (socket.age_seconds, socket.remaining_seconds),
        (10.0, Some(50.0))
    );
    assert_eq!((socket.pid, socket.role), (Some(12), Some(Role::Client)));
    assert!(!socket.age_is_lower_bound);
    let established = State::Established as usize;
    assert_eq!(table.totals().durations[established].sum_ns, 3 * SECOND);
    assert_eq!(
        table.totals().silent[State::FinWait2 as usize][State::TimeWait as usize],
        1
    );
}

#[test]
fn without_the_peers_fin_a_closed_socket_stays_in_fin_wait2() {
    let mut table = Table::new();
    let socket = Speaker::new(100, 7, 40000, 80);
    socket.says(&mut table, SECOND, State::FinWait1, State::FinWait2);
    let change = socket.flags(flag::ORPHAN).ending(0, 3).says(
        &mut table,
        SECOND + 1,
        State::FinWait2,
        State::Close,
    );
    assert_eq!(change.ending, Some(Ending::OrphanFinWait2));
    assert_eq!(
        (
            table.in_state(State::FinWait2),
            table.in_state(State::TimeWait)
        ),
        (1, 0)
    );
    assert_eq!(rows(&table, 11 * SECOND)[0].age_seconds, 10.0);
}

#[test]
fn an_address_used_again_at_once_is_another_socket() {
    let mut table = Table::new();
    let first = Speaker::new(100, 7, 40000, 80);
    first.says(&mut table, 1, State::Close, State::SynSent);
    first
        .ending(111, 0)
        .says(&mut table, 2, State::SynSent, State::Close);
    let second = Speaker::new(100, 8, 0, 80);
    second.says(&mut table, 3, State::Close, State::SynSent);
    assert_eq!(table.len(), 1);
    assert_eq!(rows(&table, 4)[0].cookie, Some(8));
    assert_eq!(table.totals().drift, [0; 4]);
}

#[test]
fn an_address_reborn_without_an_end_is_counted() {
    let mut table = Table::new();
    let first = Speaker::new(100, 7, 40000, 80);
    first.says(&mut table, 1, State::Close, State::SynSent);
    Speaker::new(100, 8, 0, 443).says(&mut table, 3, State::Close, State::SynSent);
    assert_eq!(table.len(), 1);
    assert_eq!(table.totals().drift[Drift::Reborn as usize], 1);
}

#[test]
fn an_address_with_another_cookie_is_another_socket_whose_birth_was_lost() {
    let mut table = Table::new();
    let lost = Speaker::new(100, 7, 80, 40000);
    lost.says(&mut table, 1, State::Established, State::CloseWait);
    let client = Speaker::new(100, 8, 40001, 80).flags(flag::FIN_SEEN);
    client.says(&mut table, 2, State::FinWait2, State::Close);
    let all = rows(&table, 3);
    let [row] = &all[..] else {
        panic!("one socket, not {all:#?}");
    };
    assert_eq!((row.cookie, row.local_port), (Some(8), 40001));
    assert_eq!(row.state, "TIME_WAIT");
    assert_eq!(table.totals().drift[Drift::Reborn as usize], 1);
}

#[test]
fn a_child_may_change_its_cookie_once() {
    let mut table = Table::new();
    let child = Speaker::new(100, 7, 80, 40000).flags(0);
    child.says(&mut table, 1, State::Listen, State::SynRecv);
    let named = Speaker::new(100, 8, 80, 40000).flags(0);
    named.says(&mut table, 2, State::SynRecv, State::Established);
    assert_eq!(rows(&table, 3)[0].cookie, Some(8));
    assert_eq!((table.len(), table.totals().drift), (1, [0; 4]));
}

#[test]
fn the_source_port_is_taken_when_it_becomes_known() {
    let mut table = Table::new();
    Speaker::new(100, 7, 0, 80).says(&mut table, 1, State::Close, State::SynSent);
    assert_eq!(rows(&table, 1)[0].local_port, 0);
    Speaker::new(100, 7, 40000, 80).says(&mut table, 2, State::SynSent, State::Established);
    assert_eq!(rows(&table, 2)[0].local_port, 40000);
}

#[test]
fn a_child_with_its_listeners_tuple_is_completed_by_the_next_record() {
    let mut table = Table::new();
    // Linux 5.10 to 6.12 announce the clone before it has its own addresses and cookie.
    let clone = Speaker::new(100, 0, 80, 0).flags(0);
    clone.says(&mut table, 1, State::Listen, State::SynRecv);
    let child = Speaker::new(100, 9, 80, 40000).flags(0);
    child.says(&mut table, 2, State::SynRecv, State::Established);
    let socket = &rows(&table, 3)[0];
    assert_eq!((socket.remote_port, socket.cookie), (40000, Some(9)));
    assert_eq!(
        (socket.role, socket.accepted),
        (Some(Role::Server), Some(false))
    );
}

#[test]
fn self_transitions_never_reset_an_age() {
    let mut table = Table::new();
    let socket = Speaker::new(100, 7, 40000, 80);
    socket.says(&mut table, SECOND, State::FinWait1, State::FinWait2);
    let change = socket.says(&mut table, 5 * SECOND, State::FinWait2, State::FinWait2);
    assert_eq!(change.edge.kind, EdgeKind::SelfLoop);
    assert_eq!(rows(&table, 6 * SECOND)[0].age_seconds, 5.0);
    assert_eq!(table.totals().self_loops, 1);
}

#[test]
fn close_to_close_leaves_nothing() {
    let mut table = Table::new();
    let listener = Speaker::new(100, 7, 80, 0);
    listener.says(&mut table, 1, State::Close, State::Listen);
    listener
        .ending(0, 3)
        .says(&mut table, 2, State::Listen, State::Close);
    listener
        .ending(103, 3)
        .says(&mut table, 3, State::Close, State::Close);
    assert!(table.is_empty());
}

#[test]
fn a_record_of_no_socket_is_odd() {
    let mut table = Table::new();
    for _ in 0..2 {
        let nobody = Speaker::new(0, 7, 1, 2).record;
        let record = Record {
            old_state: State::Established.number(),
            new_state: State::Close.number(),
            ..nobody
        };
        assert_eq!(table.apply(&record), None);
    }
    assert_eq!((table.len(), table.totals().odd_records), (0, 2));
}

#[test]
fn a_minisock_at_the_end_of_time_lives_to_it() {
    let mut table = Table::new();
    let socket = Speaker::new(100, 7, 1, 2);
    let end = u64::MAX;
    socket.says(&mut table, end, State::Close, State::SynSent);
    let record = Record {
        time_ns: end,
        old_state: State::FinWait2.number(),
        new_state: State::Close.number(),
        flags: tcpmon_common::record::flag::FIN_SEEN,
        ..socket.record
    };
    assert!(table.apply(&record).is_some());
    assert_eq!(table.in_state(State::TimeWait), 1);
    assert_eq!(table.expire(end - 1, 9), 0);
}

#[test]
fn odd_numbers_and_unknown_edges_are_counted_and_survived() {
    let mut table = Table::new();
    for (old, new) in [(0, 1), (1, 13), (255, 255)] {
        let record = Record {
            old_state: old,
            new_state: new,
            ..Speaker::new(100, 7, 1, 2).record
        };
        assert_eq!(table.apply(&record), None);
    }
    assert_eq!(table.totals().odd_records, 3);
    let change = Speaker::new(100, 7, 1, 2).says(&mut table, 1, State::LastAck, State::SynSent);
    assert_eq!(change.edge.kind, EdgeKind::Unknown);
    assert_eq!(
        (table.totals().unknown_edges, table.in_state(State::SynSent)),
        (1, 1)
    );
}

#[test]
fn all_144_pairs_are_applied_without_a_panic_and_leave_one_socket_at_most() {
    for old in State::ALL {
        for new in State::ALL {
            let mut table = Table::new();
            Speaker::new(100, 7, 40000, 80)
                .flags(flag::ORPHAN)
                .says(&mut table, SECOND, old, new);
            let is_minisock = matches!(old, State::FinWait2 | State::Closing);
            let left = usize::from(new != State::Close || is_minisock);
            assert_eq!(table.len(), left, "{old} -> {new}");
            let counted: u64 = State::RFC
                .into_iter()
                .map(|state| table.in_state(state))
                .sum();
            assert_eq!(counted, left as u64, "{old} -> {new}");
        }
    }
}

#[test]
fn few_among_very_many_are_found_in_the_order_asked_for() {
    let mut table = Table::new();
    for at in 1..=10_000 {
        let speaker = Speaker::new(at, at, at as u16, 80);
        speaker.says(&mut table, at * SECOND, State::SynSent, State::Established);
    }
    let cookies = |filter: &str, sort, limit| {
        let question = SocketsQuestion {
            filter: filter.parse().expect("a filter"),
            sort,
            limit,
        };
        let answer = table.sockets(&question, 10_001 * SECOND);
        let rows = answer.sockets.iter().filter_map(|row| row.cookie);
        (rows.collect::<Vec<_>>(), answer.matched)
    };
    let few = "sport > 4999 and sport < 5003";
    assert_eq!(
        cookies(few, Sort::Age, Some(2)),
        (vec![5000, 5001], Some(3))
    );
    assert_eq!(
        cookies(few, Sort::Newest, Some(2)),
        (vec![5002, 5001], Some(3))
    );
    assert_eq!(
        cookies(few, Sort::Age, None),
        (vec![5000, 5001, 5002], Some(3))
    );
    assert_eq!(cookies(few, Sort::Age, Some(0)), (vec![], Some(3)));
    assert_eq!(
        cookies("sport > 9999 and pid != 5", Sort::Age, None),
        (vec![], Some(0))
    );
    assert_eq!(cookies("sport > 2", Sort::Age, Some(2)), (vec![3, 4], None));
    assert_eq!(
        cookies("", Sort::Newest, Some(1)),
        (vec![10_000], Some(10_000))
    );
}

#[test]
fn the_oldest_come_first_over_all_states_and_the_newest_the_other_way() {
    let mut table = Table::new();
    for (at, state) in [
        (3, State::CloseWait),
        (1, State::Established),
        (2, State::FinWait1),
        (4, State::CloseWait),
    ] {
        let old = match state {
            State::Established => State::SynSent,
            _ => State::Established,
        };
        Speaker::new(at, at, at as u16, 80).says(&mut table, at * SECOND, old, state);
    }
    let mut question = SocketsQuestion {
        limit: Some(3),
        ..SocketsQuestion::default()
    };
    let answer = table.sockets(&question, 10 * SECOND);
    let cookies = |answer: &crate::core::query::Sockets| -> Vec<_> {
        answer.sockets.iter().filter_map(|row| row.cookie).collect()
    };
    assert_eq!((cookies(&answer), answer.matched), (vec![1, 2, 3], Some(4)));
    question.sort = Sort::Newest;
    assert_eq!(cookies(&table.sockets(&question, 10 * SECOND)), [4, 3, 2]);
    question.filter = "state close-wait".parse().expect("a filter");
    assert_eq!(cookies(&table.sockets(&question, 10 * SECOND)), [4, 3]);
}

#[test]
fn a_minisock_whose_timer_must_have_fired_goes_even_without_a_dump() {
    let mut table = Table::new();
    let socket = Speaker::new(100, 7, 40000, 80).flags(flag::FIN_SEEN);
    socket.says(&mut table, SECOND, State::FinWait2, State::Close);
    assert_eq!(table.in_state(State::TimeWait), 1);
    assert_eq!(
        table.expire(61 * SECOND, 10),
        0,
        "the kernel's timer may be late"
    );
    assert_eq!(table.expire(70 * SECOND, 10), 1);
    assert!(table.is_empty());
    assert_eq!(
        table.totals().silent[State::TimeWait as usize][State::Close as usize],
        1
    );
}
