//! Versions, cipher suites and curves by the names Go has for them.

use rustls::{CipherSuite as Suite, NamedGroup};
use serde::de::Error as _;
use serde::{Deserialize, Deserializer};

/// A version of TLS.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(in super::super) enum Version {
    /// TLS 1.2.
    Tls12,
    /// TLS 1.3.
    Tls13,
}

impl<'de> Deserialize<'de> for Version {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let name = String::deserialize(from)?;
        match name.as_str() {
            "TLS12" => Ok(Self::Tls12),
            "TLS13" => Ok(Self::Tls13),
            "TLS10" | "TLS11" => Err(D::Error::custom(format!(
                "{name} is not supported here, because it is broken: the least is TLS12"
            ))),
            _ => Err(D::Error::custom(format!(
                "`{name}` is no version of TLS: TLS12 and TLS13 are"
            ))),
        }
    }
}

/// A cipher suite.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in super::super) struct CipherSuite(Suite);

impl CipherSuite {
    /// As the library has it.
    pub(super) const fn suite(self) -> Suite {
        self.0
    }
}

/// Those that can be had. Those of TLS 1.3 are always allowed, as in Go, and may be named.
const SUITES: [(&str, Suite); 9] = [
    ("TLS_AES_128_GCM_SHA256", Suite::TLS13_AES_128_GCM_SHA256),
    ("TLS_AES_256_GCM_SHA384", Suite::TLS13_AES_256_GCM_SHA384),
    (
        "TLS_CHACHA20_POLY1305_SHA256",
        Suite::TLS13_CHACHA20_POLY1305_SHA256,
    ),
    (
        "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256",
        Suite::TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256,
    ),
    (
        "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256",
        Suite::TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256,
    ),
    (
        "TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384",
        Suite::TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384,
    ),
    (
        "TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384",
        Suite::TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384,
    ),
    (
        "TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256",
        Suite::TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256,
    ),
    (
        "TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256",
        Suite::TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256,
    ),
];

impl<'de> Deserialize<'de> for CipherSuite {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let name = String::deserialize(from)?;
        if let Some((_, suite)) = SUITES.iter().find(|(known, _)| *known == name) {
            return Ok(Self(*suite));
        }
        let reason = if name.starts_with("TLS_RSA_WITH_") {
            "it exchanges keys by RSA, without forward secrecy"
        } else if name.contains("_CBC_") || name.ends_with("_CBC_SHA") {
            "it uses CBC"
        } else {
            let names = SUITES.map(|(known, _)| known).join(", ");
            return Err(D::Error::custom(format!(
                "`{name}` is no cipher suite; these are: {names}"
            )));
        };
        Err(D::Error::custom(format!(
            "{name} is not supported here, because {reason}: take one with ECDHE and GCM or CHACHA20"
        )))
    }
}

/// A group for the exchange of keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in super::super) struct Curve(NamedGroup);

impl Curve {
    /// As the library has it.
    pub(super) const fn group(self) -> NamedGroup {
        self.0
    }
}

const CURVES: [(&str, NamedGroup); 3] = [
    ("X25519", NamedGroup::X25519),
    ("CurveP256", NamedGroup::secp256r1),
    ("CurveP384", NamedGroup::secp384r1),
];

impl<'de> Deserialize<'de> for Curve {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let name = String::deserialize(from)?;
        if let Some((_, group)) = CURVES.iter().find(|(known, _)| *known == name) {
            return Ok(Self(*group));
        }
        let names = CURVES.map(|(known, _)| known).join(", ");
        Err(D::Error::custom(match name.as_str() {
            "CurveP521" => format!("CurveP521 is not supported here: take one of {names}"),
            _ => format!("`{name}` is no curve: {names} are"),
        }))
    }
}
