//! Inside one host: its processes, and where they connect to.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use super::host::{Standing, standing};
use super::queries::{Answers, Topic};
use super::series::{Course, Labels, Sample};
use crate::core::verdict::Severity;

/// What tells processes of a host apart in metrics: pids of one service count together.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct ProcessId {
    /// Name of the program; empty for sockets whose owner is not known.
    pub process: String,
    /// Unit of systemd.
    pub unit: Option<String>,
    /// Container.
    pub container: Option<String>,
    /// Pod.
    pub pod_uid: Option<String>,
}

/// A process, or several of one service.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Process {
    /// Whose.
    #[serde(flatten)]
    pub id: ProcessId,
    /// Verdicts about it, the worst first.
    pub verdicts: Vec<Standing>,
    /// Sockets by state, those there are.
    pub states: BTreeMap<String, u64>,
    /// How long the oldest has been in CLOSE_WAIT, in seconds, when the host was scraped.
    pub oldest_close_wait_seconds: Option<f64>,
    /// Open files of the pid nearest its limit.
    pub open_files: Option<u64>,
    /// That limit.
    pub max_open_files: Option<u64>,
}

/// A destination that a process connects to.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Destination {
    /// Name of the program; empty where it is not known.
    pub process: String,
    /// Network namespace, by its name or inode.
    pub netns: String,
    /// Address, where the agent tells addresses.
    pub remote_address: Option<String>,
    /// Port.
    pub remote_port: String,
    /// Local ports in use.
    pub ports_used: Option<u64>,
    /// Local ports there are.
    pub ports_usable: Option<u64>,
    /// The share of them that is left, 0 to 1.
    pub port_headroom_ratio: Option<f64>,
    /// Connections in TIME_WAIT.
    pub time_wait: Option<u64>,
    /// Connects that fail, per second.
    pub failures_per_second: Option<f64>,
}

/// What is known of one host besides.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Inside {
    /// Its processes, those in the most trouble first.
    pub processes: Vec<Process>,
    /// Its destinations, those with the fewest ports left first.
    pub destinations: Vec<Destination>,
    /// Sockets in CLOSE_WAIT of the host or of the process that is looked at, in the last hour.
    #[serde(skip)]
    pub course: Option<Course>,
}

impl Process {
    /// Sockets in all states.
    #[must_use]
    pub fn sockets(&self) -> u64 {
        self.states
            .values()
            .fold(0, |sum, count| sum.saturating_add(*count))
    }

    /// Sockets in a state.
    #[must_use]
    pub fn in_state(&self, state: &str) -> u64 {
        self.states.get(state).copied().unwrap_or(0)
    }

    /// How bad the worst verdict about it is.
    #[must_use]
    pub fn worst(&self) -> Option<Severity> {
        self.verdicts.first().map(|standing| standing.severity)
    }

    /// The share of the files it may open that it has open.
    #[must_use]
    pub fn files(&self) -> Option<f64> {
        Some(self.open_files? as f64 / self.max_open_files?.max(1) as f64)
    }
}

impl Inside {
    /// The destinations of a process. Metrics tell them by its name alone.
    #[must_use]
    pub fn destinations_of(&self, process: &str) -> Vec<Destination> {
        let destinations = self.destinations.iter();
        let of = destinations.filter(|destination| destination.process == process);
        of.cloned().collect()
    }
}

/// What the answers say of the host with the labels `target`.
#[must_use]
pub fn inside(answers: &Answers, target: &Labels) -> Inside {
    let destinations = destinations(answers, target);
    Inside {
        processes: processes(answers, target, &destinations),
        destinations,
        course: None,
    }
}

fn processes(answers: &Answers, target: &Labels, destinations: &[Destination]) -> Vec<Process> {
    let mut processes: BTreeMap<ProcessId, Process> = BTreeMap::new();
    for sample in answers.of(Topic::Processes) {
        let id = process_id(sample, target);
        let process = entry(&mut processes, id);
        match sample.name() {
            "tcpmon_process_sockets" => {
                let state = sample.own(target, "state");
                let count = sample.count().filter(|count| *count > 0);
                if let Some((state, count)) = state.zip(count) {
                    process.states.insert(state.to_owned(), count);
                }
            }
            "tcpmon_process_open_files" => process.open_files = sample.count(),
            "tcpmon_process_max_open_files" => process.max_open_files = sample.count(),
            "tcpmon_process_verdicts" => process.verdicts.extend(standing(target, sample)),
            _ => {}
        }
    }
    for sample in answers.of(Topic::OldestCloseWait) {
        let age = sample.known().map(|age| age.max(0.0));
        entry(&mut processes, process_id(sample, target)).oldest_close_wait_seconds = age;
    }
    // Where nobody counts processes, and for owners nobody knows, destinations say who there is.
    let counted: BTreeSet<String> = processes.keys().map(|id| id.process.clone()).collect();
    for destination in destinations {
        if !counted.contains(&destination.process) {
            let process = destination.process.clone();
            let id = ProcessId {
                process,
                ..ProcessId::default()
            };
            entry(&mut processes, id);
        }
    }
    let mut processes: Vec<Process> = processes.into_values().collect();
    for process in &mut processes {
        let order = |it: &Standing| (std::cmp::Reverse(it.severity), it.verdict.clone());
        process.verdicts.sort_by_key(order);
    }
    processes.sort_by(|one, other| {
        let worst = |process: &Process| process.verdicts.first().map(|it| it.severity);
        let close_wait = |process: &Process| process.in_state("CLOSE_WAIT");
        worst(other)
            .cmp(&worst(one))
            .then_with(|| close_wait(other).cmp(&close_wait(one)))
            .then_with(|| other.sockets().cmp(&one.sockets()))
            .then_with(|| one.id.cmp(&other.id))
    });
    processes
}

fn entry(processes: &mut BTreeMap<ProcessId, Process>, id: ProcessId) -> &mut Process {
    processes.entry(id.clone()).or_insert_with(|| Process {
        id,
        ..Process::default()
    })
}

fn process_id(sample: &Sample, target: &Labels) -> ProcessId {
    let label = |name: &str| sample.own(target, name).map(str::to_owned);
    ProcessId {
        process: label("process").unwrap_or_default(),
        unit: label("unit"),
        container: label("container"),
        pod_uid: label("pod_uid"),
    }
}

fn destinations(answers: &Answers, target: &Labels) -> Vec<Destination> {
    let mut destinations: BTreeMap<[String; 4], Destination> = BTreeMap::new();
    for sample in answers.of(Topic::Destinations) {
        let destination = destination_of(&mut destinations, sample, target);
        match sample.name() {
            "tcpmon_destination_ports_used" => destination.ports_used = sample.count(),
            "tcpmon_destination_ports_usable" => destination.ports_usable = sample.count(),
            "tcpmon_destination_port_headroom_ratio" => {
                destination.port_headroom_ratio = sample.known().map(|it| it.clamp(0.0, 1.0));
            }
            "tcpmon_destination_time_wait_sockets" => destination.time_wait = sample.count(),
            _ => {}
        }
    }
    for sample in answers.of(Topic::ConnectFailures) {
        let rate = sample.known();
        destination_of(&mut destinations, sample, target).failures_per_second = rate;
    }
    let mut destinations: Vec<Destination> = destinations.into_values().collect();
    destinations.sort_by(|one, other| {
        let headroom = |it: &Destination| it.port_headroom_ratio.unwrap_or(1.0);
        let failures = |it: &Destination| it.failures_per_second.unwrap_or(0.0);
        headroom(one)
            .total_cmp(&headroom(other))
            .then_with(|| failures(other).total_cmp(&failures(one)))
            .then_with(|| other.time_wait.cmp(&one.time_wait))
    });
    destinations
}

fn destination_of<'a>(
    destinations: &'a mut BTreeMap<[String; 4], Destination>,
    sample: &Sample,
    target: &Labels,
) -> &'a mut Destination {
    let label = |name: &str| sample.own(target, name).unwrap_or_default().to_owned();
    let [process, netns, address, port] =
        ["process", "netns", "remote_address", "remote_port"].map(label);
    let key = [
        process.clone(),
        netns.clone(),
        address.clone(),
        port.clone(),
    ];
    destinations.entry(key).or_insert_with(|| Destination {
        process,
        netns,
        remote_address: Some(address).filter(|address| !address.is_empty()),
        remote_port: port,
        ..Destination::default()
    })
}
