//! How to get in: a file in the format of Prometheus' `http_config`, the one that `promtool
//! --http.config.file` takes. What is not offered is refused, never overlooked.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context as _, anyhow};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hyper::header::HeaderValue;
use hyper_rustls::{FixedServerNameResolver, HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::connect::HttpConnector;
use rustls::crypto::ring;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use serde::Deserialize;

use crate::failure::Failure;

/// The file.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct HttpConfig {
    basic_auth: Option<BasicAuth>,
    authorization: Option<Authorization>,
    bearer_token: Option<String>,
    bearer_token_file: Option<PathBuf>,
    #[serde(default)]
    tls_config: TlsConfig,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct BasicAuth {
    username: Option<String>,
    username_file: Option<PathBuf>,
    password: Option<String>,
    password_file: Option<PathBuf>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Authorization {
    #[serde(default = "bearer", rename = "type")]
    kind: String,
    credentials: Option<String>,
    credentials_file: Option<PathBuf>,
}

fn bearer() -> String {
    "Bearer".to_owned()
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct TlsConfig {
    ca_file: Option<PathBuf>,
    cert_file: Option<PathBuf>,
    key_file: Option<PathBuf>,
    server_name: Option<String>,
}

impl HttpConfig {
    /// Reads the file. Paths in it are relative to its directory.
    pub(super) fn read(path: &Path) -> anyhow::Result<Self> {
        let refused = |why: String| {
            let path = path.display();
            anyhow!(Failure::usage(format!("--prometheus.config {path}: {why}")))
        };
        let text = fs::read_to_string(path).map_err(|error| refused(error.to_string()))?;
        let mut config = Self::parse(&text).map_err(refused)?;
        let directory = path.parent().unwrap_or(Path::new(""));
        for path in config.paths() {
            *path = directory.join(&*path);
        }
        // Now, not when the first answer is due.
        config.authorization().map_err(refused)?;
        Ok(config)
    }

    /// Decodes the text of a file. An error is one sentence.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let config: Option<Self> = serde_saphyr::from_str(text).map_err(|error| {
            let first = error.to_string();
            first.lines().next().unwrap_or_default().to_owned()
        })?;
        let config = config.unwrap_or_default();
        config.check()?;
        Ok(config)
    }

    fn check(&self) -> Result<(), String> {
        let ways = [
            self.basic_auth.is_some(),
            self.authorization.is_some(),
            self.bearer_token.is_some(),
            self.bearer_token_file.is_some(),
        ];
        if ways.into_iter().filter(|is_given| *is_given).count() > 1 {
            return Err(
                "more than one of basic_auth, authorization, bearer_token and bearer_token_file: \
                 keep one"
                    .to_owned(),
            );
        }
        let tls = &self.tls_config;
        if tls.cert_file.is_some() != tls.key_file.is_some() {
            return Err("tls_config: cert_file and key_file go together".to_owned());
        }
        Ok(())
    }

    fn paths(&mut self) -> impl Iterator<Item = &mut PathBuf> {
        let basic = self.basic_auth.iter_mut();
        let basic = basic.flat_map(|it| [&mut it.username_file, &mut it.password_file]);
        let other = self.authorization.iter_mut();
        let other = other.map(|it| &mut it.credentials_file);
        let tls = &mut self.tls_config;
        let tls = [&mut tls.ca_file, &mut tls.cert_file, &mut tls.key_file];
        let all = basic.chain(other).chain(tls);
        all.chain([&mut self.bearer_token_file]).flatten()
    }

    /// The value of the `Authorization` header, if one is wanted.
    pub(super) fn authorization(&self) -> Result<Option<HeaderValue>, String> {
        let text = if let Some(basic) = &self.basic_auth {
            let user = secret("username", &basic.username, &basic.username_file)?;
            let password = secret("password", &basic.password, &basic.password_file)?;
            format!("Basic {}", STANDARD.encode(format!("{user}:{password}")))
        } else if let Some(it) = &self.authorization {
            let credentials = secret("credentials", &it.credentials, &it.credentials_file)?;
            format!("{} {credentials}", it.kind)
        } else if self.bearer_token.is_some() || self.bearer_token_file.is_some() {
            let (token, file) = (&self.bearer_token, &self.bearer_token_file);
            format!("Bearer {}", secret("bearer_token", token, file)?)
        } else {
            return Ok(None);
        };
        let value = HeaderValue::try_from(text);
        let mut value =
            value.map_err(|_| "the credentials have a line break in them".to_owned())?;
        value.set_sensitive(true);
        Ok(Some(value))
    }

    /// What makes connections, with TLS where the URL says so.
    pub(super) fn connector(&self) -> anyhow::Result<HttpsConnector<HttpConnector>> {
        let tls = &self.tls_config;
        let config = tls.client().map_err(|error| {
            Failure::usage(format!("--prometheus.config: tls_config: {error:#}"))
        })?;
        let builder = HttpsConnectorBuilder::new()
            .with_tls_config(config)
            .https_or_http();
        let Some(name) = &tls.server_name else {
            return Ok(builder.enable_http1().build());
        };
        let name = ServerName::try_from(name.clone()).map_err(|error| {
            Failure::usage(format!(
                "--prometheus.config: tls_config: server_name: {error}"
            ))
        })?;
        let resolver = FixedServerNameResolver::new(name);
        let builder = builder.with_server_name_resolver(resolver);
        Ok(builder.enable_http1().build())
    }
}

/// What is written there, or what the file has, without the line break at its end.
fn secret(what: &str, text: &Option<String>, file: &Option<PathBuf>) -> Result<String, String> {
    match (text, file) {
        (Some(_), Some(_)) => Err(format!("both {what} and {what}_file: keep one")),
        (Some(text), None) => Ok(text.clone()),
        (None, Some(path)) => {
            let text = fs::read_to_string(path);
            let text = text.map_err(|error| format!("cannot read {}: {error}", path.display()))?;
            Ok(text.trim().to_owned())
        }
        (None, None) if what == "password" => Ok(String::new()),
        (None, None) => Err(format!("there is no {what}")),
    }
}

impl TlsConfig {
    fn client(&self) -> anyhow::Result<ClientConfig> {
        let builder = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()?
            .with_root_certificates(self.roots()?);
        let (Some(cert), Some(key)) = (&self.cert_file, &self.key_file) else {
            return Ok(builder.with_no_client_auth());
        };
        let chain = certificates(cert)?;
        let key = PrivateKeyDer::from_pem_file(key)
            .with_context(|| format!("cannot read a key from {}", key.display()))?;
        builder
            .with_client_auth_cert(chain, key)
            .context("the certificate and the key do not fit")
    }

    /// Whom to believe: the named authority alone, or those that the machine believes.
    fn roots(&self) -> anyhow::Result<RootCertStore> {
        let mut roots = RootCertStore::empty();
        match &self.ca_file {
            Some(path) => {
                for certificate in certificates(path)? {
                    roots
                        .add(certificate)
                        .with_context(|| format!("{} has no authority", path.display()))?;
                }
            }
            // A machine without any can still be asked for a URL with http.
            None => {
                roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
            }
        }
        Ok(roots)
    }
}

fn certificates(path: &Path) -> anyhow::Result<Vec<CertificateDer<'static>>> {
    let read = || format!("cannot read certificates from {}", path.display());
    let certificates = CertificateDer::pem_file_iter(path).with_context(read)?;
    let certificates: Vec<_> = certificates.collect::<Result<_, _>>().with_context(read)?;
    if certificates.is_empty() {
        return Err(anyhow!("there is none")).with_context(read);
    }
    Ok(certificates)
}
