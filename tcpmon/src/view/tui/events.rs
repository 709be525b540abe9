//! What happens to a screen, but for the answers: keys, time, signals.

use std::time::Duration;

use anyhow::Context as _;
use crossterm::event::{Event, EventStream};
use futures_util::StreamExt as _;
use nix::sys::signal::Signal as Number;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::time::{Instant, Interval, MissedTickBehavior, interval};

use super::action::{Action, Command};

/// How exactly intervals and the age of stale data are kept.
const HEARTBEAT: Duration = Duration::from_millis(250);

/// Where they come from.
pub(super) struct Events {
    keys: EventStream,
    heartbeat: Interval,
    beginning: Instant,
    terminate: Signal,
    hang_up: Signal,
    stop: Signal,
    resume: Signal,
}

impl Events {
    pub(super) async fn open() -> anyhow::Result<Self> {
        let mut heartbeat = interval(HEARTBEAT);
        heartbeat.set_missed_tick_behavior(MissedTickBehavior::Skip);
        Ok(Self {
            keys: EventStream::new(),
            beginning: heartbeat.tick().await,
            heartbeat,
            terminate: signal(SignalKind::terminate())?,
            hang_up: signal(SignalKind::hangup())?,
            stop: signal(SignalKind::from_raw(Number::SIGTSTP as i32))?,
            resume: signal(SignalKind::from_raw(Number::SIGCONT as i32))?,
        })
    }

    /// Waits for what happens next; `read` says what the terminal's events mean. May be given up
    /// while it waits.
    pub(super) async fn next(
        &mut self,
        read: impl Fn(&Event) -> Option<Action>,
    ) -> anyhow::Result<Action> {
        loop {
            tokio::select! {
                event = self.keys.next() => {
                    let event = event.context("the terminal is gone")?;
                    let event = event.context("cannot read the terminal")?;
                    if let Some(action) = read(&event) {
                        return Ok(action);
                    }
                }
                now = self.heartbeat.tick() => {
                    return Ok(Action::Tick(now.duration_since(self.beginning)));
                }
                // Leaving the loop restores the terminal, which a signal's default does not.
                _ = self.terminate.recv() => return Ok(Action::Command(Command::Quit)),
                _ = self.stop.recv() => return Ok(Action::Command(Command::Suspend)),
                _ = self.resume.recv() => return Ok(Action::Resumed),
                _ = self.hang_up.recv() => return Ok(Action::Command(Command::Quit)),
            }
        }
    }
}
