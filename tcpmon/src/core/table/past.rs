//! How a socket came to be in its state: the states before, and for how long it was in each. Sixteen
//! bytes, because half a million sockets have one.

use serde::{Deserialize, Serialize};
use tcpmon_common::State;

use super::Table;
use super::socket::{SlotId, Socket};
use crate::core::fsm::{self, Edge};

/// States kept: enough for a client from SYN_SENT to TIME_WAIT.
const MOST: usize = 4;
/// Bits of a duration, and of how often it was divided by eight.
const MANTISSA_BITS: u32 = 24;
const MANTISSA: u32 = (1 << MANTISSA_BITS) - 1;
const EXPONENT: u32 = 0xf;
const STATE_SHIFT: u32 = MANTISSA_BITS + 4;
/// The beginning of the state was not seen. No duration has this exponent: 2^24 · 8^14 is beyond 64 bits.
const UNKNOWN: u32 = EXPONENT << MANTISSA_BITS;

/// The states before the one a socket is in, newest first.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Past([u32; MOST]);

impl Past {
    /// Remembers that `state` was left after `duration_ns`, where that is known; to a part in a million.
    #[inline]
    pub(super) fn push(&mut self, state: State, duration_ns: Option<u64>) {
        self.0.copy_within(..MOST - 1, 1);
        self.0[0] = (state as u32) << STATE_SHIFT | pack(duration_ns);
    }

    /// States that were left, newest first, and how long each lasted.
    fn iter(self) -> impl Iterator<Item = (State, Option<u64>)> {
        let states = self.0.into_iter().map_while(|packed| {
            let state = State::from_kernel(i64::from(packed >> STATE_SHIFT))?;
            Some((state, unpack(packed)))
        });
        states.fuse()
    }
}

#[inline]
fn pack(duration_ns: Option<u64>) -> u32 {
    let Some(duration_ns) = duration_ns else {
        return UNKNOWN;
    };
    let excess = (u64::BITS - duration_ns.leading_zeros()).saturating_sub(MANTISSA_BITS);
    let exponent = excess.div_ceil(3);
    #[expect(clippy::cast_possible_truncation, reason = "shifted to 24 bits")]
    let mantissa = (duration_ns >> (3 * exponent)) as u32;
    exponent << MANTISSA_BITS | mantissa
}

fn unpack(packed: u32) -> Option<u64> {
    let exponent = packed >> MANTISSA_BITS & EXPONENT;
    let mantissa = u64::from(packed & MANTISSA);
    (exponent != EXPONENT).then(|| mantissa << (3 * exponent))
}

/// One transition of the past.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Step {
    /// `CLOCK_BOOTTIME` of it, in nanoseconds.
    pub time_ns: u64,
    /// From where to where.
    pub edge: Edge,
    /// Time spent in the state before, where its beginning was seen.
    pub duration_ns: Option<u64>,
}

impl Table {
    /// The transitions that led a socket to its state, oldest first, as far back as they were seen.
    #[must_use]
    pub fn steps(&self, id: SlotId) -> Vec<Step> {
        let mut steps = steps(self.slots.get(id));
        steps.reverse();
        steps
    }
}

/// Newest first.
fn steps(socket: &Socket) -> Vec<Step> {
    if socket.age_is_lower_bound {
        return Vec::new();
    }
    let (mut to, mut time_ns) = (socket.state, socket.entered_ns);
    let mut steps = Vec::new();
    for (from, duration_ns) in socket.past.iter() {
        steps.push(Step {
            time_ns,
            edge: fsm::edge(from, to),
            duration_ns,
        });
        let Some(duration_ns) = duration_ns else {
            return steps;
        };
        (to, time_ns) = (from, time_ns.saturating_sub(duration_ns));
    }
    // Room ran out where it began; the beginning has a field of its own.
    if steps.len() == MOST && to == State::SynSent && socket.opened_ns != 0 {
        steps.push(Step {
            time_ns: socket.opened_ns,
            edge: fsm::edge(State::Close, State::SynSent),
            duration_ns: None,
        });
    }
    steps
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn no_duration_is_taken_for_an_unknown_one() {
        for duration in [0, 1, u64::MAX >> 1, u64::MAX] {
            assert!(unpack(pack(Some(duration))).is_some(), "{duration}");
        }
        assert_eq!(unpack(pack(None)), None);
    }

    proptest! {
        #[test]
        fn a_duration_is_kept_to_a_part_in_a_million(duration in any::<u64>(), shift in 0u32..64) {
            let duration = duration >> shift;
            let kept = unpack(pack(Some(duration))).expect("known");
            prop_assert!(kept <= duration && duration - kept <= duration / 1_000_000);
        }

        #[test]
        fn the_newest_come_first(states in prop::collection::vec(0..State::ALL.len(), 0..9)) {
            let states: Vec<State> = states.into_iter().map(|index| State::ALL[index]).collect();
            let mut past = Past::default();
            for state in &states {
                past.push(*state, None);
            }
            let kept: Vec<State> = past.iter().map(|(state, _)| state).collect();
            let expected: Vec<State> = states.into_iter().rev().take(MOST).collect();
            prop_assert_eq!(kept, expected);
        }
    }
}
