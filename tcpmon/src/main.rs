//! The `tcpmon` command.

fn main() {}
