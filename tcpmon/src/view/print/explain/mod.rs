//! `tcpmon explain`: the book's pages as text, JSON or Markdown.

mod article;
mod markdown;
#[cfg(test)]
mod tests;
mod text;

use std::io;

use clap::ValueEnum;
use serde::Serialize;

use super::json;
use crate::core::explain::{self, EdgePage, EndingPage, StatePage, Topic, VerdictPage};
use crate::core::fsm;
use crate::core::query::SCHEMA;
use crate::view::format::Charset;

/// The `--output` flag of `tcpmon explain`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum ExplainFormat {
    /// Text, wrapped at the terminal's width.
    #[default]
    Table,
    /// One JSON document.
    Json,
    /// Markdown; without a topic the whole book.
    Markdown,
}

/// What the terminal can show.
#[derive(Clone, Copy, Debug)]
pub struct Look {
    /// Its width.
    pub columns: u16,
    /// Its characters.
    pub charset: Charset,
    /// Whether to use colour.
    pub color: bool,
}

/// Prints a page.
pub fn explain_topic(
    out: &mut dyn io::Write,
    topic: Topic,
    format: ExplainFormat,
    look: Look,
) -> io::Result<()> {
    match format {
        ExplainFormat::Table => text::topic(out, topic, look),
        ExplainFormat::Json => json::document(out, &Document::of(topic)),
        ExplainFormat::Markdown => markdown::topic(out, topic),
    }
}

/// Prints the diagram and what can be asked; as Markdown everything.
pub fn explain_overview(
    out: &mut dyn io::Write,
    format: ExplainFormat,
    look: Look,
) -> io::Result<()> {
    match format {
        ExplainFormat::Table => text::overview(out, look),
        ExplainFormat::Json => json::document(out, &Overview::new()),
        ExplainFormat::Markdown => markdown::book(out),
    }
}

#[derive(Serialize)]
struct Document {
    schema: u32,
    #[serde(flatten)]
    body: Body,
}

#[derive(Serialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
enum Body {
    State(&'static StatePage),
    Edge(EdgeBody),
    Ending(EndingBody),
    Verdict(&'static VerdictPage),
}

#[derive(Serialize)]
struct EdgeBody {
    name: String,
    means: &'static str,
    known_by: &'static str,
    is_announced: bool,
    #[serde(flatten)]
    page: &'static EdgePage,
}

#[derive(Serialize)]
struct EndingBody {
    phrase: &'static str,
    #[serde(flatten)]
    page: &'static EndingPage,
}

impl Document {
    fn of(topic: Topic) -> Self {
        let body = match topic {
            Topic::State(page) => Body::State(page),
            Topic::Edge(page) => Body::Edge(EdgeBody {
                name: page.name(),
                means: page.edge().kind.name(),
                known_by: explain::origin_sentence(page.edge().origin),
                // The kernel announces that nothing changed, too.
                is_announced: page.from == page.to || fsm::is_announced(page.edge()),
                page,
            }),
            Topic::Ending(page) => Body::Ending(EndingBody {
                phrase: page.ending.phrase(),
                page,
            }),
            Topic::Verdict(page) => Body::Verdict(page),
        };
        Self {
            schema: SCHEMA,
            body,
        }
    }
}

/// The names of everything.
#[derive(Serialize)]
struct Overview {
    schema: u32,
    states: Vec<String>,
    edges: Vec<String>,
    endings: Vec<String>,
    verdicts: Vec<String>,
}

impl Overview {
    fn new() -> Self {
        let names = |kind: &str| {
            Topic::all()
                .filter(|topic| topic.kind() == kind)
                .map(Topic::name)
                .collect()
        };
        Self {
            schema: SCHEMA,
            states: names("state"),
            edges: names("edge"),
            endings: names("ending"),
            verdicts: names("verdict"),
        }
    }
}
