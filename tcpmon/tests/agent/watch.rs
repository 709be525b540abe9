//! `tcpmon watch`, read line by line.

use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader};
use std::process::Stdio;
use std::sync::mpsc::{Receiver, channel};
use std::thread;

use tcpmon::core::query::EventRow;

use crate::command::{Running, tcpmon};
use crate::net::{address, listener};
use crate::running::Agent;
use crate::world::within;

/// How often each edge was taken.
pub(crate) type Edges = BTreeMap<(String, String), u64>;

/// A client that watches. Dropping it ends it.
pub(crate) struct Watch {
    _process: Running,
    rows: Receiver<EventRow>,
}

impl Watch {
    /// Watches what matches, and waits until it really does: sockets of the calling thread's
    /// namespace have to match. What it sees from then on has happened since.
    pub(crate) fn start(agent: &Agent, filter: &str) -> Self {
        let mut command = tcpmon(&["watch", filter, "--output", "jsonl"]);
        command.arg("--socket").arg(agent.socket());
        command.stdout(Stdio::piped());
        let mut process = Running(command.spawn().expect("the command starts"));
        let stdout = process.0.stdout.take().expect("a pipe");
        let (sender, rows) = channel();
        // Ends with the command.
        thread::spawn(move || {
            for line in BufReader::new(stdout).lines().map_while(Result::ok) {
                let row: EventRow = serde_json::from_str(&line).expect("an event");
                if sender.send(row).is_err() {
                    return;
                }
            }
        });
        let watch = Self {
            _process: process,
            rows,
        };
        within(10, "the watch begins", || {
            drop(listener());
            watch.rows.try_recv().map_err(|error| error.to_string())
        });
        watch.until_marker();
        watch
    }

    /// The next transition that has been told.
    pub(crate) fn next(&self) -> Option<EventRow> {
        self.rows.try_recv().ok()
    }

    /// Everything up to now: until a listener that is opened and closed for that is seen to close.
    pub(crate) fn until_marker(&self) -> Vec<EventRow> {
        let marker = listener();
        let port = address(&marker).port();
        drop(marker);
        let is_marker =
            |row: &EventRow| row.socket.local_port == port && row.socket.remote_port == 0;
        let mut rows = Vec::new();
        within(10, "the marker", || {
            while let Some(row) = self.next() {
                if !is_marker(&row) {
                    rows.push(row);
                } else if row.to == "CLOSE" {
                    return Ok(());
                }
            }
            Err(format!("{} rows so far", rows.len()))
        });
        rows
    }
}

/// The edges of rows.
pub(crate) fn edges<'a>(rows: impl IntoIterator<Item = &'a EventRow>) -> Edges {
    let mut edges = Edges::new();
    for row in rows {
        *edges.entry((row.from.clone(), row.to.clone())).or_default() += 1;
    }
    edges
}
