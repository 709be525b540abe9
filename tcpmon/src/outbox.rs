//! The way from the owner of the table to whoever saves incidents.
//!
//! The owner never waits: when the queue is full an incident is not collected at all, and counted.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use tokio::sync::mpsc;

use crate::core::incident::Incident;
use crate::core::snapshot::Incidents;

/// Incidents that wait to be written at most. Each may be some megabytes before it is text.
pub const CAPACITY: usize = 4;

/// What became of the incidents, counted by both sides.
#[derive(Debug, Default)]
pub struct Counts {
    written: AtomicU64,
    errors: AtomicU64,
}

impl Counts {
    /// One more was written.
    pub fn written(&self) {
        self.written.fetch_add(1, Ordering::Relaxed);
    }

    /// One more was not.
    pub fn failed(&self) {
        self.errors.fetch_add(1, Ordering::Relaxed);
    }

    /// The numbers now.
    #[must_use]
    pub fn now(&self) -> Incidents {
        Incidents {
            written: self.written.load(Ordering::Relaxed),
            errors: self.errors.load(Ordering::Relaxed),
        }
    }
}

/// The owner's end.
#[derive(Clone, Debug)]
pub struct Outbox {
    queue: mpsc::Sender<Incident>,
    counts: Arc<Counts>,
}

/// The writer's end.
#[derive(Debug)]
pub struct Tray {
    queue: mpsc::Receiver<Incident>,
    counts: Arc<Counts>,
}

impl Outbox {
    /// Both ends.
    #[must_use]
    pub fn new() -> (Self, Tray) {
        let (sender, receiver) = mpsc::channel(CAPACITY);
        let counts = Arc::new(Counts::default());
        let tray = Tray {
            queue: receiver,
            counts: Arc::clone(&counts),
        };
        let outbox = Self {
            queue: sender,
            counts,
        };
        (outbox, tray)
    }

    /// A place in the queue; `None`, and counted as not written, when there is none.
    #[must_use]
    pub fn place(&self) -> Option<mpsc::Permit<'_, Incident>> {
        let place = self.queue.try_reserve().ok();
        if place.is_none() {
            self.counts.failed();
        }
        place
    }

    /// Counts an incident that is not collected.
    pub fn refuse(&self) {
        self.counts.failed();
    }

    /// What became of the incidents so far.
    #[must_use]
    pub fn counts(&self) -> Incidents {
        self.counts.now()
    }
}

impl Tray {
    /// The next incident; waits for it, on a thread that may. `None` once the owner has gone.
    pub fn take(&mut self) -> Option<Incident> {
        self.queue.blocking_recv()
    }

    /// Where to count what becomes of it.
    #[must_use]
    pub fn counts(&self) -> &Counts {
        &self.counts
    }
}
