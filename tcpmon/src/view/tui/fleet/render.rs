//! The frame.

use ratatui::Frame;
use ratatui::layout::{Position, Rect};
use ratatui::text::{Line, Span};

use super::super::keys::EDIT;
use super::super::render::{
    Grid, exactly, figures, freshness, hints, join, paint, rule, too_small,
};
use super::app::{App, Place};
use super::keys::{BROWSE, HELP};
use super::page;
use crate::core::fleet::Presence;
use crate::core::verdict::Severity;
use crate::view::format::{count, sanitise_bounded, width};

const PROMPT: &str = "find: ";
/// Columns of a step of the way.
const STEP: usize = 40;
/// Columns of the server's URL and of the matchers.
const LONGEST_NAME: usize = 64;

/// Draws everything.
pub(super) fn render(frame: &mut Frame<'_>, app: &App) {
    let Some(panes) = app.panes() else {
        return too_small(frame, app.size);
    };
    let columns = usize::from(app.size.width);
    paint(frame, panes.header, header(app, columns));
    paint(frame, panes.tabs, vec![way(app, columns)]);
    paint(frame, panes.body, body(app, panes.body));
    paint(frame, panes.footer, footer(app, columns));
    if let Some(text) = &app.edit {
        let typed = sanitise_bounded(text, columns, app.theme.charset());
        let column = (width(PROMPT) + width(&typed)).min(columns.saturating_sub(1));
        let column = u16::try_from(column).unwrap_or(0);
        frame.set_cursor_position(Position::new(column, panes.footer.y));
    }
    if let Some(first) = app.help {
        let lines = HELP.lines(app.theme, app.size, first);
        paint(frame, HELP.area(app.size), lines);
    }
}

fn header(app: &App, columns: usize) -> Vec<Line<'static>> {
    let charset = app.theme.charset();
    let safe = |text: &str| sanitise_bounded(text, LONGEST_NAME, charset);
    let mut about = vec![
        format!("tcpmon {}", env!("CARGO_PKG_VERSION")),
        safe(&app.server),
    ];
    if !app.chosen.0.is_empty() {
        about.push(safe(&app.chosen.to_string()));
    }
    let separator = charset.pick(" │ ", " | ");
    let about = join(&about, separator, columns);
    let mark = freshness(
        app.theme,
        app.data_age(),
        app.is_frozen,
        app.is_stale(),
        app.arrived.is_some(),
    );
    vec![
        Line::styled(about, app.theme.strong()),
        figures(app.theme, mark, &pieces(app), columns),
    ]
}

/// The fleet in numbers; what counts most comes first.
fn pieces(app: &App) -> Vec<Span<'static>> {
    if app.arrived.is_none() {
        return Vec::new();
    }
    let hosts = |number: usize| match number {
        1 => "1 host".to_owned(),
        number => format!("{} hosts", count(number as u64)),
    };
    let present = |presence: Presence| {
        let hosts = app.hosts.iter();
        hosts.filter(|host| host.presence == presence).count()
    };
    let mut pieces = vec![Span::raw(hosts(app.hosts.len()))];
    let silent = present(Presence::Down) + present(Presence::NoData);
    for (number, word) in [(silent, "down"), (present(Presence::Vanished), "vanished")] {
        if number > 0 {
            let text = format!("! {} {word}", count(number as u64));
            pieces.push(Span::styled(text, app.theme.trouble()));
        }
    }
    for severity in [Severity::Critical, Severity::Warning] {
        let counts = app.hosts.iter().filter_map(|host| host.count(severity));
        let (number, on) = counts
            .filter(|count| *count > 0)
            .fold((0_u64, 0), |(sum, on), count| {
                (sum.saturating_add(count), on + 1)
            });
        let text = match number {
            0 => format!("{} 0", severity.name()),
            _ => format!("{} {} on {}", severity.name(), count(number), hosts(on)),
        };
        pieces.push(match number {
            0 => Span::raw(text),
            _ => Span::styled(text, app.theme.severity(severity)),
        });
    }
    pieces.push(Span::raw(format!("{} queries", app.queries)));
    pieces.push(Span::raw(format!("every {:?}", app.schedule.interval())));
    pieces
}

/// `Hosts › web-1 › payments`; the beginning goes first where it is too long.
fn way(app: &App, columns: usize) -> Line<'static> {
    let charset = app.theme.charset();
    let separator = charset.pick(" › ", " > ");
    let levels = std::iter::once(&app.root).chain(&app.trail);
    let mut steps: Vec<String> = levels
        .map(|level| sanitise_bounded(&level.place.title(), STEP, charset))
        .collect();
    let room = columns.saturating_sub(2);
    while steps.len() > 1 && width(&steps.join(separator)) > room {
        steps.remove(0);
    }
    let last = steps.pop().unwrap_or_default();
    let before: String = steps
        .iter()
        .map(|step| format!("{step}{separator}"))
        .collect();
    Line::from(vec![
        Span::styled(format!(" {before}"), app.theme.quiet()),
        Span::styled(last, app.theme.strong()),
    ])
}

fn body(app: &App, area: Rect) -> Vec<Line<'static>> {
    let columns = usize::from(area.width);
    if let Place::Destination(_) = app.level().place {
        let lines = page::lines(app).into_iter().skip(app.level().scroll);
        return lines.take(area.height.into()).collect();
    }
    let mut lines = page::facts(app);
    let visible = usize::from(area.height).saturating_sub(lines.len() + 2);
    lines.push(rule(app.theme, &range(app, visible), columns));
    lines.extend(grid(app).lines(visible));
    if app.level().shown.is_empty() {
        let words = format!("  {}", emptiness(app));
        lines.push(Line::styled(words, app.theme.quiet()));
    }
    lines
}

/// The table on the screen.
pub(super) fn grid(app: &App) -> Grid<'_> {
    let level = app.level();
    Grid {
        theme: app.theme,
        rows: app.rows(),
        shown: &level.shown,
        cursor: &level.cursor,
        order: level.order,
        widths: &level.widths,
        columns: app.size.width.into(),
    }
}

/// Where it is: its headings and rows.
pub(super) fn table_area(app: &App) -> Option<Rect> {
    let body = app.panes()?.body;
    if let Place::Destination(_) = app.level().place {
        return None;
    }
    let above = u16::try_from(page::facts(app).len() + 1).ok()?;
    let height = body.height.checked_sub(above)?;
    Some(Rect::new(0, body.y + above, body.width, height))
}

/// What is listed, how much of it, and in which order.
fn range(app: &App, visible: usize) -> Vec<String> {
    let level = app.level();
    let what = match &level.place {
        Place::Hosts => "hosts",
        Place::Host(_) => "processes",
        Place::Process(_) | Place::Destination(_) => "destinations",
    };
    let order = match level.order {
        None if matches!(level.place, Place::Process(_)) => "fewest ports left first",
        None => "most trouble first",
        Some(_) => "sorted",
    };
    let mut pieces = vec![format!("{what}, {order}")];
    if !level.shown.is_empty() {
        let first = level.cursor.offset() + 1;
        let last = (level.cursor.offset() + visible).min(level.shown.len());
        let total = count(level.shown.len() as u64);
        pieces.push(format!("{first}-{} of {total}", last.max(first)));
    }
    if !app.find.is_empty() && matches!(level.place, Place::Hosts) {
        let find = sanitise_bounded(&app.find, STEP, app.theme.charset());
        pieces.push(format!("with {find}"));
    }
    pieces
}

fn emptiness(app: &App) -> &'static str {
    match (&app.level().place, &app.inside) {
        _ if app.arrived.is_none() => "waiting for the first answer",
        (Place::Hosts, _) if !app.find.is_empty() => "no host has that in a label or verdict",
        (Place::Host(_) | Place::Process(_), None) => "waiting for the answer",
        (Place::Host(_), _) => {
            "no metrics of processes: the agent needs `process` in --metrics.labels"
        }
        (Place::Process(_), _) => "no destination: it connects to nobody, or the agent tells none",
        _ => "none",
    }
}

fn footer(app: &App, columns: usize) -> Vec<Line<'static>> {
    let charset = app.theme.charset();
    if let Some(text) = &app.edit {
        let text = sanitise_bounded(text, columns.saturating_sub(PROMPT.len()), charset);
        let keys = Line::styled(hints(EDIT, columns), app.theme.quiet());
        return vec![
            Line::styled(
                exactly(&format!("{PROMPT}{text}"), columns),
                app.theme.strong(),
            ),
            keys,
        ];
    }
    let keys = Line::styled(hints(BROWSE, columns), app.theme.quiet());
    let Some(notice) = app.notice() else {
        return vec![keys];
    };
    let style = match app.error {
        Some(_) => app.theme.alarm(),
        None => app.theme.trouble(),
    };
    let notice = sanitise_bounded(&notice, columns.saturating_sub(2), charset);
    vec![Line::styled(format!("! {notice}"), style), keys]
}
