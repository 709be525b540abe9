//! Who the processes are, and what became of them.

use super::*;
use crate::core::facts::{NamespaceFact, NamespaceLimits, PortRange, Presence, ProcessFact};
use crate::core::query::ProcessRow;
use std::sync::Arc;
use tcpmon_common::Holder;

/// A process that began before all that these tests tell.
fn fact(pid: u32, name: &str, start_ticks: u64, read_ns: u64) -> ProcessFact {
    ProcessFact {
        comm: Some(comm(name)),
        start_ticks: Some(start_ticks),
        open_files: Some(7),
        max_open_files: Some(1024),
        ..ProcessFact::unread(pid, read_ns, Presence::Seen)
    }
}

fn comm(name: &str) -> [u8; 16] {
    let mut comm = [0; 16];
    comm[..name.len()].copy_from_slice(name.as_bytes());
    comm
}

fn connect(table: &mut Table, sock: u64, pid: u32, name: &str, time_ns: u64) {
    let socket = Speaker::new(sock, sock, 40000 + sock as u16, 80).by(pid, name);
    socket.says(table, time_ns, State::Close, State::SynSent);
}

fn leak(table: &mut Table, sock: u64, pid: u32, time_ns: u64) {
    connect(table, sock, pid, "leaky", time_ns);
    let socket = Speaker::new(sock, sock, 40000 + sock as u16, 80).silent();
    socket.says(table, time_ns, State::SynSent, State::Established);
    socket.says(table, time_ns, State::Established, State::CloseWait);
}

fn scan(table: &mut Table, started_ns: u64, holders: &[(u64, u32, &str)]) {
    let holders: Vec<Holder> = holders
        .iter()
        .zip(3..)
        .map(|((sock, pid, name), fd)| Holder {
            sock: *sock,
            cookie: *sock,
            inode: 0,
            born_ns: 0,
            pid: *pid,
            fd,
            comm: comm(name),
        })
        .collect();
    table.set_holders(started_ns, &holders);
}

fn process(table: &Table, pid: u32) -> ProcessRow {
    table
        .process_row(pid, 100 * SECOND)
        .expect("it owns sockets")
}

#[test]
fn a_row_has_what_was_read_and_what_is_counted() {
    let mut table = Table::new();
    leak(&mut table, 1, 10, 40 * SECOND);
    leak(&mut table, 2, 10, 50 * SECOND);
    connect(&mut table, 3, 10, "leaky", 60 * SECOND);
    let unread = process(&table, 10);
    assert_eq!(
        (unread.presence, unread.fd_open, unread.user),
        (None, None, None)
    );
    table.describe_processes(&[ProcessFact {
        executable: Some("/opt/leaky".into()),
        cgroup: Some("/system.slice/leaky.service".into()),
        uid: Some(33),
        user: Some("www-data".into()),
        ..fact(10, "leaky", 3000, 90 * SECOND)
    }]);
    let row = process(&table, 10);
    assert_eq!(row.presence.as_deref(), Some("seen"));
    assert_eq!(
        (row.facts_age_seconds, row.age_seconds),
        (Some(10.0), Some(70.0))
    );
    assert_eq!(row.executable.as_deref(), Some("/opt/leaky"));
    assert_eq!((row.uid, row.user.as_deref()), (Some(33), Some("www-data")));
    assert_eq!(row.unit.as_deref(), Some("leaky.service"));
    assert_eq!((row.fd_open, row.fd_limit), (Some(7), Some(1024)));
    assert_eq!(row.sockets, 3);
    let states = [("CLOSE_WAIT".to_owned(), 2), ("SYN_SENT".to_owned(), 1)];
    assert_eq!(row.states, states.into());
    assert_eq!(row.oldest_close_wait_age_seconds, Some(60.0));
    assert!(!row.oldest_close_wait_is_lower_bound);
    assert_eq!(
        table.process_facts(10).map(|fact| fact.open_files),
        Some(Some(7))
    );
    assert_eq!(table.process_facts(11), None);
}

#[test]
fn a_socket_is_in_the_container_of_its_process_unless_it_tells_one_itself() {
    const ID: &str = "4f797c539e6c745de61a93ca3ff892358ecbcaccd8414d5db545c38428142970";
    let mut table = Table::new();
    let mut socket = Speaker::new(1, 1, 40001, 80).by(10, "app");
    socket.record.cgroup_id = 77;
    socket.says(&mut table, SECOND, State::Close, State::SynSent);
    let paths = |path: &str| rustc_hash::FxHashMap::from_iter([(77, path.to_owned())]);
    let container = |table: &Table| {
        let row = rows(table, SECOND).remove(0);
        (row.cgroup, row.container)
    };
    assert_eq!(container(&table), (None, None));
    let of_process = format!("/docker/{ID}");
    table.describe_processes(&[ProcessFact {
        cgroup: Some(of_process.clone()),
        ..fact(10, "app", 1, SECOND)
    }]);
    let expected = (Some(of_process), Some(ID.to_owned()));
    assert_eq!(container(&table), expected, "version 2 is not mounted");
    table.name_cgroups(&paths("/system.slice/containerd.service"));
    assert_eq!(
        container(&table),
        expected,
        "version 2 has the daemon alone"
    );
    let named = "container = ".to_owned() + ID;
    let question = SocketsQuestion {
        filter: named.parse().expect("a filter"),
        ..SocketsQuestion::default()
    };
    assert_eq!(table.sockets(&question, SECOND).matched, Some(1));
    table.describe_processes(&[ProcessFact {
        cgroup: Some("/".into()),
        ..fact(10, "app", 1, SECOND)
    }]);
    let own = Some("/system.slice/containerd.service".to_owned());
    assert_eq!(container(&table), (own, None));
}

#[test]
fn leaks_come_first_and_nobody_is_left_out() {
    let mut table = Table::new();
    connect(&mut table, 1, 10, "client", SECOND);
    leak(&mut table, 2, 11, SECOND);
    leak(&mut table, 3, 12, SECOND);
    leak(&mut table, 4, 12, SECOND);
    audit(
        &mut table,
        SECOND,
        StateSet::LIVE,
        &[row(9, State::Listen, 80, 0)],
    );
    let all = table.process_rows(None, 2 * SECOND);
    let pids: Vec<u32> = all.processes.iter().map(|row| row.pid).collect();
    assert_eq!((pids, all.sockets_without_process), (vec![12, 11, 10], 1));
}

#[test]
fn new_processes_are_read_first_then_leaks_then_the_longest_unread() {
    let mut table = Table::new();
    assert!(!table.wants_processes(0) && !table.has_unread_processes());
    for (sock, pid) in [(1, 10), (2, 11), (3, 12)] {
        connect(&mut table, sock, pid, "client", SECOND);
    }
    leak(&mut table, 4, 13, SECOND);
    assert!(table.wants_processes(SECOND) && table.has_unread_processes());
    assert_eq!(table.processes_to_read(SECOND, 2), [13, 10]);
    for (pid, read_ns) in [(10, 2), (11, 3), (13, 4)] {
        table.describe_processes(&[fact(pid, "client", 1, read_ns * SECOND)]);
    }
    assert_eq!(
        table.processes_to_read(5 * SECOND, 9),
        [12],
        "the others were just read"
    );
    table.describe_processes(&[fact(12, "client", 1, SECOND)]);
    assert!(!table.wants_processes(5 * SECOND) && !table.has_unread_processes());
    assert_eq!(table.processes_to_read(60 * SECOND, 9), [13, 12, 10, 11]);
    assert_eq!(table.processes_to_read(60 * SECOND, 3), [13, 12, 10]);
}

#[test]
fn threads_with_names_of_their_own_are_one_process() {
    let mut table = Table::new();
    connect(&mut table, 1, 10, "worker-1", SECOND);
    connect(&mut table, 2, 10, "worker-2", SECOND);
    assert_eq!(process(&table, 10).sockets, 2);
    assert_eq!(table.processes_to_read(SECOND, 9), [10]);
    table.describe_processes(&[fact(10, "database", 1, SECOND)]);
    assert!(!table.wants_processes(SECOND));
    let row = process(&table, 10);
    assert_eq!((row.process.as_str(), row.sockets), ("database", 2));
    let names: Vec<_> = rows(&table, SECOND)
        .into_iter()
        .map(|row| row.process)
        .collect();
    assert_eq!(names, [Some("database".into()), Some("database".into())]);
}

#[test]
fn a_process_that_executes_another_program_is_the_same_process() {
    let mut table = Table::new();
    connect(&mut table, 1, 10, "sh", SECOND);
    table.describe_processes(&[fact(10, "sh", 1, SECOND)]);
    // The next connection is the new program's, and known by its name before it is looked at.
    connect(&mut table, 2, 10, "server", 2 * SECOND);
    assert_eq!(table.processes_to_read(2 * SECOND, 9), [10]);
    table.describe_processes(&[ProcessFact {
        executable: Some("/bin/server".into()),
        ..fact(10, "server", 1, 3 * SECOND)
    }]);
    let row = process(&table, 10);
    assert_eq!((row.process.as_str(), row.sockets), ("server", 2));
    assert_eq!(row.executable.as_deref(), Some("/bin/server"));
}

#[test]
fn a_reused_pid_is_another_process() {
    let mut table = Table::new();
    leak(&mut table, 1, 10, SECOND);
    table.describe_processes(&[fact(10, "leaky", 5, SECOND)]);
    scan(&mut table, 2 * SECOND, &[(1, 10, "leaky")]);
    assert!(!table.wants_holders());
    // A child of the first still has the socket; the pid is another's with the same name.
    leak(&mut table, 2, 10, 40 * SECOND);
    table.describe_processes(&[fact(10, "leaky", 3500, 50 * SECOND)]);
    assert!(
        table.wants_holders(),
        "somebody else may hold what the first one held"
    );
    let all = table.process_rows(None, 60 * SECOND).processes;
    let presence: Vec<_> = all
        .iter()
        .map(|row| (row.pid, row.presence.as_deref()))
        .collect();
    assert_eq!(
        presence,
        [(10, Some("gone"))],
        "of the second nothing is known yet"
    );
    assert!(!table.owns_sockets(10) && table.process_facts(10).is_none());

    scan(
        &mut table,
        61 * SECOND,
        &[(1, 20, "child"), (2, 10, "leaky")],
    );
    assert_eq!(table.processes_to_read(61 * SECOND, 9), [10, 20]);
    table.describe_processes(&[fact(10, "leaky", 3500, 62 * SECOND)]);
    let all = table.process_rows(None, 62 * SECOND).processes;
    let now: Vec<_> = all
        .iter()
        .map(|row| (row.pid, row.sockets, row.age_seconds))
        .collect();
    assert_eq!(now, [(10, 1, Some(27.0)), (20, 1, None)]);
}

#[test]
fn a_pid_reused_before_the_first_look_is_another_process_too() {
    let mut table = Table::new();
    leak(&mut table, 1, 10, 2 * SECOND);
    table.describe_processes(&[fact(10, "leaky", 300, 4 * SECOND)]);
    let all = table.process_rows(None, 5 * SECOND).processes;
    assert_eq!(all.len(), 1);
    assert_eq!(all[0].presence.as_deref(), Some("gone"));
    assert_eq!(
        (all[0].fd_open, all[0].age_seconds),
        (None, None),
        "not the other's"
    );
}

#[test]
fn a_process_that_ended_keeps_what_was_known_and_dies_with_its_last_socket() {
    let mut table = Table::new();
    leak(&mut table, 1, 10, SECOND);
    table.describe_processes(&[fact(10, "leaky", 1, SECOND)]);
    table.describe_processes(&[ProcessFact::unread(10, 20 * SECOND, Presence::Gone)]);
    assert!(
        !table.wants_processes(99 * SECOND),
        "there is nothing left to look at"
    );
    let all = table.process_rows(None, 99 * SECOND).processes;
    assert_eq!(
        (all[0].presence.as_deref(), all[0].fd_open),
        (Some("gone"), Some(7))
    );
    let last = Speaker::new(1, 1, 40001, 80).ending(104, 0);
    last.says(&mut table, 100 * SECOND, State::CloseWait, State::Close);
    assert_eq!(table.process_rows(None, 99 * SECOND).processes, []);
    // The next with that pid begins from nothing.
    connect(&mut table, 2, 10, "leaky", 101 * SECOND);
    assert_eq!((table.processes(), table.process_facts(10)), (1, None));
}

#[test]
fn what_may_not_be_looked_at_is_unknown_not_gone() {
    let mut table = Table::new();
    connect(&mut table, 1, 10, "hidden", SECOND);
    table.describe_processes(&[ProcessFact::unread(10, SECOND, Presence::Hidden)]);
    let row = process(&table, 10);
    assert_eq!(
        (row.process.as_str(), row.presence.as_deref()),
        ("hidden", Some("hidden"))
    );
    assert_eq!(
        (row.fd_open, row.fd_limit, row.executable),
        (None, None, None)
    );
    assert!(!table.wants_processes(SECOND), "not at once again");
    assert!(
        table.wants_processes(60 * SECOND),
        "but later: it may be shown by then"
    );
}

#[test]
fn holders_are_counted_once_per_process() {
    let mut table = Table::new();
    connect(&mut table, 1, 10, "one", SECOND);
    connect(&mut table, 2, 11, "two", SECOND);
    let holders = |table: &Table| {
        let mut all = rows(table, SECOND);
        all.sort_by_key(|row| row.local_port);
        let pids: Vec<_> = all.iter().map(|row| (row.pid, row.holders)).collect();
        pids
    };
    assert_eq!(holders(&table), [(Some(10), None), (Some(11), None)]);
    // Duplicates within a process, and a thread whose table is its own, are no further holders.
    let parts = [
        (1, 10, "one"),
        (1, 10, "one"),
        (2, 11, "two"),
        (1, 12, "child"),
        (1, 12, "child"),
        (1, 13, "child"),
        (1, 10, "thread"),
        (2, 11, "two"),
    ];
    scan(&mut table, 2 * SECOND, &parts);
    assert_eq!(holders(&table), [(Some(10), Some(3)), (Some(11), None)]);
    // The parent lets go.
    scan(&mut table, 3 * SECOND, &[(1, 12, "child"), (2, 11, "two")]);
    assert_eq!(holders(&table), [(Some(12), None), (Some(11), None)]);
}

#[test]
fn holders_of_a_socket_may_be_told_in_different_parts() {
    let mut table = Table::new();
    connect(&mut table, 1, 10, "one", SECOND);
    connect(&mut table, 2, 11, "two", SECOND);
    let holder = |sock, pid, inode| Holder {
        sock,
        cookie: sock,
        inode,
        born_ns: 0,
        pid,
        fd: 3,
        comm: comm("child"),
    };
    let held = |table: &Table, port| {
        let all = rows(table, SECOND);
        let row = all.iter().find(|row| row.local_port == port);
        row.map(|row| (row.pid, row.holders)).expect("the socket")
    };
    let began_ns = 2 * SECOND;
    for pid in [20, 21, 20, 22] {
        table.hear_holders(began_ns, &[holder(1, pid, 1001)]);
    }
    table.hear_holders(began_ns, &[holder(2, 30, 1002)]);
    // Somebody else's socket takes the place of one that was shared.
    let end = Speaker::new(1, 1, 40001, 80).ending(111, 0);
    end.says(&mut table, began_ns + 1, State::SynSent, State::Close);
    connect(&mut table, 3, 12, "three", began_ns + 2);
    table.hear_holders(began_ns, &[holder(3, 12, 1003)]);
    // What is known by the inode alone comes at the end.
    let by_inode = [40, 41, 41, 42].map(|pid| holder(0, pid, 1002));
    table.close_holders(began_ns, by_inode.into_iter().collect());
    assert_eq!(table.holders_scanned_ns, 0, "not before it is over");
    while table.walk_on(1) {}
    assert_eq!(table.holders_scanned_ns, began_ns);
    assert_eq!(held(&table, 40002), (Some(30), Some(4)));
    assert_eq!(held(&table, 40003), (Some(12), None));
    // Nothing of that scan is left in the next one.
    table.hear_holders(3 * SECOND, &[holder(2, 30, 1002)]);
    table.close_holders(3 * SECOND, std::iter::empty().collect());
    while table.walk_on(1) {}
    assert_eq!(held(&table, 40002), (Some(30), None));
}

#[test]
fn nobody_holds_what_is_closed() {
    let mut table = Table::new();
    connect(&mut table, 1, 10, "one", SECOND);
    let socket = Speaker::new(1, 1, 40001, 80).silent();
    socket.says(&mut table, SECOND, State::SynSent, State::Established);
    scan(&mut table, 2 * SECOND, &[(1, 10, "one"), (1, 11, "two")]);
    assert_eq!(rows(&table, SECOND)[0].holders, Some(2));
    let closing = socket.by(11, "two").ending(0, 3);
    closing.says(&mut table, 3 * SECOND, State::Established, State::FinWait1);
    assert_eq!(rows(&table, SECOND)[0].holders, None);
}

#[test]
fn limits_stay_until_they_are_read_anew_and_die_with_the_namespace() {
    let mut table = Table::new();
    connect(&mut table, 1, 10, "one", SECOND);
    let read = |table: &mut Table, limits: Option<NamespaceLimits>| {
        table.describe_namespace(NamespaceFact {
            identity: NETNS,
            name: None,
            events: Default::default(),
            limits: limits.map(Arc::new),
        });
        table.namespace_rows()[0].limits.clone()
    };
    assert_eq!(read(&mut table, None), None);
    let ports = |low| NamespaceLimits {
        local_ports: Some(PortRange { low, high: 60999 }),
        ..NamespaceLimits::default()
    };
    assert_eq!(read(&mut table, Some(ports(32768))), Some(ports(32768)));
    assert_eq!(read(&mut table, None), Some(ports(32768)));
    assert_eq!(read(&mut table, Some(ports(1024))), Some(ports(1024)));
    let end = Speaker::new(1, 1, 40001, 80).ending(111, 0);
    end.says(&mut table, 2 * SECOND, State::SynSent, State::Close);
    audit(&mut table, 3 * SECOND, StateSet::LIVE, &[]);
    connect(&mut table, 2, 10, "one", 4 * SECOND);
    assert_eq!(table.namespace_rows()[0].limits, None);
}
