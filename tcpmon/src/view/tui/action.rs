//! What comes in and what is to be done: the words between keys, feed, update and loop.

use std::time::Duration;

use super::edit::Stroke;
use super::place::View;
use crate::core::filter::Filter;
use crate::core::query::EventRow;
use crate::core::query::{Picture, Wants};
use crate::core::recording::Control;

/// What a key asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Command {
    Quit,
    Suspend,
    Help,
    Explain,
    View(View),
    NextView,
    PreviousView,
    Open,
    Back,
    Up,
    Down,
    Left,
    Right,
    PageUp,
    PageDown,
    Top,
    Bottom,
    EditFilter,
    Group,
    Sort,
    Reverse,
    Freeze,
    Slower,
    Faster,
    Refresh,
    /// So many seconds into the past.
    Older(u64),
    /// So many seconds towards now.
    Newer(u64),
    Mouse,
    /// Of a recording.
    Play(Control),
    Stroke(Stroke),
    Complete,
    Apply,
    Cancel,
}

/// What came in.
#[derive(Debug)]
pub(super) enum Action {
    /// From the user.
    Command(Command),
    /// A click at this column and row.
    Click(u16, u16),
    /// The screen has a new width and height.
    Resize(u16, u16),
    /// So much time has passed since the screen began.
    Tick(Duration),
    /// The feed answered.
    Answer(Box<Answer>),
    /// Transitions.
    Batch(Batch),
    /// The program goes on after it was stopped: the terminal has to be taken over anew.
    Resumed,
}

/// What to do.
#[derive(Debug)]
pub(super) enum Effect {
    /// Leave.
    Quit,
    /// Give the terminal back and stop, until somebody lets the program go on.
    Suspend,
    /// Ask the feed.
    Fetch(Request),
    /// Watch what matches, under this number; `None`: nothing.
    Watch(u64, Option<Filter>),
    /// Take the terminal over again, whatever somebody did to it, and draw everything.
    Retake,
    /// Play the recording otherwise.
    Control(Control),
    /// Take the mouse, or leave it to the terminal.
    Mouse(bool),
}

/// A question, and the ticket that its answer has to carry.
#[derive(Debug)]
pub(super) struct Request {
    pub(super) ticket: u64,
    pub(super) wants: Wants,
}

/// The answer to the [`Request`] with the same ticket.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) ticket: u64,
    pub(super) result: Result<Picture, String>,
}

/// Transitions that came together, in the order of time.
#[derive(Clone, Debug)]
pub(super) struct Batch {
    /// What was watched.
    pub(super) watch: u64,
    pub(super) events: Vec<EventRow>,
    /// Those beyond what is shown.
    pub(super) skipped: u64,
}
