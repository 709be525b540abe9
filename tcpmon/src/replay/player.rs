//! Plays a recording at the pace that is asked for, and answers questions as of where it is.

use std::future::Future;
use std::io::{Read, Seek};
use std::time::Duration;

use tokio::sync::{mpsc, watch};
use tokio::time::{MissedTickBehavior, interval};

use super::{Tape, World};
use crate::agent::watchers::Watchers;
use crate::clock;
use crate::core::query::Summary;
use crate::core::recording::{Control, Playback, Speed};
use crate::mailbox::Letter;

/// How smoothly it is played.
const STEP: Duration = Duration::from_millis(40);
/// Items before somebody else gets a turn: some milliseconds.
const BUDGET: usize = 4096;
const SECOND_NS: u64 = 1_000_000_000;

/// What plays a recording. It takes the place of an agent: whoever has its mailbox can ask.
pub struct Player<R> {
    tape: Tape<R>,
    world: World,
    letters: mpsc::Receiver<Letter>,
    controls: mpsc::UnboundedReceiver<Control>,
    status: watch::Sender<Playback>,
    watchers: Watchers,
    /// Up to where it is to be played.
    target_ns: u64,
    /// When all that was there at the beginning had been told.
    planted_ns: u64,
    speed: Speed,
    is_playing: bool,
    is_seeking: bool,
    turns: u64,
}

/// The way to a [`Player`].
#[derive(Clone, Debug)]
pub struct Remote {
    controls: mpsc::UnboundedSender<Control>,
    status: watch::Receiver<Playback>,
}

impl Remote {
    /// Asks for something; what has ended does nothing any more.
    pub fn ask(&self, control: Control) {
        self.controls.send(control).ok();
    }

    /// Where it is.
    #[must_use]
    pub fn playback(&self) -> Playback {
        self.status.borrow().clone()
    }
}

impl<R: Read + Seek> Player<R> {
    /// A player at the beginning of `tape`, and the way to it. It answers `letters` once it runs.
    pub fn new(tape: Tape<R>, speed: Speed, letters: mpsc::Receiver<Letter>) -> (Self, Remote) {
        let (sender, controls) = mpsc::unbounded_channel();
        let world = World::new(tape.header().clone());
        let target_ns = world.now_ns();
        let (status, receiver) = watch::channel(Playback {
            position_ns: 0,
            length_ns: tape.length_ns(),
            clock: String::new(),
            speed,
            is_playing: true,
            is_seeking: true,
            turns: 0,
        });
        let player = Self {
            tape,
            world,
            letters,
            controls,
            status,
            watchers: Watchers::default(),
            target_ns,
            planted_ns: 0,
            speed,
            is_playing: true,
            is_seeking: true,
            turns: 0,
        };
        let remote = Remote {
            controls: sender,
            status: receiver,
        };
        (player, remote)
    }

    /// Plays and answers until `stop` resolves.
    pub async fn run(mut self, stop: impl Future<Output = ()>) {
        let mut step = interval(STEP);
        step.set_missed_tick_behavior(MissedTickBehavior::Skip);
        let mut last = step.tick().await;
        let mut more = true;
        tokio::pin!(stop);
        loop {
            tokio::select! {
                () = &mut stop => return,
                now = step.tick() => {
                    self.wind(now.duration_since(std::mem::replace(&mut last, now)));
                    more = self.advance();
                }
                () = tokio::task::yield_now(), if more => more = self.advance(),
                Some(letter) = self.letters.recv() => self.answer(letter),
                Some(control) = self.controls.recv() => {
                    self.obey(control);
                    more = self.advance();
                }
            }
            self.tell();
        }
    }

    /// So much time has passed for whoever watches.
    fn wind(&mut self, passed: Duration) {
        if !self.is_playing || self.is_seeking {
            return;
        }
        self.target_ns = match self.speed.factor() {
            None => self.tape.last_ns(),
            Some(factor) => {
                let further_ns = (passed.as_nanos() as f64 * factor) as u64;
                let target_ns = self.target_ns.saturating_add(further_ns);
                // What cannot be read so fast is not run after.
                target_ns.min(self.tape.last_ns())
            }
        };
    }

    /// Plays on towards the target, for a while; `true` when it is not there yet.
    fn advance(&mut self) -> bool {
        for _ in 0..BUDGET {
            // The table as it was at the beginning is one moment.
            let target_ns = match self.world.is_planted() {
                true => self.target_ns,
                false => u64::MAX,
            };
            let Some(item) = self.tape.next_until(target_ns) else {
                self.arrive();
                return false;
            };
            let was_planted = self.world.is_planted();
            let change = self.world.apply(item);
            if !was_planted {
                self.planted_ns = self.world.now_ns();
            }
            if let Some(change) = change
                && !self.is_seeking
                && !self.watchers.is_empty()
            {
                let Self {
                    watchers, world, ..
                } = self;
                let unix_ns = world.unix_ns(change.time_ns);
                watchers.show(world.table(), &change, || unix_ns);
            }
        }
        true
    }

    fn arrive(&mut self) {
        self.is_seeking = false;
        // Damage may have been found on the way: then the end is nearer than it seemed.
        self.target_ns = self.target_ns.max(self.world.now_ns());
        self.world.pass(self.target_ns.min(self.tape.last_ns()));
        if self.world.now_ns() >= self.tape.last_ns() {
            self.is_playing = false;
        }
    }

    fn obey(&mut self, control: Control) {
        let now_ns = self.world.now_ns();
        let (began_ns, last_ns) = (self.tape.header().began_ns, self.tape.last_ns());
        match control {
            Control::Toggle if !self.is_playing && now_ns >= last_ns => {
                self.seek(began_ns);
                self.is_playing = true;
            }
            Control::Toggle => {
                self.is_playing = !self.is_playing;
                self.target_ns = now_ns;
            }
            Control::Faster => self.speed = self.speed.faster(),
            Control::Slower => {
                self.speed = self.speed.slower();
                if !self.is_seeking {
                    self.target_ns = now_ns;
                }
            }
            Control::Forward(seconds) => {
                let there_ns = now_ns.saturating_add(seconds.saturating_mul(SECOND_NS));
                self.seek(there_ns.min(last_ns));
            }
            Control::Back(seconds) => {
                let there_ns = now_ns.saturating_sub(seconds.saturating_mul(SECOND_NS));
                self.seek(there_ns.max(began_ns));
            }
            Control::Beginning => self.seek(began_ns),
            Control::End => self.seek(last_ns),
        }
    }

    fn seek(&mut self, there_ns: u64) {
        if there_ns < self.world.now_ns() {
            self.tape.rewind();
            self.world = World::new(self.tape.header().clone());
            self.turns += 1;
        }
        self.target_ns = there_ns;
        self.is_seeking = true;
    }

    fn tell(&self) {
        let now_ns = self.world.now_ns();
        let unix_s = self.world.unix_ns(now_ns) / SECOND_NS;
        // The recorder took its time to tell what was there, and that is one moment.
        let is_beginning = now_ns <= self.planted_ns && now_ns < self.tape.last_ns();
        let passed_ns = now_ns.saturating_sub(self.tape.header().began_ns);
        let told = Playback {
            position_ns: if is_beginning { 0 } else { passed_ns },
            length_ns: self.tape.length_ns(),
            clock: clock::rfc3339_seconds(unix_s),
            speed: self.speed,
            is_playing: self.is_playing,
            is_seeking: self.is_seeking,
            turns: self.turns,
        };
        self.status.send_if_modified(|before| {
            let is_new = *before != told;
            *before = told;
            is_new
        });
    }

    /// The machine at a glance; first of what limits the view is what keeps the recording from being read.
    fn summary(&self) -> Summary {
        let mut summary = self.world.summary();
        if let Some(trouble) = self.tape.trouble() {
            let limits = &mut summary.health.limits;
            limits.insert(0, format!("the recording {trouble}"));
        }
        summary
    }

    fn answer(&mut self, letter: Letter) {
        let world = &self.world;
        let now_ns = world.now_ns();
        // Whoever asked may have gone; then nobody misses the answer.
        match letter {
            Letter::Summary(answer) => drop(answer.send(self.summary())),
            Letter::Picture(wants, answer) => {
                drop(answer.send(Box::new(world.picture(&wants, self.summary()))));
            }
            Letter::Socket(question, answer) => drop(answer.send(world.socket(question))),
            Letter::Sockets(question, answer) => drop(answer.send(world.sockets(&question))),
            Letter::Endings(answer) => drop(answer.send(world.endings())),
            Letter::Namespaces(answer) => drop(answer.send(world.namespaces())),
            Letter::Verdicts(answer) => drop(answer.send(world.verdicts())),
            Letter::Processes(limit, answer) => drop(answer.send(world.processes(limit))),
            Letter::Listeners(limit, answer) => {
                drop(answer.send(world.table().listener_rows(limit, now_ns)));
            }
            Letter::Destinations(limit, answer) => {
                drop(answer.send(world.table().destination_rows(limit)));
            }
            Letter::Process(pid, answer) => drop(answer.send(world.process(pid))),
            Letter::Watch(filter, most, rows) => self.watchers.add(filter, most, rows),
            Letter::Ready(answer) => drop(answer.send(world.is_planted())),
            // What an agent tells of itself while it runs: a recording does not run.
            Letter::Snapshot(_) | Letter::Census(_) | Letter::Record(..) => {}
        }
    }
}
