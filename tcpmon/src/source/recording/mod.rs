//! Recordings as files: written while they are made, and read again.

mod reader;
mod writer;

pub use reader::Reader;
pub use writer::{Target, WriteError, Writer};
