//! What is said of one host, process or destination, in lines.

use ratatui::text::Line;

use super::super::page::Page;
use super::super::views::overview::sparkline;
use super::app::{App, Place};
use super::columns::{presence, skew};
use crate::core::fleet::{Course, Destination, Host, LOOKBACK, Process, Standing};
use crate::core::verdict::Severity;
use crate::view::column::UNKNOWN;
use crate::view::format::{age, count, rate, sanitise_bounded, sanitise_for};

/// Verdicts that are named above a table; of more the number is told.
const NAMED: usize = 3;

/// What a process is called; some sockets have none that is known.
pub(super) fn process_name(process: &str) -> &str {
    match process {
        "" => "(unknown)",
        process => process,
    }
}

/// `*:443` where the agent tells no addresses.
pub(super) fn destination_name(destination: &Destination) -> String {
    let port = match destination.remote_port.as_str() {
        "" => "*",
        port => port,
    };
    match destination.remote_address.as_deref() {
        None => format!("*:{port}"),
        Some(v6) if v6.contains(':') => format!("[{v6}]:{port}"),
        Some(address) => format!("{address}:{port}"),
    }
}

/// Whether a host has a text in a label, in a verdict, or as the name of its culprit.
pub(super) fn has(host: &Host, text: &str) -> bool {
    if text.is_empty() {
        return true;
    }
    let text = text.to_lowercase();
    let verdicts = host.verdicts.iter().flatten();
    let verdicts = verdicts.map(|standing| standing.verdict.as_str());
    let labels = host.labels.values().map(String::as_str);
    let mut words = labels
        .chain(verdicts)
        .chain(host.culprit.as_deref())
        .chain([presence(host)]);
    words.any(|word| word.to_lowercase().contains(&text))
}

/// What stands above the table.
pub(super) fn facts(app: &App) -> Vec<Line<'static>> {
    match &app.level().place {
        Place::Hosts | Place::Destination(_) => Vec::new(),
        Place::Host(host) => of_host(app, host),
        Place::Process(process) => of_process(app, process),
    }
}

fn line(app: &App, text: &str) -> Line<'static> {
    let columns = usize::from(app.size.width);
    Line::raw(sanitise_bounded(text, columns, app.theme.charset()))
}

fn of_host(app: &App, host: &Host) -> Vec<Line<'static>> {
    let charset = app.theme.charset();
    let mut facts = vec![presence(host).to_owned()];
    facts.push(match host.age_seconds {
        Some(seconds) => format!("data {} old", age(seconds.max(0.0), false, charset)),
        None => format!("no data within the last {LOOKBACK}"),
    });
    facts.extend(
        host.version
            .iter()
            .map(|version| format!("agent {version}")),
    );
    if let Some(known) = host.clock_skew {
        facts.push(match known.certain() {
            Some(ahead) if ahead > 0.0 => {
                format!("its clock is {} ahead", age(ahead, false, charset))
            }
            Some(behind) => format!("its clock is {} behind", age(-behind, false, charset)),
            None => format!("its clock is right to {}", &skew(Some(known), charset)[1..]),
        });
    }
    let labels = host.labels.iter().filter(|(name, _)| *name != "instance");
    facts.extend(labels.map(|(name, value)| format!("{name} {value}")));
    let mut lines = vec![line(app, &format!("  {}", facts.join(", ")))];
    lines.extend(verdicts(app, host.verdicts.as_deref().unwrap_or(&[])));
    lines.extend(course(app));
    lines
}

fn of_process(app: &App, process: &Process) -> Vec<Line<'static>> {
    let id = &process.id;
    let mut facts = Vec::new();
    let named = [
        ("unit", &id.unit),
        ("container", &id.container),
        ("pod", &id.pod_uid),
    ];
    for (what, value) in named {
        facts.extend(value.iter().map(|value| format!("{what} {value}")));
    }
    if let (Some(open), Some(most)) = (process.open_files, process.max_open_files) {
        facts.push(format!("{} of {} files open", count(open), count(most)));
    }
    let states = process.states.iter();
    facts.extend(states.map(|(state, number)| format!("{state} {}", count(*number))));
    let mut lines = vec![line(app, &format!("  {}", facts.join(", ")))];
    lines.extend(verdicts(app, &process.verdicts));
    lines.extend(course(app));
    lines
}

fn verdicts(app: &App, verdicts: &[Standing]) -> Vec<Line<'static>> {
    let charset = app.theme.charset();
    let named = verdicts.iter().take(NAMED).map(|standing| {
        let severity = standing.severity;
        let mark = if severity >= Severity::Warning {
            "!"
        } else {
            " "
        };
        let number = match standing.count {
            1 => String::new(),
            number => format!(", {} of them", count(number)),
        };
        let name = sanitise_for(&standing.verdict, charset);
        let text = format!(" {mark}{} {name}{number}", severity.name().to_uppercase());
        Line::styled(text, app.theme.severity(severity))
    });
    let mut lines: Vec<_> = named.collect();
    if let Some(more) = verdicts.len().checked_sub(NAMED + 1) {
        lines.push(line(
            app,
            &format!("  and {} more kinds", count(more as u64 + 1)),
        ));
    }
    lines
}

/// The last hour, as far as it is known.
fn course(app: &App) -> Option<Line<'static>> {
    let course = app.inside.as_ref()?.course.as_ref()?;
    let last = course.points.last()?.1;
    let heights = heights(course);
    let text = format!(
        "  CLOSE_WAIT {}, the last hour {}",
        count(last.max(0.0) as u64),
        sparkline(&heights, app.theme.charset())
    );
    Some(line(app, &text))
}

fn heights(course: &Course) -> Vec<u64> {
    let points = course.points.iter();
    // No machine has as many sockets; whatever a server says must not overflow what is drawn.
    points
        .map(|(_, value)| value.clamp(0.0, f64::from(u32::MAX)) as u64)
        .collect()
}

/// The page of a destination; nothing where there are rows instead.
pub(super) fn lines(app: &App) -> Vec<Line<'static>> {
    let Place::Destination(destination) = &app.level().place else {
        return Vec::new();
    };
    let mut page = Page::new(app.theme, app.size.width);
    let unknown = || UNKNOWN.to_owned();
    let number = |number: Option<u64>| Some(number.map_or_else(unknown, count));
    let process = process_name(&destination.process);
    page.heading(&format!("{process} to {}", destination_name(destination)));
    page.fact("namespace", Some(destination.netns.clone()));
    page.fact("ports used", number(destination.ports_used));
    page.fact("usable", number(destination.ports_usable));
    let left = destination.port_headroom_ratio;
    page.fact("left", left.map(|ratio| format!("{:.1}%", ratio * 100.0)));
    page.fact("TIME_WAIT", number(destination.time_wait));
    page.fact("failures", destination.failures_per_second.map(rate));
    let host = app.host().map_or(UNKNOWN, Host::name);
    page.heading(&format!("What to run on {host}"));
    for command in commands(destination) {
        page.command(&command);
    }
    page.heading("What to ask the server");
    for metric in ["ports_used", "port_headroom_ratio"] {
        page.sentence(&graph(app, destination, metric));
    }
    page.lines
}

fn commands(destination: &Destination) -> Vec<String> {
    let mut conditions = Vec::new();
    if destination.remote_port.parse::<u16>().is_ok() {
        conditions.push(format!("dport = :{}", destination.remote_port));
    }
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "_.-".contains(c);
    let process = destination.process.as_str();
    if !process.is_empty() && process.chars().all(is_plain) {
        conditions.push(format!("proc = {process}"));
    }
    vec![
        format!("tcpmon ls '{}'", conditions.join(" and ")),
        "tcpmon diagnose".to_owned(),
    ]
}

/// A query to be drawn as a graph.
fn graph(app: &App, destination: &Destination, metric: &str) -> String {
    use crate::core::fleet::{Matcher, Matchers};
    let host = app.host().map(|host| &host.labels).into_iter().flatten();
    let mut matchers: Vec<Matcher> = host
        .map(|(label, value)| Matcher::equal(label, value))
        .collect();
    matchers.push(Matcher::equal("remote_port", &destination.remote_port));
    matchers.push(Matcher::equal("process", &destination.process));
    format!("tcpmon_destination_{metric}{{{}}}", Matchers(matchers))
}
