//! Recordings, played again: the same table, the same judge, the same answers, at another time.
//!
//! ```text
//!  file ──Reader──► Tape (order, position) ──items──► World (table, judge) ──answers──► whoever asks
//!                     ▲                                                       letters
//!                     └── Player: pause, speed, seek; the only one that keeps time
//! ```
//! A [`World`] takes the place of the agent: it is told what the agent's table was told, and answers the
//! same questions, as of the position in the recording. Going back is beginning anew and playing up to
//! there.

mod answers;
#[cfg(any(test, fuzzing))]
pub mod fuzz;
mod player;
mod tape;
mod world;

#[cfg(test)]
mod tests;

pub use player::{Player, Remote};
pub use tape::Tape;
pub use world::World;
