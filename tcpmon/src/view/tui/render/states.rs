//! The eleven states.

use ratatui::layout::Rect;
use ratatui::style::Style;
use ratatui::text::{Line, Span};

use super::super::app::App;
use super::super::panes::{FULL_STATE, Grid, SHORT_STATE};
use super::exactly;
use crate::core::query::StateSummary;
use crate::view::attention::stands_out;
use crate::view::column::UNKNOWN;
use crate::view::format::{age, count, pad_left, rate, sanitise_bounded};

/// Names of states are no longer.
const NAME: usize = 11;

/// The headings and the states, column by column.
pub(super) fn lines(app: &App, area: Rect, grid: Grid) -> Vec<Line<'static>> {
    let states = match &app.data {
        Some(data) => data.snapshot.summary.states.as_slice(),
        None => &[],
    };
    let cell_width = match grid.is_short {
        true => SHORT_STATE,
        false => (area.width / grid.columns).clamp(FULL_STATE, FULL_STATE + 8),
    };
    let cell_width = usize::from(cell_width);
    let mut lines = Vec::new();
    if !grid.is_short {
        let heading = exactly(
            &cells(" ", "STATE", "SOCKETS", Some(["RATE", "OLDEST"])),
            cell_width,
        );
        lines.push(Line::styled(
            heading.repeat(grid.columns.into()),
            app.theme.heading(),
        ));
    }
    for row in 0..usize::from(grid.rows) {
        let places = states.iter().skip(row).step_by(grid.rows.into());
        let spans = places.map(|state| cell(app, state, grid.is_short, cell_width));
        lines.push(Line::from(spans.collect::<Vec<_>>()));
    }
    lines
}

fn cell(app: &App, state: &StateSummary, is_short: bool, columns: usize) -> Span<'static> {
    let charset = app.theme.charset();
    let oldest = state.oldest_age_seconds;
    let is_trouble = oldest.is_some_and(|seconds| stands_out(&state.state, seconds));
    let mark = if is_trouble { "!" } else { " " };
    let name = sanitise_bounded(&state.state, NAME, charset);
    let entered = rate(state.entered_per_second);
    let oldest = oldest.map_or_else(
        || UNKNOWN.to_owned(),
        |seconds| age(seconds, state.oldest_is_lower_bound, charset),
    );
    let more = [entered.as_str(), oldest.as_str()];
    let number = count(state.sockets);
    let text = cells(mark, &name, &number, (!is_short).then_some(more));
    let style = match (is_trouble, state.sockets) {
        (true, _) => app.theme.trouble(),
        (false, 0) => app.theme.quiet(),
        (false, _) => Style::new(),
    };
    Span::styled(exactly(&text, columns), style)
}

/// `!CLOSE_WAIT   1,234   12.5/s   2m05s`
fn cells(mark: &str, name: &str, number: &str, more: Option<[&str; 2]>) -> String {
    match more {
        None => format!("{mark}{name:NAME$}{}", pad_left(number, 7)),
        Some([entered, oldest]) => format!(
            "{mark}{name:NAME$}{}{}{}",
            pad_left(number, 9),
            pad_left(entered, 9),
            pad_left(oldest, 9)
        ),
    }
}
