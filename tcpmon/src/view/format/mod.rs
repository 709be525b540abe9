//! Numbers, ages, endpoints and foreign text as people read them. Pure.

mod age;
mod number;
mod text;

pub use age::age;
pub use number::{count, rate};
pub(crate) use text::{endpoint_bounded, is_hazardous, pad_left, pad_right, width};
pub use text::{sanitise, sanitise_bounded, sanitise_for};

/// The characters that may be printed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Charset {
    /// All of Unicode.
    #[default]
    Unicode,
    /// Seven bits: on a Latin-1 terminal the bytes of UTF-8 text can be control characters.
    Ascii,
}

impl Charset {
    /// What stands where text was cut.
    pub(crate) const fn ellipsis(self) -> char {
        match self {
            Self::Unicode => '…',
            Self::Ascii => '~',
        }
    }

    /// One of two, the second for [`Charset::Ascii`].
    pub(crate) const fn pick(self, unicode: &'static str, ascii: &'static str) -> &'static str {
        match self {
            Self::Unicode => unicode,
            Self::Ascii => ascii,
        }
    }
}

/// `10.0.0.1:443`, `[::1]:443`; `0.0.0.0:80` and `[::]:80` are any address of their family, of which a
/// process may listen on both. `*` is for no port, and for any address without one: `*:*`.
#[must_use]
pub fn endpoint(address: &str, port: u16) -> String {
    let host = match address {
        "" => "*".to_owned(),
        "0.0.0.0" | "::" if port == 0 => "*".to_owned(),
        v6 if v6.contains(':') => format!("[{}]", sanitise(v6)),
        other => sanitise(other),
    };
    match port {
        0 => format!("{host}:*"),
        port => format!("{host}:{port}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn endpoints() {
        for (address, port, expected) in [
            ("127.0.0.1", 443, "127.0.0.1:443"),
            ("::1", 443, "[::1]:443"),
            ("::ffff:10.0.0.1", 80, "[::ffff:10.0.0.1]:80"),
            ("0.0.0.0", 80, "0.0.0.0:80"),
            ("::", 80, "[::]:80"),
            ("::", 0, "*:*"),
            ("0.0.0.0", 0, "*:*"),
            ("10.0.0.1", 0, "10.0.0.1:*"),
            ("\x1b[2J", 1, "\\x1b[2J:1"),
        ] {
            assert_eq!(endpoint(address, port), expected);
        }
    }
}
