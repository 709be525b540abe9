//! The set of processes: all of one name in one unit, container and pod are one member.

use std::collections::BTreeMap;

use rustc_hash::FxHashMap;
use tcpmon_common::State;

use super::book::{Counters, Entries, Sums};
use super::names;
use crate::core::census::Census;
use crate::core::verdict::{Kind, Severity};

/// The states sockets of a group are in: all but CLOSE, where there is none.
pub const STATES: [State; 10] = [
    State::Listen,
    State::SynSent,
    State::SynRecv,
    State::Established,
    State::FinWait1,
    State::FinWait2,
    State::Closing,
    State::TimeWait,
    State::CloseWait,
    State::LastAck,
];

/// Sockets in each of [`STATES`].
pub type ByState = [u64; STATES.len()];

/// What the sockets of a member add up to.
#[derive(Clone, Debug, Default)]
pub struct ProcessSums {
    /// Sockets, by [`STATES`].
    pub sockets: ByState,
    /// When the oldest entered each, ns since 1970.
    pub oldest_unix_ns: [Option<u64>; STATES.len()],
    /// Open files of the process that is nearest its limit, and that limit.
    pub files: Option<(u64, u64)>,
    /// Verdicts that stand.
    pub verdicts: BTreeMap<(Kind, Severity), u64>,
}

impl Sums for ProcessSums {
    const LABELS: usize = 4;
    const MOST_SERIES: u64 = (2 * STATES.len()
        + 2
        + Kind::ALL.len() * Severity::ALL.len()
        + size_of::<Counters>() / size_of::<u64>()) as u64;

    fn join(&mut self, more: &Self) {
        for (sum, more) in self.sockets.iter_mut().zip(more.sockets) {
            *sum += more;
        }
        for (oldest, other) in self.oldest_unix_ns.iter_mut().zip(more.oldest_unix_ns) {
            *oldest = earlier(*oldest, other);
        }
        self.files = nearer(self.files, more.files);
        for (verdict, count) in &more.verdicts {
            *self.verdicts.entry(*verdict).or_default() += count;
        }
    }

    fn series(&self, counters: &Counters) -> u32 {
        let oldest = self.oldest_unix_ns.iter().flatten().count();
        let files = if self.files.is_some() { 2 } else { 0 };
        let endings = counters.iter().filter(|count| **count > 0).count();
        let series = STATES.len() + oldest + files + self.verdicts.len() + endings;
        u32::try_from(series).unwrap_or(u32::MAX)
    }

    fn size(&self) -> u64 {
        self.sockets.iter().sum()
    }

    fn trouble(&self) -> u8 {
        let worst = self.verdicts.keys().map(|(_, severity)| *severity).max();
        super::trouble(worst)
    }
}

fn earlier(one: Option<u64>, other: Option<u64>) -> Option<u64> {
    one.into_iter().chain(other).min()
}

/// Of two (open, most), the one with the larger share open.
fn nearer(one: Option<(u64, u64)>, other: Option<(u64, u64)>) -> Option<(u64, u64)> {
    let both = one.into_iter().chain(other);
    both.max_by(|one, other| {
        let part = |of: (u64, u64), by: u64| u128::from(of.0) * u128::from(by);
        let shares = part(*one, other.1).cmp(&part(*other, one.1));
        shares.then(one.0.cmp(&other.0))
    })
}

/// Every candidate. `gains`: what each of the census' endings has counted since the last time.
pub(super) fn entries(census: &Census, gains: &[u64]) -> Entries<ProcessSums> {
    let mut entries = Entries::<ProcessSums>::default();
    let mut members = FxHashMap::default();
    for group in &census.groups {
        let member = names::workload(group.workload.as_ref());
        if let Some(process) = group.process {
            members.insert(process, member.clone());
        }
        let sums = &mut entries.entry(member).or_default().sums;
        for count in census.states_of(group) {
            let Some(index) = index_of(count.state) else {
                continue;
            };
            sums.sockets[index] += u64::from(count.sockets);
            let oldest = Some(census.unix_ns_of(count.oldest_ns));
            sums.oldest_unix_ns[index] = earlier(sums.oldest_unix_ns[index], oldest);
        }
    }
    for process in &census.processes {
        let entry = members.get(&process.process);
        if let Some(entry) = entry.and_then(|member| entries.get_mut(member)) {
            let files = (process.open_files, process.max_open_files);
            entry.sums.files = nearer(entry.sums.files, Some(files));
        }
    }
    for verdict in &census.verdicts {
        let member = verdict.process.and_then(|it| members.get(&it).cloned());
        let member = member.unwrap_or_else(|| names::workload(None));
        let verdicts = &mut entries.entry(member).or_default().sums.verdicts;
        *verdicts
            .entry((verdict.kind, verdict.severity))
            .or_default() += 1;
    }
    for (ended, gain) in census.endings.iter().zip(gains) {
        if *gain > 0 {
            let member = names::workload(ended.workload.as_ref());
            entries.entry(member).or_default().gains[ended.ending as usize] += gain;
        }
    }
    entries
}

/// Place of a state in [`STATES`].
pub(super) fn index_of(state: State) -> Option<usize> {
    STATES.iter().position(|one| *one == state.folded())
}
