//! The configuration file: TOML, every key optional, none unknown.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::{Deserialize, Deserializer, de::Error as _};

use super::Layer;
use super::values::{Attach, LogFormat, LogLevel, parse_size};
use crate::failure::Failure;
use crate::view::format::sanitise;

/// A file no configuration comes near; a larger one is something else.
const LARGEST: u64 = 1 << 20;

/// The file as written.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub struct File {
    socket: Option<PathBuf>,
    web: Web,
    log: Log,
    audit: Audit,
    ring: Ring,
    kernel: Kernel,
    incident: Incident,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
struct Web {
    listen_address: Option<SocketAddr>,
    telemetry_path: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
struct Log {
    level: Option<LogLevel>,
    format: Option<LogFormat>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
struct Audit {
    #[serde(deserialize_with = "duration")]
    interval: Option<Duration>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
struct Ring {
    #[serde(deserialize_with = "size")]
    size: Option<u32>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
struct Kernel {
    attach: Option<Attach>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
struct Incident {
    directory: Option<PathBuf>,
    max_files: Option<u32>,
    #[serde(deserialize_with = "size")]
    max_file_size: Option<u32>,
}

fn duration<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Duration>, D::Error> {
    let text = String::deserialize(deserializer)?;
    humantime::parse_duration(&text)
        .map(Some)
        .map_err(|_| D::Error::custom(format!("`{text}` is no duration: write 5s or 1m 30s")))
}

fn size<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<u32>, D::Error> {
    let text = String::deserialize(deserializer)?;
    parse_size(&text).map(Some).map_err(D::Error::custom)
}

/// Reads the file at `path`.
///
/// # Errors
///
/// It cannot be read, or is not such a file; the sentence has path, line, column and reason.
pub(super) fn read(path: &Path) -> Result<Layer, Failure> {
    let unreadable = |error: std::io::Error| {
        Failure::usage(format!(
            "cannot read the configuration {}: {error}",
            path.display()
        ))
    };
    let length = std::fs::metadata(path).map_err(unreadable)?.len();
    if length > LARGEST {
        return Err(Failure::usage(format!(
            "the configuration {} has {length} bytes: that is no configuration",
            path.display()
        )));
    }
    parse(path, &std::fs::read_to_string(path).map_err(unreadable)?)
}

/// Reads `text`, which is in the file at `path`.
pub(super) fn parse(path: &Path, text: &str) -> Result<Layer, Failure> {
    let file: File = toml::from_str(text).map_err(|error| {
        let (line, column) = place(text, error.span().map_or(0, |span| span.start));
        // It repeats words of the file, which need not be fit for a terminal.
        let message = sanitise(&error.message().replace('\n', " "));
        Failure::usage(format!("{}:{line}:{column}: {message}", path.display()))
    })?;
    Ok(file.layer())
}

/// Line and column, from 1, of a byte offset.
fn place(text: &str, offset: usize) -> (usize, usize) {
    let before = text.get(..offset).unwrap_or(text);
    let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
    (
        before.matches('\n').count() + 1,
        before[line_start..].chars().count() + 1,
    )
}

impl File {
    fn layer(self) -> Layer {
        Layer {
            socket: self.socket,
            listen_address: self.web.listen_address,
            telemetry_path: self.web.telemetry_path,
            log_level: self.log.level,
            log_format: self.log.format,
            audit_interval: self.audit.interval,
            ring_size: self.ring.size,
            attach: self.kernel.attach,
            incident_directory: self.incident.directory,
            incident_max_files: self.incident.max_files,
            incident_max_file_size: self.incident.max_file_size,
        }
    }
}
