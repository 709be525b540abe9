//! How answers are shown. Views know [`crate::core`] and libraries, never where facts come from.

mod attention;
mod column;
pub mod environment;
pub mod export;
pub mod format;
pub mod print;
pub mod tui;

#[cfg(test)]
mod fixture;
