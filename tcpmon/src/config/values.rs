//! Single values: how they are written and what range they have.

use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use serde::Deserialize;

use crate::failure::Failure;

/// How much is logged.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "lowercase")]
pub enum LogLevel {
    /// Only what ends the agent or makes its figures wrong.
    Error,
    /// Also what limits the view.
    Warn,
    /// Also what was chosen at the start, and reloads.
    #[default]
    Info,
    /// Also why it was chosen.
    Debug,
}

impl LogLevel {
    /// For the `log` crate.
    #[must_use]
    pub const fn filter(self) -> log::LevelFilter {
        match self {
            Self::Error => log::LevelFilter::Error,
            Self::Warn => log::LevelFilter::Warn,
            Self::Info => log::LevelFilter::Info,
            Self::Debug => log::LevelFilter::Debug,
        }
    }
}

/// How a log line looks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "lowercase")]
pub enum LogFormat {
    /// `time=… level=… msg="…"`.
    #[default]
    Logfmt,
    /// One JSON object per line.
    Json,
}

/// How to attach to the kernel.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub enum Attach {
    /// The best that works.
    #[default]
    Auto,
    /// Only the BTF tracepoint.
    TpBtf,
    /// Only the classic tracepoint.
    Tracepoint,
    /// No kernel program: the table is made of sock_diag dumps alone.
    None,
}

pub(super) fn default_listen_address() -> SocketAddr {
    (Ipv4Addr::LOCALHOST, 9934).into()
}

/// Reads a size such as `65536`, `64KiB` or `8MiB`.
///
/// # Errors
///
/// It is no such thing, or does not fit 32 bits.
pub fn parse_size(text: &str) -> Result<u32, String> {
    let (digits, factor) = [("KiB", 1 << 10), ("MiB", 1 << 20), ("GiB", 1 << 30)]
        .into_iter()
        .find_map(|(unit, factor)| Some((text.strip_suffix(unit)?, factor)))
        .unwrap_or((text, 1));
    digits
        .trim()
        .parse::<u32>()
        .ok()
        .and_then(|number| number.checked_mul(factor))
        .ok_or_else(|| format!("`{text}` is no size: write bytes, or 64KiB, 8MiB"))
}

pub(super) fn check_telemetry_path(path: &str) -> Result<(), Failure> {
    let taken = ["/-/healthy", "/-/ready"].contains(&path);
    let plain = path
        .bytes()
        .all(|byte| byte.is_ascii_alphanumeric() || b"/-_.~".contains(&byte));
    if path.starts_with('/') && plain && !taken {
        return Ok(());
    }
    Err(Failure::usage(format!(
        "the telemetry path {path:?} cannot be served: write an absolute path such as /metrics"
    )))
}

pub(super) fn check_audit_interval(interval: Duration) -> Result<(), Failure> {
    let range = Duration::from_secs(1)..=Duration::from_secs(3600);
    if range.contains(&interval) {
        return Ok(());
    }
    Err(Failure::usage(format!(
        "the audit interval is {interval:?}: it must be from 1s to 1h"
    )))
}

pub(super) fn check_ring_size(bytes: u32) -> Result<(), Failure> {
    let range = 4096..=1 << 30;
    if range.contains(&bytes) && bytes.is_power_of_two() {
        return Ok(());
    }
    Err(Failure::usage(format!(
        "the ring size is {bytes} bytes: it must be a power of two from 4KiB to 1GiB"
    )))
}

pub(super) fn check_incidents(max_files: u32, max_file_size: u32) -> Result<(), Failure> {
    if !(1..=10_000).contains(&max_files) {
        return Err(Failure::usage(format!(
            "at most {max_files} incidents are to be kept: it must be from 1 to 10000"
        )));
    }
    if !(16 << 10..=64 << 20).contains(&max_file_size) {
        return Err(Failure::usage(format!(
            "an incident is to have {max_file_size} bytes at most: it must be from 16KiB to 64MiB"
        )));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_read_with_and_without_unit() {
        for (text, bytes) in [
            ("4096", 4096),
            ("64KiB", 65536),
            ("8 MiB", 8 << 20),
            ("1GiB", 1 << 30),
        ] {
            assert_eq!(parse_size(text), Ok(bytes));
        }
        for text in ["", "8MB", "-1", "5GiB", "99999999999", "MiB"] {
            assert!(parse_size(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_telemetry_path_is_plain_and_hides_no_health_check() {
        for path in [
            "",
            "metrics",
            "/-/ready",
            "/-/healthy",
            "/a b",
            "/{x}",
            "/a?b",
            "/\"><b>",
            "/é",
        ] {
            assert!(check_telemetry_path(path).is_err(), "{path}");
        }
        for path in ["/metrics", "/", "/a/b"] {
            assert!(check_telemetry_path(path).is_ok(), "{path}");
        }
    }
}
