//! The language as a whole; what is in one file only is tested there.

mod eval;
mod language;
mod property;
