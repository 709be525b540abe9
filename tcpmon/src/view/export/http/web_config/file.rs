//! The YAML of the file: which keys there are, and what each may be.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use axum::http::{HeaderName, HeaderValue};
use serde::de::Error as _;
use serde::{Deserialize, Deserializer};
use serde_saphyr::{Options, Spanned};

use super::super::tls::names::{CipherSuite, Curve, Version};
use super::{RateLimit, Wrong, go};

/// A file no such configuration comes near; a larger one is something else.
pub(super) const LARGEST: u64 = 1 << 20;

/// What a file says, checked as far as it can be without the files it names.
#[derive(Debug)]
pub(super) struct File {
    pub(super) tls: Option<TlsSettings>,
    pub(super) headers: Vec<(HeaderName, HeaderValue)>,
    pub(super) users: BTreeMap<String, String>,
    pub(super) rate_limit: Option<RateLimit>,
}

/// Where the PEM text of something is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in super::super) enum Pem {
    /// In the file itself.
    Inline(String),
    /// In another.
    At(PathBuf),
}

/// `tls_server_config`.
#[derive(Debug)]
pub(in super::super) struct TlsSettings {
    /// The file these are from, and the line they begin at: where what is wrong with them is.
    pub(in super::super) place: (PathBuf, u64),
    pub(in super::super) certificate: Pem,
    pub(in super::super) key: Pem,
    pub(in super::super) client_ca: Option<Pem>,
    pub(in super::super) client_auth: ClientAuth,
    /// `None`: any name will do.
    pub(in super::super) allowed_sans: Option<Vec<String>>,
    pub(in super::super) versions: (Version, Version),
    /// `None`: all that are known.
    pub(in super::super) cipher_suites: Option<Vec<CipherSuite>>,
    pub(in super::super) curves: Option<Vec<Curve>>,
    pub(in super::super) prefers_own_order: bool,
    pub(in super::super) http2: bool,
}

impl TlsSettings {
    /// Something is wrong with them.
    pub(in super::super) fn wrong(&self, reason: impl Into<String>) -> Wrong {
        Wrong::new(&self.place.0, Some(self.place.1), reason)
    }
}

/// What is asked of a client's certificate. The names are Go's.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
pub(in super::super) enum ClientAuth {
    /// Nothing.
    #[default]
    #[serde(rename = "NoClientCert", alias = "")]
    No,
    /// It may be shown, and is not verified.
    #[serde(rename = "RequestClientCert")]
    Request,
    /// It must be shown, and is not verified.
    #[serde(rename = "RequireAnyClientCert", alias = "RequireClientCert")]
    RequireAny,
    /// It may be shown, and is verified then.
    #[serde(rename = "VerifyClientCertIfGiven")]
    VerifyIfGiven,
    /// It must be shown, and is verified.
    #[serde(rename = "RequireAndVerifyClientCert")]
    RequireAndVerify,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Top {
    tls_server_config: Option<Spanned<Tls>>,
    http_server_config: Option<Http>,
    basic_auth_users: Option<BTreeMap<String, Spanned<Option<String>>>>,
    rate_limit: Option<Spanned<Rate>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Tls {
    cert: Option<String>,
    key: Option<String>,
    client_ca: Option<String>,
    cert_file: Option<String>,
    key_file: Option<String>,
    client_ca_file: Option<String>,
    client_auth_type: Option<ClientAuth>,
    client_allowed_sans: Option<Vec<String>>,
    min_version: Option<Version>,
    max_version: Option<Version>,
    cipher_suites: Option<Vec<CipherSuite>>,
    curve_preferences: Option<Vec<Curve>>,
    prefer_server_cipher_suites: Option<bool>,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Http {
    http2: Option<bool>,
    headers: Option<BTreeMap<String, Spanned<Option<String>>>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Rate {
    #[serde(default, deserialize_with = "interval")]
    interval: std::time::Duration,
    burst: Option<u32>,
}

fn interval<'de, D: Deserializer<'de>>(from: D) -> Result<std::time::Duration, D::Error> {
    let Some(text) = Option::<String>::deserialize(from)? else {
        return Ok(std::time::Duration::ZERO);
    };
    go::duration(&text)
        .ok_or_else(|| D::Error::custom(format!("`{text}` is no duration such as 1s or 100ms")))
}

/// Reads the text of the file at `path`, beside which the files are that it names.
///
/// # Errors
///
/// It is no such file; the sentence has the line and the reason.
pub(super) fn parse(path: &Path, text: &str) -> Result<File, Wrong> {
    let top = read(path, text)?;
    let http = top.http_server_config.unwrap_or_default();
    let http2 = http.http2.unwrap_or(true);
    let tls = match top.tls_server_config {
        Some(tls) => tls_settings(path, tls, http2)?,
        None => None,
    };
    Ok(File {
        tls,
        headers: headers(path, http.headers.unwrap_or_default())?,
        users: users(path, top.basic_auth_users.unwrap_or_default())?,
        rate_limit: top.rate_limit.map_or(Ok(None), |rate| limit(path, &rate))?,
    })
}

fn read(path: &Path, text: &str) -> Result<Top, Wrong> {
    let mut options = Options::default();
    options.with_snippet = false;
    let wrong = |error: serde_saphyr::Error| {
        let line = error.location().map(|location| location.line());
        let words = error.to_string();
        // The place stands before the sentence, not in it.
        let end = words.rfind(" at line ").unwrap_or(words.len());
        Wrong::new(
            path,
            line,
            words[..end]
                .trim_end_matches([',', ':', ' '])
                .replace('\n', " "),
        )
    };
    // A file without a document says nothing, which is allowed.
    let top = serde_saphyr::from_str_with_options::<Option<Top>>(text, options).map_err(wrong)?;
    Ok(top.unwrap_or_default())
}

fn tls_settings(path: &Path, tls: Spanned<Tls>, http2: bool) -> Result<Option<TlsSettings>, Wrong> {
    let line = tls.referenced.line();
    let tls = tls.value;
    let pem = |inline: Option<String>, at: Option<String>| {
        let at = at.filter(|at| !at.is_empty());
        let inline = inline.filter(|inline| !inline.is_empty());
        // As the toolkit has it, a file counts more.
        at.map(|at| Pem::At(beside(path, &at)))
            .or(inline.map(Pem::Inline))
    };
    let certificate = pem(tls.cert, tls.cert_file);
    let key = pem(tls.key, tls.key_file);
    let client_ca = pem(tls.client_ca, tls.client_ca_file);
    let is_meant = certificate.is_some()
        || key.is_some()
        || client_ca.is_some()
        || tls.client_auth_type.is_some();
    if !is_meant {
        return Ok(None);
    }
    let wrong = |reason: &str| Wrong::new(path, Some(line), reason);
    let settings = TlsSettings {
        place: (path.to_owned(), line),
        certificate: certificate.ok_or_else(|| wrong("cert or cert_file is missing"))?,
        key: key.ok_or_else(|| wrong("key or key_file is missing"))?,
        client_ca,
        client_auth: tls.client_auth_type.unwrap_or_default(),
        allowed_sans: tls.client_allowed_sans,
        versions: (
            tls.min_version.unwrap_or(Version::Tls12),
            tls.max_version.unwrap_or(Version::Tls13),
        ),
        cipher_suites: tls.cipher_suites.filter(|names| !names.is_empty()),
        curves: tls.curve_preferences.filter(|names| !names.is_empty()),
        prefers_own_order: tls.prefer_server_cipher_suites.unwrap_or(true),
        http2,
    };
    settings.check()?;
    Ok(Some(settings))
}

impl TlsSettings {
    fn check(&self) -> Result<(), Wrong> {
        use ClientAuth::{No, RequireAndVerify, RequireAny, VerifyIfGiven};
        let (least, most) = self.versions;
        if least > most {
            return Err(self.wrong("min_version is above max_version: no version is left"));
        }
        let has_ca = self.client_ca.is_some();
        if has_ca && self.client_auth == No {
            return Err(self.wrong(
                "client_ca or client_ca_file has no effect without client_auth_type: \
                 RequireAndVerifyClientCert is the safe one",
            ));
        }
        if !has_ca && matches!(self.client_auth, RequireAndVerify | VerifyIfGiven) {
            return Err(self.wrong(
                "client certificates are to be verified, and client_ca or client_ca_file does not \
                 say by what",
            ));
        }
        if self.allowed_sans.is_some() && !matches!(self.client_auth, RequireAny | RequireAndVerify)
        {
            return Err(self.wrong(
                "client_allowed_sans needs client_auth_type RequireAndVerifyClientCert or \
                 RequireAnyClientCert: else a client need not show a certificate",
            ));
        }
        Ok(())
    }
}

/// A path as the file means it.
fn beside(file: &Path, path: &str) -> PathBuf {
    file.parent().unwrap_or(Path::new("")).join(path)
}

/// Headers the toolkit lets one set, and the values they may have; any when there is none.
const HEADERS: [(&str, &[&str]); 5] = [
    ("Content-Security-Policy", &[]),
    ("Strict-Transport-Security", &[]),
    ("X-Content-Type-Options", &["nosniff"]),
    ("X-Frame-Options", &["deny", "sameorigin"]),
    ("X-XSS-Protection", &[]),
];

fn headers(
    path: &Path,
    given: BTreeMap<String, Spanned<Option<String>>>,
) -> Result<Vec<(HeaderName, HeaderValue)>, Wrong> {
    let mut headers = Vec::new();
    for (name, value) in given {
        let wrong = |reason: String| Wrong::new(path, Some(value.referenced.line()), reason);
        let text = value.value.as_deref().unwrap_or_default();
        let known = HEADERS.iter().find(|(known, _)| *known == name);
        let Some((known, allowed)) = known else {
            let names = HEADERS.map(|(known, _)| known).join(", ");
            return Err(wrong(format!(
                "the header `{name}` cannot be set: it must be one of {names}"
            )));
        };
        if !allowed.is_empty() && !allowed.contains(&text) {
            let allowed = allowed.join(" or ");
            return Err(wrong(format!(
                "the header {known} is `{text}`: it must be {allowed}"
            )));
        }
        // Blank is unset.
        if text.is_empty() {
            continue;
        }
        let value = HeaderValue::from_str(text).map_err(|_| {
            wrong(format!(
                "the header {known} has characters in it that no header may have"
            ))
        })?;
        let name =
            HeaderName::from_bytes(known.as_bytes()).map_err(|error| wrong(error.to_string()))?;
        headers.push((name, value));
    }
    Ok(headers)
}

fn users(
    path: &Path,
    given: BTreeMap<String, Spanned<Option<String>>>,
) -> Result<BTreeMap<String, String>, Wrong> {
    let given = given.into_iter().map(|(user, hash)| {
        let line = hash.referenced.line();
        let hash = hash.value.unwrap_or_default();
        match hash.parse::<bcrypt::HashParts>() {
            Ok(parts) if (4..=31).contains(&parts.get_cost()) => Ok((user, hash)),
            // The hash is a secret: it is not repeated.
            _ => Err(Wrong::new(
                path,
                Some(line),
                format!(
                    "the password of `{user}` is no bcrypt hash such as \
                     `htpasswd -nBC 10 \"\"` makes"
                ),
            )),
        }
    });
    given.collect()
}

fn limit(path: &Path, rate: &Spanned<Rate>) -> Result<Option<RateLimit>, Wrong> {
    let interval = rate.value.interval;
    if interval.is_zero() {
        return Ok(None);
    }
    match rate.value.burst.unwrap_or(0) {
        0 => Err(Wrong::new(
            path,
            Some(rate.referenced.line()),
            "rate_limit has an interval and no burst of at least 1: nothing would be answered",
        )),
        burst => Ok(Some(RateLimit { interval, burst })),
    }
}
