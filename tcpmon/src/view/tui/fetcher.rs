//! Asks the feed in a task of its own, so that a slow answer never delays a key.

use tokio::sync::mpsc;
use tokio::task::JoinSet;

use super::action::{Answer, Request};
use super::feed::Feed;

/// The feed at work; it stops when this is dropped.
pub(super) struct Fetcher {
    requests: mpsc::Sender<Request>,
    answers: mpsc::Receiver<Answer>,
    _task: JoinSet<()>,
}

impl Fetcher {
    pub(super) fn start(mut feed: impl Feed) -> Self {
        let (requests, mut incoming) = mpsc::channel::<Request>(1);
        let (outgoing, answers) = mpsc::channel(1);
        let mut task = JoinSet::new();
        task.spawn(async move {
            while let Some(Request { ticket, question }) = incoming.recv().await {
                let result = feed.fetch(question).await;
                if outgoing.send(Answer { ticket, result }).await.is_err() {
                    return;
                }
            }
        });
        Self {
            requests,
            answers,
            _task: task,
        }
    }

    /// Asks. There is room, as no more than one question is open.
    pub(super) async fn ask(&self, request: Request) -> anyhow::Result<()> {
        let sent = self.requests.send(request).await;
        sent.map_err(|_| stopped())
    }

    /// The next answer.
    pub(super) async fn answer(&mut self) -> anyhow::Result<Answer> {
        self.answers.recv().await.ok_or_else(stopped)
    }
}

fn stopped() -> anyhow::Error {
    anyhow::anyhow!("the source of the data stopped unexpectedly")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::query::SocketsQuestion;
    use crate::view::tui::feed::Snapshot;

    struct Refusing;

    impl Feed for Refusing {
        async fn fetch(&mut self, _: SocketsQuestion) -> Result<Snapshot, String> {
            Err("no agent".to_owned())
        }
    }

    struct Panicking;

    impl Feed for Panicking {
        async fn fetch(&mut self, _: SocketsQuestion) -> Result<Snapshot, String> {
            panic!("a bug in the feed")
        }
    }

    fn request(ticket: u64) -> Request {
        Request {
            ticket,
            question: SocketsQuestion::default(),
        }
    }

    #[tokio::test]
    async fn answers_carry_the_ticket() {
        let mut fetcher = Fetcher::start(Refusing);
        for ticket in [7, 8] {
            fetcher.ask(request(ticket)).await.unwrap();
            let answer = fetcher.answer().await.unwrap();
            assert_eq!(
                (answer.ticket, answer.result),
                (ticket, Err("no agent".to_owned()))
            );
        }
    }

    #[tokio::test]
    async fn a_feed_that_panics_is_an_error() {
        let mut fetcher = Fetcher::start(Panicking);
        fetcher.ask(request(0)).await.unwrap();
        assert!(fetcher.answer().await.is_err());
        assert!(fetcher.ask(request(1)).await.is_err());
    }
}
