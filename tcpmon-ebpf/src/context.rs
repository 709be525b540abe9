//! The current task, asked only when it is the one that acts.

use aya_ebpf::helpers::bpf_get_current_comm;
use aya_ebpf::helpers::generated::{bpf_get_current_pid_tgid, bpf_get_current_task_btf};

use crate::kernel::{self, HAS_CURRENT_TASK, OFF_TASK_BORN, OFF_TASK_COMM, OFF_TASK_LEADER};

/// Process id and thread id of the current task, in the initial pid namespace.
#[inline(always)]
pub fn ids() -> (u32, u32) {
    // SAFETY: takes nothing and has no precondition.
    let both = unsafe { bpf_get_current_pid_tgid() };
    ((both >> 32) as u32, both as u32)
}

/// The name users know the process by: its leader's, not that of the thread that happened to act.
#[inline(always)]
pub fn process_name() -> [u8; 16] {
    if HAS_CURRENT_TASK.load() == 1 {
        // SAFETY: the helper returns the current task, which is never null.
        let task = unsafe { bpf_get_current_task_btf() }.cast::<u8>();
        if let Some(name) = leader_name(task) {
            return name;
        }
    }
    bpf_get_current_comm().unwrap_or([0; 16])
}

/// The name of the leader of the thread group of `task`.
#[inline(always)]
pub fn leader_name(task: *const u8) -> Option<[u8; 16]> {
    // SAFETY: `task` and its leader are `struct task_struct`.
    let words: [u64; 2] = unsafe {
        let leader = kernel::pointer(task, &OFF_TASK_LEADER)?;
        let low = kernel::field::<u64>(leader, &OFF_TASK_COMM)?;
        let high = kernel::field::<u64>(leader.add(8), &OFF_TASK_COMM)?;
        [low, high]
    };
    Some(crate::address::Address(words).bytes())
}

/// When the thread group of `task` began, nanoseconds after boot.
#[inline(always)]
pub fn leader_born_ns(task: *const u8) -> Option<u64> {
    // SAFETY: `task` and its leader are `struct task_struct`.
    unsafe { kernel::field(kernel::pointer(task, &OFF_TASK_LEADER)?, &OFF_TASK_BORN) }
}
