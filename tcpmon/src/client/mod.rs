//! Asks a running agent, over its unix socket.
//!
//! A connection per question: on the same machine that costs nothing, and no state can go stale
//! when the agent is restarted in between.

mod answer;
mod error;
mod events;
#[cfg(any(test, fuzzing))]
pub mod fuzz;
mod recording;

use std::path::{Path, PathBuf};
use std::time::Duration;

use tokio::time::timeout;

pub use self::error::{Barrier, ClientError};
pub use self::events::Events;
pub use self::recording::Recording;

use self::answer::{Answer, Document, decode};
use crate::core::filter::Filter;
use crate::core::query::{
    Destinations, Listeners, Namespaces, Picture, Processes, Sockets, SocketsQuestion, Summary,
    Verdicts, Wants,
};
use crate::view::api::routes::Question;

/// Time for a connection. The kernel makes it without the agent; only a full queue takes longer.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(2);
/// Time for a whole answer; of a stream of events, for its beginning.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(10);

/// Asks the agent behind one socket.
#[derive(Clone, Debug)]
pub struct UnixClient {
    path: PathBuf,
}

impl UnixClient {
    /// A client of the agent that listens at `path`. Connects when it is asked something.
    #[must_use]
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self { path: path.into() }
    }

    /// Where the agent listens.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The machine at a glance.
    ///
    /// # Errors
    ///
    /// See [`ClientError`].
    pub async fn summary(&self) -> Result<Summary, ClientError> {
        self.document(&Question::Summary).await
    }

    /// All of a screen, of one moment.
    ///
    /// # Errors
    ///
    /// See [`ClientError`].
    pub async fn picture(&self, wants: &Wants) -> Result<Picture, ClientError> {
        self.document(&Question::Picture(Box::new(wants.clone())))
            .await
    }

    /// What is wrong.
    ///
    /// # Errors
    ///
    /// See [`ClientError`].
    pub async fn verdicts(&self) -> Result<Verdicts, ClientError> {
        self.document(&Question::Verdicts).await
    }

    /// The processes that own sockets, at most `limit`.
    ///
    /// # Errors
    ///
    /// See [`ClientError`].
    pub async fn processes(&self, limit: Option<usize>) -> Result<Processes, ClientError> {
        self.document(&Question::Processes(limit)).await
    }

    /// The listening sockets, at most `limit`.
    ///
    /// # Errors
    ///
    /// See [`ClientError`].
    pub async fn listeners(&self, limit: usize) -> Result<Listeners, ClientError> {
        self.document(&Question::Listeners(limit)).await
    }

    /// The destinations, at most `limit`.
    ///
    /// # Errors
    ///
    /// See [`ClientError`].
    pub async fn destinations(&self, limit: usize) -> Result<Destinations, ClientError> {
        self.document(&Question::Destinations(limit)).await
    }

    /// The network namespaces.
    ///
    /// # Errors
    ///
    /// See [`ClientError`].
    pub async fn namespaces(&self) -> Result<Namespaces, ClientError> {
        self.document(&Question::Namespaces).await
    }

    /// The sockets `question` asks for.
    ///
    /// # Errors
    ///
    /// See [`ClientError`]; an answer larger than 1 GiB, about 1.5 million sockets, is refused.
    pub async fn sockets(&self, question: &SocketsQuestion) -> Result<Sockets, ClientError> {
        self.document(&Question::Sockets(question.clone())).await
    }

    /// Transitions of matching sockets from now on, at most `most` in a second. The stream ends with
    /// the agent, or after the first error.
    ///
    /// # Errors
    ///
    /// See [`ClientError`]. The same errors can come later, in the stream.
    pub async fn watch(&self, filter: &Filter, most: Option<u32>) -> Result<Events, ClientError> {
        let question = Question::Events(filter.clone(), most);
        let answer = self.in_time(Answer::to(&self.path, &question)).await?;
        Ok(events::stream(answer))
    }

    /// Everything the agent knows and is told of matching sockets. Goes on until it is dropped, or the
    /// agent ends.
    ///
    /// # Errors
    ///
    /// See [`ClientError`]. The same errors can come later, in the recording.
    pub async fn record(&self, filter: &Filter) -> Result<Recording, ClientError> {
        let question = Question::Record(filter.clone());
        let asked = self.in_time(async {
            let answer = Answer::to(&self.path, &question).await?;
            Recording::begin(answer).await
        });
        match asked.await {
            Err(ClientError::Refused { status: 404, .. }) => Err(ClientError::Broken(format!(
                "the agent at {} is of a release that cannot record: restart it with this one",
                self.path.display()
            ))),
            outcome => outcome,
        }
    }

    async fn document<T: Document>(&self, question: &Question) -> Result<T, ClientError> {
        let bytes = self.in_time(async {
            let answer = Answer::to(&self.path, question).await?;
            answer.into_bytes().await
        });
        decode(&self.path, &bytes.await?)
    }

    async fn in_time<T>(
        &self,
        answer: impl Future<Output = Result<T, ClientError>>,
    ) -> Result<T, ClientError> {
        timeout(ANSWER_TIMEOUT, answer).await.unwrap_or_else(|_| {
            let (path, seconds) = (self.path.display(), ANSWER_TIMEOUT.as_secs());
            let sentence = format!("the agent at {path} did not answer within {seconds} s");
            Err(ClientError::Broken(sentence))
        })
    }
}

#[cfg(test)]
mod tests;
