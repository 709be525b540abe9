//! The loop: the one place that waits, draws and asks.

use std::time::Duration;

use super::super::action::Action;
use super::super::events::Events;
use super::super::input;
use super::super::terminal::Screen;
use super::app::{App, FleetOptions};
use super::asker::{Asker, FleetFeed};
use super::keys::BROWSE;
use super::render::render;
use super::update::{Effect, receive, update};

/// Runs the screen until the user leaves, or the terminal is gone.
pub async fn run(feed: impl FleetFeed, options: FleetOptions) -> anyhow::Result<()> {
    let mut screen = Screen::open(options.color, options.mouse)?;
    let mut events = Events::open().await?;
    let mut asker = Asker::start(feed);
    let mut app = App::new(options, screen.size()?);
    let mut effects = update(&mut app, Action::Tick(Duration::ZERO));
    let mut is_news = true;
    loop {
        for effect in effects {
            match effect {
                Effect::Quit => return Ok(()),
                Effect::Ask(asked) => asker.ask(asked).await?,
                Effect::Mouse(take) => screen.take_mouse(take)?,
                Effect::Suspend => screen.suspend()?,
                Effect::Retake => screen.retake()?,
            }
        }
        if is_news || app.is_stale() || app.is_frozen {
            screen.draw(|frame| render(frame, &app))?;
        }
        let mode = app.mode();
        effects = tokio::select! {
            action = events.next(|event| input::action(BROWSE, event, mode)) => {
                let action = action?;
                // Time alone changes nothing on the screen but how old something is.
                is_news = !matches!(action, Action::Tick(_));
                update(&mut app, action)
            }
            answered = asker.next() => {
                is_news = true;
                receive(&mut app, answered?)
            }
        };
    }
}
