//! What comes in and what is to be done: the words between keys, feed, update and loop.

use std::time::Duration;

use super::edit::Stroke;
use super::feed::Snapshot;
use crate::core::query::SocketsQuestion;

/// What a key asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Command {
    Quit,
    Help,
    Up,
    Down,
    PageUp,
    PageDown,
    Top,
    Bottom,
    EditFilter,
    Escape,
    Sort,
    Freeze,
    Slower,
    Faster,
    Refresh,
    Stroke(Stroke),
    Apply,
    Cancel,
}

/// What came in.
#[derive(Debug)]
pub(super) enum Action {
    /// From the user.
    Command(Command),
    /// The screen has a new width and height.
    Resize(u16, u16),
    /// So much time has passed since the screen began.
    Tick(Duration),
    /// The feed answered.
    Answer(Box<Answer>),
}

/// What to do.
#[derive(Debug)]
pub(super) enum Effect {
    /// Leave.
    Quit,
    /// Ask the feed.
    Fetch(Request),
}

/// A question, and the ticket that its answer has to carry.
#[derive(Debug)]
pub(super) struct Request {
    pub(super) ticket: u64,
    pub(super) question: SocketsQuestion,
}

/// The answer to the [`Request`] with the same ticket.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) ticket: u64,
    pub(super) result: Result<Snapshot, String>,
}
