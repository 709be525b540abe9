//! Listeners by port, so that a connection nobody has accepted yet can be given its listener's
//! process.

use rustc_hash::FxHashMap;

use super::namespaces::NetnsId;
use super::slots::Slots;
use super::socket::{Owner, SlotId, Socket};
use crate::core::tuple::{Family, Tuple};

/// What was seen of an accept queue since its listener is known.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Queue {
    /// The longest the queue was when it was looked at.
    pub(super) longest: u32,
    /// SYNs and handshakes the listener dropped in its life; `None` before the first look.
    pub(super) drops: Option<u32>,
}

/// Listening sockets.
#[derive(Debug, Default)]
pub(super) struct Listeners {
    by_port: FxHashMap<(NetnsId, u16), Vec<SlotId>>,
    queues: FxHashMap<SlotId, Queue>,
}

impl Listeners {
    pub(super) fn add(&mut self, socket: &Socket, id: SlotId) {
        let key = (socket.netns, socket.tuple.local_port);
        let same_port = self.by_port.entry(key).or_default();
        if !same_port.contains(&id) {
            same_port.push(id);
        }
    }

    pub(super) fn remove(&mut self, socket: &Socket, id: SlotId) {
        let key = (socket.netns, socket.tuple.local_port);
        if let Some(same_port) = self.by_port.get_mut(&key) {
            same_port.retain(|other| *other != id);
            if same_port.is_empty() {
                self.by_port.remove(&key);
            }
            self.queues.remove(&id);
        }
    }

    /// Takes over how long a listener's queue is now and what it dropped so far.
    pub(super) fn measure(&mut self, id: SlotId, length: u32, drops: Option<u32>) {
        let queue = self.queues.entry(id).or_default();
        queue.longest = queue.longest.max(length);
        queue.drops = drops.or(queue.drops);
    }

    pub(super) fn queue(&self, id: SlotId) -> Option<Queue> {
        self.queues.get(&id).copied()
    }

    /// Whether somebody listens on the port.
    pub(super) fn serves(&self, netns: NetnsId, port: u16) -> bool {
        self.by_port.contains_key(&(netns, port))
    }

    /// Ports from `low` to `high` of a namespace that somebody listens on.
    pub(super) fn ports_within(&self, netns: NetnsId, low: u16, high: u16) -> u32 {
        let ports = self.by_port.keys();
        let within = ports.filter(|(of, port)| *of == netns && (low..=high).contains(port));
        u32::try_from(within.count()).unwrap_or(u32::MAX)
    }

    /// The listener that takes connections for `tuple`; several where they share the port
    /// (`SO_REUSEPORT`), of which the kernel chooses one by a hash.
    pub(super) fn towards(
        &self,
        slots: &Slots,
        netns: NetnsId,
        tuple: &Tuple,
    ) -> impl Iterator<Item = SlotId> {
        let same_port = self.by_port.get(&(netns, tuple.local_port));
        let same_port = same_port.map_or(&[][..], Vec::as_slice);
        let claim = |id: &SlotId| claim(&slots.get(*id).tuple, tuple);
        let best = same_port.iter().filter_map(claim).max();
        let chosen = same_port.iter().filter(move |id| claim(id) == best);
        chosen.filter(move |_| best.is_some()).copied()
    }

    /// The owner of the listener that takes connections for `tuple`. None when several processes could
    /// be meant.
    pub(super) fn owner_for(&self, slots: &Slots, netns: NetnsId, tuple: &Tuple) -> Option<Owner> {
        let listeners = self.towards(slots, netns, tuple);
        sole_owner(listeners.map(|id| slots.get(id)))
    }
}

/// How well a listener fits a connection for `tuple` on its port, the worst first
/// (`inet_lookup_listener` and `compute_score` of `net/ipv4/inet_hashtables.c`).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Claim {
    /// Any address, an IPv6 listener for an IPv4 connection.
    OtherFamily,
    /// Any address of its family.
    AnyAddress,
    /// Its very address.
    Address,
}

/// `None` where the listener does not take it at all.
fn claim(listener: &Tuple, tuple: &Tuple) -> Option<Claim> {
    if listener.local == [0; 16] {
        return match (listener.family, tuple.family) {
            (Family::Ipv4, Family::Ipv6) => None,
            (Family::Ipv6, Family::Ipv4) => Some(Claim::OtherFamily),
            _ => Some(Claim::AnyAddress),
        };
    }
    let (bound, asked) = (listener.local_address(), tuple.local_address());
    (bound.to_canonical() == asked.to_canonical()).then_some(Claim::Address)
}

fn sole_owner<'a>(mut listeners: impl Iterator<Item = &'a Socket>) -> Option<Owner> {
    let first = listeners.next()?.owner?;
    let same = listeners.all(|other| {
        other
            .owner
            .is_some_and(|owner| owner.process == first.process)
    });
    same.then_some(first)
}
