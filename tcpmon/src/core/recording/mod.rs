//! Recordings: everything the table was told, in order, so that another table can be told the same.
//!
//! ```text
//!  "tcpmonR\n" format │ frame: header (JSON) │ frame: items │ frame: items │ … │ frame: end (JSON)
//! ```
//!
//! A frame has a checksum of its own, and is written whole: of a file that is cut off or damaged
//! everything before that place can be read. Items are what the owner of a table applies: first all
//! that its table knew when the recording began ([`Item::Socket`] and what goes with it), then records,
//! dumps and scans as they came in, and once a second the time. They name sockets by numbers that are
//! made up for each recording: kernel addresses are in none.
//!
//! The format has a number, [`FORMAT`]. It changes whenever an [`Item`] or a fact in one does; the test
//! on `tests/recordings` fails when that is forgotten.

mod frame;
mod header;
mod item;
mod playback;
mod policy;
mod wire;

#[cfg(test)]
pub(crate) mod tests;

use crate::core::filter::Filter;

pub use frame::{
    Damage, FORMAT, FRAME_HEAD, Frame, FrameHead, FrameKind, MAGIC, MAX_FRAME, PREAMBLE, Packing,
    not_ours, preamble,
};
pub use header::{End, Ending, Header};
pub use item::{Item, Items, Losses, MAX_TIME_NS, Tick, append};
pub use playback::{Control, Playback, Speed};
pub use policy::{from_text as policy_from_text, to_text as policy_to_text};

/// Why nothing can be recorded by `filter`, if so: of a socket that matches at one time only, the
/// transitions would be missing that lead there.
#[must_use]
pub fn refuse(filter: &Filter) -> Option<&'static str> {
    filter.changes_with_time().then_some(
        "a recording is of whole connections, which change their state and age: leave state and age out \
         of its filter, and use them when it is replayed",
    )
}
