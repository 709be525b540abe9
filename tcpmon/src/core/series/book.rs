//! One set: its members with what they add up to, and one that stands for all others.

use rustc_hash::FxHashMap;

use super::roster::{Roster, Standing};
use crate::core::ending::Ending;

/// Values of the labels of a set, in their order.
pub type Member = Box<[String]>;

/// The first label of who stands for all that have no series of their own.
pub const OTHER: &str = "other";

/// Counters of a member, by the number of an [`Ending`] or, of a set with one counter, at 0.
pub type Counters = [u64; Ending::ALL.len()];

/// What the sockets of a member add up to.
pub trait Sums: Clone + Default {
    /// Labels of the set.
    const LABELS: usize;
    /// Series it takes at most.
    const MOST_SERIES: u64;

    /// Adds another's.
    fn join(&mut self, more: &Self);

    /// Series it takes.
    fn series(&self, counters: &Counters) -> u32;

    /// How large it is: who is larger has series of its own first.
    fn size(&self) -> u64;

    /// How bad a verdict it has; 0 for none.
    fn trouble(&self) -> u8;
}

/// A candidate, and what its counters have counted since the last time.
#[derive(Clone, Debug, Default)]
pub(super) struct Entry<S> {
    /// What there is now.
    pub(super) sums: S,
    /// What has been counted since the last time.
    pub(super) gains: Counters,
}

/// Every candidate of a set.
pub(super) type Entries<S> = FxHashMap<Member, Entry<S>>;

/// A member as it is shown.
#[derive(Clone, Debug)]
pub struct Row<S> {
    /// Values of its labels.
    pub member: Member,
    /// What there is now.
    pub sums: S,
    /// What has been counted since it has series of its own.
    pub counters: Counters,
}

/// A set as it is shown: in the order of the labels, the one for all others last.
#[derive(Clone, Debug, Default)]
pub struct Rows<S> {
    /// The members.
    pub rows: Vec<Row<S>>,
    /// Series that are folded into the last row for want of room.
    pub dropped: u64,
}

impl<S> Rows<S> {
    pub(super) fn map<T>(self, change: impl Fn(S) -> T) -> Rows<T> {
        let rows = self.rows.into_iter().map(|row| Row {
            member: row.member,
            sums: change(row.sums),
            counters: row.counters,
        });
        Rows {
            rows: rows.collect(),
            dropped: self.dropped,
        }
    }
}

/// Who has series in a set, and what was counted of each.
#[derive(Clone, Debug, Default)]
pub(super) struct Book {
    roster: Roster<Member>,
    accounts: FxHashMap<Member, Counters>,
    other: Counters,
}

impl Book {
    /// Series the set would take if there were room for all.
    pub(super) fn wanted<S: Sums>(&self, entries: &Entries<S>) -> u64 {
        let present = entries.iter();
        let present: u64 = present
            .map(|(member, entry)| u64::from(entry.sums.series(&self.counters(member, entry))))
            .sum();
        let absent = self.roster.members();
        let absent = absent.filter(|member| !entries.contains_key(*member));
        let absent: u64 = absent
            .map(|member| u64::from(self.absent_cost::<S>(member)))
            .sum();
        S::MOST_SERIES + Roster::<Member>::wanted(present + absent)
    }

    /// Decides who has series, within `room`, and takes over what has been counted.
    pub(super) fn close<S: Sums>(
        &mut self,
        mut entries: Entries<S>,
        room: u64,
        now_ns: u64,
    ) -> Rows<S> {
        let other = other::<S>();
        let candidates = entries.iter().filter(|(member, _)| **member != other);
        let candidates: FxHashMap<Member, Standing> = candidates
            .map(|(member, entry)| {
                let standing = Standing {
                    size: entry.sums.size(),
                    trouble: entry.sums.trouble(),
                    cost: entry.sums.series(&self.counters(member, entry)),
                };
                (member.clone(), standing)
            })
            .collect();
        let room = room.saturating_sub(S::MOST_SERIES);
        let mut roster = std::mem::take(&mut self.roster);
        let absent_cost = |member: &Member| self.absent_cost::<S>(member);
        roster.seat(&candidates, absent_cost, room, now_ns);
        self.roster = roster;

        let mut rows: Vec<Row<S>> = Vec::new();
        for member in self.roster.members() {
            let entry = entries.remove(member).unwrap_or_default();
            rows.push(Row {
                counters: self.counters(member, &entry),
                sums: entry.sums,
                member: member.clone(),
            });
        }
        rows.sort_unstable_by(|one, another| one.member.cmp(&another.member));
        let accounts = rows.iter().map(|row| (row.member.clone(), row.counters));
        self.accounts = accounts.collect();
        let (rest, dropped) = self.rest(other, entries, &candidates);
        rows.push(rest);
        Rows { rows, dropped }
    }

    /// Those without series of their own as one, and the series they would have had.
    fn rest<S: Sums>(
        &mut self,
        member: Member,
        entries: Entries<S>,
        candidates: &FxHashMap<Member, Standing>,
    ) -> (Row<S>, u64) {
        let mut sums = S::default();
        let mut dropped = 0;
        for (member, entry) in entries {
            sums.join(&entry.sums);
            for (total, gain) in self.other.iter_mut().zip(entry.gains) {
                *total += gain;
            }
            dropped += candidates.get(&member).map_or(0, |it| u64::from(it.cost));
        }
        let counters = self.other;
        let row = Row {
            member,
            sums,
            counters,
        };
        (row, dropped)
    }

    fn counters<S>(&self, member: &Member, entry: &Entry<S>) -> Counters {
        let mut counters = self.accounts.get(member).copied().unwrap_or_default();
        for (total, gain) in counters.iter_mut().zip(entry.gains) {
            *total += gain;
        }
        counters
    }

    fn absent_cost<S: Sums>(&self, member: &Member) -> u32 {
        let counters = self.accounts.get(member).copied().unwrap_or_default();
        S::default().series(&counters)
    }
}

/// Who stands for all others. Whoever is called so is one of them.
fn other<S: Sums>() -> Member {
    let first = std::iter::once(OTHER.to_owned());
    let rest = std::iter::repeat_n(String::new(), S::LABELS - 1);
    first.chain(rest).collect()
}

#[cfg(test)]
mod tests;
