//! Whatever the sources say, in whatever order: the table stays in one piece.

use proptest::prelude::*;

use super::super::{Bucket, Socket};
use super::*;
use crate::core::query::Sort;

#[derive(Clone, Debug)]
enum Fact {
    Record {
        sock: u64,
        old: u8,
        new: u8,
        flags: u8,
        error: u16,
    },
    Audit {
        states: bool,
        rows: Vec<(u64, u8, bool)>,
    },
    Holders {
        sock: u64,
        pid: u32,
    },
    Expire,
    Ripen {
        seconds: u64,
    },
}

fn fact() -> impl Strategy<Value = Fact> {
    prop_oneof![
        8 => (1u64..6, 0u8..14, 0u8..14, any::<u8>(), prop_oneof![Just(0u16), Just(104)]).prop_map(
            |(sock, old, new, flags, error)| Fact::Record { sock, old, new, flags, error }
        ),
        1 => (any::<bool>(), prop::collection::vec((1u64..6, 1u8..13, any::<bool>()), 0..6))
            .prop_map(|(states, rows)| Fact::Audit { states, rows }),
        1 => (1u64..6, 1u32..4).prop_map(|(sock, pid)| Fact::Holders { sock, pid }),
        1 => Just(Fact::Expire),
        1 => (0u64..120).prop_map(|seconds| Fact::Ripen { seconds }),
    ]
}

fn apply(table: &mut Table, time_ns: u64, fact: Fact) {
    match fact {
        Fact::Record {
            sock,
            old,
            new,
            flags,
            error,
        } => {
            let record = Record {
                time_ns,
                old_state: old,
                new_state: new,
                flags,
                error,
                pid: u32::from(flags),
                ..Speaker::new(sock, sock * 10, sock as u16, 80).record
            };
            table.apply(&record);
        }
        Fact::Audit { states, rows } => {
            let states = if states {
                StateSet::LIVE
            } else {
                StateSet::MINISOCKS
            };
            let rows: Vec<DumpRow> = rows
                .into_iter()
                .filter_map(|(sock, state, mini)| {
                    let state = State::from_kernel(i64::from(state))?;
                    Some(
                        if mini && matches!(state, State::TimeWait | State::FinWait2) {
                            minisock(sock * 10, state, 30_000)
                        } else {
                            row(sock * 10, state, sock as u16, 80)
                        },
                    )
                })
                .filter(|row| states.contains(row.state) && row.state != State::Close)
                .collect();
            audit(table, time_ns, states, &rows);
        }
        Fact::Holders { sock, pid } => table.set_holders(
            time_ns,
            &[tcpmon_common::Holder {
                sock,
                cookie: sock * 10,
                inode: 0,
                born_ns: 0,
                pid,
                fd: 3,
                comm: *b"holder\0\0\0\0\0\0\0\0\0\0",
            }],
        ),
        Fact::Expire => {
            table.expire(time_ns, 100);
        }
        Fact::Ripen { seconds } => {
            let before_ns = time_ns.saturating_sub(seconds * SECOND);
            let groups: Vec<_> = table.groups().map(|group| group.id()).collect();
            for group in groups {
                for state in State::RFC {
                    for bucket in Bucket::all_of(state) {
                        while table.ripen(group, bucket, before_ns, 2) > 0 {}
                    }
                }
            }
            for group in table.groups() {
                for bucket in State::RFC.into_iter().flat_map(Bucket::all_of) {
                    let sockets = group.sockets(bucket).map(|id| table.socket(id));
                    let old = sockets.filter(|socket| socket.entered_ns <= before_ns);
                    assert_eq!(group.ripe(bucket) as usize, old.count());
                }
            }
        }
    }
}

proptest! {
    #[test]
    fn counts_indexes_and_references_agree_after_any_facts(
        facts in prop::collection::vec(fact(), 0..150)
    ) {
        let mut table = Table::new();
        for (index, fact) in facts.into_iter().enumerate() {
            apply(&mut table, index as u64 * 10 * SECOND, fact);
        }
        let in_lists: u64 = State::RFC.into_iter().map(|state| table.in_state(state)).sum();
        prop_assert_eq!(in_lists, table.len() as u64);
        prop_assert_eq!(rows(&table, u64::MAX / 2).len(), table.len());
        check_answers(&table, u64::MAX / 2)?;
        let in_namespaces: u64 = table.namespaces.occupied().map(|netns| netns.sockets).sum();
        prop_assert_eq!(in_namespaces, table.len() as u64);
        let minisocks: u64 = table.namespaces.occupied().map(|netns| netns.minisocks).sum();
        let counted = table.slots.ids().filter(|id| table.slots.get(*id).kind == Kind::Minisock);
        prop_assert_eq!(minisocks, counted.count() as u64);
        let orphans: u64 = table.namespaces.occupied().map(|netns| netns.orphans).sum();
        let waiting = table.slots.ids().filter(|id| {
            let socket = table.slots.get(*id);
            socket.kind == Kind::Minisock && socket.state == State::FinWait2
        });
        prop_assert_eq!(orphans, waiting.count() as u64);
        for (sock, id) in &table.by_sock {
            prop_assert!(table.slots.is_alive(*id));
            prop_assert_eq!(table.slots.get(*id).sock, *sock);
        }
        prop_assert_eq!(table.index.len(), table.len());
        for id in table.slots.ids() {
            prop_assert!(table.is_indexed(id));
        }
        let by_tuple = table.slots.ids().filter(|id| {
            !table.dumps_have_cookies() || table.slots.get(*id).cookie == 0
        });
        prop_assert_eq!(table.known_by_tuple, by_tuple.count());
        let owned = table.slots.ids().filter(|id| table.slots.get(*id).owner.is_some()).count();
        prop_assert!(table.processes() <= owned);
        prop_assert_eq!(table.processes() == 0, owned == 0);
    }
}

/// What a filter asks for, whatever was left out of the search, is what matches of all there is, in order.
fn check_answers(table: &Table, now_ns: u64) -> Result<(), TestCaseError> {
    for text in [
        "pid = 1",
        "not pid = 1",
        "pid > 1 and state close-wait",
        "dport = :80",
        "sport < 3 or dport != :80",
        "dst 127.0.0.0/8",
        "src ::/0",
        "proc = holder",
        "state time-wait or pid = 2",
        &format!("age > {}s", now_ns / SECOND - 300),
        "dport = :9",
        "",
    ] {
        for sort in [Sort::Age, Sort::Newest] {
            let question = SocketsQuestion {
                filter: text.parse().expect("a filter"),
                sort,
                limit: None,
            };
            let matching = table
                .slots
                .ids()
                .filter(|id| table.matches(*id, &question, now_ns));
            let mut expected: Vec<_> = matching
                .map(|id| table.row(id, now_ns).age_seconds)
                .collect();
            expected.sort_by(f64::total_cmp);
            if sort == Sort::Age {
                expected.reverse();
            }
            let rows = table.sockets(&question, now_ns).sockets;
            let found: Vec<_> = rows.iter().map(|row| row.age_seconds).collect();
            prop_assert_eq!(found, expected, "{} {:?}", text, sort);
        }
    }
    Ok(())
}

/// Every socket is in the one group of its process and endpoint, in the list of its bucket, and the
/// ripe ones are the oldest.
pub(super) fn check_groups(table: &Table) -> Result<(), TestCaseError> {
    let mut seen = 0;
    for group in table.groups() {
        let (endpoint, _) = table.endpoint(group.endpoint_id()).expect("an endpoint");
        for bucket in State::RFC.into_iter().flat_map(Bucket::all_of) {
            let sockets = group.sockets(bucket).map(|id| table.socket(id));
            let sockets: Vec<&Socket> = sockets.collect();
            prop_assert_eq!(sockets.len(), group.count(bucket) as usize);
            prop_assert!(sockets.is_sorted_by_key(|socket| socket.entered_ns));
            let is_ripe = |socket: &&&Socket| socket.place.ripe();
            let ripe = sockets.iter().take_while(is_ripe).count();
            prop_assert_eq!(ripe, sockets.iter().filter(is_ripe).count());
            prop_assert_eq!(ripe, group.ripe(bucket) as usize);
            let (ripened, left) = group.ripe_flow(bucket);
            prop_assert_eq!(ripened - left, ripe as u64);
            for socket in sockets {
                prop_assert!(Bucket::of(socket) == bucket && endpoint.fits(socket));
                let process = socket.owner.map(|owner| table.processes.get(owner.process));
                prop_assert_eq!(process, group.process());
                seen += 1;
            }
        }
    }
    prop_assert_eq!(seen, table.len());
    Ok(())
}

proptest! {
    #[test]
    fn groups_hold_every_socket_once_in_order(facts in prop::collection::vec(fact(), 0..150)) {
        let mut table = Table::new();
        for (index, fact) in facts.into_iter().enumerate() {
            apply(&mut table, index as u64 * 10 * SECOND, fact);
        }
        check_groups(&table)?;
    }
}

proptest! {
    /// Long lists, into the middle of which a dump puts old sockets, a scan of holders moves them, and
    /// ends take them out: signposts lead nowhere wrong, and none is left.
    #[test]
    fn long_lists_stay_in_order(
        ages in prop::collection::vec((0u32..400, 0u64..3, any::<bool>()), 1..300),
        part in 1usize..60,
    ) {
        let mut table = Table::new();
        let time = DumpTime { started_ns: 999 * SECOND, read_ns: 1000 * SECOND };
        let found: Vec<DumpRow> = ages.iter().zip(1..).map(|((age_ms, peer, _), cookie)| DumpRow {
            last_ack_ms: Some(*age_ms),
            ..row(cookie, State::Established, 1000, 80 + *peer as u16)
        }).collect();
        let holders: Vec<tcpmon_common::Holder> = found.iter().map(|row| tcpmon_common::Holder {
            sock: 0,
            cookie: row.cookie,
            inode: 0,
            born_ns: 0,
            pid: 1 + (row.cookie % 2) as u32,
            fd: 3,
            comm: [b'a'; 16],
        }).collect();
        table.begin_audit(StateSet::LIVE);
        for rows in found.chunks(part) {
            table.audit_rows(NETNS, time, &mut rows.to_vec());
            check_groups(&table)?;
        }
        table.audit_namespace_done(NETNS, time.started_ns);
        table.end_audit(time.read_ns, true);
        prop_assert_eq!(table.len(), found.len());
        for (number, some) in holders.chunks(part).enumerate() {
            table.hear_holders(1001 * SECOND, some);
            for (cookie, _) in (1u64..).zip(&ages).skip(number * part).take(part).filter(|(_, age)| age.2) {
                let end = Speaker::new(cookie, cookie, 1000, 80).ending(104, 0);
                end.says(&mut table, 1002 * SECOND, State::Established, State::Close);
            }
            check_groups(&table)?;
        }
        table.close_holders(1001 * SECOND, std::iter::empty().collect());
        while table.walk_on(7) {}
        prop_assert_eq!(table.groups.signposts(), 0);
        let ended = ages.iter().filter(|age| age.2).count();
        prop_assert_eq!(table.len(), found.len() - ended);
        check_groups(&table)?;
    }
}
