//! The set of network namespaces.

use rustc_hash::FxHashMap;

use super::book::{Counters, Entries, Member, Sums};
use super::names::Namespaces;
use super::process::{ByState, STATES, index_of};
use super::trouble;
use crate::core::census::Census;
use crate::core::verdict::{Place, Severity};

/// What the sockets of a member add up to.
#[derive(Clone, Debug, Default)]
pub struct NamespaceSums {
    /// Sockets, by [`STATES`].
    pub sockets: ByState,
    /// `tcp_max_tw_buckets`; the lowest.
    pub time_wait_limit: Option<u64>,
    worst: Option<Severity>,
}

impl Sums for NamespaceSums {
    const LABELS: usize = 1;
    const MOST_SERIES: u64 = STATES.len() as u64 + 1;

    fn join(&mut self, more: &Self) {
        for (sum, more) in self.sockets.iter_mut().zip(more.sockets) {
            *sum += more;
        }
        let limits = self.time_wait_limit.into_iter();
        self.time_wait_limit = limits.chain(more.time_wait_limit).min();
        self.worst = self.worst.max(more.worst);
    }

    fn series(&self, _: &Counters) -> u32 {
        STATES.len() as u32 + u32::from(self.time_wait_limit.is_some())
    }

    fn size(&self) -> u64 {
        self.sockets.iter().sum()
    }

    fn trouble(&self) -> u8 {
        trouble(self.worst)
    }
}

/// Every candidate.
pub(super) fn entries(census: &Census, names: &Namespaces) -> Entries<NamespaceSums> {
    let mut entries = Entries::<NamespaceSums>::default();
    let mut members: FxHashMap<_, Member> = FxHashMap::default();
    for namespace in &census.namespaces {
        let member: Member = [names.name(namespace.identity)].into();
        members.insert(namespace.identity, member.clone());
        let limit = namespace.limits.as_deref();
        let limit = limit.and_then(|limits| limits.max_minisocks);
        entries
            .entry(member)
            .or_default()
            .sums
            .join(&NamespaceSums {
                time_wait_limit: limit.map(u64::from),
                ..NamespaceSums::default()
            });
    }
    for group in &census.groups {
        let netns = group.place.netns().unwrap_or_default();
        let member = members.get(&netns).cloned();
        let member = member.unwrap_or_else(|| [names.name(netns)].into());
        let sums = &mut entries.entry(member).or_default().sums;
        for count in census.states_of(group) {
            if let Some(index) = index_of(count.state) {
                sums.sockets[index] += u64::from(count.sockets);
            }
        }
    }
    for verdict in &census.verdicts {
        if let Place::Namespace(netns) = verdict.place
            && let Some(entry) = members.get(&netns).and_then(|it| entries.get_mut(it))
        {
            entry.sums.worst = entry.sums.worst.max(Some(verdict.severity));
        }
    }
    entries
}
