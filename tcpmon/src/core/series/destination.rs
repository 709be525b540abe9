//! The set of destinations: what one program connects to on one port is one member; each address is
//! one if that is asked for.

use std::net::IpAddr;

use rustc_hash::FxHashMap;
use tcpmon_common::State;

use super::book::{Counters, Entries, Member, Sums};
use super::names::{self, Namespaces};
use super::{listener, trouble};
use crate::core::census::{Census, GroupCount};
use crate::core::ending::Ending;
use crate::core::facts::{NamespaceLimits, NetnsIdentity};
use crate::core::query::Role;
use crate::core::verdict::{Place, Severity};

/// Ways in which a connection cannot be made or is lost for want of an answer.
pub const FAILURES: [Ending; 5] = [
    Ending::Refused,
    Ending::TimedOut,
    Ending::Unreachable,
    Ending::NoPort,
    Ending::AddressInUse,
];

/// What the sockets of a member add up to.
#[derive(Clone, Debug, Default)]
pub struct DestinationSums {
    /// Local ports they hold, at all addresses together.
    pub used: u64,
    /// Of the sockets, those in TIME_WAIT.
    pub time_wait: u64,
    /// Sockets, and failures since the last time: who has most goes first.
    weight: u64,
    /// Ports one address can have at most; the fewest.
    pub usable: Option<u64>,
    /// The part of them that is left at the address that has most of them, whoever holds the others.
    pub headroom: Option<f64>,
    worst: Option<Severity>,
}

/// The set, told apart by address or not.
#[derive(Clone, Debug, Default)]
pub struct Destination<const LABELS: usize>(pub DestinationSums);

/// Labels without addresses, and with.
pub const PLAIN: usize = 3;
/// See [`PLAIN`].
pub const WITH_ADDRESS: usize = 4;

impl<const LABELS: usize> Sums for Destination<LABELS> {
    const LABELS: usize = LABELS;
    const MOST_SERIES: u64 = 4 + FAILURES.len() as u64;

    fn join(&mut self, Self(more): &Self) {
        let sums = &mut self.0;
        sums.used += more.used;
        sums.time_wait += more.time_wait;
        sums.weight += more.weight;
        sums.usable = sums.usable.into_iter().chain(more.usable).min();
        let headrooms = sums.headroom.into_iter().chain(more.headroom);
        sums.headroom = headrooms.min_by(f64::total_cmp);
        sums.worst = sums.worst.max(more.worst);
    }

    fn series(&self, _: &Counters) -> u32 {
        let known = u32::from(self.0.usable.is_some()) + u32::from(self.0.headroom.is_some());
        2 + known + FAILURES.len() as u32
    }

    fn size(&self) -> u64 {
        self.0.weight
    }

    fn trouble(&self) -> u8 {
        trouble(self.0.worst)
    }
}

/// Where to, and from which address.
type Route = (NetnsIdentity, IpAddr, IpAddr, u16);

/// Sockets towards one address from one address, whoever has them.
#[derive(Clone, Copy, Debug, Default)]
struct Crowd {
    sockets: u64,
    time_wait: u64,
}

/// Every candidate. `gains`: what each of the census' endings has counted since the last time.
pub(super) fn entries<const LABELS: usize>(
    census: &Census,
    names: &Namespaces,
    gains: &[u64],
) -> Entries<Destination<LABELS>> {
    let mut routes: FxHashMap<Route, Crowd> = FxHashMap::default();
    for (route, _, crowd) in groups(census) {
        let all = routes.entry(route).or_default();
        all.sockets += crowd.sockets;
        all.time_wait += crowd.time_wait;
    }
    let ports = Ports::of(census);
    let troubled = troubled(census);
    let mut entries = Entries::<Destination<LABELS>>::default();
    for (route, group, crowd) in groups(census) {
        let (netns, _, address, port) = route;
        let process = names::process(group.workload.as_ref());
        let member = member(names.name(netns), port, process, address, LABELS);
        let usable = ports.usable(netns);
        let held = |crowd: Crowd| crowd.sockets - ports.given_away(route, crowd);
        let all = routes.get(&route).copied().unwrap_or(crowd);
        let sums = DestinationSums {
            used: held(crowd),
            time_wait: crowd.time_wait,
            weight: crowd.sockets,
            usable,
            headroom: usable.map(|usable| headroom(held(all), usable)),
            worst: troubled.get(&route).copied(),
        };
        let entry = entries.entry(member).or_default();
        entry.sums.join(&Destination(sums));
    }
    for (ended, gain) in census.endings.iter().zip(gains) {
        let is_failure = ended.role != Some(Role::Server) && FAILURES.contains(&ended.ending);
        if *gain > 0 && is_failure {
            let process = names::process(ended.workload.as_ref());
            let netns = names.name(ended.netns);
            let member = member(netns, ended.port, process, ended.address, LABELS);
            let entry = entries.entry(member).or_default();
            entry.gains[ended.ending as usize] += gain;
            entry.sums.0.weight += gain;
        }
    }
    entries
}

/// The groups at destinations.
fn groups(census: &Census) -> impl Iterator<Item = (Route, &GroupCount, Crowd)> {
    census.groups.iter().filter_map(|group| {
        let Place::Destination {
            netns,
            source,
            address,
            port,
        } = group.place
        else {
            return None;
        };
        let mut crowd = Crowd::default();
        for count in census.states_of(group) {
            crowd.sockets += u64::from(count.sockets);
            if count.state == State::TimeWait {
                crowd.time_wait += u64::from(count.sockets);
            }
        }
        Some(((netns, source, address, port), group, crowd))
    })
}

fn member(netns: String, port: u16, process: String, address: IpAddr, labels: usize) -> Member {
    let plain = [netns, port.to_string(), process];
    let address = (labels == WITH_ADDRESS).then(|| names::address(address));
    plain.into_iter().chain(address).collect()
}

/// The part that is left, 0 to 1.
fn headroom(held: u64, usable: u64) -> f64 {
    if usable == 0 {
        return 0.0;
    }
    usable.saturating_sub(held) as f64 / usable as f64
}

fn troubled(census: &Census) -> FxHashMap<Route, Severity> {
    let mut worst = FxHashMap::default();
    for verdict in &census.verdicts {
        if let Place::Destination {
            netns,
            source,
            address,
            port,
        } = verdict.place
        {
            let route = (netns, source, address, port);
            let here = worst.entry(route).or_insert(verdict.severity);
            *here = (*here).max(verdict.severity);
        }
    }
    worst
}

/// What namespaces say of ports.
struct Ports<'a>(FxHashMap<NetnsIdentity, (Option<u64>, Option<&'a NamespaceLimits>)>);

impl<'a> Ports<'a> {
    fn of(census: &'a Census) -> Self {
        let known = census.namespaces.iter().map(|namespace| {
            let limits = namespace.limits.as_deref();
            let usable = limits.and_then(|it| usable(census, namespace.identity, it));
            (namespace.identity, (usable, limits))
        });
        Self(known.collect())
    }

    /// Ports of connections that do not choose one: those somebody listens on are given to none.
    fn usable(&self, netns: NetnsIdentity) -> Option<u64> {
        self.0.get(&netns)?.0
    }

    /// TIME_WAIT entries whose port a new connection may take over.
    fn given_away(&self, (netns, source, address, _): Route, crowd: Crowd) -> u64 {
        let is_loopback = source.is_loopback() || address.is_loopback();
        let limits = self.0.get(&netns).and_then(|known| known.1);
        let gives = limits.is_some_and(|limits| limits.reuses_time_wait(is_loopback));
        if gives { crowd.time_wait } else { 0 }
    }
}

fn usable(census: &Census, netns: NetnsIdentity, limits: &NamespaceLimits) -> Option<u64> {
    let range = limits.local_ports?;
    let taken = listener::listening_ports(census, netns, (range.low, range.high));
    Some(u64::from(limits.ephemeral_ports()?).saturating_sub(taken))
}
