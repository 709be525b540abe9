//! How answers are shown. Views know [`crate::core`] and libraries, never where facts come from.

pub mod environment;
pub mod format;
