//! Sweeps take long, and the stream goes on meanwhile: whatever comes in between their parts, the
//! table has what the kernel has, and nothing counts as drift.

use std::collections::{BTreeMap, VecDeque};

use proptest::prelude::*;
use tcpmon_common::Holder;

use super::super::ByInode;
use super::invariants::check_groups;
use super::*;
use crate::core::query::OwnerSource;

/// A socket of the model's kernel, which has them by number.
#[derive(Clone, Copy)]
struct Real {
    sock: u64,
    state: State,
    is_minisock: bool,
    port: u16,
}

impl Real {
    fn row(self, number: u64, cookies: bool) -> DumpRow {
        let mut row = row(number, self.state, self.port, 80);
        if self.is_minisock {
            row = DumpRow {
                tuple: row.tuple,
                ..minisock(number, self.state, 60_000)
            };
        }
        row.cookie = if cookies { number } else { 0 };
        row
    }
}

/// A dump under way: it goes through the kernel's sockets by number.
struct Dump {
    started_ns: u64,
    next: u64,
    chunks: VecDeque<(u64, Vec<DumpRow>)>,
    done: bool,
}

#[derive(Clone, Copy, Debug)]
enum Step {
    Open,
    /// The next state of the socket that is so far down the list.
    Move(usize),
    Reset(usize),
    /// Closed by us, with TIME_WAIT.
    Linger(usize),
    /// The dump reads so many sockets; it begins if there is none.
    Read(usize),
    /// The owner gets a chunk; after the last the audit is closed.
    Deliver,
    Walk(usize),
    /// A scan of descriptors, by address and cookie or by inode.
    Scan(bool),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => Just(Step::Open),
        4 => (0usize..40).prop_map(Step::Move),
        2 => (0usize..40).prop_map(Step::Reset),
        1 => (0usize..40).prop_map(Step::Linger),
        3 => (1usize..9).prop_map(Step::Read),
        3 => Just(Step::Deliver),
        4 => (1usize..9).prop_map(Step::Walk),
        1 => any::<bool>().prop_map(Step::Scan),
    ]
}

struct World {
    table: Table,
    kernel: BTreeMap<u64, Real>,
    free: Vec<(u64, u16)>,
    born: u64,
    now_ns: u64,
    cookies: bool,
    dump: Option<Dump>,
}

impl World {
    fn new(cookies: bool, older: u64) -> Self {
        let mut table = Table::new();
        table.set_dumps_have_cookies(cookies);
        let mut world = Self {
            table,
            kernel: BTreeMap::new(),
            free: (1..=1000).rev().map(|n| (n, 40_000 + n as u16)).collect(),
            born: 0,
            now_ns: SECOND,
            cookies,
            dump: None,
        };
        // Older than the agent: only dumps speak of these at first.
        for _ in 0..older {
            let (number, real) = world.bear(State::Established);
            world.kernel.insert(number, real);
        }
        let rows: Vec<DumpRow> = world.all_rows(0, usize::MAX);
        audit(&mut world.table, SECOND, StateSet::LIVE, &rows);
        world
    }

    fn bear(&mut self, state: State) -> (u64, Real) {
        self.born += 1;
        let (sock, port) = self.free.pop().expect("fewer sockets than that");
        let real = Real {
            sock,
            state,
            is_minisock: false,
            port,
        };
        (self.born, real)
    }

    fn all_rows(&self, from: u64, count: usize) -> Vec<DumpRow> {
        let some = self.kernel.range(from..).take(count);
        some.map(|(number, real)| real.row(*number, self.cookies))
            .collect()
    }

    fn says(&mut self, number: u64, real: Real, new: State, flags: u8, error: u16) {
        let mut speaker = Speaker::new(real.sock, number, real.port, 80).flags(flags);
        speaker.record.inode = 5000 + number;
        let speaker = speaker.ending(error, 0);
        speaker.says(&mut self.table, self.now_ns, real.state, new);
    }

    /// A full socket of the kernel's.
    fn pick(&self, pick: usize) -> Option<(u64, Real)> {
        let full: Vec<_> = self
            .kernel
            .iter()
            .filter(|(_, real)| !real.is_minisock)
            .collect();
        let (number, real) = full.get(pick % full.len().max(1))?;
        Some((**number, **real))
    }

    fn take(&mut self, step: Step) {
        self.now_ns += 1_000_000;
        match step {
            Step::Open => {
                let (number, real) = self.bear(State::Close);
                self.says(number, real, State::SynSent, flag::HAS_SOCKET, 0);
                let state = State::SynSent;
                self.kernel.insert(number, Real { state, ..real });
            }
            Step::Move(pick) => self.go_on(pick),
            Step::Reset(pick) => {
                if let Some((number, real)) = self.pick(pick) {
                    self.says(number, real, State::Close, 0, 104);
                    self.kernel.remove(&number);
                    // Addresses and ports are used again at once.
                    self.free.push((real.sock, real.port));
                }
            }
            Step::Linger(pick) => self.linger(pick),
            Step::Read(count) => self.read(count),
            Step::Deliver => self.deliver(),
            Step::Walk(budget) => {
                self.table.walk_on(budget);
            }
            Step::Scan(by_inode) => self.scan(by_inode),
        }
    }

    fn go_on(&mut self, pick: usize) {
        let Some((number, real)) = self.pick(pick) else {
            return;
        };
        let state = match real.state {
            State::SynSent => State::Established,
            State::Established => State::CloseWait,
            State::CloseWait => State::LastAck,
            _ => return,
        };
        self.says(number, real, state, flag::HAS_SOCKET, 0);
        self.kernel.insert(number, Real { state, ..real });
    }

    fn linger(&mut self, pick: usize) {
        let Some((number, mut real)) = self
            .pick(pick)
            .filter(|(_, real)| real.state == State::Established)
        else {
            return;
        };
        for state in [State::FinWait1, State::FinWait2, State::Close] {
            self.says(number, real, state, flag::ORPHAN | flag::FIN_SEEN, 0);
            real.state = state;
        }
        let minisock = Real {
            state: State::TimeWait,
            is_minisock: true,
            ..real
        };
        self.kernel.insert(number, minisock);
    }

    fn read(&mut self, count: usize) {
        if self.dump.is_none() {
            if self.table.is_walking() {
                return;
            }
            self.table.begin_audit(StateSet::LIVE);
            self.dump = Some(Dump {
                started_ns: self.now_ns,
                next: 0,
                chunks: VecDeque::new(),
                done: false,
            });
        }
        if self.dump.as_ref().is_some_and(|dump| dump.done) {
            return;
        }
        let next = self.dump.as_ref().map_or(0, |dump| dump.next);
        let rows = self.all_rows(next, count);
        let last = self.kernel.range(next..).take(count).last();
        let after = last.map(|(number, _)| number + 1);
        if let Some(dump) = &mut self.dump {
            dump.done |= after.is_none();
            dump.next = after.unwrap_or(u64::MAX);
            dump.chunks.push_back((self.now_ns, rows));
        }
    }

    fn deliver(&mut self) {
        let Some(mut dump) = self.dump.take() else {
            return;
        };
        let started_ns = dump.started_ns;
        match dump.chunks.pop_front() {
            Some((read_ns, mut rows)) => {
                let time = DumpTime {
                    started_ns,
                    read_ns,
                };
                self.table.audit_rows(NETNS, time, &mut rows);
                self.dump = Some(dump);
            }
            None if dump.done => {
                self.table.audit_namespace_done(NETNS, started_ns);
                self.table.close_audit(self.now_ns, true);
            }
            None => self.dump = Some(dump),
        }
    }

    fn scan(&mut self, by_inode: bool) {
        if self.table.is_walking() || self.dump.is_some() {
            return;
        }
        let holders: Vec<Holder> = self
            .kernel
            .iter()
            .filter(|(_, real)| !real.is_minisock)
            .map(|(number, real)| Holder {
                sock: if by_inode { 0 } else { real.sock },
                cookie: if by_inode { 0 } else { *number },
                inode: 5000 + number,
                born_ns: 0,
                pid: 9,
                fd: 3,
                comm: *b"holder\0\0\0\0\0\0\0\0\0\0",
            })
            .collect();
        let mut rest = ByInode::default();
        if by_inode {
            rest = holders.into_iter().collect();
        } else {
            for chunk in holders.chunks(3) {
                self.table.hear_holders(self.now_ns, chunk);
            }
        }
        self.table.close_holders(self.now_ns, rest);
    }

    fn finish(&mut self) {
        while self.dump.is_some() {
            self.take(Step::Read(100));
            self.take(Step::Deliver);
        }
        while self.table.walk_on(3) {}
    }

    /// What the table has is what the kernel has.
    fn check(&self) -> Result<(), TestCaseError> {
        let mut ours: Vec<(u16, State)> = Vec::new();
        for id in self.table.slots.ids() {
            let socket = self.table.slots.get(id);
            ours.push((socket.tuple.local_port, socket.state));
            prop_assert!(self.table.is_indexed(id));
        }
        let mut theirs: Vec<(u16, State)> = self
            .kernel
            .values()
            .map(|real| (real.port, real.state))
            .collect();
        ours.sort_unstable();
        theirs.sort_unstable();
        prop_assert_eq!(ours, theirs);
        prop_assert_eq!(self.table.totals().drift, [0; 4]);
        check_groups(&self.table)
    }
}

proptest! {
    #[test]
    fn the_table_has_what_the_kernel_has_after_every_step(
        cookies in any::<bool>(),
        older in 0u64..12,
        steps in prop::collection::vec(step(), 0..250),
    ) {
        let mut world = World::new(cookies, older);
        for step in steps {
            world.take(step);
            world.check()?;
        }
        world.finish();
        world.check()?;
        for by_inode in [false, true] {
            world.take(Step::Scan(by_inode));
            world.finish();
        }
        let held = world.table.slots.ids().filter(|id| {
            let owner = world.table.slots.get(*id).owner;
            owner.is_some_and(|owner| owner.source == OwnerSource::FdTable)
        });
        let full = world.kernel.values().filter(|real| !real.is_minisock);
        prop_assert!(held.count() >= full.count());
        prop_assert!(!world.table.wants_holders());
    }
}
