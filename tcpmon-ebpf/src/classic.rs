//! The record of the classic tracepoint, for kernels without BTF.
//!
//! Its layout is the same from Linux 5.10 to 7.2 (`events/sock/inet_sock_set_state/format` in
//! tracefs); user space compares before it attaches. The context may be read at constant offsets
//! only. It tells neither error nor shutdown nor cookie nor namespace.

use core::ptr;

use aya_ebpf::EbpfContext as _;
use aya_ebpf::helpers::generated::{bpf_get_current_cgroup_id, bpf_ktime_get_boot_ns};
use aya_ebpf::programs::TracePointContext;
use tcpmon_common::Record;
use tcpmon_common::record::flag;

use crate::address::{AF_INET6, Address};
use crate::set_state::Source;

const SOCK: usize = 8;
const OLD_STATE: usize = 16;
const NEW_STATE: usize = 20;
const LOCAL_PORT: usize = 24;
const REMOTE_PORT: usize = 26;
const FAMILY: usize = 28;
const PROTOCOL: usize = 30;
const LOCAL_V4: usize = 32;
const REMOTE_V4: usize = 36;
const LOCAL_V6: usize = 40;
const REMOTE_V6: usize = 56;

/// One classic tracepoint record.
pub struct Event(*const u8);

impl Event {
    #[inline(always)]
    pub fn new(ctx: &TracePointContext) -> Self {
        Self(ctx.as_ptr().cast::<u8>())
    }

    #[inline(always)]
    fn at<T: Copy>(&self, offset: usize) -> T {
        // SAFETY: inside the tracepoint's record; the verifier refuses the program otherwise.
        unsafe { ptr::read_volatile(self.0.add(offset).cast::<T>()) }
    }

    #[inline(always)]
    pub fn old_state(&self) -> i32 {
        self.at(OLD_STATE)
    }

    #[inline(always)]
    pub fn new_state(&self) -> i32 {
        self.at(NEW_STATE)
    }

    #[inline(always)]
    fn address(&self, v4: usize, v6: usize, family: u16) -> [u8; 16] {
        if family == AF_INET6 {
            Address([self.at(v6), self.at(v6 + 8)]).bytes()
        } else {
            Address::v4(self.at(v4)).bytes()
        }
    }
}

impl Source for Event {
    #[inline(always)]
    fn protocol(&self) -> u16 {
        self.at(PROTOCOL)
    }

    #[inline(always)]
    fn error(&self) -> u16 {
        0
    }

    /// Unknown; zero keeps every abortive close from naming the current task.
    #[inline(always)]
    fn shutdown(&self) -> u8 {
        0
    }

    #[inline(always)]
    fn fill(&self, record: &mut Record, _passive_open: bool) {
        let family: u16 = self.at(FAMILY);
        // SAFETY: takes nothing and has no precondition.
        record.time_ns = unsafe { bpf_ktime_get_boot_ns() };
        record.sock = self.at(SOCK);
        record.family = family as u8;
        record.local_port = self.at(LOCAL_PORT);
        record.remote_port = self.at(REMOTE_PORT);
        record.local_address = self.address(LOCAL_V4, LOCAL_V6, family);
        record.remote_address = self.address(REMOTE_V4, REMOTE_V6, family);
        record.flags |= flag::CLASSIC;
        if record.flags & flag::TASK != 0 {
            // SAFETY: takes nothing and has no precondition.
            record.cgroup_id = unsafe { bpf_get_current_cgroup_id() };
        }
    }
}
