//! A labelled scenario, and how the judge's verdicts on it are counted.

use std::net::IpAddr;

use tcpmon::core::verdict::{Kind, Place, Severity, Step, Subject};

use crate::world::{Told, World};

/// What programs do, and the verdicts that are right.
pub(crate) struct Scenario {
    pub(crate) name: &'static str,
    pub(crate) play: fn(&mut World),
    /// None for a healthy machine.
    pub(crate) expected: &'static [Expected],
}

/// Where a verdict is expected.
#[derive(Clone, Copy, Debug)]
pub(crate) enum At {
    /// A local port.
    Port(u16),
    /// A peer's address and port.
    Peer(&'static str, u16),
    /// The namespace.
    Namespace,
    /// The machine.
    Machine,
}

/// A verdict that is right. Times are seconds since the scenario began.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Expected {
    pub(crate) kind: Kind,
    pub(crate) at: At,
    /// Name of the process; `None` when the kind names none, or none can be known.
    pub(crate) who: Option<&'static str>,
    /// The severity it must reach, and the worst it may.
    pub(crate) least: Severity,
    pub(crate) most: Severity,
    /// When its threshold is crossed: no verdict before.
    pub(crate) crossed: u64,
    /// When the threshold of `least` is crossed.
    pub(crate) severe: u64,
    /// Between when and when it must be over; to the end it must stand otherwise.
    pub(crate) over: Option<(u64, u64)>,
}

/// A verdict must stand so many seconds after its threshold was crossed: two audits.
const WITHIN: f64 = 10.0;

impl Expected {
    /// A warning from `crossed` on.
    pub(crate) const fn new(kind: Kind, at: At, who: &'static str, crossed: u64) -> Self {
        Self {
            kind,
            at,
            who: Some(who),
            least: Severity::Warning,
            most: Severity::Critical,
            crossed,
            severe: crossed,
            over: None,
        }
    }

    /// One that names no process.
    pub(crate) const fn of_nobody(kind: Kind, at: At, crossed: u64) -> Self {
        let expected = Self::new(kind, at, "", crossed);
        Self {
            who: None,
            ..expected
        }
    }

    /// Another severity is reached, from `severe` on.
    pub(crate) const fn reaches(self, least: Severity, severe: u64) -> Self {
        Self {
            least,
            severe,
            ..self
        }
    }

    /// It gets no worse than that.
    pub(crate) const fn at_most(self, most: Severity) -> Self {
        Self { most, ..self }
    }

    /// It is over between these seconds.
    pub(crate) const fn over(self, from: u64, to: u64) -> Self {
        Self {
            over: Some((from, to)),
            ..self
        }
    }

    fn is_about(&self, subject: &Subject) -> bool {
        self.kind == subject.kind
            && match (self.at, subject.place) {
                (At::Port(wanted), Place::Service { port, .. }) => wanted == port,
                (At::Peer(wanted, wanted_port), Place::Destination { address, port, .. }) => {
                    wanted.parse::<IpAddr>().ok() == Some(address) && wanted_port == port
                }
                (At::Namespace, Place::Namespace(_)) | (At::Machine, Place::Machine) => true,
                _ => false,
            }
    }

    /// What is wrong with the verdict that is about this; empty when nothing is.
    fn faults(&self, told: &[&Told]) -> Vec<String> {
        let mut faults = Vec::new();
        let Some(first) = told.first() else {
            return faults;
        };
        if first.second < self.crossed as f64 {
            faults.push(format!(
                "began at {:.0} s, {} s is due",
                first.second, self.crossed
            ));
        }
        let reached = told.iter().find(|told| told.severity >= Some(self.least));
        match reached {
            Some(told) if told.second <= self.severe as f64 + WITHIN => {}
            Some(told) => faults.push(format!(
                "{} only at {:.0} s, {} s is due",
                self.least.name(),
                told.second,
                self.severe
            )),
            None => faults.push(format!("never {}", self.least.name())),
        }
        if told.iter().any(|told| told.severity > Some(self.most)) {
            faults.push(format!("worse than {}", self.most.name()));
        }
        let names = told.iter().filter_map(|told| told.who);
        let mut names = names.map(|process| process.name());
        if let Some(who) = self.who {
            match names.find(|name| name != who) {
                Some(name) => faults.push(format!("blames {name}")),
                None if told.iter().all(|told| told.who.is_none()) => {
                    faults.push("blames nobody".to_owned());
                }
                None => {}
            }
        } else if let Some(name) = names.next() {
            faults.push(format!("blames {name}"));
        }
        let ended = told.iter().find(|told| told.step == Step::Ended);
        match (self.over, ended) {
            (None, Some(ended)) => faults.push(format!("ended at {:.0} s", ended.second)),
            (Some((from, to)), Some(ended)) => {
                if ended.second < from as f64 || ended.second > to as f64 {
                    faults.push(format!("ended at {:.0} s", ended.second));
                }
            }
            (Some(_), None) => faults.push("is not over".to_owned()),
            (None, None) => {}
        }
        if told.len() > 6 {
            faults.push(format!("changed {} times", told.len()));
        }
        faults
    }
}

/// How a scenario came out.
#[derive(Debug, Default)]
pub(crate) struct Score {
    pub(crate) expected: usize,
    /// Expected verdicts that were right in every respect.
    pub(crate) found: usize,
    /// Verdicts that nobody expected, or that were wrong.
    pub(crate) wrong: usize,
    pub(crate) remarks: Vec<String>,
}

/// Plays a scenario and counts.
pub(crate) fn play(scenario: &Scenario, trace: bool) -> Score {
    let mut world = World::new();
    (scenario.play)(&mut world);
    let mut score = Score {
        expected: scenario.expected.len(),
        ..Score::default()
    };
    if trace {
        let told = world.told.iter();
        score.remarks.extend(told.map(ToString::to_string));
    }
    for expected in scenario.expected {
        let told: Vec<&Told> = world
            .told
            .iter()
            .filter(|told| expected.is_about(&told.subject))
            .collect();
        let faults = expected.faults(&told);
        let what = format!("{} {:?}", expected.kind.name(), expected.at);
        if told.is_empty() {
            score.remarks.push(format!("missed: {what}"));
        } else if faults.is_empty() {
            score.found += 1;
        } else {
            score.wrong += 1;
            score.remarks.push(format!("{what}: {}", faults.join(", ")));
        }
    }
    count_unexpected(scenario, &world, &mut score);
    score.wrong += world.broken.len();
    score.remarks.append(&mut world.broken);
    score
}

/// Every beginning of a verdict beyond the expected one is a false one.
fn count_unexpected(scenario: &Scenario, world: &World, score: &mut Score) {
    let mut expected: Vec<&Expected> = scenario.expected.iter().collect();
    for told in world.told.iter().filter(|told| told.step == Step::Began) {
        let place = expected
            .iter()
            .position(|expected| expected.is_about(&told.subject));
        if let Some(place) = place {
            expected.remove(place);
            continue;
        }
        score.wrong += 1;
        let who = told
            .who
            .map_or_else(|| "nobody".to_owned(), |who| who.name());
        let severity = told.severity.map_or("", Severity::name);
        score.remarks.push(format!(
            "not expected at {:.0} s: {} {severity} of {who} at {:?}",
            told.second,
            told.subject.kind.name(),
            told.subject.place
        ));
    }
}
