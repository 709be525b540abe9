//! Where the user is: a view, and what was opened in it.

use std::time::Duration;

use super::app::ActiveFilter;
use super::cursor::Cursor;
use super::rows::Listed;
use super::views::socket::Known;
use crate::core::explain::Topic;
use crate::core::query::{Picture, ProcessRow, VerdictRow};
use crate::view::format::endpoint;

/// The views, in the order of their keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(usize)]
pub(super) enum View {
    Overview,
    Sockets,
    Processes,
    Listeners,
    Destinations,
    Namespaces,
    Events,
    Diagram,
}

impl View {
    pub(super) const ALL: [Self; 8] = [
        Self::Overview,
        Self::Sockets,
        Self::Processes,
        Self::Listeners,
        Self::Destinations,
        Self::Namespaces,
        Self::Events,
        Self::Diagram,
    ];

    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Overview => "Overview",
            Self::Sockets => "Sockets",
            Self::Processes => "Processes",
            Self::Listeners => "Listeners",
            Self::Destinations => "Destinations",
            Self::Namespaces => "Namespaces",
            Self::Events => "Events",
            Self::Diagram => "Diagram",
        }
    }

    /// The same, where there is no room.
    pub(super) const fn short_name(self) -> &'static str {
        match self {
            Self::Overview => "Over",
            Self::Sockets => "Sock",
            Self::Processes => "Proc",
            Self::Listeners => "Lstn",
            Self::Destinations => "Dest",
            Self::Namespaces => "Nets",
            Self::Events => "Evnt",
            Self::Diagram => "Diag",
        }
    }

    /// The view so many places further, around the end.
    pub(super) const fn after(self, steps: usize) -> Self {
        Self::ALL[(self as usize + steps) % Self::ALL.len()]
    }
}

/// A list of sockets that something was opened to.
#[derive(Clone, Debug)]
pub(super) struct Scope {
    pub(super) title: String,
    pub(super) filter: ActiveFilter,
}

/// What is on the screen.
#[derive(Clone, Debug)]
pub(super) enum Place {
    View(View),
    Verdict(Box<VerdictRow>),
    Explain(Topic),
    Process(Box<ProcessRow>),
    Sockets(Scope),
    Socket(Box<Known>),
}

impl Place {
    /// For the breadcrumbs. Not sanitised.
    pub(super) fn title(&self) -> String {
        match self {
            Self::View(view) => view.name().to_owned(),
            Self::Verdict(row) => row.verdict.name().to_owned(),
            Self::Explain(topic) => format!("explain {}", topic.name()),
            Self::Process(row) => format!("{}[{}]", row.process, row.pid),
            Self::Sockets(scope) => scope.title.clone(),
            Self::Socket(known) => endpoint(&known.row.local_address, known.row.local_port),
        }
    }

    /// Whether it is a page of text.
    pub(super) const fn is_page(&self) -> bool {
        !matches!(self, Self::View(_) | Self::Sockets(_))
    }
}

/// By which column, and whether the largest come first; `None` in the order of the answer.
pub(super) type Order = Option<(usize, bool)>;

/// One step of the way to where the user is, with all that is kept while it is left and come back to.
#[derive(Clone, Debug)]
pub(super) struct Level {
    pub(super) place: Place,
    pub(super) cursor: Cursor,
    pub(super) order: Order,
    /// The widths that its columns would like.
    pub(super) widths: Vec<usize>,
    /// Indexes of the rows, in the order they are shown.
    pub(super) shown: Vec<usize>,
    /// The first line of a page.
    pub(super) scroll: usize,
    /// Since when what the page is about was not found any more.
    pub(super) gone: Option<Duration>,
}

impl Level {
    pub(super) fn new(place: Place) -> Self {
        Self {
            place,
            cursor: Cursor::default(),
            order: None,
            widths: Vec::new(),
            shown: Vec::new(),
            scroll: 0,
            gone: None,
        }
    }

    /// Takes over what an answer says of what the page is about.
    pub(super) fn refresh(&mut self, snapshot: &Picture, now: Duration) {
        let is_found = match &mut self.place {
            Place::Verdict(row) => replace(&mut **row, &snapshot.verdicts.verdicts),
            Place::Process(row) => replace(&mut **row, &snapshot.processes.processes),
            Place::Socket(known) => match known.refresh(snapshot) {
                Some(is_found) => is_found,
                None => return,
            },
            Place::View(_) | Place::Sockets(_) | Place::Explain(_) => return,
        };
        self.gone = match is_found {
            true => None,
            false => self.gone.or(Some(now)),
        };
    }
}

/// Replaces `row` by the one of the same identity.
fn replace<R: Listed + Clone>(row: &mut R, rows: &[R]) -> bool {
    let identity = row.identity();
    let found = rows.iter().find(|it| it.identity() == identity);
    found.inspect(|found| row.clone_from(found)).is_some()
}
