//! What is done about a change of a verdict: its evidence is saved, and a line is logged.

use rustc_hash::FxHashMap;
use tcpmon_common::Record;

use super::Agent;
use crate::clock;
use crate::core::incident::{Circumstances, Incident, Saved, Trail};
use crate::core::query::VerdictRow;
use crate::core::snapshot;
use crate::core::table::{self, Table};
use crate::core::verdict::{Change, Subject};
use crate::outbox::{CAPACITY, Outbox};

/// What is kept for the case that something happens.
pub(super) struct Incidents {
    outbox: Outbox,
    trail: Trail,
    saved: Saved,
    last_unix_ns: u64,
}

impl Incidents {
    pub(super) fn new(outbox: Outbox) -> Self {
        Self {
            outbox,
            trail: Trail::default(),
            saved: Saved::default(),
            last_unix_ns: 0,
        }
    }

    /// Keeps a change of the table for a while.
    #[inline]
    pub(super) fn note(&mut self, table: &Table, record: &Record, change: &table::Change) {
        self.trail.note(table, record, change);
    }

    pub(super) fn counts(&self) -> snapshot::Incidents {
        self.outbox.counts()
    }

    /// Another moment for every incident, so that each has a name of its own.
    fn moment(&mut self) -> String {
        self.last_unix_ns = clock::unix_ns().max(self.last_unix_ns + 1);
        clock::rfc3339(self.last_unix_ns)
    }
}

impl Agent {
    /// Saves what has become critical, and logs every change.
    pub(super) fn tell_changes(&mut self, changes: &[Change], now_ns: u64) {
        let rows = self.court.rows(&self.table, changes, now_ns);
        let files = self.save(changes, &rows, now_ns);
        for change in changes {
            let file = files.get(&change.subject).map(String::as_str);
            self.court.tell(change, rows.get(&change.subject), file);
        }
    }

    /// Collects the evidence of what has become critical and hands it over; returns the names of the
    /// files. At most a queue full at once: each costs the loop up to a millisecond.
    fn save(
        &mut self,
        changes: &[Change],
        rows: &FxHashMap<Subject, VerdictRow>,
        now_ns: u64,
    ) -> FxHashMap<Subject, String> {
        let mut files = FxHashMap::default();
        let Some(mut incidents) = self.incidents.take() else {
            return files;
        };
        for change in changes {
            if !incidents.saved.is_due(change, now_ns) {
                continue;
            }
            let row = rows.get(&change.subject);
            let Some(row) = row.filter(|_| files.len() < CAPACITY) else {
                incidents.outbox.refuse();
                continue;
            };
            let at = Circumstances {
                time: incidents.moment(),
                version: env!("CARGO_PKG_VERSION").into(),
                host: self.host.name.clone(),
                kernel: self.host.kernel.clone(),
                health: self.health(now_ns),
            };
            let Some(place) = incidents.outbox.place() else {
                continue;
            };
            let (table, trail) = (&self.table, &incidents.trail);
            let incident =
                Incident::collect(table, trail, &change.subject, row.clone(), at, now_ns);
            files.insert(change.subject, incident.file_name());
            place.send(incident);
            incidents.saved.note(change.subject, now_ns);
        }
        self.incidents = Some(incidents);
        files
    }
}
