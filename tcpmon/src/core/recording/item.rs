//! What a table is told, one thing at a time.

use serde::{Deserialize, Serialize};
use tcpmon_common::{Holder, Record, State};

use super::frame::Damage;
use super::wire::{self, RecordDef};
use crate::core::facts::{
    DumpRow, DumpTime, MachineFact, NamespaceFact, NetnsIdentity, ProcessFact, StateSet,
};
use crate::core::netns::Search;
use crate::core::table::plant::{Ground, KnownNamespace, KnownSocket};

/// No time in a recording is later: 146 years after boot. What says so is damaged, and sums of two
/// times stay numbers.
pub const MAX_TIME_NS: u64 = 1 << 62;

/// Events that did not reach the table since the recording began.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Losses {
    /// The ring was full.
    pub ring_full: u64,
    /// The kernel did not run the program.
    pub recursion: u64,
    /// Records of another layout.
    pub undecodable: u64,
}

/// A second has passed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tick {
    /// Now, `CLOCK_BOOTTIME` ns.
    pub now_ns: u64,
    /// Now, ns since 1970: the wall clock may have been set.
    pub unix_ns: u64,
    /// Transitions the kernel program counted since the recording began, of the whole machine.
    pub produced: u64,
    /// Records read since then, of the whole machine.
    pub delivered: u64,
    /// What was lost since then.
    pub losses: Losses,
}

/// What the owner of a table applies.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Item {
    /// So many items are missing here: the recorder was too slow.
    Gap(u64),
    /// What is judged from now on, and how: see [`super::policy_to_text`].
    Policy(String),
    /// What holds for the table that is handed on.
    Ground(Ground),
    /// A namespace it knows.
    KnownNamespace(Box<KnownNamespace>),
    /// A socket it knows.
    Socket(Box<KnownSocket>),
    /// All that it knew has been told.
    Planted {
        /// When that was so.
        now_ns: u64,
    },
    /// One record of the stream.
    Record(#[serde(with = "RecordDef")] Record),
    /// What became of the namespaces the table has sockets in.
    Searched {
        /// What the search found out.
        search: Search,
        /// When it was taken over.
        now_ns: u64,
    },
    /// A sweep of sockets begins.
    Began {
        /// In these states.
        states: StateSet,
        /// Its rows have cookies.
        cookies: bool,
    },
    /// Rows of one namespace.
    Rows {
        /// The namespace.
        netns: NetnsIdentity,
        /// When its dump began and when these rows were read.
        time: DumpTime,
        /// The rows.
        rows: Vec<DumpRow>,
    },
    /// All rows of a namespace have been told.
    Swept {
        /// The namespace.
        netns: NetnsIdentity,
        /// When its dump began.
        started_ns: u64,
    },
    /// The sweep is over.
    Ended {
        /// When that was taken over.
        now_ns: u64,
        /// Every namespace that could be found was dumped.
        complete: bool,
        /// What went wrong.
        problems: Vec<String>,
    },
    /// Which process holds which socket.
    Holders {
        /// When the scan began.
        started_ns: u64,
        /// Open file descriptors.
        #[serde(with = "wire::holders")]
        holders: Vec<Holder>,
    },
    /// All holders have been told.
    HoldersEnded {
        /// When the scan began.
        started_ns: u64,
        /// Those of which only the inode is known.
        #[serde(with = "wire::holders")]
        by_inode: Vec<Holder>,
    },
    /// Names of control groups.
    Cgroups(Vec<(u64, String)>),
    /// The listeners of a namespace, with their queues.
    Listeners(NetnsIdentity, Vec<DumpRow>),
    /// How many minisocks the kernel counts in a namespace.
    Minisocks(NetnsIdentity, u64),
    /// What else was read of a namespace.
    Namespace(Box<NamespaceFact>),
    /// What is limited for the whole machine.
    Machine(MachineFact),
    /// Who the processes are.
    Processes(Vec<ProcessFact>),
    /// A second has passed.
    Tick(Tick),
}

impl Item {
    /// When it was told, where it says so.
    #[must_use]
    pub fn time_ns(&self) -> Option<u64> {
        match self {
            Self::Record(record) => Some(record.time_ns),
            Self::Rows { time, .. } => Some(time.read_ns),
            Self::Searched { now_ns, .. }
            | Self::Ended { now_ns, .. }
            | Self::Planted { now_ns } => Some(*now_ns),
            Self::Tick(tick) => Some(tick.now_ns),
            _ => None,
        }
    }

    /// Says when it was applied, where that is told.
    pub fn set_time(&mut self, applied_ns: u64) {
        if let Self::Searched { now_ns, .. } | Self::Ended { now_ns, .. } = self {
            *now_ns = applied_ns;
        }
    }

    /// Whether it can be: sums of its times stay numbers, and no socket is told of that has no
    /// connection.
    fn is_sane(&self) -> bool {
        let row_ok = |row: &DumpRow| row.expires_ms <= i32::MAX as u32 && row.state != State::Close;
        match self {
            Self::Ground(ground) => ground.fin_timeout_ns <= MAX_TIME_NS,
            Self::Socket(known) => {
                let times = [
                    known.entered_ns,
                    known.opened_ns,
                    known.touched_ns,
                    known.expires_ns,
                    known.seen_holder_ns,
                    known.unanswered_ns.unwrap_or(0),
                ];
                known.state != State::Close && times.iter().all(|time_ns| *time_ns <= MAX_TIME_NS)
            }
            Self::Searched { search, now_ns } => {
                search.began_ns <= MAX_TIME_NS && *now_ns <= MAX_TIME_NS
            }
            Self::Rows { time, rows, .. } => {
                time.started_ns <= MAX_TIME_NS
                    && time.read_ns <= MAX_TIME_NS
                    && rows.iter().all(row_ok)
            }
            Self::Listeners(_, rows) => rows.iter().all(row_ok),
            Self::Swept { started_ns, .. }
            | Self::Holders { started_ns, .. }
            | Self::HoldersEnded { started_ns, .. } => *started_ns <= MAX_TIME_NS,
            Self::Processes(facts) => facts.iter().all(|fact| fact.read_ns <= MAX_TIME_NS),
            Self::Tick(tick) => tick.now_ns <= MAX_TIME_NS && tick.unix_ns <= MAX_TIME_NS,
            _ => self.time_ns().is_none_or(|time_ns| time_ns <= MAX_TIME_NS),
        }
    }
}

/// Writes an item behind those that are in `payload`.
///
/// # Errors
///
/// It cannot be written; what is in `payload` stays.
pub fn append(payload: &mut Vec<u8>, item: &Item) -> Result<(), postcard::Error> {
    let before = payload.len();
    if let Err(error) = postcard::to_extend(item, Behind(payload)) {
        payload.truncate(before);
        return Err(error);
    }
    Ok(())
}

/// What is written goes behind what is there, which a failure does not take along.
struct Behind<'a>(&'a mut Vec<u8>);

impl Extend<u8> for Behind<'_> {
    fn extend<I: IntoIterator<Item = u8>>(&mut self, bytes: I) {
        self.0.extend(bytes);
    }
}

/// The items in the payload of a frame, one after another.
#[derive(Clone, Debug)]
pub struct Items<'a> {
    rest: &'a [u8],
}

impl<'a> Items<'a> {
    /// Reads from the beginning.
    #[must_use]
    pub const fn new(payload: &'a [u8]) -> Self {
        Self { rest: payload }
    }
}

impl Iterator for Items<'_> {
    type Item = Result<Item, Damage>;

    /// The next; an error is the last.
    fn next(&mut self) -> Option<Self::Item> {
        if self.rest.is_empty() {
            return None;
        }
        let taken = postcard::take_from_bytes::<Item>(self.rest);
        match taken {
            Ok((item, rest)) if item.is_sane() => {
                self.rest = rest;
                Some(Ok(item))
            }
            _ => {
                self.rest = &[];
                Some(Err(Damage::Content))
            }
        }
    }
}
