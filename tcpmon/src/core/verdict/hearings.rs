//! What is judged in an evaluation: which subjects there are, and which rule hears each.

use rustc_hash::FxHashMap;

use super::rules::queue::{AcceptQueue, Handshakes};
use super::rules::{Sight, accept, half_dead, kernel, leak, ports, queue, stuck};
use super::survey::{self, Survey};
use super::{Judge, Kind, Place, Policy, Subject};
use crate::core::facts::{KernelEvent, NetnsIdentity};
use crate::core::table::{Endpoint, EndpointId, Group, NetnsId, Process, Table};

/// What one process listens with on one port.
#[derive(Clone, Debug)]
struct Service {
    place: Place,
    process: Option<Process>,
    endpoint: EndpointId,
    queue: AcceptQueue,
    unit: Option<String>,
}

impl Service {
    /// A look at the table with the thresholds for this one.
    fn sight<'a>(&self, table: &'a Table, policy: &'a Policy, now_ns: u64) -> Sight<'a> {
        let process = self.process.filter(|_| !policy.is_uniform());
        let name = process.map(|process| process.name());
        Sight {
            table,
            thresholds: policy.thresholds(name.as_deref(), self.unit.as_deref()),
            now_ns,
        }
    }

    const fn subject(&self, kind: Kind) -> Subject {
        Subject {
            kind,
            process: self.process,
            place: self.place,
        }
    }

    fn netns(&self) -> NetnsIdentity {
        self.place.netns().unwrap_or_default()
    }
}

impl Judge {
    /// Reads the counters of every namespace; those of namespaces that are gone are forgotten.
    pub(super) fn read_counts(&mut self, table: &Table, now_ns: u64) {
        let turn = self.docket.turn;
        for (netns, _, events) in table.occupied() {
            let counts = self.counts.entry(netns).or_default();
            counts.read_in = turn;
            if let Some(events) = events {
                counts.read(&events, now_ns);
            }
        }
        self.counts.retain(|_, counts| counts.read_in == turn);
    }

    /// Groups without a process come first: see [`super::docket::Docket::hear`].
    pub(super) fn judge_leaks(&mut self, table: &Table, now_ns: u64) {
        let ripe = || table.groups().filter(|group| group.ripe(leak::BUCKET) > 0);
        let nobodys = ripe().filter(|group| group.process().is_none());
        let somebodys = ripe().filter(|group| group.process().is_some());
        for group in nobodys.chain(somebodys) {
            self.judge_leak(table, &group, now_ns);
        }
    }

    fn judge_leak(&mut self, table: &Table, group: &Group<'_>, now_ns: u64) {
        let Some((endpoint, _)) = table.endpoint(group.endpoint_id()) else {
            return;
        };
        let subject = Subject {
            kind: Kind::CloseWaitLeak,
            process: group.process().copied(),
            place: survey::place(table, endpoint),
        };
        let sight = Sight {
            table,
            thresholds: survey::thresholds_of(table, &self.policy, group),
            now_ns,
        };
        self.docket.hear(&self.policy, sight, subject, |case| {
            leak::judge(sight, group, &mut case.memory)
        });
    }

    pub(super) fn judge_listeners(&mut self, table: &Table, survey: &Survey, now_ns: u64) {
        let services = services(table);
        for service in &services {
            self.judge_accepts(table, survey, service, now_ns);
        }
        for service in by_port(services) {
            self.judge_handshakes(table, survey, &service, now_ns);
        }
    }

    fn judge_accepts(&mut self, table: &Table, survey: &Survey, service: &Service, now_ns: u64) {
        let sight = service.sight(table, &self.policy, now_ns);
        let Some(counts) = self.counts.get(&service.netns()) else {
            return;
        };
        let queue = &service.queue;
        let subject = service.subject(Kind::AcceptStuck);
        let mut is_in_doubt = false;
        let is_stuck = self.docket.hear(&self.policy, sight, subject, |case| {
            let waiting = survey.waiting(service.endpoint);
            let opinion = accept::judge(sight, queue, waiting, &mut case.memory);
            is_in_doubt = accept::is_in_doubt(sight, &case.memory);
            opinion
        });
        self.wants_dump |= is_in_doubt;
        let subject = service.subject(Kind::AcceptQueueOverflow);
        self.docket.hear(&self.policy, sight, subject, |case| {
            queue::judge_accepts(sight, queue, is_stuck, counts, &mut case.memory)
        });
    }

    fn judge_handshakes(&mut self, table: &Table, survey: &Survey, service: &Service, now_ns: u64) {
        let sight = service.sight(table, &self.policy, now_ns);
        // With a full accept queue handshakes cannot be finished.
        if service.queue.is_full(&sight.thresholds.accept_queue) {
            return;
        }
        let netns = service.netns();
        let Some(counts) = self.counts.get(&netns) else {
            return;
        };
        let handshakes = Handshakes {
            half_open: survey.half_open(service.endpoint),
            listeners: survey.waiting(service.endpoint).listeners,
            counts,
            settings: table.limits_of(netns),
        };
        let subject = service.subject(Kind::SynFlood);
        self.docket.hear(&self.policy, sight, subject, |case| {
            queue::judge_handshakes(sight, &service.queue, handshakes, &mut case.memory)
        });
    }

    pub(super) fn judge_destinations(&mut self, table: &Table, survey: &Survey, now_ns: u64) {
        let mut usable: FxHashMap<NetnsId, Option<u32>> = FxHashMap::default();
        for (id, endpoint, traffic) in table.endpoints() {
            let mut used = survey.ports(id);
            let is_small = used.sockets < survey::FEW && traffic.no_port == 0;
            if is_small || !matches!(endpoint, Endpoint::Destination { .. }) {
                continue;
            }
            let netns = endpoint.netns();
            used.usable = *usable
                .entry(netns)
                .or_insert_with(|| ports::usable(table, netns));
            let subject = of_nobody(Kind::PortExhaustion, survey::place(table, endpoint));
            let sight = sight(table, &self.policy, used.busiest, now_ns);
            self.docket.hear(&self.policy, sight, subject, |case| {
                ports::judge(sight, endpoint, traffic, used, &mut case.memory)
            });
        }
    }

    pub(super) fn judge_stuck(&mut self, table: &Table, survey: &Survey, now_ns: u64) {
        for (endpoint, state, heap) in survey.stuck() {
            let Some((endpoint, _)) = table.endpoint(endpoint) else {
                continue;
            };
            let Some(kind) = Kind::stuck_in(state) else {
                continue;
            };
            let subject = of_nobody(kind, survey::place(table, endpoint));
            let sight = sight(table, &self.policy, heap.busiest, now_ns);
            self.docket.hear(&self.policy, sight, subject, |_| {
                stuck::judge(sight, state, heap)
            });
        }
    }

    pub(super) fn judge_half_dead(&mut self, table: &Table, now_ns: u64) {
        let least = self.policy.general.half_dead.unanswered;
        for (place, silent) in survey::half_dead(table, least) {
            let sight = sight(table, &self.policy, silent.busiest, now_ns);
            let subject = of_nobody(Kind::HalfDead, place);
            self.docket.hear(&self.policy, sight, subject, |_| {
                half_dead::judge(sight, &silent)
            });
        }
    }

    pub(super) fn judge_namespaces(&mut self, table: &Table, survey: &Survey, now_ns: u64) {
        for (netns, count, events) in table.occupied() {
            let here = kernel::Minisocks {
                count,
                events,
                settings: table.limits_of(netns),
                busiest: survey.busiest_in_time_wait(netns),
            };
            let subject = of_nobody(Kind::TimeWaitOverflow, Place::Namespace(netns));
            let sight = sight(table, &self.policy, None, now_ns);
            self.docket.hear(&self.policy, sight, subject, |case| {
                Some(kernel::judge_time_waits(sight, here, &mut case.memory))
            });
        }
    }

    pub(super) fn judge_machine(&mut self, table: &Table, now_ns: u64) {
        let aborted = table.totals().kernel_events[KernelEvent::AbortsOnMemory as usize];
        let subject = of_nobody(Kind::OrphansNearLimit, Place::Machine);
        let sight = sight(table, &self.policy, None, now_ns);
        self.docket.hear(&self.policy, sight, subject, |case| {
            kernel::judge_orphans(sight, aborted, &mut case.memory)
        });
    }
}

/// A look at the table with the thresholds for who has the most sockets there.
fn sight<'a>(
    table: &'a Table,
    policy: &'a Policy,
    busiest: Option<(Process, u32)>,
    now_ns: u64,
) -> Sight<'a> {
    let busiest = busiest.filter(|_| !policy.is_uniform());
    let name = busiest.map(|(process, _)| process.name());
    Sight {
        table,
        thresholds: policy.thresholds(name.as_deref(), None),
        now_ns,
    }
}

fn of_nobody(kind: Kind, place: Place) -> Subject {
    Subject {
        kind,
        process: None,
        place,
    }
}

/// The listening sockets, those of one process on one port together, in the order of their ports. Of
/// those on one port the ones without a process come first: see [`super::docket::Docket::hear`].
fn services(table: &Table) -> Vec<Service> {
    let listening = table.listening().filter_map(|listening| {
        let (place, process) = survey::service(table, &listening)?;
        Some(Service {
            place,
            process,
            endpoint: listening.endpoint,
            queue: AcceptQueue::of(&listening),
            unit: table.unit_of(table.socket(listening.id)).map(str::to_owned),
        })
    });
    let mut services: Vec<Service> = listening.collect();
    services.sort_by_key(|service| {
        let process = service.process.map(|process| (process.pid, process.comm));
        (service.endpoint.index(), process)
    });
    services.dedup_by(|next, service| {
        let is_same = (next.endpoint, next.process) == (service.endpoint, service.process);
        if is_same {
            service.queue.join(&next.queue);
        }
        is_same
    });
    services
}

/// Those on one port together: nothing tells which of them a handshake is for. They are nobody's
/// then.
fn by_port(mut services: Vec<Service>) -> Vec<Service> {
    services.dedup_by(|next, together| {
        let is_same = next.endpoint == together.endpoint;
        if is_same {
            together.queue.join(&next.queue);
            together.process = None;
        }
        is_same
    });
    services
}
