//! The agent's configuration: flag over environment over file over default.

mod file;
#[cfg(any(test, fuzzing))]
pub mod fuzz;
mod values;

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

pub use file::File;
pub use values::{Attach, LogFormat, LogLevel, parse_size};

/// Where the agent listens for local clients.
pub const DEFAULT_SOCKET: &str = "/run/tcpmon/tcpmon.sock";
/// Where the agent listens for Prometheus.
pub const DEFAULT_LISTEN_ADDRESS: &str = "127.0.0.1:9934";
/// Where the metrics are.
pub const DEFAULT_TELEMETRY_PATH: &str = "/metrics";
/// Interval between full audits.
pub const DEFAULT_AUDIT_INTERVAL: Duration = Duration::from_secs(5);
/// Bytes of the ring.
pub const DEFAULT_RING_SIZE: u32 = 8 << 20;
/// Incidents kept.
pub const DEFAULT_INCIDENT_MAX_FILES: u32 = 32;
/// Bytes of one.
pub const DEFAULT_INCIDENT_MAX_FILE_SIZE: u32 = 1 << 20;

/// What is set in one place: on the command line and in the environment, or in a file. `None`
/// leaves it to the next.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Layer {
    /// Path of the unix socket.
    pub socket: Option<PathBuf>,
    /// Address of the HTTP server.
    pub listen_address: Option<SocketAddr>,
    /// Path of the metrics.
    pub telemetry_path: Option<String>,
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
    /// Directory for incidents.
    pub incident_directory: Option<PathBuf>,
    /// Files there at most.
    pub incident_max_files: Option<u32>,
    /// Bytes of one at most.
    pub incident_max_file_size: Option<u32>,
}

impl Layer {
    /// What is set here, and for the rest what is set below.
    #[must_use]
    pub fn over(self, below: Self) -> Self {
        Self {
            socket: self.socket.or(below.socket),
            listen_address: self.listen_address.or(below.listen_address),
            telemetry_path: self.telemetry_path.or(below.telemetry_path),
            log_level: self.log_level.or(below.log_level),
            log_format: self.log_format.or(below.log_format),
            audit_interval: self.audit_interval.or(below.audit_interval),
            ring_size: self.ring_size.or(below.ring_size),
            attach: self.attach.or(below.attach),
            incident_directory: self.incident_directory.or(below.incident_directory),
            incident_max_files: self.incident_max_files.or(below.incident_max_files),
            incident_max_file_size: self.incident_max_file_size.or(below.incident_max_file_size),
        }
    }
}

/// The configuration of an agent, complete and valid.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Config {
    /// Path of the unix socket.
    pub socket: PathBuf,
    /// Address of the HTTP server.
    pub listen_address: SocketAddr,
    /// Path of the metrics, beginning with `/`.
    pub telemetry_path: String,
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
    /// Directory for incidents; `None` saves none.
    pub incident_directory: Option<PathBuf>,
    /// Files there at most, 1 to 10,000.
    pub incident_max_files: u32,
    /// Bytes of one at most, 16 KiB to 64 MiB.
    pub incident_max_file_size: u32,
}

impl Config {
    /// Puts `typed` over the file at `path`, if one is given, over the defaults.
    ///
    /// # Errors
    ///
    /// The file cannot be read or understood, or a value is out of its range; one sentence says
    /// where and what is right.
    pub fn load(typed: Layer, path: Option<&Path>) -> anyhow::Result<Self> {
        let below = match path {
            Some(path) => file::read(path)?,
            None => Layer::default(),
        };
        Self::from_layer(typed.over(below))
    }

    fn from_layer(layer: Layer) -> anyhow::Result<Self> {
        let telemetry_path = layer
            .telemetry_path
            .unwrap_or_else(|| DEFAULT_TELEMETRY_PATH.into());
        let audit_interval = layer.audit_interval.unwrap_or(DEFAULT_AUDIT_INTERVAL);
        let ring_size = layer.ring_size.unwrap_or(DEFAULT_RING_SIZE);
        values::check_telemetry_path(&telemetry_path)?;
        values::check_audit_interval(audit_interval)?;
        let incident_max_files = layer
            .incident_max_files
            .unwrap_or(DEFAULT_INCIDENT_MAX_FILES);
        let incident_max_file_size = layer
            .incident_max_file_size
            .unwrap_or(DEFAULT_INCIDENT_MAX_FILE_SIZE);
        values::check_ring_size(ring_size)?;
        values::check_incidents(incident_max_files, incident_max_file_size)?;
        Ok(Self {
            socket: layer.socket.unwrap_or_else(|| DEFAULT_SOCKET.into()),
            listen_address: match layer.listen_address {
                Some(address) => address,
                None => values::default_listen_address(),
            },
            telemetry_path,
            log_level: layer.log_level.unwrap_or_default(),
            log_format: layer.log_format.unwrap_or_default(),
            audit_interval,
            ring_size,
            attach: layer.attach.unwrap_or_default(),
            incident_directory: layer.incident_directory,
            incident_max_files,
            incident_max_file_size,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_set_is_the_documented_defaults() {
        let config = Config::load(Layer::default(), None).expect("defaults are valid");
        assert_eq!(config.listen_address.to_string(), DEFAULT_LISTEN_ADDRESS);
        assert!(config.listen_address.ip().is_loopback());
        assert_eq!(config.socket, Path::new(DEFAULT_SOCKET));
        assert_eq!(config.audit_interval, DEFAULT_AUDIT_INTERVAL);
    }

    #[test]
    fn what_is_typed_goes_over_the_file() {
        let dir = tempfile::tempdir().expect("a directory");
        let path = dir.path().join("tcpmon.toml");
        std::fs::write(
            &path,
            "socket = \"/tmp/a.sock\"\n[web]\ntelemetry-path = \"/m\"\n[audit]\ninterval = \"7s\"\n",
        )
        .expect("written");
        let typed = Layer {
            socket: Some("/tmp/b.sock".into()),
            ..Layer::default()
        };
        let config = Config::load(typed, Some(&path)).expect("valid");
        assert_eq!(config.socket, Path::new("/tmp/b.sock"));
        assert_eq!(config.telemetry_path, "/m");
        assert_eq!(config.audit_interval, Duration::from_secs(7));
    }

    #[test]
    fn a_bad_file_is_refused_with_line_and_reason() {
        let dir = tempfile::tempdir().expect("a directory");
        let path = dir.path().join("tcpmon.toml");
        for (text, wanted) in [
            (
                "[web]\nlisten-addres = \"x\"\n",
                ":2:1: unknown field `listen-addres`",
            ),
            ("[audit]\ninterval = \"soon\"\n", ":2:12: "),
            ("[audit]\ninterval = \"10ms\"\n", "audit interval"),
            ("[ring]\nsize = \"5000\"\n", "power of two"),
            ("[log]\nlevel = \"loud\"\n", ":2:9: "),
            ("[incident]\nmax-files = 0\n", "1 to 10000"),
            ("[incident]\nmax-file-size = \"1KiB\"\n", "16KiB to 64MiB"),
            ("[web\n", ":1:"),
        ] {
            std::fs::write(&path, text).expect("written");
            let error = Config::load(Layer::default(), Some(&path)).expect_err(text);
            let message = format!("{error:#}");
            assert!(message.contains(wanted), "{text}: {message}");
            assert!(!message.contains('\n'), "one sentence: {message}");
        }
    }

    #[test]
    fn a_file_that_cannot_be_read_is_named() {
        let error = Config::load(Layer::default(), Some(Path::new("/nonexistent/x.toml")))
            .expect_err("no such file");
        assert!(format!("{error:#}").contains("/nonexistent/x.toml"));
    }
}
