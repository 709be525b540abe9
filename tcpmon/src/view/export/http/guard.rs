//! What stands before every answer: the host it is for, and what the file of `--web.config.file` wants.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};

use axum::http::{HeaderValue, Request, StatusCode, header};
use axum::response::{IntoResponse as _, Response};

use super::auth::Doorkeeper;
use super::bucket::Bucket;
use super::host;
use super::plain;
use super::web_config::{Source, WebConfig, Wrong};
use crate::clock;

/// Lets requests in, or not.
#[derive(Default)]
pub(super) struct Guard {
    /// `None`: everybody may come in.
    pub(super) source: Option<Arc<Source>>,
    /// Names an address on loopback answers to, besides those everybody knows.
    pub(super) host_names: Vec<String>,
    door: Doorkeeper,
    bucket: Mutex<Bucket>,
}

impl Guard {
    pub(super) fn new(source: Option<Arc<Source>>, host_names: Vec<String>) -> Self {
        Self {
            source,
            host_names,
            ..Self::default()
        }
    }

    /// What the file says now; `None` without one.
    pub(super) async fn config(&self) -> Result<Option<Arc<WebConfig>>, Wrong> {
        let Some(source) = self.source.clone() else {
            return Ok(None);
        };
        // Files may be on a disk that hangs.
        let reading = tokio::task::spawn_blocking(move || source.now());
        match reading.await {
            Ok(config) => config.map(Some),
            Err(error) => std::panic::resume_unwind(error.into_panic()),
        }
    }

    /// The answer to `request`, which arrived at `local`: what `answer` says if it may come in.
    pub(super) async fn pass<B, F>(
        &self,
        local: SocketAddr,
        request: Request<B>,
        answer: impl FnOnce(Request<B>) -> F,
    ) -> Response
    where
        F: Future<Output = Response>,
    {
        let (uri, headers) = (request.uri(), request.headers());
        let refusal = host::refusal(local, request.version(), uri, headers, &self.host_names);
        if let Some(sentence) = refusal {
            return plain(StatusCode::FORBIDDEN, sentence);
        }
        let config = match self.config().await {
            Ok(Some(config)) => config,
            Ok(None) => return answer(request).await,
            Err(_) => {
                let sentence = "the web configuration cannot be used: the agent's log says why\n";
                return plain(StatusCode::INTERNAL_SERVER_ERROR, sentence);
            }
        };
        let mut response = self.let_in(&config, request, answer).await;
        for (name, value) in &config.headers {
            response.headers_mut().insert(name, value.clone());
        }
        response
    }

    async fn let_in<B, F>(
        &self,
        config: &WebConfig,
        request: Request<B>,
        answer: impl FnOnce(Request<B>) -> F,
    ) -> Response
    where
        F: Future<Output = Response>,
    {
        let may_be_answered = self
            .bucket
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take(config.rate_limit, clock::boottime_ns());
        if !may_be_answered {
            return plain(
                StatusCode::TOO_MANY_REQUESTS,
                "more requests than rate_limit allows\n",
            );
        }
        if !self.door.admits(request.headers(), &config.users).await {
            let response = plain(
                StatusCode::UNAUTHORIZED,
                "a name and its password are needed\n",
            );
            let basic = HeaderValue::from_static("Basic");
            return ([(header::WWW_AUTHENTICATE, basic)], response).into_response();
        }
        answer(request).await
    }
}
