//! The loop of `top`: the one place that waits, draws and asks.

use std::time::Duration;

use super::action::{Action, Effect};
use super::app::{App, TopOptions};
use super::events::Events;
use super::feed::Feed;
use super::fetcher::Fetcher;
use super::input;
use super::keys::BROWSE;
use super::render::render;
use super::terminal::Screen;
use super::update::{play, update};

/// Runs the screen until the user leaves, or the terminal or the feed is gone.
pub async fn run(feed: impl Feed, options: TopOptions) -> anyhow::Result<()> {
    // The screen first: without a terminal there are no keys to read either.
    let mut screen = Screen::open(options.color, options.mouse)?;
    let mut events = Events::open().await?;
    let mut fetcher = Fetcher::start(feed);
    let mut app = App::new(&options, screen.size()?);
    let mut action = Action::Tick(Duration::ZERO);
    loop {
        let is_heartbeat = matches!(action, Action::Tick(_)) && app.now > Duration::ZERO;
        play(&mut app, fetcher.feed().playback());
        for effect in update(&mut app, action) {
            match effect {
                Effect::Quit => return Ok(()),
                Effect::Fetch(request) => fetcher.ask(request).await?,
                Effect::Watch(watch, filter) => fetcher.watch(watch, filter),
                Effect::Control(control) => fetcher.feed().control(control),
                Effect::Mouse(take) => screen.take_mouse(take)?,
                Effect::Suspend => screen.suspend()?,
                Effect::Retake => screen.retake()?,
            }
        }
        // Time alone changes nothing on the screen but how old something is.
        let shows_time = app.is_frozen || app.past.is_some() || app.playback.is_some();
        if !is_heartbeat || app.is_stale() || shows_time {
            screen.draw(|frame| render(frame, &app))?;
        }
        let mode = app.mode();
        action = tokio::select! {
            action = events.next(|event| input::action(BROWSE, event, mode)) => action?,
            news = fetcher.next() => news?,
        };
    }
}
