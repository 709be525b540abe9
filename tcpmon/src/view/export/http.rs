//! The TCP side: metrics and health, open to whoever reaches the port. Nothing here tells of a
//! single connection; that is for the [local API](crate::view::api).

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::http::{Method, StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};

use super::metrics::{self, CONTENT_TYPE};
use crate::mailbox::{Mailbox, Stopped};

const PLAIN: &str = "text/plain; charset=utf-8";
const HTML: &str = "text/html; charset=utf-8";
const HEALTHY: &str = "/-/healthy";
const READY: &str = "/-/ready";

/// Where the metrics are. In a landing page and in requests it stands as it is, so it has no
/// character that means anything to either.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TelemetryPath(String);

impl TelemetryPath {
    /// The path, beginning with `/`.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Default for TelemetryPath {
    fn default() -> Self {
        Self("/metrics".to_owned())
    }
}

impl fmt::Display for TelemetryPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for TelemetryPath {
    type Err = TelemetryPathError;

    /// # Errors
    ///
    /// The text does not begin with `/`, has other characters than letters, digits and `/._-~`, or
    /// is one of the paths of the health checks.
    fn from_str(text: &str) -> Result<Self, TelemetryPathError> {
        let is_plain = |c: char| c.is_ascii_alphanumeric() || "/._-~".contains(c);
        if !text.starts_with('/') || !text.chars().all(is_plain) {
            return Err(TelemetryPathError::Malformed);
        }
        if [HEALTHY, READY].contains(&text) {
            return Err(TelemetryPathError::Taken);
        }
        Ok(Self(text.to_owned()))
    }
}

/// Why a text is no path for metrics.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TelemetryPathError {
    /// It is no plain path.
    Malformed,
    /// A health check is there.
    Taken,
}

impl fmt::Display for TelemetryPathError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Malformed => {
                f.write_str("write a path like /metrics: a slash, then letters, digits and /._-~")
            }
            Self::Taken => write!(f, "{HEALTHY} and {READY} are taken: choose another path"),
        }
    }
}

impl std::error::Error for TelemetryPathError {}

/// What can be chosen.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct HttpOptions {
    /// Where the metrics are; `/` takes the place of the landing page.
    pub telemetry_path: TelemetryPath,
}

/// Answers requests on TCP from the owner behind `mailbox`.
pub fn router(mailbox: Mailbox, options: HttpOptions) -> Router {
    let site = Arc::new(Site { mailbox, options });
    // One handler instead of routes: the path of the metrics is the user's choice, and a route
    // that collides with another would panic.
    Router::new().fallback(answer).with_state(site)
}

struct Site {
    mailbox: Mailbox,
    options: HttpOptions,
}

async fn answer(State(site): State<Arc<Site>>, method: Method, uri: Uri) -> Response {
    let telemetry_path = site.options.telemetry_path.as_str();
    let path = uri.path();
    if path != telemetry_path && !["/", HEALTHY, READY].contains(&path) {
        let sentence = format!("there is nothing here; metrics are at {telemetry_path}\n");
        return plain(StatusCode::NOT_FOUND, sentence);
    }
    if ![Method::GET, Method::HEAD].contains(&method) {
        let response = plain(
            StatusCode::METHOD_NOT_ALLOWED,
            "only GET and HEAD are understood here\n",
        );
        return ([(header::ALLOW, "GET, HEAD")], response).into_response();
    }
    match path {
        _ if path == telemetry_path => scrape(&site.mailbox).await,
        HEALTHY => plain(StatusCode::OK, "tcpmon is healthy\n"),
        READY => ready(&site.mailbox).await,
        _ => ([(header::CONTENT_TYPE, HTML)], landing_page(telemetry_path)).into_response(),
    }
}

async fn scrape(mailbox: &Mailbox) -> Response {
    let snapshot = match mailbox.snapshot().await {
        Ok(snapshot) => snapshot,
        Err(stopped) => return unavailable(stopped),
    };
    let text = tokio::task::spawn_blocking(move || metrics::render(&snapshot)).await;
    match text {
        Ok(Ok(text)) => ([(header::CONTENT_TYPE, CONTENT_TYPE)], text).into_response(),
        Ok(Err(error)) => failed(&format!("{error:#}")),
        Err(error) => failed(&error.to_string()),
    }
}

async fn ready(mailbox: &Mailbox) -> Response {
    match mailbox.ready().await {
        Ok(true) => plain(StatusCode::OK, "tcpmon is ready\n"),
        Ok(false) => plain(
            StatusCode::SERVICE_UNAVAILABLE,
            "tcpmon is not ready: the first audit is still going on\n",
        ),
        Err(stopped) => unavailable(stopped),
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

fn landing_page(telemetry_path: &str) -> String {
    let version = env!("CARGO_PKG_VERSION");
    format!(
        "<!DOCTYPE html>\n\
         <html lang=\"en\">\n\
         <head><meta charset=\"utf-8\"><title>tcpmon</title></head>\n\
         <body>\n\
         <h1>tcpmon {version}</h1>\n\
         <p>TCP connection states of this machine.</p>\n\
         <ul>\n\
         <li><a href=\"{telemetry_path}\">Metrics</a></li>\n\
         <li><a href=\"{HEALTHY}\">Healthy</a></li>\n\
         <li><a href=\"{READY}\">Ready</a></li>\n\
         </ul>\n\
         <p>Single connections are shown on the machine itself: <code>tcpmon top</code>, \
         <code>tcpmon ls</code>.</p>\n\
         </body>\n\
         </html>\n"
    )
}

#[cfg(test)]
mod tests;
