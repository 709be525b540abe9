//! Whom the client commands ask: the agent of the machine, or one of their own.

use std::io::ErrorKind;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::Args;
use futures_util::StreamExt as _;
use tokio::runtime::{Builder, Runtime};
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinHandle;

use crate::app::{self, Prepared};
use crate::client::{ClientError, UnixClient};
use crate::config::{Config, DEFAULT_SOCKET, Layer};
use crate::core::filter::Filter;
use crate::core::query::{EventRow, Picture, Sockets, SocketsQuestion, Summary, Verdicts, Wants};
use crate::core::recording::{Frame, FrameKind, Header};
use crate::failure::{Failure, exit};
use crate::mailbox::{Mailbox, Recording};

/// How long an agent of our own may take to look at everything once.
const READY: Duration = Duration::from_secs(60);
const READY_STEP: Duration = Duration::from_millis(10);

/// Flags of every client command.
#[derive(Clone, Debug, Args)]
pub(super) struct ConnectArgs {
    /// Unix socket of the agent to ask; without this flag and without an agent at
    /// /run/tcpmon/tcpmon.sock, an agent is started in this process
    #[arg(long, value_name = "PATH", env = "TCPMON_SOCKET")]
    socket: Option<PathBuf>,
}

/// An agent found, or prepared, before any thread was started.
pub(super) enum Found {
    Remote(PathBuf),
    Own(Box<Prepared>),
}

impl ConnectArgs {
    /// Looks for an agent; where none was named and none answers, prepares one.
    ///
    /// Loading needs privileges that are given up before the runtime starts its threads.
    pub(super) fn find(&self) -> anyhow::Result<Found> {
        if let Some(path) = &self.socket {
            return Ok(Found::Remote(path.clone()));
        }
        let default = Path::new(DEFAULT_SOCKET);
        match UnixStream::connect(default) {
            Ok(_) => Ok(Found::Remote(default.into())),
            // An agent is there and this user may not ask it: starting another would not be what
            // was meant.
            Err(error) if error.kind() == ErrorKind::PermissionDenied => {
                Ok(Found::Remote(default.into()))
            }
            Err(_) => prepare_own(default),
        }
    }
}

fn prepare_own(default: &Path) -> anyhow::Result<Found> {
    let (config, _) = Config::load(Layer::default(), None)?;
    match app::prepare(&config) {
        Ok(prepared) => Ok(Found::Own(Box::new(prepared))),
        Err(error) if Failure::code_of(&error) == exit::NOT_PERMITTED => {
            Err(Failure::no_agent(format!(
                "no agent answers at {} and none can be started here: {error:#}",
                default.display()
            ))
            .into())
        }
        Err(error) => Err(error),
    }
}

/// An agent that can be asked.
pub(super) enum Agent {
    /// Over its unix socket.
    Remote(UnixClient),
    /// In this process.
    Own(Own),
}

/// The agent of this process.
pub(super) struct Own {
    mailbox: Mailbox,
    stop: Option<oneshot::Sender<()>>,
    task: JoinHandle<anyhow::Result<()>>,
}

impl Own {
    /// Whoever answers the letters of `mailbox` in `task`, until `stop` is dropped.
    pub(super) const fn new(
        mailbox: Mailbox,
        stop: oneshot::Sender<()>,
        task: JoinHandle<anyhow::Result<()>>,
    ) -> Self {
        Self {
            mailbox,
            stop: Some(stop),
            task,
        }
    }
}

/// The runtime of a client command.
pub(super) fn runtime() -> anyhow::Result<Runtime> {
    Ok(Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()?)
}

impl Found {
    /// Starts what was prepared. An agent of our own has looked at everything once when this
    /// returns.
    pub(super) async fn start(self) -> anyhow::Result<Agent> {
        let prepared = match self {
            Self::Remote(path) => return Ok(Agent::Remote(UnixClient::new(path))),
            Self::Own(prepared) => prepared,
        };
        let mailbox = prepared.mailbox();
        let (stop, stopped) = oneshot::channel();
        let task = tokio::spawn(prepared.run(async {
            // A dropped sender means the same.
            drop(stopped.await);
        }));
        wait_until_ready(&mailbox).await?;
        Ok(Agent::Own(Own::new(mailbox, stop, task)))
    }
}

async fn wait_until_ready(mailbox: &Mailbox) -> anyhow::Result<()> {
    let steps = READY.as_millis() / READY_STEP.as_millis();
    for _ in 0..steps {
        if mailbox.ready().await? {
            return Ok(());
        }
        tokio::time::sleep(READY_STEP).await;
    }
    anyhow::bail!("the first look at the machine's sockets takes longer than {READY:?}")
}

impl Agent {
    pub(super) async fn summary(&self) -> anyhow::Result<Summary> {
        match self {
            Self::Remote(client) => Ok(client.summary().await.map_err(failure)?),
            Self::Own(own) => Ok(own.mailbox.summary().await?),
        }
    }

    pub(super) async fn verdicts(&self) -> anyhow::Result<Verdicts> {
        match self {
            Self::Remote(client) => Ok(client.verdicts().await.map_err(failure)?),
            Self::Own(own) => Ok(own.mailbox.verdicts().await?),
        }
    }

    pub(super) async fn sockets(&self, question: &SocketsQuestion) -> anyhow::Result<Sockets> {
        match self {
            Self::Remote(client) => Ok(client.sockets(question).await.map_err(failure)?),
            Self::Own(own) => Ok(own.mailbox.sockets(question.clone()).await?),
        }
    }

    /// All of a screen.
    pub(super) async fn picture(&self, wants: Wants) -> anyhow::Result<Picture> {
        match self {
            Self::Remote(client) => Ok(client.picture(&wants).await.map_err(failure)?),
            Self::Own(own) => Ok(own.mailbox.picture(wants).await?),
        }
    }

    /// Transitions from now on, at most `most` in a second.
    pub(super) async fn watch(&self, filter: &Filter, most: Option<u32>) -> anyhow::Result<Events> {
        match self {
            Self::Remote(client) => {
                let events = client.watch(filter, most).await;
                Ok(Events::Remote(events.map_err(failure)?))
            }
            Self::Own(own) => Ok(Events::Own(own.mailbox.watch(filter.clone(), most).await?)),
        }
    }

    /// Everything that is known, and is told from now on.
    pub(super) async fn record(&self, filter: &Filter) -> anyhow::Result<Recorded> {
        match self {
            Self::Remote(client) => {
                let recording = client.record(filter).await.map_err(failure)?;
                Ok(Recorded::Remote(Box::new(recording)))
            }
            Self::Own(own) => Ok(Recorded::Own(own.mailbox.record(filter.clone()).await?)),
        }
    }

    /// Detaches an agent of our own.
    pub(super) async fn stop(self) -> anyhow::Result<()> {
        if let Self::Own(mut own) = self {
            drop(own.stop.take());
            own.task.await??;
        }
        Ok(())
    }
}

/// Transitions, one by one.
pub(super) enum Events {
    Remote(crate::client::Events),
    Own(mpsc::Receiver<EventRow>),
}

impl Events {
    /// The next; `None` when the agent has stopped.
    pub(super) async fn next(&mut self) -> anyhow::Result<Option<EventRow>> {
        match self {
            Self::Remote(events) => Ok(events.next().await.transpose().map_err(failure)?),
            Self::Own(rows) => Ok(rows.recv().await),
        }
    }
}

/// A recording that goes on.
pub(super) enum Recorded {
    Remote(Box<crate::client::Recording>),
    Own(Recording),
}

impl Recorded {
    pub(super) fn header(&self) -> &Header {
        match self {
            Self::Remote(recording) => recording.header(),
            Self::Own(recording) => &recording.header,
        }
    }

    /// What is recorded next; `None` when the agent has stopped. May be given up while it waits.
    pub(super) async fn next(&mut self) -> anyhow::Result<Option<Frame>> {
        match self {
            Self::Remote(recording) => Ok(recording.next().await.map_err(failure)?),
            Self::Own(recording) => Ok(recording.batches.recv().await.map(|batch| Frame {
                kind: FrameKind::Items,
                to_ns: batch.to_ns,
                payload: batch.payload,
            })),
        }
    }
}

/// The exit code of what kept a client from an answer.
fn failure(error: ClientError) -> anyhow::Error {
    let message = error.to_string();
    match error {
        ClientError::NoAgent { .. } => Failure::no_agent(message).into(),
        ClientError::NotPermitted { .. } => Failure::not_permitted(message).into(),
        ClientError::Refused { .. } => Failure::usage(message).into(),
        ClientError::Broken(_) => anyhow::Error::msg(message),
    }
}
