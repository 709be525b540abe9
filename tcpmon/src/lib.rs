//! tcpmon: a Linux eBPF monitor of TCP connection states.
//!
//! ```text
//!  source  ──facts──►  core (pure)  ──answers──►  view
//!     bpf, sockdiag, procfs    fsm, table, filter       tui, api, export, print
//!                  └──── agent: the one loop ────┘
//! ```

pub mod agent;
pub mod client;
pub mod clock;
pub mod core;
pub mod mailbox;
pub mod source;
pub mod view;
