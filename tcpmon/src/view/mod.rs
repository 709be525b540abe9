//! How answers are shown. Views know [`crate::core`] and libraries, never where facts come from.

pub mod api;
mod attention;
mod column;
pub mod diagram;
pub mod environment;
pub mod export;
pub mod format;
pub mod incidents;
pub mod print;
pub mod tui;

#[cfg(test)]
pub(crate) mod fixture;
