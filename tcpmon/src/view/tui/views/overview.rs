//! The machine at a glance: what is wrong, in sentences; the states; how far the limits are.

use std::time::Duration;

use ratatui::layout::Rect;
use ratatui::style::Style;
use ratatui::text::{Line, Span};

use super::super::app::App;
use super::super::history::{Moment, StateAt};
use super::super::page;
use super::super::render::{exactly, rule};
use super::{destinations, listeners, namespaces, processes};
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
/// The same where two states stand side by side, without the course.
const TIGHT: usize = 1 + NAME + 7 + 8 + 8;
/// Name and count of a state.
const SHORT: usize = 20;
/// The widest a course is drawn, in columns.
const COURSE: usize = 120;
/// The narrowest: little more than a minute a column.
const LEAST_COURSE: usize = 4;
/// The time that a course shows.
const SHOWN: Duration = Duration::from_secs(5 * 60);
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
        (Some(_), Some(moment)) => moment.verdicts.as_ref().map_or(0, Vec::len),
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
    lines.extend(told(app, area).into_iter().map(|(_, line)| line));
    lines
}

/// The place among those shown of the verdict at a row of the screen.
pub(in super::super) fn verdict_at(app: &App, body: Rect, row: u16) -> Option<usize> {
    let area = parts(body).verdicts;
    let line = row.checked_sub(area.y + 1)?;
    let (place, _) = told(app, area).into_iter().nth(line.into())?;
    place.filter(|_| app.past.is_none())
}

/// The lines of the verdicts that are shown, each with the place of its verdict among them; `None` of
/// what is no verdict.
fn told(app: &App, area: Rect) -> Vec<(Option<usize>, Line<'static>)> {
    let columns = usize::from(area.width);
    let room = usize::from(area.height.saturating_sub(1));
    let each = lines_each(app, room);
    let remark = |words: &str| vec![(None, Line::styled(format!("  {words}"), app.theme.quiet()))];
    let mut lines = Vec::new();
    let mut tell = |place: usize, told, is_selected| {
        let sentence = sentence(app, told, is_selected, columns, each);
        lines.extend(sentence.into_iter().map(|line| (Some(place), line)));
    };
    if let (Some(_), Some(moment)) = (app.past, app.moment()) {
        let Some(verdicts) = &moment.verdicts else {
            return remark("The verdicts of then are not kept: this command had not begun.");
        };
        for (place, (severity, what)) in verdicts.iter().take(room / each).enumerate() {
            tell(place, (*severity, None, what.as_str()), false);
        }
        if verdicts.is_empty() {
            return vec![(None, Line::raw("  Nothing was wrong then."))];
        }
        return lines;
    }
    let Some(data) = &app.data else {
        return remark("waiting for the first answer");
    };
    let answer = &data.snapshot.verdicts;
    let cursor = &app.level().cursor;
    let shown = answer.verdicts.iter().enumerate().skip(cursor.offset());
    for (place, (index, row)) in shown.take(room / each).enumerate() {
        let told = (row.severity, Some(row.since_seconds), row.what.as_str());
        tell(place, told, index == cursor.index());
    }
    if answer.verdicts.is_empty() {
        let words = match answer.judged_age_seconds {
            Some(_) => "  Nothing is wrong: no leak, no pile-up, no queue overflows.",
            None => "  Nothing was judged yet: the first look at the sockets is under way.",
        };
        return vec![(None, Line::raw(words))];
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

/// How much is said of a state.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Form {
    /// Its count alone.
    Short,
    /// Two side by side, and a short course.
    Tight,
    /// All, and the course as wide as there is room.
    Wide,
}

impl Form {
    const fn of(columns: usize) -> Self {
        const ROOM_FOR_ALL: usize = FACTS + 3 + LEAST_COURSE;
        match columns {
            ROOM_FOR_ALL.. => Self::Wide,
            TIGHT.. => Self::Tight,
            _ => Self::Short,
        }
    }

    /// Columns of the course, of so many of a state.
    fn course(self, columns: usize) -> usize {
        let room = match self {
            Self::Short => 0,
            // A blank before it.
            Self::Tight => columns.saturating_sub(TIGHT + 1),
            Self::Wide => columns.saturating_sub(FACTS + 3),
        };
        if room < LEAST_COURSE {
            0
        } else {
            room.min(COURSE)
        }
    }
}

/// The states, `columns` side by side; with a heading where there is room for more than counts.
pub(in super::super) fn states(app: &App, area: Rect, columns: usize) -> Vec<Line<'static>> {
    let wide = usize::from(area.width) / columns;
    let form = Form::of(wide);
    let rows = tcpmon_common::State::RFC.len().div_ceil(columns);
    let mut lines = Vec::new();
    if form != Form::Short {
        let mut heading = cells(form, " ", "STATE", "SOCKETS", ["RATE", "OLDEST"]);
        heading.push_str(match form.course(wide) {
            0 => "",
            1..20 => " 5MIN",
            _ => "  THE LAST FIVE MINUTES",
        });
        let heading = exactly(&heading, wide);
        lines.push(Line::styled(heading.repeat(columns), app.theme.heading()));
    }
    let Some(moment) = app.moment() else {
        return lines;
    };
    for row in 0..rows {
        let places = moment.states.iter().skip(row).step_by(rows);
        let spans = places.map(|state| cell(app, moment, state, form, wide));
        lines.push(Line::from(spans.collect::<Vec<_>>()));
    }
    lines
}

fn cell(app: &App, moment: &Moment, it: &StateAt, form: Form, columns: usize) -> Span<'static> {
    let charset = app.theme.charset();
    let is_trouble = is_trouble(it);
    let mark = if is_trouble { "!" } else { " " };
    let oldest = it.oldest.map_or_else(
        || UNKNOWN.to_owned(),
        |oldest| age(oldest.into(), it.oldest_is_lower_bound, charset),
    );
    let entered = rate(it.per_second.into());
    let sockets = match form {
        Form::Tight => super::short_count(it.sockets),
        Form::Short | Form::Wide => count(it.sockets),
    };
    let more = [entered.as_str(), oldest.as_str()];
    let mut text = cells(form, mark, it.state.name(), &sockets, more);
    let room = form.course(columns);
    if room > 0 {
        let course = app.history.course(it.state, moment.at, room, SHOWN);
        let gap = if form == Form::Wide { "  " } else { " " };
        text.push_str(&format!("{gap}{}", sparkline(&course, charset)));
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
fn cells(form: Form, mark: &str, name: &str, number: &str, more: [&str; 2]) -> String {
    let [number_wide, rate_wide, age_wide] = match form {
        Form::Short => return format!("{mark}{name:NAME$}{}", pad_left(number, 7)),
        Form::Tight => [7, 8, 8],
        Form::Wide => [9, 9, 9],
    };
    let [entered, oldest] = more;
    format!(
        "{mark}{name:NAME$}{}{}{}",
        pad_left(number, number_wide),
        pad_left(entered, rate_wide),
        pad_left(oldest, age_wide)
    )
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
    // Rounded down: only what is full looks full.
    let full = ((share.clamp(0.0, 1.0) * wide as f64) as usize).min(wide);
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
    let rows = snapshot.listeners.iter().flat_map(|it| &it.listeners);
    let share = |row| listeners::fullness(row).unwrap_or(-1.0);
    let fullest = rows.max_by(|a, b| share(a).total_cmp(&share(b)));
    if let Some(row) = fullest {
        let name = format!("accept queue of {}", endpoint(&row.address, row.port));
        let most = row.queue_limit.map(|limit| u64::from(limit) + 1);
        add(name, row.queue.map(u64::from), most);
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
