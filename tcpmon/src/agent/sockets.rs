//! Questions about one socket. What the table has is answered at once; what the kernel says of the
//! connection is not kept, and the sweeper is asked for it.

use std::collections::VecDeque;

use tokio::sync::oneshot::Sender;

use super::Agent;
use super::asked::Asked;
use crate::clock;
use crate::core::query::{
    Picture, SCHEMA, SocketAnswer, SocketQuestion, StepRow, Transport, Wants,
};
use crate::core::table::{SlotId, Table};
use crate::source::sweep::Job;

/// Descriptions kept, for those who ask while the sweeper is busy: one for each of some screens.
const KEPT: usize = 8;

/// A description, and when it was read.
struct Described {
    cookie: u64,
    read_ns: u64,
    transport: Transport,
}

/// Sockets that somebody looks at, by their cookies.
#[derive(Default)]
pub(super) struct Looked {
    asked: Asked<u64, SocketAnswer>,
    /// The sweeper is to describe them, and nobody waits for that.
    under_way: Vec<u64>,
    described: VecDeque<Described>,
}

impl Looked {
    /// Takes what the sweeper found; a socket that is gone keeps its last description.
    fn describe(&mut self, cookie: u64, transport: Option<Transport>, read_ns: u64) {
        self.under_way.retain(|other| *other != cookie);
        let Some(transport) = transport else {
            return;
        };
        self.described.retain(|other| other.cookie != cookie);
        self.described.truncate(KEPT - 1);
        self.described.push_front(Described {
            cookie,
            read_ns,
            transport,
        });
    }

    fn last(&self, cookie: u64, now_ns: u64) -> Option<Transport> {
        let mut described = self.described.iter();
        let found = described.find(|described| described.cookie == cookie)?;
        let age_ns = now_ns.saturating_sub(found.read_ns);
        Some(Transport {
            age_seconds: age_ns as f64 / 1e9,
            ..found.transport.clone()
        })
    }
}

impl Agent {
    /// Everything a screen needs, of one moment.
    pub(super) fn picture(&mut self, wants: &Wants) -> Picture {
        let now_ns = self.catch_up();
        self.refresh_counters();
        let (summary, verdicts) = (
            self.summary_at(now_ns),
            self.court.report(&self.table, now_ns),
        );
        self.table
            .picture(wants, now_ns, summary, verdicts, &self.course)
    }

    /// Waits for the sweeper only while that has nothing else to do: a large audit takes seconds.
    pub(super) fn ask_for_socket(
        &mut self,
        SocketQuestion { cookie }: SocketQuestion,
        answer: Sender<SocketAnswer>,
    ) {
        let now_ns = self.catch_up();
        let Some(id) = self.table.socket_with(cookie) else {
            drop(answer.send(self.socket_answer(cookie, now_ns)));
            return;
        };
        let is_first = match self.sweeping {
            None => self.looked.asked.add(cookie, answer),
            Some(_) => {
                drop(answer.send(self.socket_answer(cookie, now_ns)));
                let is_first = !self.looked.under_way.contains(&cookie);
                if is_first {
                    self.looked.under_way.push(cookie);
                }
                is_first
            }
        };
        if is_first && self.jobs.send(self.description_of(id, cookie)).is_err() {
            self.answer_socket(cookie, None);
        }
    }

    fn description_of(&self, id: SlotId, cookie: u64) -> Job {
        let (netns, tuple) = self.table.whereabouts(id);
        Job::Socket {
            netns,
            tuple,
            cookie,
        }
    }

    /// The sweeper's word on a socket.
    pub(super) fn answer_socket(&mut self, cookie: u64, transport: Option<Transport>) {
        self.looked
            .describe(cookie, transport, clock::boottime_ns());
        let now_ns = self.catch_up();
        let told = self.socket_answer(cookie, now_ns);
        for answer in self.looked.asked.take(&cookie) {
            drop(answer.send(told.clone()));
        }
    }

    fn socket_answer(&self, cookie: u64, now_ns: u64) -> SocketAnswer {
        SocketAnswer {
            // The kernel was asked directly: how long ago is a matter of the clock.
            transport: self.looked.last(cookie, clock::boottime_ns()),
            ..socket_answer(&self.table, cookie, now_ns, clock::unix_ns_of)
        }
    }
}

/// What `table` knows of the socket with this cookie at `now_ns`. `unix_ns`: wall-clock time of a moment.
pub(crate) fn socket_answer(
    table: &Table,
    cookie: u64,
    now_ns: u64,
    unix_ns: impl Fn(u64) -> u64,
) -> SocketAnswer {
    let id = table.socket_with(cookie);
    let steps = id.map_or_else(Vec::new, |id| table.steps(id));
    let steps = steps.into_iter().map(|step| StepRow {
        time: clock::rfc3339(unix_ns(step.time_ns)),
        age_seconds: now_ns.saturating_sub(step.time_ns) as f64 / 1e9,
        from: step.edge.from.name().into(),
        to: step.edge.to.name().into(),
        reason: step.edge.kind.name().into(),
        duration_seconds: step.duration_ns.map(|duration| duration as f64 / 1e9),
    });
    SocketAnswer {
        schema: SCHEMA,
        socket: id.map(|id| table.row(id, now_ns)),
        steps: steps.collect(),
        transport: None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn descriptions_age_and_are_few() {
        let mut looked = Looked::default();
        for cookie in 1..=20 {
            looked.describe(cookie, Some(Transport::default()), 1_000_000_000);
        }
        assert_eq!(looked.described.len(), KEPT);
        let last = looked.last(20, 3_500_000_000).expect("kept");
        assert_eq!(last.age_seconds, 2.5);
        assert_eq!(looked.last(1, 0), None);
        looked.describe(20, None, 9_000_000_000);
        assert!(
            looked.last(20, 9_000_000_000).is_some(),
            "what was known last"
        );
    }
}
