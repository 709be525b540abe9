//! A second program for what the first one is skipped for.
//!
//! The kernel does not run a program that already runs on that CPU (`bpf_trace_run` of
//! `kernel/trace/bpf_trace.c`, from Linux 6.1 on): when a packet comes in an interrupt while the first
//! program is at work, the transitions that packet makes are announced to everybody but to it. They are
//! announced to the stand-in, which runs after the first at every event, and has to know whether the
//! first has run.
//!
//! So the first leaves the socket of each event in a list of its CPU, and the stand-in takes it off.
//! An event whose socket is not there is one the first was skipped for. Everything else on that CPU
//! comes to its end before an interrupted program goes on, so the list is a stack: what an interrupt
//! left behind is above what it interrupted. A socket is locked while its state changes, so no two
//! events of one socket are in the list.

use tcpmon_common::State;
use tcpmon_common::counter::Runs;

use crate::maps::HANDLED;

/// A task, a softirq that interrupted it, and what nobody takes off: the events of an interrupt of the
/// stand-in, which is skipped for them.
const DEPTH: usize = 4;

/// The list of one CPU.
#[repr(C)]
pub struct Handled {
    /// The stand-in is looking through the list: it will be skipped for what comes in an interrupt.
    searching: u32,
    depth: u32,
    socks: [u64; DEPTH],
}

/// Says that the first program handles an event of this socket, and where it may count.
#[inline(always)]
pub fn handle(sock: *const u8, old: i32, new: i32) -> Runs {
    let Some(handled) = HANDLED.get_ptr_mut(0) else {
        return Runs::Outer;
    };
    // SAFETY: this CPU's own value. An interrupt may come between any two steps: it leaves the list as
    // it was, or with more above.
    unsafe {
        if read(&raw const (*handled).searching) != 0 {
            return Runs::Inner;
        }
        let depth = read(&raw const (*handled).depth) as usize;
        let free = if is_of_a_task(old, new) {
            0
        } else if depth < DEPTH {
            depth
        } else {
            // The last is the likeliest to have been left there.
            DEPTH - 1
        };
        write(&raw mut (*handled).socks[free], sock as u64);
        write(&raw mut (*handled).depth, free as u32 + 1);
        if free == 0 { Runs::Outer } else { Runs::Inner }
    }
}

/// Whether only a system call makes this transition: it interrupts nothing, so what is in the list
/// has been left there.
#[inline(always)]
fn is_of_a_task(old: i32, new: i32) -> bool {
    const CLOSE: i32 = State::Close as i32;
    const LISTEN: i32 = State::Listen as i32;
    const SYN_SENT: i32 = State::SynSent as i32;
    const ESTABLISHED: i32 = State::Established as i32;
    const FIN_WAIT1: i32 = State::FinWait1 as i32;
    const CLOSE_WAIT: i32 = State::CloseWait as i32;
    const LAST_ACK: i32 = State::LastAck as i32;
    matches!(
        (old, new),
        (CLOSE, LISTEN | SYN_SENT) | (ESTABLISHED, FIN_WAIT1) | (CLOSE_WAIT, LAST_ACK)
    )
}

/// Whether the first program has handled this event of the socket; asked once per event.
#[inline(always)]
pub fn is_handled(sock: *const u8) -> bool {
    let Some(handled) = HANDLED.get_ptr_mut(0) else {
        return true;
    };
    // SAFETY: as above.
    unsafe {
        // Kernels before 6.1 skip nobody.
        if read(&raw const (*handled).searching) != 0 {
            return true;
        }
        write(&raw mut (*handled).searching, 1);
        let depth = read(&raw const (*handled).depth) as usize;
        let mut is_there = false;
        let mut at = DEPTH;
        while at > 0 && !is_there {
            at -= 1;
            is_there = at < depth && read(&raw const (*handled).socks[at]) == sock as u64;
        }
        if is_there {
            write(&raw mut (*handled).depth, at as u32);
        }
        write(&raw mut (*handled).searching, 0);
        is_there
    }
}

/// The order of the steps is what counts.
#[inline(always)]
unsafe fn read<T>(from: *const T) -> T {
    // SAFETY: as the caller promises.
    unsafe { core::ptr::read_volatile(from) }
}

#[inline(always)]
unsafe fn write<T>(to: *mut T, value: T) {
    // SAFETY: as the caller promises.
    unsafe { core::ptr::write_volatile(to, value) }
}
