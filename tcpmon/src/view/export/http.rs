//! The TCP side: metrics and health, open to whoever reaches the port. Nothing here tells of a
//! single connection; that is for the [local API](crate::view::api).

use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::http::{Method, StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};

use super::exporter::{Exporter, Failed};
use super::metrics::CONTENT_TYPE;
use crate::mailbox::{Mailbox, Stopped};

const PLAIN: &str = "text/plain; charset=utf-8";
const HTML: &str = "text/html; charset=utf-8";
const HEALTHY: &str = "/-/healthy";
const READY: &str = "/-/ready";

/// Answers requests on TCP from the owner behind `mailbox`.
///
/// The metrics are at `telemetry_path`; `/` takes the place of the landing page. It stands in that
/// page as it is: the configuration lets no character through that means anything there.
pub fn router(mailbox: Mailbox, exporter: Exporter, telemetry_path: String) -> Router {
    let site = Arc::new(Site {
        mailbox,
        exporter,
        telemetry_path,
    });
    // One handler instead of routes: the path of the metrics is the user's choice, and a route
    // that collides with another would panic.
    Router::new().fallback(answer).with_state(site)
}

struct Site {
    mailbox: Mailbox,
    exporter: Exporter,
    telemetry_path: String,
}

async fn answer(State(site): State<Arc<Site>>, method: Method, uri: Uri) -> Response {
    let telemetry_path = site.telemetry_path.as_str();
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
        _ if path == telemetry_path => scrape(&site.exporter).await,
        HEALTHY => plain(StatusCode::OK, "tcpmon is healthy\n"),
        READY => ready(&site.mailbox).await,
        _ => ([(header::CONTENT_TYPE, HTML)], landing_page(telemetry_path)).into_response(),
    }
}

async fn scrape(exporter: &Exporter) -> Response {
    match exporter.scrape().await {
        Ok(text) => ([(header::CONTENT_TYPE, CONTENT_TYPE)], text.to_vec()).into_response(),
        Err(Failed::Stopped(stopped)) => unavailable(stopped),
        Err(Failed::Render(error)) => failed(&format!("{error:#}")),
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
