//! When the sweeper is sent out, and for what. Pure: time comes in.
//!
//! Every kind of sweep has a shortest interval and a share of a processor: an audit that cost 40 ms
//! is not repeated within 4 s. All that is done on an idle machine with half a million sockets is
//! well below a hundredth of a processor, so that the loop itself fits into it, too; the dumps of
//! minisocks, which only traffic leaves, are another hundredth at most.

const SECOND_NS: u64 = 1_000_000_000;
/// However dear it is, what somebody waits for comes at least this often.
const LONGEST_NS: u64 = 300 * SECOND_NS;
/// The same of what only confirms: nothing was lost, and all is known.
const LONGEST_ROUTINE_NS: u64 = 900 * SECOND_NS;
/// An audit dearer than this is one of hundreds of thousands of sockets; it may take less.
const CHEAP_AUDIT_NS: u64 = 100_000_000;
const DEAR_AUDITS_SHARE: u64 = 300;

/// So long an audit that makes up for losses is waited for: an audit of half a million sockets takes
/// a few seconds, and another may be under way.
const REPAIR_PATIENCE_NS: u64 = 30 * SECOND_NS;

/// How often a kind of sweep comes.
#[derive(Clone, Copy, Debug)]
struct Rhythm {
    shortest_ns: u64,
    /// It rests this many times its own cost: the reciprocal is its share of a processor.
    share: u64,
    longest_ns: u64,
}

impl Rhythm {
    const fn new(shortest_ns: u64, share: u64) -> Self {
        Self {
            shortest_ns,
            share,
            longest_ns: LONGEST_NS,
        }
    }

    const fn routine(shortest_ns: u64, share: u64) -> Self {
        Self {
            longest_ns: LONGEST_ROUTINE_NS,
            ..Self::new(shortest_ns, share)
        }
    }
}

/// After losses the table is wrong now: it may cost a tenth of a processor to mend it.
const URGENT_AUDITS: Rhythm = Rhythm::new(SECOND_NS, 10);
/// Somebody may have ceased to accept connections, which an audit alone can tell; or a transition was
/// not announced, which the next one of that socket has shown.
const DOUBT_AUDITS: Rhythm = Rhythm::new(SECOND_NS, 50);
const MINISOCKS: Rhythm = Rhythm::new(SECOND_NS, 100);
const HOLDERS: Rhythm = Rhythm::new(SECOND_NS, 1000);
/// Descriptors are passed on and inherited without a word: holders are looked up anew this often.
const HOLDERS_AGAIN: Rhythm = Rhythm::routine(60 * SECOND_NS, 1000);
const CGROUPS: Rhythm = Rhythm::new(2 * SECOND_NS, 2000);
const QUEUES: Rhythm = Rhythm::new(SECOND_NS, 300);
const PROCESSES: Rhythm = Rhythm::new(SECOND_NS, 100);
const PROCESSES_AGAIN: Rhythm = Rhythm::new(SECOND_NS, 2000);

/// One kind of sweep.
#[derive(Clone, Copy, Debug, Default)]
struct Pace {
    last_end_ns: Option<u64>,
    last_cost_ns: u64,
}

impl Pace {
    fn is_due(&self, rhythm: Rhythm, now_ns: u64) -> bool {
        let Some(last_end_ns) = self.last_end_ns else {
            return true;
        };
        let Rhythm {
            shortest_ns,
            share,
            longest_ns,
        } = rhythm;
        let rest_ns = (self.last_cost_ns.saturating_mul(share))
            .clamp(shortest_ns, longest_ns.max(shortest_ns));
        now_ns >= last_end_ns.saturating_add(rest_ns)
    }

    fn ended(&mut self, now_ns: u64, cost_ns: u64) {
        self.last_end_ns = Some(now_ns);
        self.last_cost_ns = cost_ns;
    }
}

/// What the table would like to know.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Wishes {
    /// What an audit alone can tell is in doubt.
    pub(super) audit: bool,
    /// There are minisocks, or may be.
    pub(super) minisocks: bool,
    /// There are sockets without a confirmed holder.
    pub(super) holders: bool,
    /// There are sockets with a holder, who may be another by now.
    pub(super) holders_again: bool,
    /// There are control groups without a name.
    pub(super) cgroups: bool,
    /// There are processes nobody has looked at.
    pub(super) processes: bool,
    /// There are processes nobody has looked at for long.
    pub(super) processes_again: bool,
}

/// The sweeper's diary.
#[derive(Debug)]
pub(super) struct Schedule {
    audit_ns: u64,
    busy: bool,
    urgent: bool,
    /// When it was noticed that the ring had overflowed, while no audit has made up for it.
    unrepaired_ns: Option<u64>,
    /// It has overflowed again since the audit under way began.
    overflowed: bool,
    audits: Pace,
    minisocks: Pace,
    holders: Pace,
    cgroups: Pace,
    queues: Pace,
    processes: Pace,
}

/// A kind of sweep.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// A dump of every namespace.
    Audit,
    /// A dump of minisocks.
    Minisocks,
    /// A scan of file descriptors.
    Holders,
    /// Names of control groups.
    Cgroups,
    /// Accept queues, and the kernel's counters and limits per namespace.
    Queues,
    /// Who the processes are.
    Processes,
}

impl Kind {
    /// All of them, in the order of their numbers.
    pub(super) const ALL: [Self; 6] = [
        Self::Audit,
        Self::Minisocks,
        Self::Holders,
        Self::Cgroups,
        Self::Queues,
        Self::Processes,
    ];

    /// What metrics call it.
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Audit => "audit",
            Self::Minisocks => "minisocks",
            Self::Holders => "holders",
            Self::Cgroups => "cgroups",
            Self::Queues => "queues",
            Self::Processes => "processes",
        }
    }
}

impl Schedule {
    /// A schedule with a full audit every `audit_ns`, if that does not cost too much.
    #[must_use]
    pub(super) fn new(audit_ns: u64) -> Self {
        Self {
            audit_ns,
            busy: false,
            urgent: false,
            unrepaired_ns: None,
            overflowed: false,
            audits: Pace::default(),
            minisocks: Pace::default(),
            holders: Pace::default(),
            cgroups: Pace::default(),
            queues: Pace::default(),
            processes: Pace::default(),
        }
    }

    /// Another interval between full audits.
    pub(super) fn set_audit_interval(&mut self, audit_ns: u64) {
        self.audit_ns = audit_ns;
    }

    /// Events were lost: the next audit comes at once.
    pub(super) fn hurry(&mut self) {
        self.urgent = true;
    }

    /// The ring was full: very many events in a row were lost.
    pub(super) fn overflowed(&mut self, now_ns: u64) {
        self.hurry();
        self.overflowed = true;
        self.unrepaired_ns.get_or_insert(now_ns);
    }

    /// Whether the ring has overflowed of late and no audit has made up for it yet: what has ended may
    /// seem to last. Where it does not cease to, that is not waited for; nor are the single events that
    /// a busy kernel skips the program for, as no verdict hangs on one socket.
    pub(super) fn is_unrepaired(&self, now_ns: u64) -> bool {
        self.unrepaired_ns
            .is_some_and(|lost_ns| now_ns.saturating_sub(lost_ns) < REPAIR_PATIENCE_NS)
    }

    /// The next sweep, if the sweeper is free and one is due. It is busy from then on.
    pub(super) fn next(&mut self, wishes: Wishes, now_ns: u64) -> Option<Kind> {
        if self.busy {
            return None;
        }
        let kind = self.due(wishes, now_ns)?;
        self.busy = true;
        if kind == Kind::Audit {
            // What is lost from here on may be lost after it was dumped.
            self.urgent = false;
            self.overflowed = false;
        }
        Some(kind)
    }

    const fn audit_rhythm(&self) -> Rhythm {
        let is_cheap = self.audits.last_cost_ns <= CHEAP_AUDIT_NS;
        let share = if is_cheap { 100 } else { DEAR_AUDITS_SHARE };
        Rhythm::routine(self.audit_ns, share)
    }

    fn due(&self, wishes: Wishes, now_ns: u64) -> Option<Kind> {
        let is_urgent = self.urgent && self.audits.is_due(URGENT_AUDITS, now_ns);
        let is_doubted = wishes.audit && self.audits.is_due(DOUBT_AUDITS, now_ns);
        if is_urgent || is_doubted || self.audits.is_due(self.audit_rhythm(), now_ns) {
            Some(Kind::Audit)
        } else if self.holders_are_due(wishes, now_ns) {
            Some(Kind::Holders)
        } else if wishes.minisocks && self.minisocks.is_due(MINISOCKS, now_ns) {
            Some(Kind::Minisocks)
        } else if wishes.cgroups && self.cgroups.is_due(CGROUPS, now_ns) {
            Some(Kind::Cgroups)
        } else if self.queues.is_due(QUEUES, now_ns) {
            Some(Kind::Queues)
        } else if self.processes_are_due(wishes, now_ns) {
            Some(Kind::Processes)
        } else {
            None
        }
    }

    fn holders_are_due(&self, wishes: Wishes, now_ns: u64) -> bool {
        let due = |rhythm| self.holders.is_due(rhythm, now_ns);
        (wishes.holders && due(HOLDERS)) || (wishes.holders_again && due(HOLDERS_AGAIN))
    }

    fn processes_are_due(&self, wishes: Wishes, now_ns: u64) -> bool {
        let due = |rhythm| self.processes.is_due(rhythm, now_ns);
        (wishes.processes && due(PROCESSES)) || (wishes.processes_again && due(PROCESSES_AGAIN))
    }

    /// A sweep has ended: the sweeper is free.
    pub(super) fn ended(&mut self, kind: Kind, now_ns: u64, cost_ns: u64) {
        self.busy = false;
        match kind {
            Kind::Audit => {
                if !self.overflowed {
                    self.unrepaired_ns = None;
                }
                self.audits.ended(now_ns, cost_ns);
                // It looked at the minisocks too.
                self.minisocks.last_end_ns = Some(now_ns);
            }
            Kind::Minisocks => self.minisocks.ended(now_ns, cost_ns),
            Kind::Holders => self.holders.ended(now_ns, cost_ns),
            Kind::Cgroups => self.cgroups.ended(now_ns, cost_ns),
            Kind::Queues => self.queues.ended(now_ns, cost_ns),
            Kind::Processes => self.processes.ended(now_ns, cost_ns),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALL: Wishes = Wishes {
        audit: false,
        minisocks: true,
        holders: true,
        holders_again: true,
        cgroups: true,
        processes: true,
        processes_again: true,
    };

    #[test]
    fn one_sweep_at_a_time_and_the_audit_first() {
        let mut schedule = Schedule::new(5 * SECOND_NS);
        let order = [
            Kind::Audit,
            Kind::Holders,
            Kind::Cgroups,
            Kind::Queues,
            Kind::Processes,
        ];
        for kind in order {
            assert_eq!(schedule.next(ALL, 0), Some(kind));
            assert_eq!(schedule.next(ALL, 0), None, "busy");
            schedule.ended(kind, 0, 0);
        }
        assert_eq!(schedule.next(ALL, SECOND_NS - 1), None);
        assert_eq!(schedule.next(ALL, SECOND_NS), Some(Kind::Holders));
    }

    #[test]
    fn nothing_wished_for_nothing_done() {
        let mut schedule = Schedule::new(5 * SECOND_NS);
        assert_eq!(schedule.next(Wishes::default(), 0), Some(Kind::Audit));
        schedule.ended(Kind::Audit, 0, 0);
        let almost_due = 5 * SECOND_NS - 1;
        assert_eq!(
            schedule.next(Wishes::default(), almost_due),
            Some(Kind::Queues)
        );
        schedule.ended(Kind::Queues, almost_due, 0);
        assert_eq!(schedule.next(Wishes::default(), almost_due), None);
    }

    #[test]
    fn known_holders_are_looked_up_again_seldom() {
        let mut schedule = Schedule::new(900 * SECOND_NS);
        let known = Wishes {
            holders_again: true,
            ..Wishes::default()
        };
        for kind in [Kind::Audit, Kind::Holders, Kind::Queues] {
            assert_eq!(schedule.next(known, 0), Some(kind));
            schedule.ended(kind, 0, 0);
        }
        schedule.queues.ended(59 * SECOND_NS, 0);
        assert_eq!(schedule.next(known, 60 * SECOND_NS - 1), None);
        assert_eq!(schedule.next(known, 60 * SECOND_NS), Some(Kind::Holders));
    }

    #[test]
    fn new_processes_are_looked_at_sooner_than_known_ones_again() {
        for (is_new, rest_ms) in [(true, 1_500), (false, 30_000)] {
            let mut schedule = Schedule::new(900 * SECOND_NS);
            let wishes = Wishes {
                processes: is_new,
                processes_again: true,
                ..Wishes::default()
            };
            for kind in [Kind::Audit, Kind::Queues, Kind::Processes] {
                assert_eq!(schedule.next(wishes, 0), Some(kind));
                schedule.ended(kind, 0, 15_000_000);
            }
            schedule.queues.ended(29 * SECOND_NS, 15_000_000);
            let due_ns = rest_ms * 1_000_000;
            assert_eq!(schedule.next(wishes, due_ns - 1), None);
            assert_eq!(schedule.next(wishes, due_ns), Some(Kind::Processes));
        }
    }

    #[test]
    fn an_audit_that_settles_a_doubt_rests_less() {
        let doubt = Wishes {
            audit: true,
            ..Wishes::default()
        };
        for (wishes, rest_s) in [(doubt, 50), (Wishes::default(), 300)] {
            let mut schedule = Schedule::new(5 * SECOND_NS);
            assert_eq!(schedule.next(wishes, 0), Some(Kind::Audit));
            schedule.ended(Kind::Audit, 0, SECOND_NS);
            schedule.queues.ended(rest_s * SECOND_NS - SECOND_NS, 0);
            assert_eq!(schedule.next(wishes, rest_s * SECOND_NS - 1), None);
            assert_eq!(schedule.next(wishes, rest_s * SECOND_NS), Some(Kind::Audit));
        }
    }

    #[test]
    fn a_dear_audit_rests_so_many_times_its_cost() {
        let mut schedule = Schedule::new(5 * SECOND_NS);
        assert_eq!(schedule.next(Wishes::default(), 0), Some(Kind::Audit));
        schedule.ended(Kind::Audit, 0, 50 * SECOND_NS / DEAR_AUDITS_SHARE);
        schedule.queues.ended(49 * SECOND_NS, 0);
        assert_eq!(schedule.next(Wishes::default(), 49 * SECOND_NS), None);
        assert_eq!(
            schedule.next(Wishes::default(), 50 * SECOND_NS),
            Some(Kind::Audit)
        );
    }

    /// Two hours in which everything is always wished for but minisocks, and holders and processes that
    /// are not known, looked at ten times a second.
    #[test]
    fn all_kinds_together_leave_room_in_a_hundredth_of_an_idle_machines_processor() {
        let idle = Wishes {
            minisocks: false,
            holders: false,
            processes: false,
            ..ALL
        };
        let costs_ms = [
            (600, 250, 50, 20, 8, 10),
            (3, 1, 1, 1, 1, 1),
            (1000, 5, 400, 9, 90, 40),
            // Half a million sockets on a slow machine.
            (1800, 800, 50, 20, 8, 10),
        ];
        for (audit, holders, minisocks, cgroups, queues, processes) in costs_ms {
            let mut schedule = Schedule::new(SECOND_NS);
            let (mut now_ns, mut used_ns, span_ns) = (0, 0, 7200 * SECOND_NS);
            while now_ns < span_ns {
                if let Some(kind) = schedule.next(idle, now_ns) {
                    let cost_ns = 1_000_000
                        * match kind {
                            Kind::Audit => audit,
                            Kind::Holders => holders,
                            Kind::Minisocks => minisocks,
                            Kind::Cgroups => cgroups,
                            Kind::Queues => queues,
                            Kind::Processes => processes,
                        };
                    used_ns += cost_ns;
                    now_ns += cost_ns;
                    schedule.ended(kind, now_ns, cost_ns);
                }
                now_ns += SECOND_NS / 10;
            }
            // The first of each kind comes without a rest before it.
            let first_ns = 1_000_000 * (audit + holders + minisocks + cgroups + queues + processes);
            assert!(used_ns - first_ns <= span_ns / 110, "{used_ns}");
        }
    }

    #[test]
    fn what_is_lost_during_an_audit_brings_another() {
        let mut schedule = Schedule::new(60 * SECOND_NS);
        assert_eq!(schedule.next(Wishes::default(), 0), Some(Kind::Audit));
        schedule.overflowed(SECOND_NS / 2);
        schedule.ended(Kind::Audit, SECOND_NS, SECOND_NS / 100);
        schedule.queues.ended(2 * SECOND_NS, 0);
        assert!(schedule.is_unrepaired(2 * SECOND_NS));
        assert_eq!(
            schedule.next(Wishes::default(), 2 * SECOND_NS),
            Some(Kind::Audit)
        );
        assert!(schedule.is_unrepaired(2 * SECOND_NS), "not before it ends");
        schedule.ended(Kind::Audit, 3 * SECOND_NS, 0);
        assert!(!schedule.is_unrepaired(3 * SECOND_NS));
    }

    #[test]
    fn losses_that_do_not_cease_are_waited_for_only_so_long() {
        let mut schedule = Schedule::new(SECOND_NS);
        schedule.hurry();
        assert!(!schedule.is_unrepaired(0), "one event is not many");
        schedule.overflowed(0);
        schedule.overflowed(REPAIR_PATIENCE_NS - 1);
        assert!(schedule.is_unrepaired(REPAIR_PATIENCE_NS - 1));
        assert!(!schedule.is_unrepaired(REPAIR_PATIENCE_NS));
    }

    #[test]
    fn losses_bring_the_audit_forward() {
        let mut schedule = Schedule::new(60 * SECOND_NS);
        assert_eq!(schedule.next(Wishes::default(), 0), Some(Kind::Audit));
        schedule.ended(Kind::Audit, 0, SECOND_NS / 100);
        schedule.queues.ended(2 * SECOND_NS, 0);
        schedule.hurry();
        assert_eq!(schedule.next(Wishes::default(), SECOND_NS - 1), None);
        assert_eq!(
            schedule.next(Wishes::default(), SECOND_NS),
            Some(Kind::Audit)
        );
        schedule.ended(Kind::Audit, SECOND_NS, 0);
        assert_eq!(
            schedule.next(Wishes::default(), 2 * SECOND_NS),
            None,
            "no longer urgent"
        );
    }
}
