//! Where the screen gets its answers: from an agent, a replay, a test.

use std::future::Future;

use crate::core::filter::Filter;
use crate::core::query::{
    Destinations, EventRow, Listeners, Namespaces, Processes, Sockets, SocketsQuestion, Summary,
    Verdicts,
};
use crate::core::recording::{Control, Playback};

/// What a screen needs. Every limit is what fits on it, or what has to be sorted.
#[derive(Clone, Debug, Default)]
pub struct Wants {
    /// Sockets.
    pub sockets: Option<SocketsQuestion>,
    /// So many processes; always some, for the totals of the past.
    pub processes: usize,
    /// So many listeners.
    pub listeners: Option<usize>,
    /// So many destinations.
    pub destinations: Option<usize>,
    /// The namespaces, and what the machine has one of.
    pub namespaces: bool,
}

/// The machine at one moment, as far as it was asked for.
#[derive(Clone, Debug, PartialEq)]
pub struct Snapshot {
    /// Every state, and how well they are known.
    pub summary: Summary,
    /// What is wrong.
    pub verdicts: Verdicts,
    /// The processes with the most trouble.
    pub processes: Processes,
    /// The sockets asked for.
    pub sockets: Option<Sockets>,
    /// The listeners asked for.
    pub listeners: Option<Listeners>,
    /// The destinations asked for.
    pub destinations: Option<Destinations>,
    /// The namespaces.
    pub namespaces: Option<Namespaces>,
}

impl Snapshot {
    /// Keeps of an older answer what was not asked for again.
    pub(super) fn fill_from(&mut self, older: Self) {
        self.listeners = self.listeners.take().or(older.listeners);
        self.destinations = self.destinations.take().or(older.destinations);
        self.namespaces = self.namespaces.take().or(older.namespaces);
    }
}

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
    fn fetch(&self, wants: Wants) -> impl Future<Output = Result<Snapshot, String>> + Send;

    /// The transitions of matching sockets from now on.
    fn watch(&self, filter: Filter) -> impl Future<Output = Result<Self::Watch, String>> + Send;

    /// Where it is played, if it is a recording.
    fn playback(&self) -> Option<Playback> {
        None
    }

    /// Asks for another place or speed; what is no recording has none.
    fn control(&self, _: Control) {}
}
