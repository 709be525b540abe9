//! All of a screen, of the table at one moment.

use super::Table;
use crate::core::course::Course;
use crate::core::query::{Namespaces, Picture, SCHEMA, Summary, Verdicts, Wants};

impl Table {
    /// What is wanted of the moment `now_ns`, beside what others say of it: the summary, the verdicts and
    /// the course of the states. The one socket that may be wanted is left out: it is a question of its
    /// own.
    #[must_use]
    pub fn picture(
        &self,
        wants: &Wants,
        now_ns: u64,
        summary: Summary,
        verdicts: Verdicts,
        course: &Course,
    ) -> Picture {
        let sockets = wants.sockets.as_ref();
        Picture {
            schema: SCHEMA,
            summary,
            verdicts,
            processes: self.process_rows(Some(wants.processes), now_ns),
            sockets: sockets.map(|question| self.sockets(question, now_ns)),
            socket: None,
            listeners: wants
                .listeners
                .map(|limit| self.listener_rows(limit, now_ns)),
            destinations: wants.destinations.map(|limit| self.destination_rows(limit)),
            namespaces: wants.namespaces.then(|| self.namespaces_and_machine()),
            history: wants.history.then(|| course.moments(now_ns)),
        }
    }

    /// The network namespaces, and what the machine has one of.
    #[must_use]
    pub fn namespaces_and_machine(&self) -> Namespaces {
        Namespaces {
            schema: SCHEMA,
            namespaces: self.namespace_rows(),
            machine: *self.machine(),
        }
    }
}
