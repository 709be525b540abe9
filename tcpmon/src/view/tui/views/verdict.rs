//! A verdict: in the overview a sentence, opened all that is known of it.

use ratatui::text::Line;

use super::super::page;
use super::super::place::Place;
use super::super::rows::{Listed, Spec};
use super::super::theme::Theme;
use super::{in_netns, of_pid, sockets_of};
use crate::core::explain::{self, Topic};
use crate::core::query::{SCHEMA, VerdictRow, Verdicts};
use crate::view::print::{self, Look, OutputFormat};
use crate::view::tui::history::named;

impl Listed for VerdictRow {
    /// It is shown in sentences.
    const COLUMNS: &'static [Spec<Self>] = &[];

    fn identity(&self) -> String {
        let Self {
            verdict,
            pid,
            netns,
            service_port,
            source_address,
            destination_address,
            destination_port,
            ..
        } = self;
        format!(
            "{} {pid:?} {netns:?} {service_port:?} {source_address:?} {destination_address:?} \
             {destination_port:?}",
            verdict.name()
        )
    }

    fn stands_out(&self) -> bool {
        true
    }

    fn open(&self) -> Option<Place> {
        Some(Place::Verdict(Box::new(self.clone())))
    }

    fn topic(&self) -> Option<Topic> {
        let pages = explain::verdicts();
        let page = pages.iter().find(|page| page.name == self.verdict.name())?;
        Some(Topic::Verdict(page))
    }
}

/// The sockets it is about, oldest first.
pub(in super::super) fn sockets(row: &VerdictRow) -> Option<Place> {
    let state = row.sockets.first().and_then(|socket| named(&socket.state));
    let mut conditions = vec![
        state.map(|state| format!("state = {}", state.ss_name())),
        row.service_port.map(|port| format!("sport = :{port}")),
        in_netns(row.netns),
    ];
    // Who has the most of the connections to a destination does not have all of them.
    if row.destination_address.is_none() {
        conditions.push(of_pid(row.pid));
    }
    let peer = row.destination_address.as_deref().zip(row.destination_port);
    conditions.push(peer.map(|(address, port)| {
        let peer = super::socket::spell(address, port);
        format!("dst = {peer}")
    }));
    let source = row.source_address.as_ref();
    conditions.push(source.map(|address| format!("src = {address}")));
    sockets_of("its sockets".to_owned(), &conditions)
}

/// The page.
pub(in super::super) fn page(row: &VerdictRow, theme: Theme, columns: u16) -> Vec<Line<'static>> {
    let answer = Verdicts {
        schema: SCHEMA,
        judged_age_seconds: Some(0.0),
        verdicts: vec![row.clone()],
        past: Vec::new(),
    };
    let mut text = Vec::new();
    let look = Look {
        columns,
        charset: theme.charset(),
        color: false,
    };
    // A vector takes everything.
    drop(print::verdicts(
        &mut text,
        &answer,
        0,
        OutputFormat::Table,
        look,
    ));
    let mut lines = page::printed(&text, theme, columns);
    if let Some(title) = lines.first_mut() {
        *title = title.clone().patch_style(theme.severity(row.severity));
    }
    lines
}
