//! Clients that do nothing wrong.

use std::io::{self, Read as _, Write as _};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, mpsc};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use crate::place::now_ns;

/// What overflows an accept queue is tried again, after 1 s, 3 s, 7 s, 15 s.
const PATIENCE: Duration = Duration::from_secs(30);

/// Connects, asks, reads the answer; the connection stays open.
pub(super) fn ask(port: u16) -> io::Result<TcpStream> {
    let mut connection = TcpStream::connect(SocketAddr::from((Ipv4Addr::LOCALHOST, port)))?;
    connection.set_read_timeout(Some(PATIENCE))?;
    connection.write_all(b"ping\n")?;
    connection.read_exact(&mut [0; 5])?;
    Ok(connection)
}

/// Gets a page; the server hangs up when it is sent.
fn get(port: u16) -> io::Result<TcpStream> {
    let mut connection = TcpStream::connect(SocketAddr::from((Ipv4Addr::LOCALHOST, port)))?;
    connection.set_read_timeout(Some(PATIENCE))?;
    connection.write_all(b"GET / HTTP/1.0\r\n\r\n")?;
    let mut page = String::new();
    connection.read_to_string(&mut page)?;
    let is_page = page.starts_with("HTTP/1.1 200 OK\r\n") && page.ends_with("pong\n");
    if is_page {
        Ok(connection)
    } else {
        Err(io::Error::other(page))
    }
}

/// Somebody who asks again and again, and hangs up each time. Stops at the first question without an
/// answer, and when it is dropped.
pub(super) struct Load {
    first_port: u16,
    answered: Arc<AtomicU64>,
    is_over: Arc<AtomicBool>,
    asker: Option<JoinHandle<()>>,
}

impl Load {
    /// Asks the server at `port` so many times a second, from the namespace of the calling thread.
    pub(super) fn start(port: u16, per_second: f64) -> Self {
        Self::of(ask, port, per_second)
    }

    /// As [`Load::start`], for pages.
    pub(super) fn getting(port: u16, per_second: f64) -> Self {
        Self::of(get, port, per_second)
    }

    fn of(question: fn(u16) -> io::Result<TcpStream>, port: u16, per_second: f64) -> Self {
        let is_over = Arc::new(AtomicBool::new(false));
        let answered = Arc::new(AtomicU64::new(0));
        let (ended, count) = (Arc::clone(&is_over), Arc::clone(&answered));
        let (tell, first) = mpsc::channel();
        let asker = thread::spawn(move || {
            let begin_ns = now_ns();
            let mut asked = 0;
            while !ended.load(Ordering::Relaxed) {
                let Ok(connection) = question(port) else {
                    break;
                };
                asked += 1;
                if asked == 1 {
                    let port = connection.local_addr().expect("is bound").port();
                    tell.send(port).expect("somebody wants to know");
                }
                drop(connection);
                count.store(asked, Ordering::Relaxed);
                let due = Duration::from_secs_f64(asked as f64 / per_second);
                thread::sleep(due.saturating_sub(Duration::from_nanos(now_ns() - begin_ns)));
            }
        });
        Self {
            first_port: first.recv().expect("the first question is answered"),
            answered,
            is_over,
            asker: Some(asker),
        }
    }

    /// The local port of the first connection.
    pub(super) const fn first_port(&self) -> u16 {
        self.first_port
    }

    /// Questions answered.
    pub(super) fn answered(&self) -> u64 {
        self.answered.load(Ordering::Relaxed)
    }
}

impl Drop for Load {
    fn drop(&mut self) {
        self.is_over.store(true, Ordering::Relaxed);
        let asker = self.asker.take().expect("there is one");
        assert!(
            asker.join().is_ok() || thread::panicking(),
            "the load broke down"
        );
    }
}
