//! What the kernel really announces, and what the table makes of it.
//!
//! Root only. Each test makes a network namespace of its own, provokes one situation over its
//! loopback, and compares what the stream delivered with what is expected, socket by socket.

mod closing;
mod failing;
mod families;
mod flood;
mod harness;
mod lifecycle;
#[path = "../common/net.rs"]
mod net;
#[path = "../common/netlink.rs"]
mod netlink;
mod opening;
mod owners;
#[path = "../common/place.rs"]
mod place;
#[path = "../common/puppet.rs"]
mod puppet;
mod scenario;
mod waiting;

/// What a puppet of these tests can do beyond sockets.
fn trick(name: &str) -> String {
    match name {
        "prove" => lifecycle::prove(),
        "open-and-drop" => lifecycle::open_and_drop(),
        other => panic!("what is {other}?"),
    }
}
