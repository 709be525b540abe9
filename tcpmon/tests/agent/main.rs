//! The agent as its users meet it: the real program as a process of its own, asked over its socket
//! and its port, and compared with `ss` and `/proc`.
//!
//! Root only. Every test has an agent of its own, in a network namespace that is the agent's home,
//! and makes its connections in others.

mod alerts;
mod at_rest;
mod browser;
mod churn;
mod clients;
mod command;
mod counting;
mod dashboards;
mod dice;
mod differential;
mod http;
mod incidents;
mod life;
mod model;
mod names;
mod owners;
mod page;
mod parsers;
mod passing;
mod planted;
mod privileges;
mod processes;
mod prometheus;
mod recording;
mod running;
mod screen;
mod seeds;
mod serving;
mod soak;
mod ss;
mod stalled;
mod storm;
mod tmux;
mod vanishing;
mod verdicts;
mod watch;
mod web;
mod world;

#[path = "../common/net.rs"]
#[expect(dead_code, reason = "the kernel tests need more of it")]
mod net;
#[path = "../common/netlink.rs"]
#[expect(dead_code, reason = "the kernel tests need more of it")]
mod netlink;
#[path = "../common/place.rs"]
#[expect(dead_code, reason = "the kernel tests need more of it")]
mod place;
#[path = "../common/puppet.rs"]
#[expect(dead_code, reason = "the kernel tests need more of it")]
mod puppet;
#[path = "../common/tools.rs"]
mod tools;
#[path = "../common/waiting.rs"]
mod waiting;

/// Puppets of these tests only have sockets.
fn trick(name: &str) -> String {
    panic!("what is {name}?")
}
