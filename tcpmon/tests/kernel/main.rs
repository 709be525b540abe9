//! What the kernel really announces, and what the table makes of it.
//!
//! Root only. Each test makes a network namespace of its own, provokes one situation over its
//! loopback, or against a peer that the test plays itself, and compares what the stream delivered
//! with what is expected, socket by socket. `README.md` maps situations to tests.

mod agreement;
mod capture;
mod closing;
mod failing;
mod families;
mod flood;
mod harness;
mod interrupts;
mod lifecycle;
mod lossy;
mod namespaces;
#[path = "../common/net.rs"]
mod net;
#[path = "../common/netlink.rs"]
mod netlink;
mod opening;
mod owners;
mod peer;
mod peer_closing;
mod peer_killed;
mod peer_opening;
mod peer_resets;
mod peer_timeouts;
mod peer_waiting;
#[path = "../common/place.rs"]
mod place;
mod processes;
#[path = "../common/puppet.rs"]
mod puppet;
mod reconnecting;
mod scenario;
mod segment;
mod waiting;

/// What a puppet of these tests can do beyond sockets.
fn trick(name: &str) -> String {
    match name {
        "prove" => lifecycle::prove(),
        "open-and-drop" => lifecycle::open_and_drop(),
        other => panic!("what is {other}?"),
    }
}
