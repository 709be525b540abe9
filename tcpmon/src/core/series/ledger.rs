//! Counters told as what has been added since they were read last, so that they can be counted on
//! for somebody else.

use std::hash::Hash;

use rustc_hash::FxHashMap;

/// The last reading of every source.
#[derive(Clone, Debug)]
pub(super) struct Ledger<K> {
    read: FxHashMap<K, u64>,
}

impl<K> Default for Ledger<K> {
    fn default() -> Self {
        Self {
            read: FxHashMap::default(),
        }
    }
}

impl<K: Eq + Hash> Ledger<K> {
    /// What each source has counted since the last reading, in their order; all of it where it is
    /// new, or has begun anew. Sources that are not among `readings` are forgotten.
    pub(super) fn gains(&mut self, readings: impl IntoIterator<Item = (K, u64)>) -> Vec<u64> {
        let mut next = FxHashMap::default();
        let gains = readings.into_iter().map(|(source, now)| {
            let before = self.read.get(&source).copied();
            next.insert(source, now);
            before
                .and_then(|before| now.checked_sub(before))
                .unwrap_or(now)
        });
        let gains = gains.collect();
        self.read = next;
        gains
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gains_are_what_was_added() {
        let mut ledger = Ledger::default();
        assert_eq!(ledger.gains([("a", 5), ("b", 0)]), [5, 0]);
        assert_eq!(ledger.gains([("a", 7), ("b", 1)]), [2, 1]);
        assert_eq!(ledger.gains([("a", 3)]), [3], "it has begun anew");
        assert_eq!(
            ledger.gains([("b", 1), ("a", 3)]),
            [1, 0],
            "b was forgotten"
        );
    }
}
