//! Those who record: they are handed everything the table is told, in its order, and first of all what
//! it knows already, some thousands of sockets at a time.
//!
//! Nobody is waited for. A recorder that is too slow misses a batch, and the gap is told in the next.

use std::hash::{BuildHasher as _, RandomState};

use rustc_hash::FxHashSet;
use tcpmon_common::{Holder, Record};
use tokio::sync::mpsc::{Sender, error::TrySendError};

use crate::core::facts::{DumpRow, NetnsIdentity};
use crate::core::filter::Filter;
use crate::core::query::SocketsQuestion;
use crate::core::recording::{Item, Losses, MAX_FRAME, Tick, append, policy_to_text};
use crate::core::table::{Change, SlotId, Table};
use crate::core::verdict::Policy;
use crate::mailbox::Batch;
use crate::source::sweep::Report;

/// A batch is handed over when it is so large, and once a second.
const BATCH_BYTES: usize = 64 << 10;
/// Sockets that are told of in one turn.
const PLANT_BUDGET: usize = 2048;
/// Places in the queue that are left to what happens while a large table is told.
const RESERVED: usize = 16;

/// Everybody who records.
#[derive(Default)]
pub(super) struct Recorders(Vec<Recorder>);

/// What a recorder is given at its beginning.
pub(super) struct Beginning<'a> {
    pub(super) table: &'a Table,
    pub(super) policy: &'a Policy,
    /// The counters now: what they count from now on is told.
    pub(super) tick: Tick,
}

impl Recorders {
    /// Whether nobody records: then nothing costs anything more.
    pub(super) const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Somebody records from now on, until the receiver is dropped.
    pub(super) fn add(&mut self, filter: Filter, batches: Sender<Batch>, at: &Beginning<'_>) {
        let mut recorder = Recorder {
            question: SocketsQuestion {
                filter,
                ..SocketsQuestion::default()
            },
            batches,
            secret: RandomState::new(),
            payload: Vec::new(),
            items: 0,
            missed: 0,
            planting: Some(0),
            wanted: Wanted::default(),
            began: at.tick,
        };
        recorder.begin(at);
        self.0.push(recorder);
    }

    /// Tells of a record that was just applied.
    pub(super) fn record(&mut self, table: &Table, record: &Record, change: &Change) {
        for recorder in &mut self.0 {
            recorder.record(table, record, change);
        }
    }

    /// Tells of something that was just applied.
    pub(super) fn tell(&mut self, table: &Table, item: &Item) {
        for recorder in &mut self.0 {
            recorder.tell(table, item.clone());
        }
    }

    /// From now on something else is judged.
    pub(super) fn tell_policy(&mut self, policy: &Policy) {
        for recorder in &mut self.0 {
            recorder.put(&Item::Policy(policy_to_text(policy)));
        }
    }

    /// A second has passed. Hands over what there is, and forgets those who have gone.
    pub(super) fn tick(&mut self, tick: Tick) {
        self.0.retain_mut(|recorder| {
            recorder.tick(tick);
            recorder.flush(tick.now_ns);
            !recorder.batches.is_closed()
        });
    }

    /// Whether somebody waits to be told what is in the table, and there is room for it.
    pub(super) fn plants(&self) -> bool {
        self.0.iter().any(Recorder::may_plant)
    }

    /// Tells some more of what is in the table.
    pub(super) fn plant_on(&mut self, table: &Table, now_ns: u64) {
        for recorder in self.0.iter_mut().filter(|recorder| recorder.may_plant()) {
            recorder.plant_on(table, now_ns);
        }
    }
}

/// What a sweep read, as it is recorded; when it was applied is said once it was. `None` of what the
/// table is not told.
pub(super) fn item(report: &Report) -> Option<Item> {
    Some(match report {
        Report::Searched { search, .. } => Item::Searched {
            search: search.clone(),
            now_ns: 0,
        },
        Report::Began { states, cookies } => Item::Began {
            states: *states,
            cookies: *cookies,
        },
        Report::Rows { netns, time, rows } => Item::Rows {
            netns: *netns,
            time: *time,
            rows: rows.clone(),
        },
        Report::Swept { netns, started_ns } => Item::Swept {
            netns: *netns,
            started_ns: *started_ns,
        },
        Report::Ended(end) => Item::Ended {
            now_ns: 0,
            complete: end.complete,
            problems: end.problems.clone(),
        },
        Report::Holders {
            started_ns,
            holders,
        } => Item::Holders {
            started_ns: *started_ns,
            holders: holders.clone(),
        },
        Report::HoldersEnded {
            started_ns,
            by_inode,
            ..
        } => Item::HoldersEnded {
            started_ns: *started_ns,
            by_inode: by_inode.holders().collect(),
        },
        Report::Cgroups(paths, _) => {
            Item::Cgroups(paths.iter().map(|(id, path)| (*id, path.clone())).collect())
        }
        Report::Listeners(netns, rows) => Item::Listeners(*netns, rows.clone()),
        Report::Minisocks(netns, count) => Item::Minisocks(*netns, *count),
        Report::Namespace(fact) => Item::Namespace(Box::new(fact.clone())),
        Report::Machine(fact) => Item::Machine(*fact),
        Report::Processes { facts, .. } => Item::Processes(facts.clone()),
        Report::Process { fact, .. } => Item::Processes(vec![fact.clone()]),
        Report::Socket { .. } => return None,
    })
}

/// What belongs to sockets that matched.
#[derive(Default)]
struct Wanted {
    pids: FxHashSet<u32>,
    cgroups: FxHashSet<u64>,
}

struct Recorder {
    question: SocketsQuestion,
    batches: Sender<Batch>,
    /// Makes numbers of kernel addresses that lead nowhere.
    secret: RandomState,
    payload: Vec<u8>,
    items: u64,
    /// Items that nobody got since the last batch that somebody did.
    missed: u64,
    /// The next place of the table that is to be told; `None` when all has been.
    planting: Option<usize>,
    wanted: Wanted,
    /// The counters at the beginning.
    began: Tick,
}

impl Recorder {
    fn is_filtered(&self) -> bool {
        !self.question.filter.is_empty()
    }

    /// The number that stands for a kernel address in this recording.
    fn opaque(&self, sock: u64) -> u64 {
        match sock {
            0 => 0,
            _ => self.secret.hash_one(sock).max(1),
        }
    }

    fn begin(&mut self, at: &Beginning<'_>) {
        let table = at.table;
        self.put(&Item::Policy(policy_to_text(at.policy)));
        self.put(&Item::Ground(table.ground()));
        self.put(&Item::Machine(*table.machine()));
        for known in table.known_namespaces() {
            self.put(&Item::KnownNamespace(Box::new(known)));
        }
    }

    fn record(&mut self, table: &Table, record: &Record, change: &Change) {
        if self.is_filtered() && !self.wants(table, change.id, change.time_ns) {
            return;
        }
        self.put(&Item::Record(Record {
            sock: self.opaque(record.sock),
            ..*record
        }));
    }

    /// Whether the socket matches; what belongs to it is wanted then, too.
    fn wants(&mut self, table: &Table, id: SlotId, now_ns: u64) -> bool {
        if !table.matches(id, &self.question, now_ns) {
            return false;
        }
        let socket = table.socket(id);
        self.wanted.cgroups.insert(socket.cgroup);
        self.wanted.pids.extend(table.pid_of(id));
        true
    }

    fn tell(&mut self, table: &Table, mut item: Item) {
        match &mut item {
            Item::Rows { netns, time, rows } => {
                let now_ns = time.read_ns;
                self.keep_rows(table, *netns, now_ns, rows);
            }
            Item::Listeners(netns, rows) => self.keep_rows(table, *netns, 0, rows),
            Item::Holders { holders, .. } => self.keep_holders(table, holders),
            Item::HoldersEnded { by_inode, .. } if self.is_filtered() => {
                by_inode.retain(|holder| self.wanted.pids.contains(&holder.pid));
            }
            Item::Processes(facts) if self.is_filtered() => {
                facts.retain(|fact| self.wanted.pids.contains(&fact.pid));
            }
            Item::Cgroups(names) if self.is_filtered() => {
                names.retain(|(id, _)| self.wanted.cgroups.contains(id));
            }
            _ => {}
        }
        self.put(&item);
    }

    fn keep_rows(
        &mut self,
        table: &Table,
        netns: NetnsIdentity,
        now_ns: u64,
        rows: &mut Vec<DumpRow>,
    ) {
        if self.is_filtered() {
            rows.retain(|row| {
                let id = table.of_row(netns, row);
                id.is_some_and(|id| self.wants(table, id, now_ns))
            });
        }
    }

    fn keep_holders(&mut self, table: &Table, holders: &mut Vec<Holder>) {
        if self.is_filtered() {
            holders.retain(|holder| match table.of_sock(holder.sock) {
                Some(id) => self.wants(table, id, 0),
                None => self.wanted.pids.contains(&holder.pid),
            });
        }
        for holder in holders {
            holder.sock = self.opaque(holder.sock);
        }
    }

    fn may_plant(&self) -> bool {
        self.planting.is_some() && self.batches.capacity() > RESERVED
    }

    fn plant_on(&mut self, table: &Table, now_ns: u64) {
        let Some(at) = self.planting else {
            return;
        };
        let (ids, next) = table.sockets_from(at, PLANT_BUDGET);
        for id in ids {
            if !self.is_filtered() || self.wants(table, id, now_ns) {
                let mut known = table.known_socket(id);
                known.sock = self.opaque(known.sock);
                self.put(&Item::Socket(Box::new(known)));
            }
        }
        self.planting = next;
        if next.is_none() {
            let names = table.known_cgroups();
            let names = names.map(|(id, path)| (id, path.to_owned())).collect();
            self.tell(table, Item::Cgroups(names));
            let facts = table.known_processes().cloned().collect();
            self.tell(table, Item::Processes(facts));
            self.put(&Item::Planted { now_ns });
        }
    }

    fn tick(&mut self, now: Tick) {
        let began = self.began;
        let since = |now: u64, then: u64| now.saturating_sub(then);
        self.put(&Item::Tick(Tick {
            now_ns: now.now_ns,
            unix_ns: now.unix_ns,
            produced: since(now.produced, began.produced),
            delivered: since(now.delivered, began.delivered),
            losses: Losses {
                ring_full: since(now.losses.ring_full, began.losses.ring_full),
                recursion: since(now.losses.recursion, began.losses.recursion),
                undecodable: since(now.losses.undecodable, began.losses.undecodable),
            },
        }));
    }

    fn put(&mut self, item: &Item) {
        self.items += 1;
        let before = self.payload.len();
        if append(&mut self.payload, item).is_err() || self.payload.len() > MAX_FRAME {
            // It fits into no frame.
            self.payload.truncate(before);
            self.missed += 1;
            self.items -= 1;
        }
        if self.payload.len() >= BATCH_BYTES {
            let time_ns = item.time_ns();
            self.flush(time_ns.unwrap_or(0));
        }
    }

    /// Hands over what there is, which goes up to `to_ns`.
    fn flush(&mut self, to_ns: u64) {
        if self.missed > 0 {
            let mut gap = Vec::new();
            // A number can always be written.
            drop(append(&mut gap, &Item::Gap(self.missed)));
            self.payload.splice(0..0, gap);
        }
        if self.payload.is_empty() {
            return;
        }
        let batch = Batch {
            payload: std::mem::take(&mut self.payload),
            to_ns,
        };
        let items = std::mem::take(&mut self.items);
        match self.batches.try_send(batch) {
            Ok(()) => self.missed = 0,
            Err(TrySendError::Full(_)) => self.missed += items,
            Err(TrySendError::Closed(_)) => self.planting = None,
        }
    }
}

#[cfg(test)]
mod tests;
