//! One question, and the bytes that come back.

use std::io;
use std::path::{Path, PathBuf};

use http_body_util::{BodyExt as _, Empty};
use hyper::body::{Bytes, Incoming};
use hyper::client::conn::http1;
use hyper::{Request, header};
use hyper_util::rt::TokioIo;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use tokio::net::UnixStream;
use tokio::task::JoinSet;
use tokio::time::timeout;

use super::{CONNECT_TIMEOUT, ClientError};
use crate::core::query::{
    Destinations, Listeners, Namespaces, Picture, Processes, SCHEMA, Sockets, Summary, Verdicts,
};
use crate::view::api::routes::{Question, Refusal};

/// A document has at most so many bytes; a socket takes about 700.
const DOCUMENT_LIMIT: usize = 1 << 30;
/// A refusal is a sentence.
const REFUSAL_LIMIT: usize = 1 << 16;

/// An answer that is coming in.
pub(super) struct Answer {
    path: PathBuf,
    body: Incoming,
    /// Moves the bytes; ends when this is dropped.
    _connection: JoinSet<()>,
}

impl Answer {
    /// Asks `question` at the socket `path`.
    pub(super) async fn to(path: &Path, question: &Question) -> Result<Self, ClientError> {
        let cannot = |error: hyper::Error| {
            if error.is_parse() {
                ClientError::not_understood(path, error)
            } else {
                ClientError::broken_off(path, error)
            }
        };
        let stream = TokioIo::new(connect(path).await?);
        let (mut sender, connection) = http1::handshake(stream).await.map_err(cannot)?;
        let mut connections = JoinSet::new();
        connections.spawn(async move {
            // Its errors come out of the answer, too.
            connection.await.ok();
        });
        let request = Request::get(question.target())
            .header(header::HOST, "localhost")
            .body(Empty::<Bytes>::new())
            .map_err(|error| ClientError::Broken(format!("cannot ask that: {error}")))?;
        let response = sender.send_request(request).await.map_err(cannot)?;
        let status = response.status();
        let answer = Self {
            path: path.to_owned(),
            body: response.into_body(),
            _connection: connections,
        };
        if status.is_success() {
            Ok(answer)
        } else {
            Err(answer.into_refusal(status).await)
        }
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// All of it.
    pub(super) async fn into_bytes(self) -> Result<Vec<u8>, ClientError> {
        self.at_most(DOCUMENT_LIMIT).await
    }

    /// The next bytes; `None` at the end.
    pub(super) async fn next(&mut self) -> Result<Option<Bytes>, ClientError> {
        while let Some(frame) = self.body.frame().await {
            let frame = frame.map_err(|error| ClientError::broken_off(&self.path, error))?;
            // What is not data are trailers, which mean nothing to us.
            if let Ok(data) = frame.into_data() {
                return Ok(Some(data));
            }
        }
        Ok(None)
    }

    async fn at_most(mut self, limit: usize) -> Result<Vec<u8>, ClientError> {
        let mut bytes = Vec::new();
        while let Some(piece) = self.next().await? {
            if bytes.len() + piece.len() > limit {
                let path = self.path.display();
                return Err(ClientError::Broken(format!(
                    "the answer of the agent at {path} is larger than {limit} bytes: ask for less"
                )));
            }
            bytes.extend_from_slice(&piece);
        }
        Ok(bytes)
    }

    async fn into_refusal(self, status: hyper::StatusCode) -> ClientError {
        let path = self.path.clone();
        let refusal = match self.at_most(REFUSAL_LIMIT).await {
            Ok(bytes) => serde_json::from_slice::<Refusal>(&bytes),
            Err(error) => return error,
        };
        // Whoever is no agent has other words for it.
        let refusal = refusal
            .unwrap_or_else(|_| Refusal::new(format_args!("{} answered {status}", path.display())));
        ClientError::Refused {
            status: status.as_u16(),
            message: refusal.error,
            position: refusal.position,
        }
    }
}

async fn connect(path: &Path) -> Result<UnixStream, ClientError> {
    let connected = timeout(CONNECT_TIMEOUT, UnixStream::connect(path)).await;
    connected
        .unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()))
        .map_err(|error| ClientError::unreachable(path, error))
}

/// A JSON document that says its schema.
pub(super) trait Document: DeserializeOwned {
    fn schema(&self) -> u32;
}

macro_rules! documents {
    ($($kind:ty),+) => {
        $(impl Document for $kind {
            fn schema(&self) -> u32 {
                self.schema
            }
        })+
    };
}

documents!(
    Summary,
    Picture,
    Sockets,
    Verdicts,
    Processes,
    Listeners,
    Destinations,
    Namespaces
);

/// The document in `bytes`. Fields it has beyond ours are left alone; another schema is an error
/// even where it seems to fit, because a field may mean something else there.
pub(super) fn decode<T: Document>(path: &Path, bytes: &[u8]) -> Result<T, ClientError> {
    #[derive(Deserialize)]
    struct Schema {
        schema: u32,
    }
    let document = serde_json::from_slice::<T>(bytes);
    let schema = match &document {
        Ok(document) => Some(document.schema()),
        Err(_) => serde_json::from_slice(bytes)
            .map(|Schema { schema }| schema)
            .ok(),
    };
    match schema {
        Some(schema) if schema != SCHEMA => Err(ClientError::Broken(format!(
            "the agent at {} speaks version {schema} of the local API and this program version \
             {SCHEMA}: use the same release of both",
            path.display()
        ))),
        _ => document.map_err(|error| ClientError::not_understood(path, error)),
    }
}
