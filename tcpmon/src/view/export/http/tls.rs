//! TLS as the settings want it.

mod clients;
pub(super) mod names;

use std::sync::Arc;

use rustls::ServerConfig;
use rustls::crypto::{CryptoProvider, ring};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::NoServerSessionStorage;

use self::names::Version;
use super::web_config::{Pem, TlsPem, TlsSettings, Wrong};

/// The configuration of a server with these settings.
///
/// # Errors
///
/// A certificate or key is none, they do not belong together, or nothing that the settings allow is left.
pub(super) fn config(settings: &TlsSettings, pem: &TlsPem) -> Result<ServerConfig, Wrong> {
    let provider = Arc::new(provider(settings));
    let versions = versions(settings.versions);
    let builder = ServerConfig::builder_with_provider(Arc::clone(&provider))
        .with_protocol_versions(&versions)
        .map_err(|error| {
            settings.wrong(format!(
                "cipher_suites, curve_preferences, min_version and max_version leave nothing to agree \
                 on: {error}"
            ))
        })?;
    let verifier = clients::verifier(settings, pem.client_ca.as_deref(), &provider)?;
    let builder = match verifier {
        Some(verifier) => builder.with_client_cert_verifier(verifier),
        None => builder.with_no_client_auth(),
    };
    let certificates = certificates(settings, &settings.certificate, &pem.certificate)?;
    let key = PrivateKeyDer::from_pem_slice(&pem.key).map_err(|error| {
        let place = shown(&settings.key, "key");
        settings.wrong(format!(
            "{place} has no private key that can be used: {error}"
        ))
    })?;
    let mut config = builder
        .with_single_cert(certificates, key)
        .map_err(|error| {
            let (certificate, key) = (
                shown(&settings.certificate, "cert"),
                shown(&settings.key, "key"),
            );
            settings.wrong(format!(
                "{certificate} and {key} cannot be used together: {error}"
            ))
        })?;
    config.ignore_client_order = settings.prefers_own_order;
    config.alpn_protocols = match settings.http2 {
        true => vec![b"h2".to_vec(), b"http/1.1".to_vec()],
        false => vec![b"http/1.1".to_vec()],
    };
    // A client certificate is looked at for every connection: nothing is resumed.
    config.session_storage = Arc::new(NoServerSessionStorage {});
    config.send_tls13_tickets = 0;
    Ok(config)
}

/// What there is to agree on.
fn provider(settings: &TlsSettings) -> CryptoProvider {
    let mut provider = ring::default_provider();
    if let Some(chosen) = &settings.cipher_suites {
        let all = std::mem::take(&mut provider.cipher_suites);
        // As Go has it, the list is about TLS 1.2 alone.
        let modern = all.iter().filter(|suite| suite.tls13().is_some());
        let named = chosen.iter().filter_map(|name| {
            all.iter()
                .find(|suite| suite.tls13().is_none() && suite.suite() == name.suite())
        });
        provider.cipher_suites = modern.chain(named).copied().collect();
    }
    if let Some(chosen) = &settings.curves {
        let all = std::mem::take(&mut provider.kx_groups);
        let named = chosen
            .iter()
            .filter_map(|name| all.iter().find(|group| group.name() == name.group()));
        provider.kx_groups = named.copied().collect();
    }
    provider
}

fn versions((least, most): (Version, Version)) -> Vec<&'static rustls::SupportedProtocolVersion> {
    let all = [
        (Version::Tls12, &rustls::version::TLS12),
        (Version::Tls13, &rustls::version::TLS13),
    ];
    let between = all
        .into_iter()
        .filter(|(version, _)| (least..=most).contains(version));
    between.map(|(_, version)| version).collect()
}

fn certificates(
    settings: &TlsSettings,
    from: &Pem,
    text: &[u8],
) -> Result<Vec<CertificateDer<'static>>, Wrong> {
    let place = || shown(from, "the text");
    let certificates: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(text).collect();
    let certificates =
        certificates.map_err(|error| settings.wrong(format!("{}: {error}", place())))?;
    if certificates.is_empty() {
        return Err(settings.wrong(format!("{} has no certificate in it", place())));
    }
    Ok(certificates)
}

/// Where something is, for a sentence.
fn shown(pem: &Pem, inline: &str) -> String {
    match pem {
        Pem::Inline(_) => inline.to_owned(),
        Pem::At(path) => path.display().to_string(),
    }
}
