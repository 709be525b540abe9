//! The maps shared with user space.

use aya_ebpf::macros::map;
use aya_ebpf::maps::{Array, PerCpuArray, RingBuf};
use tcpmon_common::Counters;
use tcpmon_common::counter::Runs;

use crate::stand_in::Handled;

/// Ring records. User space sets the size at load.
#[map]
pub static EVENTS: RingBuf = RingBuf::with_byte_size(8 << 20, 0);

/// On each CPU, one [`Counters`] per kind of [`Runs`].
#[map]
pub static COUNTERS: PerCpuArray<Counters> =
    PerCpuArray::with_max_entries(Runs::ALL.len() as u32, 0);

/// On each CPU, the announcements the first program has handled and its stand-in has not seen yet.
#[map]
pub static HANDLED: PerCpuArray<Handled> = PerCpuArray::with_max_entries(1, 0);

/// Which diagnostics have been logged; index = [`crate::set_state::Diagnostic`].
#[map]
pub static LOGGED: Array<u32> = Array::with_max_entries(1, 0);
