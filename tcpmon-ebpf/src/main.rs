//! The kernel side of tcpmon: the entry points.
//!
//! | program           | attached to                          | does                                |
//! |-------------------|--------------------------------------|-------------------------------------|
//! | `set_state_btf`   | `tp_btf/inet_sock_set_state`         | a ring record for every transition  |
//! | `set_state_stand_in`| the same, after it                  | the same where the first was skipped|
//! | `set_state`       | `tracepoint/sock/inet_sock_set_state`| the same where there is no BTF      |
//! | `holders`         | `iter/task_file`                     | which process holds which socket    |
//! | `socket_namespaces`| `iter/task_file`                    | in which namespaces sockets are held|
//!
//! User space loads the programs its kernel can run; the others are never loaded.

#![cfg_attr(target_arch = "bpf", no_std, no_main)]

mod address;
mod classic;
mod context;
mod holders;
mod kernel;
mod maps;
mod set_state;
mod sock;
mod stand_in;

use aya_ebpf::macros::{btf_tracepoint, tracepoint};
use aya_ebpf::programs::{BtfTracePointContext, TracePointContext};
use tcpmon_common::counter::Runs;

/// `TP_PROTO(const struct sock *sk, const int oldstate, const int newstate)` of
/// `include/trace/events/sock.h`.
#[btf_tracepoint(function = "inet_sock_set_state")]
pub fn set_state_btf(ctx: BtfTracePointContext) -> i32 {
    let runs = stand_in::handle(ctx.arg(0), ctx.arg(1), ctx.arg(2));
    set_state::on_transition(
        &ctx,
        runs,
        &sock::Sock::new(ctx.arg(0)),
        ctx.arg(1),
        ctx.arg(2),
    );
    0
}

/// Attached after `set_state_btf`, for what that one was skipped for.
#[btf_tracepoint(function = "inet_sock_set_state")]
pub fn set_state_stand_in(ctx: BtfTracePointContext) -> i32 {
    if stand_in::is_handled(ctx.arg(0)) {
        return 0;
    }
    let sock = sock::Sock::new(ctx.arg(0));
    set_state::on_transition(&ctx, Runs::StandIn, &sock, ctx.arg(1), ctx.arg(2));
    0
}

/// The classic record of the same tracepoint.
#[tracepoint(name = "inet_sock_set_state", category = "sock")]
pub fn set_state(ctx: TracePointContext) -> u32 {
    let event = classic::Event::new(&ctx);
    set_state::on_transition(
        &ctx,
        Runs::Outer,
        &event,
        event.old_state(),
        event.new_state(),
    );
    0
}

#[cfg(not(target_arch = "bpf"))]
fn main() {}

#[cfg(target_arch = "bpf")]
#[panic_handler]
fn panic(_info: &core::panic::PanicInfo<'_>) -> ! {
    loop {}
}

/// Tracing programs and several helpers are for GPL-compatible programs only.
#[cfg(target_arch = "bpf")]
#[unsafe(link_section = "license")]
#[unsafe(no_mangle)]
static LICENSE: [u8; 13] = *b"Dual MIT/GPL\0";
