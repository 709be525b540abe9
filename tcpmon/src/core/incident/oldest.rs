//! The sockets an incident is about: the oldest of those in trouble, then what else is there.

use std::collections::BinaryHeap;

use tcpmon_common::State;

use crate::core::table::{Bucket, Endpoint, Group, SlotId, Table};
use crate::core::verdict::{Kind, Place, Subject};

/// The `most` sockets with the smallest keys.
struct Oldest {
    most: usize,
    heap: BinaryHeap<(bool, u64, SlotId)>,
}

impl Oldest {
    /// `false` when the key is too large; then so are all larger ones.
    fn offer(&mut self, key: (bool, u64, SlotId)) -> bool {
        if self.heap.len() < self.most {
            self.heap.push(key);
            return true;
        }
        let Some(mut largest) = self.heap.peek_mut() else {
            return false;
        };
        if *largest <= key {
            return false;
        }
        *largest = key;
        true
    }
}

/// At most `most` sockets of the subject, those in trouble first, the oldest first; and how many there
/// are in all. Costs a step per group, and some per socket that is returned.
pub(super) fn sockets(table: &Table, subject: &Subject, most: usize) -> (Vec<SlotId>, u64) {
    let focus = focus(subject.kind);
    let is_local = matches!(
        subject.place,
        Place::Service { .. } | Place::Destination { .. }
    );
    let mut in_all = 0;
    let mut oldest = Oldest {
        most,
        heap: BinaryHeap::new(),
    };
    for group in groups(table, subject) {
        for bucket in State::RFC.into_iter().flat_map(Bucket::all_of) {
            let is_aside = !focus.is_empty() && !focus.contains(&bucket);
            if is_aside && !is_local {
                continue;
            }
            in_all += u64::from(group.count(bucket));
            let keys = group
                .sockets(bucket)
                .map(|id| (is_aside, table.socket(id).entered_ns, id));
            for key in keys {
                if !oldest.offer(key) {
                    break;
                }
            }
        }
    }
    let keys = oldest.heap.into_sorted_vec();
    (keys.into_iter().map(|(_, _, id)| id).collect(), in_all)
}

/// The groups a verdict is about. A leak is one process's; who shares a port or a destination with it
/// has no part in that. Queues and ports are shared.
pub(super) fn groups<'a>(
    table: &'a Table,
    subject: &'a Subject,
) -> impl Iterator<Item = Group<'a>> {
    table.groups().filter(move |group| {
        let is_whose = subject.kind != Kind::CloseWaitLeak
            || subject.process.is_none()
            || group.process() == subject.process.as_ref();
        let endpoint = table.endpoint(group.endpoint_id());
        is_whose && endpoint.is_some_and(|(endpoint, _)| is_at(table, endpoint, &subject.place))
    })
}

fn is_at(table: &Table, endpoint: &Endpoint, place: &Place) -> bool {
    let here = table.netns_identity(endpoint.netns());
    if place.netns().is_some_and(|netns| netns != here) {
        return false;
    }
    match (*place, *endpoint) {
        (Place::Machine | Place::Namespace(_), _) => true,
        (Place::Service { port, .. }, Endpoint::Service { port: at, .. }) => port == at,
        (
            Place::Destination {
                source,
                address,
                port,
                ..
            },
            Endpoint::Destination {
                source: from,
                address: to,
                port: at,
                ..
            },
        ) => (source, address, port) == (from, to, at),
        _ => false,
    }
}

/// Where those in trouble are; empty when all are.
fn focus(kind: Kind) -> Vec<Bucket> {
    let states: &[State] = match kind {
        Kind::CloseWaitLeak => &[State::CloseWait],
        Kind::AcceptStuck | Kind::AcceptQueueOverflow => {
            return vec![
                Bucket::of_state(State::Listen),
                Bucket::UNACCEPTED,
                Bucket::UNACCEPTED_CLOSE_WAIT,
            ];
        }
        Kind::SynFlood => &[State::Listen, State::SynRecv],
        Kind::PortExhaustion => &[],
        Kind::TimeWaitOverflow => &[State::TimeWait],
        Kind::SynSentStuck => &[State::SynSent],
        Kind::FinWait1Stuck => &[State::FinWait1],
        Kind::FinWait2Stuck => &[State::FinWait2],
        Kind::ClosingStuck => &[State::Closing],
        Kind::LastAckStuck => &[State::LastAck],
        Kind::OrphansNearLimit => &[
            State::FinWait1,
            State::FinWait2,
            State::Closing,
            State::LastAck,
        ],
        Kind::HalfDead => &[State::Established],
    };
    states
        .iter()
        .map(|state| Bucket::of_state(*state))
        .collect()
}
