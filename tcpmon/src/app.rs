//! The composition root: which parts there are and in what order they start.
//!
//! Load and attach, prove, start the sweeper, give up every privilege, and only then start the
//! runtime and talk to anybody.

use std::sync::{Arc, mpsc as thread_channel};
use std::thread::{self, JoinHandle};

use anyhow::Context as _;
use caps::Capability;
use tokio::sync::{mpsc, watch};

use crate::agent::{self, Host, Parts, Settings};
use crate::config::{Attach, Config, SockDiag};
use crate::core::table::Table;
use crate::failure::{Failure, first_line};
use crate::mailbox::Mailbox;
use crate::outbox::Outbox;
use crate::privilege;
use crate::source::bpf::{self, Stream, canary, holders::Holders};
use crate::source::netns;
use crate::source::procfs::{ProcRoot, inspect, limits};
use crate::source::sweep::{Job, Listing, Report, Sweeper};
use crate::view::incidents::{Keep, Writer};

/// Chunks of rows on their way from the sweeper to the owner: a few, so that a slow owner makes a
/// slow sweep and not a large queue.
const REPORTS: usize = 4;

/// An agent that is attached and has given up its privileges, and does not run yet.
pub struct Prepared {
    parts: Parts,
    mailbox: Mailbox,
    settings: watch::Sender<Settings>,
    sweeper: JoinHandle<()>,
    writer: Option<Writer>,
    chosen: String,
}

/// Loads, attaches, proves, and gives up every privilege of the calling thread.
///
/// # Errors
///
/// Nothing can be attached, or the canary shows that the program reads wrongly.
pub fn prepare(config: &Config) -> anyhow::Result<Prepared> {
    let mut table = Table::new();
    let mut limits = Vec::new();
    let mut chosen = Vec::new();
    let stream = match open_stream(config)? {
        Some(mut stream) => {
            limits.extend(stream.rung().limits().iter().map(ToString::to_string));
            chosen.push(prove(&mut stream, &mut table)?);
            Some(stream)
        }
        None => {
            limits.push("no kernel program: transitions between two audits are not seen".into());
            chosen.push("sock_diag alone, as configured".into());
            None
        }
    };
    if !inspect::sees_kernel_pids(&ProcRoot::default()) {
        limits.push(
            "the agent is in a pid namespace of its own: processes that own sockets cannot be looked at"
                .into(),
        );
    }
    set_fin_timeout(&mut table);
    let holders = match &stream {
        Some(_) => load_holders(&mut chosen),
        None => None,
    };
    // Before the sweeper starts: its thread inherits it.
    privilege::no_new_privileges()?;
    let listing = match config.sock_diag {
        SockDiag::Auto => Listing::SockDiag,
        SockDiag::Off => Listing::Proc,
    };
    let (sweeper, jobs, reports) = start_sweeper(holders, listing)?;
    let kept = give_up_privileges(stream.as_ref())?;
    chosen.push(kept);
    // After that, so that its thread may do no more than the others.
    let (outbox, writer) = match start_writer(config)? {
        Some((outbox, writer)) => (Some(outbox), Some(writer)),
        None => (None, None),
    };

    let (mailbox, letters) = Mailbox::new();
    let (settings, settings_receiver) = watch::channel(settings(config));
    let host = Host {
        name: host_name(),
        kernel: kernel_release(),
        netns: netns::own_inode(),
        limits,
    };
    let parts = Parts {
        stream,
        table,
        jobs,
        reports,
        letters,
        settings: settings_receiver,
        host,
        outbox,
        heartbeat: Box::new(|| {}),
    };
    Ok(Prepared {
        parts,
        mailbox,
        settings,
        sweeper,
        writer,
        chosen: chosen.join(", "),
    })
}

/// What of the configuration can change while the agent runs.
#[must_use]
pub fn settings(config: &Config) -> Settings {
    Settings {
        audit_interval: config.audit_interval,
        policy: Arc::new(config.policy.clone()),
    }
}

impl Prepared {
    /// The way to ask the agent.
    #[must_use]
    pub fn mailbox(&self) -> Mailbox {
        self.mailbox.clone()
    }

    /// The way to change its settings while it runs.
    #[must_use]
    pub fn settings(&self) -> watch::Sender<Settings> {
        self.settings.clone()
    }

    /// One line: what was chosen and how it was proved.
    #[must_use]
    pub fn chosen(&self) -> &str {
        &self.chosen
    }

    /// Called about once a second while the agent is alive.
    pub fn on_heartbeat(&mut self, heartbeat: impl Fn() + Send + 'static) {
        self.parts.heartbeat = Box::new(heartbeat);
    }

    /// Runs until `stop` resolves, drains what is in the ring and detaches.
    ///
    /// # Errors
    ///
    /// The loop cannot go on.
    pub async fn run(self, stop: impl Future<Output = ()>) -> anyhow::Result<()> {
        let Self {
            parts,
            sweeper,
            writer,
            ..
        } = self;
        let outcome = agent::run(parts, stop).await;
        // The loop has dropped its ends of the channels: the sweeper finishes its sentence.
        if sweeper.join().is_err() {
            log::error!("the sweeper panicked");
        }
        if let Some(writer) = writer {
            writer.finish();
        }
        outcome
    }
}

fn open_stream(config: &Config) -> anyhow::Result<Option<Stream>> {
    let attach = match config.attach {
        Attach::Auto => bpf::Attach::Auto,
        Attach::TpBtf => bpf::Attach::TpBtf,
        Attach::Tracepoint => bpf::Attach::Tracepoint,
        Attach::None => return Ok(None),
    };
    let options = bpf::Options {
        attach,
        ring_bytes: config.ring_size,
        wake_bytes: u64::from(config.ring_size) / 32,
    };
    Stream::open(&options)
        .map(Some)
        .map_err(|error| refusal(&error).into())
}

/// Why nothing could be attached, in one sentence for the user.
fn refusal(error: &anyhow::Error) -> Failure {
    if let Ok(held) = privilege::Held::read() {
        let missing = held.missing(privilege::LOADER);
        if !missing.is_empty() {
            return Failure::not_permitted(format!(
                "not permitted to watch the kernel: {} is missing; run as root, or see `tcpmon doctor`",
                missing.join(" and ")
            ));
        }
    }
    log::debug!("{error:#}");
    let reason = first_line(error);
    Failure::not_permitted(format!(
        "cannot attach to sock:inet_sock_set_state: {reason}; `tcpmon doctor` says what is missing"
    ))
}

fn prove(stream: &mut Stream, table: &mut Table) -> anyhow::Result<String> {
    let proof = canary::prove(stream, |record| {
        table.apply(record);
    })
    .map_err(|error| Failure::not_permitted(format!("the kernel program misreads: {error:#}")))?;
    let what = match (proof.connection, proof.ipv6) {
        (true, true) => "IPv4 and IPv6",
        (true, false) => "IPv4",
        (false, _) => "a listener only, loopback is down",
    };
    Ok(format!("{} proved by canary ({what})", stream.rung()))
}

fn set_fin_timeout(table: &mut Table) {
    let settings = limits::read_namespace_limits(&ProcRoot::default());
    if let Some(seconds) = settings.fin_timeout_s {
        table.set_fin_timeout(u64::from(seconds) * 1_000_000_000);
    }
}

fn load_holders(chosen: &mut Vec<String>) -> Option<Holders> {
    match Holders::load() {
        Ok(holders) => {
            chosen.push("owners by iter/task_file".into());
            Some(holders)
        }
        Err(error) => {
            log::debug!("{error:#}");
            chosen.push("owners by /proc".into());
            None
        }
    }
}

type SweeperEnds = (
    JoinHandle<()>,
    thread_channel::Sender<Job>,
    mpsc::Receiver<Report>,
);

fn start_sweeper(holders: Option<Holders>, listing: Listing) -> anyhow::Result<SweeperEnds> {
    let (jobs, jobs_receiver) = thread_channel::channel();
    let (reports, reports_receiver) = mpsc::channel(REPORTS);
    let sweeper = thread::Builder::new()
        .name("sweeper".into())
        .spawn(move || {
            if let Err(error) = privilege::keep_only(privilege::SWEEPER) {
                log::warn!("the sweeper keeps more privilege than it needs: {error:#}");
            }
            let mut sweeper = Sweeper::new(holders, listing, |report| {
                reports.blocking_send(report).is_ok()
            });
            while let Ok(job) = jobs_receiver.recv() {
                if !sweeper.run(job) {
                    return;
                }
            }
        })
        .context("cannot start the sweeper's thread")?;
    Ok((sweeper, jobs, reports_receiver))
}

fn start_writer(config: &Config) -> anyhow::Result<Option<(Outbox, Writer)>> {
    let Some(directory) = config.incident_directory.clone() else {
        return Ok(None);
    };
    let (outbox, tray) = Outbox::new();
    let keep = Keep {
        directory,
        max_files: config.incident_max_files,
        max_file_size: config.incident_max_file_size,
    };
    let writer = Writer::start(keep, tray).context("cannot start the thread for incidents")?;
    Ok(Some((outbox, writer)))
}

/// Gives up every capability, but CAP_BPF where the kernel wants it for reading counters (before
/// 5.19); found by trying on a thread that is thrown away.
fn give_up_privileges(stream: Option<&Stream>) -> anyhow::Result<String> {
    let works_without = match stream {
        None => true,
        Some(stream) => thread::scope(|scope| {
            let attempt = scope.spawn(|| {
                privilege::keep_only(&[])?;
                stream.counters()
            });
            attempt.join().is_ok_and(|counters| counters.is_ok())
        }),
    };
    if works_without {
        privilege::keep_only(&[])?;
        Ok("no capabilities kept but the sweeper's".into())
    } else {
        privilege::keep_only(&[(Capability::CAP_BPF, "read counter maps")])?;
        Ok("CAP_BPF kept to read counters, and the sweeper's".into())
    }
}

fn host_name() -> String {
    nix::unistd::gethostname()
        .ok()
        .and_then(|name| name.into_string().ok())
        .unwrap_or_else(|| "unknown".into())
}

/// The kernel's release, as `uname -r` prints it.
#[must_use]
pub fn kernel_release() -> String {
    nix::sys::utsname::uname().map_or_else(
        |_| "unknown".into(),
        |name| name.release().to_string_lossy().into_owned(),
    )
}
