//! What the table has counted since it was made. Only ever grows.

use tcpmon_common::State;
use tcpmon_common::counter::STATES;

use crate::core::ending::Ending;
use crate::core::facts::KernelEvent;
use crate::core::histogram::Histogram;

/// Corrections: where the table and the kernel disagreed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(usize)]
pub enum Drift {
    /// A socket the stream had not announced.
    Missed,
    /// A socket the kernel no longer had.
    Vanished,
    /// A socket in another state than the kernel's.
    State,
    /// A socket address that came to life again without having ended.
    Reborn,
}

impl Drift {
    /// Every kind, in the order of its index.
    pub const ALL: [Self; 4] = [Self::Missed, Self::Vanished, Self::State, Self::Reborn];

    /// The label in metrics and JSON.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Missed => "missed",
            Self::Vanished => "vanished",
            Self::State => "state",
            Self::Reborn => "reborn",
        }
    }
}

/// Counters and histograms of a table.
#[derive(Clone, Debug)]
pub struct Totals {
    /// Records applied.
    pub applied: u64,
    /// Records with a state number no TCP has, or of no socket.
    pub odd_records: u64,
    /// Records of an edge in no diagram.
    pub unknown_edges: u64,
    /// Records in which the state did not change.
    pub self_loops: u64,
    /// Sockets that entered each state, by state number; requests count as `SYN_RECV`.
    pub entered: [u64; STATES],
    /// Transitions the kernel makes in silence, by old and new state number: those of minisocks.
    pub silent: [[u64; STATES]; STATES],
    /// Time spent in each state, by state number, of those whose entry was seen.
    pub durations: [Histogram; STATES],
    /// Endings, by [`Ending`].
    pub endings: [u64; Ending::ALL.len()],
    /// Corrections, by [`Drift`].
    pub drift: [u64; Drift::ALL.len()],
    /// What the kernel counted itself in all namespaces since each was first looked at, by
    /// [`KernelEvent`].
    pub kernel_events: [u64; KernelEvent::ALL.len()],
}

impl Default for Totals {
    fn default() -> Self {
        Self {
            applied: 0,
            odd_records: 0,
            unknown_edges: 0,
            self_loops: 0,
            entered: [0; STATES],
            silent: [[0; STATES]; STATES],
            durations: [Histogram::default(); STATES],
            endings: [0; Ending::ALL.len()],
            drift: [0; Drift::ALL.len()],
            kernel_events: [0; KernelEvent::ALL.len()],
        }
    }
}

impl Totals {
    pub(super) fn count_drift(&mut self, kind: Drift) {
        self.drift[kind as usize] += 1;
    }

    pub(super) fn count_silent(&mut self, from: State, to: State) {
        self.silent[from as usize][to as usize] += 1;
    }
}
