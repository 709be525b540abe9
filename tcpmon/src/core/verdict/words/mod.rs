//! Verdicts in words: what is wrong, who has to mend it, what to run next, and what is not known.

mod leak;
mod ports;
mod queue;
mod stuck;
mod text;

use std::collections::BTreeMap;

use super::{Evidence, Place, Verdict};
use crate::core::netns::{NameSource, NetnsName};
use crate::core::query::{Actor, Confidence, NextStep};
use crate::core::table::Process;

/// What is said of a verdict.
#[derive(Clone, Debug)]
pub(super) struct Words {
    pub(super) what: String,
    pub(super) numbers: BTreeMap<String, f64>,
    pub(super) fix_by: Actor,
    pub(super) fix: String,
    pub(super) next: Vec<NextStep>,
    pub(super) confidence: Confidence,
    pub(super) unknown: Vec<String>,
}

/// What the words need besides the verdict.
pub(super) struct Context<'a> {
    /// Where the trouble is.
    pub(super) place: &'a Place,
    /// Whose sockets these are, or who has the most of them.
    pub(super) process: Option<Process>,
    /// File descriptor of the first of the sockets.
    pub(super) fd: Option<u32>,
    /// Name of the namespace.
    pub(super) netns_name: Option<&'a NetnsName>,
    /// It is the namespace commands run in anyway.
    pub(super) is_here: bool,
}

impl Context<'_> {
    /// `nginx[812]`.
    fn who(&self) -> String {
        match self.process {
            Some(process) => format!("{}[{}]", process.name(), process.pid),
            None => "a process that is not known".into(),
        }
    }

    /// A command, as it has to be run to see the namespace of the trouble.
    fn inside(&self, command: &str) -> String {
        if self.is_here {
            return command.into();
        }
        let name = self.netns_name.map(|name| (name.source, &name.text));
        match (name, self.process) {
            (Some((NameSource::IpNetns, name)), _) => {
                format!("ip netns exec {} {command}", shell_word(name))
            }
            (Some((NameSource::Host, _)), _) => format!("nsenter -t 1 -n {command}"),
            (_, Some(process)) => format!("nsenter -t {} -n {command}", process.pid),
            _ => command.into(),
        }
    }

    /// ` on port 8080` or ` to 10.0.0.5:5432`.
    fn at(&self) -> String {
        match self.place {
            Place::Service { port, .. } => format!(" on port {port}"),
            Place::Destination { address, port, .. } => {
                format!(" to {}", text::endpoint(*address, *port))
            }
            Place::Namespace(_) | Place::Machine => String::new(),
        }
    }

    /// The filter of `ss` for the sockets there.
    fn ss_filter(&self) -> String {
        match self.place {
            Place::Service { port, .. } => format!("'sport = :{port}'"),
            Place::Destination { address, port, .. } => {
                format!("'dst {}'", text::endpoint(*address, *port))
            }
            Place::Namespace(_) | Place::Machine => String::new(),
        }
    }
}

/// The words of a verdict.
pub(super) fn of(verdict: &Verdict<'_>, context: &Context<'_>) -> Words {
    match verdict.evidence {
        Evidence::Leak(evidence) => leak::leak(evidence, context),
        Evidence::Accept(evidence) => leak::accept(evidence, context),
        Evidence::Queue(evidence) => queue::queue(verdict.subject.kind, evidence, context),
        Evidence::Ports(evidence) => ports::ports(evidence, context),
        Evidence::TimeWaits(evidence) => ports::time_waits(evidence, context),
        Evidence::Stuck(evidence) => stuck::stuck(evidence, context),
        Evidence::HalfDead(evidence) => stuck::half_dead(evidence, context),
        Evidence::Orphans(evidence) => stuck::orphans(evidence),
    }
}

fn step(command: impl Into<String>, why: &str) -> NextStep {
    NextStep {
        command: command.into(),
        why: why.into(),
    }
}

/// A word as a shell takes it for one: a name is what somebody chose.
fn shell_word(word: &str) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    if !word.is_empty() && word.chars().all(is_plain) {
        word.into()
    } else {
        format!("'{}'", word.replace('\'', r"'\''"))
    }
}

/// The numbers that are known.
fn numbers<const N: usize>(all: [(&str, Option<f64>); N]) -> BTreeMap<String, f64> {
    let known = all.into_iter();
    known
        .filter_map(|(name, value)| Some((name.to_owned(), value?)))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_one_word_for_a_shell() {
        for (name, word) in [
            ("blue", "blue"),
            ("cni-0_a.b", "cni-0_a.b"),
            ("a b;reboot", "'a b;reboot'"),
            ("it's", r"'it'\''s'"),
            ("", "''"),
        ] {
            assert_eq!(shell_word(name), word);
        }
    }
}
