//! Certificates and keys, in files.

use std::fs;
use std::path::PathBuf;

use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    SanType,
};
use tempfile::TempDir;

/// Who signs.
pub(super) struct Authority {
    issuer: Issuer<'static, KeyPair>,
    pem: String,
}

impl Authority {
    pub(super) fn new(name: &str) -> Self {
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.distinguished_name.push(DnType::CommonName, name);
        let key = KeyPair::generate().unwrap();
        let pem = params.self_signed(&key).unwrap().pem();
        let issuer = Issuer::new(params, key);
        Self { issuer, pem }
    }

    pub(super) fn pem(&self) -> &str {
        &self.pem
    }

    /// A certificate and its key, in PEM.
    fn sign(&self, names: &[SanType], usage: ExtendedKeyUsagePurpose) -> (String, String) {
        let mut params = CertificateParams::default();
        params.subject_alt_names = names.to_vec();
        params.extended_key_usages = vec![usage];
        let key = KeyPair::generate().unwrap();
        let certificate = params.signed_by(&key, &self.issuer).unwrap();
        (certificate.pem(), key.serialize_pem())
    }
}

/// A directory with `ca.pem`, and `.pem` and `.key` of `server`, `client` and `foreign`, which another
/// authority has signed.
pub(super) struct Papers(TempDir);

impl Papers {
    pub(super) fn new() -> Self {
        let papers = Self(TempDir::new().unwrap());
        let ours = Authority::new("ours");
        fs::write(papers.path("ca.pem"), ours.pem()).unwrap();
        papers.serve_as(&ours);
        let name = |name: &str| SanType::DnsName(name.try_into().unwrap());
        let names = [
            name("scraper.example"),
            SanType::IpAddress("192.0.2.7".parse().unwrap()),
            SanType::IpAddress("2001:db8::7".parse().unwrap()),
            SanType::Rfc822Name("ops@example.org".try_into().unwrap()),
            SanType::URI("spiffe://example.org/scraper".try_into().unwrap()),
        ];
        let usage = ExtendedKeyUsagePurpose::ClientAuth;
        papers.keep("client", &ours.sign(&names, usage.clone()));
        papers.keep("foreign", &Authority::new("foreign").sign(&names, usage));
        papers
    }

    fn keep(&self, name: &str, (certificate, key): &(String, String)) {
        fs::write(self.path(&format!("{name}.pem")), certificate).unwrap();
        fs::write(self.path(&format!("{name}.key")), key).unwrap();
    }

    /// The server shows a new certificate of `authority` from now on.
    pub(super) fn serve_as(&self, authority: &Authority) {
        let address = SanType::IpAddress("127.0.0.1".parse().unwrap());
        let papers = authority.sign(&[address], ExtendedKeyUsagePurpose::ServerAuth);
        self.keep("server", &papers);
    }

    pub(super) fn path(&self, name: &str) -> String {
        let path: PathBuf = self.0.path().join(name);
        path.to_str().unwrap().to_owned()
    }

    /// The configuration with this text.
    pub(super) fn config(&self, text: &str) -> PathBuf {
        let path = self.0.path().join("web.yml");
        fs::write(&path, text).unwrap();
        path
    }
}
