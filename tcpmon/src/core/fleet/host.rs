//! The hosts: which there are, what is known of each, and which is in the most trouble.

use std::cmp::Ordering;
use std::collections::BTreeMap;

use serde::Serialize;

use super::queries::{Answers, Topic};
use super::series::{Labels, Sample};
use crate::core::verdict::{Kind, Severity};

/// Older data is stale, in seconds. Prometheus advises no scrape interval above two minutes, since
/// it forgets a sample after five.
pub const STALE_SECONDS: f64 = 120.0;

/// Whether the server hears of a host.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Presence {
    /// The last scrape was answered by an agent.
    Up,
    /// It was answered, and by no agent.
    NoData,
    /// The last scrape failed.
    Down,
    /// It was a target within the last hour and is none any more.
    Vanished,
}

/// How far the agent's clock is from the server's.
///
/// The server stamps a scrape with its beginning, and the agent tells its time somewhere within it:
/// the difference is known to within the duration of the scrape.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Skew {
    /// The least the agent can be ahead, in seconds; negative when it is behind.
    pub at_least_seconds: f64,
    /// The most it can be ahead.
    pub at_most_seconds: f64,
}

impl Skew {
    /// The distance that is certain, ahead if positive; `None` while the clocks may agree.
    #[must_use]
    pub fn certain(&self) -> Option<f64> {
        match (self.at_least_seconds, self.at_most_seconds) {
            (least, _) if least > 0.0 => Some(least),
            (_, most) if most < 0.0 => Some(most),
            _ => None,
        }
    }

    /// Whether somebody should set the clock: ages and dates of this host mislead.
    #[must_use]
    pub fn is_trouble(&self) -> bool {
        self.certain().is_some_and(|seconds| seconds.abs() >= 1.0)
    }
}

/// Verdicts of one kind and severity that stand on a host.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Standing {
    /// The kind, by its name: the agent may be newer and know more of them.
    pub verdict: String,
    /// How bad.
    pub severity: Severity,
    /// How many.
    pub count: u64,
}

/// What puts a host in front of others, the worst last.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Trouble {
    /// Nothing.
    None,
    /// Something worth a look, or the clock is wrong.
    Suspicious,
    /// Data is old, or events were lost: what is known may be wrong.
    Blurred,
    /// It is no target any more: taken away, perhaps by somebody who did not mean to.
    Vanished,
    /// A warning stands.
    Warning,
    /// Nobody watches it: the agent or the host is down.
    Down,
    /// Connections fail, or will within the hour.
    Critical,
}

/// One host.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Host {
    /// The labels of its target, which tell it from all others.
    pub labels: Labels,
    /// Whether the server hears of it.
    pub presence: Presence,
    /// What puts it where it is in the list.
    pub trouble: Trouble,
    /// Age of what is known, in seconds; `None`: nothing was known within the last hour.
    pub age_seconds: Option<f64>,
    /// Version of the agent.
    pub version: Option<String>,
    /// Verdicts that stand, the worst first; `None`: not known.
    pub verdicts: Option<Vec<Standing>>,
    /// The process with the worst of them, a leak before others.
    pub culprit: Option<String>,
    /// Sockets in all states.
    pub sockets: Option<u64>,
    /// Sockets in CLOSE_WAIT.
    pub close_wait: Option<u64>,
    /// Sockets in TIME_WAIT.
    pub time_wait: Option<u64>,
    /// The smallest share of local ports left towards a destination, 0 to 1.
    pub port_headroom_ratio: Option<f64>,
    /// Events lost in the last quarter of an hour, as far as the server can tell.
    pub events_lost: Option<f64>,
    /// Corrections of the table in the last quarter of an hour.
    pub drift: Option<f64>,
    /// The agent's clock.
    pub clock_skew: Option<Skew>,
}

impl Host {
    fn new(labels: Labels, presence: Presence) -> Self {
        Self {
            labels,
            presence,
            trouble: Trouble::None,
            age_seconds: None,
            version: None,
            verdicts: None,
            culprit: None,
            sockets: None,
            close_wait: None,
            time_wait: None,
            port_headroom_ratio: None,
            events_lost: None,
            drift: None,
            clock_skew: None,
        }
    }

    /// What people call it: the instance.
    #[must_use]
    pub fn name(&self) -> &str {
        self.labels.get("instance").map_or("-", String::as_str)
    }

    /// Verdicts of a severity; `None`: not known.
    #[must_use]
    pub fn count(&self, severity: Severity) -> Option<u64> {
        let verdicts = self.verdicts.as_ref()?.iter();
        let counts = verdicts.filter(|it| it.severity == severity);
        // Whatever a server says must not overflow.
        Some(counts.fold(0, |sum: u64, it| sum.saturating_add(it.count)))
    }

    /// The worst verdict that stands.
    #[must_use]
    pub fn worst(&self) -> Option<&Standing> {
        self.verdicts.as_ref()?.first()
    }

    /// Whether its data is older than scrapes explain.
    #[must_use]
    pub fn is_stale(&self) -> bool {
        self.presence == Presence::Up && self.age_seconds.is_some_and(|age| age > STALE_SECONDS)
    }

    fn judge(&mut self) {
        let has = |severity| self.count(severity).is_some_and(|count| count > 0);
        let has_lost = self.events_lost.is_some_and(|lost| lost >= 1.0);
        let is_skewed = self.clock_skew.is_some_and(|skew| skew.is_trouble());
        self.trouble = match self.presence {
            Presence::Up if has(Severity::Critical) => Trouble::Critical,
            Presence::Down | Presence::NoData => Trouble::Down,
            Presence::Up if has(Severity::Warning) => Trouble::Warning,
            Presence::Vanished => Trouble::Vanished,
            Presence::Up if self.is_stale() || has_lost => Trouble::Blurred,
            Presence::Up if has(Severity::Suspicious) || is_skewed => Trouble::Suspicious,
            Presence::Up => Trouble::None,
        };
    }
}

/// The hosts of a fleet, those in the most trouble first.
#[must_use]
pub fn hosts(answers: &Answers) -> Vec<Host> {
    let mut fleet = Fleet::default();
    fleet.find(answers);
    fleet.fill(answers);
    let mut hosts: Vec<Host> = fleet.0.into_values().flatten().collect();
    for host in &mut hosts {
        host.judge();
    }
    hosts.sort_by(rank);
    hosts
}

/// The host in more trouble first; of equal ones that with more of it.
fn rank(one: &Host, other: &Host) -> Ordering {
    let counts = |host: &Host| {
        [Severity::Critical, Severity::Warning, Severity::Suspicious]
            .map(|severity| host.count(severity).unwrap_or(0))
    };
    let headroom = |host: &Host| host.port_headroom_ratio.unwrap_or(1.0);
    let close_wait = |host: &Host| host.close_wait.unwrap_or(0);
    other
        .trouble
        .cmp(&one.trouble)
        .then_with(|| counts(other).cmp(&counts(one)))
        .then_with(|| close_wait(other).cmp(&close_wait(one)))
        .then_with(|| headroom(one).total_cmp(&headroom(other)))
        .then_with(|| one.labels.cmp(&other.labels))
}

/// Hosts by job and instance: almost always one of each.
#[derive(Default)]
struct Fleet(BTreeMap<(String, String), Vec<Host>>);

/// What a target is called.
fn key(labels: &Labels) -> (String, String) {
    let label = |name| labels.get(name).cloned().unwrap_or_default();
    (label("job"), label("instance"))
}

/// Labels of the agent's version, and the name of a metric: none of them belongs to the target.
const FOREIGN: [&str; 4] = ["__name__", "version", "revision", "rustversion"];

fn target(labels: &Labels) -> Labels {
    let mut target = labels.clone();
    target.retain(|name, _| !FOREIGN.contains(&name.as_str()));
    target
}

impl Fleet {
    /// Which hosts there are.
    fn find(&mut self, answers: &Answers) {
        for sample in answers.of(Topic::Agent) {
            self.add(target(&sample.labels), Presence::Up);
        }
        // Before those who do not answer: one that is down has been seen as a rule.
        for sample in answers.of(Topic::LastSeen) {
            if self.of(&sample.labels).is_none() {
                self.add(target(&sample.labels), Presence::Vanished);
            }
        }
        let dedicated = dedicated_jobs(answers);
        for sample in answers.of(Topic::Up) {
            let is_up = sample.value > 0.0;
            match self.of(&sample.labels) {
                Some(host) if !is_up => host.presence = Presence::Down,
                // It was an agent, and something else answers now.
                Some(host) if host.presence == Presence::Vanished => {
                    host.presence = Presence::NoData;
                }
                Some(_) => {}
                None if dedicated.contains(&sample.labels.get("job")) => {
                    let presence = match is_up {
                        true => Presence::NoData,
                        false => Presence::Down,
                    };
                    self.add(target(&sample.labels), presence);
                }
                None => {}
            }
        }
    }

    fn add(&mut self, labels: Labels, presence: Presence) {
        let bucket = self.0.entry(key(&labels)).or_default();
        if bucket.iter().all(|host| host.labels != labels) {
            bucket.push(Host::new(labels, presence));
        }
    }

    /// The host that a series is of: the only one of that name, or the one whose labels it has all.
    fn of(&mut self, labels: &Labels) -> Option<&mut Host> {
        let bucket = self.0.get_mut(&key(labels))?;
        if bucket.len() == 1 {
            return bucket.first_mut();
        }
        let has = |(name, value): (&String, &String)| labels.get(name) == Some(value);
        bucket.iter_mut().find(|host| host.labels.iter().all(has))
    }

    /// What is known of them.
    fn fill(&mut self, answers: &Answers) {
        self.each(answers, Topic::LastSeen, |host, sample| {
            host.age_seconds = sample.known().filter(|age| *age >= 0.0);
        });
        self.each(answers, Topic::Agent, |host, sample| {
            // Two versions are told of while one is forgotten.
            let age = sample.known();
            let is_newer = host.version.is_none() || age < host.age_seconds;
            host.age_seconds = host.age_seconds.into_iter().chain(age).reduce(f64::min);
            if is_newer {
                host.version = sample.labels.get("version").cloned();
            }
        });
        self.each(answers, Topic::Sockets, |host, sample| {
            host.sockets = sample.count();
        });
        self.each(answers, Topic::PileUps, |host, sample| {
            match sample.labels.get("state").map(String::as_str) {
                Some("CLOSE_WAIT") => host.close_wait = sample.count(),
                Some("TIME_WAIT") => host.time_wait = sample.count(),
                _ => {}
            }
        });
        self.each(answers, Topic::Headroom, |host, sample| {
            host.port_headroom_ratio = sample.known().map(|ratio| ratio.clamp(0.0, 1.0));
        });
        self.each(answers, Topic::Lost, |host, sample| {
            host.events_lost = sample.known();
        });
        self.each(answers, Topic::Drift, |host, sample| {
            host.drift = sample.known();
        });
        self.compare_clocks(answers);
        self.hear_verdicts(answers);
    }

    fn each(&mut self, answers: &Answers, topic: Topic, set: impl Fn(&mut Host, &Sample)) {
        for sample in answers.of(topic) {
            if let Some(host) = self.of(&sample.labels) {
                set(host, sample);
            }
        }
    }

    fn compare_clocks(&mut self, answers: &Answers) {
        self.each(answers, Topic::Clock, |host, sample| {
            host.clock_skew = sample.known().map(|ahead| Skew {
                at_least_seconds: f64::NEG_INFINITY,
                at_most_seconds: ahead,
            });
        });
        self.each(answers, Topic::ScrapeDuration, |host, sample| {
            if let (Some(skew), Some(duration)) = (&mut host.clock_skew, sample.known()) {
                skew.at_least_seconds = skew.at_most_seconds - duration.max(0.0);
            }
        });
        for host in self.0.values_mut().flatten() {
            // Without the duration nothing is certain.
            host.clock_skew = host
                .clock_skew
                .filter(|skew| skew.at_least_seconds.is_finite());
        }
    }

    fn hear_verdicts(&mut self, answers: &Answers) {
        if !answers.0.contains_key(&Topic::Verdicts) {
            return;
        }
        for host in self.0.values_mut().flatten() {
            // Only what stands is answered: of a host that is heard of, nothing means none.
            host.verdicts = (host.presence == Presence::Up).then(Vec::new);
        }
        self.each(answers, Topic::Verdicts, |host, sample| {
            let standing = standing(&host.labels, sample);
            if let (Some(verdicts), Some(standing)) = (&mut host.verdicts, standing) {
                verdicts.push(standing);
            }
        });
        for host in self.0.values_mut().flatten() {
            if let Some(verdicts) = &mut host.verdicts {
                verdicts.sort_by(|one, other| {
                    let worse = other.severity.cmp(&one.severity);
                    worse.then_with(|| one.verdict.cmp(&other.verdict))
                });
            }
        }
        let mut culprits: BTreeMap<Labels, (Severity, bool)> = BTreeMap::new();
        for sample in answers.of(Topic::Culprits) {
            let Some(host) = self.of(&sample.labels) else {
                continue;
            };
            let process = sample.own(&host.labels, "process").map(str::to_owned);
            let Some((process, standing)) = process.zip(standing(&host.labels, sample)) else {
                continue;
            };
            let weight = (standing.severity, is_leak(&standing.verdict));
            let before = culprits.get(&host.labels).copied();
            if before.is_none_or(|before| weight > before) {
                culprits.insert(host.labels.clone(), weight);
                host.culprit = Some(process);
            }
        }
    }
}

/// Kinds of trouble that one process makes by forgetting something.
fn is_leak(verdict: &str) -> bool {
    matches!(
        Kind::from_name(verdict),
        Some(Kind::CloseWaitLeak | Kind::AcceptStuck)
    )
}

/// What a series says of verdicts; nothing where it does not say which, or how bad.
pub(super) fn standing(target: &Labels, sample: &Sample) -> Option<Standing> {
    let severity = sample.own(target, "severity")?;
    let severity = Severity::ALL
        .into_iter()
        .find(|known| known.name() == severity)?;
    let count = sample.count().filter(|count| *count > 0)?;
    Some(Standing {
        verdict: sample.own(target, "verdict")?.to_owned(),
        severity,
        count,
    })
}

/// Jobs of which most targets that answer are agents: in them, a target that does not answer is one
/// that should. Others scrape all kinds of things.
fn dedicated_jobs(answers: &Answers) -> Vec<Option<&String>> {
    let mut jobs: BTreeMap<Option<&String>, i64> = BTreeMap::new();
    for sample in answers.of(Topic::Agent) {
        *jobs.entry(sample.labels.get("job")).or_default() += 2;
    }
    // A host that is no target any more was one of an agent.
    for sample in answers.of(Topic::LastSeen) {
        jobs.entry(sample.labels.get("job")).or_default();
    }
    for sample in answers.of(Topic::Up) {
        if sample.value > 0.0 {
            *jobs.entry(sample.labels.get("job")).or_default() -= 1;
        }
    }
    let agents = jobs.into_iter().filter(|(_, balance)| *balance >= 0);
    agents.map(|(job, _)| job).collect()
}
