//! The machine at a glance: what is wrong, in sentences; the states; how far the limits are.

use ratatui::layout::Rect;
use ratatui::style::Style;
use ratatui::text::{Line, Span};

use super::super::app::App;
use super::super::history::{Moment, StateAt};
use super::super::page;
use super::super::render::{exactly, rule};
use super::{destinations, namespaces, processes};
use crate::core::verdict::Severity;
use crate::view::attention::stands_out;
use crate::view::column::UNKNOWN;
use crate::view::format::{
    Charset, age, count, endpoint, pad_left, pad_right, rate, sanitise_bounded, width,
};

/// Names of states are no longer.
const NAME: usize = 11;
/// Name, count, rate and age of a state.
const FACTS: usize = 1 + NAME + 9 + 9 + 9;
/// Name and count of a state.
const SHORT: usize = 20;
/// The widest a course is drawn: the longest time that is kept, in seconds a column.
const COURSE: usize = 120;
/// From this height on every state has a line of its own.
const ROOMY: u16 = 24;
/// Below this one there are but names and counts.
const LOW: u16 = 16;
/// Lines of a verdict at most.
const SENTENCE: usize = 3;
/// Columns before the sentence: the marks, how bad it is, since when.
const BEFORE: usize = 2 + 11 + 8;
/// Columns of a bar, where there is room and where there is not.
const BAR: usize = 20;
const SHORT_BAR: usize = 10;
/// Columns behind a bar: the share and the numbers.
const NUMBERS: usize = 34;

/// What stands where.
struct Parts {
    verdicts: Rect,
    states: Rect,
    /// States side by side.
    columns: usize,
    limits: Rect,
}

fn parts(body: Rect) -> Parts {
    let columns = match body.height {
        ROOMY.. => 1,
        LOW.. => 2,
        _ => (usize::from(body.width) / SHORT).max(1),
    };
    let heading = u16::from(body.height >= LOW);
    let rows = u16::try_from(tcpmon_common::State::RFC.len().div_ceil(columns)).unwrap_or(11);
    let states = (rows + heading).min(body.height);
    let limits = match body.height {
        40.. => 7,
        ROOMY.. => 5,
        LOW.. => 4,
        _ => 0,
    };
    let top = body.height - states - limits;
    let at = |y: u16, height: u16| Rect::new(body.x, body.y + y, body.width, height);
    Parts {
        verdicts: at(0, top),
        states: at(top, states),
        columns,
        limits: at(top + states, limits),
    }
}

/// How many verdicts are on the screen at once.
pub(in super::super) fn verdicts_shown(app: &App, body: Rect) -> usize {
    let room = usize::from(parts(body).verdicts.height.saturating_sub(1));
    room / lines_each(app, room)
}

fn lines_each(app: &App, room: usize) -> usize {
    let verdicts = match (app.past, app.moment()) {
        (Some(_), Some(moment)) => moment.verdicts.len(),
        _ => app.rows().count(),
    };
    (room / verdicts.max(1)).clamp(1, SENTENCE)
}

/// The body.
pub(in super::super) fn lines(app: &App, body: Rect) -> Vec<Line<'static>> {
    let parts = parts(body);
    let mut lines = verdicts(app, parts.verdicts);
    lines.resize(parts.verdicts.height.into(), Line::default());
    lines.extend(states(app, parts.states, parts.columns));
    lines.resize(
        usize::from(parts.verdicts.height + parts.states.height),
        Line::default(),
    );
    lines.extend(limits(app, parts.limits));
    lines
}

fn verdicts(app: &App, area: Rect) -> Vec<Line<'static>> {
    let columns = usize::from(area.width);
    let mut lines = vec![rule(app.theme, &["what is wrong".to_owned()], columns)];
    let room = usize::from(area.height.saturating_sub(1));
    let each = lines_each(app, room);
    if let (Some(_), Some(moment)) = (app.past, app.moment()) {
        for (severity, what) in moment.verdicts.iter().take(room / each) {
            lines.extend(sentence(app, (*severity, None, what), false, columns, each));
        }
        if moment.verdicts.is_empty() {
            lines.push(Line::raw("  Nothing was wrong then."));
        }
        return lines;
    }
    let Some(data) = &app.data else {
        lines.push(Line::styled(
            "  waiting for the first answer",
            app.theme.quiet(),
        ));
        return lines;
    };
    let answer = &data.snapshot.verdicts;
    let level = app.level();
    let shown = answer
        .verdicts
        .iter()
        .enumerate()
        .skip(level.cursor.offset());
    for (index, row) in shown.take(room / each) {
        let told = (row.severity, Some(row.since_seconds), row.what.as_str());
        let is_selected = index == level.cursor.index();
        lines.extend(sentence(app, told, is_selected, columns, each));
    }
    if answer.verdicts.is_empty() {
        lines.push(Line::raw(match answer.judged_age_seconds {
            Some(_) => "  Nothing is wrong: no leak, no pile-up, no queue overflows.",
            None => "  Nothing was judged yet: the first look at the sockets is under way.",
        }));
    }
    lines
}

/// A verdict in at most `each` lines.
fn sentence(
    app: &App,
    (severity, since, what): (Severity, Option<f64>, &str),
    is_selected: bool,
    columns: usize,
    each: usize,
) -> Vec<Line<'static>> {
    let charset = app.theme.charset();
    let mark = if is_selected {
        charset.pick("▸", ">")
    } else {
        " "
    };
    let since = since.map_or_else(String::new, |since| age(since, false, charset));
    let word = severity.name().to_uppercase();
    let before = format!("{mark}!{word:<11}{}", pad_right(&since, 8));
    // More than what fits is not looked at.
    let what = sanitise_bounded(&readable(what, charset), columns * each, charset);
    let mut wrapped = page::wrap(&" ".repeat(BEFORE), &what, columns);
    if wrapped.len() > each {
        wrapped.truncate(each);
        if let Some(last) = wrapped.last_mut() {
            let cut = sanitise_bounded(last, columns.saturating_sub(2), charset);
            *last = format!("{cut} {}", charset.ellipsis());
        }
    }
    let style = app.theme.severity(severity);
    let mut lines = Vec::new();
    for (index, line) in wrapped.into_iter().enumerate() {
        let text = line.get(BEFORE..).unwrap_or_default().to_owned();
        let text = exactly(&text, columns.saturating_sub(BEFORE));
        let before = if index == 0 {
            before.clone()
        } else {
            " ".repeat(BEFORE)
        };
        let line = Line::from(vec![Span::styled(before, style), Span::raw(text)]);
        lines.push(match is_selected {
            true => line.patch_style(app.theme.selected()),
            false => line,
        });
    }
    lines
}

/// Sentences have one character that ASCII has not.
fn readable(what: &str, charset: Charset) -> String {
    match charset {
        Charset::Unicode => what.to_owned(),
        Charset::Ascii => what.replace('≥', ">="),
    }
}

/// The states, `columns` side by side; with a heading where there is room for more than counts.
pub(in super::super) fn states(app: &App, area: Rect, columns: usize) -> Vec<Line<'static>> {
    let is_short = usize::from(area.width) / columns < FACTS;
    let wide = usize::from(area.width) / columns;
    let rows = tcpmon_common::State::RFC.len().div_ceil(columns);
    let mut lines = Vec::new();
    if !is_short {
        let heading = cells(" ", "STATE", "SOCKETS", Some(["RATE", "OLDEST"]));
        let course = if wide >= FACTS + 20 { "  COURSE" } else { "" };
        let heading = exactly(&format!("{heading}{course}"), wide);
        lines.push(Line::styled(heading.repeat(columns), app.theme.heading()));
    }
    let Some(moment) = app.moment() else {
        return lines;
    };
    for row in 0..rows {
        let places = moment.states.iter().skip(row).step_by(rows);
        let spans = places.map(|state| cell(app, moment, state, is_short, wide));
        lines.push(Line::from(spans.collect::<Vec<_>>()));
    }
    lines
}

fn cell(app: &App, moment: &Moment, it: &StateAt, is_short: bool, columns: usize) -> Span<'static> {
    let charset = app.theme.charset();
    let is_trouble = is_trouble(it);
    let mark = if is_trouble { "!" } else { " " };
    let oldest = it.oldest.map_or_else(
        || UNKNOWN.to_owned(),
        |oldest| age(oldest.into(), it.oldest_is_lower_bound, charset),
    );
    let entered = rate(it.per_second.into());
    let more = [entered.as_str(), oldest.as_str()];
    let mut text = cells(
        mark,
        it.state.name(),
        &count(it.sockets),
        (!is_short).then_some(more),
    );
    let room = columns.saturating_sub(FACTS + 3).min(COURSE);
    if !is_short && room > 0 {
        let course = app.history.course(it.state, moment.at, room);
        text.push_str(&format!("  {}", sparkline(&course, charset)));
    }
    let style = match (is_trouble, it.sockets) {
        (true, _) => app.theme.trouble(),
        (false, 0) => app.theme.quiet(),
        (false, _) => Style::new(),
    };
    Span::styled(exactly(&text, columns), style)
}

/// Whether the oldest socket in the state deserves a second look.
pub(in super::super) fn is_trouble(it: &StateAt) -> bool {
    let oldest = it.oldest.map(f64::from);
    oldest.is_some_and(|oldest| stands_out(it.state.name(), oldest))
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

/// Counts as heights, from nothing to the largest of them.
pub(in super::super) fn sparkline(counts: &[u64], charset: Charset) -> String {
    const UNICODE: [&str; 9] = [" ", "▁", "▂", "▃", "▄", "▅", "▆", "▇", "█"];
    const ASCII: [&str; 9] = [" ", ".", ".", ":", ":", "-", "=", "+", "#"];
    let largest = counts.iter().copied().max().unwrap_or(0).max(1);
    let heights = counts.iter().map(|count| {
        let height = (count * 8).div_ceil(largest).min(8) as usize;
        charset.pick(UNICODE[height], ASCII[height])
    });
    heights.collect()
}

/// How far a limit is.
struct Limit {
    name: String,
    used: u64,
    most: u64,
}

impl Limit {
    fn share(&self) -> f64 {
        self.used as f64 / self.most.max(1) as f64
    }
}

fn limits(app: &App, area: Rect) -> Vec<Line<'static>> {
    let columns = usize::from(area.width);
    if area.height < 2 {
        return Vec::new();
    }
    let mut lines = vec![rule(app.theme, &["nearest limits".to_owned()], columns)];
    if app.past.is_some() {
        lines.push(Line::styled("  not kept of the past", app.theme.quiet()));
        return lines;
    }
    let mut known = known_limits(app);
    known.sort_by(|one, other| other.share().total_cmp(&one.share()));
    let room = usize::from(area.height) - 1;
    let widest = known
        .iter()
        .take(room)
        .map(|limit| width(&limit.name))
        .max();
    let wide = if columns < 100 { SHORT_BAR } else { BAR };
    let name = widest
        .unwrap_or(0)
        .min(columns.saturating_sub(wide + NUMBERS));
    let bars = known.iter().take(room);
    lines.extend(bars.map(|limit| bar(app, limit, name, wide)));
    if known.is_empty() {
        lines.push(Line::styled("  none is known yet", app.theme.quiet()));
    }
    lines
}

fn bar(app: &App, limit: &Limit, room: usize, wide: usize) -> Line<'static> {
    let charset = app.theme.charset();
    let share = limit.share();
    let full = ((share.min(1.0) * wide as f64).round() as usize).min(wide);
    let fill = charset.pick("█", "#").repeat(full);
    let rest = charset.pick("░", "-").repeat(wide - full);
    let is_near = share >= 0.8;
    let mark = if is_near { "!" } else { " " };
    let name = pad_right(&sanitise_bounded(&limit.name, room, charset), room);
    let text = format!(
        " {mark}{name} {fill}{rest} {:>4.0}%  {} of {}",
        share * 100.0,
        count(limit.used),
        count(limit.most)
    );
    match is_near {
        true => Line::styled(text, app.theme.trouble()),
        false => Line::raw(text),
    }
}

fn known_limits(app: &App) -> Vec<Limit> {
    let Some(data) = &app.data else {
        return Vec::new();
    };
    let snapshot = &data.snapshot;
    let mut limits = Vec::new();
    let mut add = |name: String, used: Option<u64>, most: Option<u64>| {
        if let (Some(used), Some(most)) = (used, most) {
            limits.push(Limit { name, used, most });
        }
    };
    if let Some(namespaces) = &snapshot.namespaces {
        let machine = &namespaces.machine;
        let most = machine.max_orphans.map(u64::from);
        add("orphaned sockets".into(), machine.orphans, most);
        let most = machine.memory_limits_pages.map(|[_, _, high]| high);
        add("TCP memory, pages".into(), machine.memory_pages, most);
        let most = machine.max_open_files;
        // Where there is no limit, the kernel says the largest number there is.
        let most = most.filter(|most| *most < i64::MAX as u64);
        add("open files of all".into(), machine.open_files, most);
        let rows = namespaces.namespaces.iter();
        let fullest = rows.max_by(|a, b| {
            let share = |row| namespaces::minisocks(row).unwrap_or(-1.0);
            share(a).total_cmp(&share(b))
        });
        if let Some(row) = fullest {
            let most = row.limits.as_ref().and_then(|limits| limits.max_minisocks);
            let place = row.name.as_deref().unwrap_or("a namespace");
            add(
                format!("TIME_WAIT in {place}"),
                Some(row.minisocks),
                most.map(u64::from),
            );
        }
    }
    let rows = snapshot.destinations.iter().flat_map(|it| &it.destinations);
    let share = |row| destinations::used(row).unwrap_or(-1.0);
    let fullest = rows.max_by(|a, b| share(a).total_cmp(&share(b)));
    if let Some(row) = fullest {
        let name = format!("ports to {}", endpoint(&row.address, row.port));
        add(name, Some(row.held), row.usable);
    }
    let rows = snapshot.processes.processes.iter();
    let share = |row| processes::files(row).unwrap_or(-1.0);
    let fullest = rows.max_by(|a, b| share(a).total_cmp(&share(b)));
    if let Some(row) = fullest {
        let name = format!("files of {}[{}]", row.process, row.pid);
        add(name, row.fd_open, row.fd_limit);
    }
    limits
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn heights_follow_counts() {
        let line = |counts: &[u64]| sparkline(counts, Charset::Unicode);
        assert_eq!(line(&[0, 1, 4, 8]), " ▁▄█");
        assert_eq!(line(&[0, 0]), "  ");
        assert_eq!(line(&[1_000_000, 1]), "█▁", "little is not nothing");
        assert!(sparkline(&[0, 3, 9], Charset::Ascii).is_ascii());
    }

    #[test]
    fn every_body_is_filled_and_no_more() {
        for height in 8..60 {
            for width in 60..200 {
                let parts = parts(Rect::new(0, 3, width, height));
                assert!(parts.verdicts.height >= 1, "{width}x{height}");
                assert_eq!(parts.limits.bottom(), 3 + height);
            }
        }
    }
}
