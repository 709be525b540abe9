//! The PromQL. One query per topic, whatever the number of hosts.

use std::collections::{BTreeMap, BTreeSet};

use super::matcher::{Matcher, Matchers};
use super::series::{Labels, Sample};

/// How long a host that is gone is remembered.
pub const LOOKBACK: &str = "1h";
/// Over what time lost events and corrections are counted.
pub const WINDOW: &str = "15m";
/// Over what time rates are taken: four scrapes a minute apart are enough.
pub const RATE_WINDOW: &str = "5m";
/// How much of the past a course shows, in seconds.
pub const COURSE_SECONDS: f64 = 3600.0;
/// Seconds between two points of a course.
pub const COURSE_STEP_SECONDS: f64 = 60.0;

/// What of the server's series is looked at.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Scope {
    /// What the user chose.
    pub chosen: Matchers,
    /// The labels of one target, to look at this host alone.
    pub host: Option<Labels>,
}

/// Names of recording rules that the server evaluates.
pub type Rules = BTreeSet<String>;

/// What is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Topic {
    /// Which targets answered the last scrape.
    Up,
    /// The agent of each host, and the age of its data.
    Agent,
    /// When each host had data last, within [`LOOKBACK`].
    LastSeen,
    /// Sockets of all states.
    Sockets,
    /// Sockets in the states that pile up.
    PileUps,
    /// Verdicts that stand.
    Verdicts,
    /// Processes with a verdict.
    Culprits,
    /// The smallest share of local ports left towards a destination.
    Headroom,
    /// Events lost in [`WINDOW`].
    Lost,
    /// Corrections of the table in [`WINDOW`].
    Drift,
    /// The agent's clock against the server's.
    Clock,
    /// How long a scrape takes, which bounds how well the clocks can be compared.
    ScrapeDuration,
    /// Inside one host: what there is of its processes.
    Processes,
    /// Inside one host: the age of the oldest socket in CLOSE_WAIT of each process.
    OldestCloseWait,
    /// Inside one host: local ports towards each destination.
    Destinations,
    /// Inside one host: failed connects per second.
    ConnectFailures,
}

impl Topic {
    /// What is asked of all hosts.
    pub const HOSTS: [Self; 12] = [
        Self::Up,
        Self::Agent,
        Self::LastSeen,
        Self::Sockets,
        Self::PileUps,
        Self::Verdicts,
        Self::Culprits,
        Self::Headroom,
        Self::Lost,
        Self::Drift,
        Self::Clock,
        Self::ScrapeDuration,
    ];

    /// What is asked besides of one host.
    pub const INSIDE: [Self; 4] = [
        Self::Processes,
        Self::OldestCloseWait,
        Self::Destinations,
        Self::ConnectFailures,
    ];

    /// Whether there is no list of hosts without it.
    #[must_use]
    pub const fn is_essential(self) -> bool {
        matches!(self, Self::Up | Self::Agent | Self::LastSeen)
    }

    /// The recording rule that answers the same for less, where a server has it. They are in
    /// `deploy/prometheus`.
    const fn rule(self) -> Option<&'static str> {
        match self {
            Self::Sockets => Some("instance:tcpmon_sockets:sum"),
            Self::Headroom => Some("instance:tcpmon_destination_port_headroom:min"),
            _ => None,
        }
    }

    /// The query.
    #[must_use]
    pub fn query(self, scope: &Scope, rules: &Rules) -> String {
        if let Some(rule) = self.rule().filter(|rule| rules.contains(*rule)) {
            return scope.of(rule, "");
        }
        let of = |metric: &str| scope.of(metric, "");
        match self {
            Self::Up => of_agents("up", scope),
            Self::ScrapeDuration => of_agents("scrape_duration_seconds", scope),
            Self::Agent => format!("time() - timestamp({})", of(AGENT)),
            // A minute is exact enough for who is gone, and cheap; whoever was there between two of
            // them has been seen, too, and -1 says that nobody knows when.
            Self::LastSeen => format!(
                "time() - max without ({VERSION}) (max_over_time(timestamp({agent})[{LOOKBACK}:1m])) \
                 or -1 * max without ({VERSION}) (last_over_time({agent}[{LOOKBACK}]))",
                agent = of(AGENT)
            ),
            Self::Sockets => format!("sum without (state) ({})", of("tcpmon_sockets")),
            Self::PileUps => scope.of("tcpmon_sockets", "state=~\"CLOSE_WAIT|TIME_WAIT\""),
            Self::Verdicts => format!("{} > 0", of("tcpmon_verdicts")),
            Self::Culprits => format!("{} > 0", of("tcpmon_process_verdicts")),
            Self::Headroom => format!(
                "min without (netns, remote_port, remote_address, process) ({})",
                of("tcpmon_destination_port_headroom_ratio")
            ),
            Self::Lost => increase("reason", &of("tcpmon_events_lost_total")),
            Self::Drift => increase("kind", &of("tcpmon_drift_total")),
            Self::Clock => {
                let clock = of(CLOCK);
                format!("{clock} - timestamp({clock})")
            }
            Self::Processes => scope.named(
                "tcpmon_process_(sockets|open_files|max_open_files|verdicts)",
            ),
            // By the agent's own clock on both sides, whatever it shows.
            Self::OldestCloseWait => format!(
                "scalar(max({})) - {}",
                of(CLOCK),
                scope.of(
                    "tcpmon_process_oldest_socket_timestamp_seconds",
                    "state=\"CLOSE_WAIT\""
                )
            ),
            Self::Destinations => scope.named(
                "tcpmon_destination_(ports_used|ports_usable|port_headroom_ratio|time_wait_sockets)",
            ),
            Self::ConnectFailures => format!(
                "sum without (reason) (rate({}[{RATE_WINDOW}]))",
                of("tcpmon_destination_connect_failures_total")
            ),
        }
    }
}

/// A metric that every agent has.
const AGENT: &str = "tcpmon_build_info";
const CLOCK: &str = "tcpmon_time_seconds";
/// Its labels.
const VERSION: &str = "version, revision, rustversion";

/// Which recording rules there are.
pub(super) const RULES: &str = "group by (__name__) ({__name__=~\"instance:tcpmon_.+\"})";

fn increase(label: &str, selector: &str) -> String {
    format!("sum without ({label}) (increase({selector}[{WINDOW}]))")
}

/// A metric that Prometheus makes of every target, of the jobs that have agents.
fn of_agents(metric: &str, scope: &Scope) -> String {
    format!(
        "{} and on (job) group by (job) (last_over_time({}[{LOOKBACK}]))",
        scope.of(metric, ""),
        scope.of(AGENT, "")
    )
}

impl Scope {
    /// The query that tells which recording rules there are.
    #[must_use]
    pub const fn rules_query() -> &'static str {
        RULES
    }

    /// The sockets in CLOSE_WAIT of one host, or of one process on it: what a course shows.
    #[must_use]
    pub fn course_query(&self, process: Option<&super::ProcessId>) -> String {
        let state = Matcher::equal("state", "CLOSE_WAIT");
        match process {
            None => format!("sum({})", self.of("tcpmon_sockets", &state.to_string())),
            Some(id) => {
                // By the name alone: the other labels may have been renamed.
                let process = Matcher::equal("process", &id.process);
                let unit = id.unit.as_deref().map(|unit| Matcher::equal("unit", unit));
                let own = Matchers([state, process].into_iter().chain(unit).collect());
                format!(
                    "sum({})",
                    self.of("tcpmon_process_sockets", &own.to_string())
                )
            }
        }
    }

    /// `metric{what is looked at, more}`.
    fn of(&self, metric: &str, more: &str) -> String {
        let host = self.host.iter().flatten();
        let host = host.map(|(label, value)| Matcher::equal(label, value));
        let all = Matchers(self.chosen.0.iter().cloned().chain(host).collect());
        let comma = if all.0.is_empty() || more.is_empty() {
            ""
        } else {
            ","
        };
        format!("{metric}{{{all}{comma}{more}}}")
    }

    /// All metrics whose names match.
    fn named(&self, pattern: &str) -> String {
        self.of("", &format!("__name__=~\"{pattern}\""))
    }
}

/// What the server answered, by topic. A topic without an answer is unknown, not zero.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Answers(pub BTreeMap<Topic, Vec<Sample>>);

impl Answers {
    /// The series of a topic.
    pub(super) fn of(&self, topic: Topic) -> &[Sample] {
        self.0.get(&topic).map_or(&[], Vec::as_slice)
    }
}
