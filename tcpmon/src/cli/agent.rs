//! `tcpmon agent`: the daemon.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use clap::parser::ValueSource;
use clap::{ArgMatches, Args as ClapArgs};
use sd_notify::NotifyState;
use tokio::runtime::Builder;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;

use crate::agent::Settings;
use crate::app::{self, Prepared};
use crate::config::{
    Attach, Changes, Config, Layer, LogFormat, LogLevel, SockDiag, Source, Sources, changes, help,
    parse_size,
};
use crate::core::series::{Budget, Labels};
use crate::failure::Failure;
use crate::logging;
use crate::view::api::{self, listen::ApiListener};
use crate::view::export::exporter::Exporter;
use crate::view::export::http::{Options, Web};

/// Flags of `tcpmon agent`. Every one can also be set in the environment and, but for --config, in
/// the file.
#[derive(Clone, Debug, ClapArgs)]
pub(super) struct Args {
    /// Configuration file (TOML); read again on SIGHUP
    #[arg(long, value_name = "FILE", env = "TCPMON_CONFIG")]
    config: Option<PathBuf>,
    #[arg(long, value_name = "PATH", env = "TCPMON_SOCKET", help = help("socket"))]
    socket: Option<PathBuf>,
    #[arg(
        long = "web.listen-address",
        value_name = "ADDRESS",
        env = "TCPMON_WEB_LISTEN_ADDRESS",
        value_delimiter = ',',
        help = help("web.listen-address")
    )]
    listen_addresses: Vec<SocketAddr>,
    #[arg(
        long = "web.systemd-socket",
        value_name = "BOOL",
        env = "TCPMON_WEB_SYSTEMD_SOCKET",
        num_args = 0..=1,
        require_equals = true,
        default_missing_value = "true",
        help = help("web.systemd-socket")
    )]
    systemd_socket: Option<bool>,
    #[arg(
        long = "web.telemetry-path",
        value_name = "PATH",
        env = "TCPMON_WEB_TELEMETRY_PATH",
        help = help("web.telemetry-path")
    )]
    telemetry_path: Option<String>,
    #[arg(
        long = "web.page",
        value_name = "BOOL",
        env = "TCPMON_WEB_PAGE",
        num_args = 0..=1,
        require_equals = true,
        default_missing_value = "true",
        help = help("web.page")
    )]
    page: Option<bool>,
    #[arg(
        long = "web.host-names",
        value_name = "NAMES",
        env = "TCPMON_WEB_HOST_NAMES",
        value_delimiter = ',',
        help = help("web.host-names")
    )]
    host_names: Vec<String>,
    #[arg(
        long = "web.config.file",
        value_name = "FILE",
        env = "TCPMON_WEB_CONFIG_FILE",
        help = help("web.config.file")
    )]
    web_config_file: Option<PathBuf>,
    #[arg(
        long = "metrics.labels",
        value_name = "WORDS",
        env = "TCPMON_METRICS_LABELS",
        help = help("metrics.labels")
    )]
    metrics_labels: Option<Labels>,
    #[arg(
        long = "metrics.series-limit",
        value_name = "NUMBER",
        env = "TCPMON_METRICS_SERIES_LIMIT",
        help = help("metrics.series-limit")
    )]
    metrics_series_limit: Option<u32>,
    #[arg(
        long = "log.level",
        value_enum,
        value_name = "LEVEL",
        env = "TCPMON_LOG_LEVEL",
        help = help("log.level")
    )]
    log_level: Option<LogLevel>,
    #[arg(
        long = "log.format",
        value_enum,
        value_name = "FORMAT",
        env = "TCPMON_LOG_FORMAT",
        help = help("log.format")
    )]
    log_format: Option<LogFormat>,
    #[arg(
        long = "audit.interval",
        value_name = "DURATION",
        env = "TCPMON_AUDIT_INTERVAL",
        value_parser = humantime::parse_duration,
        help = help("audit.interval")
    )]
    audit_interval: Option<Duration>,
    #[arg(
        long = "ring.size",
        value_name = "SIZE",
        env = "TCPMON_RING_SIZE",
        value_parser = parse_size,
        help = help("ring.size")
    )]
    ring_size: Option<u32>,
    #[arg(
        long = "kernel.attach",
        value_enum,
        value_name = "HOW",
        env = "TCPMON_KERNEL_ATTACH",
        help = help("kernel.attach")
    )]
    attach: Option<Attach>,
    #[arg(
        long = "kernel.sock-diag",
        value_enum,
        value_name = "WHETHER",
        env = "TCPMON_KERNEL_SOCK_DIAG",
        help = help("kernel.sock-diag"),
        hide = true
    )]
    sock_diag: Option<SockDiag>,
    #[arg(
        long = "incident.directory",
        value_name = "DIRECTORY",
        env = "TCPMON_INCIDENT_DIRECTORY",
        help = help("incident.directory")
    )]
    incident_directory: Option<PathBuf>,
    #[arg(
        long = "incident.max-files",
        value_name = "NUMBER",
        env = "TCPMON_INCIDENT_MAX_FILES",
        help = help("incident.max-files")
    )]
    incident_max_files: Option<u32>,
    #[arg(
        long = "incident.max-file-size",
        value_name = "SIZE",
        env = "TCPMON_INCIDENT_MAX_FILE_SIZE",
        value_parser = parse_size,
        help = help("incident.max-file-size")
    )]
    incident_max_file_size: Option<u32>,
}

impl Args {
    fn layer(&self) -> Layer {
        Layer {
            socket: self.socket.clone(),
            listen_addresses: self.listen_addresses.clone(),
            systemd_socket: self.systemd_socket,
            telemetry_path: self.telemetry_path.clone(),
            host_names: self.host_names.clone(),
            page: self.page,
            web_config_file: self.web_config_file.clone(),
            metrics_labels: self.metrics_labels,
            metrics_series_limit: self.metrics_series_limit,
            log_level: self.log_level,
            log_format: self.log_format,
            audit_interval: self.audit_interval,
            ring_size: self.ring_size,
            attach: self.attach,
            sock_diag: self.sock_diag,
            incident_directory: self.incident_directory.clone(),
            incident_max_files: self.incident_max_files,
            incident_max_file_size: self.incident_max_file_size,
        }
    }

    /// The configuration, and where the file has its keys.
    pub(super) fn load(&self) -> Result<(Config, Sources), Failure> {
        Config::load(self.layer(), self.config.as_deref())
    }
}

/// The keys that are typed rather than in the file: a flag is called as its key.
pub(super) fn typed(matches: &ArgMatches) -> Sources {
    let flags = Args::augment_args(clap::Command::new("agent"));
    let flags = flags.get_arguments().filter_map(|flag| {
        let source = match matches.value_source(flag.get_id().as_str())? {
            ValueSource::CommandLine => Source::Flag,
            ValueSource::EnvVariable => Source::Environment,
            _ => return None,
        };
        Some((flag.get_long()?.to_owned(), source))
    });
    flags.collect()
}

pub(super) fn run(args: Args) -> anyhow::Result<()> {
    let (config, _) = args.load()?;
    logging::start(config.log_level, config.log_format);
    // Before anything is attached: a taken port must not leave a trace.
    let web = Web::open(web_options(&config))?;
    let mut prepared = app::prepare(&config)?;
    web.look_again();
    log::info!("watching: {}", prepared.chosen());
    prepared.on_heartbeat(|| notify(&[NotifyState::Watchdog]));
    // The loop and the servers: a long answer on one thread does not keep the ring waiting.
    Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()?
        .block_on(serve(args, config, web, prepared))
}

fn web_options(config: &Config) -> Options {
    Options {
        listen_addresses: config.listen_addresses.clone(),
        takes_systemd_sockets: config.systemd_socket,
        config_file: config.web_config_file.clone(),
        telemetry_path: config.telemetry_path.clone(),
        host_names: config.host_names.clone(),
        has_page: config.page,
    }
}

async fn serve(args: Args, config: Config, web: Web, prepared: Prepared) -> anyhow::Result<()> {
    let mailbox = prepared.mailbox();
    let settings = prepared.settings();
    let socket = ApiListener::bind(&config.socket).await?;
    log::info!(
        "listening: metrics={} socket={}",
        web.urls()?,
        config.socket.display()
    );
    let (budget, budget_receiver) = watch::channel(config.budget);
    let exporter = Exporter::new(mailbox.clone(), budget_receiver);
    let web = tokio::spawn(web.serve(mailbox.clone(), exporter)?);
    let local = tokio::spawn(api::server::serve(socket, mailbox));
    let reload = tokio::spawn(reload(args, config, settings, budget));
    notify(&[NotifyState::Ready]);

    let outcome = prepared.run(stopped()?).await;
    notify(&[NotifyState::Stopping]);
    reload.abort();
    web.abort();
    local.abort();
    // Dropped with its server, the unix socket is gone when this returns.
    drop((web.await, local.await));
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
async fn reload(
    args: Args,
    mut running: Config,
    settings: watch::Sender<Settings>,
    budget: watch::Sender<Budget>,
) {
    let Ok(mut hangup) = signal(SignalKind::hangup()) else {
        return;
    };
    while hangup.recv().await.is_some() {
        match args.load() {
            Ok((new, _)) => {
                apply(&running, &new);
                settings.send_replace(app::settings(&new));
                budget.send_replace(new.budget);
                // What changes at the next start only stays as it runs.
                running = Config {
                    log_level: new.log_level,
                    budget: new.budget,
                    audit_interval: new.audit_interval,
                    policy: new.policy,
                    ..running
                };
            }
            Err(error) => {
                log::error!("the old configuration stays: {error}");
            }
        }
    }
}

fn apply(running: &Config, new: &Config) {
    logging::set_level(new.log_level);
    let Changes { live, at_start } = changes(running, new);
    for key in at_start {
        log::warn!("{key} changes at the next start only");
    }
    if live.is_empty() {
        log::info!("configuration reloaded: nothing changes");
    } else {
        log::info!("configuration reloaded: {}", live.join(", "));
    }
}

fn notify(state: &[NotifyState<'_>]) {
    if let Err(error) = sd_notify::notify(state) {
        log::debug!("cannot notify the service manager: {error}");
    }
}
