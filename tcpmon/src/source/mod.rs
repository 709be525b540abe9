//! Where facts come from: the kernel programs, sock_diag, `/proc`, packet captures,
//! recordings.
//!
//! Everything here blocks, and belongs on a thread of its own; nothing here interprets what it
//! reads: facts go to [`crate::core`]. Sources never see a view.

pub mod accounts;
pub mod bpf;
pub mod features;
pub mod netns;
pub mod pcap;
pub mod procfs;
pub mod recording;
pub mod sockdiag;
pub mod sockopt;
pub mod sweep;
