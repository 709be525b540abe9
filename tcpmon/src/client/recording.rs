//! A recording that is still made: frame by frame, as the agent tells it.

use super::ClientError;
use super::answer::Answer;
use crate::core::recording::{
    Damage, FRAME_HEAD, Frame, FrameHead, FrameKind, Header, PREAMBLE, not_ours,
};

/// A recording that goes on. Dropping it ends it.
pub struct Recording {
    answer: Answer,
    header: Header,
    /// Bytes of a frame that is not complete.
    buffer: Vec<u8>,
}

impl Recording {
    /// Waits for the beginning of the recording in `answer`.
    pub(super) async fn begin(answer: Answer) -> Result<Self, ClientError> {
        let mut recording = Self {
            answer,
            header: Header::default(),
            buffer: Vec::new(),
        };
        let beginning = recording.take(PREAMBLE).await?;
        if let Some(sentence) = not_ours(&beginning.unwrap_or_default()) {
            return Err(recording.odd(format_args!("what it tells {sentence}")));
        }
        let first = recording.next().await?;
        let header = first
            .filter(|frame| frame.kind == FrameKind::Header)
            .and_then(|frame| Header::parse(&frame.payload));
        recording.header = header.ok_or_else(|| recording.odd(Damage::Content))?;
        Ok(recording)
    }

    /// What is recorded.
    #[must_use]
    pub const fn header(&self) -> &Header {
        &self.header
    }

    /// The next frame; `None` when the agent has stopped. May be given up while it waits.
    ///
    /// # Errors
    ///
    /// See [`ClientError`].
    pub async fn next(&mut self) -> Result<Option<Frame>, ClientError> {
        self.fill(FRAME_HEAD).await?;
        let Some(head) = self.buffer.first_chunk::<FRAME_HEAD>() else {
            return self.nothing();
        };
        let head = FrameHead::parse(head).map_err(|damage| self.odd(damage))?;
        let end = FRAME_HEAD + head.length;
        self.fill(end).await?;
        let Some(payload) = self.buffer.get(FRAME_HEAD..end) else {
            return self.nothing();
        };
        let frame = head.unpack(payload).map_err(|damage| self.odd(damage))?;
        self.buffer.drain(..end);
        Ok(Some(frame))
    }

    fn nothing(&self) -> Result<Option<Frame>, ClientError> {
        match self.buffer.is_empty() {
            true => Ok(None),
            false => Err(ClientError::broken_off(
                self.answer.path(),
                "in the middle of a frame",
            )),
        }
    }

    /// Waits until there are `length` bytes, or there will be no more.
    async fn fill(&mut self, length: usize) -> Result<(), ClientError> {
        while self.buffer.len() < length {
            match self.answer.next().await? {
                Some(bytes) => self.buffer.extend_from_slice(&bytes),
                None => return Ok(()),
            }
        }
        Ok(())
    }

    async fn take(&mut self, length: usize) -> Result<Option<Vec<u8>>, ClientError> {
        self.fill(length).await?;
        let is_there = self.buffer.len() >= length;
        Ok(is_there.then(|| self.buffer.drain(..length).collect()))
    }

    fn odd(&self, why: impl std::fmt::Display) -> ClientError {
        ClientError::not_understood(self.answer.path(), why)
    }
}
