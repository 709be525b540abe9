//! The sockets of one network namespace, as the kernel lists them over `NETLINK_SOCK_DIAG`.

mod bytes;
mod cookie;
pub mod message;
pub mod row;
mod socket;

pub use cookie::netns_cookie;
pub use socket::{CHUNK_ROWS, DumpError, DumpStats, Dumper};
