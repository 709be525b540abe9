//! Scrapes: the owner is asked once for all that wait, and what takes long is done on a thread of its
//! own.

use std::sync::{Arc, Mutex as ThreadMutex, PoisonError};

use anyhow::Context as _;
use tokio::sync::{Mutex, watch};
use tokio::task::spawn_blocking;

use super::metrics::Renderer;
use crate::clock;
use crate::core::census::Census;
use crate::core::series::Budget;
use crate::mailbox::{Mailbox, Stopped};

/// Where scrapes are made.
pub struct Exporter {
    mailbox: Mailbox,
    budget: watch::Receiver<Budget>,
    renderer: Arc<ThreadMutex<Renderer>>,
    /// The last text, and when it was asked for. Whoever makes one holds the lock; others wait for it.
    last: Mutex<Option<Text>>,
}

#[derive(Clone)]
struct Text {
    began_ns: u64,
    budget: Budget,
    bytes: Arc<[u8]>,
}

impl Text {
    /// Whether it will do for a scrape that was asked for at `asked_ns`.
    fn serves(&self, budget: Budget, asked_ns: u64) -> bool {
        self.budget == budget && self.began_ns >= asked_ns
    }
}

/// Why there is no text.
#[derive(Debug)]
pub enum Failed {
    /// The agent is stopping.
    Stopped(Stopped),
    /// It could not be rendered.
    Render(anyhow::Error),
}

impl Exporter {
    /// Scrapes of the owner behind `mailbox`.
    #[must_use]
    pub fn new(mailbox: Mailbox, budget: watch::Receiver<Budget>) -> Self {
        Self {
            mailbox,
            budget,
            renderer: Arc::default(),
            last: Mutex::default(),
        }
    }

    /// The metrics in the text format, as of this moment or later: who has to wait while another's
    /// text is made gets the next one, with all others who waited.
    ///
    /// # Errors
    ///
    /// The agent is stopping, or the text could not be made.
    pub async fn scrape(&self) -> Result<Arc<[u8]>, Failed> {
        let asked_ns = clock::boottime_ns();
        let mut last = self.last.lock().await;
        let budget = *self.budget.borrow();
        if let Some(text) = last.as_ref().filter(|text| text.serves(budget, asked_ns)) {
            return Ok(text.bytes.clone());
        }
        let began_ns = clock::boottime_ns();
        let bytes = self.make(budget, began_ns).await?;
        *last = Some(Text {
            began_ns,
            budget,
            bytes: bytes.clone(),
        });
        Ok(bytes)
    }

    async fn make(&self, budget: Budget, began_ns: u64) -> Result<Arc<[u8]>, Failed> {
        let (snapshot, census) = if budget.labels.is_empty() {
            let snapshot = self.mailbox.snapshot().await;
            (snapshot.map_err(Failed::Stopped)?, Box::<Census>::default())
        } else {
            self.mailbox.census().await.map_err(Failed::Stopped)?
        };
        let renderer = Arc::clone(&self.renderer);
        let text = spawn_blocking(move || {
            // A scrape that panicked has left what it remembers at worst one scrape old.
            let mut renderer = renderer.lock().unwrap_or_else(PoisonError::into_inner);
            let text = renderer.render(&snapshot, &census, budget);
            renderer.took(clock::boottime_ns().saturating_sub(began_ns));
            text
        });
        let text = text.await.context("the thread of the scrape panicked");
        let text = text.and_then(|text| text).map_err(Failed::Render)?;
        Ok(text.into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_serves_those_who_asked_before_it_was_begun() {
        let text = Text {
            began_ns: 5,
            budget: Budget::default(),
            bytes: Arc::new([]),
        };
        assert!(text.serves(Budget::default(), 5));
        assert!(
            !text.serves(Budget::default(), 6),
            "it would be older than the question"
        );
        let other = Budget {
            limit: 5000,
            ..Budget::default()
        };
        assert!(!text.serves(other, 5));
    }
}
