//! What is saved of a verdict that becomes critical, while it can still be seen.

mod oldest;
mod trail;

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use rustc_hash::FxHashMap;
use serde::Serialize;
use tcpmon_common::State;

pub use trail::{Trail, TransitionRow};

use crate::core::query::{Health, SCHEMA, SocketRow, VerdictRow};
use crate::core::table::Table;
use crate::core::verdict::{Change, Kind, Severity, Step, Subject};

/// Sockets saved at most.
pub const MOST_SOCKETS: usize = 1000;
/// The same subject is not saved again for so long.
const REST_NS: u64 = 600_000_000_000;
/// How the name of every file ends that is ours.
pub const SUFFIX: &str = ".incident.json";

/// Number of sockets by state; states without any are left out.
pub type ByState = BTreeMap<&'static str, u64>;

/// The evidence of one verdict, as it is saved. Text in it is as the kernel has it: sanitise before it
/// reaches a terminal.
#[derive(Clone, Debug, Serialize)]
pub struct Incident {
    /// [`SCHEMA`].
    pub schema: u32,
    /// When, RFC 3339, UTC.
    pub time: String,
    /// Version of the agent.
    pub version: String,
    /// Host name.
    pub host: String,
    /// Kernel release.
    pub kernel: String,
    /// The verdict, as `/v1/verdicts` has it.
    pub verdict: VerdictRow,
    /// How the agent was: what it lost, what it repaired, how it sees.
    pub health: Health,
    /// Sockets of the subject.
    pub subject_states: ByState,
    /// Sockets of its network namespace; `null` for the whole machine.
    pub namespace_states: Option<ByState>,
    /// Sockets of the machine.
    pub machine_states: ByState,
    /// How many sockets it is about; `sockets` has the first of them.
    pub sockets_in_all: u64,
    /// Those in trouble first, the oldest first.
    pub sockets: Vec<SocketRow>,
    /// So many seconds back every transition was kept that the agent received.
    pub transitions_reach_seconds: f64,
    /// How many of them were the subject's; `transitions` has the last of them.
    pub transitions_in_all: u64,
    /// Transitions of the subject's sockets, the last first.
    pub transitions: Vec<TransitionRow>,
    /// How many were of other sockets.
    pub other_transitions_in_all: u64,
    /// Transitions of other sockets, the last first.
    pub other_transitions: Vec<TransitionRow>,
}

/// Where and when an incident is.
#[derive(Clone, Debug)]
pub struct Circumstances {
    /// RFC 3339, UTC.
    pub time: String,
    /// Version of the agent.
    pub version: String,
    /// Host name.
    pub host: String,
    /// Kernel release.
    pub kernel: String,
    /// How the agent is.
    pub health: Health,
}

impl Incident {
    /// Collects what is known of a verdict now.
    #[must_use]
    pub fn collect(
        table: &Table,
        trail: &Trail,
        subject: &Subject,
        verdict: VerdictRow,
        at: Circumstances,
        now_ns: u64,
    ) -> Self {
        let (sockets, sockets_in_all) = oldest::sockets(table, subject, MOST_SOCKETS);
        let (transitions, other_transitions) = trail.rows(&subject.place, now_ns);
        let states_of = |groups: &mut dyn Iterator<Item = crate::core::table::Group<'_>>| {
            let mut states = ByState::new();
            for group in groups {
                add(&mut states, |state| u64::from(group.in_state(state)));
            }
            states
        };
        let netns = subject.place.netns();
        let namespace_states = netns.map(|netns| {
            let all = table.groups();
            states_of(&mut all.filter(|group| {
                let endpoint = table.endpoint(group.endpoint_id());
                endpoint.is_some_and(|(at, _)| table.netns_identity(at.netns()) == netns)
            }))
        });
        let mut machine_states = ByState::new();
        add(&mut machine_states, |state| table.in_state(state));
        Self {
            schema: SCHEMA,
            time: at.time,
            version: at.version,
            host: at.host,
            kernel: at.kernel,
            verdict,
            health: at.health,
            subject_states: states_of(&mut oldest::groups(table, subject)),
            namespace_states,
            machine_states,
            sockets_in_all,
            sockets: sockets.iter().map(|id| table.row(*id, now_ns)).collect(),
            transitions_reach_seconds: trail.reach_seconds(now_ns),
            transitions_in_all: transitions.len() as u64,
            transitions,
            other_transitions_in_all: other_transitions.len() as u64,
            other_transitions,
        }
    }

    /// Name of its file: of the time, the kind and the process id alone, since other text is foreign.
    /// Names sort by time.
    #[must_use]
    pub fn file_name(&self) -> String {
        let time = self.time.replace(['-', ':'], "");
        let kind = self.verdict.verdict.name();
        match self.verdict.pid {
            Some(pid) => format!("{time}-{kind}-{pid}{SUFFIX}"),
            None => format!("{time}-{kind}{SUFFIX}"),
        }
    }

    /// The document as `write` makes it, at most `most` bytes long. If need be the transitions of others are left out
    /// first, then the older transitions and the younger sockets; the counts tell so. `None` if even
    /// that is too long.
    #[must_use]
    pub fn within(
        mut self,
        most: usize,
        write: impl Fn(&Self) -> Option<Vec<u8>>,
    ) -> Option<Vec<u8>> {
        loop {
            let json = write(&self)?;
            if json.len() <= most {
                return Some(json);
            }
            if halve(&mut self.other_transitions) {
                continue;
            }
            let shorter = [halve(&mut self.transitions), halve(&mut self.sockets)];
            if shorter == [false, false] {
                return None;
            }
        }
    }
}

/// `false` when there is nothing left to cut.
fn halve<T>(rows: &mut Vec<T>) -> bool {
    let is_there_any = !rows.is_empty();
    rows.truncate(rows.len() / 2);
    is_there_any
}

fn add(states: &mut ByState, count: impl Fn(State) -> u64) {
    for state in State::RFC {
        let count = count(state);
        if count > 0 {
            *states.entry(state.name()).or_default() += count;
        }
    }
}

/// Whether a file in our directory is one of ours by its name. Others are never touched.
#[must_use]
pub fn is_file_name(name: &str) -> bool {
    let Some((time, rest)) = name
        .strip_suffix(SUFFIX)
        .and_then(|stem| stem.split_once('-'))
    else {
        return false;
    };
    let shape = |c: char| if c.is_ascii_digit() { '0' } else { c };
    let (kind, pid) = rest.split_once('-').unwrap_or((rest, "0"));
    time.chars()
        .map(shape)
        .eq("00000000T000000.000000000Z".chars())
        && Kind::from_name(kind).is_some()
        && !pid.is_empty()
        && pid.bytes().all(|byte| byte.is_ascii_digit())
}

/// Which subjects were saved of late.
#[derive(Debug, Default)]
pub struct Saved(FxHashMap<Subject, u64>);

impl Saved {
    /// Whether the change is one to save: it has just become critical, and was not saved of late.
    pub fn is_due(&mut self, change: &Change, now_ns: u64) -> bool {
        let becomes_critical = change.severity == Some(Severity::Critical)
            && matches!(change.step, Step::Began | Step::Worsened);
        if !becomes_critical {
            return false;
        }
        self.0
            .retain(|_, saved_ns| now_ns < saved_ns.saturating_add(REST_NS));
        !self.0.contains_key(&change.subject)
    }

    /// It is saved now.
    pub fn note(&mut self, subject: Subject, now_ns: u64) {
        self.0.insert(subject, now_ns);
    }
}
