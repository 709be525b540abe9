//! Whose socket it is, and how that is known.

use rustc_hash::FxHashMap;

use super::*;
use crate::core::query::OwnerSource;
use crate::core::table::ByInode;
use tcpmon_common::Holder;

fn holder(sock: u64, cookie: u64, pid: u32, fd: u32, name: &str) -> Holder {
    let mut comm = [0; 16];
    comm[..name.len()].copy_from_slice(name.as_bytes());
    Holder {
        sock,
        cookie,
        inode: 0,
        born_ns: 0,
        pid,
        fd,
        comm,
    }
}

fn listener(table: &mut Table, sock: u64, pid: u32, name: &str) {
    Speaker::new(sock, sock, 80, 0)
        .by(pid, name)
        .says(table, 1, State::Close, State::Listen);
}

fn child(table: &mut Table, sock: u64) {
    let child = Speaker::new(sock, sock, 80, 40000 + sock as u16).flags(0);
    child.says(table, 2, State::Listen, State::SynRecv);
    child.says(table, 3, State::SynRecv, State::Established);
}

#[test]
fn a_child_has_its_listeners_process_until_it_is_seen_in_a_table() {
    let mut table = Table::new();
    listener(&mut table, 1, 10, "server");
    child(&mut table, 2);
    let of_child = |table: &Table| {
        let all = rows(table, 9);
        let row = all
            .into_iter()
            .find(|row| row.remote_port != 0)
            .expect("the child");
        (row.process, row.pid, row.fd, row.owner_source, row.accepted)
    };
    let assumed = (
        Some("server".into()),
        Some(10),
        None,
        Some(OwnerSource::Listener),
        Some(false),
    );
    assert_eq!(of_child(&table), assumed);
    assert!(table.wants_holders());
    table.set_holders(
        5,
        &[holder(2, 2, 11, 8, "worker"), holder(1, 1, 10, 3, "server")],
    );
    let seen = (
        Some("worker".into()),
        Some(11),
        Some(8),
        Some(OwnerSource::FdTable),
        Some(true),
    );
    assert_eq!(of_child(&table), seen);
    assert!(!table.wants_holders());
}

#[test]
fn of_several_holders_the_oldest_is_named_whatever_their_pids_and_order() {
    // Pids have begun anew: the child that is between fork and exec has a lower one than its parent.
    let parent = Holder {
        born_ns: 100,
        ..holder(1, 1, 32_000, 3, "server")
    };
    let forked = Holder {
        born_ns: 900,
        ..holder(1, 1, 500, 3, "server")
    };
    let helper = Holder {
        born_ns: 500,
        ..holder(1, 1, 40_000, 9, "helper")
    };
    let by_inode = |holder: Holder| Holder {
        sock: 0,
        cookie: 0,
        inode: 77,
        ..holder
    };
    for order in [
        [parent, forked, helper],
        [forked, parent, helper],
        [helper, forked, parent],
        [forked, helper, parent],
    ] {
        let named = |table: &Table| {
            let row = rows(table, 9).swap_remove(0);
            (row.pid, row.process, row.fd, row.holders)
        };
        let expected = (Some(32_000), Some("server".to_owned()), Some(3), Some(3));
        let mut table = Table::new();
        listener(&mut table, 1, 32_000, "server");
        table.set_holders(5, &order);
        assert_eq!(named(&table), expected);
        // The address is known for one of them only, and the inode from it.
        for known in 0..order.len() {
            let mut table = Table::new();
            listener(&mut table, 1, 7, "gone");
            let told = Holder {
                inode: 77,
                ..order[known]
            };
            table.hear_holders(5, &[told]);
            table.close_holders(5, order.map(by_inode).into_iter().collect());
            while table.walk_on(1) {}
            assert_eq!(named(&table), expected);
        }
    }
}

#[test]
fn a_service_is_named_and_not_the_manager_that_keeps_its_listener() {
    let manager = holder(1, 1, 1, 40, "systemd");
    let service = Holder {
        born_ns: 900,
        ..holder(1, 1, 700, 3, "sshd")
    };
    let mut table = Table::new();
    listener(&mut table, 1, 1, "systemd");
    let named = |table: &Table| {
        let row = rows(table, 9).swap_remove(0);
        (row.pid, row.process, row.fd, row.holders)
    };
    for (started_ns, order) in [(5, [manager, service]), (6, [service, manager])] {
        table.set_holders(started_ns, &order);
        let expected = (Some(700), Some("sshd".to_owned()), Some(3), Some(2));
        assert_eq!(named(&table), expected);
    }
    // Nobody has been started for it yet.
    table.set_holders(7, &[manager]);
    let expected = (Some(1), Some("systemd".to_owned()), Some(40), None);
    assert_eq!(named(&table), expected);
}

#[test]
fn whoever_is_hidden_is_not_searched_for_again_and_again() {
    let mut table = Table::new();
    listener(&mut table, 1, 10, "hidden");
    assert!(table.wants_holders());
    table.set_holders(5, &[]);
    assert!(
        !table.wants_holders(),
        "it was there before the scan, and not found"
    );
    // In the queue of that listener: accepting it makes no event.
    child(&mut table, 2);
    assert!(table.wants_holders());
    table.set_holders(9, &[]);
    assert!(table.wants_holders(), "somebody may accept it any moment");
    table.set_holders(10, &[holder(2, 2, 11, 8, "worker")]);
    assert!(!table.wants_holders());
    // Newer than the scan that did not find it.
    Speaker::new(3, 3, 81, 0)
        .by(12, "later")
        .says(&mut table, 30, State::Close, State::Listen);
    table.set_holders(20, &[]);
    assert!(table.wants_holders());
}

#[test]
fn holders_by_inode_are_told_whole() {
    let all: Vec<Holder> = [(30, 9, "b"), (40, 5, "a"), (20, 9, "c"), (40, 6, "a")]
        .map(|(pid, fd, name)| Holder {
            inode: 77,
            born_ns: 100 - u64::from(pid),
            ..holder(0, 0, pid, fd, name)
        })
        .to_vec();
    let told: ByInode = all.iter().copied().collect();
    let mut told: Vec<Holder> = told.holders().collect();
    assert_eq!(told[0], all[1], "whose it is comes first");
    told.sort_unstable_by_key(|holder| holder.pid);
    assert_eq!(told, [all[2], all[0], all[1]]);
}

#[test]
fn a_connection_that_waited_before_the_agent_came_has_its_listeners_process() {
    let mut table = Table::new();
    let waiting = DumpRow {
        inode: 0,
        ..row(2, State::CloseWait, 80, 40000)
    };
    let both = [row(1, State::Listen, 80, 0), waiting];
    audit(&mut table, SECOND, StateSet::LIVE, &both);
    let of_waiting = |table: &Table| {
        let mut all = rows(table, 9 * SECOND).into_iter();
        let row = all.find(|row| row.remote_port != 0).expect("it waits");
        (row.pid, row.fd, row.owner_source, row.accepted)
    };
    assert_eq!(of_waiting(&table), (None, None, None, Some(false)));
    table.set_holders(2 * SECOND, &[holder(100, 1, 10, 3, "server")]);
    let assumed = (Some(10), None, Some(OwnerSource::Listener), Some(false));
    assert_eq!(of_waiting(&table), assumed);
}

#[test]
fn a_listener_keeps_its_children_when_its_namespace_becomes_known() {
    let mut table = Table::new();
    let mut listener = Speaker::new(1, 0, 80, 0).by(10, "server");
    (listener.record.netns_cookie, listener.record.netns_inode) = (0, 0);
    listener.says(&mut table, 1, State::Close, State::Listen);
    audit(
        &mut table,
        5,
        StateSet::LIVE,
        &[row(7, State::Listen, 80, 0)],
    );
    child(&mut table, 2);
    let pids: Vec<_> = rows(&table, 9).iter().map(|row| row.pid).collect();
    assert_eq!(pids, [Some(10), Some(10)]);
}

#[test]
fn listeners_of_two_processes_on_one_port_leave_the_child_unknown() {
    let mut table = Table::new();
    listener(&mut table, 1, 10, "one");
    listener(&mut table, 2, 11, "two");
    child(&mut table, 3);
    let all = rows(&table, 9);
    let child = all
        .iter()
        .find(|row| row.remote_port != 0)
        .expect("the child");
    assert_eq!((child.pid, child.owner_source), (None, None));
}

#[test]
fn the_peer_that_runs_on_the_processor_is_not_blamed() {
    let mut table = Table::new();
    listener(&mut table, 1, 10, "server");
    child(&mut table, 2);
    // On loopback the FIN is processed while the client runs: the record has no pid.
    Speaker::new(2, 2, 80, 40002).flags(0).says(
        &mut table,
        4,
        State::Established,
        State::CloseWait,
    );
    let all = rows(&table, 9);
    let leak = all
        .iter()
        .find(|row| row.state == "CLOSE_WAIT")
        .expect("the leak");
    assert_eq!(leak.process.as_deref(), Some("server"));
}

#[test]
fn the_closer_is_the_owner_of_what_is_left() {
    let mut table = Table::new();
    let socket = Speaker::new(1, 1, 40000, 80);
    socket
        .by(10, "maker")
        .says(&mut table, 1, State::Close, State::SynSent);
    socket.says(&mut table, 2, State::SynSent, State::Established);
    table.set_holders(3, &[holder(1, 1, 10, 5, "maker")]);
    socket
        .by(11, "taker")
        .ending(0, 3)
        .says(&mut table, 4, State::Established, State::FinWait1);
    let row = &rows(&table, 5)[0];
    assert_eq!((row.process.as_deref(), row.fd), (Some("taker"), None));
    assert_eq!(row.owner_source, Some(OwnerSource::Close));
    // A scan that began before the close saw the descriptor of a socket nobody holds any more.
    table.set_holders(3, &[holder(1, 1, 10, 5, "maker")]);
    assert_eq!(rows(&table, 5)[0].process.as_deref(), Some("taker"));
}

#[test]
fn half_closing_does_not_change_the_holder() {
    let mut table = Table::new();
    let socket = Speaker::new(1, 1, 40000, 80);
    socket
        .by(10, "maker")
        .says(&mut table, 1, State::Close, State::SynSent);
    table.set_holders(2, &[holder(1, 1, 10, 5, "maker")]);
    socket
        .by(10, "maker")
        .ending(0, 2)
        .says(&mut table, 4, State::Established, State::FinWait1);
    let row = &rows(&table, 5)[0];
    assert_eq!(
        (row.fd, row.owner_source),
        (Some(5), Some(OwnerSource::FdTable))
    );
}

#[test]
fn a_reused_address_with_another_cookie_is_not_confirmed_by_an_old_scan() {
    let mut table = Table::new();
    Speaker::new(1, 9, 40000, 80)
        .by(20, "new")
        .says(&mut table, 5, State::Close, State::SynSent);
    table.set_holders(3, &[holder(1, 1, 10, 5, "old")]);
    assert_eq!(rows(&table, 6)[0].process.as_deref(), Some("new"));
}

#[test]
fn processes_are_forgotten_with_their_sockets() {
    let mut table = Table::new();
    for pid in 1..=100 {
        let socket = Speaker::new(1, u64::from(pid), 40000, 80);
        socket
            .by(pid, "many")
            .says(&mut table, 1, State::Close, State::SynSent);
        socket
            .ending(111, 0)
            .says(&mut table, 2, State::SynSent, State::Close);
    }
    assert_eq!(table.processes(), 0);
}

#[test]
fn control_groups_are_asked_for_once_and_give_unit_and_container() {
    let mut table = Table::new();
    let mut socket = Speaker::new(1, 1, 40000, 80);
    socket.record.cgroup_id = 77;
    socket.says(&mut table, 1, State::Close, State::SynSent);
    assert!(table.wants_cgroups());
    let path = "/system.slice/nginx.service".to_string();
    table.name_cgroups(&FxHashMap::from_iter([(77, path.clone())]));
    assert!(!table.wants_cgroups());
    let row = &rows(&table, 2)[0];
    assert_eq!(
        (row.cgroup.as_ref(), row.unit.as_deref()),
        (Some(&path), Some("nginx.service"))
    );
}
