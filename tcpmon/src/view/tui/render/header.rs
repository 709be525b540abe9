//! The machine, and how far the screen can be trusted.

use std::time::Duration;

use ratatui::layout::Rect;
use ratatui::style::Style;
use ratatui::text::{Line, Span};

use super::super::app::App;
use super::super::history::Moment;
use super::super::theme::Theme;
use super::join;
use crate::core::query::Summary;
use crate::core::recording::Playback;
use crate::view::format::{age, count, rate, sanitise_bounded, width};

/// Host names and kernel releases may be longer, but then their beginning tells.
const LONGEST_NAME: usize = 32;

/// Two lines.
pub(super) fn lines(app: &App, area: Rect) -> Vec<Line<'static>> {
    let columns = usize::from(area.width);
    let charset = app.theme.charset();
    let separator = charset.pick(" │ ", " | ");
    let Some(data) = &app.data else {
        let title = match app.playback {
            Some(_) => "recording",
            None => "tcpmon",
        };
        let title = Line::styled(title, app.theme.strong());
        return vec![title, figures(app.theme, mark(app), &[], columns)];
    };
    let summary = &data.snapshot.summary;
    let safe = |text: &str| sanitise_bounded(text, LONGEST_NAME, charset);
    let about = [
        format!("tcpmon {}", safe(&summary.version)),
        safe(&summary.host),
        format!("Linux {}", safe(&summary.kernel)),
        safe(&summary.health.rung),
        format!("up {}", age(summary.uptime_seconds, false, charset)),
    ];
    let about = match &app.playback {
        Some(_) => [
            &[format!("recording of {}", safe(&summary.host))],
            &about[2..4],
            &about[..1],
        ]
        .concat(),
        None => about.to_vec(),
    };
    let about = Line::styled(join(&about, separator, columns), app.theme.strong());
    let pieces = pieces(app, summary);
    vec![about, figures(app.theme, mark(app), &pieces, columns)]
}

/// Pieces of the second line; what counts most comes first.
fn pieces(app: &App, summary: &Summary) -> [Span<'static>; 5] {
    let moment = app.moment();
    let total = moment.map_or(0, Moment::sockets);
    let events = moment.map_or(0.0, |moment| f64::from(moment.events_per_second));
    let lost: u64 = summary.health.events_lost.values().sum();
    let lost = match lost {
        0 => Span::raw("lost 0"),
        lost => Span::styled(format!("! lost {}", count(lost)), app.theme.alarm()),
    };
    [
        Span::raw(format!("{} sockets", count(total))),
        Span::raw(format!("events {}", rate(events))),
        lost,
        Span::raw(format!("namespaces {}", count(summary.namespaces))),
        Span::raw(format!("every {:?}", app.schedule.interval())),
    ]
}

/// As many pieces as fit, and at the right what is to be known about their age.
pub(in super::super) fn figures(
    theme: Theme,
    mark: Option<(String, Style)>,
    pieces: &[Span<'static>],
    columns: usize,
) -> Line<'static> {
    let (text, style) = mark.unwrap_or_default();
    let room = columns.saturating_sub(width(&text));
    let separator = theme.charset().pick(" │ ", " | ");
    let mut spans = Vec::new();
    let mut used = 0;
    for piece in pieces {
        let gap = if spans.is_empty() { "" } else { separator };
        let wide = width(gap) + width(&piece.content);
        if used + wide > room {
            break;
        }
        spans.extend([Span::raw(gap), piece.clone()]);
        used += wide;
    }
    spans.push(Span::raw(" ".repeat(room.saturating_sub(used))));
    spans.push(Span::styled(text, style));
    Line::from(spans)
}

/// Where in the recording, and when that was.
fn place(app: &App, playback: &Playback) -> String {
    let charset = app.theme.charset();
    let span = |nanoseconds: u64| age(nanoseconds as f64 / 1e9, false, charset);
    let how = match playback {
        playback if playback.is_seeking => "SEEKING".to_owned(),
        playback if playback.is_at_end() => "END".to_owned(),
        playback if playback.is_playing => format!("PLAYING {}", playback.speed),
        playback => format!("PAUSED {}", playback.speed),
    };
    let (at, length) = (span(playback.position_ns), span(playback.length_ns));
    format!(" {how} {at} of {length}, {} ", playback.clock)
}

fn mark(app: &App) -> Option<(String, Style)> {
    if let Some(playback) = app.playback.as_ref().filter(|_| !app.is_frozen) {
        return Some((place(app, playback), app.theme.frozen()));
    }
    if let (Some(_), Some(moment)) = (app.past, app.moment()) {
        let ago = app.history_now().saturating_sub(moment.at).as_secs_f64();
        let ago = age(ago, false, app.theme.charset());
        return Some((format!(" PAST {ago} ago, End: now "), app.theme.frozen()));
    }
    let passed = app.data_age().unwrap_or(app.now);
    freshness(
        app.theme,
        passed,
        app.is_frozen,
        app.is_stale(),
        app.data.is_some(),
    )
}

/// What is to be known about data that came `passed` ago.
pub(in super::super) fn freshness(
    theme: Theme,
    passed: Duration,
    is_frozen: bool,
    is_stale: bool,
    has_data: bool,
) -> Option<(String, Style)> {
    let ago = match passed.as_secs() {
        seconds @ 0..60 => format!("{seconds}s"),
        _ => age(passed.as_secs_f64(), false, theme.charset()),
    };
    match is_frozen {
        true => Some((format!(" FROZEN {ago} "), theme.frozen())),
        false if !is_stale => None,
        false if !has_data => Some((format!(" NO DATA {ago} "), theme.alarm())),
        false => Some((format!(" STALE {ago} "), theme.alarm())),
    }
}
