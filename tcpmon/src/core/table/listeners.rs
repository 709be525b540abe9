//! Listeners by port, so that a connection nobody has accepted yet can be given its listener's
//! process.

use rustc_hash::FxHashMap;

use super::namespaces::NetnsId;
use super::slots::Slots;
use super::socket::{Owner, SlotId, Socket};
use crate::core::tuple::Tuple;

/// Listening sockets by namespace and local port.
#[derive(Debug, Default)]
pub(super) struct Listeners(FxHashMap<(NetnsId, u16), Vec<SlotId>>);

impl Listeners {
    pub(super) fn add(&mut self, socket: &Socket, id: SlotId) {
        let key = (socket.netns, socket.tuple.local_port);
        let same_port = self.0.entry(key).or_default();
        if !same_port.contains(&id) {
            same_port.push(id);
        }
    }

    pub(super) fn remove(&mut self, socket: &Socket, id: SlotId) {
        let key = (socket.netns, socket.tuple.local_port);
        if let Some(same_port) = self.0.get_mut(&key) {
            same_port.retain(|other| *other != id);
            if same_port.is_empty() {
                self.0.remove(&key);
            }
        }
    }

    /// The owner of the listener that takes connections for `tuple`: the one bound to its very
    /// address, else to the wildcard. None when several processes could be meant (`SO_REUSEPORT`).
    pub(super) fn owner_for(&self, slots: &Slots, netns: NetnsId, tuple: &Tuple) -> Option<Owner> {
        let same_port = self.0.get(&(netns, tuple.local_port))?;
        let bound_to = |address: [u8; 16]| {
            same_port
                .iter()
                .map(|id| slots.get(*id))
                .filter(move |listener| listener.tuple.local == address)
        };
        sole_owner(bound_to(tuple.local)).or_else(|| sole_owner(bound_to([0; 16])))
    }
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
