//! Verdicts as answers.

use super::words::{self, Context};
use super::{Ended, Evidence, Judge, Place, Verdict};
use crate::core::query::{PastVerdict, SCHEMA, VerdictRow, Verdicts};
use crate::core::table::{Process, Table};

impl Judge {
    /// What stands and what is over, in words. `own_netns`: inode of the namespace whoever asks runs
    /// in.
    #[must_use]
    pub fn report(&self, table: &Table, own_netns: Option<u32>, now_ns: u64) -> Verdicts {
        let verdicts = self.verdicts();
        Verdicts {
            schema: SCHEMA,
            judged_age_seconds: self
                .judged_ns
                .map(|judged_ns| seconds(now_ns.saturating_sub(judged_ns))),
            verdicts: verdicts
                .iter()
                .map(|verdict| row(table, verdict, own_netns, now_ns))
                .collect(),
            past: self.past().map(|ended| past(ended, now_ns)).collect(),
        }
    }
}

/// One verdict in words.
#[must_use]
pub fn row(
    table: &Table,
    verdict: &Verdict<'_>,
    own_netns: Option<u32>,
    now_ns: u64,
) -> VerdictRow {
    let subject = verdict.subject;
    let seen = verdict.evidence.sockets().iter();
    let shown: Vec<_> = seen.filter_map(|seen| table.find(*seen)).collect();
    let first = shown.first().map(|id| table.socket(*id));
    let process = subject.process.or(busiest(verdict.evidence));
    let fact = process.and_then(|process| table.process_fact(&process));
    let netns = subject.place.netns();
    let netns_name = netns.and_then(|netns| table.netns_name(netns));
    let inode = netns.map(|netns| netns.inode).filter(|inode| *inode != 0);
    let words = words::of(
        verdict,
        &Context {
            place: &subject.place,
            process,
            fd: first.and_then(|socket| socket.owner?.fd),
            netns_name,
            is_here: inode.is_none() || inode == own_netns,
        },
    );
    let mut row = VerdictRow {
        verdict: subject.kind,
        severity: verdict.severity,
        what: words.what,
        since_seconds: seconds(now_ns.saturating_sub(verdict.began_ns)),
        pid: process.map(|process| process.pid),
        process: process.map(|process| process.name()),
        executable: fact.and_then(|fact| fact.executable.clone()),
        user: fact.and_then(|fact| fact.user.clone()),
        unit: first.and_then(|socket| Some(table.unit_of(socket)?.to_owned())),
        container: first.and_then(|socket| Some(table.container_of(socket)?.to_owned())),
        netns: inode,
        netns_name: netns_name.map(|name| name.text.clone()),
        service_port: None,
        source_address: None,
        destination_address: None,
        destination_port: None,
        evidence: words.numbers,
        sockets: shown.iter().map(|id| table.row(*id, now_ns)).collect(),
        fix_by: words.fix_by,
        fix: words.fix,
        next: words.next,
        confidence: words.confidence,
        unknown: words.unknown,
    };
    locate(&mut row, &subject.place);
    row
}

fn locate(row: &mut VerdictRow, place: &Place) {
    match place {
        Place::Service { port, .. } => row.service_port = Some(*port),
        Place::Destination {
            source,
            address,
            port,
            ..
        } => {
            row.source_address = Some(source.to_string());
            row.destination_address = Some(address.to_string());
            row.destination_port = Some(*port);
        }
        Place::Namespace(_) | Place::Machine => {}
    }
}

const fn busiest(evidence: &Evidence) -> Option<Process> {
    let busiest = match evidence {
        Evidence::Ports(ports) => ports.busiest,
        Evidence::Stuck(stuck) => stuck.busiest,
        Evidence::TimeWaits(waits) => waits.busiest,
        Evidence::HalfDead(dead) => dead.busiest,
        Evidence::Leak(_) | Evidence::Accept(_) | Evidence::Queue(_) | Evidence::Orphans(_) => None,
    };
    match busiest {
        Some((process, _)) => Some(process),
        None => None,
    }
}

fn past(ended: &Ended, now_ns: u64) -> PastVerdict {
    let subject = ended.subject;
    PastVerdict {
        verdict: subject.kind,
        worst: ended.worst,
        lasted_seconds: seconds(ended.ended_ns.saturating_sub(ended.began_ns)),
        ended_age_seconds: seconds(now_ns.saturating_sub(ended.ended_ns)),
        pid: subject.process.map(|process| process.pid),
        process: subject.process.map(|process| process.name()),
        netns: subject
            .place
            .netns()
            .map(|netns| netns.inode)
            .filter(|inode| *inode != 0),
        place: subject.place.to_string(),
    }
}

fn seconds(nanoseconds: u64) -> f64 {
    nanoseconds as f64 / 1e9
}
