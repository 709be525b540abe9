//! One socket: whose it is and how that is known, its times and queues, its latest transitions, and
//! what to run.

use ratatui::text::Line;

use super::super::app::Seen;
use super::super::page::Page;
use super::super::theme::Theme;
use super::events::clock;
use super::{in_netns, lasted};
use crate::core::explain::{self, Action};
use crate::core::filter::Filter;
use crate::core::netns::NameSource;
use crate::core::query::{OwnerSource, Picture, Role, SocketRow, StepRow, Transport, VerdictRow};
use crate::view::format::{Charset, age, count, endpoint};
use crate::view::tui::history::named;

/// Sockets that have the same addresses and ports: a minisock and its successor.
pub(in super::super) const TWINS: usize = 8;

/// What matches this socket, and hardly another.
pub(in super::super) fn itself(row: &SocketRow) -> Filter {
    let mut conditions = vec![format!(
        "src = {}",
        spell(&row.local_address, row.local_port)
    )];
    if row.remote_port != 0 {
        let remote = spell(&row.remote_address, row.remote_port);
        conditions.push(format!("dst = {remote}"));
    }
    conditions.extend(in_netns(row.netns));
    conditions.join(" and ").parse().unwrap_or_default()
}

/// An endpoint as the filter language has it.
pub(in super::super) fn spell(address: &str, port: u16) -> String {
    match address.contains(':') {
        true => format!("[{address}]:{port}"),
        false => format!("{address}:{port}"),
    }
}

/// A socket, and what has been told of it.
#[derive(Clone, Debug)]
pub(in super::super) struct Known {
    pub(in super::super) row: SocketRow,
    steps: Vec<StepRow>,
    transport: Option<Transport>,
}

impl Known {
    pub(in super::super) const fn new(row: SocketRow) -> Self {
        Self {
            row,
            steps: Vec::new(),
            transport: None,
        }
    }

    /// Takes over what a picture says of it: whether it is still there; `None` where nothing is said.
    pub(in super::super) fn refresh(&mut self, picture: &Picture) -> Option<bool> {
        if let Some(answer) = &picture.socket {
            let Some(row) = &answer.socket else {
                return Some(false);
            };
            if row.cookie != self.row.cookie {
                return None;
            }
            self.row = row.clone();
            self.steps.clone_from(&answer.steps);
            self.transport = answer.transport.clone().or(self.transport.take());
            return Some(true);
        }
        let answer = picture.sockets.as_ref()?;
        let is_it = |it: &&SocketRow| it.cookie.is_none() || it.cookie == self.row.cookie;
        let found = answer.sockets.iter().find(is_it).cloned();
        let is_found = found.is_some();
        self.row = found.unwrap_or_else(|| self.row.clone());
        Some(is_found)
    }
}

/// The page. What to do comes before what the connection is like: the first screen is what is read.
pub(in super::super) fn page(
    known: &Known,
    seen: &Seen,
    verdicts: &[VerdictRow],
    theme: Theme,
    columns: u16,
) -> Vec<Line<'static>> {
    let row = &known.row;
    let mut page = Page::new(theme, columns);
    let charset = theme.charset();
    let arrow = charset.pick("→", "->");
    let local = endpoint(&row.local_address, row.local_port);
    let remote = endpoint(&row.remote_address, row.remote_port);
    page.heading(&format!("{}  {local} {arrow} {remote}", row.state));
    for verdict in verdicts.iter().filter(|verdict| is_about(verdict, row)) {
        page.warning(&format!("{}: {}", verdict.verdict.name(), verdict.fix));
    }
    facts(&mut page, known, charset);
    course(&mut page, known, seen, charset);
    page.heading("What to run");
    commands(&mut page, row, &local, &remote);
    if let Some(state) = named(&row.state) {
        advice(&mut page, explain::state(state).actions);
    }
    if let Some(transport) = &known.transport {
        super::transport::section(&mut page, transport, charset);
    }
    page.lines
}

/// Its transitions with their times, in the order of time.
fn course(page: &mut Page, known: &Known, seen: &Seen, charset: Charset) {
    // What the agent remembers, and what was seen meanwhile.
    let told = known.steps.iter().map(|step| Passage {
        time: &step.time,
        edge: (&step.from, &step.to),
        reason: &step.reason,
        lasted: step.duration_seconds,
    });
    let mut passages: Vec<Passage<'_>> = told.collect();
    for event in seen.events.iter().rev() {
        let edge = (event.from.as_str(), event.to.as_str());
        // Of one that is told already the time is rounded, and the phrase less exact.
        let is_same = |passage: &&mut Passage<'_>| passage.edge == edge;
        let newer = Passage {
            time: &event.time,
            edge,
            reason: &event.reason,
            lasted: event.duration_seconds,
        };
        match passages.iter_mut().rev().find(is_same) {
            Some(passage) if near(passage.time, newer.time) => *passage = newer,
            _ => passages.push(newer),
        }
    }
    if passages.is_empty() {
        return;
    }
    page.heading("Its transitions");
    let arrow = charset.pick("→", "->");
    for passage in passages {
        let lasted = passage
            .lasted
            .map_or_else(String::new, |it| format!(" after {}", lasted(it, charset)));
        let time = clock(passage.time, charset);
        let ((from, to), reason) = (passage.edge, passage.reason);
        page.sentence(&format!("{time}  {from} {arrow} {to}: {reason}{lasted}"));
    }
}

/// One transition of the page.
struct Passage<'a> {
    time: &'a str,
    edge: (&'a str, &'a str),
    reason: &'a str,
    lasted: Option<f64>,
}

/// Whether two times of RFC 3339 are the same to the millisecond.
fn near(one: &str, other: &str) -> bool {
    const TO_THE_MILLISECOND: usize = "2026-01-02T03:04:05.678".len();
    one.get(..TO_THE_MILLISECOND) == other.get(..TO_THE_MILLISECOND)
}

fn facts(page: &mut Page, known: &Known, charset: Charset) {
    let row = &known.row;
    let ago = |seconds: f64, bound| age(seconds, bound, charset);
    let accepted = row.accepted.map(|it| {
        let words = if it {
            "yes"
        } else {
            "no: nobody called accept()"
        };
        words.to_owned()
    });
    let opened_by = row.role.map(|role| match role {
        Role::Client => "this side".to_owned(),
        Role::Server => "the peer, or it listens".to_owned(),
    });
    let inode = row.netns.map(|inode| inode.to_string());
    let namespace = match (&row.netns_name, inode) {
        (Some(name), Some(inode)) => Some(format!("{name} ({inode})")),
        (name, inode) => name.clone().or(inode),
    };
    let connected = row.connection_age_seconds;
    let [received, sent] = queues(known);
    page.facts(vec![
        (
            "in state",
            Some(ago(row.age_seconds, row.age_is_lower_bound)),
        ),
        (
            "connected",
            connected.map(|it| format!("{} ago", ago(it, false))),
        ),
        ("ends in", row.remaining_seconds.map(|it| ago(it, false))),
        ("owner", Some(owner(row))),
        ("descriptor", row.fd.map(|fd| format!("fd {fd}"))),
        (
            "holders",
            row.holders.map(|holders| format!("{holders} processes")),
        ),
        ("accepted", accepted),
        ("opened by", opened_by),
        received,
        sent,
        ("drops", row.drops.map(|it| count(it.into()))),
        ("unit", row.unit.clone()),
        ("container", row.container.clone()),
        ("user id", row.uid.map(|uid| uid.to_string())),
        ("namespace", namespace),
        ("inode", row.inode.map(|inode| inode.to_string())),
        (
            "cookie",
            row.cookie
                .map(|cookie| format!("{cookie:x}, as ss -e has it")),
        ),
    ]);
}

/// Both queues: as the kernel was asked about this socket, or as of the last audit.
fn queues(known: &Known) -> [(&'static str, Option<String>); 2] {
    let row = &known.row;
    let transport = known.transport.as_ref();
    let received = transport.map(|it| it.recv_queue).or(row.recv_queue);
    let sent = transport.map(|it| it.send_queue).or(row.send_queue);
    let is_listener = row.state == "LISTEN";
    let (names, unit) = match is_listener {
        true => (["accept queue", "its limit"], ""),
        false => (["not read", "not acked"], " bytes"),
    };
    let text = |queue: Option<u32>| queue.map(|it| format!("{}{unit}", count(it.into())));
    [(names[0], text(received)), (names[1], text(sent))]
}

/// Who, and how that is known.
fn owner(row: &SocketRow) -> String {
    let (Some(process), Some(pid)) = (&row.process, row.pid) else {
        return match row.kind.as_str() {
            "minisock" => "nobody: the process let go, the kernel keeps what is left".to_owned(),
            "request" => "nobody yet: half-open".to_owned(),
            _ => "not known".to_owned(),
        };
    };
    let how = match row.owner_source {
        Some(OwnerSource::Connect) => "it was seen calling connect()",
        Some(OwnerSource::Listen) => "it was seen calling listen()",
        Some(OwnerSource::Close) => "it was seen closing it",
        Some(OwnerSource::Listener) => "it has the listener: assumed",
        Some(OwnerSource::FdTable) => "it holds the descriptor",
        None => "it is not known how",
    };
    format!("{process}[{pid}]: {how}")
}

fn is_about(verdict: &VerdictRow, row: &SocketRow) -> bool {
    let is_there = verdict.service_port == Some(row.local_port)
        || (verdict.destination_port == Some(row.remote_port)
            && verdict.destination_address.as_ref() == Some(&row.remote_address));
    let is_same = verdict
        .sockets
        .iter()
        .any(|it| it.cookie.is_some() && it.cookie == row.cookie);
    is_same || (is_there && verdict.pid == row.pid && verdict.netns == row.netns)
}

fn commands(page: &mut Page, row: &SocketRow, local: &str, remote: &str) {
    if let Some(pid) = row.pid {
        match row.fd {
            Some(fd) => page.command(&format!("ls -l /proc/{pid}/fd/{fd}")),
            None => page.command(&format!("ls -l /proc/{pid}/fd")),
        }
    }
    // Only the initial namespace is that of the operator's shell for sure.
    let is_host = row.netns_name_source == Some(NameSource::Host);
    let enter = match row.pid.filter(|_| !is_host) {
        Some(pid) => format!("nsenter -t {pid} -n "),
        None => String::new(),
    };
    let listening = if row.state == "LISTEN" { " -l" } else { "" };
    let to = if row.remote_port == 0 {
        String::new()
    } else {
        format!(" dst {remote}")
    };
    let from = local.replace('*', "");
    page.command(&format!("{enter}ss -tniepO{listening} src {from}{to}"));
    page.command(&format!("tcpmon watch '{}'", itself(row)));
}

fn advice(page: &mut Page, actions: &[Action]) {
    for action in actions {
        page.heading(&format!("What to do: {}", action.who.name()));
        page.sentence(action.what);
    }
}
