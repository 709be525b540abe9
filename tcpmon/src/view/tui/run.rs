//! The loop of `top`: the one place that waits, draws and asks.

use std::time::Duration;

use anyhow::Context as _;
use crossterm::event::EventStream;
use futures_util::StreamExt as _;
use nix::sys::signal::Signal;
use tokio::signal::unix::{SignalKind, signal};
use tokio::time::{Instant, Interval, MissedTickBehavior, interval};

use super::action::{Action, Command, Effect};
use super::app::{App, TopOptions};
use super::feed::Feed;
use super::fetcher::Fetcher;
use super::input;
use super::terminal::Screen;
use super::update::update;

/// How exactly intervals and the age of stale data are kept.
const HEARTBEAT: Duration = Duration::from_millis(250);

/// Runs the screen until the user leaves, or the terminal or the feed is gone.
pub async fn run(feed: impl Feed, options: TopOptions) -> anyhow::Result<()> {
    // The screen first: without a terminal there are no keys to read either.
    let mut screen = Screen::open(options.color, options.mouse)?;
    let mut sources = Sources::open(feed).await?;
    let mut app = App::new(&options, screen.size()?);
    let mut action = Action::Tick(Duration::ZERO);
    loop {
        let is_heartbeat = matches!(action, Action::Tick(_)) && app.now > Duration::ZERO;
        for effect in update(&mut app, action) {
            match effect {
                Effect::Quit => return Ok(()),
                Effect::Fetch(request) => sources.fetcher.ask(request).await?,
                Effect::Watch(watch, filter) => sources.fetcher.watch(watch, filter),
                Effect::Mouse(take) => screen.take_mouse(take)?,
                Effect::Suspend => screen.suspend()?,
                Effect::Retake => screen.retake()?,
            }
        }
        // Time alone changes nothing on the screen but how old something is.
        if !is_heartbeat || app.is_stale() || app.is_frozen || app.past.is_some() {
            screen.draw(&app)?;
        }
        action = sources.next(&app).await?;
    }
}

/// Everything that can happen.
struct Sources<F> {
    fetcher: Fetcher<F>,
    keys: EventStream,
    heartbeat: Interval,
    beginning: Instant,
    terminate: tokio::signal::unix::Signal,
    hang_up: tokio::signal::unix::Signal,
    stop: tokio::signal::unix::Signal,
    resume: tokio::signal::unix::Signal,
}

impl<F: Feed> Sources<F> {
    async fn open(feed: F) -> anyhow::Result<Self> {
        let mut heartbeat = interval(HEARTBEAT);
        heartbeat.set_missed_tick_behavior(MissedTickBehavior::Skip);
        Ok(Self {
            fetcher: Fetcher::start(feed),
            keys: EventStream::new(),
            beginning: heartbeat.tick().await,
            heartbeat,
            terminate: signal(SignalKind::terminate())?,
            hang_up: signal(SignalKind::hangup())?,
            stop: signal(SignalKind::from_raw(Signal::SIGTSTP as i32))?,
            resume: signal(SignalKind::from_raw(Signal::SIGCONT as i32))?,
        })
    }

    /// Waits for what happens next.
    async fn next(&mut self, app: &App) -> anyhow::Result<Action> {
        loop {
            tokio::select! {
                event = self.keys.next() => {
                    let event = event.context("the terminal is gone")?;
                    let event = event.context("cannot read the terminal")?;
                    if let Some(action) = input::action(&event, app.mode()) {
                        return Ok(action);
                    }
                }
                news = self.fetcher.next() => return news,
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
