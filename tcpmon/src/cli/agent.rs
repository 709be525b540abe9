//! `tcpmon agent`: the daemon.

use std::net::{SocketAddr, TcpListener};
use std::path::PathBuf;
use std::time::Duration;

use std::future::IntoFuture as _;

use anyhow::Context as _;
use clap::Args as ClapArgs;
use sd_notify::NotifyState;
use tokio::runtime::Builder;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;

use crate::agent::Settings;
use crate::app::{self, Prepared};
use crate::config::{Attach, Config, Layer, LogFormat, LogLevel, parse_size};
use crate::logging;
use crate::view::api::{self, listen::ApiListener};
use crate::view::export;

/// Flags of `tcpmon agent`. Every one can also be set in the environment and, but for --config, in
/// the file.
#[derive(Clone, Debug, ClapArgs)]
pub(super) struct Args {
    /// Configuration file (TOML); read again on SIGHUP
    #[arg(long, value_name = "FILE", env = "TCPMON_CONFIG")]
    config: Option<PathBuf>,
    /// Unix socket for the other commands, mode 0660 [default: /run/tcpmon/tcpmon.sock]
    #[arg(long, value_name = "PATH", env = "TCPMON_SOCKET")]
    socket: Option<PathBuf>,
    /// Address of the metrics [default: 127.0.0.1:9934]
    #[arg(
        long = "web.listen-address",
        value_name = "ADDRESS",
        env = "TCPMON_WEB_LISTEN_ADDRESS"
    )]
    listen_address: Option<SocketAddr>,
    /// Path of the metrics [default: /metrics]
    #[arg(
        long = "web.telemetry-path",
        value_name = "PATH",
        env = "TCPMON_WEB_TELEMETRY_PATH"
    )]
    telemetry_path: Option<String>,
    /// How much to log [default: info]
    #[arg(
        long = "log.level",
        value_enum,
        value_name = "LEVEL",
        env = "TCPMON_LOG_LEVEL"
    )]
    log_level: Option<LogLevel>,
    /// How a log line looks [default: logfmt]
    #[arg(
        long = "log.format",
        value_enum,
        value_name = "FORMAT",
        env = "TCPMON_LOG_FORMAT"
    )]
    log_format: Option<LogFormat>,
    /// Time between two comparisons of the table with the kernel's own lists; longer when that would
    /// cost more than a hundredth of a processor [default: 5s]
    #[arg(long = "audit.interval", value_name = "DURATION", env = "TCPMON_AUDIT_INTERVAL",
          value_parser = humantime::parse_duration)]
    audit_interval: Option<Duration>,
    /// Size of the ring between kernel and agent, a power of two [default: 8MiB]
    #[arg(long = "ring.size", value_name = "SIZE", env = "TCPMON_RING_SIZE", value_parser = parse_size)]
    ring_size: Option<u32>,
    /// How to attach to the kernel [default: auto]
    #[arg(
        long = "kernel.attach",
        value_enum,
        value_name = "HOW",
        env = "TCPMON_KERNEL_ATTACH"
    )]
    attach: Option<Attach>,
    /// Directory for the evidence of verdicts that become critical [default: none is saved]
    #[arg(
        long = "incident.directory",
        value_name = "DIRECTORY",
        env = "TCPMON_INCIDENT_DIRECTORY"
    )]
    incident_directory: Option<PathBuf>,
    /// Files there at most; the oldest goes first [default: 32]
    #[arg(
        long = "incident.max-files",
        value_name = "NUMBER",
        env = "TCPMON_INCIDENT_MAX_FILES"
    )]
    incident_max_files: Option<u32>,
    /// Size of one file at most [default: 1MiB]
    #[arg(long = "incident.max-file-size", value_name = "SIZE",
          env = "TCPMON_INCIDENT_MAX_FILE_SIZE", value_parser = parse_size)]
    incident_max_file_size: Option<u32>,
}

impl Args {
    fn layer(&self) -> Layer {
        Layer {
            socket: self.socket.clone(),
            listen_address: self.listen_address,
            telemetry_path: self.telemetry_path.clone(),
            log_level: self.log_level,
            log_format: self.log_format,
            audit_interval: self.audit_interval,
            ring_size: self.ring_size,
            attach: self.attach,
            incident_directory: self.incident_directory.clone(),
            incident_max_files: self.incident_max_files,
            incident_max_file_size: self.incident_max_file_size,
        }
    }

    fn load(&self) -> anyhow::Result<Config> {
        Config::load(self.layer(), self.config.as_deref())
    }
}

pub(super) fn run(args: Args) -> anyhow::Result<()> {
    let config = args.load()?;
    logging::start(config.log_level, config.log_format);
    // Before anything is attached: a taken port must not leave a trace.
    let web = listen(config.listen_address)?;
    let mut prepared = app::prepare(&config)?;
    log::info!("watching: {}", prepared.chosen());
    prepared.on_heartbeat(|| notify(&[NotifyState::Watchdog]));
    // The loop and the servers: a long answer on one thread does not keep the ring waiting.
    Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()?
        .block_on(serve(args, config, web, prepared))
}

fn listen(address: SocketAddr) -> anyhow::Result<TcpListener> {
    let listener = TcpListener::bind(address).with_context(|| {
        format!("cannot listen on {address}: choose another with --web.listen-address")
    })?;
    listener.set_nonblocking(true)?;
    Ok(listener)
}

async fn serve(
    args: Args,
    config: Config,
    web: TcpListener,
    prepared: Prepared,
) -> anyhow::Result<()> {
    let mailbox = prepared.mailbox();
    let settings = prepared.settings();
    let socket = ApiListener::bind(&config.socket).await?;
    let telemetry_path = config.telemetry_path.clone();
    let web = tokio::net::TcpListener::from_std(web)?;
    log::info!(
        "listening: metrics=http://{}{} socket={}",
        web.local_addr()?,
        config.telemetry_path,
        config.socket.display()
    );
    let metrics = export::http::router(mailbox.clone(), telemetry_path);
    let web = tokio::spawn(axum::serve(web, metrics).into_future());
    let local = tokio::spawn(axum::serve(socket, api::server::router(mailbox)).into_future());
    let reload = tokio::spawn(reload(args, config, settings));
    notify(&[NotifyState::Ready]);

    let outcome = prepared.run(stopped()?).await;
    notify(&[NotifyState::Stopping]);
    reload.abort();
    for server in [web, local] {
        server.abort();
        // Dropped with its server, the unix socket is gone when this returns.
        drop(server.await);
    }
    log::info!("stopped: the ring is drained and nothing is left attached");
    outcome
}

/// Resolves on SIGTERM or SIGINT.
fn stopped() -> anyhow::Result<impl Future<Output = ()>> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    Ok(async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
    })
}

/// Takes over a changed file on SIGHUP. A bad one changes nothing.
async fn reload(args: Args, mut config: Config, settings: watch::Sender<Settings>) {
    let Ok(mut hangup) = signal(SignalKind::hangup()) else {
        return;
    };
    while hangup.recv().await.is_some() {
        match args.load() {
            Ok(new) => {
                apply(&config, &new, &settings);
                config = new;
            }
            Err(error) => {
                log::error!("the old configuration stays: {error:#}");
            }
        }
    }
}

fn apply(old: &Config, new: &Config, settings: &watch::Sender<Settings>) {
    logging::set_level(new.log_level);
    settings.send_replace(Settings {
        audit_interval: new.audit_interval,
    });
    let fixed = [
        ("socket", old.socket != new.socket),
        (
            "web.listen-address",
            old.listen_address != new.listen_address,
        ),
        (
            "web.telemetry-path",
            old.telemetry_path != new.telemetry_path,
        ),
        ("log.format", old.log_format != new.log_format),
        ("ring.size", old.ring_size != new.ring_size),
        ("kernel.attach", old.attach != new.attach),
        (
            "incident.directory",
            old.incident_directory != new.incident_directory,
        ),
        (
            "incident.max-files",
            old.incident_max_files != new.incident_max_files,
        ),
        (
            "incident.max-file-size",
            old.incident_max_file_size != new.incident_max_file_size,
        ),
    ];
    for (key, _) in fixed.iter().filter(|(_, changed)| *changed) {
        log::warn!("{key} changes at the next start only");
    }
    log::info!("configuration reloaded");
}

fn notify(state: &[NotifyState<'_>]) {
    if let Err(error) = sd_notify::notify(state) {
        log::debug!("cannot notify the service manager: {error}");
    }
}
