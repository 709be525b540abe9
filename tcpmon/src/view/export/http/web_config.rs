//! The file of `--web.config.file`, as the Prometheus exporter toolkit defines it: TLS, client
//! certificates, basic authentication, headers, a limit of requests.
//!
//! What it means is the toolkit's (`web/tls_config.go`, `web/handler.go`), so that one file serves every
//! exporter of a machine. What the library for TLS lacks is refused by name, never ignored.

mod file;
#[cfg(any(test, fuzzing))]
pub mod fuzz;
mod go;
mod source;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use axum::http::{HeaderName, HeaderValue};
use rustls::ServerConfig;

pub(super) use self::file::{ClientAuth, Pem, TlsSettings};
pub(super) use self::source::{Source, TlsPem};
use super::tls;
use crate::view::format::sanitise;

/// What a file says, ready for use.
#[derive(Debug)]
pub(super) struct WebConfig {
    /// TLS with these settings; `None` serves plain HTTP.
    pub(super) tls: Option<Arc<ServerConfig>>,
    /// Added to every answer.
    pub(super) headers: Vec<(HeaderName, HeaderValue)>,
    /// Names and bcrypt hashes of passwords; nobody is asked for one when there is none.
    pub(super) users: BTreeMap<String, String>,
    /// How many requests are answered; `None` answers all.
    pub(super) rate_limit: Option<RateLimit>,
}

/// A bucket of tokens: one comes every `interval`, and `burst` of them fit in. A request takes one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct RateLimit {
    /// More than nothing.
    pub(super) interval: Duration,
    /// At least one.
    pub(super) burst: u32,
}

/// Why a file cannot be used: one sentence with its place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Wrong {
    file: PathBuf,
    /// From 1; `None` for the file as a whole.
    line: Option<u64>,
    reason: String,
    /// It is the permission that is missing.
    pub(super) is_denied: bool,
}

impl Wrong {
    fn new(file: &Path, line: Option<u64>, reason: impl Into<String>) -> Self {
        Self {
            file: file.to_owned(),
            line,
            // It repeats words of the file, which need not be fit for a terminal.
            reason: sanitise(&reason.into()),
            is_denied: false,
        }
    }

    fn unreadable(file: &Path, error: &std::io::Error) -> Self {
        Self {
            is_denied: error.kind() == std::io::ErrorKind::PermissionDenied,
            ..Self::new(file, None, format!("cannot be read: {error}"))
        }
    }
}

impl fmt::Display for Wrong {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:", self.file.display())?;
        if let Some(line) = self.line {
            write!(f, "{line}:")?;
        }
        write!(f, " {}", self.reason)
    }
}

impl std::error::Error for Wrong {}

/// Whether the file at `path` can be used.
///
/// # Errors
///
/// It cannot, or a file that it names cannot be read: one sentence says which, where and why.
pub fn check(path: &Path) -> anyhow::Result<()> {
    Source::open(path)?;
    Ok(())
}

/// What `file` and the files it names say together.
fn build(file: &file::File, material: &source::Material) -> Result<WebConfig, Wrong> {
    let tls = match (&file.tls, &material.tls) {
        (Some(settings), Some(pem)) => Some(Arc::new(tls::config(settings, pem)?)),
        _ => None,
    };
    Ok(WebConfig {
        tls,
        headers: file.headers.clone(),
        users: file.users.clone(),
        rate_limit: file.rate_limit,
    })
}
