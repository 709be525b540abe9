//! The book: what every state, edge, ending and verdict means, and what to do about it.
//!
//! `tcpmon explain` prints it and `docs/states.md` is generated from it. It is data: a `match` without
//! a default, or a test, refuses what has no text. Its sources are RFC 9293, the kernel files each page
//! names, and what this project's kernel tests measure.

mod edges;
mod endings;
mod states;
#[cfg(test)]
mod tests;
mod topic;
mod verdicts;

use serde::Serialize;
use serde::ser::Serializer;
use tcpmon_common::State;

use super::ending::Ending;
use super::fsm::{self, Edge, Origin};
pub use topic::{Topic, UnknownTopic};

/// Who can end the trouble.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Who {
    /// The program on this machine that holds the socket.
    Program,
    /// The other end, or the network between.
    Peer,
    /// Whoever has root here.
    Operator,
    /// The state is healthy, or ends by itself.
    Nobody,
}

impl Who {
    /// The word users read.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Program => "this program",
            Self::Peer => "the peer",
            Self::Operator => "the operator",
            Self::Nobody => "nobody has to act",
        }
    }
}

/// Something to type.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Command {
    /// The command; words in capitals are to be replaced.
    pub run: &'static str,
    /// What it may break; `None`: it only looks.
    pub risk: Option<&'static str>,
}

/// A command that only looks.
const fn look(run: &'static str) -> Command {
    Command { run, risk: None }
}

/// A command that changes something, and what that may break.
const fn change(run: &'static str, risk: &'static str) -> Command {
    Command {
        run,
        risk: Some(risk),
    }
}

/// What somebody has to do.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Action {
    /// Who.
    pub who: Who,
    /// What, in sentences.
    pub what: &'static str,
    /// How.
    pub commands: &'static [Command],
}

/// A form of a state that Linux has and the RFC has not.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Variant {
    /// Its name.
    pub name: &'static str,
    /// What is different.
    pub text: &'static str,
}

/// A state.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct StatePage {
    /// Which.
    #[serde(rename = "name", serialize_with = "name_of_state")]
    pub state: State,
    /// The name in RFC 9293.
    pub rfc_name: &'static str,
    /// What it means.
    pub meaning: &'static str,
    /// What RFC 9293 says, with the section.
    pub rfc: &'static str,
    /// What the kernel really does.
    pub linux: &'static str,
    /// Where in the kernel's source.
    pub kernel_files: &'static [&'static str],
    /// Forms of it that only Linux has.
    pub variants: &'static [Variant],
    /// How `ss` spells it in the column `State`.
    pub in_ss: &'static str,
    /// Commands that list it.
    pub listed_by: &'static [Command],
    /// What in their output to look at.
    pub listing: &'static str,
    /// Why sockets pile up in it.
    pub piles_up: &'static str,
    /// Who must do what.
    pub actions: &'static [Action],
}

impl StatePage {
    /// The edges that lead here; those of request sockets count as those of SYN_RECV.
    pub fn ways_in(&self) -> impl Iterator<Item = &'static Edge> + use<> {
        let state = self.state;
        fsm::EDGES
            .iter()
            .filter(move |edge| edge.to.folded() == state && edge.from.folded() != state)
    }

    /// The edges that lead away.
    pub fn ways_out(&self) -> impl Iterator<Item = &'static Edge> + use<> {
        let state = self.state;
        fsm::EDGES
            .iter()
            .filter(move |edge| edge.from.folded() == state && edge.to.folded() != state)
    }
}

/// An edge.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct EdgePage {
    /// State before.
    #[serde(serialize_with = "name_of_state")]
    pub from: State,
    /// State after.
    #[serde(serialize_with = "name_of_state")]
    pub to: State,
    /// The segment or the system call that causes it.
    pub cause: &'static str,
    /// On whose behalf the kernel runs then: what the current task is worth.
    pub context: &'static str,
    /// What the tracepoint shows of it.
    pub shown: &'static str,
    /// The kernel function, and its file.
    pub kernel: &'static str,
}

impl EdgePage {
    /// What it means and who knows it.
    #[must_use]
    pub const fn edge(&self) -> Edge {
        fsm::edge(self.from, self.to)
    }

    /// `FIN_WAIT2 -> TIME_WAIT`.
    #[must_use]
    pub fn name(&self) -> String {
        edge_name(self.from, self.to)
    }
}

/// Why a connection ended.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct EndingPage {
    /// Which.
    #[serde(rename = "name", serialize_with = "name_of_ending")]
    pub ending: Ending,
    /// What happened.
    pub meaning: &'static str,
    /// How the kernel's record tells it from the others.
    pub told_by: &'static str,
    /// Who must do what.
    pub actions: &'static [Action],
}

/// A verdict.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct VerdictPage {
    /// Its name in metrics, JSON and on screens.
    pub name: &'static str,
    /// What is wrong.
    pub meaning: &'static str,
    /// What the kernel does then: limits, counters, log lines.
    pub linux: &'static str,
    /// Where in the kernel's source.
    pub kernel_files: &'static [&'static str],
    /// Commands that show it.
    pub seen_by: &'static [Command],
    /// Why it comes to that.
    pub why: &'static str,
    /// What looks like it and is none.
    pub mistaken_for: &'static str,
    /// Who must do what.
    pub actions: &'static [Action],
}

/// What holds for every command of the book.
pub const ABOUT_COMMANDS: &str = "Words in capitals in a command are to be replaced. A command without a \
    risk only looks. ss, nstat, sockstat and nearly all sysctls are those of one network namespace: for a \
    container put `nsenter -t PID -n` in front.";

/// The page of a state; request sockets are on that of SYN_RECV.
#[must_use]
pub const fn state(state: State) -> &'static StatePage {
    states::page(state)
}

/// The page of an edge; `None` when neither the RFC nor Linux has it.
#[must_use]
pub fn edge(from: State, to: State) -> Option<&'static EdgePage> {
    edges().find(|page| page.from == from && page.to == to)
}

/// Every edge that has a page, in the order of a connection's life.
pub fn edges() -> impl Iterator<Item = &'static EdgePage> {
    edges::PAGES.iter()
}

/// The page of an ending.
#[must_use]
pub const fn ending(ending: Ending) -> &'static EndingPage {
    endings::page(ending)
}

/// Every verdict, the leaks first.
#[must_use]
pub const fn verdicts() -> &'static [VerdictPage] {
    verdicts::PAGES
}

/// `FIN_WAIT2 -> TIME_WAIT`.
#[must_use]
pub fn edge_name(from: State, to: State) -> String {
    format!("{from} -> {to}")
}

/// The sentence about who knows an edge.
#[must_use]
pub const fn origin_sentence(origin: Origin) -> &'static str {
    match origin {
        Origin::Rfc => {
            "In RFC 9293 (section 3.3.2, or the rules of section 3.10), and announced by Linux."
        }
        Origin::RfcSilent => "In RFC 9293. Linux does it in silence: no tracepoint tells of it.",
        Origin::RfcOnly => "In RFC 9293 only. Linux never takes it.",
        Origin::Linux => "Linux only: announced where RFC 9293 has another edge, or none.",
        Origin::LinuxSilent => "Linux only, and in silence: no tracepoint tells of it.",
        Origin::SelfLoop => "The state does not change. tcpmon leaves counts and ages alone.",
        Origin::Unknown => "Neither in RFC 9293 nor in Linux.",
    }
}

fn name_of_state<S: Serializer>(state: &State, to: S) -> Result<S::Ok, S::Error> {
    to.serialize_str(state.name())
}

fn name_of_ending<S: Serializer>(ending: &Ending, to: S) -> Result<S::Ok, S::Error> {
    to.serialize_str(ending.name())
}
