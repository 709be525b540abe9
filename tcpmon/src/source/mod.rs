//! Where facts come from. Everything here blocks, and belongs on a thread of its own; nothing here
//! interprets what it reads: facts go to [`crate::core`].

pub mod netns;
pub mod procfs;
pub mod sockdiag;
