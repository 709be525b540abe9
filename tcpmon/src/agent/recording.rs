//! A recording begins, and what the kernel counts meanwhile.

use tokio::sync::mpsc::Sender;
use tokio::sync::oneshot;

use super::Agent;
use super::recorders::Beginning;
use crate::clock;
use crate::core::filter::Filter;
use crate::core::recording::{Header, Tick};
use crate::mailbox::Batch;

impl Agent {
    pub(super) fn record(
        &mut self,
        filter: Filter,
        batches: Sender<Batch>,
        answer: oneshot::Sender<Header>,
    ) {
        // What happened before is known, and no part of it.
        self.drain();
        let now_ns = clock::boottime_ns();
        let header = Header {
            version: env!("CARGO_PKG_VERSION").into(),
            host: self.host.name.clone(),
            kernel: self.host.kernel.clone(),
            rung: self.rung().into(),
            netns: self.host.netns,
            limits: self.health(now_ns).limits,
            filter: filter.to_string(),
            began_unix_ns: clock::unix_ns(),
            began_ns: now_ns,
            agent_started_ns: self.started_ns,
        };
        if answer.send(header).is_err() {
            return;
        }
        let beginning = Beginning {
            table: &self.table,
            policy: self.court.policy(),
            tick: self.count(now_ns),
        };
        self.recorders.add(filter, batches, &beginning);
    }

    /// What was counted so far.
    pub(super) fn count(&self, now_ns: u64) -> Tick {
        Tick {
            now_ns,
            unix_ns: clock::unix_ns_of(now_ns),
            produced: self.losses.counters.produced,
            delivered: self.delivered(),
            losses: self.losses.counts(self.undecodable()),
        }
    }
}
