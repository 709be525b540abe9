//! Asks the feed in tasks of their own, so that a slow answer never delays a key.

use std::time::Duration;

use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

use super::action::{Action, Answer, Batch, Request};
use super::feed::{Feed, Watch};
use crate::core::filter::Filter;

/// Transitions are shown together, as often as the eye follows.
const BATCH: Duration = Duration::from_millis(250);
/// More transitions than that in a batch are counted, not shown.
const BATCH_ROWS: usize = 200;
/// So many in a second are asked for: more than fit on a screen, and no work for a busy agent.
const MOST: u32 = 400;
/// How long to wait before a stream that broke off is asked for again.
const AGAIN: Duration = Duration::from_secs(1);

/// The feed at work; it stops when this is dropped.
pub(super) struct Fetcher<F> {
    feed: F,
    requests: mpsc::Sender<Request>,
    answers: mpsc::Receiver<Answer>,
    batches: (mpsc::Sender<Batch>, mpsc::Receiver<Batch>),
    _asking: JoinSet<()>,
    watching: JoinSet<()>,
}

impl<F: Feed> Fetcher<F> {
    pub(super) fn start(feed: F) -> Self {
        let (requests, mut incoming) = mpsc::channel::<Request>(1);
        let (outgoing, answers) = mpsc::channel(1);
        let mut asking = JoinSet::new();
        let asked = feed.clone();
        asking.spawn(async move {
            while let Some(Request { ticket, wants }) = incoming.recv().await {
                let result = asked.fetch(wants).await;
                if outgoing.send(Answer { ticket, result }).await.is_err() {
                    return;
                }
            }
        });
        Self {
            feed,
            requests,
            answers,
            batches: mpsc::channel(1),
            _asking: asking,
            watching: JoinSet::new(),
        }
    }

    /// Where the answers come from.
    pub(super) const fn feed(&self) -> &F {
        &self.feed
    }

    /// Asks. There is room, as no more than one question is open.
    pub(super) async fn ask(&self, request: Request) -> anyhow::Result<()> {
        let sent = self.requests.send(request).await;
        sent.map_err(|_| stopped())
    }

    /// Watches what matches, instead of what was watched so far; `None` watches nothing.
    pub(super) fn watch(&mut self, watch: u64, filter: Option<Filter>) {
        self.watching.abort_all();
        if let Some(filter) = filter {
            let (feed, batches) = (self.feed.clone(), self.batches.0.clone());
            self.watching.spawn(follow(feed, filter, watch, batches));
        }
    }

    /// What comes next. May be given up while it waits.
    pub(super) async fn next(&mut self) -> anyhow::Result<Action> {
        tokio::select! {
            answer = self.answers.recv() => {
                let answer = answer.ok_or_else(stopped)?;
                Ok(Action::Answer(Box::new(answer)))
            }
            Some(batch) = self.batches.1.recv() => Ok(Action::Batch(batch)),
        }
    }
}

/// Watches for as long as somebody takes what is seen; an agent that went away is waited for.
async fn follow<F: Feed>(feed: F, filter: Filter, watch: u64, batches: mpsc::Sender<Batch>) {
    loop {
        let mut stream = feed.watch(filter.clone(), MOST).await.ok();
        while let Some(open) = &mut stream {
            let Ok(Some(first)) = open.next().await else {
                break;
            };
            let mut batch = Batch {
                watch,
                skipped: first.left_out,
                events: vec![first],
            };
            let is_open = timeout(BATCH, collect(open, &mut batch)).await.is_err();
            if batches.send(batch).await.is_err() {
                return;
            }
            if !is_open {
                break;
            }
        }
        sleep(AGAIN).await;
    }
}

/// Takes what comes until nothing will any more.
async fn collect(stream: &mut impl Watch, batch: &mut Batch) {
    while let Ok(Some(event)) = stream.next().await {
        batch.skipped += event.left_out;
        match batch.events.len() < BATCH_ROWS {
            true => batch.events.push(event),
            false => batch.skipped += 1,
        }
    }
}

fn stopped() -> anyhow::Error {
    anyhow::anyhow!("the source of the data stopped unexpectedly")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::query::EventRow;
    use crate::core::query::{Picture, Wants};
    use crate::view::fixture;

    /// Refuses every question; watches `events` transitions and then breaks off.
    #[derive(Clone)]
    struct Refusing {
        events: usize,
    }

    impl Watch for usize {
        async fn next(&mut self) -> Result<Option<EventRow>, String> {
            match self.checked_sub(1) {
                Some(left) => {
                    *self = left;
                    Ok(Some(fixture::event()))
                }
                None => Err("gone".to_owned()),
            }
        }
    }

    impl Feed for Refusing {
        type Watch = usize;

        async fn fetch(&self, _: Wants) -> Result<Picture, String> {
            Err("no agent".to_owned())
        }

        async fn watch(&self, _: Filter, _: u32) -> Result<usize, String> {
            Ok(self.events)
        }
    }

    #[derive(Clone)]
    struct Panicking;

    impl Feed for Panicking {
        type Watch = usize;

        async fn fetch(&self, _: Wants) -> Result<Picture, String> {
            panic!("a bug in the feed")
        }

        async fn watch(&self, _: Filter, _: u32) -> Result<usize, String> {
            Err("no agent".to_owned())
        }
    }

    fn request(ticket: u64) -> Request {
        Request {
            ticket,
            wants: Wants::default(),
        }
    }

    #[tokio::test]
    async fn answers_carry_the_ticket() {
        let mut fetcher = Fetcher::start(Refusing { events: 0 });
        for ticket in [7, 8] {
            fetcher.ask(request(ticket)).await.unwrap();
            let Ok(Action::Answer(answer)) = fetcher.next().await else {
                panic!("another action");
            };
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
        assert!(fetcher.next().await.is_err());
        assert!(fetcher.ask(request(1)).await.is_err());
    }

    #[tokio::test(start_paused = true)]
    async fn transitions_come_together_and_a_stream_that_broke_off_is_asked_for_again() {
        let mut fetcher = Fetcher::start(Refusing {
            events: BATCH_ROWS + 5,
        });
        fetcher.watch(3, Some(Filter::default()));
        for _ in 0..2 {
            let Ok(Action::Batch(batch)) = fetcher.next().await else {
                panic!("another action");
            };
            assert_eq!((batch.watch, batch.events.len()), (3, BATCH_ROWS));
            assert_eq!(batch.skipped, 5);
        }
    }
}
