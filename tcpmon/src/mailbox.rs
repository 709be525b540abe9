//! The questions that reach the owner of the table, and the way to ask them.
//!
//! One task owns the table. Whoever wants to know something sends a [`Letter`] and waits for the
//! answer; nobody else ever sees the table.

use tokio::sync::{mpsc, oneshot};

use crate::core::census::Census;
use crate::core::filter::Filter;
use crate::core::query::{
    Destinations, Endings, EventRow, Listeners, Namespaces, Picture, ProcessAnswer, Processes,
    SocketAnswer, SocketQuestion, Sockets, SocketsQuestion, Summary, Verdicts, Wants,
};
use crate::core::recording::Header;
use crate::core::snapshot::Snapshot;

/// Letters waiting at most: askers wait for a place, the owner never does.
const CAPACITY: usize = 64;
/// Rows a watcher may be behind before it loses some.
pub const WATCH_CAPACITY: usize = 4096;
/// Batches a recorder may be behind before it misses some: 16 MiB.
const RECORD_CAPACITY: usize = 256;

/// One question.
pub enum Letter {
    /// The machine at a glance.
    Summary(oneshot::Sender<Summary>),
    /// All of a screen; the one socket that may be wanted is asked for with [`Letter::Socket`].
    Picture(Box<Wants>, oneshot::Sender<Box<Picture>>),
    /// One socket, and what the kernel says of it.
    Socket(SocketQuestion, oneshot::Sender<SocketAnswer>),
    /// Sockets.
    Sockets(SocketsQuestion, oneshot::Sender<Sockets>),
    /// Connections that ended otherwise than in order.
    Endings(oneshot::Sender<Endings>),
    /// The network namespaces.
    Namespaces(oneshot::Sender<Namespaces>),
    /// What is wrong.
    Verdicts(oneshot::Sender<Verdicts>),
    /// The processes that own sockets, at most so many.
    Processes(Option<usize>, oneshot::Sender<Processes>),
    /// The listening sockets, at most so many.
    Listeners(usize, oneshot::Sender<Listeners>),
    /// The destinations, at most so many.
    Destinations(usize, oneshot::Sender<Destinations>),
    /// One of them, and what it was started with.
    Process(u32, oneshot::Sender<ProcessAnswer>),
    /// The machine as a whole, as `/metrics` has it.
    Snapshot(oneshot::Sender<Box<Snapshot>>),
    /// The same, and what the sockets add up to, group by group.
    Census(oneshot::Sender<(Box<Snapshot>, Box<Census>)>),
    /// Every transition of a matching socket from now on, or so many in a second at most. Rows are
    /// dropped, and counted, when there are more or the receiver is too slow.
    Watch(Filter, Option<u32>, mpsc::Sender<EventRow>),
    /// Everything the table is told from now on of matching sockets, and before that what it knows of
    /// them. Batches are dropped, and the gap is told, when the receiver is too slow.
    Record(Filter, mpsc::Sender<Batch>, oneshot::Sender<Header>),
    /// Whether the first audit is done.
    Ready(oneshot::Sender<bool>),
}

/// Items of a recording, one after another: see [`crate::core::recording::Items`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Batch {
    /// The items.
    pub payload: Vec<u8>,
    /// The time they go up to, `CLOCK_BOOTTIME` ns.
    pub to_ns: u64,
}

/// A recording that goes on.
#[derive(Debug)]
pub struct Recording {
    /// What is recorded.
    pub header: Header,
    /// What was told so far, and is told from now on. Dropping it ends the recording.
    pub batches: mpsc::Receiver<Batch>,
}

/// The owner is gone: the agent is stopping.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stopped;

impl std::fmt::Display for Stopped {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("the agent is stopping")
    }
}

impl std::error::Error for Stopped {}

/// Asks the owner.
#[derive(Clone, Debug)]
pub struct Mailbox(mpsc::Sender<Letter>);

impl Mailbox {
    /// A mailbox and the owner's end of it.
    #[must_use]
    pub fn new() -> (Self, mpsc::Receiver<Letter>) {
        let (sender, receiver) = mpsc::channel(CAPACITY);
        (Self(sender), receiver)
    }

    /// The machine at a glance.
    ///
    /// # Errors
    ///
    /// The agent is stopping.
    pub async fn summary(&self) -> Result<Summary, Stopped> {
        self.ask(Letter::Summary).await
    }

    /// All of a screen, of one moment.
    ///
    /// # Errors
    ///
    /// The agent is stopping.
    pub async fn picture(&self, wants: Wants) -> Result<Picture, Stopped> {
        let socket = wants.socket;
        let wants = Box::new(wants);
        let mut picture = self.ask(|answer| Letter::Picture(wants, answer)).await?;
        if let Some(question) = socket {
            picture.socket = Some(self.socket(question).await?);
        }
        Ok(*picture)
    }

    /// One socket, and what the kernel says of it.
    ///
    /// # Errors
    ///
    /// The agent is stopping.
    pub async fn socket(&self, question: SocketQuestion) -> Result<SocketAnswer, Stopped> {
        self.ask(|answer| Letter::Socket(question, answer)).await
    }

    /// The sockets `question` asks for.
    ///
    /// # Errors
    ///
    /// The agent is stopping.
    pub async fn sockets(&self, question: SocketsQuestion) -> Result<Sockets, Stopped> {
        self.ask(|answer| Letter::Sockets(question, answer)).await
    }

    /// Connections that ended otherwise than in order.
    ///
    /// # Errors
    ///
    /// The agent is stopping.
    pub async fn endings(&self) -> Result<Endings, Stopped> {
        self.ask(Letter::Endings).await
    }

    /// The network namespaces.
    ///
    /// # Errors
    ///
    /// The agent is stopping.
    pub async fn namespaces(&self) -> Result<Namespaces, Stopped> {
        self.ask(Letter::Namespaces).await
    }

    /// What is wrong.
    ///
    /// # Errors
    ///
    /// The agent is stopping.
    pub async fn verdicts(&self) -> Result<Verdicts, Stopped> {
        self.ask(Letter::Verdicts).await
    }

    /// The processes that own sockets, at most `limit`.
    ///
    /// # Errors
    ///
    /// The agent is stopping.
    pub async fn processes(&self, limit: Option<usize>) -> Result<Processes, Stopped> {
        self.ask(|answer| Letter::Processes(limit, answer)).await
    }

    /// The listening sockets, at most `limit`.
    ///
    /// # Errors
    ///
    /// The agent is stopping.
    pub async fn listeners(&self, limit: usize) -> Result<Listeners, Stopped> {
        self.ask(|answer| Letter::Listeners(limit, answer)).await
    }

    /// The destinations, at most `limit`.
    ///
    /// # Errors
    ///
    /// The agent is stopping.
    pub async fn destinations(&self, limit: usize) -> Result<Destinations, Stopped> {
        self.ask(|answer| Letter::Destinations(limit, answer)).await
    }

    /// The process with this pid, and what it was started with.
    ///
    /// # Errors
    ///
    /// The agent is stopping.
    pub async fn process(&self, pid: u32) -> Result<ProcessAnswer, Stopped> {
        self.ask(|answer| Letter::Process(pid, answer)).await
    }

    /// The machine as a whole, and what the sockets add up to, group by group, of the few milliseconds
    /// that counting takes.
    ///
    /// # Errors
    ///
    /// The agent is stopping.
    pub async fn census(&self) -> Result<(Box<Snapshot>, Box<Census>), Stopped> {
        self.ask(Letter::Census).await
    }

    /// The machine as a whole, as `/metrics` has it.
    ///
    /// # Errors
    ///
    /// The agent is stopping.
    pub async fn snapshot(&self) -> Result<Box<Snapshot>, Stopped> {
        self.ask(Letter::Snapshot).await
    }

    /// Whether the first audit is done and the table can be believed.
    ///
    /// # Errors
    ///
    /// The agent is stopping.
    pub async fn ready(&self) -> Result<bool, Stopped> {
        self.ask(Letter::Ready).await
    }

    /// Transitions of matching sockets from now on, at most `most` in a second.
    ///
    /// # Errors
    ///
    /// The agent is stopping.
    pub async fn watch(
        &self,
        filter: Filter,
        most: Option<u32>,
    ) -> Result<mpsc::Receiver<EventRow>, Stopped> {
        let (sender, receiver) = mpsc::channel(WATCH_CAPACITY);
        let letter = Letter::Watch(filter, most, sender);
        self.0.send(letter).await.map_err(|_| Stopped)?;
        Ok(receiver)
    }

    /// Everything the table knows and is told of matching sockets.
    ///
    /// # Errors
    ///
    /// The agent is stopping.
    pub async fn record(&self, filter: Filter) -> Result<Recording, Stopped> {
        let (sender, batches) = mpsc::channel(RECORD_CAPACITY);
        let ask = |answer| Letter::Record(filter, sender, answer);
        let header = self.ask(ask).await?;
        Ok(Recording { header, batches })
    }

    async fn ask<T>(
        &self,
        letter: impl FnOnce(oneshot::Sender<T>) -> Letter,
    ) -> Result<T, Stopped> {
        let (answer, receiver) = oneshot::channel();
        self.0.send(letter(answer)).await.map_err(|_| Stopped)?;
        receiver.await.map_err(|_| Stopped)
    }
}
