//! Why a server gave no answer, in one sentence.

use std::error::Error;
use std::fmt;
use std::time::Duration;

use hyper::StatusCode;

use crate::failure::Failure;
use crate::view::format::sanitise;

/// The URL of a server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Address(pub(super) String);

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Why there is no answer.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(private_interfaces, reason = "an address is only shown")]
pub enum QueryError {
    /// Nobody answers.
    Unreachable(Address, String),
    /// Nobody answered in time.
    Late(Address, Duration),
    /// Something answers, but not as Prometheus does.
    NotPrometheus(Address, String),
    /// It wants to know who asks.
    Denied(Address, StatusCode),
    /// It says that something is wrong with a query.
    Refused {
        /// Whose.
        address: Address,
        /// The kind of error, in Prometheus' words.
        kind: String,
        /// The error, in Prometheus' words.
        message: String,
    },
    /// What it is to be asked with cannot be used.
    Unusable(Address, String),
    /// It knows of no agent.
    NoData(Address, String),
}

impl QueryError {
    pub(super) fn late(address: &Address, after: Duration) -> Self {
        Self::Late(address.clone(), after)
    }

    pub(super) fn unreachable(address: &Address, error: &(dyn Error + 'static)) -> Self {
        Self::Unreachable(address.clone(), reasons(error))
    }

    pub(super) fn broken_off(address: &Address, error: &(dyn Error + 'static)) -> Self {
        let why = format!("its answer broke off, {}", reasons(error));
        Self::Unreachable(address.clone(), why)
    }

    /// The failure of a command that has nothing else to show.
    #[must_use]
    pub fn failure(&self) -> Failure {
        let message = self.to_string();
        match self {
            Self::Unreachable(..) | Self::Late(..) | Self::NotPrometheus(..) | Self::NoData(..) => {
                Failure::no_agent(message)
            }
            Self::Denied(..) => Failure::not_permitted(message),
            Self::Refused { .. } | Self::Unusable(..) => Failure::other(message),
        }
    }
}

/// An error and what it came of: the innermost has the reason.
fn reasons(error: &(dyn Error + 'static)) -> String {
    let mut words: Vec<String> = Vec::new();
    let mut next = Some(error);
    while let Some(error) = next {
        let word = error.to_string();
        // Layers repeat each other.
        if !words.iter().any(|said| said.contains(&word)) {
            words.push(word);
        }
        next = error.source();
    }
    // The outermost says only that something failed.
    let first = usize::from(words.len() > 1);
    words.split_off(first).join(": ")
}

impl fmt::Display for QueryError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sentence = match self {
            Self::Unreachable(address, why) => format!(
                "no Prometheus server answers at {address} ({why}): check the URL, and that it runs"
            ),
            Self::Late(address, after) => format!(
                "the server at {address} has not answered within {after:?}: choose fewer hosts with \
                 --prometheus.match, or wait longer with --prometheus.timeout"
            ),
            Self::NotPrometheus(address, why) => format!(
                "what answers at {address} is no Prometheus server ({why}): give the URL that a \
                 dashboard has as its data source"
            ),
            Self::Denied(address, status) => format!(
                "the server at {address} lets nobody in without a password or token that it knows \
                 ({status}): give one in a file with --prometheus.config"
            ),
            Self::Refused {
                address,
                kind,
                message,
            } => format!("the server at {address} refuses a query ({kind}: {message})"),
            Self::Unusable(address, why) => format!("cannot ask the server at {address}: {why}"),
            Self::NoData(address, chosen) => {
                let chosen = match chosen.as_str() {
                    "" => String::new(),
                    chosen => format!(" that matches {chosen}"),
                };
                format!(
                    "the server at {address} has had no data of a tcpmon agent{chosen} within the \
                     last hour: let it scrape the agents, or choose others with --prometheus.match"
                )
            }
        };
        // Whatever answers may have put anything in.
        f.write_str(&sanitise(&sentence))
    }
}

impl Error for QueryError {}
