//! Dumps without cookies: `/proc/net/tcp` where the kernel has no sock_diag.

use super::*;

/// A row as that file has it.
fn plain(row: DumpRow) -> DumpRow {
    DumpRow { cookie: 0, ..row }
}

fn table() -> Table {
    let mut table = Table::new();
    table.set_dumps_have_cookies(false);
    table
}

/// A socket with the inode its row has.
fn speaker(sock: u64, cookie: u64, local_port: u16, remote_port: u16) -> Speaker {
    let mut speaker = Speaker::new(sock, cookie, local_port, remote_port);
    speaker.record.inode = 5000 + cookie;
    speaker
}

#[test]
fn what_the_stream_announced_is_found_by_its_addresses() {
    let mut table = table();
    speaker(100, 7, 80, 0).says(&mut table, SECOND, State::Close, State::Listen);
    speaker(200, 8, 40000, 80).says(&mut table, SECOND, State::SynSent, State::Established);
    let dumped = [
        plain(row(7, State::Listen, 80, 0)),
        plain(row(8, State::Established, 40000, 80)),
    ];
    audit(&mut table, 2 * SECOND, StateSet::LIVE, &dumped);
    audit(&mut table, 3 * SECOND, StateSet::LIVE, &dumped);
    assert_eq!(table.len(), 2);
    assert_eq!(table.totals().drift, [0; 4]);
    // The dump had no cookies; the stream's stay known.
    assert!(
        rows(&table, 3 * SECOND)
            .iter()
            .all(|row| row.cookie.is_some())
    );
}

#[test]
fn what_a_dump_announced_is_continued_by_the_stream() {
    let mut table = table();
    let dumped = [plain(row(7, State::Established, 40000, 80))];
    audit(&mut table, SECOND, StateSet::LIVE, &dumped);
    let socket = speaker(100, 7, 40000, 80);
    socket.says(&mut table, 2 * SECOND, State::Established, State::CloseWait);
    assert_eq!((table.len(), table.in_state(State::CloseWait)), (1, 1));
    assert_eq!(table.totals().drift, [0; 4]);
}

#[test]
fn listeners_on_one_port_are_told_apart_by_their_inodes() {
    let mut table = table();
    let both = [
        plain(row(1, State::Listen, 80, 0)),
        plain(row(2, State::Listen, 80, 0)),
    ];
    audit(&mut table, SECOND, StateSet::LIVE, &both);
    audit(&mut table, 2 * SECOND, StateSet::LIVE, &both);
    assert_eq!(table.len(), 2);
    audit(&mut table, 3 * SECOND, StateSet::LIVE, &both[1..]);
    let inodes: Vec<_> = rows(&table, 4 * SECOND)
        .iter()
        .map(|row| row.inode)
        .collect();
    assert_eq!(inodes, [Some(5002)]);
}

#[test]
fn a_connecting_socket_announced_without_its_port_is_found_by_its_inode() {
    let mut table = table();
    speaker(100, 7, 0, 80).says(&mut table, SECOND, State::Close, State::SynSent);
    speaker(200, 8, 0, 80).says(&mut table, SECOND, State::Close, State::SynSent);
    let dumped = [
        plain(row(7, State::SynSent, 40000, 80)),
        plain(row(8, State::SynSent, 40001, 80)),
    ];
    audit(&mut table, 2 * SECOND, StateSet::LIVE, &dumped);
    assert_eq!((table.len(), table.in_state(State::SynSent)), (2, 2));
    assert_eq!(table.totals().drift, [0; 4]);
    let ports: Vec<_> = rows(&table, 3 * SECOND)
        .iter()
        .map(|row| row.local_port)
        .collect();
    assert_eq!(ports, [40000, 40001]);
}

/// With its own addresses at once, and with its listener's at first, as up to Linux 6.12.
#[test]
fn a_child_replaces_its_request_and_not_its_listener() {
    for remote_port in [40000, 0] {
        let mut table = table();
        let request = DumpRow {
            kind: Kind::Request,
            inode: 0,
            ..row(7, State::SynRecv, 80, 40000)
        };
        let both = [plain(request), plain(row(1, State::Listen, 80, 0))];
        audit(&mut table, SECOND, StateSet::LIVE, &both);
        let born = Speaker::new(100, 0, 80, remote_port).flags(0);
        born.says(&mut table, 2 * SECOND, State::Listen, State::SynRecv);
        let child = Speaker::new(100, 7, 80, 40000).flags(0);
        child.says(&mut table, 2 * SECOND, State::SynRecv, State::Established);
        assert_eq!(table.len(), 2, "{remote_port}");
        assert_eq!(table.in_state(State::Listen), 1);
        assert_eq!(table.in_state(State::Established), 1);
        assert_eq!(table.totals().drift, [0; 4]);
    }
}

#[test]
fn a_minisock_and_a_newer_socket_with_its_addresses_are_two() {
    let mut table = table();
    let socket = speaker(100, 7, 40000, 80);
    socket
        .flags(flag::FIN_SEEN)
        .says(&mut table, SECOND, State::FinWait2, State::Close);
    speaker(100, 9, 40000, 80).says(&mut table, 2 * SECOND, State::Close, State::SynSent);
    let both = [
        plain(minisock(7, State::TimeWait, 59_000)),
        plain(row(9, State::SynSent, 40000, 80)),
    ];
    audit(&mut table, 3 * SECOND, StateSet::LIVE, &both);
    assert_eq!(table.in_state(State::TimeWait), 1);
    assert_eq!(table.in_state(State::SynSent), 1);
    assert_eq!(table.totals().drift, [0; 4]);
}

#[test]
fn what_ended_during_the_dump_is_not_raised_from_the_dead() {
    let mut table = table();
    let socket = speaker(100, 7, 40000, 80);
    socket.says(&mut table, SECOND, State::SynSent, State::Established);
    table.begin_audit(StateSet::LIVE);
    socket
        .ending(104, 0)
        .says(&mut table, 3 * SECOND, State::Established, State::Close);
    let time = DumpTime {
        started_ns: 2 * SECOND,
        read_ns: 3 * SECOND,
    };
    let mut dumped = [plain(row(7, State::Established, 40000, 80))];
    table.audit_rows(NETNS, time, &mut dumped);
    table.audit_namespace_done(NETNS, 2 * SECOND);
    table.end_audit(4 * SECOND, true);
    assert!(table.is_empty());
}

#[test]
fn a_table_that_knew_cookies_goes_on_without() {
    let mut table = Table::new();
    let established = row(7, State::Established, 40000, 80);
    audit(&mut table, SECOND, StateSet::LIVE, &[established]);
    table.set_dumps_have_cookies(false);
    audit(
        &mut table,
        2 * SECOND,
        StateSet::LIVE,
        &[plain(established)],
    );
    assert_eq!(table.len(), 1);
    assert_eq!(table.totals().drift, [0; 4]);
    table.set_dumps_have_cookies(true);
    audit(&mut table, 3 * SECOND, StateSet::LIVE, &[established]);
    assert_eq!(table.len(), 1);
    assert_eq!(table.totals().drift, [0; 4]);
}
