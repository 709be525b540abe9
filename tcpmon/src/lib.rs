//! tcpmon: a Linux eBPF monitor of TCP connection states.
//!
//! ```text
//!  source  ──facts──►  core (pure)  ──answers──►  view
//!     bpf, sockdiag, procfs    fsm, table, filter       tui, api, export, print
//!                  └──── agent: the one loop ────┘
//! ```

pub mod agent;
pub mod app;
pub mod cli;
pub mod client;
pub mod clock;
pub mod config;
pub mod core;
pub mod failure;
#[cfg(any(test, fuzzing))]
#[doc(hidden)]
pub mod fuzzing;
pub mod logging;
pub mod mailbox;
pub mod outbox;
pub mod privilege;
pub mod promql;
pub mod replay;
pub mod source;
pub mod view;
