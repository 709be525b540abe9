//! The TCP side: metrics, health and the page, open to whoever reaches the port and is let in. Nothing
//! here tells of a single connection; that is for the [local API](crate::view::api).
//!
//! ```text
//! socket ─► place, pace (serve) ─► TLS ─► host, rate, name and password (guard) ─► an answer (here)
//! ```

mod auth;
mod bucket;
mod deadline;
mod encoding;
mod guard;
mod host;
mod pace;
mod serve;
mod tls;
pub mod web_config;

use std::net::SocketAddr;
use std::path::PathBuf;

use axum::http::{HeaderMap, HeaderValue, Method, Request, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use tokio::time::timeout;

use self::encoding::Coding;
pub use self::serve::Web;
use super::exporter::{Exporter, Failed};
use super::metrics::CONTENT_TYPE;
use super::page::{self, Page, Resource};
use crate::mailbox::{Mailbox, Stopped};

const PLAIN: &str = "text/plain; charset=utf-8";
/// Paths of ours begin so; that of the metrics does not.
pub const RESERVED: &str = "/-/";
const HEALTHY: &str = "/-/healthy";
const READY: &str = "/-/ready";

/// What the configuration says of the web.
#[derive(Clone, Debug)]
pub struct Options {
    /// Where to listen.
    pub listen_addresses: Vec<SocketAddr>,
    /// Serve the sockets the service manager passes instead.
    pub takes_systemd_sockets: bool,
    /// The file with TLS and passwords.
    pub config_file: Option<PathBuf>,
    /// Path of the metrics, beginning with `/`. It stands in the page as it is.
    pub telemetry_path: String,
    /// Names an address on loopback answers to.
    pub host_names: Vec<String>,
    /// Whether `/` is the page, or a list of links alone.
    pub has_page: bool,
}

/// What there is to see.
struct Site {
    mailbox: Mailbox,
    exporter: Exporter,
    telemetry_path: String,
    has_page: bool,
}

impl Site {
    fn new(mailbox: Mailbox, exporter: Exporter, telemetry_path: String, has_page: bool) -> Self {
        Self {
            mailbox,
            exporter,
            telemetry_path,
            has_page,
        }
    }

    async fn answer<B>(&self, request: Request<B>) -> Response {
        let telemetry_path = self.telemetry_path.as_str();
        let path = request.uri().path();
        let resource = self.has_page.then(|| Resource::at(path)).flatten();
        let is_metrics = path == telemetry_path;
        if !is_metrics && resource.is_none() && !["/", HEALTHY, READY].contains(&path) {
            let sentence = format!("there is nothing here; metrics are at {telemetry_path}\n");
            return plain(StatusCode::NOT_FOUND, sentence);
        }
        if ![Method::GET, Method::HEAD].contains(request.method()) {
            let response = plain(
                StatusCode::METHOD_NOT_ALLOWED,
                "only GET and HEAD are understood here\n",
            );
            return ([(header::ALLOW, "GET, HEAD")], response).into_response();
        }
        match (path, resource) {
            _ if is_metrics => self.scrape(request.headers()).await,
            (HEALTHY, _) => plain(StatusCode::OK, "tcpmon is healthy\n"),
            (READY, _) => self.ready().await,
            (_, Some(Resource::Fixed { kind, text })) => page::answer(kind, text),
            (_, Some(Resource::Data)) => self.page(|page| (page::JSON, page.json())).await,
            (_, None) if self.has_page => {
                self.page(|page| (page::HTML, page.html(telemetry_path)))
                    .await
            }
            _ => page::answer(page::HTML, page::links(telemetry_path)),
        }
    }

    async fn scrape(&self, headers: &HeaderMap) -> Response {
        let Some(coding) = Coding::wanted(headers) else {
            let sentence =
                "the metrics can be had as they are or as gzip, and the request wants neither\n";
            return plain(StatusCode::NOT_ACCEPTABLE, sentence);
        };
        let patience = deadline::of(headers);
        let Ok(response) = timeout(patience, self.render(coding)).await else {
            let seconds = patience.as_secs_f64();
            let sentence = format!(
                "the metrics could not be had within {seconds:.1} s, and the scraper waits no longer\n"
            );
            return plain(StatusCode::SERVICE_UNAVAILABLE, sentence);
        };
        response
    }

    async fn render(&self, coding: Coding) -> Response {
        let text = match self.exporter.scrape().await {
            Ok(text) => text,
            Err(Failed::Stopped(stopped)) => return unavailable(stopped),
            Err(Failed::Render(error)) => return failed(&format!("{error:#}")),
        };
        let encoded = tokio::task::spawn_blocking(move || coding.encode(&text));
        let bytes = match encoded.await {
            Ok(Ok(bytes)) => bytes,
            Ok(Err(error)) => return failed(&error.to_string()),
            Err(error) => return failed(&error.to_string()),
        };
        let mut response = ([(header::CONTENT_TYPE, CONTENT_TYPE)], bytes).into_response();
        let headers = response.headers_mut();
        let accept_encoding = HeaderValue::from_static("Accept-Encoding");
        headers.insert(header::VARY, accept_encoding);
        if coding == Coding::Gzip {
            let gzip = HeaderValue::from_static("gzip");
            headers.insert(header::CONTENT_ENCODING, gzip);
        }
        response
    }

    async fn page(&self, show: impl FnOnce(&Page) -> (&'static str, String)) -> Response {
        let (summary, verdicts) =
            match tokio::join!(self.mailbox.summary(), self.mailbox.verdicts()) {
                (Ok(summary), Ok(verdicts)) => (summary, verdicts),
                (Err(stopped), _) | (_, Err(stopped)) => return unavailable(stopped),
            };
        let (kind, text) = show(&Page::new(&summary, &verdicts));
        page::answer(kind, text)
    }

    async fn ready(&self) -> Response {
        match self.mailbox.ready().await {
            Ok(true) => plain(StatusCode::OK, "tcpmon is ready\n"),
            Ok(false) => plain(
                StatusCode::SERVICE_UNAVAILABLE,
                "tcpmon is not ready: the first audit is still going on\n",
            ),
            Err(stopped) => unavailable(stopped),
        }
    }
}

fn unavailable(stopped: Stopped) -> Response {
    plain(StatusCode::SERVICE_UNAVAILABLE, format!("{stopped}\n"))
}

fn failed(error: &str) -> Response {
    log::error!("cannot render the metrics: {error}");
    plain(
        StatusCode::INTERNAL_SERVER_ERROR,
        "cannot render the metrics: the agent's log says why\n",
    )
}

fn plain(status: StatusCode, text: impl Into<String>) -> Response {
    (status, [(header::CONTENT_TYPE, PLAIN)], text.into()).into_response()
}

#[cfg(test)]
mod tests;
