//! Answers about a recorded machine, as the agent would have given them at that moment.

use std::collections::BTreeMap;

use super::World;
use crate::agent::sockets::socket_answer;
use crate::core::query::{
    Endings, Health, Namespaces, Picture, ProcessAnswer, Processes, SCHEMA, SocketAnswer,
    SocketQuestion, Sockets, SocketsQuestion, Summary, Verdicts, Wants,
};
use crate::core::table::Drift;

impl World {
    /// The machine at a glance.
    #[must_use]
    pub fn summary(&self) -> Summary {
        let header = self.header();
        Summary {
            schema: SCHEMA,
            version: header.version.clone(),
            host: header.host.clone(),
            kernel: header.kernel.clone(),
            uptime_seconds: seconds(self.now_ns().saturating_sub(header.agent_started_ns)),
            states: self.rates.states(&self.table, self.now_ns()),
            edges: self.rates.edges(),
            namespaces: self.table.namespaces(),
            health: self.health(),
        }
    }

    fn health(&self) -> Health {
        let losses = self.tick.losses;
        let drift = self.table.totals().drift;
        let drift = Drift::ALL.map(|kind| (kind.name().to_owned(), drift[kind as usize]));
        Health {
            rung: self.header().rung.clone(),
            events_produced: self.tick.produced,
            events_delivered: self.tick.delivered,
            events_lost: BTreeMap::from([
                ("ring_full".to_owned(), losses.ring_full),
                ("recursion".to_owned(), losses.recursion),
                ("undecodable".to_owned(), losses.undecodable),
            ]),
            events_per_second: self.rates.events(),
            drift: drift.into(),
            last_audit_age_seconds: self
                .audit_ended_ns
                .map(|ended_ns| seconds(self.now_ns().saturating_sub(ended_ns))),
            limits: self.limits(),
        }
    }

    /// What limits the view: of the recording first, of the agent that made it then.
    fn limits(&self) -> Vec<String> {
        let mut limits = Vec::new();
        if self.missed > 0 {
            limits.push(format!(
                "the recorder was too slow: {} facts up to here are missing, and what followed from them \
                 is put right by the next audit",
                self.missed
            ));
        }
        if !self.header().filter.is_empty() {
            limits.push(format!(
                "only what matched {} was recorded",
                self.header().filter
            ));
        }
        if !self.is_planted() {
            limits.push(
                "what the agent knew at the beginning has not all been told here yet".to_owned(),
            );
        }
        limits.extend(self.header().limits.iter().cloned());
        for problem in &self.problems {
            if !limits.contains(problem) {
                limits.push(problem.clone());
            }
        }
        limits
    }

    /// All of a screen; `summary` is that of this moment. The one socket that may be wanted is a question
    /// of its own.
    #[must_use]
    pub fn picture(&self, wants: &Wants, summary: Summary) -> Picture {
        let (now_ns, verdicts) = (self.now_ns(), self.verdicts());
        self.table
            .picture(wants, now_ns, summary, verdicts, &self.course)
    }

    /// One socket. What the kernel said of its connection is in no recording.
    #[must_use]
    pub fn socket(&self, question: SocketQuestion) -> SocketAnswer {
        let SocketQuestion { cookie } = question;
        let unix_ns = |time_ns| self.unix_ns(time_ns);
        socket_answer(&self.table, cookie, self.now_ns(), unix_ns)
    }

    /// The sockets a question asks for.
    #[must_use]
    pub fn sockets(&self, question: &SocketsQuestion) -> Sockets {
        self.table.sockets(question, self.now_ns())
    }

    /// What is wrong.
    #[must_use]
    pub fn verdicts(&self) -> Verdicts {
        let netns = self.header().netns;
        self.judge.report(&self.table, netns, self.now_ns())
    }

    /// The processes that own sockets.
    #[must_use]
    pub fn processes(&self, limit: Option<usize>) -> Processes {
        self.table.process_rows(limit, self.now_ns())
    }

    /// One of them. What it was started with is in no recording.
    #[must_use]
    pub fn process(&self, pid: u32) -> ProcessAnswer {
        ProcessAnswer {
            schema: SCHEMA,
            process: self.table.process_row(pid, self.now_ns()),
            command_line: None,
            command_line_truncated: false,
        }
    }

    /// Connections that ended otherwise than in order.
    #[must_use]
    pub fn endings(&self) -> Endings {
        let (endings, forgotten) = self.table.endings(self.now_ns());
        Endings {
            schema: SCHEMA,
            forgotten,
            endings,
        }
    }

    /// The network namespaces.
    #[must_use]
    pub fn namespaces(&self) -> Namespaces {
        self.table.namespaces_and_machine()
    }
}

fn seconds(nanoseconds: u64) -> f64 {
    nanoseconds as f64 / 1e9
}
