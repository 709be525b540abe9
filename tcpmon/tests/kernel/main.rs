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
mod net;
mod netlink;
mod opening;
mod owners;
mod puppet;
mod scenario;
mod waiting;
