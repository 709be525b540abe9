//! The table at a glance, as the rules need it: sums over the groups of each endpoint.

use rustc_hash::FxHashMap;
use tcpmon_common::State;

use super::evidence::SHOWN;
use super::rules::accept::Waiting;
use super::rules::half_dead::Silent;
use super::rules::leak;
use super::rules::ports::Use;
use super::rules::stuck::{Heap, STATES};
use super::{Evidence, Place, Policy, Subject, Thresholds};
use crate::core::facts::NetnsIdentity;
use crate::core::table::{Bucket, Endpoint, EndpointId, Group, Listening, Process, SlotId, Table};

/// So few sockets towards a destination exhaust nothing: the narrowest range anybody sets is wider.
pub(super) const FEW: u32 = 8;

/// So many sockets become ripe in one evaluation; the rest do in the next. Two hundred thousand that
/// were hung up on at once would hold the owner of the table for 10 ms.
const MOST_RIPENED: u32 = 50_000;

/// What the groups of all endpoints add up to.
#[derive(Debug, Default)]
pub(super) struct Survey {
    ports: Vec<Use>,
    half_open: FxHashMap<EndpointId, u32>,
    waiting: FxHashMap<EndpointId, Waiting>,
    stuck: FxHashMap<(EndpointId, State), Heap>,
    time_wait: FxHashMap<NetnsIdentity, (Process, u32)>,
    nobody_waits: Waiting,
}

/// Marks what has been too long in each judged bucket.
pub(super) fn ripen(table: &mut Table, policy: &Policy, now_ns: u64) {
    let mut due = Vec::new();
    for group in table.groups() {
        let thresholds = thresholds_of(table, policy, &group);
        let mut want = |bucket: Bucket, age_ns: u64| {
            let before_ns = now_ns.saturating_sub(age_ns);
            let oldest = group.oldest(bucket);
            let has_ripe = group.ripe(bucket) > 0;
            if has_ripe || oldest.is_some_and(|oldest| oldest.entered_ns <= before_ns) {
                due.push((group.id(), bucket, before_ns));
            }
        };
        want(leak::BUCKET, thresholds.close_wait.age_ns);
        for state in STATES {
            if let Some(limits) = thresholds.stuck_in(state) {
                want(Bucket::of_state(state), limits.age_ns);
            }
        }
    }
    let mut rest = MOST_RIPENED;
    for (group, bucket, before_ns) in due {
        rest -= table.ripen(group, bucket, before_ns, rest);
    }
}

/// The thresholds for a group.
pub(super) fn thresholds_of<'a>(
    table: &Table,
    policy: &'a Policy,
    group: &Group<'_>,
) -> &'a Thresholds {
    if policy.is_uniform() {
        return &policy.general;
    }
    let name = group.process().map(Process::name);
    let unit = table.any_of(group).and_then(|socket| table.unit_of(socket));
    policy.thresholds(name.as_deref(), unit)
}

impl Survey {
    pub(super) fn of(table: &Table) -> Self {
        let mut survey = Self::default();
        for group in table.groups() {
            survey.add(table, &group);
        }
        for waiting in survey.waiting.values_mut() {
            waiting
                .oldest
                .sort_by_key(|id| table.socket(*id).entered_ns);
            waiting.oldest.truncate(SHOWN);
        }
        survey
    }

    fn add(&mut self, table: &Table, group: &Group<'_>) {
        let id = group.endpoint_id();
        let Some((endpoint, _)) = table.endpoint(id) else {
            return;
        };
        match endpoint {
            Endpoint::Destination { .. } => self.add_ports(id, group),
            Endpoint::Service { .. } => self.add_waiting(table, id, group),
        }
        for state in STATES {
            let bucket = Bucket::of_state(state);
            let count = group.ripe(bucket);
            if count > 0 {
                let heap = self.stuck.entry((id, state)).or_default();
                heap.count += count;
                prefer(&mut heap.busiest, group, count);
                keep_oldest(table, &mut heap.oldest, group, bucket, count);
            }
        }
        let time_wait = group.in_state(State::TimeWait);
        if let Some(process) = group.process().filter(|_| time_wait > 0) {
            let netns = table.netns_identity(endpoint.netns());
            let most = self.time_wait.entry(netns).or_insert((*process, 0));
            if time_wait > most.1 {
                *most = (*process, time_wait);
            }
        }
    }

    fn add_ports(&mut self, id: EndpointId, group: &Group<'_>) {
        if self.ports.len() <= id.index() {
            self.ports.resize(id.index() + 1, Use::default());
        }
        let used = &mut self.ports[id.index()];
        let sockets = group.total();
        used.sockets += sockets;
        used.time_wait += group.in_state(State::TimeWait);
        prefer(&mut used.busiest, group, sockets);
    }

    fn add_waiting(&mut self, table: &Table, id: EndpointId, group: &Group<'_>) {
        let listeners = group.in_state(State::Listen);
        if listeners > 0 {
            self.waiting.entry(id).or_default().listeners += listeners;
        }
        let half_open = group.in_state(State::SynRecv);
        if half_open > 0 {
            *self.half_open.entry(id).or_default() += half_open;
        }
        for bucket in [Bucket::UNACCEPTED, Bucket::UNACCEPTED_CLOSE_WAIT] {
            let count = group.count(bucket);
            if count == 0 {
                continue;
            }
            let waiting = self.waiting.entry(id).or_default();
            waiting.count += count;
            if bucket == Bucket::UNACCEPTED_CLOSE_WAIT {
                waiting.hung_up += count;
            }
            keep_oldest(table, &mut waiting.oldest, group, bucket, count);
        }
    }

    pub(super) fn ports(&self, id: EndpointId) -> Use {
        self.ports.get(id.index()).copied().unwrap_or_default()
    }

    pub(super) fn half_open(&self, id: EndpointId) -> u32 {
        self.half_open.get(&id).copied().unwrap_or(0)
    }

    pub(super) fn waiting(&self, id: EndpointId) -> &Waiting {
        self.waiting.get(&id).unwrap_or(&self.nobody_waits)
    }

    pub(super) fn stuck(&self) -> impl Iterator<Item = (EndpointId, State, &Heap)> {
        let stuck = self.stuck.iter();
        stuck.map(|((endpoint, state), heap)| (*endpoint, *state, heap))
    }

    pub(super) fn busiest_in_time_wait(&self, netns: NetnsIdentity) -> Option<(Process, u32)> {
        self.time_wait.get(&netns).copied()
    }
}

/// Takes the oldest of `count` sockets of a bucket in, if they are among the oldest so far.
fn keep_oldest(
    table: &Table,
    oldest: &mut Vec<SlotId>,
    group: &Group<'_>,
    bucket: Bucket,
    count: u32,
) {
    oldest.extend(group.sockets(bucket).take(SHOWN.min(count as usize)));
    oldest.sort_by_key(|id| table.socket(*id).entered_ns);
    oldest.truncate(SHOWN);
}

/// Takes the process of `group` over if it has more.
fn prefer(busiest: &mut Option<(Process, u32)>, group: &Group<'_>, count: u32) {
    if let Some(process) = group.process()
        && busiest.is_none_or(|(_, most)| count > most)
    {
        *busiest = Some((*process, count));
    }
}

/// Where an endpoint is, in words that stay true when its namespace's index is reused.
pub(super) fn place(table: &Table, endpoint: &Endpoint) -> Place {
    let netns = table.netns_identity(endpoint.netns());
    match *endpoint {
        Endpoint::Service { port, .. } => Place::Service { netns, port },
        Endpoint::Destination {
            source,
            address,
            port,
            ..
        } => Place::Destination {
            netns,
            source,
            address,
            port,
        },
    }
}

/// Where a socket listens, and whose it is.
pub(super) fn service(table: &Table, listening: &Listening) -> Option<(Place, Option<Process>)> {
    let (endpoint, _) = table.endpoint(listening.endpoint)?;
    let process = table.process_of(table.socket(listening.id)).copied();
    Some((place(table, endpoint), process))
}

/// Connections without an answer, by endpoint.
pub(super) fn half_dead(table: &Table, least: u8) -> Vec<(Place, Silent)> {
    let mut silent: FxHashMap<EndpointId, Silent> = FxHashMap::default();
    for id in table.unanswered() {
        let socket = table.socket(id);
        let unanswered = socket.details.map_or(0, |details| details.unanswered);
        let Some(endpoint) = table.endpoint_id_of(socket) else {
            continue;
        };
        if socket.state != State::Established || unanswered < least {
            continue;
        }
        let here = silent.entry(endpoint).or_default();
        here.sockets.push(id);
        if here.busiest.is_none() {
            here.busiest = table.process_of(socket).map(|process| (*process, 1));
        } else if let (Some((process, count)), Some(owner)) =
            (&mut here.busiest, table.process_of(socket))
            && process == owner
        {
            *count += 1;
        }
    }
    let places = silent.into_iter().filter_map(|(id, mut silent)| {
        silent.sockets.sort_unstable();
        let (endpoint, _) = table.endpoint(id)?;
        Some((place(table, endpoint), silent))
    });
    places.collect()
}

/// Name and unit of whom a verdict is about.
pub(super) fn blamed(
    table: &Table,
    subject: &Subject,
    evidence: &Evidence,
) -> (Option<String>, Option<String>) {
    let process = subject.process.or(evidence.busiest());
    let seen = evidence.sockets().first();
    let socket = seen.and_then(|seen| Some(table.socket(table.find(*seen)?)));
    let unit = socket.and_then(|socket| table.unit_of(socket));
    (
        process.map(|process| process.name()),
        unit.map(str::to_owned),
    )
}
