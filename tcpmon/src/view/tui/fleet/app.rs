//! What the screen knows.

use std::time::Duration;

use ratatui::layout::Size;

use super::super::app::Mode;
use super::super::cursor::Cursor;
use super::super::panes::Panes;
use super::super::place::Order;
use super::super::rows::Rows;
use super::super::schedule::Schedule;
use super::super::theme::Theme;
use super::page;
use crate::core::fleet::{Destination, Host, Inside, Matchers, Process, Question, Scope};
use crate::view::format::Charset;

/// How the screen begins.
#[derive(Clone, Debug)]
pub struct FleetOptions {
    /// What the server is called.
    pub server: String,
    /// Only these hosts.
    pub chosen: Matchers,
    /// Time between two looks.
    pub interval: Duration,
    /// Use colours.
    pub color: bool,
    /// The characters that the terminal shows.
    pub charset: Charset,
    /// Take the mouse.
    pub mouse: bool,
}

/// What is on the screen.
#[derive(Clone, Debug)]
pub(super) enum Place {
    Hosts,
    Host(Box<Host>),
    Process(Box<Process>),
    Destination(Box<Destination>),
}

impl Place {
    /// For the way to it. Not sanitised.
    pub(super) fn title(&self) -> String {
        match self {
            Self::Hosts => "Hosts".to_owned(),
            Self::Host(host) => host.name().to_owned(),
            Self::Process(process) => page::process_name(&process.id.process).to_owned(),
            Self::Destination(destination) => page::destination_name(destination),
        }
    }
}

/// One step of the way to where the user is.
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
        }
    }
}

/// The state of the screen. Times are since the screen began.
#[derive(Debug)]
pub(super) struct App {
    pub(super) theme: Theme,
    pub(super) size: Size,
    pub(super) now: Duration,
    pub(super) server: String,
    pub(super) chosen: Matchers,
    pub(super) schedule: Schedule,
    /// When the last answer came; `None` before the first.
    pub(super) arrived: Option<Duration>,
    /// Queries that it took.
    pub(super) queries: usize,
    pub(super) notes: Vec<String>,
    pub(super) error: Option<String>,
    /// All of them, as they were when the list was on the screen.
    pub(super) hosts: Vec<Host>,
    /// Those that have in a label or verdict what is looked for.
    pub(super) found: Vec<Host>,
    /// Of the host on the screen; `None` until it is answered.
    pub(super) inside: Option<Inside>,
    /// Of the process on the screen.
    pub(super) destinations: Vec<Destination>,
    /// From the list of hosts to where the user is; never empty.
    pub(super) root: Level,
    pub(super) trail: Vec<Level>,
    /// What is looked for.
    pub(super) find: String,
    /// The same, while it is typed.
    pub(super) edit: Option<String>,
    pub(super) is_frozen: bool,
    pub(super) has_mouse: bool,
    /// The first line of the help that is shown.
    pub(super) help: Option<usize>,
}

impl App {
    pub(super) fn new(options: FleetOptions, size: Size) -> Self {
        Self {
            theme: Theme::new(options.color, options.charset),
            size,
            now: Duration::ZERO,
            server: options.server,
            chosen: options.chosen,
            schedule: Schedule::new(options.interval),
            arrived: None,
            queries: 0,
            notes: Vec::new(),
            error: None,
            hosts: Vec::new(),
            found: Vec::new(),
            inside: None,
            destinations: Vec::new(),
            root: Level::new(Place::Hosts),
            trail: Vec::new(),
            find: String::new(),
            edit: None,
            is_frozen: false,
            has_mouse: options.mouse,
            help: None,
        }
    }

    pub(super) const fn mode(&self) -> Mode {
        match self.edit {
            Some(_) => Mode::Edit,
            None => Mode::Browse,
        }
    }

    /// Where the user is.
    pub(super) fn level(&self) -> &Level {
        self.trail.last().unwrap_or(&self.root)
    }

    pub(super) fn level_mut(&mut self) -> &mut Level {
        self.trail.last_mut().unwrap_or(&mut self.root)
    }

    /// The host that is looked at closely.
    pub(super) fn host(&self) -> Option<&Host> {
        self.trail.iter().find_map(|level| match &level.place {
            Place::Host(host) => Some(&**host),
            _ => None,
        })
    }

    /// The process that is looked at closely.
    pub(super) fn process(&self) -> Option<&Process> {
        self.trail.iter().find_map(|level| match &level.place {
            Place::Process(process) => Some(&**process),
            _ => None,
        })
    }

    /// What to ask.
    pub(super) fn question(&self) -> Question {
        Question {
            scope: Scope {
                chosen: self.chosen.clone(),
                host: self.host().map(|host| host.labels.clone()),
            },
            process: self.process().map(|process| process.id.clone()),
        }
    }

    /// What is listed.
    pub(super) fn rows(&self) -> &dyn Rows {
        const NOTHING: &Vec<Process> = &Vec::new();
        match (&self.level().place, &self.inside) {
            (Place::Hosts, _) => &self.found,
            (Place::Host(_), Some(inside)) => &inside.processes,
            (Place::Process(_), _) => &self.destinations,
            (Place::Host(_), None) | (Place::Destination(_), _) => NOTHING,
        }
    }

    /// The parts of the screen; `None` when it is too small.
    pub(super) fn panes(&self) -> Option<Panes> {
        let is_loud = self.edit.is_none() && self.notice().is_none();
        Panes::new(self.size, if is_loud { 1 } else { 2 }, false)
    }

    /// How many rows or lines fit on the screen.
    pub(super) fn visible_rows(&self) -> usize {
        let Some(panes) = self.panes() else {
            return 0;
        };
        let height = usize::from(panes.body.height);
        match &self.level().place {
            Place::Destination(_) => height,
            // A rule and the headings.
            _ => height.saturating_sub(page::facts(self).len() + 2),
        }
    }

    /// How old the data is.
    pub(super) fn data_age(&self) -> Duration {
        self.now.saturating_sub(self.arrived.unwrap_or_default())
    }

    /// Is the data older than the interval explains, though nobody froze it?
    pub(super) fn is_stale(&self) -> bool {
        let patience = self.schedule.interval() * 2 + Duration::from_secs(1);
        !self.is_frozen && (self.data_age() > patience || self.error.is_some())
    }

    /// What the user should know besides.
    pub(super) fn notice(&self) -> Option<String> {
        let note = || match self.notes.as_slice() {
            [] => None,
            [only] => Some(only.clone()),
            [first, more @ ..] => Some(format!("{first} (and {} more like it)", more.len())),
        };
        self.error.clone().or_else(note)
    }
}
