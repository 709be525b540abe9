//! The items of a recording, one after another.

use std::collections::VecDeque;
use std::io::{Read, Seek};

use crate::core::recording::{Header, Item};
use crate::source::recording::Reader;

/// A recording and a place in it.
#[derive(Debug)]
pub struct Tape<R> {
    reader: Reader<R>,
    frame: usize,
    ahead: VecDeque<Item>,
}

impl<R: Read + Seek> Tape<R> {
    /// A recording at its beginning.
    #[must_use]
    pub const fn new(reader: Reader<R>) -> Self {
        Self {
            reader,
            frame: 0,
            ahead: VecDeque::new(),
        }
    }

    /// What was recorded.
    #[must_use]
    pub const fn header(&self) -> &Header {
        self.reader.header()
    }

    /// The last time in it, `CLOCK_BOOTTIME` ns.
    #[must_use]
    pub const fn last_ns(&self) -> u64 {
        self.reader.last_ns()
    }

    /// Nanoseconds from its beginning to its end.
    #[must_use]
    pub const fn length_ns(&self) -> u64 {
        self.last_ns().saturating_sub(self.header().began_ns)
    }

    /// Why it cannot be read to its end, if so.
    #[must_use]
    pub fn trouble(&self) -> Option<&str> {
        self.reader.trouble()
    }

    /// Back to the beginning.
    pub fn rewind(&mut self) {
        self.frame = 0;
        self.ahead.clear();
    }

    /// The next item, if it was told up to `target_ns`. One that does not say when was told with the
    /// one before.
    pub fn next_until(&mut self, target_ns: u64) -> Option<Item> {
        while self.ahead.is_empty() {
            if self.frame >= self.reader.frames() {
                return None;
            }
            self.ahead = self.reader.items(self.frame).into();
            self.frame += 1;
        }
        let is_later = |item: &Item| item.time_ns().is_some_and(|time_ns| time_ns > target_ns);
        if self.ahead.front().is_some_and(is_later) {
            return None;
        }
        self.ahead.pop_front()
    }
}
