//! Verdicts as answers.

use super::words::{self, Context};
use super::{Ended, Judge, Place, Verdict};
use crate::core::query::{PastVerdict, SCHEMA, VerdictRow, Verdicts};
use crate::core::table::Table;

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
    let process = subject.process.or(verdict.evidence.busiest());
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

#[cfg(test)]
mod tests {
    use tcpmon_common::record::flag;
    use tcpmon_common::{Record, State};

    use super::*;
    use crate::core::verdict::{Kind, Policy, Severity, Step};

    const SECOND: u64 = 1_000_000_000;
    const INODE: u32 = 4_026_531_840;
    /// As many as a client's pool may have idle: suspicious, and no leak yet.
    const SOCKETS: u64 = 50;
    const LEFT: [State; 4] = [
        State::Close,
        State::SynSent,
        State::Established,
        State::CloseWait,
    ];

    /// Takes connections of `pid` to `port` through `states`.
    fn go(table: &mut Table, (pid, port): (u32, u16), time_ns: u64, states: &[State]) {
        let mut comm = [0; 16];
        comm[..4].copy_from_slice(b"lazy");
        for index in 1..=SOCKETS {
            for pair in states.windows(2) {
                table.apply(&Record {
                    time_ns,
                    sock: u64::from(port) * 100 + index,
                    cookie: u64::from(port) * 100 + index,
                    netns_cookie: 1,
                    netns_inode: INODE,
                    family: 2,
                    local_port: 40_000 + index as u16,
                    remote_port: port,
                    local_address: [10, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0],
                    remote_address: [10, 0, 0, 5, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0],
                    flags: flag::HAS_SOCKET | flag::TASK,
                    pid,
                    comm,
                    shutdown: 3,
                    old_state: pair[0].number(),
                    new_state: pair[1].number(),
                    ..Record::EMPTY
                });
            }
        }
    }

    #[test]
    fn what_is_over_is_told_the_last_first() {
        let mut table = Table::new();
        let mut judge = Judge::new(Policy::default());
        let (first, second) = ((10, 5432), (11, 6379));
        for leaker in [first, second] {
            go(&mut table, leaker, SECOND, &LEFT);
        }
        let closed = [State::CloseWait, State::LastAck, State::Close];
        let mut steps = Vec::new();
        for now in 1..=200 {
            match now {
                80 => go(&mut table, first, now * SECOND, &closed),
                100 => go(&mut table, second, now * SECOND, &closed),
                _ => {}
            }
            for change in judge.evaluate(&mut table, now * SECOND) {
                steps.push((change.step, now));
            }
        }
        let began = steps.iter().filter(|(step, _)| *step == Step::Began);
        let began: Vec<u64> = began.map(|(_, at)| *at).collect();
        let ended = steps.iter().filter(|(step, _)| *step == Step::Ended);
        let ended: Vec<u64> = ended.map(|(_, at)| *at).collect();
        assert_eq!(began.len(), 2, "{steps:?}");
        assert_eq!(began[0], began[1]);
        assert_eq!(ended, [110, 130], "30 s after they were closed: {steps:?}");

        let report = judge.report(&table, None, 200 * SECOND);
        assert!(report.verdicts.is_empty(), "{:?}", report.verdicts);
        let past = |(pid, port): (u32, u16), ended: u64| PastVerdict {
            verdict: Kind::CloseWaitLeak,
            worst: Severity::Suspicious,
            lasted_seconds: (ended - began[0]) as f64,
            ended_age_seconds: (200 - ended) as f64,
            pid: Some(pid),
            process: Some("lazy".into()),
            netns: Some(INODE),
            place: format!("10.0.0.5:{port}"),
        };
        assert_eq!(report.past, [past(second, 130), past(first, 110)]);
    }
}
