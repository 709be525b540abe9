//! What happens at a transition, whichever way it is announced.

use aya_ebpf::EbpfContext;
use aya_log_ebpf::warn;
use tcpmon_common::counter::{Foreign, Runs, STATES};
use tcpmon_common::record::{RECORD_SIZE, flag};
use tcpmon_common::{Counters, Record, State, context as acting};

use crate::context;
use crate::kernel::WAKE_BYTES;
use crate::maps::{COUNTERS, EVENTS, LOGGED};

const IPPROTO_TCP: u16 = 6;
/// Flags of `bpf_ringbuf_submit` and `bpf_ringbuf_query` (`include/uapi/linux/bpf.h`).
const BPF_RB_NO_WAKEUP: u64 = 1;
const BPF_RB_FORCE_WAKEUP: u64 = 2;
const BPF_RB_AVAIL_DATA: u64 = 0;
/// A record and its header on the ring.
const SLOT_SIZE: u64 = RECORD_SIZE as u64 + 8;

/// Where the facts of a transition come from.
pub trait Source {
    /// `sk_protocol`.
    fn protocol(&self) -> u16;
    /// `sk_err`.
    fn error(&self) -> u16;
    /// `sk_shutdown`.
    fn shutdown(&self) -> u8;
    /// Everything else.
    fn fill(&self, record: &mut Record, passive_open: bool);
}

/// Conditions worth one line in the agent's log. The discriminant indexes [`LOGGED`].
#[repr(u32)]
enum Diagnostic {
    OddState = 0,
}

/// Counts the transition and puts a record of it on the ring.
#[inline(always)]
pub fn on_transition<C: EbpfContext, S: Source>(
    ctx: &C,
    runs: Runs,
    source: &S,
    old: i32,
    new: i32,
) {
    let Some(counters) = COUNTERS.get_ptr_mut(runs as u32) else {
        return;
    };
    // SAFETY: this CPU's own value, and no run that may interrupt this one counts there.
    let counters = unsafe { &mut *counters };
    let protocol = source.protocol();
    if protocol != IPPROTO_TCP {
        counters.foreign[Foreign::from_protocol(protocol) as usize] += 1;
        return;
    }
    count(ctx, counters, old as u32, new as u32);

    let mut record = Record::EMPTY;
    record.old_state = old as u8;
    record.new_state = new as u8;
    record.error = source.error();
    record.shutdown = source.shutdown();
    if task_acts(&record) {
        record.flags |= flag::TASK;
        (record.pid, record.tid) = context::ids();
        record.comm = context::process_name();
    }
    let passive_open = old == State::Listen as i32 && new == State::SynRecv as i32;
    source.fill(&mut record, passive_open);
    publish(counters, record);
}

#[inline(always)]
fn count<C: EbpfContext>(ctx: &C, counters: &mut Counters, old: u32, new: u32) {
    counters.produced += 1;
    counters.transitions[known(old) as usize][known(new) as usize] += 1;
    if old >= STATES as u32 || new >= STATES as u32 {
        counters.odd_states += 1;
        if first(Diagnostic::OddState) {
            warn!(
                ctx,
                "the kernel announced an unknown TCP state: {} to {}", old, new
            );
        }
    }
}

/// A state number that is an index: 0, which the kernel does not use, stands for every odd one.
/// Mapping each on its own is what lets the verifier follow the bounds.
#[inline(always)]
fn known(state: u32) -> u32 {
    if state < STATES as u32 { state } else { 0 }
}

#[inline(always)]
fn task_acts(record: &Record) -> bool {
    let old = State::from_kernel(record.old_state as i64);
    let new = State::from_kernel(record.new_state as i64);
    match (old, new) {
        (Some(old), Some(new)) => {
            acting::current_task_acts(old, new, record.error, record.shutdown)
        }
        _ => false,
    }
}

/// Whether `diagnostic` has not been logged yet.
#[inline(always)]
fn first(diagnostic: Diagnostic) -> bool {
    let Some(logged) = LOGGED.get_ptr_mut(diagnostic as u32) else {
        return false;
    };
    // SAFETY: a plain word of the map; two CPUs at once log one line more, no harm.
    unsafe {
        let before = *logged;
        *logged = 1;
        before == 0
    }
}

#[inline(always)]
fn publish(counters: &mut Counters, record: Record) {
    let Some(mut slot) = EVENTS.reserve::<Record>(0) else {
        counters.lost += 1;
        return;
    };
    slot.write(record);
    slot.submit(wake_up());
}

/// A wake-up costs ten times the record. The reader has a timer; it is woken early only when the
/// pending bytes cross the threshold, once per crossing.
#[inline(always)]
fn wake_up() -> u64 {
    let pending = EVENTS.query(BPF_RB_AVAIL_DATA);
    let threshold = WAKE_BYTES.load();
    if pending >= threshold && pending < threshold + SLOT_SIZE {
        BPF_RB_FORCE_WAKEUP
    } else {
        BPF_RB_NO_WAKEUP
    }
}
