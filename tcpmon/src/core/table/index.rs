//! A hash index over slots that never stops to rehash: it grows by one bucket per socket (linear
//! hashing), so adding a socket to half a million costs what it costs in an empty table.
//!
//! It holds hashes and not keys: what is found still has to be compared.

use super::socket::SlotId;

/// A slot in its chain.
#[derive(Clone, Copy, Debug)]
struct Link {
    next: SlotId,
    hash: u32,
}

impl Link {
    const UNUSED: Self = Self {
        next: SlotId::NONE,
        hash: 0,
    };
}

/// Slots by the hash of what identifies them. Any number may have the same hash.
#[derive(Debug)]
pub(super) struct Index {
    /// The newest slot of each chain.
    buckets: Vec<SlotId>,
    /// By slot.
    links: Vec<Link>,
    length: usize,
    /// As many low bits of a hash as name a bucket, or one that will come.
    mask: usize,
}

impl Index {
    pub(super) fn new() -> Self {
        Self {
            buckets: vec![SlotId::NONE],
            links: Vec::new(),
            length: 0,
            mask: 0,
        }
    }

    /// Adds a slot that is not in it.
    #[inline]
    pub(super) fn insert(&mut self, id: SlotId, hash: u32) {
        if self.links.len() <= id.index() {
            self.links.resize(id.index() + 1, Link::UNUSED);
        }
        let bucket = self.bucket(hash);
        let next = std::mem::replace(&mut self.buckets[bucket], id);
        self.links[id.index()] = Link { next, hash };
        self.length += 1;
        if self.length > self.buckets.len() {
            self.split();
        }
    }

    /// Takes a slot out that is in it.
    #[inline]
    pub(super) fn remove(&mut self, id: SlotId) {
        let Link { next, hash } = self.links[id.index()];
        let bucket = self.bucket(hash);
        let mut at = self.buckets[bucket];
        if at == id {
            self.buckets[bucket] = next;
        } else {
            while at != SlotId::NONE && self.links[at.index()].next != id {
                at = self.links[at.index()].next;
            }
            debug_assert!(at != SlotId::NONE, "a slot is removed that was never added");
            if at == SlotId::NONE {
                return;
            }
            self.links[at.index()].next = next;
        }
        self.length -= 1;
    }

    /// The slots with this hash, the newest first.
    #[inline]
    pub(super) fn with_hash(&self, hash: u32) -> impl Iterator<Item = SlotId> + '_ {
        let mut at = self.buckets[self.bucket(hash)];
        std::iter::from_fn(move || {
            while at != SlotId::NONE {
                let id = at;
                let link = self.links[id.index()];
                at = link.next;
                if link.hash == hash {
                    return Some(id);
                }
            }
            None
        })
    }

    /// Slots in it.
    #[cfg(test)]
    pub(super) const fn len(&self) -> usize {
        self.length
    }

    /// Bytes allocated.
    pub(super) fn bytes(&self) -> usize {
        self.buckets.capacity() * size_of::<SlotId>() + self.links.capacity() * size_of::<Link>()
    }

    /// A bucket that has not come yet is still part of the one with a bit less.
    #[inline]
    fn bucket(&self, hash: u32) -> usize {
        let bucket = hash as usize & self.mask;
        if bucket < self.buckets.len() {
            bucket
        } else {
            bucket & (self.mask >> 1)
        }
    }

    /// Adds a bucket and moves into it what belongs there, all of which is in one other.
    fn split(&mut self) {
        let new = self.buckets.len();
        self.mask |= new;
        let old = new & (self.mask >> 1);
        self.buckets.push(SlotId::NONE);
        let mut at = std::mem::replace(&mut self.buckets[old], SlotId::NONE);
        while at != SlotId::NONE {
            let bucket = self.bucket(self.links[at.index()].hash);
            let next = std::mem::replace(
                &mut self.links[at.index()].next,
                std::mem::replace(&mut self.buckets[bucket], at),
            );
            at = next;
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        /// Against a list of pairs: with few hashes, so that chains are long, and with many.
        #[test]
        fn finds_what_was_added_and_not_removed(
            steps in prop::collection::vec((any::<bool>(), 0usize..300, 0u32..40), 0..400),
            spread in prop_oneof![Just(1u32), Just(0x9e37_79b9)],
        ) {
            let mut index = Index::new();
            let mut model: Vec<(usize, u32)> = Vec::new();
            for (add, slot, hash) in steps {
                let hash = hash.wrapping_mul(spread);
                let known = model.iter().position(|(other, _)| *other == slot);
                match known {
                    None if add => {
                        index.insert(SlotId::from_index(slot), hash);
                        model.push((slot, hash));
                    }
                    Some(at) if !add => {
                        index.remove(SlotId::from_index(slot));
                        model.remove(at);
                    }
                    _ => {}
                }
            }
            prop_assert_eq!(index.len(), model.len());
            for hash in (0..40).map(|hash: u32| hash.wrapping_mul(spread)) {
                let mut found: Vec<usize> = index.with_hash(hash).map(SlotId::index).collect();
                let mut expected: Vec<usize> =
                    model.iter().filter(|(_, of)| *of == hash).map(|(slot, _)| *slot).collect();
                found.sort_unstable();
                expected.sort_unstable();
                prop_assert_eq!(found, expected);
            }
        }
    }
}
