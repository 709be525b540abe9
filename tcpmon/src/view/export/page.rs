//! The page at `/`: the state diagram, alive, and what is wrong, in sentences.
//!
//! Whoever reaches the port may see it, so it has aggregates alone: counts, rates, ages, names of
//! processes; no address of anybody. Nothing on it comes from elsewhere, no script is in it, and it is
//! complete as the server sends it: the script only renews what is there, from the same [`Page`] as JSON.

mod diagram;
mod html;
mod words;

use std::collections::BTreeMap;

use axum::body::Body;
use axum::http::{HeaderName, HeaderValue, header};
use axum::response::{IntoResponse as _, Response};
use serde::Serialize;
use tcpmon_common::State;

pub(super) use self::html::links;
use crate::core::query::{SCHEMA, StateSummary, Summary, Verdicts};
use crate::core::verdict::Severity;
use crate::view::attention::stands_out;
use crate::view::format::{Charset, age, count, rate, sanitise};

pub(super) const HTML: &str = "text/html; charset=utf-8";
pub(super) const JSON: &str = "application/json";
/// Verdicts shown; the others are counted.
const VERDICTS: usize = 8;

/// Something the page is made of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Resource {
    /// What is renewed.
    Data,
    /// What is as it was built.
    Fixed {
        kind: &'static str,
        text: &'static str,
    },
}

const DATA_PATH: &str = "/-/page.json";
const STYLE_PATH: &str = "/-/page.css";
const SCRIPT_PATH: &str = "/-/page.js";
const ICON_PATH: &str = "/-/icon.svg";
const STYLE: &str = include_str!("page/page.css");
const SCRIPT: &str = include_str!("page/page.js");
const ICON: &str = include_str!("page/icon.svg");

impl Resource {
    /// What is at `path`.
    pub(super) fn at(path: &str) -> Option<Self> {
        let fixed = |kind, text| Some(Self::Fixed { kind, text });
        match path {
            DATA_PATH => Some(Self::Data),
            STYLE_PATH => fixed("text/css; charset=utf-8", STYLE),
            SCRIPT_PATH => fixed("text/javascript; charset=utf-8", SCRIPT),
            ICON_PATH => fixed("image/svg+xml", ICON),
            _ => None,
        }
    }
}

/// Nothing but what this server sends, no script in the page, no frame around it.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; \
    connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; \
    require-trusted-types-for 'script'; trusted-types 'none'";

/// An answer that a browser shows, and may show nowhere else.
pub(super) fn answer(kind: &'static str, body: impl Into<Body>) -> Response {
    let headers: [(HeaderName, HeaderValue); 7] = [
        (header::CONTENT_TYPE, kind),
        (header::CACHE_CONTROL, "no-store"),
        (header::CONTENT_SECURITY_POLICY, POLICY),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::X_FRAME_OPTIONS, "deny"),
        (header::REFERRER_POLICY, "no-referrer"),
        (
            HeaderName::from_static("cross-origin-resource-policy"),
            "same-origin",
        ),
    ]
    .map(|(name, value)| (name, HeaderValue::from_static(value)));
    (headers, body.into()).into_response()
}

/// How a state stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
enum Level {
    /// No socket is in it.
    Quiet,
    /// Sockets are in it, as they should.
    Calm,
    /// Some are in it for long, or a verdict says so.
    Suspicious,
    /// A verdict of this severity is about it.
    Warning,
    /// A verdict of this severity is about it.
    Critical,
}

impl Level {
    const fn name(self) -> &'static str {
        match self {
            Self::Quiet => "quiet",
            Self::Calm => "calm",
            Self::Suspicious => "suspicious",
            Self::Warning => "warning",
            Self::Critical => "critical",
        }
    }
}

impl From<Severity> for Level {
    fn from(severity: Severity) -> Self {
        match severity {
            Severity::Suspicious => Self::Suspicious,
            Severity::Warning => Self::Warning,
            Severity::Critical => Self::Critical,
        }
    }
}

/// What is on the page. Texts are as they are shown, so that the script need not know how.
#[derive(Debug, Serialize)]
pub(super) struct Page {
    schema: u32,
    version: String,
    host: String,
    kernel: String,
    /// Texts by the name of their place.
    texts: BTreeMap<&'static str, String>,
    states: Vec<StateNow>,
    edges: Vec<EdgeNow>,
    verdicts: Vec<VerdictNow>,
    /// Verdicts there is no room for.
    more_verdicts: usize,
    /// What limits the view.
    limits: Vec<String>,
}

/// A state.
#[derive(Debug, Serialize)]
struct StateNow {
    #[serde(serialize_with = "name_of")]
    state: State,
    sockets: u64,
    level: Level,
    /// `1,234`.
    shown: String,
    /// `12.5/s`.
    rate: String,
    /// `2m05s`, or nothing.
    oldest: String,
    /// All of that, for who does not see it.
    spoken: String,
}

/// An edge that is taken.
#[derive(Debug, Serialize)]
struct EdgeNow {
    #[serde(serialize_with = "name_of")]
    from: State,
    #[serde(serialize_with = "name_of")]
    to: State,
    /// `12.5/s`.
    rate: String,
}

/// Something that is wrong.
#[derive(Debug, Serialize)]
struct VerdictNow {
    verdict: &'static str,
    severity: Level,
    /// The process, or nothing: with the kind and the severity, what makes it a new one.
    who: String,
    sentence: String,
    /// `2m05s`.
    since: String,
}

fn name_of<S: serde::Serializer>(state: &State, to: S) -> Result<S::Ok, S::Error> {
    to.serialize_str(state.name())
}

/// The state called `name`.
fn named(name: &str) -> Option<State> {
    State::RFC.into_iter().find(|state| state.name() == name)
}

impl Page {
    /// The page of a machine as it is now.
    pub(super) fn new(summary: &Summary, verdicts: &Verdicts) -> Self {
        let states = summary.states.iter();
        let states = states.filter_map(|state| StateNow::new(state, verdicts));
        let edges = summary.edges.iter().filter(|edge| edge.per_second > 0.0);
        let edges = edges.filter_map(|edge| {
            Some(EdgeNow {
                from: named(&edge.from)?,
                to: named(&edge.to)?,
                rate: rate(edge.per_second),
            })
        });
        let shown = verdicts.verdicts.iter().take(VERDICTS);
        Self {
            schema: SCHEMA,
            version: sanitise(&summary.version),
            host: sanitise(&summary.host),
            kernel: sanitise(&summary.kernel),
            texts: texts(summary, verdicts),
            states: states.collect(),
            edges: edges.collect(),
            verdicts: shown
                .map(|row| VerdictNow {
                    verdict: row.verdict.name(),
                    severity: row.severity.into(),
                    who: row.process.as_deref().map(sanitise).unwrap_or_default(),
                    sentence: words::sentence(row),
                    since: age(row.since_seconds, false, Charset::Unicode),
                })
                .collect(),
            more_verdicts: verdicts.verdicts.len().saturating_sub(VERDICTS),
            limits: summary
                .health
                .limits
                .iter()
                .map(|it| sanitise(it))
                .collect(),
        }
    }

    /// As the script reads it.
    pub(super) fn json(&self) -> String {
        // Nothing in it can fail to be written.
        serde_json::to_string(self).unwrap_or_default()
    }

    /// As a browser shows it.
    pub(super) fn html(&self, telemetry_path: &str) -> String {
        html::page(self, telemetry_path)
    }

    fn text(&self, place: &str) -> &str {
        self.texts.get(place).map_or("", String::as_str)
    }
}

/// The texts that are renewed.
fn texts(summary: &Summary, verdicts: &Verdicts) -> BTreeMap<&'static str, String> {
    let health = &summary.health;
    let sockets = summary.states.iter().map(|state| state.sockets).sum();
    let lost: u64 = health.events_lost.values().sum();
    let drift: u64 = health.drift.values().sum();
    let audited = health.last_audit_age_seconds.map_or_else(
        || "not yet".to_owned(),
        |seconds| format!("{} ago", age(seconds, false, Charset::Unicode)),
    );
    BTreeMap::from([
        ("sockets", count(sockets)),
        ("events", rate(health.events_per_second)),
        ("lost", count(lost)),
        ("drift", count(drift)),
        ("namespaces", count(summary.namespaces)),
        (
            "uptime",
            age(summary.uptime_seconds, false, Charset::Unicode),
        ),
        ("audited", audited),
        ("verdict", words::headline(verdicts)),
    ])
}

impl StateNow {
    fn new(summary: &StateSummary, verdicts: &Verdicts) -> Option<Self> {
        let state = named(&summary.state)?;
        let oldest_seconds = summary.oldest_age_seconds.unwrap_or(f64::NAN);
        let about = verdicts.verdicts.iter();
        let about = about.filter(|row| row.verdict.state() == Some(state));
        let worst = about.map(|row| row.severity).max();
        let level = match (worst, summary.sockets) {
            (Some(severity), _) => severity.into(),
            (None, 0) => Level::Quiet,
            _ if stands_out(&summary.state, oldest_seconds) => Level::Suspicious,
            _ => Level::Calm,
        };
        let (shown, rate) = (count(summary.sockets), rate(summary.entered_per_second));
        let oldest = match summary.oldest_age_seconds {
            Some(seconds) => age(seconds, summary.oldest_is_lower_bound, Charset::Unicode),
            None => String::new(),
        };
        let mut spoken = format!("{}: {shown} sockets, {rate}", state.name());
        if !oldest.is_empty() {
            spoken.push_str(&format!(", the oldest {oldest}"));
        }
        if level > Level::Calm {
            spoken.push_str(&format!(", {}", level.name()));
        }
        Some(Self {
            state,
            sockets: summary.sockets,
            level,
            shown,
            rate,
            oldest,
            spoken,
        })
    }
}

#[cfg(test)]
mod tests;
