//! Verdicts: for people in sentences, for monitoring plugins in one line.

use std::io;

use anstyle::{AnsiColor, Style};

use super::{Look, wrap};
use crate::core::query::{Actor, Confidence, PastVerdict, SocketRow, VerdictRow, Verdicts};
use crate::core::verdict::Severity;
use crate::view::column::Column;
use crate::view::format::{Charset, age, count, sanitise_bounded};

/// No foreign sentence needs more.
const LONGEST: usize = 1024;
/// Indent of what is said about a verdict; the headings fit in it.
const INDENT: usize = 12;

/// Prints what stands, then what is over. `hidden`: verdicts that were cut off by a limit.
pub(super) fn text(
    out: &mut dyn io::Write,
    answer: &Verdicts,
    hidden: usize,
    look: Look,
) -> io::Result<()> {
    let mut page = Page { out, look };
    match (answer.judged_age_seconds, answer.verdicts.is_empty()) {
        (None, _) => {
            page.line("Nothing was judged yet: the first look at the sockets is under way.")?
        }
        (Some(_), true) => {
            page.line("Nothing is wrong: no leak, no pile-up, no queue overflows.")?
        }
        (Some(_), false) => {}
    }
    for (index, verdict) in answer.verdicts.iter().enumerate() {
        if index > 0 {
            writeln!(page.out)?;
        }
        page.verdict(verdict)?;
    }
    if hidden > 0 {
        page.line(&format!(
            "\n{} more are not shown (--limit).",
            count(hidden as u64)
        ))?;
    }
    if !answer.past.is_empty() {
        page.line("\nOver:")?;
    }
    for past in answer.past.iter().take(10) {
        page.past(past)?;
    }
    Ok(())
}

struct Page<'a> {
    out: &'a mut dyn io::Write,
    look: Look,
}

impl Page<'_> {
    fn verdict(&mut self, row: &VerdictRow) -> io::Result<()> {
        let style = self.style(color(row.severity));
        let title = format!(
            "{} {}",
            row.severity.name().to_uppercase(),
            row.verdict.name()
        );
        writeln!(self.out, "{style}{title}{style:#}")?;
        self.said("", &row.what)?;
        self.said("since", &self.since(row))?;
        if let Some(place) = whereabouts(row) {
            self.said("where", &place)?;
        }
        self.said("evidence", &evidence(row))?;
        for (index, socket) in row.sockets.iter().enumerate() {
            self.said(if index == 0 { "oldest" } else { "" }, &self.socket(socket))?;
        }
        let who = match row.fix_by {
            Actor::Process => "the process",
            Actor::Peer => "the peer",
            Actor::Operator => "the operator",
        };
        self.said("fix", &format!("{who}: {}", row.fix))?;
        for (index, step) in row.next.iter().enumerate() {
            self.command(if index == 0 { "next" } else { "" }, &step.command)?;
            self.indented(INDENT + 2, "", &step.why)?;
        }
        for (index, unknown) in row.unknown.iter().enumerate() {
            self.said(if index == 0 { "unknown" } else { "" }, unknown)?;
        }
        self.said("more", &format!("tcpmon explain {}", row.verdict.name()))
    }

    fn since(&self, row: &VerdictRow) -> String {
        let since = age(row.since_seconds, false, self.look.charset);
        let confidence = match row.confidence {
            Confidence::High => "high",
            Confidence::Medium => "medium",
            Confidence::Low => "low",
        };
        format!("{since} ago, confidence {confidence}")
    }

    fn socket(&self, row: &SocketRow) -> String {
        let charset = self.look.charset;
        let cell = |column: Column| column.cell(row, charset);
        let columns = [Column::Age, Column::State, Column::Local, Column::Remote];
        let mut text = columns.map(cell).join("  ");
        if let Some(fd) = row.fd {
            text.push_str(&format!("  fd {fd}"));
        }
        text
    }

    fn past(&mut self, past: &PastVerdict) -> io::Result<()> {
        let charset = self.look.charset;
        let who = match (&past.process, past.pid) {
            (Some(name), Some(pid)) => format!(" of {name}[{pid}]"),
            _ => String::new(),
        };
        let line = format!(
            "  {} {}{who} at {}, for {}, until {} ago",
            past.worst.name(),
            past.verdict.name(),
            past.place,
            age(past.lasted_seconds, false, charset),
            age(past.ended_age_seconds, false, charset),
        );
        self.line(&line)
    }

    fn line(&mut self, text: &str) -> io::Result<()> {
        for line in text.split('\n') {
            writeln!(self.out, "{}", safe(line, self.look.charset))?;
        }
        Ok(())
    }

    /// A sentence behind its heading.
    fn said(&mut self, heading: &str, text: &str) -> io::Result<()> {
        self.indented(INDENT, heading, text)
    }

    fn indented(&mut self, indent: usize, heading: &str, text: &str) -> io::Result<()> {
        let first = format!("  {heading:width$}", width = indent - 2);
        let rest = " ".repeat(indent);
        let text = safe(text, self.look.charset);
        for line in textwrap::wrap(&text, wrap::options(self.look, &first, &rest)) {
            writeln!(self.out, "{}", line.trim_end())?;
        }
        Ok(())
    }

    /// A command, never wrapped: it is to be copied.
    fn command(&mut self, heading: &str, command: &str) -> io::Result<()> {
        let style = self.style(AnsiColor::Cyan.on_default());
        let command = safe(command, self.look.charset);
        let width = INDENT - 2;
        writeln!(self.out, "  {heading:width$}$ {style}{command}{style:#}")
    }

    const fn style(&self, style: Style) -> Style {
        if self.look.color { style } else { Style::new() }
    }
}

const fn color(severity: Severity) -> Style {
    match severity {
        Severity::Critical => AnsiColor::Red.on_default().bold(),
        Severity::Warning => AnsiColor::Yellow.on_default().bold(),
        Severity::Suspicious => AnsiColor::Cyan.on_default().bold(),
    }
}

fn safe(text: &str, charset: Charset) -> String {
    let text = match charset {
        Charset::Unicode => text.to_owned(),
        Charset::Ascii => text.replace('≥', ">="),
    };
    sanitise_bounded(&text, LONGEST, charset)
}

/// Where and whose, as far as the sentence does not say it.
fn whereabouts(row: &VerdictRow) -> Option<String> {
    let netns = match (&row.netns_name, row.netns) {
        (Some(name), Some(inode)) => Some(format!("network namespace {name} ({inode})")),
        (None, Some(inode)) => Some(format!("network namespace {inode}")),
        _ => None,
    };
    let parts: Vec<String> = [
        row.executable.clone(),
        row.user.as_ref().map(|user| format!("user {user}")),
        row.unit.as_ref().map(|unit| format!("unit {unit}")),
        row.container.as_ref().map(|id| {
            let short: String = id.chars().take(12).collect();
            format!("container {short}")
        }),
        netns,
    ]
    .into_iter()
    .flatten()
    .collect();
    (!parts.is_empty()).then(|| parts.join(", "))
}

fn evidence(row: &VerdictRow) -> String {
    let parts: Vec<String> = row
        .evidence
        .iter()
        .map(|(name, value)| format!("{name} {}", number(*value)))
        .collect();
    parts.join(", ")
}

fn number(value: f64) -> String {
    if value.fract() == 0.0 || value.abs() >= 100.0 {
        format!("{value:.0}")
    } else {
        let decimals = if value.abs() < 0.1 { 6 } else { 3 };
        let text = format!("{value:.decimals$}");
        text.trim_end_matches('0').trim_end_matches('.').to_owned()
    }
}

/// What a monitoring plugin says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CheckStatus {
    /// One line: the status, the worst, and counts as performance data.
    pub line: String,
    /// 0 ok, 1 warning, 2 critical, 3 unknown.
    pub code: u8,
}

impl CheckStatus {
    /// Nothing could be learned.
    #[must_use]
    pub fn unknown(why: &str) -> Self {
        Self {
            line: format!("TCPMON UNKNOWN - {}", plugin_text(why)),
            code: 3,
        }
    }
}

/// The answer of a monitoring plugin. What is only suspicious is counted and does not alarm.
pub(super) fn check(answer: &Verdicts) -> CheckStatus {
    if answer.judged_age_seconds.is_none() {
        return CheckStatus::unknown("nothing was judged yet");
    }
    let number = |wanted: Severity| {
        let verdicts = answer.verdicts.iter();
        verdicts.filter(|row| row.severity == wanted).count()
    };
    let (critical, warning) = (number(Severity::Critical), number(Severity::Warning));
    let suspicious = number(Severity::Suspicious);
    let (status, code) = match (critical, warning) {
        (0, 0) => ("OK", 0),
        (0, _) => ("WARNING", 1),
        _ => ("CRITICAL", 2),
    };
    let worst = answer.verdicts.first().filter(|_| code > 0);
    let said = worst.map_or_else(
        || "no leak, no pile-up, no queue overflows".into(),
        |row| format!("{}: {}", row.verdict.name(), plugin_text(&row.what)),
    );
    let more = match critical + warning {
        0 | 1 => String::new(),
        all => format!(" (and {} more)", all - 1),
    };
    CheckStatus {
        line: format!(
            "TCPMON {status} - {said}{more} | critical={critical} warning={warning} \
             suspicious={suspicious}"
        ),
        code,
    }
}

/// A bar begins performance data.
fn plugin_text(text: &str) -> String {
    sanitise_bounded(text, LONGEST, Charset::Unicode).replace('|', "/")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::view::fixture;

    fn printed(charset: Charset, color: bool) -> String {
        let look = Look {
            columns: 80,
            charset,
            color,
        };
        let mut out = Vec::new();
        text(&mut out, &fixture::verdicts(), 2, look).unwrap();
        String::from_utf8(out).unwrap()
    }

    /// Rewrites the golden file when `UPDATE_GOLDEN` is set.
    #[test]
    fn to_the_letter() {
        let printed = printed(Charset::Unicode, false);
        if std::env::var_os("UPDATE_GOLDEN").is_some() {
            let path = concat!(
                env!("CARGO_MANIFEST_DIR"),
                "/src/view/print/golden/verdicts.txt"
            );
            std::fs::write(path, &printed).unwrap();
        }
        assert_eq!(printed, include_str!("golden/verdicts.txt"), "\n{printed}");
    }

    #[test]
    fn foreign_text_is_harmless_and_ascii_is_ascii() {
        for charset in [Charset::Unicode, Charset::Ascii] {
            let printed = printed(charset, false);
            assert!(!printed.contains(['\u{1b}', '\u{202e}', '\u{9b}', '\r', '\u{7}']));
        }
        assert!(printed(Charset::Ascii, false).is_ascii());
        assert!(printed(Charset::Unicode, true).contains("\u{1b}[1m\u{1b}[31mCRITICAL"));
    }

    #[test]
    fn a_quiet_machine_and_one_not_judged_yet() {
        let mut answer = fixture::verdicts();
        answer.verdicts.clear();
        assert_eq!(
            check(&answer).line,
            "TCPMON OK - no leak, no pile-up, no queue overflows | critical=0 warning=0 suspicious=0"
        );
        assert_eq!(check(&answer).code, 0);
        answer.judged_age_seconds = None;
        assert_eq!(check(&answer).code, 3);
    }

    #[test]
    fn a_plugin_says_the_worst_first_and_keeps_its_bar() {
        let mut answer = fixture::verdicts();
        answer.verdicts[0].what = "a|b".into();
        answer.verdicts.push(answer.verdicts[0].clone());
        answer.verdicts[1].severity = Severity::Warning;
        let status = check(&answer);
        assert_eq!(
            status.line,
            "TCPMON CRITICAL - close_wait_leak: a/b (and 1 more) | critical=1 warning=1 suspicious=0"
        );
        assert_eq!(status.code, 2);
    }

    #[test]
    fn numbers_keep_what_matters() {
        for (value, text) in [
            (50.0, "50"),
            (0.2, "0.2"),
            (123.456, "123"),
            (0.000_25, "0.00025"),
        ] {
            assert_eq!(number(value), text);
        }
    }
}
