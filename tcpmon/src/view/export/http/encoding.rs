//! In which form an answer is sent: as it is, or compressed with gzip.

use std::io::{self, Write as _};

use axum::http::{HeaderMap, header};
use flate2::Compression;
use flate2::write::GzEncoder;

/// A form of the same text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Coding {
    /// As it is.
    Identity,
    /// gzip (RFC 1952).
    Gzip,
}

impl Coding {
    /// What the client wants most, by RFC 9110 section 12.5.3; `None` when it wants neither.
    pub(super) fn wanted(headers: &HeaderMap) -> Option<Self> {
        let values = headers.get_all(header::ACCEPT_ENCODING).iter();
        let values: Vec<&str> = values.filter_map(|value| value.to_str().ok()).collect();
        if values.is_empty() {
            return Some(Self::Identity);
        }
        let (mut gzip, mut identity, mut other) = (None, None, None);
        for word in values.iter().flat_map(|value| value.split(',')) {
            let (name, weight) = weighted(word);
            let place = match name.to_ascii_lowercase().as_str() {
                "gzip" | "x-gzip" => &mut gzip,
                "identity" => &mut identity,
                "*" => &mut other,
                _ => continue,
            };
            *place = Some(weight);
        }
        let gzip = gzip.or(other).unwrap_or(0);
        // What is not mentioned is allowed, and wanted least.
        let identity = identity.or(other);
        match (gzip, identity) {
            (0, Some(0)) => None,
            (0, _) => Some(Self::Identity),
            (gzip, Some(identity)) if identity > gzip => Some(Self::Identity),
            _ => Some(Self::Gzip),
        }
    }

    /// `text` in this form. Level 1: a large scrape is compressed to a ninth in 9 ms; level 6 takes
    /// eleven times as long for a fourteenth.
    ///
    /// # Errors
    ///
    /// There is no memory.
    pub(super) fn encode(self, text: &[u8]) -> io::Result<Vec<u8>> {
        match self {
            Self::Identity => Ok(text.to_vec()),
            Self::Gzip => {
                let room = Vec::with_capacity(text.len() / 8);
                let mut encoder = GzEncoder::new(room, Compression::fast());
                encoder.write_all(text)?;
                encoder.finish()
            }
        }
    }
}

/// A word of the header: its name, and its weight in thousandths. A weight that cannot be read is none.
fn weighted(word: &str) -> (&str, u32) {
    let mut parts = word.split(';');
    let name = parts.next().unwrap_or_default().trim();
    let last = parts.rev().find_map(|part| {
        let (key, value) = part.split_once('=')?;
        key.trim().eq_ignore_ascii_case("q").then_some(value.trim())
    });
    let weight = last.map_or(1000, |value| {
        let weight: f32 = value.parse().unwrap_or(0.0);
        if (0.0..=1.0).contains(&weight) {
            (weight * 1000.0) as u32
        } else {
            0
        }
    });
    (name, weight)
}

#[cfg(test)]
mod tests {
    use std::io::Read as _;

    use super::*;

    fn wanted(values: &[&str]) -> Option<Coding> {
        let mut headers = HeaderMap::new();
        for value in values {
            headers.append(header::ACCEPT_ENCODING, value.parse().unwrap());
        }
        Coding::wanted(&headers)
    }

    #[test]
    fn the_weights_decide() {
        use Coding::{Gzip, Identity};
        for (value, expected) in [
            ("gzip", Some(Gzip)),
            ("GZIP", Some(Gzip)),
            ("x-gzip", Some(Gzip)),
            ("gzip, deflate, br, zstd", Some(Gzip)),
            ("deflate, br", Some(Identity)),
            ("", Some(Identity)),
            ("*", Some(Gzip)),
            ("gzip;q=0", Some(Identity)),
            ("gzip;q=0.000", Some(Identity)),
            ("gzip ; q = 0.001", Some(Gzip)),
            ("*;q=0", None),
            ("identity;q=0", None),
            ("identity;q=0, gzip", Some(Gzip)),
            ("*;q=0, gzip;q=0.1", Some(Gzip)),
            ("*;q=0, identity", Some(Identity)),
            ("gzip;q=0.5, identity;q=0.8", Some(Identity)),
            ("gzip;q=0.8, identity;q=0.5", Some(Gzip)),
            ("gzip, identity", Some(Gzip)),
            ("gzip;q=2", Some(Identity)),
            ("gzip;q=-1", Some(Identity)),
            ("gzip;q=NaN", Some(Identity)),
            ("gzip;q=x", Some(Identity)),
            ("gzip;level=9", Some(Gzip)),
        ] {
            assert_eq!(wanted(&[value]), expected, "{value}");
        }
        assert_eq!(wanted(&[]), Some(Identity));
        assert_eq!(wanted(&["br", "gzip"]), Some(Gzip));
    }

    #[test]
    fn what_is_compressed_comes_back() {
        let text = b"tcpmon_sockets{state=\"LISTEN\"} 12\n".repeat(1000);
        let bytes = Coding::Gzip.encode(&text).unwrap();
        assert!(bytes.len() < text.len() / 10);
        let mut back = Vec::new();
        flate2::read::GzDecoder::new(bytes.as_slice())
            .read_to_end(&mut back)
            .unwrap();
        assert_eq!(back, text);
        assert_eq!(Coding::Identity.encode(&text).unwrap(), text);
    }
}
