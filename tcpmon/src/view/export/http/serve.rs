//! Listening, and what becomes of a connection.

use std::convert::Infallible;
use std::net::{SocketAddr, TcpListener as OsListener};
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use axum::http::Request;
use hyper::body::Incoming;
use hyper::server::conn::{http1, http2};
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use listenfd::ListenFd;
use rustls::ServerConfig;
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tokio::time::timeout;
use tokio_rustls::TlsAcceptor;

use super::guard::Guard;
use super::pace::{Crowd, Paced, Pieces, Place};
use super::web_config::Source;
use super::{Options, Site};
use crate::failure::Failure;
use crate::mailbox::Mailbox;
use crate::view::export::exporter::Exporter;

/// A handshake takes a few round trips.
const HANDSHAKE: Duration = Duration::from_secs(10);
/// Requests at once on one connection of HTTP/2.
const STREAMS: u32 = 8;
/// Bytes of the headers of a request: many times what scrapers and browsers send.
const HEADERS: usize = 32 << 10;
/// What is said to somebody who speaks HTTP where TLS is spoken.
const NOT_TLS: &[u8] = b"HTTP/1.0 400 Bad Request\r\nContent-Type: text/plain; charset=utf-8\r\n\
    Connection: close\r\n\r\nthis address speaks HTTPS\n";

/// Bound, and not serving yet.
pub struct Web {
    listeners: Vec<OsListener>,
    source: Option<Arc<Source>>,
    options: Options,
}

impl Web {
    /// Reads the file of `--web.config.file`, and listens.
    ///
    /// # Errors
    ///
    /// The file cannot be used, an address is taken, or the service manager passed no socket. Each is a
    /// sentence with its place.
    pub fn open(options: Options) -> Result<Self> {
        let source = match &options.config_file {
            Some(path) => {
                let source = Source::open(path);
                Some(Arc::new(
                    source.map_err(|wrong| Failure::usage(wrong.to_string()))?,
                ))
            }
            None => None,
        };
        let listeners = if options.takes_systemd_sockets {
            passed()?
        } else {
            options
                .listen_addresses
                .iter()
                .map(|address| listen(*address))
                .collect::<Result<_>>()?
        };
        Ok(Self {
            listeners,
            source,
            options,
        })
    }

    /// Whether the file of `--web.config.file` can be read again; the log says so if not. To be called
    /// once privileges are given up.
    pub fn look_again(&self) {
        if let Some(source) = &self.source {
            // What is wrong is logged by whoever looks first.
            let _ = source.now();
        }
    }

    /// Where the metrics are, for the log: addresses, joined by commas.
    ///
    /// # Errors
    ///
    /// The kernel does not tell where a socket is bound.
    pub fn urls(&self) -> Result<String> {
        let is_tls = self.source.as_ref().is_some_and(|source| source.is_tls());
        let scheme = if is_tls { "https" } else { "http" };
        let path = &self.options.telemetry_path;
        let urls = self.listeners.iter().map(|listener| {
            let address = listener.local_addr()?;
            Ok(format!("{scheme}://{address}{path}"))
        });
        Ok(urls.collect::<Result<Vec<_>>>()?.join(","))
    }

    /// Answers until it is dropped.
    ///
    /// # Errors
    ///
    /// The runtime cannot take a socket.
    pub fn serve(self, mailbox: Mailbox, exporter: Exporter) -> Result<impl Future<Output = ()>> {
        let Self {
            listeners,
            source,
            options,
        } = self;
        let server = Arc::new(Server {
            guard: Guard::new(source, options.host_names),
            site: Site::new(mailbox, exporter, options.telemetry_path, options.has_page),
        });
        let crowd = Crowd::new();
        let mut loops = JoinSet::new();
        for listener in listeners {
            let listener = TcpListener::from_std(listener)?;
            loops.spawn(accept(listener, Arc::clone(&server), Arc::clone(&crowd)));
        }
        Ok(async move { while loops.join_next().await.is_some() {} })
    }
}

fn listen(address: SocketAddr) -> Result<OsListener> {
    let listener = OsListener::bind(address).with_context(|| {
        format!("cannot listen on {address}: choose another with --web.listen-address")
    })?;
    listener.set_nonblocking(true)?;
    Ok(listener)
}

/// The sockets the service manager passed (`sd_listen_fds(3)`).
fn passed() -> Result<Vec<OsListener>> {
    let mut passed = ListenFd::from_env();
    let mut listeners = Vec::new();
    for index in 0..passed.len() {
        let listener = passed
            .take_tcp_listener(index)
            .context("a socket the service manager passed does not listen for TCP")?;
        if let Some(listener) = listener {
            listener.set_nonblocking(true)?;
            listeners.push(listener);
        }
    }
    if listeners.is_empty() {
        bail!(
            "the service manager passed no socket: start the socket unit, or leave out --web.systemd-socket"
        );
    }
    Ok(listeners)
}

struct Server {
    guard: Guard,
    site: Site,
}

async fn accept(mut listener: TcpListener, server: Arc<Server>, crowd: Arc<Crowd>) {
    // Connections end with this.
    let mut connections = JoinSet::new();
    loop {
        let (stream, _) = axum::serve::Listener::accept(&mut listener).await;
        let place = crowd.place().await;
        connections.spawn(connection(stream, place, Arc::clone(&server)));
        while connections.try_join_next().is_some() {}
    }
}

async fn connection(stream: TcpStream, place: Place, server: Arc<Server>) {
    let Ok(local) = stream.local_addr() else {
        return;
    };
    // Answers are written in one go.
    stream.set_nodelay(true).ok();
    let tls = match server.guard.config().await {
        Ok(config) => config.and_then(|config| config.tls.clone()),
        // In plain text the request is answered that it cannot be.
        Err(_)
            if !server
                .guard
                .source
                .as_ref()
                .is_some_and(|source| source.is_tls()) =>
        {
            None
        }
        Err(_) => return,
    };
    match tls {
        None => http_1(stream, local, place, server).await,
        Some(tls) => {
            let Ok(Some(stream)) = timeout(HANDSHAKE, shake_hands(stream, tls)).await else {
                return;
            };
            if stream.get_ref().1.alpn_protocol() == Some(b"h2") {
                http_2(stream, local, place, server).await;
            } else {
                http_1(stream, local, place, server).await;
            }
        }
    }
}

async fn shake_hands(
    mut stream: TcpStream,
    tls: Arc<ServerConfig>,
) -> Option<tokio_rustls::server::TlsStream<TcpStream>> {
    let mut first = [0];
    stream.peek(&mut first).await.ok()?;
    if first[0].is_ascii_uppercase() {
        stream.write_all(NOT_TLS).await.ok()?;
        stream.shutdown().await.ok()?;
        return None;
    }
    match TlsAcceptor::from(tls).accept(stream).await {
        Ok(stream) => Some(stream),
        Err(error) => {
            log::debug!("a TLS handshake failed: {error}");
            None
        }
    }
}

async fn http_1<S>(stream: S, local: SocketAddr, place: Place, server: Arc<Server>)
where
    S: AsyncRead + AsyncWrite + Send + Unpin + 'static,
{
    let stream = Paced::new(stream, Arc::clone(&place.pace), true);
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        // The pace has the time of the whole request.
        .header_read_timeout(None)
        .max_buf_size(HEADERS)
        .serve_connection(TokioIo::new(stream), service(local, &place, server));
    place.pace.keep(connection).await;
}

async fn http_2<S>(stream: S, local: SocketAddr, place: Place, server: Arc<Server>)
where
    S: AsyncRead + AsyncWrite + Send + Unpin + 'static,
{
    let stream = Paced::new(stream, Arc::clone(&place.pace), false);
    let connection = http2::Builder::new(TokioExecutor::new())
        .timer(TokioTimer::new())
        .max_concurrent_streams(STREAMS)
        .max_header_list_size(HEADERS as u32)
        .serve_connection(TokioIo::new(stream), service(local, &place, server));
    place.pace.keep(connection).await;
}

fn service(
    local: SocketAddr,
    place: &Place,
    server: Arc<Server>,
) -> impl hyper::service::Service<
    Request<Incoming>,
    Response = hyper::Response<Pieces>,
    Error = Infallible,
    Future: Send + 'static,
> + Send
+ use<> {
    let pace = Arc::clone(&place.pace);
    service_fn(move |request| {
        let (pace, server) = (Arc::clone(&pace), Arc::clone(&server));
        async move {
            let under_way = pace.request().await;
            let answer = |request| server.site.answer(request);
            let response = server.guard.pass(local, request, answer).await;
            Ok(response.map(|body| Pieces::new(body, under_way)))
        }
    })
}

#[cfg(test)]
mod tests;
