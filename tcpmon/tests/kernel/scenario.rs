//! The life of every socket as one line of text, so that a scenario is a table of lines.
//!
//! `client CLOSE => SYN_SENT -> ESTABLISHED; …`: a plain arrow is a transition whose record names
//! no process, a double one names this test's process, and `=name>` another process. In brackets
//! how it ended.

use std::collections::HashMap;

use tcpmon::core::ending::Ending;
use tcpmon::core::query::Role;
use tcpmon_common::State;
use tcpmon_common::record::flag;

use crate::harness::{Seen, Watch};

/// One life of a socket: from its birth to `CLOSE`. A socket that is used again has two.
#[derive(Clone, Debug)]
pub(crate) struct Life {
    pub(crate) cookie: u64,
    path: String,
    last: State,
    role: Option<Role>,
    ending: Option<Ending>,
}

impl Life {
    fn begin(seen: &Seen) -> Self {
        let first = seen.change.edge.from;
        Self {
            cookie: 0,
            path: first.name().to_owned(),
            last: first,
            role: None,
            ending: None,
        }
    }

    fn go_on(&mut self, seen: &Seen) {
        let edge = seen.change.edge;
        if edge.from != self.last {
            self.path.push_str(" ?? ");
            self.path.push_str(edge.from.name());
        }
        self.path.push_str(&arrow(seen));
        self.path.push_str(edge.to.name());
        self.last = edge.to;
        self.role = seen.row.role;
        self.ending = seen.change.ending;
        self.cookie = seen.record.cookie;
    }

    fn line(&self) -> String {
        let role = match self.role {
            Some(Role::Client) => "client",
            Some(Role::Server) => "server",
            None => "unknown",
        };
        match self.ending {
            Some(ending) => format!("{role} {} ({})", self.path, ending.name()),
            None => format!("{role} {}", self.path),
        }
    }
}

fn arrow(seen: &Seen) -> String {
    let record = &seen.record;
    let names_a_task = record.pid != 0 || record.tid != 0 || record.comm != [0; 16];
    assert_eq!(record.has(flag::TASK), names_a_task, "{record:?}");
    match record.pid {
        0 => " -> ".to_owned(),
        pid if pid == std::process::id() => " => ".to_owned(),
        _ => format!(" ={}> ", text(&record.comm)),
    }
}

/// A name as the kernel pads it.
pub(crate) fn text(comm: &[u8; 16]) -> String {
    let bytes = comm.split(|byte| *byte == 0).next().unwrap_or_default();
    String::from_utf8_lossy(bytes).into_owned()
}

impl Watch {
    /// Every life seen so far, in order of appearance.
    pub(crate) fn lives(&self) -> Vec<Life> {
        let mut lives: Vec<Life> = Vec::new();
        let mut by_sock = HashMap::new();
        for seen in &self.seen {
            let edge = seen.change.edge;
            let is_birth = matches!(
                (edge.from, edge.to),
                (State::Close, State::Listen | State::SynSent) | (State::Listen, State::SynRecv)
            );
            if is_birth {
                by_sock.remove(&seen.record.sock);
            }
            let at = *by_sock.entry(seen.record.sock).or_insert_with(|| {
                lives.push(Life::begin(seen));
                lives.len() - 1
            });
            lives[at].go_on(seen);
        }
        lives
    }

    /// [`Watch::lives`] as text.
    pub(crate) fn lines(&self) -> Vec<String> {
        self.lives().iter().map(Life::line).collect()
    }

    /// Waits until the sockets have lived exactly so, each line one socket in order of appearance.
    #[track_caller]
    pub(crate) fn expect(&mut self, expected: &[&str]) {
        self.until(&format!("{expected:#?}"), |watch| {
            (watch.lines() == expected).then_some(())
        });
    }

    /// The records of the sockets with this local port, in order.
    pub(crate) fn of_port(&self, local_port: u16) -> Vec<&Seen> {
        let of_port = |seen: &&Seen| seen.record.local_port == local_port;
        self.seen.iter().filter(of_port).collect()
    }
}
