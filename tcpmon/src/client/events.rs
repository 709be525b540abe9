//! The stream of events, line by line.

use std::pin::Pin;

use futures_util::stream::{self, Stream};

use super::ClientError;
use super::answer::{Answer, Document, decode};
use crate::core::query::EventRow;
use crate::view::api::body::Line;

/// Transitions as they happen.
pub type Events = Pin<Box<dyn Stream<Item = Result<EventRow, ClientError>> + Send>>;

/// A line has at most so many bytes; an event takes about 900.
const LINE_LIMIT: usize = 1 << 20;

impl Document for Line<EventRow> {
    fn schema(&self) -> u32 {
        self.schema
    }
}

/// The events of `answer`; the first error is the last item.
pub(super) fn stream(answer: Answer) -> Events {
    let lines = Lines {
        answer,
        buffer: Vec::new(),
        begin: 0,
    };
    Box::pin(stream::unfold(Some(lines), async |lines| {
        let mut lines = lines?;
        match lines.next().await {
            Ok(Some(event)) => Some((Ok(event), Some(lines))),
            Ok(None) => None,
            Err(error) => Some((Err(error), None)),
        }
    }))
}

struct Lines {
    answer: Answer,
    buffer: Vec<u8>,
    /// Where the next line begins in the buffer.
    begin: usize,
}

impl Lines {
    async fn next(&mut self) -> Result<Option<EventRow>, ClientError> {
        let mut searched = self.begin;
        loop {
            let rest = &self.buffer[searched..];
            if let Some(length) = rest.iter().position(|byte| *byte == b'\n') {
                let end = searched + length;
                let line = decode(self.answer.path(), &self.buffer[self.begin..end]);
                self.begin = end + 1;
                return line.map(|Line { row, .. }| Some(row));
            }
            self.buffer.drain(..self.begin);
            self.begin = 0;
            searched = self.buffer.len();
            if searched > LINE_LIMIT {
                let why = format!("a line has more than {LINE_LIMIT} bytes");
                return Err(ClientError::not_understood(self.answer.path(), why));
            }
            match self.answer.next().await? {
                Some(bytes) => self.buffer.extend_from_slice(&bytes),
                None if self.buffer.is_empty() => return Ok(None),
                None => {
                    let why = "in the middle of a line";
                    return Err(ClientError::broken_off(self.answer.path(), why));
                }
            }
        }
    }
}
