//! A page of the book as headings, sentences and commands, the same for every way of printing.

use tcpmon_common::State;

use crate::core::ending::Ending;
use crate::core::explain::{
    self, Action, Command, EdgePage, EndingPage, StatePage, Topic, VerdictPage, origin_sentence,
};
use crate::core::fsm::Edge;

/// A page.
#[derive(Debug)]
pub(super) struct Article {
    pub(super) title: String,
    pub(super) parts: Vec<Part>,
}

/// A heading and what stands below it.
#[derive(Debug)]
pub(super) struct Part {
    pub(super) heading: &'static str,
    pub(super) blocks: Vec<Block>,
}

/// What can stand below a heading.
#[derive(Debug)]
pub(super) enum Block {
    /// A paragraph.
    Text(String),
    /// A paragraph with a name in front.
    Named(&'static str, &'static str),
    /// Something to type.
    Command(Command),
    /// One line, as it is.
    Line(String),
    /// An edge and what it means.
    Way(String, &'static str),
}

impl Article {
    pub(super) fn of(topic: Topic) -> Self {
        let mut article = match topic {
            Topic::State(page) => of_state(page),
            Topic::Edge(page) => of_edge(page),
            Topic::Ending(page) => of_ending(page),
            Topic::Verdict(page) => of_verdict(page),
        };
        let related: Vec<Block> = related(topic).map(Block::Line).collect();
        if !related.is_empty() {
            article.parts.push(part("See also", related));
        }
        article
    }
}

/// The commands that explain what has the same name.
fn related(topic: Topic) -> impl Iterator<Item = String> {
    let state = match topic {
        Topic::State(page) => Some(page.state),
        _ => None,
    };
    Topic::all().filter_map(move |other| {
        let name = state?.name().to_ascii_lowercase();
        match other {
            Topic::Ending(_) if other.name() == name => {
                Some(format!("tcpmon explain 'ending {}'", other.name()))
            }
            Topic::Verdict(page) if page.name.starts_with(&name) => {
                Some(format!("tcpmon explain {}", page.name))
            }
            _ => None,
        }
    })
}

fn part(heading: &'static str, blocks: Vec<Block>) -> Part {
    Part { heading, blocks }
}

fn text(heading: &'static str, text: &str) -> Part {
    part(heading, vec![Block::Text(text.to_owned())])
}

fn of_state(page: &StatePage) -> Article {
    let mut ss = vec![Block::Text(format!("In the column State: {}", page.in_ss))];
    ss.extend(page.listed_by.iter().copied().map(Block::Command));
    ss.push(Block::Text(page.listing.to_owned()));
    let mut article = Article {
        title: page.state.name().to_owned(),
        parts: vec![
            text("Meaning", page.meaning),
            part("How it looks in ss", ss),
            text("Why it piles up", page.piles_up),
            what_to_do(page.actions),
            part("Linux", linux(page.linux, page.kernel_files)),
        ],
    };
    if !page.variants.is_empty() {
        let variants = page.variants.iter();
        let named = variants.map(|variant| Block::Named(variant.name, variant.text));
        article.parts.push(part("Only on Linux", named.collect()));
    }
    article.parts.extend([
        text(
            "RFC 9293",
            &format!("There it is {}. {}", page.rfc_name, page.rfc),
        ),
        part("Ways in", ways(page.ways_in())),
        part("Ways out", ways(page.ways_out())),
    ]);
    article
}

fn of_edge(page: &EdgePage) -> Article {
    let edge = page.edge();
    Article {
        title: page.name(),
        parts: vec![
            text("Meaning", &sentence(edge)),
            text("Caused by", page.cause),
            text("Context", page.context),
            text("What the tracepoint shows", page.shown),
            text("Kernel", page.kernel),
        ],
    }
}

fn of_ending(page: &EndingPage) -> Article {
    Article {
        title: format!("{}: {}", page.ending.name(), page.ending.phrase()),
        parts: vec![
            text("Meaning", page.meaning),
            text("How the record tells it", page.told_by),
            what_to_do(page.actions),
        ],
    }
}

fn of_verdict(page: &VerdictPage) -> Article {
    let seen = page.seen_by.iter().copied().map(Block::Command).collect();
    Article {
        title: page.name.to_owned(),
        parts: vec![
            text("Meaning", page.meaning),
            part("How to see it", seen),
            text("Why", page.why),
            text("Not to be mistaken for it", page.mistaken_for),
            what_to_do(page.actions),
            part("Linux", linux(page.linux, page.kernel_files)),
        ],
    }
}

fn linux(sentences: &str, files: &[&'static str]) -> Vec<Block> {
    let files = files.iter().map(|file| Block::Line((*file).to_owned()));
    std::iter::once(Block::Text(sentences.to_owned()))
        .chain(files)
        .collect()
}

fn what_to_do(actions: &'static [Action]) -> Part {
    let blocks = actions.iter().flat_map(|action| {
        let commands = action.commands.iter().copied().map(Block::Command);
        std::iter::once(Block::Named(action.who.name(), action.what)).chain(commands)
    });
    part("What to do", blocks.collect())
}

fn ways(edges: impl Iterator<Item = &'static Edge>) -> Vec<Block> {
    edges
        .map(|edge| Block::Way(explain::edge_name(edge.from, edge.to), edge.kind.name()))
        .collect()
}

/// `Wait begins. In RFC 9293. Linux does it in silence: …`
fn sentence(edge: Edge) -> String {
    let name = edge.kind.name();
    let (first, rest) = name.split_at(1);
    format!(
        "{}{rest}. {}",
        first.to_ascii_uppercase(),
        origin_sentence(edge.origin)
    )
}

/// The first sentence of a text: what a list has room for.
pub(super) fn first_sentence(text: &str) -> &str {
    let end = text.find(". ").map_or(text.len(), |at| at + 1);
    &text[..end]
}

/// One line for each topic that is not an edge, grouped by kind.
pub(super) fn contents() -> [(&'static str, Vec<(String, &'static str)>); 3] {
    let states = State::RFC.into_iter().map(explain::state);
    let endings = Ending::ALL.into_iter();
    let verdicts = explain::verdicts().iter();
    [
        (
            "States",
            states
                .map(|page| (page.state.name().to_owned(), first_sentence(page.meaning)))
                .collect(),
        ),
        (
            "Verdicts",
            verdicts
                .map(|page| (page.name.to_owned(), first_sentence(page.meaning)))
                .collect(),
        ),
        (
            "Endings",
            endings
                .map(|ending| (ending.name().to_owned(), ending.phrase()))
                .collect(),
        ),
    ]
}
