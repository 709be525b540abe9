//! Answers of any size, made piece by piece while they are sent: a million sockets are not kept a
//! second time as text.

use std::convert::Infallible;
use std::iter;

use axum::body::Bytes;
use futures_util::stream::{self, Stream, StreamExt as _};
use serde::{Deserialize, Serialize};
use tokio::sync::mpsc::Receiver;

use crate::core::query::{EventRow, SCHEMA, SocketRow, Sockets};
use crate::core::recording::{Frame, FrameKind, Packing, preamble};
use crate::mailbox::Recording;

/// Rows made into text at once: about 100 KiB.
const PIECE: usize = 256;

/// One line of the stream of events.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Line<R> {
    pub(crate) schema: u32,
    #[serde(flatten)]
    pub(crate) row: R,
}

/// The document `answer` in pieces.
pub(super) fn sockets(answer: Sockets) -> impl Stream<Item = serde_json::Result<Bytes>> {
    let Sockets {
        schema,
        matched,
        sockets,
    } = answer;
    let frame = Sockets {
        schema,
        matched,
        sockets: Vec::new(),
    };
    let mut rows = sockets.into_iter();
    let mut is_first = true;
    let middle = iter::from_fn(move || {
        let piece: Vec<SocketRow> = rows.by_ref().take(PIECE).collect();
        let comma = !std::mem::take(&mut is_first);
        (!piece.is_empty()).then(|| elements(&piece, comma))
    });
    let (head, tail) = match halves(&frame) {
        Ok((head, tail)) => (Ok(head), Ok(tail)),
        Err(error) => (Err(error), Ok(Bytes::new())),
    };
    stream::iter(iter::once(head).chain(middle).chain(iter::once(tail)))
}

/// The lines of events that matched, until the owner or the asker is gone.
pub(super) fn events(rows: Receiver<EventRow>) -> impl Stream<Item = serde_json::Result<Bytes>> {
    stream::unfold(rows, async |mut rows| {
        let mut piece = Vec::new();
        // Zero: the owner is gone.
        let received = rows.recv_many(&mut piece, PIECE).await;
        (received > 0).then(|| (lines(&piece), rows))
    })
}

/// The bytes of a recording, until the owner or the asker is gone. They are not packed: that is for
/// whoever keeps them, not for the agent.
pub(super) fn recording(recording: Recording) -> impl Stream<Item = Result<Bytes, Infallible>> {
    let Recording { header, batches } = recording;
    let first = Frame {
        kind: FrameKind::Header,
        to_ns: header.began_ns,
        payload: header.payload(),
    };
    let first = [&preamble()[..], &first.to_bytes(Packing::Stored)].concat();
    let rest = stream::unfold(batches, async |mut batches| {
        let batch = batches.recv().await?;
        let frame = Frame {
            kind: FrameKind::Items,
            to_ns: batch.to_ns,
            payload: batch.payload,
        };
        Some((frame.to_bytes(Packing::Stored), batches))
    });
    let pieces = stream::iter(iter::once(first)).chain(rest);
    pieces.map(|piece| Ok(Bytes::from(piece)))
}

/// What stands before and after the rows of a document whose last field they are.
fn halves(frame: &Sockets) -> serde_json::Result<(Bytes, Bytes)> {
    let mut document = Bytes::from(serde_json::to_vec(frame)?);
    let tail = document.split_off(document.len().saturating_sub("]}".len()));
    Ok((document, tail))
}

fn elements(rows: &[SocketRow], mut comma: bool) -> serde_json::Result<Bytes> {
    let mut text = Vec::new();
    for row in rows {
        if std::mem::replace(&mut comma, true) {
            text.push(b',');
        }
        serde_json::to_writer(&mut text, row)?;
    }
    Ok(text.into())
}

fn lines(rows: &[EventRow]) -> serde_json::Result<Bytes> {
    let mut text = Vec::new();
    for row in rows {
        let schema = SCHEMA;
        serde_json::to_writer(&mut text, &Line { schema, row })?;
        text.push(b'\n');
    }
    Ok(text.into())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::view::fixture;

    #[tokio::test]
    async fn the_pieces_are_the_document() {
        for count in [0, 1, PIECE - 1, PIECE, PIECE + 1, 3 * PIECE] {
            let row = fixture::known();
            let answer = fixture::sockets(vec![row; count]);
            let whole = serde_json::to_string(&answer).unwrap();
            let pieces: Vec<Bytes> = sockets(answer).map(Result::unwrap).collect().await;
            let joined = String::from_utf8(pieces.concat()).unwrap();
            assert_eq!(joined, whole, "{count} rows");
        }
    }
}
