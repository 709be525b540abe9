//! Where the screen gets its answers: from an agent, a replay, a test.

use std::future::Future;

use crate::core::filter::Filter;
use crate::core::query::{EventRow, Picture, Wants};
use crate::core::recording::{Control, Playback};

/// Transitions, one by one.
pub trait Watch: Send + 'static {
    /// The next; `None` when there will be none, an error is one sentence. May be given up while it
    /// waits.
    fn next(&mut self) -> impl Future<Output = Result<Option<EventRow>, String>> + Send;
}

/// Answers questions. An error is one sentence for the user.
pub trait Feed: Clone + Send + Sync + 'static {
    /// Its transitions.
    type Watch: Watch;

    /// Answers one question. It may take its time: the screen stays alive and says how old its data
    /// is.
    fn fetch(&self, wants: Wants) -> impl Future<Output = Result<Picture, String>> + Send;

    /// The transitions of matching sockets from now on, at most `most` in a second.
    fn watch(
        &self,
        filter: Filter,
        most: u32,
    ) -> impl Future<Output = Result<Self::Watch, String>> + Send;

    /// Where it is played, if it is a recording.
    fn playback(&self) -> Option<Playback> {
        None
    }

    /// Asks for another place or speed; what is no recording has none.
    fn control(&self, _: Control) {}
}
