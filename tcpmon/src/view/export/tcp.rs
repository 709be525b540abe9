//! The connections: states, transitions, durations, endings.

use std::borrow::Cow;

use anyhow::Result;
use tcpmon_common::State;
use tcpmon_common::counter::STATES;

use super::family::{Family, counters, gauges, histograms, seconds};
use crate::core::ending::Ending;
use crate::core::fsm::{self, EDGES, Edge, Origin};
use crate::core::histogram::Histogram;
use crate::core::snapshot::Snapshot;

type Matrix = [[u64; STATES]; STATES];

pub(super) fn families(snapshot: &Snapshot) -> Result<Vec<Family>> {
    let states = || snapshot.states.iter().zip(State::RFC);
    Ok(vec![
        gauges(
            "tcpmon_sockets",
            "Sockets in each TCP state now, in all network namespaces.",
            ["state"],
            states().map(|(now, state)| ([state.name()], now.sockets as f64)),
        )?,
        gauges(
            "tcpmon_oldest_socket_timestamp_seconds",
            "When the socket that has been in the state for longest entered it, or was first known \
             to be in it, since 1970; no series while the state has no socket.",
            ["state"],
            states().filter_map(|(now, state)| {
                let oldest_ns = now.oldest_unix_ns?;
                Some(([state.name()], seconds(oldest_ns)))
            }),
        )?,
        counters(
            "tcpmon_transitions_total",
            "State transitions the kernel announced, counted in the kernel: exact even when events \
             are lost.",
            ["from", "to"],
            edges(&snapshot.counters.transitions, fsm::is_announced),
        )?,
        counters(
            "tcpmon_silent_transitions_total",
            "State transitions the kernel does not announce, concluded by the agent: those of \
             TIME_WAIT, of orphans in FIN_WAIT2 and of half-open requests.",
            ["from", "to"],
            edges(&snapshot.totals.silent, is_silent),
        )?,
        histograms(
            "tcpmon_state_duration_seconds",
            "Time sockets spent in a state, observed when they left it; only of those whose entry \
             was seen.",
            ["state"],
            State::RFC.map(|state| ([state.name()], durations(snapshot, state))),
        )?,
        counters(
            "tcpmon_closes_total",
            "Sockets that went to CLOSE, by the reason.",
            ["reason"],
            snapshot
                .totals
                .endings
                .iter()
                .zip(Ending::ALL)
                .map(|(count, ending)| ([ending.name()], *count)),
        )?,
    ])
}

/// Every edge that is `expected`, and whatever else was counted.
fn edges(
    matrix: &Matrix,
    expected: impl Fn(Edge) -> bool,
) -> impl Iterator<Item = ([Cow<'static, str>; 2], u64)> {
    let is_expected = move |from: usize, to: usize| {
        EDGES
            .iter()
            .any(|edge| edge.from as usize == from && edge.to as usize == to && expected(*edge))
    };
    let cells = matrix.iter().enumerate().flat_map(|(from, row)| {
        let cells = row.iter().enumerate();
        cells.map(move |(to, count)| (from, to, *count))
    });
    cells
        .filter(move |(from, to, count)| *count > 0 || is_expected(*from, *to))
        .map(|(from, to, count)| ([name(from), name(to)], count))
}

fn is_silent(edge: Edge) -> bool {
    let silent = matches!(edge.origin, Origin::RfcSilent | Origin::LinuxSilent);
    // Announced for a full socket that becomes an orphan; silent when that orphan ends.
    silent || (edge.from, edge.to) == (State::FinWait2, State::Close)
}

/// A number that no TCP state has stands for itself.
fn name(number: usize) -> Cow<'static, str> {
    let state = i64::try_from(number).ok().and_then(State::from_kernel);
    state.map_or_else(|| number.to_string().into(), |state| state.name().into())
}

/// Half-open requests count as `SYN_RECV`.
fn durations(snapshot: &Snapshot, state: State) -> Histogram {
    let mut sum = Histogram::default();
    let members = State::ALL.into_iter().filter(|s| s.folded() == state);
    for member in members {
        let durations = &snapshot.totals.durations[member as usize];
        for (bucket, count) in sum.buckets.iter_mut().zip(durations.buckets) {
            *bucket += count;
        }
        sum.sum_ns = sum.sum_ns.saturating_add(durations.sum_ns);
    }
    sum
}
