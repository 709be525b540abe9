//! Asks the server in a task of its own, so that a slow answer never delays a key.

use std::future::Future;

use tokio::sync::mpsc;
use tokio::task::JoinSet;

use crate::core::fleet::{Fleet, Question};

/// Answers questions about a fleet. An error is one sentence for the user.
pub trait FleetFeed: Send + Sync + 'static {
    /// Answers one question. It may take its time.
    fn ask(&self, question: Question) -> impl Future<Output = Result<Fleet, String>> + Send;
}

/// A question, and the ticket that its answer has to carry.
#[derive(Debug)]
pub(super) struct Asked {
    pub(super) ticket: u64,
    pub(super) question: Question,
}

/// The answer to the question with the same ticket.
#[derive(Debug)]
pub(super) struct Answered {
    pub(super) ticket: u64,
    pub(super) result: Result<Fleet, String>,
}

/// The feed at work; it stops when this is dropped.
pub(super) struct Asker {
    questions: mpsc::Sender<Asked>,
    answers: mpsc::Receiver<Answered>,
    _asking: JoinSet<()>,
}

impl Asker {
    pub(super) fn start(feed: impl FleetFeed) -> Self {
        let (questions, mut incoming) = mpsc::channel::<Asked>(1);
        let (outgoing, answers) = mpsc::channel(1);
        let mut asking = JoinSet::new();
        asking.spawn(async move {
            while let Some(Asked { ticket, question }) = incoming.recv().await {
                let result = feed.ask(question).await;
                if outgoing.send(Answered { ticket, result }).await.is_err() {
                    return;
                }
            }
        });
        Self {
            questions,
            answers,
            _asking: asking,
        }
    }

    /// Asks. There is room, as no more than one question is open.
    pub(super) async fn ask(&self, asked: Asked) -> anyhow::Result<()> {
        let sent = self.questions.send(asked).await;
        sent.map_err(|_| stopped())
    }

    /// Waits for an answer. May be given up while it waits.
    pub(super) async fn next(&mut self) -> anyhow::Result<Answered> {
        self.answers.recv().await.ok_or_else(stopped)
    }
}

fn stopped() -> anyhow::Error {
    anyhow::anyhow!("the task that asks the server stopped unexpectedly")
}
