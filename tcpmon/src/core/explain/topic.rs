//! What was asked for: a state, an edge, an ending or a verdict, in any spelling.

use std::fmt;

use tcpmon_common::State;

use super::{EdgePage, EndingPage, StatePage, VerdictPage, edge_name, edges, verdicts};
use crate::core::ending::Ending;

/// Names offered for an unknown word.
const CANDIDATES: usize = 3;
/// How alike a word and a name must be to be offered (Jaro-Winkler, 0 to 1).
const ALIKE: f64 = 0.75;
/// Characters of the input repeated in a message.
const EXCERPT: usize = 40;

/// Names of states that neither `ss`, Linux nor RFC 9293 derive from one another, without separators.
const ALIASES: [(&str, State); 6] = [
    ("estab", State::Established),
    ("synrcv", State::SynRecv),
    ("synrcvd", State::SynRecv),
    ("synreceived", State::SynRecv),
    ("unconn", State::Close),
    ("unconnected", State::Close),
];

/// What can be explained.
#[derive(Clone, Copy, Debug)]
pub enum Topic {
    /// A state.
    State(&'static StatePage),
    /// An edge.
    Edge(&'static EdgePage),
    /// Why a connection ended.
    Ending(&'static EndingPage),
    /// A verdict.
    Verdict(&'static VerdictPage),
}

/// A word that is none of these; [`Display`](fmt::Display) is one sentence.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnknownTopic {
    message: String,
}

impl fmt::Display for UnknownTopic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for UnknownTopic {}

impl Topic {
    /// Every topic in the order of the book: states, edges, endings, verdicts.
    pub fn all() -> impl Iterator<Item = Self> {
        let states = State::RFC
            .into_iter()
            .map(|name| Self::State(super::state(name)));
        let endings = Ending::ALL
            .into_iter()
            .map(|name| Self::Ending(super::ending(name)));
        states
            .chain(edges().map(Self::Edge))
            .chain(endings)
            .chain(verdicts().iter().map(Self::Verdict))
    }

    /// Its name, as it is printed and as it can be asked for.
    #[must_use]
    pub fn name(self) -> String {
        match self {
            Self::State(page) => page.state.name().to_owned(),
            Self::Edge(page) => page.name(),
            Self::Ending(page) => page.ending.name().to_owned(),
            Self::Verdict(page) => page.name.to_owned(),
        }
    }

    /// The kind of thing it is.
    #[must_use]
    pub const fn kind(self) -> &'static str {
        match self {
            Self::State(_) => "state",
            Self::Edge(_) => "edge",
            Self::Ending(_) => "ending",
            Self::Verdict(_) => "verdict",
        }
    }

    /// Reads what was typed. A name that is a state and an ending is the state; the word `ending` in
    /// front asks for the other one.
    ///
    /// # Errors
    /// It is the name of nothing; the error offers the nearest names.
    pub fn parse(text: &str) -> Result<Self, UnknownTopic> {
        let text = text.trim();
        if let Some((from, to)) = edge_in(text) {
            return super::edge(from, to)
                .map(Self::Edge)
                .ok_or_else(|| no_edge(from, to));
        }
        let (kind, name) = match text.split_once([' ', ':']) {
            Some((kind @ ("state" | "ending" | "verdict" | "edge"), name)) => (Some(kind), name),
            _ => (None, text),
        };
        if kind == Some("edge") {
            return Self::parse(name);
        }
        Self::find(&plain(name), kind).ok_or_else(|| unknown(text, name))
    }

    fn find(name: &str, kind: Option<&str>) -> Option<Self> {
        let wanted = |topic: &Self| kind.is_none_or(|kind| kind == topic.kind());
        let state = state(name).map(|state| Self::State(super::state(state)));
        state.filter(|topic| wanted(topic)).or_else(|| {
            Self::all().find(|topic| {
                !matches!(topic, Self::State(_) | Self::Edge(_))
                    && wanted(topic)
                    && plain(&topic.name()) == name
            })
        })
    }
}

/// Lower case without separators: `FIN-WAIT-1`, `fin_wait1` and `Fin Wait 1` are one.
fn plain(text: &str) -> String {
    text.chars()
        .filter(char::is_ascii_alphanumeric)
        .map(|c| c.to_ascii_lowercase())
        .collect()
}

/// The state called so by Linux, `ss` or RFC 9293; `name` is [`plain`].
fn state(name: &str) -> Option<State> {
    let name = match name.strip_prefix("tcp") {
        Some(rest) => rest,
        None => name,
    };
    let alias = ALIASES.into_iter().find(|(alias, _)| *alias == name);
    alias.map(|(_, state)| state).or_else(|| {
        State::ALL.into_iter().find(|state| {
            let page = super::state(*state);
            [state.name(), state.ss_name(), page.rfc_name]
                .into_iter()
                .any(|known| plain(known) == name)
        })
    })
}

/// Two states with something between them that points from one to the other.
fn edge_in(text: &str) -> Option<(State, State)> {
    let separators = ["-->", "->", "=>", "\u{2192}", ">", ",", " to ", " "];
    separators.into_iter().find_map(|separator| {
        // A state's own name may have blanks: every place is tried.
        text.match_indices(separator).find_map(|(at, found)| {
            let from = state(&plain(&text[..at]))?;
            let to = state(&plain(&text[at + found.len()..]))?;
            Some((from, to))
        })
    })
}

fn no_edge(from: State, to: State) -> UnknownTopic {
    let ways: Vec<&str> = edges()
        .filter(|page| page.from == from && page.to != from)
        .map(|page| page.to.name())
        .collect();
    UnknownTopic {
        message: format!(
            "{} is no edge of RFC 9293 nor of Linux (from {from} lead: {})",
            edge_name(from, to),
            ways.join(", ")
        ),
    }
}

fn unknown(text: &str, name: &str) -> UnknownTopic {
    let wanted = plain(name);
    let mut near: Vec<(f64, String)> = Topic::all()
        .filter(|topic| !matches!(topic, Topic::Edge(_)))
        .map(|topic| {
            (
                strsim::jaro_winkler(&wanted, &plain(&topic.name())),
                topic.name(),
            )
        })
        .filter(|(likeness, _)| *likeness >= ALIKE)
        .collect();
    near.sort_by(|a, b| b.0.total_cmp(&a.0));
    near.dedup_by(|a, b| a.1 == b.1);
    let names: Vec<String> = near
        .into_iter()
        .take(CANDIDATES)
        .map(|(_, name)| name)
        .collect();
    let hint = match names.as_slice() {
        [] => "`tcpmon explain` lists what there is".to_owned(),
        names => format!("nearest: {}", names.join(", ")),
    };
    let mut excerpt: String = text.chars().take(EXCERPT).collect();
    if text.chars().nth(EXCERPT).is_some() {
        excerpt.push_str("...");
    }
    UnknownTopic {
        message: format!("`{excerpt}` is no state, edge, ending or verdict ({hint})"),
    }
}
