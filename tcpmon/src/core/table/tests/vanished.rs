//! Namespaces that go without an event, and some that only seem to.

use super::*;
use crate::core::netns::Search;
use crate::core::table::Drift;
use tcpmon_common::Holder;

/// A client whose connection is in TIME_WAIT; its server is known to nobody.
fn time_wait(table: &mut Table) {
    let socket = Speaker::new(100, 7, 40000, 80).flags(flag::HAS_SOCKET | flag::FIN_SEEN);
    socket.says(table, 1, State::FinWait2, State::Close);
    assert_eq!(table.in_state(State::TimeWait), 1);
}

fn missed(second: u64) -> Search {
    Search {
        began_ns: second * SECOND,
        complete: true,
        ..Search::default()
    }
}

fn denied(second: u64) -> Search {
    Search {
        began_ns: second * SECOND,
        denied_by_kernel: [NETNS].into_iter().collect(),
        ..Search::default()
    }
}

fn found(second: u64) -> Search {
    Search {
        found: [NETNS.inode].into_iter().collect(),
        ..missed(second)
    }
}

fn search(table: &mut Table, search: &Search) {
    table.give_up_vanished(search, search.began_ns + 1);
}

/// A scan of descriptors that found these sockets, whose address and cookie are the same.
fn scan(table: &mut Table, second: u64, cookies: &[u64]) {
    let holder = |cookie: &u64| Holder {
        sock: *cookie,
        cookie: *cookie,
        inode: 5000 + cookie,
        born_ns: 0,
        pid: 17,
        fd: 3,
        comm: *b"server\0\0\0\0\0\0\0\0\0\0",
    };
    let holders: Vec<Holder> = cookies.iter().map(holder).collect();
    table.set_holders(second * SECOND, &holders);
}

#[test]
fn missed_twice_where_everything_was_seen_it_is_gone() {
    let mut table = Table::new();
    time_wait(&mut table);
    search(&mut table, &missed(2));
    assert_eq!(table.len(), 1, "what keeps it may have been handed on");
    search(&mut table, &missed(3));
    assert!(table.is_empty());
    let silent = table.totals().silent;
    assert_eq!(silent[State::TimeWait as usize][State::Close as usize], 1);
    assert_eq!(table.totals().drift, [0; 4], "nobody was to tell");
}

#[test]
fn what_the_kernel_says_is_gone_is_gone() {
    let mut table = Table::new();
    time_wait(&mut table);
    search(&mut table, &denied(2));
    assert!(table.is_empty());
}

#[test]
fn a_search_that_did_not_see_everything_proves_nothing() {
    let mut table = Table::new();
    time_wait(&mut table);
    for second in 2..10 {
        let blind = Search {
            complete: false,
            ..missed(second)
        };
        search(&mut table, &blind);
    }
    assert_eq!(table.len(), 1);
}

#[test]
fn found_in_between_it_begins_anew() {
    let mut table = Table::new();
    time_wait(&mut table);
    for seen in [missed(2), found(3), missed(4), found(5), missed(6)] {
        search(&mut table, &seen);
    }
    assert_eq!(table.len(), 1);
}

#[test]
fn what_happens_in_it_shows_that_it_lives() {
    let mut table = Table::new();
    time_wait(&mut table);
    search(&mut table, &missed(2));
    let other = Speaker::new(101, 8, 40001, 80).flags(flag::HAS_SOCKET | flag::FIN_SEEN);
    other.says(&mut table, 3 * SECOND + 1, State::FinWait2, State::Close);
    search(&mut table, &missed(3));
    assert_eq!(table.in_state(State::TimeWait), 2);
    search(&mut table, &missed(4));
    assert!(table.is_empty());
}

#[test]
fn a_full_socket_keeps_its_namespace_and_the_minisocks_in_it() {
    for kind in [missed, denied] {
        let mut table = Table::new();
        time_wait(&mut table);
        let listener = Speaker::new(1, 1, 80, 0);
        listener.says(&mut table, 1, State::Close, State::Listen);
        scan(&mut table, 1, &[1]);
        for second in 2..10 {
            search(&mut table, &kind(second));
            assert!(table.wants_holders(), "it may have ended unseen");
            scan(&mut table, second, &[1]);
            assert_eq!(table.len(), 2, "second {second}");
        }
        assert_eq!(table.unfound_namespaces(), 1);
        let listener = listener.ending(0, 3);
        listener.says(&mut table, 10 * SECOND, State::Listen, State::Close);
        search(&mut table, &kind(11));
        assert!(table.is_empty());
        assert_eq!(
            (table.unfound_namespaces(), table.totals().drift),
            (0, [0; 4])
        );
    }
}

#[test]
fn a_full_socket_whose_end_was_lost_does_not_keep_it() {
    let mut table = Table::new();
    time_wait(&mut table);
    Speaker::new(1, 1, 80, 0).says(&mut table, 1, State::Close, State::Listen);
    scan(&mut table, 1, &[1]);
    search(&mut table, &denied(2));
    assert_eq!(table.len(), 2, "nobody has looked since");
    scan(&mut table, 3, &[]);
    search(&mut table, &denied(4));
    assert!(table.is_empty());
    assert_eq!(table.totals().drift[Drift::Vanished as usize], 1);
}

#[test]
fn a_closed_socket_that_still_sends_keeps_it_though_nobody_holds_it() {
    let mut table = Table::new();
    let socket = Speaker::new(1, 1, 40000, 80);
    socket.says(&mut table, 1, State::Established, State::FinWait1);
    search(&mut table, &denied(2));
    scan(&mut table, 3, &[]);
    search(&mut table, &denied(4));
    assert_eq!(table.len(), 1);
    search(&mut table, &denied(3600));
    assert!(table.is_empty(), "the kernel has long given up");
}

#[test]
fn sockets_of_other_namespaces_are_left_alone() {
    let mut table = Table::new();
    time_wait(&mut table);
    let mut elsewhere = Speaker::new(101, 8, 40001, 80).flags(flag::HAS_SOCKET | flag::FIN_SEEN);
    elsewhere.record.netns_cookie += 1;
    elsewhere.record.netns_inode += 1;
    elsewhere.says(&mut table, 1, State::FinWait2, State::Close);
    search(&mut table, &denied(2));
    assert_eq!(rows(&table, 3)[0].cookie, Some(8));
    assert_eq!(table.len(), 1);
}
