//! An agent, and all it ever said.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use tcpmon::core::query::{VerdictRow, Verdicts};
use tcpmon::core::verdict::{Kind, Severity};

use crate::place::now_ns;
use crate::running::Agent;
use crate::world::{check, within};

/// The agent's default.
const AUDIT_INTERVAL: &str = "5s";
/// Two audits: what has crossed its threshold is named in this time.
pub(super) const PROMPT_S: f64 = 10.0;
const PAUSE: Duration = Duration::from_millis(250);

/// What was said at one moment.
#[derive(Clone, Debug)]
pub(super) struct Said {
    /// When it was judged, `CLOCK_BOOTTIME` ns.
    pub(super) time_ns: u64,
    pub(super) row: VerdictRow,
}

#[derive(Default)]
struct History {
    said: Mutex<Vec<Said>>,
    is_over: AtomicBool,
}

/// An agent with the defaults of production, and somebody who writes down all it says.
pub(super) struct Stage {
    pub(super) agent: Arc<Agent>,
    history: Arc<History>,
    scribe: Option<JoinHandle<()>>,
}

impl Stage {
    pub(super) fn open() -> Self {
        let agent = Arc::new(Agent::start(&["--audit.interval", AUDIT_INTERVAL]));
        let history = Arc::new(History::default());
        let (asked, notes) = (Arc::clone(&agent), Arc::clone(&history));
        let scribe = thread::spawn(move || {
            let mut last_ns = 0;
            while !notes.is_over.load(Ordering::Relaxed) {
                last_ns = notes.write(&asked.api("/v1/verdicts"), last_ns);
                thread::sleep(PAUSE);
            }
        });
        Self {
            agent,
            history,
            scribe: Some(scribe),
        }
    }

    /// What the agent had to do besides: a machine full of sockets is audited seldom.
    pub(super) fn circumstances(&self) -> String {
        let summary = self.agent.summary();
        let sockets: u64 = summary.states.iter().map(|state| state.sockets).sum();
        format!(
            "{} audits in {:.0} s, {sockets} sockets on this machine",
            self.agent.audits(),
            summary.uptime_seconds
        )
    }
}

impl Drop for Stage {
    fn drop(&mut self) {
        self.history.is_over.store(true, Ordering::Relaxed);
        let scribe = self.scribe.take().expect("there is one");
        assert!(
            scribe.join().is_ok() || thread::panicking(),
            "the agent stopped answering"
        );
    }
}

impl History {
    /// Takes an answer over, unless it is the judgement of `last_ns` again; returns when it was judged.
    fn write(&self, answer: &Verdicts, last_ns: u64) -> u64 {
        let Some(age_s) = answer.judged_age_seconds else {
            return last_ns;
        };
        let time_ns = now_ns().saturating_sub((age_s * 1e9) as u64);
        // The way here takes its time: two answers on one judgement are not of the same nanosecond.
        if time_ns < last_ns + 200_000_000 {
            return last_ns;
        }
        let mut said = self.said.lock().unwrap_or_else(PoisonError::into_inner);
        said.extend(answer.verdicts.iter().map(|row| Said {
            time_ns,
            row: row.clone(),
        }));
        time_ns
    }
}

/// One scene: something happens in a namespace of its own.
pub(super) struct Scene<'a> {
    stage: &'a Stage,
    name: &'a str,
    pub(super) netns: u32,
}

impl<'a> Scene<'a> {
    pub(super) const fn new(stage: &'a Stage, name: &'a str, netns: u32) -> Self {
        Self { stage, name, netns }
    }

    pub(super) fn agent(&self) -> &Agent {
        &self.stage.agent
    }

    /// Something worth knowing from a run that succeeded.
    pub(super) fn note(&self, what: &str) {
        eprintln!("{}: {what}", self.name);
    }

    /// All that was said of this namespace, in its order.
    pub(super) fn said(&self) -> Vec<Said> {
        let history = &self.stage.history.said;
        let all = history.lock().unwrap_or_else(PoisonError::into_inner);
        let here = all.iter().filter(|said| said.row.netns == Some(self.netns));
        here.cloned().collect()
    }

    /// Waits for the first verdict that `is_it`.
    #[track_caller]
    pub(super) fn awaits(
        &self,
        seconds: u64,
        what: &str,
        is_it: impl Fn(&VerdictRow) -> bool,
    ) -> Said {
        within(seconds, what, || {
            let said = self.said();
            let found = said.iter().find(|said| is_it(&said.row));
            found.cloned().ok_or_else(|| {
                let told: Vec<_> = said
                    .iter()
                    .rev()
                    .take(3)
                    .map(|said| &said.row.what)
                    .collect();
                format!("{}: the last three: {told:#?}", self.name)
            })
        })
    }

    /// Nothing but verdicts of these kinds was ever said here.
    #[track_caller]
    pub(super) fn only(&self, kinds: &[Kind]) {
        let said = self.said();
        let odd = said.iter().find(|said| !kinds.contains(&said.row.verdict));
        check(odd.is_none(), || format!("{}: {odd:#?}", self.name))
            .expect("only what is wrong is named");
    }

    /// Every verdict here was on this process.
    #[track_caller]
    pub(super) fn only_on(&self, pid: u32) {
        let said = self.said();
        let odd = said.iter().find(|said| said.row.pid != Some(pid));
        check(odd.is_none(), || format!("{}: {odd:#?}", self.name)).expect("nobody else is blamed");
    }

    /// What was foretold came about: each time `left_seconds` was told with `least_left_s` or more to
    /// go, it was right within a fifth of what was left.
    #[track_caller]
    pub(super) fn foretold(&self, left_seconds: &str, happened_ns: u64, least_left_s: f64) {
        let errors: Vec<(f64, f64)> = self
            .said()
            .iter()
            .filter_map(|said| {
                let told_s = *said.row.evidence.get(left_seconds)?;
                let left_s = seconds_between(said.time_ns, happened_ns)?;
                (left_s >= least_left_s).then(|| (left_s, (told_s - left_s) / left_s))
            })
            .collect();
        let (first_left_s, first) = *errors.first().expect("it was foretold");
        let worst = errors
            .iter()
            .map(|(_, error)| error.abs())
            .fold(0.0, f64::max);
        self.note(&format!(
            "foretold {first_left_s:.0} s before, {:+.0} % off; at worst {:.0} % in {} tellings",
            first * 100.0,
            worst * 100.0,
            errors.len(),
        ));
        assert!(
            worst <= 0.2,
            "{}: (seconds left, error): {errors:?}",
            self.name
        );
    }
}

/// Seconds from one moment to a later one.
pub(super) fn seconds_between(from_ns: u64, to_ns: u64) -> Option<f64> {
    Some(to_ns.checked_sub(from_ns)? as f64 / 1e9)
}

/// A verdict of this kind, at least so bad.
pub(super) fn is(row: &VerdictRow, kind: Kind, least: Severity) -> bool {
    row.verdict == kind && row.severity >= least
}
