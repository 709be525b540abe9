//! A recording on the screen of `tcpmon top`.

use std::io::{Read, Seek};
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::oneshot;

use super::top::AgentFeed;
use super::{Args, connect, output};
use crate::core::filter::Filter;
use crate::core::query::{Picture, Wants};
use crate::core::recording::{Control, Playback};
use crate::mailbox::Mailbox;
use crate::replay::{Player, Remote, Tape};
use crate::view::tui::{self, ActiveFilter, Feed, TopOptions};

/// Time between two pictures: at 64 times the speed half a minute passes in it.
const INTERVAL: Duration = Duration::from_millis(500);

pub(super) fn run<R: Read + Seek + Send + 'static>(
    tape: Tape<R>,
    args: Args,
) -> anyhow::Result<()> {
    let filter: ActiveFilter = output::filter(&args.filter)?;
    let options = TopOptions {
        interval: INTERVAL,
        filter,
        color: output::color(args.color),
        charset: output::charset(),
        mouse: !args.no_mouse,
    };
    connect::runtime()?.block_on(async {
        let (mailbox, letters) = Mailbox::new();
        let (player, remote) = Player::new(tape, args.speed, letters);
        let (stop, stopped) = oneshot::channel();
        let task = tokio::spawn(async {
            // A dropped sender means the same.
            let stop = async { drop(stopped.await) };
            player.run(stop).await;
            Ok(())
        });
        let agent = Arc::new(connect::Agent::Own(connect::Own::new(mailbox, stop, task)));
        let feed = TapeFeed {
            agent: AgentFeed(Arc::clone(&agent)),
            remote,
        };
        let outcome = tui::run(feed, options).await;
        if let Some(agent) = Arc::into_inner(agent) {
            agent.stop().await?;
        }
        outcome
    })
}

/// Answers of a recording, and how it is played.
#[derive(Clone)]
struct TapeFeed {
    agent: AgentFeed,
    remote: Remote,
}

impl Feed for TapeFeed {
    type Watch = connect::Events;

    async fn fetch(&self, wants: Wants) -> Result<Picture, String> {
        self.agent.fetch(wants).await
    }

    async fn watch(&self, filter: Filter, most: u32) -> Result<connect::Events, String> {
        self.agent.watch(filter, most).await
    }

    fn playback(&self) -> Option<Playback> {
        Some(self.remote.playback())
    }

    fn control(&self, control: Control) {
        self.remote.ask(control);
    }
}
