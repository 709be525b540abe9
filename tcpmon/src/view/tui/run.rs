//! The loop of `top`: the one place that waits, draws and asks.

use std::time::Duration;

use anyhow::Context as _;
use crossterm::event::EventStream;
use futures_util::StreamExt as _;
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
        match update(&mut app, action) {
            Some(Effect::Quit) => return Ok(()),
            Some(Effect::Fetch(request)) => sources.fetcher.ask(request).await?,
            None => {}
        }
        // Time alone changes nothing on the screen but the age of stale or frozen data.
        if !is_heartbeat || app.is_stale() || app.is_frozen {
            screen.draw(&app)?;
        }
        action = sources.next(&app).await?;
    }
}

/// Everything that can happen.
struct Sources {
    fetcher: Fetcher,
    keys: EventStream,
    heartbeat: Interval,
    beginning: Instant,
    terminate: tokio::signal::unix::Signal,
    hang_up: tokio::signal::unix::Signal,
}

impl Sources {
    async fn open(feed: impl Feed) -> anyhow::Result<Self> {
        let mut heartbeat = interval(HEARTBEAT);
        heartbeat.set_missed_tick_behavior(MissedTickBehavior::Skip);
        Ok(Self {
            fetcher: Fetcher::start(feed),
            keys: EventStream::new(),
            beginning: heartbeat.tick().await,
            heartbeat,
            terminate: signal(SignalKind::terminate())?,
            hang_up: signal(SignalKind::hangup())?,
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
                answer = self.fetcher.answer() => return Ok(Action::Answer(Box::new(answer?))),
                now = self.heartbeat.tick() => {
                    return Ok(Action::Tick(now.duration_since(self.beginning)));
                }
                // Leaving the loop restores the terminal, which a signal's default does not.
                _ = self.terminate.recv() => return Ok(Action::Command(Command::Quit)),
                _ = self.hang_up.recv() => return Ok(Action::Command(Command::Quit)),
            }
        }
    }
}
