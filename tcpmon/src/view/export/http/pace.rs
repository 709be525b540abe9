//! How long one connection may take, and who has to go when there are too many.
//!
//! One bound: a request has [`REQUEST`] from its first byte to the last byte of its answer, however slowly
//! the client sends or reads; between requests a connection waits for [`IDLE`]. At most [`PLACES`]
//! connections are there at once; when somebody comes who finds no place, the one that has waited longest
//! between requests goes.

use std::collections::BTreeMap;
use std::pin::{Pin, pin};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use axum::body::{Body, Bytes};
use hyper::body::{Body as HttpBody, Frame, SizeHint};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore};

/// From the first byte of a request to the last of its answer.
pub(super) const REQUEST: Duration = Duration::from_secs(30);
/// Between two requests: longer than scrapers pause, so that they, and not this side, close.
const IDLE: Duration = Duration::from_mins(5);
/// Connections at once.
const PLACES: usize = 64;
/// Answers at once: over HTTP/2 a connection could have many.
const ANSWERS: usize = 64;
/// An answer is handed over in pieces of so many bytes: what was handed over counts as sent.
const PIECE: usize = 64 << 10;

/// All connections.
pub(super) struct Crowd {
    places: Arc<Semaphore>,
    answers: Arc<Semaphore>,
    paces: Mutex<Paces>,
    /// Somebody waits for its next request.
    idle: Notify,
}

#[derive(Default)]
struct Paces {
    next: u64,
    all: BTreeMap<u64, Arc<Pace>>,
    /// Grows whenever somebody begins to wait.
    clock: u64,
}

impl Crowd {
    pub(super) fn new() -> Arc<Self> {
        Self::with_places(PLACES)
    }

    fn with_places(places: usize) -> Arc<Self> {
        Arc::new(Self {
            places: Arc::new(Semaphore::new(places)),
            answers: Arc::new(Semaphore::new(ANSWERS)),
            paces: Mutex::default(),
            idle: Notify::new(),
        })
    }

    fn paces(&self) -> MutexGuard<'_, Paces> {
        self.paces.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A place for one more, once there is one.
    pub(super) async fn place(self: &Arc<Self>) -> Place {
        let mut entry = pin!(Arc::clone(&self.places).acquire_owned());
        let mut is_full = self.places.available_permits() == 0;
        let permit = loop {
            if is_full {
                self.send_one_away();
            }
            tokio::select! {
                biased;
                // Closed it never is.
                permit = &mut entry => break permit.ok(),
                () = self.idle.notified() => is_full = true,
            }
        };
        let mut paces = self.paces();
        paces.next += 1;
        let id = paces.next;
        let pace = Arc::new(Pace {
            crowd: Arc::clone(self),
            inner: Mutex::new(Inner {
                // Until it is kept it has other limits, such as that of a handshake.
                is_busy: true,
                under_way: 0,
                is_answered: false,
                waits_since: 0,
            }),
            changed: Notify::new(),
            leave: Notify::new(),
        });
        paces.all.insert(id, Arc::clone(&pace));
        Place {
            pace,
            id,
            _permit: permit,
        }
    }

    fn send_one_away(&self) {
        let paces = self.paces();
        let waiting = paces.all.values().filter_map(|pace| {
            let inner = pace.inner();
            (!inner.is_busy).then_some((inner.waits_since, pace))
        });
        if let Some((_, pace)) = waiting.min_by_key(|(since, _)| *since) {
            pace.leave.notify_one();
        }
    }
}

/// A place in the crowd, for as long as this lives.
pub(super) struct Place {
    pub(super) pace: Arc<Pace>,
    id: u64,
    _permit: Option<OwnedSemaphorePermit>,
}

impl Drop for Place {
    fn drop(&mut self) {
        self.pace.crowd.paces().all.remove(&self.id);
    }
}

/// How far one connection is.
pub(super) struct Pace {
    crowd: Arc<Crowd>,
    inner: Mutex<Inner>,
    changed: Notify,
    leave: Notify,
}

struct Inner {
    /// A request is on its way in, or its answer on its way out.
    is_busy: bool,
    /// Requests that are read and not answered to the end.
    under_way: u32,
    /// The last byte of an answer was handed over, and may still wait to be sent.
    is_answered: bool,
    /// The clock of the crowd when it began to wait.
    waits_since: u64,
}

impl Pace {
    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn busy(&self, inner: &mut Inner) {
        if !inner.is_busy {
            inner.is_busy = true;
            self.changed.notify_one();
        }
    }

    /// Bytes came in.
    fn received(&self) {
        self.busy(&mut self.inner());
    }

    /// Everything there was to send has been taken over by the kernel.
    fn flushed(&self) {
        let is_done = {
            let inner = self.inner();
            inner.is_busy && inner.is_answered && inner.under_way == 0
        };
        if is_done {
            self.wait();
        }
    }

    /// The next request may take its time.
    fn wait(&self) {
        let waits_since = {
            let mut paces = self.crowd.paces();
            paces.clock += 1;
            paces.clock
        };
        let mut inner = self.inner();
        inner.is_busy = false;
        inner.is_answered = false;
        inner.waits_since = waits_since;
        self.changed.notify_one();
        if self.crowd.places.available_permits() == 0 {
            self.crowd.idle.notify_one();
        }
    }

    /// A request has been read. What is returned lives until its answer was handed over.
    pub(super) async fn request(self: &Arc<Self>) -> UnderWay {
        {
            let mut inner = self.inner();
            inner.under_way += 1;
            self.busy(&mut inner);
        }
        let mut under_way = UnderWay {
            pace: Arc::clone(self),
            permit: None,
        };
        let answers = Arc::clone(&self.crowd.answers);
        under_way.permit = answers.acquire_owned().await.ok();
        under_way
    }

    /// Runs `connection` to its end, or to the end of its time.
    pub(super) async fn keep(&self, connection: impl Future) {
        let mut connection = pin!(connection);
        self.wait();
        loop {
            let limit = if self.inner().is_busy { REQUEST } else { IDLE };
            tokio::select! {
                _ = &mut connection => return,
                () = self.leave.notified() => return,
                () = self.changed.notified() => {}
                () = tokio::time::sleep(limit) => return,
            }
        }
    }
}

/// A request that is not answered to the end.
pub(super) struct UnderWay {
    pace: Arc<Pace>,
    permit: Option<OwnedSemaphorePermit>,
}

impl Drop for UnderWay {
    fn drop(&mut self) {
        self.permit.take();
        let mut inner = self.pace.inner();
        inner.under_way -= 1;
        inner.is_answered = true;
    }
}

/// The body of an answer, in pieces.
pub(super) struct Pieces {
    body: Body,
    rest: Bytes,
    _under_way: UnderWay,
}

impl Pieces {
    pub(super) const fn new(body: Body, under_way: UnderWay) -> Self {
        Self {
            body,
            rest: Bytes::new(),
            _under_way: under_way,
        }
    }
}

impl HttpBody for Pieces {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        if self.rest.is_empty() {
            let frame = ready!(Pin::new(&mut self.body).poll_frame(context));
            match frame.map(|frame| frame.map(Frame::into_data)) {
                Some(Ok(Ok(data))) => self.rest = data,
                Some(Ok(Err(other))) => return Poll::Ready(Some(Ok(other))),
                Some(Err(error)) => return Poll::Ready(Some(Err(error))),
                None => return Poll::Ready(None),
            }
        }
        let length = self.rest.len().min(PIECE);
        let piece = self.rest.split_to(length);
        Poll::Ready(Some(Ok(Frame::data(piece))))
    }

    fn is_end_stream(&self) -> bool {
        self.rest.is_empty() && self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        let inner = self.body.size_hint();
        let rest = self.rest.len() as u64;
        let mut hint = SizeHint::new();
        if let Some(upper) = inner.upper() {
            hint.set_upper(upper + rest);
        }
        hint.set_lower(inner.lower() + rest);
        hint
    }
}

/// A stream whose progress is noted.
pub(super) struct Paced<S> {
    stream: S,
    pace: Arc<Pace>,
    /// Bytes are the beginning of a request. Over HTTP/2 they may be anything.
    counts_bytes: bool,
}

impl<S> Paced<S> {
    pub(super) const fn new(stream: S, pace: Arc<Pace>, counts_bytes: bool) -> Self {
        Self {
            stream,
            pace,
            counts_bytes,
        }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Paced<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<std::io::Result<()>> {
        let before = buffer.filled().len();
        ready!(Pin::new(&mut self.stream).poll_read(context, buffer))?;
        if self.counts_bytes && buffer.filled().len() > before {
            self.pace.received();
        }
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Paced<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<std::io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(context, bytes)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[std::io::IoSlice<'_>],
    ) -> Poll<std::io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(context, slices)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<std::io::Result<()>> {
        ready!(Pin::new(&mut self.stream).poll_flush(context))?;
        self.pace.flushed();
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<std::io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}

#[cfg(test)]
mod tests;
