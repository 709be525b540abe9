//! Accept queues, half-open connections, and what the kernel counts per namespace.

use rustc_hash::FxHashMap;
use tcpmon_common::State;

use super::Table;
use super::namespaces::Namespace;
use super::socket::{Details, SlotId};
use crate::core::facts::{DumpRow, KernelEvent, NamespaceFact, NetnsIdentity};
use crate::core::query::{NamespaceRow, NetnsView};

impl Table {
    /// Takes over a dump of the listeners of a namespace: how long their accept queues are, and what
    /// they dropped. A listener the table does not know yet waits for the next audit.
    pub fn measure_queues(&mut self, netns: NetnsIdentity, rows: &[DumpRow]) {
        let netns = self.namespaces.intern(netns);
        for row in rows {
            let known = self.find_row(netns, row);
            let Some(id) = known.filter(|id| self.slots.get(*id).state == State::Listen) else {
                continue;
            };
            self.listeners.measure(id, row.recv_queue, row.drops);
            self.slots.get_mut(id).details = Some(Details::of(row));
        }
    }

    /// Takes over what was read of a namespace.
    pub fn describe_namespace(&mut self, fact: NamespaceFact) {
        let grown = self.namespaces.describe(fact);
        for (total, grown) in self.totals.kernel_events.iter_mut().zip(grown) {
            *total = total.saturating_add(grown.unwrap_or(0));
        }
    }

    /// Takes over how many minisocks the kernel counts in a namespace. What the last record told may
    /// be long over: minisocks expire in silence.
    pub fn count_minisocks(&mut self, netns: NetnsIdentity, count: u64) {
        let netns = self.namespaces.intern(netns);
        self.namespaces.get_mut(netns).kernel_minisocks = Some(count);
    }

    /// The namespaces with sockets, those with the most first.
    #[must_use]
    pub fn namespace_rows(&self) -> Vec<NamespaceRow> {
        let mut rows: Vec<NamespaceRow> = self.namespaces.occupied().map(namespace_row).collect();
        rows.sort_by_key(|row| (std::cmp::Reverse(row.sockets), row.netns));
        rows
    }

    /// Half-open connections by the listener they go to. Listeners that share a port share theirs:
    /// each has all of them. A step per connection in SYN_RECV.
    pub(super) fn half_open(&self) -> FxHashMap<SlotId, u64> {
        let mut counts = FxHashMap::default();
        let mut at = self.slots.oldest(State::SynRecv);
        while let Some(id) = at {
            let socket = self.slots.get(id);
            let (netns, tuple) = (socket.netns, &socket.tuple);
            for listener in self.listeners.towards(&self.slots, netns, tuple) {
                *counts.entry(listener).or_default() += 1;
            }
            at = self.slots.newer(id);
        }
        counts
    }
}

fn namespace_row(namespace: &Namespace) -> NamespaceRow {
    let events = namespace.events.unwrap_or_default();
    let told = KernelEvent::ALL
        .into_iter()
        .zip(events)
        .filter_map(|(event, count)| Some((event.name().to_owned(), count?)));
    NamespaceRow {
        netns: (namespace.identity.inode != 0).then_some(namespace.identity.inode),
        name: namespace.name_text().map(str::to_owned),
        name_source: namespace.name.as_ref().map(|name| name.source),
        known_from: if namespace.seeded && namespace.missed.times == 0 {
            NetnsView::Dumps
        } else {
            NetnsView::Stream
        },
        sockets: namespace.sockets,
        minisocks: namespace.minisocks,
        kernel: told.collect(),
        limits: namespace.limits.as_deref().cloned(),
    }
}
