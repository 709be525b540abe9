//! What the screen knows. No domain model: answers are kept as they came.

use std::str::FromStr;
use std::time::Duration;

use ratatui::layout::Size;
use tcpmon_common::State;

use super::cursor::DEEPEST;
use super::edit::{FilterEdit, Names};
use super::history::{History, Moment, PROCESSES, SPAN};
use super::panes::Panes;
use super::place::{Level, Place, View};
use super::rows::Rows;
use super::schedule::Schedule;
use super::theme::Theme;
use super::views::{self, GroupRow, Grouping};
use crate::core::filter::{Filter, FilterError};
use crate::core::query::{
    DEFAULT_ROWS, EventRow, Picture, ProcessRow, SocketQuestion, SocketRow, SocketsQuestion, Sort,
    Wants,
};
use crate::core::recording::Playback;
use crate::view::format::Charset;

/// Rows beyond the screen that are asked for, in screens: the next page is there when its key is
/// pressed, and a frozen screen can still be scrolled.
const SCREENS_AHEAD: usize = 1;
/// So many of the oldest sockets are asked for to be sorted by something else.
pub(super) const SORTED_SOCKETS: usize = 500;
/// Destinations and listeners of which the overview knows how far their limits are.
const BUSIEST: usize = 8;
/// Transitions kept.
pub(super) const EVENTS: usize = 1000;

/// A filter and the words it was written in.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ActiveFilter {
    pub(super) text: String,
    pub(super) filter: Filter,
}

impl FromStr for ActiveFilter {
    type Err = FilterError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Ok(Self {
            filter: text.parse()?,
            text: text.trim().to_owned(),
        })
    }
}

/// How `tcpmon top` begins.
#[derive(Clone, Debug)]
pub struct TopOptions {
    /// Time between two snapshots.
    pub interval: Duration,
    /// Only these sockets.
    pub filter: ActiveFilter,
    /// Use colours.
    pub color: bool,
    /// The characters that the terminal shows.
    pub charset: Charset,
    /// Take the mouse. The terminal's own selection then needs the shift key.
    pub mouse: bool,
}

impl Default for TopOptions {
    fn default() -> Self {
        Self {
            interval: Duration::from_secs(1),
            filter: ActiveFilter::default(),
            color: true,
            charset: Charset::Unicode,
            mouse: false,
        }
    }
}

/// A snapshot and when it came.
#[derive(Debug)]
pub(super) struct Data {
    pub(super) snapshot: Picture,
    pub(super) arrived: Duration,
    pub(super) moment: Moment,
}

/// Transitions that were seen, the newest first, and how many more there were.
#[derive(Debug, Default)]
pub(super) struct Seen {
    pub(super) events: Vec<EventRow>,
    pub(super) skipped: u64,
}

/// What keys mean.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Mode {
    /// They command.
    Browse,
    /// They command, and some of them the recording that is played.
    Replay,
    /// They are text.
    Edit,
}

/// The state of the screen. Times are since the screen began.
#[derive(Debug)]
pub(super) struct App {
    pub(super) theme: Theme,
    pub(super) size: Size,
    pub(super) now: Duration,
    pub(super) data: Option<Data>,
    pub(super) error: Option<String>,
    pub(super) schedule: Schedule,
    pub(super) history: History,
    /// What the agent remembers has come.
    pub(super) has_history: bool,
    /// The time that is looked at; `None` is now.
    pub(super) past: Option<Duration>,
    pub(super) past_processes: Vec<ProcessRow>,
    pub(super) view: View,
    /// One for each view.
    pub(super) roots: Vec<Level>,
    /// What was opened in the view, step by step.
    pub(super) trail: Vec<Level>,
    /// What processes have in common that stand in one row; `None`: each by itself.
    pub(super) grouping: Option<Grouping>,
    /// The rows of that.
    pub(super) groups: Vec<GroupRow>,
    /// The state selected in the diagram.
    pub(super) picked: State,
    pub(super) filter: ActiveFilter,
    pub(super) edit: Option<FilterEdit>,
    pub(super) seen: Seen,
    /// What is watched, and its number.
    pub(super) watching: (u64, Option<Filter>),
    pub(super) is_frozen: bool,
    pub(super) has_mouse: bool,
    /// Where the recording is played, if it is one.
    pub(super) playback: Option<Playback>,
    /// The first line of the help that is shown.
    pub(super) help: Option<usize>,
}

impl App {
    pub(super) fn new(options: &TopOptions, size: Size) -> Self {
        // Whoever asks for certain sockets wants to see them.
        let view = match options.filter.filter.is_empty() {
            true => View::Overview,
            false => View::Sockets,
        };
        let levels = View::ALL.map(|view| Level::new(Place::View(view)));
        Self {
            theme: Theme::new(options.color, options.charset),
            size,
            now: Duration::ZERO,
            data: None,
            error: None,
            schedule: Schedule::new(options.interval),
            history: History::default(),
            has_history: false,
            past: None,
            past_processes: Vec::new(),
            view,
            roots: levels.into(),
            trail: Vec::new(),
            grouping: None,
            groups: Vec::new(),
            picked: State::Established,
            filter: options.filter.clone(),
            edit: None,
            seen: Seen::default(),
            watching: (0, None),
            is_frozen: false,
            has_mouse: options.mouse,
            playback: None,
            help: None,
        }
    }

    pub(super) const fn mode(&self) -> Mode {
        match (&self.edit, &self.playback) {
            (Some(_), _) => Mode::Edit,
            (None, Some(_)) => Mode::Replay,
            (None, None) => Mode::Browse,
        }
    }

    /// Where the user is.
    pub(super) fn level(&self) -> &Level {
        self.trail.last().unwrap_or(&self.roots[self.view as usize])
    }

    pub(super) fn level_mut(&mut self) -> &mut Level {
        self.trail
            .last_mut()
            .unwrap_or(&mut self.roots[self.view as usize])
    }

    /// The filter of the sockets on the screen.
    pub(super) fn scope(&self) -> &ActiveFilter {
        match &self.level().place {
            Place::Sockets(scope) => &scope.filter,
            _ => &self.filter,
        }
    }

    /// The machine at the time that is looked at.
    pub(super) fn moment(&self) -> Option<&Moment> {
        match self.past {
            Some(at) => self.history.at(at),
            None => self.data.as_ref().map(|data| &data.moment),
        }
    }

    /// Names that a filter may be completed to.
    pub(super) fn names(&self) -> Names {
        let data = self.data.as_ref();
        data.map_or_else(Names::default, |data| Names::of(&data.snapshot))
    }

    /// The processes at the time that is looked at.
    pub(super) fn processes(&self) -> &[ProcessRow] {
        match (self.past, &self.data) {
            (Some(_), _) => &self.past_processes,
            (None, Some(data)) => &data.snapshot.processes.processes,
            (None, None) => &[],
        }
    }

    /// Now, in the times of the history: by the clock of the recording, where it is one.
    pub(super) fn history_now(&self) -> Duration {
        let playback = self.playback.as_ref();
        let now = playback.map_or(self.now, |playback| {
            Duration::from_nanos(playback.position_ns)
        });
        now + SPAN
    }

    /// What is listed; nothing where nothing is known, or nothing was kept of the past.
    pub(super) fn rows(&self) -> &dyn Rows {
        const NOTHING: &Vec<SocketRow> = &Vec::new();
        let view = match &self.level().place {
            Place::View(view) => *view,
            Place::Sockets(_) => View::Sockets,
            _ => return NOTHING,
        };
        match (view, self.past) {
            (View::Processes, _) if self.grouping.is_some() => return &self.groups,
            (View::Processes, Some(_)) => return &self.past_processes,
            (View::Events, _) => return &self.seen.events,
            (_, Some(_)) => return NOTHING,
            _ => {}
        }
        let Some(data) = &self.data else {
            return NOTHING;
        };
        let snapshot = &data.snapshot;
        let rows: Option<&dyn Rows> = match view {
            View::Overview => Some(&snapshot.verdicts.verdicts),
            View::Sockets => snapshot.sockets.as_ref().map(|it| &it.sockets as _),
            View::Processes => Some(&snapshot.processes.processes),
            View::Listeners => snapshot.listeners.as_ref().map(|it| &it.listeners as _),
            View::Destinations => {
                let destinations = snapshot.destinations.as_ref();
                destinations.map(|it| &it.destinations as _)
            }
            View::Namespaces => snapshot.namespaces.as_ref().map(|it| &it.namespaces as _),
            View::Events | View::Diagram => None,
        };
        rows.unwrap_or(NOTHING)
    }

    /// The row that is selected.
    pub(super) fn selected(&self) -> Option<usize> {
        let level = self.level();
        level.shown.get(level.cursor.index()).copied()
    }

    /// The parts of the screen; `None` when it is too small.
    pub(super) fn panes(&self) -> Option<Panes> {
        let is_diagram = matches!(self.level().place, Place::View(View::Diagram));
        Panes::new(self.size, self.footer_lines(), is_diagram)
    }

    /// How many rows or lines fit on the screen.
    pub(super) fn visible_rows(&self) -> usize {
        let Some(panes) = self.panes() else {
            return 0;
        };
        match &self.level().place {
            Place::View(View::Overview) => views::overview::verdicts_shown(self, panes.body),
            place if place.is_page() => panes.body.height.into(),
            _ => usize::from(panes.body.height.saturating_sub(2)),
        }
    }

    /// How many rows there are, as far as is known.
    pub(super) fn matched(&self) -> Option<u64> {
        let snapshot = &self.data.as_ref()?.snapshot;
        if self.past.is_some() {
            return Some(self.rows().count() as u64);
        }
        match &self.level().place {
            Place::Sockets(_) | Place::View(View::Sockets) => snapshot.sockets.as_ref()?.matched,
            Place::View(View::Listeners) => Some(snapshot.listeners.as_ref()?.total),
            Place::View(View::Destinations) => Some(snapshot.destinations.as_ref()?.total),
            _ => Some(self.rows().count() as u64),
        }
    }

    /// How far one can scroll. A frozen screen ends where its rows end.
    pub(super) fn total(&self) -> usize {
        let loaded = self.rows().count();
        let is_all = !self.asks_deeper();
        if self.is_frozen || self.past.is_some() || is_all {
            return loaded;
        }
        let total = match self.matched() {
            Some(matched) => usize::try_from(matched).unwrap_or(DEEPEST),
            // The agent stopped counting at the limit: there may be another screen.
            None => loaded + self.visible_rows(),
        };
        total.min(DEEPEST).max(loaded)
    }

    /// Whether scrolling down asks for more rows: they come in the order of the agent.
    pub(super) fn asks_deeper(&self) -> bool {
        let is_long = matches!(
            self.level().place,
            Place::Sockets(_) | Place::View(View::Sockets | View::Listeners | View::Destinations)
        );
        is_long && self.sorts_itself().is_none()
    }

    /// The order that only the screen can make, of the rows it has.
    pub(super) fn sorts_itself(&self) -> Option<(usize, bool)> {
        let order = self.level().order?;
        (!self.lists_sockets() || order.0 != views::sockets::AGE).then_some(order)
    }

    pub(super) fn lists_sockets(&self) -> bool {
        matches!(
            self.level().place,
            Place::Sockets(_) | Place::View(View::Sockets)
        )
    }

    /// How many rows to ask for: no more than can be on the screen, or come there with the next key.
    fn depth(&self, to_be_sorted: usize) -> usize {
        let visible = self.visible_rows().max(1);
        match self.sorts_itself() {
            Some(_) => to_be_sorted,
            None => self.level().cursor.offset() + visible * (1 + SCREENS_AHEAD),
        }
    }

    /// What to ask.
    pub(super) fn wants(&self) -> Wants {
        let mut wants = Wants {
            processes: PROCESSES,
            history: !self.has_history,
            ..Wants::default()
        };
        match &self.level().place {
            Place::View(View::Overview) => {
                wants.namespaces = true;
                wants.destinations = Some(BUSIEST);
                wants.listeners = Some(BUSIEST);
            }
            Place::View(View::Processes) | Place::Process(_) => wants.processes = DEFAULT_ROWS,
            Place::View(View::Listeners) => wants.listeners = Some(self.depth(DEFAULT_ROWS)),
            Place::View(View::Destinations) => wants.destinations = Some(self.depth(DEFAULT_ROWS)),
            Place::View(View::Namespaces) => wants.namespaces = true,
            Place::View(View::Sockets) | Place::Sockets(_) => {
                let is_newest = self.level().order == Some((views::sockets::AGE, false));
                wants.sockets = Some(SocketsQuestion {
                    filter: self.scope().filter.clone(),
                    sort: if is_newest { Sort::Newest } else { Sort::Age },
                    limit: Some(self.depth(SORTED_SOCKETS)),
                });
            }
            Place::Socket(known) => match known.row.cookie {
                Some(cookie) => wants.socket = Some(SocketQuestion { cookie }),
                None => {
                    wants.sockets = Some(SocketsQuestion {
                        filter: views::socket::itself(&known.row),
                        limit: Some(views::socket::TWINS),
                        ..SocketsQuestion::default()
                    });
                }
            },
            _ => {}
        }
        wants
    }

    /// The transitions that are of interest.
    pub(super) fn to_watch(&self) -> Option<Filter> {
        match &self.level().place {
            Place::View(View::Events) => Some(self.filter.filter.clone()),
            Place::Socket(known) => Some(views::socket::itself(&known.row)),
            _ => None,
        }
    }

    /// How old the data is.
    pub(super) fn data_age(&self) -> Option<Duration> {
        let data = self.data.as_ref()?;
        Some(self.now.saturating_sub(data.arrived))
    }

    /// Is the data older than the interval explains, though nobody froze it?
    pub(super) fn is_stale(&self) -> bool {
        let patience = self.schedule.interval() * 2 + Duration::from_secs(1);
        let is_late = self.data_age().unwrap_or(self.now) > patience;
        !self.is_frozen && (is_late || self.error.is_some())
    }

    /// What the user should know besides: the error, or what limits the agent's view.
    pub(super) fn notice(&self) -> Option<String> {
        if let Some(error) = &self.error {
            return Some(error.clone());
        }
        let limits = &self.data.as_ref()?.snapshot.summary.health.limits;
        match limits.as_slice() {
            [] => None,
            [only] => Some(only.clone()),
            [first, more @ ..] => Some(format!("{first} (and {} more: tcpmon doctor)", more.len())),
        }
    }

    fn footer_lines(&self) -> u16 {
        // The diagram needs the line; what limits the view is said everywhere else.
        let is_diagram = matches!(self.level().place, Place::View(View::Diagram));
        let notice = self
            .notice()
            .filter(|_| !is_diagram || self.error.is_some());
        match (&self.edit, notice) {
            // The text, the caret under it, the explanation.
            (Some(_), _) => 3,
            (None, Some(_)) => 2,
            (None, None) => 1,
        }
    }
}
