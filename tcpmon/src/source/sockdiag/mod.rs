//! The sockets of one network namespace, as the kernel lists them over `NETLINK_SOCK_DIAG`.

mod bytes;
pub mod message;
pub mod row;
mod socket;
pub mod transport;

pub use super::sockopt::netns_cookie;
pub use socket::{CHUNK_ROWS, DumpError, DumpStats, Dumper};
