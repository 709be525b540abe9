//! The per-CPU counters of the kernel program: exact even when ring records are lost.

use core::mem::size_of;

/// States 0 to 15 fit the matrix; the kernel uses 1 to 12.
pub const STATES: usize = 16;

/// [`Counters`] as words: what a map lookup returns for each CPU.
pub const WORDS: usize = STATES * STATES + 7;

/// Protocols on the tracepoint that are not plain TCP, each counted apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(usize)]
pub enum Foreign {
    /// MPTCP (262): doubles the events of its subflows, which are TCP and are counted.
    Mptcp = 0,
    /// SCTP (132): reports its own CLOSING as `CLOSE_WAIT`.
    Sctp = 1,
    /// DCCP (33), removed from Linux in 6.16.
    Dccp = 2,
    /// Anything else.
    Other = 3,
}

impl Foreign {
    /// Every kind, in the order of its index.
    pub const ALL: [Self; 4] = [Self::Mptcp, Self::Sctp, Self::Dccp, Self::Other];

    /// The kind of an IP protocol number that is not TCP.
    #[must_use]
    pub const fn from_protocol(protocol: u16) -> Self {
        match protocol {
            262 => Self::Mptcp,
            132 => Self::Sctp,
            33 => Self::Dccp,
            _ => Self::Other,
        }
    }

    /// The label used in metrics.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Mptcp => "mptcp",
            Self::Sctp => "sctp",
            Self::Dccp => "dccp",
            Self::Other => "other",
        }
    }
}

/// Which runs of the kernel programs count together: runs of one kind never interrupt each other, so
/// none is between another's reading and writing of a counter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u32)]
pub enum Runs {
    /// The program for every transition.
    Outer = 0,
    /// The same in an interrupt of itself, or of its stand-in. Kernels before 6.1 run it there.
    Inner = 1,
    /// The stand-in, where the kernel skipped the first because it was interrupted.
    StandIn = 2,
}

impl Runs {
    /// Every kind, in the order of its index.
    pub const ALL: [Self; 3] = [Self::Outer, Self::Inner, Self::StandIn];
}

/// What one CPU has counted since the program was loaded. Only ever grows.
///
/// `produced = delivered + lost` where `delivered` is what user space took from the ring.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(C)]
pub struct Counters {
    /// TCP transitions by old and new state number, self-transitions included; 0 stands for a number
    /// outside 0 to 15.
    pub transitions: [[u64; STATES]; STATES],
    /// TCP transitions for which a ring record was asked for.
    pub produced: u64,
    /// Records not written because the ring was full.
    pub lost: u64,
    /// Transitions of other protocols, by [`Foreign`].
    pub foreign: [u64; 4],
    /// TCP transitions with a state number outside 0 to 15.
    pub odd_states: u64,
}

impl Default for Counters {
    fn default() -> Self {
        Self::ZERO
    }
}

impl Counters {
    /// All counters at zero.
    pub const ZERO: Self = Self {
        transitions: [[0; STATES]; STATES],
        produced: 0,
        lost: 0,
        foreign: [0; 4],
        odd_states: 0,
    };

    /// The counters laid out as `words`.
    #[must_use]
    pub fn from_words(words: &[u64; WORDS]) -> Self {
        let mut words = words.iter().copied();
        let mut next = || words.next().unwrap_or(0);
        let mut counters = Self::ZERO;
        for cell in counters.transitions.iter_mut().flatten() {
            *cell = next();
        }
        counters.produced = next();
        counters.lost = next();
        for cell in &mut counters.foreign {
            *cell = next();
        }
        counters.odd_states = next();
        counters
    }

    /// Events counted: transitions of TCP and of other protocols.
    #[must_use]
    pub fn events(&self) -> u64 {
        let foreign = self.foreign.iter();
        foreign.fold(self.produced, |sum, count| sum.wrapping_add(*count))
    }

    /// Adds another CPU's counters to these.
    pub fn add(&mut self, other: &Self) {
        let Self {
            transitions,
            produced,
            lost,
            foreign,
            odd_states,
        } = self;
        for (row, other_row) in transitions.iter_mut().zip(&other.transitions) {
            for (cell, other_cell) in row.iter_mut().zip(other_row) {
                *cell = cell.wrapping_add(*other_cell);
            }
        }
        for (cell, other_cell) in foreign.iter_mut().zip(&other.foreign) {
            *cell = cell.wrapping_add(*other_cell);
        }
        *produced = produced.wrapping_add(other.produced);
        *lost = lost.wrapping_add(other.lost);
        *odd_states = odd_states.wrapping_add(other.odd_states);
    }
}

const _: () = assert!(size_of::<Counters>() == WORDS * 8);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn adding_sums_every_cell() {
        let mut one = Counters::ZERO;
        one.transitions[1][8] = 3;
        one.produced = 4;
        one.lost = 1;
        one.foreign[Foreign::Sctp as usize] = 2;
        one.odd_states = 5;
        let mut sum = one;
        sum.add(&one);
        assert_eq!(sum.transitions[1][8], 6);
        assert_eq!((sum.produced, sum.lost, sum.odd_states), (8, 2, 10));
        assert_eq!(sum.foreign, [0, 4, 0, 0]);
        assert_eq!(sum.events(), 12);
    }

    #[test]
    fn words_are_read_in_the_order_of_the_layout() {
        let mut words = [0; WORDS];
        for (index, word) in words.iter_mut().enumerate() {
            *word = index as u64;
        }
        let counters = Counters::from_words(&words);
        assert_eq!(counters.transitions[1][8], 24);
        assert_eq!((counters.produced, counters.lost), (256, 257));
        assert_eq!(counters.foreign, [258, 259, 260, 261]);
        assert_eq!(counters.odd_states, 262);
    }

    #[test]
    fn foreign_protocols_are_told_apart() {
        let kinds = [262, 132, 33, 17].map(Foreign::from_protocol);
        assert_eq!(kinds, Foreign::ALL);
    }
}
