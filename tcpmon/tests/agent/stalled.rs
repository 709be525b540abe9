//! An agent that was kept from running judges what it knows by when it knew it.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use nix::sys::signal::Signal;
use tcpmon::core::query::Verdicts;
use tempfile::TempDir;

use crate::net::{listener, pair};
use crate::place::{alone_in_namespace, now_ns};
use crate::running::Agent;
use crate::world::{Home, check, in_workplace, within};

const SECOND_NS: u64 = 1_000_000_000;
/// Several times the age from which on the agent of this test finds a CLOSE_WAIT wrong.
const STOPPED_NS: u64 = 4 * SECOND_NS;
const IMPATIENT: &str = "\
[audit]
interval = \"1s\"
[verdicts.close_wait]
age = \"1s\"
leak_age = \"1s\"
";
/// So many connections are in CLOSE_WAIT at any moment, each for some tens of milliseconds.
const PASSING: usize = 20;
/// Between two connections. In the pause there are more transitions than are applied in one go, and no
/// more than the ring has room for: what is lost is another matter.
const PACE: Duration = Duration::from_millis(2);
/// Every so many connections a new listener, or there would be no free ports.
const PER_LISTENER: usize = 5000;

/// Ends the server, whatever becomes of the test.
struct Ending<'a>(&'a AtomicBool);

impl Drop for Ending<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// A server that closes every connection, a little after its peer has.
fn serve(until: &AtomicBool) {
    let mut waiting = VecDeque::new();
    while !until.load(Ordering::Relaxed) {
        let at = listener();
        for _ in 0..PER_LISTENER {
            let (client, server) = pair(&at);
            drop(client);
            waiting.push_back(server);
            if waiting.len() > PASSING {
                waiting.pop_front();
            }
            if until.load(Ordering::Relaxed) {
                return;
            }
            thread::sleep(PACE);
        }
    }
}

#[test]
fn an_agent_that_was_stopped_takes_no_passing_state_for_a_stuck_one() {
    alone_in_namespace(|_| {
        let place = TempDir::new().expect("a directory");
        let file = place.path().join("impatient.toml");
        std::fs::write(&file, IMPATIENT).expect("written");
        let agent = Agent::start(&["--config", file.to_str().expect("UTF-8")]);
        in_workplace(|netns| {
            let home = Home::here();
            let is_over = AtomicBool::new(false);
            thread::scope(|scope| {
                let _ending = Ending(&is_over);
                scope.spawn(|| home.visit(|| serve(&is_over)));
                let judged = || {
                    within(60, "a judgement", || {
                        let verdicts: Verdicts = agent.api("/v1/verdicts");
                        check(verdicts.judged_age_seconds.is_some(), || "never".into())?;
                        Ok(verdicts)
                    })
                };
                judged();
                agent.signal(Signal::SIGSTOP);
                let awake_ns = now_ns() + STOPPED_NS;
                within(10, "the pause is over", || {
                    check(now_ns() >= awake_ns, || "not yet".into())
                });
                agent.signal(Signal::SIGCONT);
                let audits = agent.audits();
                within(60, "three more audits", || {
                    let now = agent.audits();
                    check(now >= audits + 3, || format!("{now} of {audits} + 3"))
                });
                let verdicts = judged();
                let standing: Vec<_> = verdicts
                    .verdicts
                    .iter()
                    .filter(|row| row.netns == Some(netns))
                    .collect();
                assert!(standing.is_empty(), "{standing:#?}");
                let past: Vec<_> = verdicts
                    .past
                    .iter()
                    .filter(|row| row.netns == Some(netns))
                    .collect();
                assert!(past.is_empty(), "{past:#?}");
            });
        });
    });
}
