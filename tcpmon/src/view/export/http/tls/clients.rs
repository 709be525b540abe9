//! What is asked of a client's certificate.

use std::net::IpAddr;
use std::sync::Arc;

use rustls::client::danger::HandshakeSignatureValid;
use rustls::crypto::{
    CryptoProvider, WebPkiSupportedAlgorithms, verify_tls12_signature, verify_tls13_signature,
};
use rustls::pki_types::{CertificateDer, UnixTime};
use rustls::server::WebPkiClientVerifier;
use rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use rustls::{DigitallySignedStruct, DistinguishedName, Error, RootCertStore, SignatureScheme};
use x509_parser::extensions::GeneralName;
use x509_parser::prelude::{FromDer as _, X509Certificate};

use super::super::web_config::{ClientAuth, TlsSettings, Wrong};

type Verifier = Arc<dyn ClientCertVerifier>;

/// Who verifies; `None` asks for no certificate.
pub(super) fn verifier(
    settings: &TlsSettings,
    client_ca: Option<&[u8]>,
    provider: &Arc<CryptoProvider>,
) -> Result<Option<Verifier>, Wrong> {
    let any = |is_mandatory| -> Verifier {
        Arc::new(Anybody {
            is_mandatory,
            algorithms: provider.signature_verification_algorithms,
        })
    };
    let verifier = match settings.client_auth {
        ClientAuth::No => return Ok(None),
        ClientAuth::Request => any(false),
        ClientAuth::RequireAny => any(true),
        ClientAuth::VerifyIfGiven => issued(settings, client_ca, provider, false)?,
        ClientAuth::RequireAndVerify => issued(settings, client_ca, provider, true)?,
    };
    Ok(Some(match settings.allowed_sans.clone() {
        None => verifier,
        Some(allowed) => Arc::new(Named {
            inner: verifier,
            allowed,
        }),
    }))
}

/// A certificate of the authority that is configured.
fn issued(
    settings: &TlsSettings,
    client_ca: Option<&[u8]>,
    provider: &Arc<CryptoProvider>,
    is_mandatory: bool,
) -> Result<Verifier, Wrong> {
    let (Some(from), Some(text)) = (&settings.client_ca, client_ca) else {
        return Err(settings.wrong("client_ca or client_ca_file is missing"));
    };
    let mut roots = RootCertStore::empty();
    for certificate in super::certificates(settings, from, text)? {
        roots.add(certificate).map_err(|error| {
            let place = super::shown(from, "client_ca");
            settings.wrong(format!(
                "{place} has a certificate that cannot be used: {error}"
            ))
        })?;
    }
    let builder = WebPkiClientVerifier::builder_with_provider(roots.into(), Arc::clone(provider));
    let builder = match is_mandatory {
        true => builder,
        false => builder.allow_unauthenticated(),
    };
    let verifier = builder.build();
    verifier.map_err(|error| settings.wrong(format!("client_ca cannot be used: {error}")))
}

/// Takes any certificate whose key the client has.
#[derive(Debug)]
struct Anybody {
    is_mandatory: bool,
    algorithms: WebPkiSupportedAlgorithms,
}

impl ClientCertVerifier for Anybody {
    fn client_auth_mandatory(&self) -> bool {
        self.is_mandatory
    }

    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        &[]
    }

    fn verify_client_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: UnixTime,
    ) -> Result<ClientCertVerified, Error> {
        Ok(ClientCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls12_signature(message, certificate, signed, &self.algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls13_signature(message, certificate, signed, &self.algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.algorithms.supported_schemes()
    }
}

/// Wants one of these names as well.
#[derive(Debug)]
struct Named {
    inner: Verifier,
    allowed: Vec<String>,
}

impl ClientCertVerifier for Named {
    fn client_auth_mandatory(&self) -> bool {
        self.inner.client_auth_mandatory()
    }

    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        self.inner.root_hint_subjects()
    }

    fn verify_client_cert(
        &self,
        certificate: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        now: UnixTime,
    ) -> Result<ClientCertVerified, Error> {
        let verified = self
            .inner
            .verify_client_cert(certificate, intermediates, now)?;
        let names = names(certificate);
        if names.iter().any(|name| self.allowed.contains(name)) {
            Ok(verified)
        } else {
            let reason = "the client's certificate has no name of client_allowed_sans";
            Err(Error::General(reason.into()))
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.inner
            .verify_tls12_signature(message, certificate, signed)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.inner
            .verify_tls13_signature(message, certificate, signed)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.inner.supported_verify_schemes()
    }
}

/// The subject alternative names of a certificate: DNS names, mail addresses, IP addresses, URIs. None
/// when it cannot be read.
fn names(certificate: &CertificateDer<'_>) -> Vec<String> {
    let Ok((_, certificate)) = X509Certificate::from_der(certificate) else {
        return Vec::new();
    };
    let Ok(Some(extension)) = certificate.subject_alternative_name() else {
        return Vec::new();
    };
    let names = extension.value.general_names.iter();
    names.filter_map(name).collect()
}

fn name(name: &GeneralName<'_>) -> Option<String> {
    match name {
        GeneralName::DNSName(name) | GeneralName::RFC822Name(name) | GeneralName::URI(name) => {
            Some((*name).to_owned())
        }
        GeneralName::IPAddress(bytes) => address(bytes).map(|address| address.to_string()),
        _ => None,
    }
}

fn address(bytes: &[u8]) -> Option<IpAddr> {
    <[u8; 4]>::try_from(bytes)
        .map(IpAddr::from)
        .or_else(|_| <[u8; 16]>::try_from(bytes).map(IpAddr::from))
        .ok()
}
