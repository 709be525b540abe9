//! One socket: whose it is and how that is known, its times and queues, its latest transitions, and
//! what to run.

use ratatui::text::Line;

use super::super::app::Seen;
use super::super::page::Page;
use super::super::theme::Theme;
use super::events::clock;
use super::in_netns;
use crate::core::explain::{self, Action};
use crate::core::filter::Filter;
use crate::core::query::{OwnerSource, Role, SocketRow, VerdictRow};
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

/// The page.
pub(in super::super) fn page(
    row: &SocketRow,
    seen: &Seen,
    verdicts: &[VerdictRow],
    theme: Theme,
    columns: u16,
) -> Vec<Line<'static>> {
    let mut page = Page::new(theme, columns);
    let charset = theme.charset();
    let arrow = charset.pick("→", "->");
    let local = endpoint(&row.local_address, row.local_port);
    let remote = endpoint(&row.remote_address, row.remote_port);
    page.heading(&format!("{}  {local} {arrow} {remote}", row.state));
    for verdict in verdicts.iter().filter(|verdict| is_about(verdict, row)) {
        page.warning(&format!("{}: {}", verdict.verdict.name(), verdict.fix));
    }
    facts(&mut page, row, charset);
    if !seen.events.is_empty() {
        page.heading("Transitions seen since this page was opened");
    }
    for event in &seen.events {
        let lasted = event.duration_seconds;
        let lasted = lasted.map_or_else(String::new, |it| {
            format!(" after {}", age(it, false, charset))
        });
        let time = clock(&event.time, charset);
        let (from, to) = (&event.from, &event.to);
        page.sentence(&format!(
            "{time}  {from} {arrow} {to}: {}{lasted}",
            event.reason
        ));
    }
    page.heading("What to run");
    commands(&mut page, row, &local, &remote);
    if let Some(state) = named(&row.state) {
        advice(&mut page, explain::state(state).actions);
    }
    page.lines
}

fn facts(page: &mut Page, row: &SocketRow, charset: Charset) {
    let ago = |seconds: f64, bound| age(seconds, bound, charset);
    let in_state = ago(row.age_seconds, row.age_is_lower_bound);
    page.fact("in state", Some(in_state));
    page.fact(
        "connected",
        row.connection_age_seconds
            .map(|it| format!("{} ago", ago(it, false))),
    );
    page.fact("ends in", row.remaining_seconds.map(|it| ago(it, false)));
    page.fact("owner", Some(owner(row)));
    page.fact("descriptor", row.fd.map(|fd| format!("fd {fd}")));
    page.fact(
        "holders",
        row.holders.map(|holders| format!("{holders} processes")),
    );
    page.fact(
        "accepted",
        row.accepted.map(|it| {
            if it {
                "yes"
            } else {
                "no: nobody called accept()"
            }
            .to_owned()
        }),
    );
    page.fact(
        "opened by",
        row.role.map(|role| match role {
            Role::Client => "this side".to_owned(),
            Role::Server => "the peer, or it listens".to_owned(),
        }),
    );
    let is_listener = row.state == "LISTEN";
    let (received, sent) = if is_listener {
        ("accept queue", "its limit")
    } else {
        ("not read", "not acked")
    };
    let unit = if is_listener { "" } else { " bytes" };
    let bytes = |queue: Option<u32>| queue.map(|it| format!("{}{unit}", count(it.into())));
    page.fact(received, bytes(row.recv_queue));
    page.fact(sent, bytes(row.send_queue));
    page.fact("drops", row.drops.map(|it| count(it.into())));
    page.fact("unit", row.unit.clone());
    page.fact("container", row.container.clone());
    page.fact("user id", row.uid.map(|uid| uid.to_string()));
    let inode = row.netns.map(|inode| inode.to_string());
    page.fact(
        "namespace",
        match (&row.netns_name, inode) {
            (Some(name), Some(inode)) => Some(format!("{name} ({inode})")),
            (name, inode) => name.clone().or(inode),
        },
    );
    page.fact("inode", row.inode.map(|inode| inode.to_string()));
    page.fact(
        "cookie",
        row.cookie
            .map(|cookie| format!("{cookie:x}, as ss -e has it")),
    );
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
    let enter = match (row.netns_name.as_deref(), row.pid) {
        (Some("host") | None, _) | (_, None) => String::new(),
        (Some(_), Some(pid)) => format!("nsenter -t {pid} -n "),
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
