//! The table against dumps.

use super::*;
use crate::core::table::{Drift, Endpoint};

fn drift(table: &Table, kind: Drift) -> u64 {
    table.totals().drift[kind as usize]
}

#[test]
fn the_first_audit_seeds_without_counting_drift_and_ages_are_lower_bounds() {
    let mut table = Table::new();
    let mut idle = row(1, State::CloseWait, 80, 40000);
    idle.last_ack_ms = Some(9000);
    let listener = row(2, State::Listen, 80, 0);
    audit(&mut table, 100 * SECOND, StateSet::LIVE, &[idle, listener]);
    assert_eq!(table.totals().drift, [0; 4]);
    let all = rows(&table, 101 * SECOND);
    assert_eq!(
        (all[0].state.as_str(), all[0].age_seconds),
        ("CLOSE_WAIT", 10.0)
    );
    assert!(all.iter().all(|socket| socket.age_is_lower_bound));
    assert_eq!(all[0].accepted, Some(true));
}

#[test]
fn a_seeded_socket_is_continued_by_the_stream_not_doubled() {
    let mut table = Table::new();
    audit(
        &mut table,
        SECOND,
        StateSet::LIVE,
        &[row(7, State::Established, 40000, 80)],
    );
    let socket = Speaker::new(100, 7, 40000, 80);
    socket.says(&mut table, 2 * SECOND, State::Established, State::CloseWait);
    assert_eq!(table.len(), 1);
    let all = rows(&table, 3 * SECOND);
    assert_eq!(
        (all[0].age_seconds, all[0].age_is_lower_bound),
        (1.0, false)
    );
    assert_eq!(table.totals().drift, [0; 4]);
}

#[test]
fn a_time_wait_row_tells_its_age_by_its_timer() {
    let mut table = Table::new();
    audit(
        &mut table,
        100 * SECOND,
        StateSet::LIVE,
        &[minisock(7, State::TimeWait, 45_000)],
    );
    let socket = &rows(&table, 100 * SECOND)[0];
    assert_eq!(
        (socket.age_seconds, socket.age_is_lower_bound),
        (15.0, false)
    );
    assert_eq!(socket.remaining_seconds, Some(45.0));
}

#[test]
fn a_missed_socket_is_added_and_counted_and_a_vanished_one_removed_and_counted() {
    let mut table = Table::new();
    audit(
        &mut table,
        SECOND,
        StateSet::LIVE,
        &[row(1, State::Established, 1, 80)],
    );
    audit(
        &mut table,
        2 * SECOND,
        StateSet::LIVE,
        &[row(2, State::Established, 2, 80)],
    );
    assert_eq!(rows(&table, 3 * SECOND)[0].cookie, Some(2));
    assert_eq!(table.len(), 1);
    assert_eq!(
        (drift(&table, Drift::Missed), drift(&table, Drift::Vanished)),
        (1, 1)
    );
}

#[test]
fn a_namespace_that_was_dumped_has_missed_sockets_even_if_others_stay_hidden() {
    let mut table = Table::new();
    for (time_ns, dumped) in [(SECOND, &[][..]), (2 * SECOND, &[1])] {
        table.begin_audit(StateSet::LIVE);
        let time = DumpTime {
            started_ns: time_ns,
            read_ns: time_ns,
        };
        let anchor = row(9, State::Listen, 80, 0);
        let missed = dumped
            .iter()
            .map(|cookie| row(*cookie, State::Established, 1, 80));
        let mut all: Vec<DumpRow> = missed.chain([anchor]).collect();
        table.audit_rows(NETNS, time, &mut all);
        table.audit_namespace_done(NETNS, time_ns);
        table.end_audit(time_ns, false);
    }
    assert_eq!(drift(&table, Drift::Missed), 1);
}

#[test]
fn what_is_left_of_a_namespace_goes_when_another_has_its_inode() {
    // A later namespace may have the smaller cookie, when another processor made it.
    for (former, cookie) in [(2, 3), (3, 2)] {
        let mut table = Table::new();
        let former = NetnsIdentity {
            cookie: former,
            ..NETNS
        };
        let time = DumpTime {
            started_ns: SECOND,
            read_ns: SECOND,
        };
        let mut left = [minisock(7, State::TimeWait, 60_000)];
        table.begin_audit(StateSet::LIVE);
        table.audit_rows(former, time, &mut left);
        table.audit_namespace_done(former, SECOND);
        table.end_audit(SECOND, true);
        let mut listener = Speaker::new(100, 8, 80, 0);
        listener.record.netns_cookie = cookie;
        listener.says(&mut table, 2 * SECOND, State::Close, State::Listen);
        assert_eq!(table.len(), 2);
        let heir = NetnsIdentity { cookie, ..NETNS };
        table.begin_audit(StateSet::MINISOCKS);
        table.audit_namespace_done(heir, 3 * SECOND);
        table.end_audit(3 * SECOND, false);
        let all = rows(&table, 4 * SECOND);
        assert_eq!(all.len(), 1);
        assert_eq!(all[0].cookie, Some(8));
        assert_eq!(table.totals().drift, [0; 4]);
    }
}

#[test]
fn a_namespace_born_after_the_dump_of_the_one_whose_inode_it_has_keeps_its_sockets() {
    let mut table = Table::new();
    table.begin_audit(StateSet::LIVE);
    table.audit_namespace_done(NETNS, SECOND);
    let mut listener = Speaker::new(100, 8, 80, 0);
    listener.record.netns_cookie = NETNS.cookie + 1;
    listener.says(&mut table, 2 * SECOND, State::Close, State::Listen);
    table.end_audit(3 * SECOND, true);
    assert_eq!(table.len(), 1);
    assert_eq!(table.totals().drift, [0; 4]);
}

#[test]
fn a_listener_that_is_announced_closed_twice_was_not_missed() {
    let mut table = Table::new();
    audit(&mut table, SECOND, StateSet::LIVE, &[]);
    let listener = Speaker::new(100, 7, 80, 0);
    listener.says(&mut table, 2 * SECOND, State::Close, State::Listen);
    listener.says(&mut table, 3 * SECOND, State::Listen, State::Close);
    listener.says(&mut table, 3 * SECOND, State::Close, State::Close);
    assert!(table.is_empty());
    assert_eq!(drift(&table, Drift::Missed), 0);
}

#[test]
fn a_wrong_state_is_repaired_and_its_age_a_lower_bound() {
    let mut table = Table::new();
    let socket = Speaker::new(100, 7, 40000, 80);
    socket.says(&mut table, SECOND, State::SynSent, State::Established);
    audit(
        &mut table,
        5 * SECOND,
        StateSet::LIVE,
        &[row(7, State::CloseWait, 40000, 80)],
    );
    let all = rows(&table, 5 * SECOND);
    assert_eq!((all.len(), all[0].state.as_str()), (1, "CLOSE_WAIT"));
    assert!(all[0].age_is_lower_bound);
    assert_eq!(drift(&table, Drift::State), 1);
}

#[test]
fn a_socket_that_moved_during_the_dump_is_left_alone() {
    let mut table = Table::new();
    let socket = Speaker::new(100, 7, 40000, 80);
    socket.says(&mut table, SECOND, State::SynSent, State::Established);
    table.begin_audit(StateSet::LIVE);
    // The dump began at 2 s and saw ESTABLISHED; the record of 3 s is applied before the row.
    socket.says(&mut table, 3 * SECOND, State::Established, State::CloseWait);
    let time = DumpTime {
        started_ns: 2 * SECOND,
        read_ns: 3 * SECOND,
    };
    table.audit_rows(NETNS, time, &mut [row(7, State::Established, 40000, 80)]);
    table.audit_namespace_done(NETNS, 2 * SECOND);
    table.end_audit(4 * SECOND, true);
    assert_eq!(table.in_state(State::CloseWait), 1);
    assert_eq!(table.totals().drift, [0; 4]);
}

#[test]
fn a_socket_that_ended_during_the_dump_is_not_raised_from_the_dead() {
    let mut table = Table::new();
    let socket = Speaker::new(100, 7, 40000, 80);
    socket.says(&mut table, SECOND, State::SynSent, State::Established);
    table.begin_audit(StateSet::LIVE);
    socket
        .ending(104, 0)
        .says(&mut table, 3 * SECOND, State::Established, State::Close);
    let time = DumpTime {
        started_ns: 2 * SECOND,
        read_ns: 3 * SECOND,
    };
    table.audit_rows(NETNS, time, &mut [row(7, State::Established, 40000, 80)]);
    table.audit_namespace_done(NETNS, 2 * SECOND);
    table.end_audit(4 * SECOND, true);
    assert!(table.is_empty());
    assert_eq!(table.totals().drift, [0; 4]);
}

#[test]
fn a_socket_born_during_the_dump_is_neither_missed_nor_vanished() {
    let mut table = Table::new();
    audit(&mut table, SECOND, StateSet::LIVE, &[]);
    table.begin_audit(StateSet::LIVE);
    let early = Speaker::new(100, 7, 40000, 80);
    early.says(&mut table, 3 * SECOND, State::Close, State::SynSent);
    let time = DumpTime {
        started_ns: 2 * SECOND,
        read_ns: 3 * SECOND,
    };
    table.audit_rows(NETNS, time, &mut [row(7, State::SynSent, 40000, 80)]);
    let late = Speaker::new(200, 8, 40001, 80);
    late.says(&mut table, 3 * SECOND + 1, State::Close, State::SynSent);
    table.audit_namespace_done(NETNS, 2 * SECOND);
    table.end_audit(4 * SECOND, true);
    assert_eq!(table.len(), 2);
    assert_eq!(table.totals().drift, [0; 4]);
}

#[test]
fn the_silent_edge_from_fin_wait2_to_time_wait_is_found_and_is_no_drift() {
    let mut table = Table::new();
    let socket = Speaker::new(100, 7, 40000, 80);
    socket.says(&mut table, SECOND, State::FinWait1, State::FinWait2);
    socket
        .flags(flag::ORPHAN)
        .says(&mut table, SECOND, State::FinWait2, State::Close);
    assert_eq!(table.in_state(State::FinWait2), 1);
    let rows_now = [minisock(7, State::TimeWait, 58_000)];
    audit(&mut table, 5 * SECOND, StateSet::MINISOCKS, &rows_now);
    assert_eq!(
        (
            table.in_state(State::FinWait2),
            table.in_state(State::TimeWait)
        ),
        (0, 1)
    );
    assert_eq!(rows(&table, 5 * SECOND)[0].age_seconds, 2.0);
    assert_eq!(table.totals().drift, [0; 4]);
    assert_eq!(
        table.totals().silent[State::FinWait2 as usize][State::TimeWait as usize],
        1
    );
    // It expires: seen absent, again no drift.
    audit(&mut table, 64 * SECOND, StateSet::MINISOCKS, &[]);
    assert!(table.is_empty());
    assert_eq!(table.totals().drift, [0; 4]);
}

#[test]
fn an_audit_of_minisocks_leaves_other_states_alone() {
    let mut table = Table::new();
    audit(
        &mut table,
        SECOND,
        StateSet::LIVE,
        &[row(1, State::Established, 1, 80)],
    );
    // A full FIN_WAIT2 socket the audit's index does not know: the stream is on its way.
    let held = row(9, State::FinWait2, 9, 80);
    audit(&mut table, 2 * SECOND, StateSet::MINISOCKS, &[held]);
    assert_eq!((table.len(), table.in_state(State::Established)), (1, 1));
    assert_eq!(table.totals().drift, [0; 4]);
}

#[test]
fn a_request_becomes_its_child_and_is_not_counted_twice() {
    let mut table = Table::new();
    let request = DumpRow {
        kind: Kind::Request,
        inode: 0,
        ..row(7, State::SynRecv, 80, 40000)
    };
    audit(&mut table, SECOND, StateSet::LIVE, &[request]);
    assert_eq!(table.in_state(State::SynRecv), 1);
    let child = Speaker::new(100, 7, 80, 40000).flags(0);
    child.says(&mut table, 2 * SECOND, State::Listen, State::SynRecv);
    child.says(&mut table, 2 * SECOND, State::SynRecv, State::Established);
    assert_eq!((table.len(), table.in_state(State::Established)), (1, 1));
}

/// As up to Linux 6.12, where the cookie shows with the second record, and on the classic
/// tracepoint, where it never does.
#[test]
fn a_child_announced_without_its_cookie_still_replaces_its_request() {
    for cookie in [7, 0] {
        let mut table = Table::new();
        let request = DumpRow {
            kind: Kind::Request,
            inode: 0,
            ..row(7, State::SynRecv, 80, 40000)
        };
        audit(&mut table, SECOND, StateSet::LIVE, &[request]);
        let born = Speaker::new(100, 0, 80, 0).flags(0);
        born.says(&mut table, 2 * SECOND, State::Listen, State::SynRecv);
        let child = Speaker::new(100, cookie, 80, 40000).flags(0);
        child.says(&mut table, 2 * SECOND, State::SynRecv, State::Established);
        let child = row(7, State::Established, 80, 40000);
        audit(&mut table, 3 * SECOND, StateSet::LIVE, &[child]);
        assert_eq!((table.len(), table.in_state(State::Established)), (1, 1));
        assert_eq!(table.totals().drift, [0; 4], "cookie {cookie}");
    }
}

#[test]
fn sockets_without_cookie_are_joined_by_their_addresses() {
    let mut table = Table::new();
    let mut speaker = Speaker::new(100, 0, 40000, 80);
    speaker.record.netns_cookie = 0;
    speaker.record.netns_inode = 0;
    speaker.says(&mut table, SECOND, State::SynSent, State::Established);
    audit(
        &mut table,
        2 * SECOND,
        StateSet::LIVE,
        &[row(7, State::Established, 40000, 80)],
    );
    let all = rows(&table, 3 * SECOND);
    assert_eq!(all.len(), 1);
    assert_eq!((all[0].cookie, all[0].netns), (Some(7), Some(NETNS.inode)));
    assert_eq!(
        (all[0].age_seconds, all[0].age_is_lower_bound),
        (2.0, false)
    );
}

#[test]
fn a_reconnected_socket_and_the_minisock_it_left_are_two() {
    let mut table = Table::new();
    let socket = Speaker::new(100, 7, 40000, 80);
    socket
        .flags(flag::FIN_SEEN)
        .says(&mut table, SECOND, State::FinWait2, State::Close);
    socket.says(&mut table, 2 * SECOND, State::Close, State::SynSent);
    let both = [
        minisock(7, State::TimeWait, 59_000),
        row(7, State::SynSent, 40000, 80),
    ];
    audit(&mut table, 3 * SECOND, StateSet::LIVE, &both);
    assert_eq!(
        (
            table.in_state(State::TimeWait),
            table.in_state(State::SynSent)
        ),
        (1, 1)
    );
    assert_eq!(table.totals().drift, [0; 4]);
}

#[test]
fn a_request_in_the_dump_whose_child_is_there_is_not_added() {
    let mut table = Table::new();
    table.begin_audit(StateSet::LIVE);
    let child = Speaker::new(100, 7, 80, 40000).flags(0);
    child.says(&mut table, 3 * SECOND, State::Listen, State::SynRecv);
    child.says(&mut table, 3 * SECOND, State::SynRecv, State::Established);
    let time = DumpTime {
        started_ns: 2 * SECOND,
        read_ns: 4 * SECOND,
    };
    let request = DumpRow {
        kind: Kind::Request,
        inode: 0,
        ..row(7, State::SynRecv, 80, 40000)
    };
    table.audit_rows(NETNS, time, &mut [request]);
    table.audit_namespace_done(NETNS, 2 * SECOND);
    table.end_audit(4 * SECOND, true);
    assert_eq!((table.len(), table.in_state(State::SynRecv)), (1, 0));
}

/// A walk in parts removes what a walk at once does, and leaves what was born, changed or ended
/// between two parts alone.
#[test]
fn what_happens_while_an_audit_ends_is_newer_than_the_audit() {
    let mut table = Table::new();
    let socket = |number: u64| Speaker::new(number, number, 40_000 + number as u16, 80);
    for number in 1..=20 {
        socket(number).says(&mut table, SECOND, State::SynSent, State::Established);
    }
    table.begin_audit(StateSet::LIVE);
    table.audit_namespace_done(NETNS, 2 * SECOND);
    table.close_audit(3 * SECOND, true);
    assert!(table.walk_on(5));
    // The first five are gone. Of the others one moves and one ends; one more is born, early in
    // the table and behind the walk.
    assert_eq!(table.len(), 15);
    socket(10).says(&mut table, 4 * SECOND, State::Established, State::CloseWait);
    socket(11)
        .ending(104, 0)
        .says(&mut table, 4 * SECOND, State::Established, State::Close);
    socket(30).says(&mut table, 4 * SECOND, State::Close, State::SynSent);
    socket(31).says(&mut table, 4 * SECOND, State::Close, State::SynSent);
    while table.walk_on(5) {}
    assert_eq!(table.len(), 3);
    assert_eq!(table.in_state(State::CloseWait), 1);
    assert_eq!(table.in_state(State::SynSent), 2);
    assert_eq!(drift(&table, Drift::Vanished), 18);
    assert_eq!(drift(&table, Drift::Missed), 0);
}

/// A dump shows what a listener accepted before the listener, or in another chunk.
#[test]
fn what_an_old_listener_accepted_is_at_its_service() {
    let mut table = Table::new();
    let accepted = [40_000, 40_001].map(|peer| row(u64::from(peer), State::CloseWait, 80, peer));
    let own = row(7, State::Established, 40_002, 5432);
    let listener = row(1, State::Listen, 80, 0);
    table.begin_audit(StateSet::LIVE);
    let time = DumpTime {
        started_ns: SECOND,
        read_ns: SECOND,
    };
    table.audit_rows(NETNS, time, &mut [accepted[0], accepted[1], own]);
    table.audit_rows(NETNS, time, &mut [listener]);
    table.audit_namespace_done(NETNS, SECOND);
    table.end_audit(SECOND, true);
    let mut groups: Vec<(bool, u32)> = table
        .groups()
        .map(|group| {
            let (endpoint, _) = table.endpoint(group.endpoint_id()).expect("an endpoint");
            (
                matches!(endpoint, Endpoint::Service { port: 80, .. }),
                group.total(),
            )
        })
        .collect();
    groups.sort_unstable();
    assert_eq!(groups, [(false, 1), (true, 3)]);
}
