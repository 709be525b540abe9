//! Which groups of sockets have time series of their own, and what stands in them.
//!
//! ```text
//! Census ──► entries per set ──► Book: who has room (Roster), what was counted (Ledger) ──► rows
//! ```
//!
//! There may be a hundred thousand of them and a server that stores few series. So there is a budget:
//! each set has its share (`shares`), the largest members and all in trouble have series of their own
//! (`roster`), the others are one, called `other`. Whatever is left out of a member is in that one, so
//! that sums over a set are true.

mod book;
pub mod destination;
mod labels;
mod ledger;
pub mod listener;
mod names;
pub mod namespace;
pub mod process;
mod roster;
mod shares;

#[cfg(test)]
mod tests;

pub use book::{Counters, Member, OTHER, Row, Rows, Sums};
pub use labels::{LabelSet, Labels, REMOTE_ADDRESS};

use crate::core::census::Census;
use crate::core::table::{EndingKey, Sighting};
use crate::core::verdict::Severity;
use book::{Book, Entries};
use destination::{Destination, DestinationSums, PLAIN, WITH_ADDRESS};
use ledger::Ledger;
use listener::ListenerSums;
use names::Namespaces;
use namespace::NamespaceSums;
use process::ProcessSums;
use shares::shares;

/// Series in one scrape when nobody says how many.
pub const DEFAULT_LIMIT: u32 = 10_000;
/// The machine as a whole takes some hundreds, which are always there.
pub const LEAST_LIMIT: u32 = 1_000;
/// A server that takes so many from one target is no longer asked for, but it can be done.
pub const MOST_LIMIT: u32 = 1_000_000;

/// Of sixteen parts of what the machine as a whole leaves, those each set has at least, if it wants
/// them: processes say who, and there are most of them.
const WEIGHTS: [u64; LabelSet::ALL.len()] = [8, 3, 3, 2];

/// How many series, and of what.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Budget {
    /// Sets that are on.
    pub labels: Labels,
    /// Series in one scrape at most, [`LEAST_LIMIT`] to [`MOST_LIMIT`].
    pub limit: u32,
}

impl Default for Budget {
    fn default() -> Self {
        Self {
            labels: Labels::default(),
            limit: DEFAULT_LIMIT,
        }
    }
}

/// Everything that has a series per member.
#[derive(Clone, Debug, Default)]
pub struct Sets {
    /// Processes; labels process, unit, container, pod_uid.
    pub processes: Rows<ProcessSums>,
    /// Listeners; labels netns, address, port, process.
    pub listeners: Rows<ListenerSums>,
    /// Destinations; labels netns, remote_port, process, and the remote address if asked for.
    pub destinations: Rows<DestinationSums>,
    /// Namespaces; label netns.
    pub namespaces: Rows<NamespaceSums>,
}

impl Sets {
    /// Series that are folded into `other` for want of room, by [`LabelSet`].
    #[must_use]
    pub const fn dropped(&self) -> [u64; LabelSet::ALL.len()] {
        [
            self.processes.dropped,
            self.listeners.dropped,
            self.destinations.dropped,
            self.namespaces.dropped,
        ]
    }
}

/// What is remembered from one scrape to the next.
#[derive(Clone, Debug, Default)]
pub struct Series {
    labels: Option<Labels>,
    endings: Ledger<EndingKey>,
    drops: Ledger<Sighting>,
    books: [Book; LabelSet::ALL.len()],
}

/// A set with its candidates, whatever they are of.
enum Candidates {
    Processes(Entries<ProcessSums>),
    Listeners(Entries<ListenerSums>),
    Destinations(Entries<Destination<PLAIN>>),
    Addresses(Entries<Destination<WITH_ADDRESS>>),
    Namespaces(Entries<NamespaceSums>),
}

impl Series {
    /// Takes a census over. `room`: series there are for all sets together.
    pub fn take(&mut self, census: &Census, labels: Labels, room: u64) -> Sets {
        if self.labels.is_some_and(|before| before != labels) {
            // Other labels, other members.
            self.books = Default::default();
        }
        self.labels = Some(labels);
        let endings = census.endings.iter().map(|it| (it.key, it.count));
        let endings = self.endings.gains(endings);
        let drops = census.listeners.iter();
        let drops = drops.map(|it| (it.seen, it.drops.unwrap_or(0).into()));
        let drops = self.drops.gains(drops);
        let names = Namespaces::of(census);
        let candidates = LabelSet::ALL.map(|set| {
            labels.has(set).then(|| match set {
                LabelSet::Process => Candidates::Processes(process::entries(census, &endings)),
                LabelSet::Listener => {
                    Candidates::Listeners(listener::entries(census, &names, &drops))
                }
                LabelSet::Destination if labels.has_remote_address() => {
                    Candidates::Addresses(destination::entries(census, &names, &endings))
                }
                LabelSet::Destination => {
                    Candidates::Destinations(destination::entries(census, &names, &endings))
                }
                LabelSet::Namespace => Candidates::Namespaces(namespace::entries(census, &names)),
            })
        });
        self.close(candidates, room, census.now_ns)
    }

    fn close(
        &mut self,
        candidates: [Option<Candidates>; LabelSet::ALL.len()],
        room: u64,
        now_ns: u64,
    ) -> Sets {
        let mut wants = [0; LabelSet::ALL.len()];
        for ((want, book), candidates) in wants.iter_mut().zip(&self.books).zip(&candidates) {
            *want = match candidates {
                None => 0,
                Some(Candidates::Processes(entries)) => book.wanted(entries),
                Some(Candidates::Listeners(entries)) => book.wanted(entries),
                Some(Candidates::Destinations(entries)) => book.wanted(entries),
                Some(Candidates::Addresses(entries)) => book.wanted(entries),
                Some(Candidates::Namespaces(entries)) => book.wanted(entries),
            };
        }
        let rooms = shares(room, wants, WEIGHTS);
        let mut sets = Sets::default();
        for ((book, room), candidates) in self.books.iter_mut().zip(rooms).zip(candidates) {
            match candidates {
                None => {}
                Some(Candidates::Processes(entries)) => {
                    sets.processes = book.close(entries, room, now_ns);
                }
                Some(Candidates::Listeners(entries)) => {
                    sets.listeners = book.close(entries, room, now_ns);
                }
                Some(Candidates::Destinations(entries)) => {
                    sets.destinations = book.close(entries, room, now_ns).map(|sums| sums.0);
                }
                Some(Candidates::Addresses(entries)) => {
                    sets.destinations = book.close(entries, room, now_ns).map(|sums| sums.0);
                }
                Some(Candidates::Namespaces(entries)) => {
                    sets.namespaces = book.close(entries, room, now_ns);
                }
            }
        }
        sets
    }
}

/// A severity as a rank; 0 for none.
const fn trouble(worst: Option<Severity>) -> u8 {
    match worst {
        None => 0,
        Some(severity) => severity as u8 + 1,
    }
}
