//! Saves incidents to files, on a thread of its own: a slow disk keeps nobody waiting.

mod directory;

use std::io;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread;
use std::time::Duration;

pub use directory::Keep;

use crate::clock;
use crate::core::incident::Incident;
use crate::core::limit::LineLimit;
use crate::outbox::Tray;
use crate::view::print::json;

/// Lines about failures in one minute.
const LINES_A_MINUTE: u32 = 5;
/// At the end the last incidents are waited for so long at most.
const PATIENCE: Duration = Duration::from_secs(5);

/// The thread that saves incidents.
#[derive(Debug)]
pub struct Writer {
    /// Closed when the thread has ended.
    ended: Receiver<()>,
}

impl Writer {
    /// Checks the directory and starts the thread. A directory that cannot be written to is said in
    /// one line and tried again for each incident: it may be mended meanwhile.
    ///
    /// # Errors
    ///
    /// There can be no thread.
    pub fn start(keep: Keep, tray: Tray) -> io::Result<Self> {
        if let Err(error) = keep.check() {
            log::error!(
                "incidents cannot be saved in {}: {error}; --incident.directory must name a directory \
                 that the user of the agent may write to without capabilities",
                keep.directory.display()
            );
        }
        let (alive, ended) = channel();
        thread::Builder::new()
            .name("incidents".into())
            .spawn(move || write_all(&keep, tray, &alive))?;
        Ok(Self { ended })
    }

    /// Waits until what was collected is written, once the owner has gone.
    pub fn finish(self) {
        if self.ended.recv_timeout(PATIENCE) == Err(RecvTimeoutError::Timeout) {
            log::error!("the last incidents are not saved: the disk does not answer");
        }
    }
}

fn write_all(keep: &Keep, mut tray: Tray, _alive: &Sender<()>) {
    let mut limit = LineLimit::new(LINES_A_MINUTE);
    while let Some(incident) = tray.take() {
        let name = incident.file_name();
        match write(keep, &name, incident) {
            Ok(()) => tray.counts().written(),
            Err(error) => {
                tray.counts().failed();
                // What is left out is in the metric.
                let _left_out = limit.turn(clock::boottime_ns());
                if limit.admits() {
                    let directory = keep.directory.display();
                    log::error!(incident = name.as_str(); "incident not saved in {directory}: {error}");
                }
            }
        }
    }
}

/// One line, harmless on a terminal.
fn json(incident: &Incident) -> Option<Vec<u8>> {
    let mut text = Vec::new();
    json::document(&mut text, incident).ok()?;
    Some(text)
}

fn write(keep: &Keep, name: &str, incident: Incident) -> io::Result<()> {
    let json = incident
        .within(keep.max_file_size as usize, json)
        .ok_or_else(|| io::Error::other("it does not fit the largest file that is allowed"))?;
    keep.write(name, &json)
}
