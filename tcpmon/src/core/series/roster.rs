//! Who has series of its own, when there is not room for all.
//!
//! A series that comes and goes is of no use to who draws it, and each that comes costs the server
//! that stores it. So a member stays: while it has sockets, for some minutes after, and, whatever
//! others do, for some minutes after it came. Only trouble, or want of room, sends one away earlier.

use std::cmp::Reverse;
use std::hash::Hash;

use rustc_hash::FxHashMap;

/// A member stays for so long after it came, and for so long after it was seen last.
pub(super) const STAY_NS: u64 = 300_000_000_000;
/// How many times larger a newcomer must be than the smallest member to take its place.
const LARGER: u64 = 2;
/// Newcomers leave this part of the room, one in so many, to members that grow.
const SPARE: u64 = 16;

/// A candidate as it is now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Standing {
    /// The larger goes first.
    pub(super) size: u64,
    /// How bad a verdict it has; 0 for none.
    pub(super) trouble: u8,
    /// Series it takes.
    pub(super) cost: u32,
}

#[derive(Clone, Copy, Debug)]
struct Seat {
    since_ns: u64,
    seen_ns: u64,
}

/// The members.
#[derive(Clone, Debug)]
pub(super) struct Roster<K> {
    seats: FxHashMap<K, Seat>,
}

impl<K> Default for Roster<K> {
    fn default() -> Self {
        Self {
            seats: FxHashMap::default(),
        }
    }
}

/// A seat with who sits there; the least worthy first.
struct Sitter<K> {
    key: K,
    worth: (u8, bool, u64),
    cost: u64,
    since_ns: u64,
}

impl<K: Clone + Eq + Hash + Ord> Roster<K> {
    /// Whether it has series of its own.
    #[must_use]
    pub(super) fn has(&self, key: &K) -> bool {
        self.seats.contains_key(key)
    }

    /// The members, in no particular order.
    pub(super) fn members(&self) -> impl Iterator<Item = &K> {
        self.seats.keys()
    }

    /// Room that is wanted so that every candidate and member fits.
    #[must_use]
    pub(super) fn wanted(costs: u64) -> u64 {
        costs + costs.div_ceil(SPARE - 1)
    }

    /// Decides anew. `room`: series for all members together. `absent_cost`: what a member takes that
    /// is no candidate now.
    pub(super) fn seat(
        &mut self,
        candidates: &FxHashMap<K, Standing>,
        absent_cost: impl Fn(&K) -> u32,
        room: u64,
        now_ns: u64,
    ) {
        for (key, seat) in &mut self.seats {
            if candidates.contains_key(key) {
                seat.seen_ns = now_ns;
            }
        }
        self.seats
            .retain(|_, seat| now_ns.saturating_sub(seat.seen_ns) <= STAY_NS);
        let mut sitters = self.sitters(candidates, absent_cost);
        let mut used: u64 = sitters.iter().map(|sitter| sitter.cost).sum();
        let leaving = sitters.iter().take_while(|sitter| {
            let leaves = used > room;
            used -= if leaves { sitter.cost } else { 0 };
            leaves
        });
        let leaving = leaving.count();
        for sitter in sitters.drain(..leaving) {
            self.seats.remove(&sitter.key);
        }
        self.admit(candidates, sitters, (used, room), now_ns);
    }

    fn sitters(
        &self,
        candidates: &FxHashMap<K, Standing>,
        absent_cost: impl Fn(&K) -> u32,
    ) -> Vec<Sitter<K>> {
        let sitters = self.seats.iter().map(|(key, seat)| {
            let now = candidates.get(key);
            let cost = now.map_or_else(|| absent_cost(key), |now| now.cost);
            Sitter {
                worth: now.map_or((0, false, 0), |now| (now.trouble, true, now.size)),
                cost: cost.into(),
                since_ns: seat.since_ns,
                key: key.clone(),
            }
        });
        let mut sitters: Vec<_> = sitters.collect();
        sitters.sort_unstable_by(|one, other| {
            let order = |sitter: &Sitter<K>| (sitter.worth, Reverse(sitter.since_ns));
            let keys = || one.key.cmp(&other.key);
            order(one).cmp(&order(other)).then_with(keys)
        });
        sitters
    }

    /// Lets newcomers in, the worthiest first.
    fn admit(
        &mut self,
        candidates: &FxHashMap<K, Standing>,
        sitters: Vec<Sitter<K>>,
        (mut used, room): (u64, u64),
        now_ns: u64,
    ) {
        let newcomers = candidates.iter().filter(|(key, _)| !self.has(key));
        let mut newcomers: Vec<(&K, &Standing)> = newcomers.collect();
        newcomers.sort_unstable_by_key(|(key, it)| (Reverse((it.trouble, it.size)), *key));
        let mut benches = Benches::new(sitters, now_ns);
        for (key, it) in newcomers {
            let cost = u64::from(it.cost);
            let limit = if it.trouble > 0 {
                room
            } else {
                room - room / SPARE
            };
            let Some(freed) = benches.free((used + cost).saturating_sub(limit), it) else {
                continue;
            };
            for gone in freed {
                used -= gone.cost;
                self.seats.remove(&gone.key);
            }
            used += cost;
            let seat = Seat {
                since_ns: now_ns,
                seen_ns: now_ns,
            };
            self.seats.insert(key.clone(), seat);
        }
    }
}

/// Members that may have to leave, the least worthy last.
struct Benches<K> {
    /// Those who came long ago.
    settled: Vec<Sitter<K>>,
    /// Those who came lately: only trouble moves them.
    fresh: Vec<Sitter<K>>,
}

impl<K> Benches<K> {
    fn new(mut sitters: Vec<Sitter<K>>, now_ns: u64) -> Self {
        sitters.reverse();
        let is_settled = |sitter: &Sitter<K>| now_ns.saturating_sub(sitter.since_ns) >= STAY_NS;
        let (settled, fresh) = sitters.into_iter().partition(is_settled);
        Self { settled, fresh }
    }

    /// Makes at least `needed` series free for a newcomer; `None`, and nobody leaves, when those who
    /// may have to leave for it do not have so many.
    fn free(&mut self, needed: u64, newcomer: &Standing) -> Option<Vec<Sitter<K>>> {
        let (mut freed, mut count) = (0, [0, 0]);
        while freed < needed {
            let next = |bench: &[Sitter<K>], taken: usize| {
                let at = bench.len().checked_sub(taken + 1)?;
                Some((bench.get(at)?.worth, at))
            };
            let settled = next(&self.settled, count[0]).filter(|it| yields(it.0, newcomer, true));
            let fresh = next(&self.fresh, count[1]).filter(|it| yields(it.0, newcomer, false));
            let (bench, at) = match (settled, fresh) {
                (Some((worth, at)), Some((other, _))) if worth <= other => (0, at),
                (_, Some((_, at))) => (1, at),
                (Some((_, at)), None) => (0, at),
                (None, None) => return None,
            };
            freed += [&self.settled, &self.fresh][bench][at].cost;
            count[bench] += 1;
        }
        let mut leaving = self.settled.split_off(self.settled.len() - count[0]);
        leaving.extend(self.fresh.split_off(self.fresh.len() - count[1]));
        Some(leaving)
    }
}

/// Whether a member of such worth leaves for a newcomer.
fn yields(worth: (u8, bool, u64), newcomer: &Standing, is_settled: bool) -> bool {
    let (trouble, is_present, size) = worth;
    if newcomer.trouble > 0 {
        return trouble < newcomer.trouble;
    }
    is_settled && trouble == 0 && (!is_present || newcomer.size > size.saturating_mul(LARGER))
}

#[cfg(test)]
mod tests;
