//! What the screen knows. No domain model: answers are kept as they came.

use std::str::FromStr;
use std::time::Duration;

use ratatui::layout::Size;

use super::cursor::{Cursor, DEEPEST};
use super::edit::FilterEdit;
use super::feed::Snapshot;
use super::panes::Panes;
use super::schedule::Schedule;
use super::theme::Theme;
use super::widths::Widths;
use crate::core::filter::{Filter, FilterError};
use crate::core::query::{SocketRow, SocketsQuestion, Sort};
use crate::view::format::Charset;

/// Rows beyond the screen that are asked for, in screens: the next page is there when its key is
/// pressed, and a frozen screen can still be scrolled.
const SCREENS_AHEAD: usize = 1;

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
    /// Scroll with the wheel. The terminal's own selection then needs the shift key.
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
    pub(super) snapshot: Snapshot,
    pub(super) arrived: Duration,
}

/// What keys mean.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Mode {
    /// They command.
    Browse,
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
    pub(super) cursor: Cursor,
    pub(super) widths: Widths,
    pub(super) sort: Sort,
    pub(super) filter: ActiveFilter,
    pub(super) edit: Option<FilterEdit>,
    pub(super) is_frozen: bool,
    /// The first line of the help that is shown.
    pub(super) help: Option<usize>,
}

impl App {
    pub(super) fn new(options: &TopOptions, size: Size) -> Self {
        Self {
            theme: Theme::new(options.color, options.charset),
            size,
            now: Duration::ZERO,
            data: None,
            error: None,
            schedule: Schedule::new(options.interval),
            cursor: Cursor::default(),
            widths: Widths::new(),
            sort: Sort::Age,
            filter: options.filter.clone(),
            edit: None,
            is_frozen: false,
            help: None,
        }
    }

    pub(super) const fn mode(&self) -> Mode {
        match self.edit {
            Some(_) => Mode::Edit,
            None => Mode::Browse,
        }
    }

    /// The rows that have been loaded.
    pub(super) fn rows(&self) -> &[SocketRow] {
        self.data
            .as_ref()
            .map_or(&[], |data| &data.snapshot.sockets.sockets)
    }

    /// The parts of the screen; `None` when it is too small.
    pub(super) fn panes(&self) -> Option<Panes> {
        Panes::new(self.size, self.footer_lines())
    }

    /// How many sockets fit on the screen.
    pub(super) fn visible_rows(&self) -> usize {
        self.panes().map_or(0, |panes| panes.visible_rows())
    }

    /// How far one can scroll. A frozen screen ends where its rows end.
    pub(super) fn total(&self) -> usize {
        let loaded = self.rows().len();
        if self.is_frozen {
            return loaded;
        }
        let matched = self
            .data
            .as_ref()
            .and_then(|data| data.snapshot.sockets.matched);
        let total = match matched {
            Some(matched) => usize::try_from(matched).unwrap_or(DEEPEST),
            // The agent stopped counting at the limit: there may be another screen.
            None => loaded + self.visible_rows(),
        };
        total.min(DEEPEST).max(loaded)
    }

    /// What to ask: no more rows than can be on the screen, or come there with the next key.
    pub(super) fn question(&self) -> SocketsQuestion {
        let visible = self.visible_rows().max(1);
        SocketsQuestion {
            filter: self.filter.filter.clone(),
            sort: self.sort,
            limit: Some(self.cursor.offset() + visible * (1 + SCREENS_AHEAD)),
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
        match (&self.edit, self.notice()) {
            // The text, the caret under it, the explanation.
            (Some(_), _) => 3,
            (None, Some(_)) => 2,
            (None, None) => 1,
        }
    }
}
