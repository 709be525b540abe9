//! One process: what is known of it, and its sockets by state.

use ratatui::text::Line;

use super::super::page::Page;
use super::super::place::Place;
use super::super::theme::Theme;
use super::{of_pid, percent, sockets_of};
use crate::core::query::ProcessRow;
use crate::view::format::{age, count};
use crate::view::tui::history::named;

/// Its sockets, those with the most trouble first.
pub(in super::super) fn sockets(row: &ProcessRow) -> Option<Place> {
    sockets_of("its sockets".to_owned(), &[of_pid(Some(row.pid))])
}

/// The page.
pub(in super::super) fn page(row: &ProcessRow, theme: Theme, columns: u16) -> Vec<Line<'static>> {
    let charset = theme.charset();
    let ago = |seconds: f64| age(seconds, false, charset);
    let mut page = Page::new(theme, columns);
    page.heading(&format!("{}[{}]", row.process, row.pid));
    page.fact("presence", row.presence.clone());
    let deleted = if row.executable_deleted {
        " (deleted or replaced)"
    } else {
        ""
    };
    page.fact(
        "program",
        row.executable.as_ref().map(|it| format!("{it}{deleted}")),
    );
    page.fact("running", row.age_seconds.map(ago));
    page.fact(
        "user",
        row.user.clone().or(row.uid.map(|uid| uid.to_string())),
    );
    page.fact("unit", row.unit.clone());
    page.fact("container", row.container.clone());
    page.fact("pod", row.pod_uid.clone());
    page.fact("cgroup", row.cgroup.clone());
    page.fact("threads", row.threads.map(count));
    page.fact("open files", files(row));
    page.fact(
        "as of",
        row.facts_age_seconds.map(|it| format!("{} ago", ago(it))),
    );
    page.heading(&format!("{} sockets", count(row.sockets)));
    for (state, sockets) in &row.states {
        page.fact(state, Some(format!("{:>9}", count(*sockets))));
    }
    let oldest = row.oldest_close_wait_age_seconds;
    if let Some(oldest) = oldest {
        let oldest = age(oldest, row.oldest_close_wait_is_lower_bound, charset);
        page.warning(&format!(
            "The oldest in CLOSE_WAIT: {oldest}. Its peer has hung up; only this process can close it."
        ));
    }
    page.heading("What to run");
    let troubled = row.states.keys().filter_map(|name| named(name)).next();
    let state = troubled.map_or(String::new(), |state| {
        format!("state {} and ", state.ss_name())
    });
    page.command(&format!("tcpmon ls '{state}pid = {}'", row.pid));
    page.command(&format!("ls -l /proc/{}/fd", row.pid));
    page.lines
}

fn files(row: &ProcessRow) -> Option<String> {
    let open = count(row.fd_open?);
    let share = percent(super::processes::files(row));
    Some(match row.fd_limit {
        Some(limit) => format!("{open} of {} ({share})", count(limit)),
        None => open,
    })
}
