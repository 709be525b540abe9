//! The agent's configuration: flag over environment over file over default.

mod changes;
mod file;
#[cfg(any(test, fuzzing))]
pub mod fuzz;
mod rules;
mod show;
mod table;
mod value;
mod web;
mod words;

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

pub use changes::{Changes, changes};
pub use show::{example, help, show};
pub use words::{Attach, LogFormat, LogLevel, SockDiag, parse_size};

use crate::core::series::{Budget, Labels};
use crate::core::verdict::Policy;
use crate::failure::Failure;

/// Where the agent listens for local clients.
pub const DEFAULT_SOCKET: &str = "/run/tcpmon/tcpmon.sock";

/// What is typed, on the command line or in the environment. `None` leaves it to the file.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Layer {
    /// Path of the unix socket.
    pub socket: Option<PathBuf>,
    /// Addresses of the HTTP server; none leaves them to the file.
    pub listen_addresses: Vec<SocketAddr>,
    /// Whether the service manager passes the sockets.
    pub systemd_socket: Option<bool>,
    /// Path of the metrics.
    pub telemetry_path: Option<String>,
    /// Names an address on loopback answers to; none leaves them to the file.
    pub host_names: Vec<String>,
    /// Whether there is a page.
    pub page: Option<bool>,
    /// File with TLS and passwords.
    pub web_config_file: Option<PathBuf>,
    /// Which groups have series of their own.
    pub metrics_labels: Option<Labels>,
    /// Series in one scrape at most.
    pub metrics_series_limit: Option<u32>,
    /// Log level.
    pub log_level: Option<LogLevel>,
    /// Log format.
    pub log_format: Option<LogFormat>,
    /// Interval between full audits.
    pub audit_interval: Option<Duration>,
    /// Bytes of the ring.
    pub ring_size: Option<u32>,
    /// How to attach.
    pub attach: Option<Attach>,
    /// Whether to list sockets over sock_diag.
    pub sock_diag: Option<SockDiag>,
    /// Directory for incidents.
    pub incident_directory: Option<PathBuf>,
    /// Files there at most.
    pub incident_max_files: Option<u32>,
    /// Bytes of one at most.
    pub incident_max_file_size: Option<u32>,
}

impl Layer {
    /// Puts what is set here over `config`.
    fn over(self, config: &mut Config) {
        fn put<T>(place: &mut T, typed: Option<T>) {
            if let Some(typed) = typed {
                *place = typed;
            }
        }
        put(&mut config.socket, self.socket);
        let addresses = Some(self.listen_addresses).filter(|addresses| !addresses.is_empty());
        put(&mut config.listen_addresses, addresses);
        put(&mut config.systemd_socket, self.systemd_socket);
        put(&mut config.telemetry_path, self.telemetry_path);
        let names = Some(self.host_names).filter(|names| !names.is_empty());
        put(&mut config.host_names, names);
        put(&mut config.page, self.page);
        put(&mut config.web_config_file, self.web_config_file.map(Some));
        put(&mut config.budget.labels, self.metrics_labels);
        put(&mut config.budget.limit, self.metrics_series_limit);
        put(&mut config.log_level, self.log_level);
        put(&mut config.log_format, self.log_format);
        put(&mut config.audit_interval, self.audit_interval);
        put(&mut config.ring_size, self.ring_size);
        put(&mut config.attach, self.attach);
        put(&mut config.sock_diag, self.sock_diag);
        let directory = self.incident_directory.map(Some);
        put(&mut config.incident_directory, directory);
        put(&mut config.incident_max_files, self.incident_max_files);
        let size = self.incident_max_file_size;
        put(&mut config.incident_max_file_size, size);
    }
}

/// The configuration of an agent, complete and valid.
#[derive(Clone, Debug, PartialEq)]
pub struct Config {
    /// Path of the unix socket.
    pub socket: PathBuf,
    /// Addresses of the HTTP server, at least one.
    pub listen_addresses: Vec<SocketAddr>,
    /// Whether the service manager passes the sockets; the addresses do not count then.
    pub systemd_socket: bool,
    /// Path of the metrics, beginning with `/`.
    pub telemetry_path: String,
    /// Names an address on loopback answers to.
    pub host_names: Vec<String>,
    /// Whether `/` is the page with the state diagram, or a list of links.
    pub page: bool,
    /// File with TLS and passwords, as the Prometheus exporter toolkit defines it.
    pub web_config_file: Option<PathBuf>,
    /// What is told group by group, and how many series there may be.
    pub budget: Budget,
    /// Log level.
    pub log_level: LogLevel,
    /// Log format.
    pub log_format: LogFormat,
    /// Interval between full audits, 1 s to 1 h.
    pub audit_interval: Duration,
    /// Bytes of the ring: a power of two, 4 KiB to 1 GiB.
    pub ring_size: u32,
    /// How to attach.
    pub attach: Attach,
    /// Whether to list sockets over sock_diag.
    pub sock_diag: SockDiag,
    /// Directory for incidents; `None` saves none.
    pub incident_directory: Option<PathBuf>,
    /// Files there at most, 1 to 10,000.
    pub incident_max_files: u32,
    /// Bytes of one at most, 16 KiB to 64 MiB.
    pub incident_max_file_size: u32,
    /// What is judged, and how.
    pub policy: Policy,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            socket: DEFAULT_SOCKET.into(),
            // For whoever is on this machine; what names processes is not for everybody.
            listen_addresses: vec![(std::net::Ipv4Addr::LOCALHOST, 9934).into()],
            systemd_socket: false,
            telemetry_path: "/metrics".into(),
            host_names: Vec::new(),
            page: true,
            web_config_file: None,
            budget: Budget::default(),
            log_level: LogLevel::default(),
            log_format: LogFormat::default(),
            audit_interval: Duration::from_secs(5),
            ring_size: 8 << 20,
            attach: Attach::default(),
            sock_diag: SockDiag::default(),
            incident_directory: None,
            incident_max_files: 32,
            incident_max_file_size: 1 << 20,
            policy: Policy::default(),
        }
    }
}

/// Where a value comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source {
    /// A line of the file, from 1.
    File(usize),
    /// The environment.
    Environment,
    /// The command line.
    Flag,
}

/// Where the values come from, by key; the others are defaults.
pub type Sources = BTreeMap<String, Source>;

impl Config {
    /// Puts `typed` over the file at `path`, if one is given, over the defaults. Says of the file's
    /// keys where they are.
    ///
    /// # Errors
    ///
    /// The file cannot be read or understood, or a value is out of its range; one sentence says
    /// where and what is right.
    pub fn load(typed: Layer, path: Option<&Path>) -> Result<(Self, Sources), Failure> {
        let mut config = Self::default();
        let lines = match path {
            Some(path) => file::read(path, &mut config)?,
            None => file::Lines::default(),
        };
        typed.over(&mut config);
        config.check()?;
        let sources = lines.into_iter();
        let sources = sources.map(|(key, line)| (key, Source::File(line)));
        Ok((config, sources.collect()))
    }

    /// The file is right, and every value is allowed that was typed.
    fn check(&self) -> Result<(), Failure> {
        let mut copy = self.clone();
        for key in table::sections(&mut copy)
            .iter_mut()
            .flat_map(|section| &mut section.keys)
        {
            let is_allowed = key
                .value
                .write()
                .is_none_or(|value| key.value.read(&value).is_some());
            if !is_allowed {
                let (found, allowed) = (key.shown(), key.value.allowed());
                return Err(Failure::usage(file::refusal(&key.path, &found, &allowed)));
            }
        }
        Ok(())
    }
}
