//! Where the screen gets its answers: from an agent, a replay, a test.

use std::future::Future;

use crate::core::query::{Sockets, SocketsQuestion, Summary};

/// The machine at one moment.
#[derive(Clone, Debug, PartialEq)]
pub struct Snapshot {
    /// Every state, and how well they are known.
    pub summary: Summary,
    /// The sockets asked for.
    pub sockets: Sockets,
}

/// Answers questions, one at a time.
pub trait Feed: Send + 'static {
    /// Answers one question; an error is one sentence for the user. It may take its time: the
    /// screen stays alive and says how old its data is.
    fn fetch(
        &mut self,
        question: SocketsQuestion,
    ) -> impl Future<Output = Result<Snapshot, String>> + Send;
}
