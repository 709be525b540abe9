//! One listener with the metrics of many hosts, each below a path of its own.

use std::collections::BTreeMap;
use std::io::{self, Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use flate2::Compression;
use flate2::write::GzEncoder;

use crate::hosts::Host;

/// A scraper that says nothing for so long is given up.
const PATIENCE: Duration = Duration::from_secs(600);
/// No request is longer.
const LONGEST_REQUEST: usize = 16 << 10;

/// What was served so far.
#[derive(Debug, Default)]
pub(crate) struct Served {
    pub(crate) scrapes: AtomicU64,
    /// Bytes as they are read.
    pub(crate) plain_bytes: AtomicU64,
    /// Bytes as they are sent.
    pub(crate) sent_bytes: AtomicU64,
}

type Hosts = Arc<BTreeMap<String, Mutex<Host>>>;

/// Where the metrics are.
pub(crate) struct Exporter {
    pub(crate) address: SocketAddr,
    pub(crate) served: Arc<Served>,
}

impl Exporter {
    /// Serves the metrics of these hosts until the program ends, `/NAME/metrics` each. `now`: ns
    /// since 1970.
    pub(crate) fn start(hosts: Vec<Host>, now: fn() -> u64) -> io::Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0")?;
        let address = listener.local_addr()?;
        let served = Arc::new(Served::default());
        let hosts = hosts
            .into_iter()
            .map(|host| (host.name.clone(), Mutex::new(host)));
        let hosts: Hosts = Arc::new(hosts.collect());
        let counted = Arc::clone(&served);
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (hosts, served) = (Arc::clone(&hosts), Arc::clone(&counted));
                thread::spawn(move || {
                    // A scraper that went away is nobody's failure.
                    drop(converse(&stream, &hosts, &served, now));
                });
            }
        });
        Ok(Self { address, served })
    }
}

/// Answers one request after the other for as long as the scraper keeps the connection.
fn converse(
    mut stream: &TcpStream,
    hosts: &Hosts,
    served: &Served,
    now: fn() -> u64,
) -> io::Result<()> {
    stream.set_read_timeout(Some(PATIENCE))?;
    loop {
        let mut request = Vec::new();
        while !request.ends_with(b"\r\n\r\n") {
            let mut piece = [0; 4096];
            let length = stream.read(&mut piece)?;
            request.extend_from_slice(&piece[..length]);
            if length == 0 || request.len() > LONGEST_REQUEST {
                return Ok(());
            }
        }
        let request = String::from_utf8_lossy(&request);
        let path = request.split_whitespace().nth(1).unwrap_or("/");
        let name = path.trim_start_matches('/').split('/').next();
        let host = name.and_then(|name| hosts.get(name));
        let Some(host) = host else {
            stream.write_all(b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n")?;
            continue;
        };
        let text = host
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .scrape(now())
            .map_err(io::Error::other)?;
        let takes_gzip = request.to_lowercase().contains("gzip");
        let body = if takes_gzip {
            packed(&text)?
        } else {
            text.clone()
        };
        let encoding = if takes_gzip {
            "Content-Encoding: gzip\r\n"
        } else {
            ""
        };
        let head = format!(
            "HTTP/1.1 200 OK\r\nContent-Type: {}\r\nContent-Length: {}\r\n{encoding}\r\n",
            tcpmon::view::export::metrics::CONTENT_TYPE,
            body.len()
        );
        served.scrapes.fetch_add(1, Ordering::Relaxed);
        served
            .plain_bytes
            .fetch_add(text.len() as u64, Ordering::Relaxed);
        served
            .sent_bytes
            .fetch_add(body.len() as u64, Ordering::Relaxed);
        stream.write_all(head.as_bytes())?;
        stream.write_all(&body)?;
    }
}

fn packed(text: &[u8]) -> io::Result<Vec<u8>> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(text)?;
    encoder.finish()
}
