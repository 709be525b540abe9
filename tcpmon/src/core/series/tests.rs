//! Whole censuses, made at random: what is shown is all there is.

use std::net::Ipv4Addr;

use proptest::prelude::*;
use tcpmon_common::State;

use super::*;
use crate::core::census::{GroupCount, NamespaceCount, StateCount, Workload};
use crate::core::facts::NetnsIdentity;
use crate::core::table::Process;
use crate::core::verdict::{Kind, Place, Standing};

/// A group: whose, where, and its sockets in two states.
type Crowd = (u16, u8, u32, u32);

fn census(crowds: &[Crowd], troubled: Option<u16>, now_ns: u64) -> Census {
    let mut census = Census {
        now_ns,
        now_unix_ns: now_ns,
        ..Census::default()
    };
    for inode in 0..4 {
        census.namespaces.push(NamespaceCount {
            identity: netns(inode),
            name: (inode == 1).then(|| "blue".into()),
            limits: None,
        });
    }
    for (whose, place, established, close_wait) in crowds {
        let first = census.states.len();
        for (state, sockets) in [
            (State::Established, *established),
            (State::CloseWait, *close_wait),
        ] {
            if sockets > 0 {
                census.states.push(StateCount {
                    state,
                    sockets,
                    oldest_ns: 0,
                });
            }
        }
        let process = process(*whose);
        census.groups.push(GroupCount {
            process: (*whose > 0).then_some(process),
            workload: (*whose > 0).then_some(Workload {
                comm: process.comm,
                identity: None,
            }),
            place: destination(*place),
            states: (first, census.states.len() - first),
        });
    }
    census.verdicts = troubled
        .map(|whose| Standing {
            kind: Kind::CloseWaitLeak,
            severity: Severity::Warning,
            process: Some(process(whose)),
            place: destination(0),
        })
        .into_iter()
        .collect();
    census
}

fn process(whose: u16) -> Process {
    let mut comm = [0; 16];
    let name = whose.to_string();
    comm[..name.len()].copy_from_slice(name.as_bytes());
    Process {
        pid: whose.into(),
        comm,
    }
}

fn netns(inode: u32) -> NetnsIdentity {
    NetnsIdentity { cookie: 1, inode }
}

fn destination(place: u8) -> Place {
    Place::Destination {
        netns: netns(u32::from(place % 5)),
        source: Ipv4Addr::LOCALHOST.into(),
        address: Ipv4Addr::new(10, 0, 0, place).into(),
        port: u16::from(place) * 7,
    }
}

fn crowds() -> impl Strategy<Value = Vec<Crowd>> {
    prop::collection::vec((0u16..400, any::<u8>(), 0u32..50, 0u32..50), 0..300)
}

fn series<S: Sums>(rows: &Rows<S>) -> u64 {
    let series = rows.rows.iter().map(|row| row.sums.series(&row.counters));
    series.map(u64::from).sum()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn all_there_is_is_shown_within_the_room(
        steps in prop::collection::vec((crowds(), prop::option::of(1u16..400)), 1..8),
        room in 400u64..3000,
        with_addresses: bool,
    ) {
        let labels = if with_addresses {
            "process,listener,destination,namespace,remote_address"
        } else {
            "process,listener,destination,namespace"
        };
        let labels: Labels = labels.parse().unwrap();
        let mut all = Series::default();
        for ((crowds, troubled), now_ns) in steps.iter().zip((0..).step_by(15_000_000_000)) {
            let troubled = troubled.filter(|it| crowds.iter().any(|crowd| crowd.0 == *it));
            let census = census(crowds, troubled, now_ns);
            let sets = all.take(&census, labels, room);
            let truth: u64 = crowds.iter().map(|it| u64::from(it.2) + u64::from(it.3)).sum();
            let close_wait: u64 = crowds.iter().map(|it| u64::from(it.3)).sum();
            let in_close_wait = process::index_of(State::CloseWait).unwrap();

            let processes = &sets.processes.rows;
            let sockets = processes.iter().map(|row| row.sums.sockets.iter().sum::<u64>());
            prop_assert_eq!(sockets.sum::<u64>(), truth);
            let waiting = processes.iter().map(|row| row.sums.sockets[in_close_wait]);
            prop_assert_eq!(waiting.sum::<u64>(), close_wait);
            let namespaces = sets.namespaces.rows.iter();
            let sockets = namespaces.map(|row| row.sums.sockets.iter().sum::<u64>());
            prop_assert_eq!(sockets.sum::<u64>(), truth);
            let used = sets.destinations.rows.iter().map(|row| row.sums.used);
            prop_assert_eq!(used.sum::<u64>(), truth);

            let used = series(&sets.processes) + series(&sets.namespaces)
                + series(&sets.listeners)
                + sets.destinations.rows.len() as u64 * (2 + destination::FAILURES.len() as u64);
            prop_assert!(used <= room, "{used} of {room}");
            if let Some(troubled) = troubled {
                let name = troubled.to_string();
                let row = processes.iter().find(|row| row.member[0] == name);
                prop_assert!(row.is_some_and(|row| row.sums.verdicts.len() == 1));
            }
        }
    }
}

#[test]
fn other_labels_begin_anew() {
    let mut series = Series::default();
    let census = census(&[(1, 1, 5, 5)], None, 0);
    let plain = series.take(&census, Labels::default(), 5000);
    assert_eq!(plain.destinations.rows[0].member.len(), 3);
    let labels = "destination,remote_address".parse().unwrap();
    let told_apart = series.take(&census, labels, 5000);
    let row = &told_apart.destinations.rows[0];
    assert_eq!(
        *row.member,
        ["blue", "7", "1", "10.0.0.1"].map(String::from)
    );
    assert_eq!(row.sums.used, 10);
    assert!(told_apart.processes.rows.is_empty());
}
